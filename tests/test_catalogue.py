"""The catalogue as a whole: one place per activation, complete entries, declared kinks (C4)."""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest

import xact
from xact._activation import catalogue

pytestmark = pytest.mark.needs("numpy")

HOME = Path(xact.__file__).parent
EVERY = [xact.get(name) for name in xact.names()]
LIBRARIES = re.compile(r"(?i)\b(numpy|torch|jax|mlx|cupy|tensorflow|dask)\b")
PURE = [HOME / "_activation.py", *(HOME / "activations").glob("*.py"), *(HOME / "special").glob("*.py")]


# One place


def words(tree: ast.AST) -> Iterator[str]:
    """Every name and text that a program consists of; its documentation, which may compare, apart."""
    expressions = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    documentation = [node for node in expressions if isinstance(node, ast.Constant)]
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, str) and node not in documentation:
                yield value


@pytest.mark.parametrize("file", PURE, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_definitions_name_no_library(file: Path) -> None:
    named = [word for word in words(ast.parse(file.read_text())) if LIBRARIES.search(word) and "arXiv" not in word]
    assert named == []


def test_the_search_for_names_finds_them() -> None:
    for code in ("import numpy as np", "from torch import nn", "x.torch", "f(jax=1)", "f('of torch')", "def jax(): 0"):
        assert [word for word in words(ast.parse(code)) if LIBRARIES.search(word)], code
    assert not list(words(ast.parse('"""As torch does."""')))


@pytest.mark.parametrize("file", sorted(HOME.rglob("*.py")), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_nothing_lists_the_activations(file: Path) -> None:
    """Code outside the definitions may know some activation, such as one with a kernel of its own; none knows all."""
    if file.parent.name not in ("activations", "special"):
        assert len(set(xact.names()).intersection(words(ast.parse(file.read_text())))) < len(EVERY) / 2


OWN = '''"""Written by a user."""

import xact


@xact.activation(tex=r"x^2 \\\\sigma(x)", paper="Own")
def square_gate(x, /, power=1.0, *, xp):
    """A square with a gate."""
    return power * x * x * xp.sigmoid(x)


@square_gate.derivative
def _(x, power, xp):
    return power * (2 * x * xp.sigmoid(x) + x * x * xp.logistic_pdf(x))
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_catalogue: None) -> Iterator[Any]:
    (tmp_path / "written_by_a_user.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("written_by_a_user").square_gate
    del sys.modules["written_by_a_user"]


def expected(x: np.ndarray, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    s = 1 / (1 + np.exp(-x))
    return power * x * x * s, power * (2 * x * s + x * x * s * (1 - s))


X = np.linspace(-3, 3, 13)


def test_a_definition_is_enough_for_numpy(own: Any) -> None:
    value, slope = expected(X, 1.5)
    np.testing.assert_allclose(own(X, 1.5), value, rtol=1e-14)
    np.testing.assert_allclose(xact.derivative(own)(X, 1.5), slope, rtol=1e-13)
    np.testing.assert_allclose(xact.vjp(own, X, power=1.5)[1](X)[0], slope * X, rtol=1e-13)
    large = np.resize(X, 1_000_001)
    np.testing.assert_array_equal(own(large), np.resize(own(X), large.size))
    assert "square_gate" in xact.names()
    assert xact.get("SquareGate(2)") == own.replace(power=2)
    assert repr(own) == "written_by_a_user.square_gate"
    assert own.__doc__.startswith("A square with a gate.")


@pytest.mark.needs("jax")
def test_a_definition_is_enough_for_jax(own: Any) -> None:
    import jax

    value, slope = expected(X)
    x = jax.numpy.asarray(X)
    np.testing.assert_allclose(jax.jit(own)(x), value, rtol=1e-14)
    np.testing.assert_allclose(jax.vmap(jax.grad(own))(x), slope, rtol=1e-13)


@pytest.mark.needs("torch")
def test_a_definition_is_enough_for_torch(own: Any) -> None:
    import torch

    from xact import nn

    value, slope = expected(X)
    x = torch.tensor(X, requires_grad=True)
    y = own(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach(), value, rtol=1e-14)
    np.testing.assert_allclose(x.grad, slope, rtol=1e-13)
    assert "SquareGate" in dir(nn)
    module = nn.SquareGate(power=2.0)
    np.testing.assert_allclose(module(x).detach(), 2 * value, rtol=1e-14)
    assert repr(module) == "SquareGate(power=2.0)"
    np.testing.assert_allclose(nn.Activation(own, power=2.0)(x).detach(), 2 * value, rtol=1e-14)


def test_what_is_deleted_is_gone() -> None:
    """After the tests above: the catalogue holds what the package defines."""
    assert "square_gate" not in catalogue
    assert {activation.__module__.rpartition(".")[0] for activation in catalogue.values()} == {"xact.activations"}


# Complete entries


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_entry(activation: xact.Activation) -> None:
    assert activation.tex.strip()
    assert re.search(r"\b(1[89]|20)\d\d\b", activation.paper), "the paper has no year"
    summary = (activation.__doc__ or "").partition("\n\n")[0]
    assert not summary[:1].islower() or summary.split()[0] in catalogue
    assert summary.endswith(".")
    assert not activation.missing
    assert activation.module.lower() in {name.replace("_", "") for name in (activation.name, *activation.aliases)}
    assert all(bound > 0 and reason for bound, reason in activation.budget.values())
    signature = activation.__signature__
    names = [name for name in signature.parameters if name not in (*activation.arrays, "x", "other")]
    assert names == list(activation.defaults)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_order_of_arguments_is_that_of_torch(activation: xact.Activation) -> None:
    """By position, parameters and options mean what they mean in torch.nn.functional."""
    import torch

    theirs = getattr(torch.nn.functional, activation.name, None)
    code = getattr(theirs, "__code__", None)
    if code is None:
        return
    known = code.co_varnames[1 : code.co_argcount]
    ours = ["dim" if name == "axis" else name for name in activation.defaults]
    # softmax has `_stacklevel` there, a detail of its warnings.
    shared = [name for name in known if not name.startswith("_")]
    assert [name for name in ours if name in shared] == [name for name in shared if name in ours]
    if set(shared) <= set(ours):
        assert ours[: len(shared)] == shared


def test_public_names() -> None:
    assert set(xact.names()) <= set(dir(xact))
    for name, activation in catalogue.items():
        assert getattr(xact, name) is activation


# Kinks

DTYPES = ("float16", "bfloat16", "float32", "float64")


def _numpy(case: cases.Case, x: np.ndarray) -> np.ndarray:
    return np.asarray(xact.derivative(case.activation)(x, **case.parameters, **case.options))


def _jax(case: cases.Case, x: np.ndarray) -> np.ndarray:
    import jax

    y, pullback = jax.vjp(case.call, jax.numpy.asarray(x))
    return np.asarray(pullback(jax.numpy.ones_like(y))[0])


def _torch(case: cases.Case, x: np.ndarray) -> np.ndarray:
    import torch

    leaf = torch.tensor(x.astype(np.float64)).to(getattr(torch, x.dtype.name)).requires_grad_()
    y = case.call(leaf)
    y.backward(torch.ones_like(y))
    return np.asarray(leaf.grad.double()).astype(x.dtype)


DERIVATIVES: dict[str, Callable[[cases.Case, np.ndarray], np.ndarray]] = {
    "numpy": _numpy,
    "jax": _jax,
    "torch": _torch,
}
KINKED = [
    case
    for case in cases.every()
    if case.activation.kinks
    and case.activation.elementwise
    and len(case.activation.arrays) == 1
    and not case.array_parameters
    and all(case.activation.defaults[name] == value for name, value in case.options.items() if name != "training")
]


def kinks(case: cases.Case) -> dict[float, float]:
    return case.activation.kinks_at({**case.activation.defaults, **case.parameters})


@pytest.mark.parametrize("library", DERIVATIVES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KINKED, ids=str)
def test_kinks(case: cases.Case, dtype: str, library: str, request: pytest.FixtureRequest) -> None:
    """The derivative at each kink is the one declared, to the bit, at both zeros."""
    import ml_dtypes

    if (dtype, library) == ("bfloat16", "jax") and not request.config.getoption("--every"):
        pytest.skip("computed in float32 as float16, by another program of XLA's for each: with --every")
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    compute = np.float32 if kind.itemsize == 2 else kind
    for kink, slope in kinks(case).items():
        at = np.array([kink, -0.0 if kink == 0 else kink]).astype(kind)
        declared = np.full(2, slope).astype(compute).astype(kind)
        got = DERIVATIVES[library](case, at)
        assert got.tobytes() == declared.tobytes(), (kink, got, declared)


@pytest.mark.parametrize("case", [case for case in cases.simple() if case.activation.elementwise], ids=str)
def test_every_jump_of_the_derivative_is_a_declared_kink(case: cases.Case) -> None:
    """On a fine grid the derivative moves little from point to point, except across declared kinks."""
    if len(case.arrays) > 1:
        return
    declared = np.array(list(kinks(case)))
    grid = np.unique(np.concatenate([np.linspace(-8, 8, 16_001), *(declared + d for d in (-1e-9, 1e-9))]))
    with np.errstate(all="ignore"):
        slope = xact.derivative(case.activation)(grid, **case.parameters)
        steps = np.abs(np.diff(slope))
    # Where a smooth derivative is steep, its steps are much like their neighbours.
    around = np.maximum(np.append(steps[1:], 0), np.append(0, steps[:-1]))
    jumps = (steps > 0.01) & (steps > 8 * around) & np.isfinite(slope[1:]) & np.isfinite(slope[:-1])
    for left, right in np.stack([grid[:-1], grid[1:]])[:, jumps].T:
        assert np.any((left <= declared) & (declared <= right)), (left, right)
