"""Rules of order 2: accurate on every library, finite everywhere, used by the libraries' own second derivatives."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import xact
from xact.testing import truth, ulp
from xact.testing.case import Case

pytestmark = pytest.mark.needs("numpy")

# In ULP beyond what an input 1 ULP away explains, as in C1.
ACCURACY = 6.0
DTYPES = ["float32", "float64"]
CALLS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in xact.names() if xact.get(name).slopes),
    ("gelu", {"approximate": "tanh"}),
    ("softplus", {"beta": 1.75}),
    ("elu", {"alpha": 0.625}),
    ("celu", {"alpha": 1.375}),
    ("squareplus", {"b": 0.5}),
]
SMOOTH = ["sigmoid", "tanh", "softplus", "logsigmoid", "silu", "mish", "gelu", "gelu_tanh", "elu", "celu", "selu"]
SMOOTH += ["softsign", "tanhshrink", "hardswish", "squareplus"]
LIBRARIES = ["numpy", "jax", "torch"]
calls = pytest.mark.parametrize(("name", "given"), CALLS, ids=str)


def by_rule(library: str, name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """The rule itself."""
    f = xact.derivative(name, order=2)
    if library == "numpy":
        return np.asarray(f(x, **given))
    if library == "torch":
        torch = pytest.importorskip("torch")
        return f(torch.tensor(x), **given).numpy()
    jax = pytest.importorskip("jax")
    return np.asarray(f(jax.numpy.asarray(x), **given))


def by_autograd(name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """What PyTorch gives for a gradient of a gradient."""
    torch = pytest.importorskip("torch")
    leaf = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(xact.get(name)(leaf, **given).sum(), leaf, create_graph=True)
    return torch.autograd.grad(slope.sum(), leaf)[0].numpy()


def by_reverse(name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    torch = pytest.importorskip("torch")
    second = torch.func.grad(lambda x: torch.func.grad(lambda x: xact.get(name)(x, **given).sum())(x).sum())
    return second(torch.tensor(x)).numpy()


def by_forward(name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    torch = pytest.importorskip("torch")
    second = torch.func.jacfwd(torch.func.jacrev(lambda x: xact.get(name)(x, **given)))
    return torch.vmap(second)(torch.tensor(x)).numpy()


def by_jax(name: str, x: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    jax = pytest.importorskip("jax")
    second = jax.vmap(jax.grad(jax.grad(lambda x: xact.get(name)(x, **given))))
    return np.asarray(second(jax.numpy.asarray(x)))


TWICE = {"torch": by_autograd, "torch.func": by_reverse, "torch.func.jacfwd": by_forward, "jax": by_jax}


def exact(name: str, x: np.ndarray, given: Mapping[str, Any], dtype: str, order: int = 2) -> ulp.Truth:
    environment = Case(xact.get(name), given).environment(dtype)
    tex, bits = xact.get(name).tex, truth.EXACT if order == 2 else truth.CLOSE
    return truth.derivatives(tex, {"x": ulp.double(x)}, environment, "x", order, bits)


def measured(got: np.ndarray, name: str, given: Mapping[str, Any], dtype: str, library: str) -> tuple[float, Any]:
    """The largest error in ULP and where."""
    x = inputs(name, given, dtype)
    second, third = exact(name, x, given, dtype), np.zeros(x.shape)
    # At 0 the third derivative of an even function is 0, which no number of bits proves.
    third[x != 0] = exact(name, x[x != 0], given, dtype, 3).high
    error = ulp.excess(got, second, np.nan_to_num(third), x, dtype)
    skip = np.isnan(second.high)
    if library == "jax":
        # XLA takes a subnormal for 0.
        skip |= np.abs(x) < np.finfo(dtype).tiny * 4
    error = np.where(skip, 0.0, error)
    return float(error.max()), x[error.argmax()]


def inputs(name: str, given: Mapping[str, Any], dtype: str) -> np.ndarray:
    return ulp.grid(dtype, list(Case(xact.get(name), given).kinks(dtype)), count=2000)


def test_the_smooth_functions_have_one() -> None:
    assert {name for name in SMOOTH if not xact.get(name).slopes} == set()


@calls
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_accurate(name: str, given: dict[str, Any], library: str, dtype: str) -> None:
    x = inputs(name, given, dtype)
    with np.errstate(all="ignore"):
        got = by_rule(library, name, x, given)
    assert got.dtype == x.dtype
    figure, worst = measured(got, name, given, dtype, library)
    assert figure <= ACCURACY, f"{figure:.1f} ULP at {worst}"


@calls
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
def test_finite(name: str, given: dict[str, Any], library: str, dtype: str) -> None:
    x = inputs(name, given, dtype)
    with np.errstate(all="ignore"):
        got = by_rule(library, name, x, given)
    assert np.array_equal(np.isnan(got), np.isnan(x))
    assert np.all(np.isfinite(got[~np.isnan(x)]))
    assert np.all(np.abs(got[np.abs(x) >= 10000]) < 1e-3)


@calls
@pytest.mark.parametrize("way", TWICE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_used(name: str, given: dict[str, Any], way: str, dtype: str) -> None:
    """What the libraries give for a derivative of a derivative is the rule."""
    x = inputs(name, given, dtype)
    got = TWICE[way](name, x, given)
    assert np.array_equal(np.isnan(got), np.isnan(x))
    if name == "softplus" and way == "torch":
        # torch's own kernel, for its speed: right to a rounding of the first derivative times beta.
        np.testing.assert_allclose(got, by_rule("torch", name, x, given), rtol=0, atol=2 * np.finfo(dtype).eps)
        return
    figure, worst = measured(got, name, given, dtype, way)
    assert figure <= ACCURACY, f"{figure:.1f} ULP at {worst}"


@pytest.mark.parametrize("name", xact.names())
def test_a_third_derivative_is_that_of_the_rule(name: str) -> None:
    if not xact.get(name).slopes:
        with pytest.raises(xact.MissingRuleError):
            xact.derivative(name, order=2)
        return
    x, step = np.linspace(-4, 4, 81) + 1e-3, 1e-5
    second = xact.derivative(name, order=2)
    expected = (second(x + step) - second(x - step)) / (2 * step)
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    f = xact.get(name)
    got = torch.vmap(torch.func.grad(torch.func.grad(torch.func.grad(f))))(torch.tensor(x))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(jax.grad(jax.grad(f))))(x), expected, rtol=1e-6, atol=1e-6)
    if name != "softplus":
        leaf = torch.tensor(x, requires_grad=True)
        y = f(leaf)
        for _ in range(3):
            (y,) = torch.autograd.grad(y.sum(), leaf, create_graph=True)
        np.testing.assert_allclose(y.detach(), expected, rtol=1e-6, atol=1e-6)


def test_a_threshold_cuts() -> None:
    x = np.array([-1.0, 4.5, 5.5, 1e4])
    got = xact.derivative("softplus", order=2)(x, threshold=5.0)
    assert np.array_equal(got, np.where(x > 5, 0.0, xact.derivative("softplus", order=2)(x)))


@pytest.mark.needs("torch")
def test_softplus_inside_compile() -> None:
    """There the rule is used, whose tail the second derivative of torch's kernel loses."""
    torch = pytest.importorskip("torch")
    x = torch.tensor([-40.0, 0.5, 40.0], dtype=torch.float64)
    second = torch.vmap(torch.func.grad(torch.func.grad(xact.softplus)))
    got = torch.compile(second, backend="aot_eager", fullgraph=True)(x)
    np.testing.assert_allclose(got, xact.derivative("softplus", order=2)(x.numpy()), rtol=1e-14)
    assert got.count_nonzero() == 3


