"""A library that is missing: one sentence that names the extra, from the package and from the command."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from xact._extras import DISTRIBUTION, EXTRAS, needs

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
# Import it without these libraries: the extra that the sentence names.
MODULES = [
    ("xact.plotting", ["numpy"], "plot"),
    ("xact.plotting", ["numpy", "matplotlib"], "plot"),
    ("xact.plotting", ["matplotlib"], "plot"),
    ("xact.analysis", ["numpy"], "numpy"),
    ("xact.testing", ["numpy"], "testing"),
    ("xact.testing", ["mpmath"], "testing"),
    ("xact.testing", ["flint"], "testing"),
    ("xact.testing", ["ml_dtypes"], "testing"),
    ("xact.testing", ["mpmath", "flint", "ml_dtypes"], "testing"),
    ("xact.nn", ["torch"], "torch"),
    ("xact.nn.init", ["torch"], "torch"),
]
COMMANDS = [
    ("plot gelu", ["numpy", "matplotlib"], "plot"),
    ("plot gelu", ["matplotlib"], "plot"),
    ("data gelu", ["numpy"], "numpy"),
    ("check relu", ["numpy"], "testing"),
    ("check relu", ["mpmath"], "testing"),
    ("check relu", ["flint"], "testing"),
    ("check relu --backend jax", ["jax"], "jax"),
    ("check relu --backend torch", ["torch"], "torch"),
]


def without(libraries: list[str], code: str) -> subprocess.CompletedProcess[str]:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({libraries!r}))\n"
    return subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("module", "libraries", "extra"), MODULES)
def test_a_module(module: str, libraries: list[str], extra: str) -> None:
    last = without(libraries, f"import {module}").stderr.splitlines()[-1]
    missing = [EXTRAS[extra][library] for library in libraries]
    assert last.startswith(f"ImportError: {module if module != 'xact.nn.init' else 'xact.nn'} needs {missing[0]}")
    assert all(library in last for library in missing)
    assert last.endswith(f': pip install "xact-activations[{extra}]"')


@pytest.mark.parametrize(("line", "libraries", "extra"), COMMANDS)
def test_a_command(line: str, libraries: list[str], extra: str) -> None:
    if extra in ("jax", "testing"):
        pytest.importorskip("flint")
    done = without(libraries, f"from xact.__main__ import main; sys.exit(main({line.split()!r}))")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("xact: ") and done.stderr.count("\n") == 1
    assert done.stderr.endswith(f': pip install "xact-activations[{extra}]"\n')


def test_keras() -> None:
    last = without(["keras"], "import xact; xact.compat.register_keras()").stderr.splitlines()[-1]
    assert last == "ImportError: register_keras needs keras; pip install keras"


def test_what_needs_no_library() -> None:
    code = "from xact.__main__ import main; [main(line.split()) for line in ('list', 'show gelu', 'explain gelu')]"
    done = without(["numpy", "torch", "jax", "matplotlib", "flint", "mpmath"], code)
    assert done.returncode == 0 and done.stderr == "" and "xact.gelu" in done.stdout


def test_a_number_becomes_a_scalar_of_numpy() -> None:
    last = without(["numpy"], "import xact; xact.gelu(1.0)").stderr.splitlines()[-1]
    assert last == 'ImportError: gelu of a number needs numpy: pip install "xact-activations[numpy]"'


@pytest.mark.needs("torch")
def test_arrays_of_torch_need_no_other_library() -> None:
    done = without(["numpy", "jax", "matplotlib"], "import torch, xact; print(xact.relu(torch.ones(1)).item())")
    assert done.stdout == "1.0\n" and done.returncode == 0


@pytest.mark.needs("torch")
def test_the_figure_of_a_monitor() -> None:
    code = """
import torch, xact.nn
model = torch.nn.Sequential(torch.nn.ReLU())
with xact.nn.monitor(model, every=1) as seen:
    model(torch.ones(2, 3))
seen.plot()
"""
    assert without(["matplotlib"], code).stderr.endswith('needs matplotlib: pip install "xact-activations[plot]"\n')


def test_what_is_there_and_broken_speaks_for_itself() -> None:
    with pytest.raises(ImportError, match="undefined symbol"), needs("xact.plotting", "plot"):
        raise ImportError("undefined symbol", name="somewhere_else")


def test_the_extras_are_those_of_the_metadata() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    for extra, libraries in EXTRAS.items():
        # matplotlib brings NumPy.
        wanted = {*libraries.values()} - ({"numpy"} if extra == "plot" else set())
        assert {line.partition(">")[0] for line in PROJECT["optional-dependencies"][extra]} == wanted
    for libraries in EXTRAS.values():
        for module in libraries:
            assert importlib.util.find_spec(module) is None or importlib.import_module(module)
