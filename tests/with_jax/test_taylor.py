"""Taylor mode, `jax.experimental.jet`: the coefficients of every activation, against its formula and nested grad."""

from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xact
from xact.backends import jax_taylor
from xact.testing import truth, ulp
from xact.testing.case import Case

jet = pytest.importorskip("jax.experimental.jet")

ORDER = 4
ELEMENTWISE = [case.converted(jnp.asarray) for case in cases.simple() if case.activation.elementwise]
SMOOTH = [
    case
    for case in cases.simple()
    if case.activation.elementwise and len(case.arrays) == 1 and not case.activation.kinks
]
# Both sides, far and near; and 0, where a formula in two parts must not show.
POINTS = np.array([-3.3, -1.7, -0.6, 0.0, 0.4, 1.9, 4.2])
# A polynomial that is right to the last digit has derivatives that are less so.
BARS = (1e-13, 1e-13, 1e-9, 1e-5)


def derivatives(f: Any, x: Any) -> list[Any]:
    """f', f'', ... at x."""
    zero = jnp.zeros_like(x)
    return list(jet.jet(f, (x,), ((jnp.ones_like(x), *[zero] * (ORDER - 1)),))[1])


def nested(f: Any) -> list[Any]:
    """f'(0), f''(0), ... of a function of one number."""
    orders = []
    for _ in range(ORDER):
        f = (lambda f: lambda t: jax.jvp(f, (t,), (1.0,))[1])(f)
        orders.append(f)
    return list(jax.jit(lambda t: [order(t) for order in orders])(0.0))


@pytest.mark.slow
@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_derivatives_to_order_4(case: cases.Case) -> None:
    activation = case.activation
    environment = Case(activation, dict(case.parameters)).environment("float64")
    x = POINTS[np.isfinite(case.call(POINTS))]
    # At 0 itself no number of bits proves that a derivative is 0.
    sides = [np.where(x == 0, side, x) for side in (-1e-14, 1e-14)]
    with jax.disable_jit():
        got = derivatives(case.call, jnp.asarray(x))
    known = np.ones(x.shape, bool)
    for order, (value, bar) in enumerate(zip(got, BARS, strict=True), start=1):
        left, right = (
            truth.derivatives(activation.tex, {"x": ulp.double(side)}, environment, "x", order, truth.CLOSE).high
            for side in sides
        )
        # From a kink in a derivative on there is none.
        known &= np.abs(left - right) < 1e-9
        error = np.abs(np.asarray(value) - right)[known]
        assert np.all(error <= bar * np.max(np.abs(right[known]), initial=1.0)), (order, error)


@pytest.mark.by_kind(simplest=True, together=1)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
@pytest.mark.parametrize("compiled", [False, True])
def test_on_a_curve(case: cases.Case, compiled: bool) -> None:
    """All arrays of a call move along parabolas, also where what `jet` is given was compiled before."""
    rng = np.random.default_rng(0)
    speed, bend = ([jnp.asarray(rng.uniform(-1, 1, array.shape)) for array in case.arrays] for _ in range(2))
    parts = list(zip(case.arrays, speed, bend, strict=True))
    f = jax.jit(lambda *arrays: case.call(*arrays)) if compiled else case.call
    series = tuple([v, w, *[jnp.zeros_like(v)] * (ORDER - 2)] for _, v, w in parts)
    y, got = jax.jit(lambda: jet.jet(f, case.arrays, series))()
    np.testing.assert_allclose(y, case.call(), rtol=1e-14)
    for order, want in zip(
        got, nested(lambda t: case.call(*(x + t * v + t * t / 2 * w for x, v, w in parts))), strict=True
    ):
        np.testing.assert_allclose(order, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))


def test_a_parameter_moves() -> None:
    x, ones, zeros = jnp.linspace(-2.0, 2.0, 5), jnp.float64(1.0), [jnp.float64(0.0)] * (ORDER - 1)
    got = jax.jit(lambda: jet.jet(lambda beta: xact.swish(x, beta), (jnp.float64(0.5),), ((ones, *zeros),))[1])()
    for order, want in zip(got, nested(lambda t: xact.swish(x, 0.5 + t)), strict=True):
        np.testing.assert_allclose(order, want, rtol=1e-9, atol=1e-9)
    with pytest.raises(xact.MissingRuleError, match="laplace has no derivative by `sigma`"):
        jet.jet(lambda sigma: xact.laplace(x, sigma=sigma), (jnp.float64(0.5),), ((ones, *zeros),))


def test_inside_other_transforms() -> None:
    """A gradient of a coefficient, a batch of them, and a layer between others."""
    second = lambda x: jet.jet(xact.mish, (x,), ((1.0, 0.0),))[1][1]
    x = jnp.linspace(-2.0, 2.0, 5)
    third = jax.vmap(jax.grad(jax.grad(jax.grad(xact.mish))))(x)
    np.testing.assert_allclose(jax.vmap(jax.grad(second))(x), third, rtol=1e-12, atol=1e-12)
    weights = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (5, 5)))
    layers = lambda x: jnp.sin(weights @ xact.gelu(weights @ x))
    for order, want in zip(jax.jit(lambda: derivatives(layers, x))(), nested(lambda t: layers(x + t)), strict=True):
        np.testing.assert_allclose(order, want, rtol=1e-9, atol=1e-9)


def test_a_version_without_these_names(monkeypatch: pytest.MonkeyPatch) -> None:
    before = jet.JetTrace.process_custom_jvp_call
    monkeypatch.delattr(jet, "jet2")
    jax_taylor.install(__file__)
    assert jet.JetTrace.process_custom_jvp_call is before