# Declaring one


def test_declared(own_catalogue: None) -> None:
    @xact.activation(tex="x^3")
    def planted(x, /, scale=1.0, *, xp):
        return scale * x * x * x

    with pytest.raises(TypeError, match="planted: a rule of order 2 is by the only array, and stands below its rule"):

        @planted.derivative(order=2)
        def _(x, xp):
            return x

    @planted.derivative
    def _(x, scale, xp):
        return 3 * scale * x * x

    with pytest.raises(TypeError, match="planted: the rule of order 2 takes \\['beta'\\], but that of order 1"):

        @planted.derivative(order=2)
        def _(x, beta, xp):
            return x

    @planted.derivative(order=2)
    def _(x, scale, xp):
        # Not the derivative of the rule above: it shows which one is used.
        return 7 * scale * x

    with pytest.raises(TypeError, match="planted: a second rule of order 2 for `x`; delete one of them"):

        @planted.derivative(order=2)
        def _(x, xp):
            return x

    with pytest.raises(TypeError, match="planted: rules have order 1 or 2, not 3"):

        @planted.derivative(order=3)
        def _(x, xp):
            return x

    x = np.array([1.0, 2.0])
    assert np.array_equal(xact.derivative(planted, order=2)(x), 7 * x)
    assert np.array_equal(xact.derivative(planted, order=2)(x, 2.0), 14 * x)
    assert repr(xact.derivative(planted, order=2)).endswith("planted, wrt='x', order=2)")
    for way in TWICE.values():
        np.testing.assert_array_equal(way("planted", x, {}), 7 * x)
        np.testing.assert_array_equal(way("planted", x, {"scale": 2.0}), 14 * x)


@pytest.mark.needs("torch", "jax")
def test_mixed_derivatives_by_a_parameter() -> None:
    """d2/(dx dalpha) of elu is e^x for x < 0."""
    import jax
    import torch

    x = np.array([-2.0, -0.5, 0.5])
    expected = np.where(x < 0, np.exp(np.minimum(x, 0)), 0)
    by_x = jax.vmap(jax.grad(xact.elu), in_axes=(0, None))
    np.testing.assert_allclose(jax.jacfwd(by_x, 1)(x, 0.75), expected, rtol=1e-12)
    leaf, alpha = torch.tensor(x, requires_grad=True), torch.tensor(0.75, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(xact.elu(leaf, alpha).sum(), leaf, create_graph=True)
    np.testing.assert_allclose(torch.autograd.grad(slope.sum(), alpha)[0], expected.sum(), rtol=1e-12)
