"""Which array libraries are tested: `pytest --backends numpy,jax`; without the option, those installed."""

import gc
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from itertools import compress
from pathlib import Path

import cases
import pytest

import xact

LIBRARIES = ("numpy", "jax", "torch")
HERE = Path(__file__).parent
NO_COMPILER = "torch.compile needs a C++ compiler here: install g++, or name one in CXX"


def pytest_addoption(parser: pytest.Parser) -> None:
    size = parser.getgroup("size").addoption
    size("--every", action="store_true", help="transforms of every activation, not of representatives")
    size("--quick", action="store_true", help="the simplest case of representatives, and nothing slow")
    parser.addoption("--backends", help=f"array libraries to test, of {','.join(LIBRARIES)}; default: those installed")


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Threads of one process would wait for those of the other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    config.addinivalue_line(
        "markers",
        "by_kind(simplest=False, together=2): depends on so many properties of an activation's kind; all with --every",
    )
    config.addinivalue_line("markers", "needs(*libraries): skipped unless all of them are tested")
    if "jax" in selected(config):
        import jax

        # Without it JAX has no float64: it would compute in float32 what the tests give in float64.
        jax.config.update("jax_enable_x64", True)


def pytest_collection_finish() -> None:
    # Tens of thousands of tests that no collection of garbage has to look at again, nor often at the traces of JAX.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The folder with_LIBRARY is left out with the library, which its modules import."""
    inside = collection_path.is_relative_to(HERE) and collection_path.relative_to(HERE).parts
    return True if inside and inside[0].removeprefix("with_") in _left_out(config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip a test marked as in need of a library left out, or has its name, alone or in a tuple, as parameter."""
    if not config.getoption("--every"):
        quick = config.getoption("--quick")

        def is_left_out(item: pytest.Item) -> bool:
            marks = {mark.name: mark for mark in item.iter_markers()}
            if quick and "slow" in marks:
                return True
            if not quick and "by_kind" not in marks:
                return False
            given = marks["by_kind"].kwargs if "by_kind" in marks else {}
            if (quick or given.get("simplest")) and _is_varied(item):
                return True
            return not _is_of(item, cases.representatives(given.get("together", 2)))

        repeats = [is_left_out(item) for item in items]
        config.hook.pytest_deselected(items=list(compress(items, repeats)))
        items[:] = [item for item, repeated in zip(items, repeats, strict=True) if not repeated]
    left_out = _left_out(config)
    for item in items:
        named = [name for mark in item.iter_markers("needs") for name in mark.args]
        for value in item.callspec.params.values() if hasattr(item, "callspec") else ():
            named += value if isinstance(value, tuple) else [value]
        for name in left_out.intersection(value for value in named if isinstance(value, str)):
            item.add_marker(pytest.mark.skip(reason=f"{name} is not tested"))


def _is_varied(item: pytest.Item) -> bool:
    """Whether a test is of a case with other arguments than the simplest."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(isinstance(value, cases.Case) and value.label for value in given)


def _is_of(item: pytest.Item, names: frozenset[str]) -> bool:
    """Whether a test's parameter is one of these activations or a case of one, or no activation."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    found = [getattr(value, "activation", value) for value in given.values()]
    activations = {one.name for one in found if isinstance(one, xact.Activation)}
    # Other names are those of functions that are no activation.
    activations |= {one for key, one in given.items() if key == "name" and one in xact.names()}
    return activations <= names


@pytest.fixture(autouse=True)
def seeded() -> None:
    """PyTorch's own samples and layers draw from its global generator: the same numbers in every run."""
    if "torch" in sys.modules:
        # torch.manual_seed also notes for CUDA where it was called, which takes a hundred times as long.
        sys.modules["torch"].default_generator.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def without_compiler(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where there is no C++ compiler, a test is skipped as soon as `torch.compile` asks for one, and says so.

    Not where the tests run unattended: there its absence is an error.
    """
    default = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    absent = shutil.which(os.environ.get("CXX", default)) is None
    if not absent or "torch" not in selected(request.config) or "CI" in os.environ:
        yield
        return
    from torch._inductor import cpp_builder, exc

    search = cpp_builder.cpp_compiler_search

    def skipping(commands: tuple[str | None, ...]) -> str:
        try:
            return search(commands)
        except exc.InvalidCxxCompiler:
            pytest.skip(NO_COMPILER)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpp_builder, "cpp_compiler_search", skipping)
        yield


@pytest.fixture(scope="session")
def libraries(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The array libraries that are tested."""
    return selected(request.config)


@pytest.fixture
def own_catalogue() -> Iterator[None]:
    """Definitions made by a test leave the catalogue with it."""
    from xact import backends
    from xact._activation import catalogue

    before, known = dict(catalogue), dict(backends.definitions)
    yield
    for now, then in ((catalogue, before), (backends.definitions, known)):
        now.clear()
        now.update(then)


def selected(config: pytest.Config) -> tuple[str, ...]:
    """The libraries to test. One that is asked for and not installed is an error, not a skipped test."""
    option = config.getoption("--backends")
    if option is None:
        return tuple(name for name in LIBRARIES if _installed(name))
    names = tuple(option.split(","))
    for name in names:
        if name not in LIBRARIES or not _installed(name):
            raise pytest.UsageError(f"--backends: {name!r} is not installed, or none of {', '.join(LIBRARIES)}")
    return names


def _installed(name: str) -> bool:
    found = importlib.util.find_spec(name)
    # Without the library its folder of tests is found, as a package without code.
    return found is not None and found.origin is not None


def _left_out(config: pytest.Config) -> set[str]:
    return set(LIBRARIES) - set(selected(config))
