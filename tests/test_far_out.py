"""Far from 0: value, first and second derivative are numbers, on every library and by every way to differentiate."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import xact
from xact.testing import truth, ulp
from xact.testing.case import Case

pytestmark = pytest.mark.needs("numpy")

INF = float("inf")
FAR = {"float16": [1e4, 65504.0], "float32": [1e10, 1e19, 1e30, 3.4028235e38], "float64": [1e10, 1e19, 1e200, 1.7e308]}
ELEMENTWISE = [xact.get(name) for name in xact.names()]
ELEMENTWISE = [one for one in ELEMENTWISE if one.elementwise and len(one.body.arrays) == 1]


def far(dtype: str, ends: bool = False) -> np.ndarray:
    points = [*FAR[dtype], *([INF] if ends else [])]
    return np.array([*(-one for one in reversed(points)), *points], dtype)


def numbers(activation: xact.Activation) -> dict[str, float]:
    return {name: 0.25 + 0.5 * index for index, name in enumerate(activation.required)}


def inside(activation: xact.Activation, x: np.ndarray) -> np.ndarray:
    """Where the activation is defined."""
    return x > 0 if activation.name == "log1mexp" else np.isfinite(x)


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_rules(activation: xact.Activation, dtype: str) -> None:
    x, given = far(dtype), numbers(activation)
    defined = inside(activation, x)
    quantities = [activation, *(xact.derivative(activation, name) for name in activation.rules)]
    if activation.slopes:
        quantities.append(xact.derivative(activation, order=2))
    for f in quantities:
        got = f(x, **given)
        assert not np.isnan(got[defined]).any(), f


@pytest.mark.parametrize("name", [one.name for one in ELEMENTWISE if one.slopes])
def test_second_derivatives_at_infinity(name: str) -> None:
    for dtype in ("float32", "float64"):
        x = far(dtype, ends=True)
        exact = truth.derivatives(
            xact.get(name).tex, {"x": ulp.double(x)}, Case(xact.get(name)).environment(dtype), "x", 2
        )
        got = xact.derivative(name, order=2)(x)
        np.testing.assert_allclose(got, exact.high.astype(dtype), rtol=1e-6, atol=1e-30)


def by_torch(f: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    torch = pytest.importorskip("torch")
    leaf = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(f(leaf).sum(), leaf, create_graph=True)
    if not slope.requires_grad:
        return [slope.detach().numpy()]
    (second,) = torch.autograd.grad(slope.sum(), leaf, allow_unused=True)
    return [slope.detach().numpy()] + ([] if second is None else [second.numpy()])


def by_jax(f: Callable[[Any], Any], x: np.ndarray) -> list[np.ndarray]:
    jax = pytest.importorskip("jax")
    slope = jax.grad(f)
    return [np.asarray(jax.vmap(one)(jax.numpy.asarray(x))) for one in (slope, jax.grad(slope))]


@pytest.mark.parametrize("way", [by_torch, by_jax])
@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_libraries_own_derivatives(activation: xact.Activation, way: Callable[..., Any]) -> None:
    given = numbers(activation)
    for dtype in ("float32", "float64") if way is by_torch else ("float32",):
        x = far(dtype)
        x = x[inside(activation, x)]
        for order, got in enumerate(way(lambda t: activation(t, **given), x), 1):
            assert not np.isnan(got).any(), (order, dtype, x[np.isnan(got)])
