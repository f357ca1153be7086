"""xact.nn.init.gain against closed forms, mpmath's quadrature, and a deep network."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest

torch = pytest.importorskip("torch")

import xact
from xact.nn import init


@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_closed_forms(mode: str) -> None:
    assert init.gain("relu", mode=mode) == pytest.approx(math.sqrt(2), rel=1e-12)
    assert init.gain("identity", mode=mode) == pytest.approx(1, rel=1e-12)
    assert init.gain("abs", mode=mode) == pytest.approx(1, rel=1e-12)
    for slope in (0.0, 0.01, 0.2, 3.0):
        exact = math.sqrt(2 / (1 + slope * slope))
        assert init.gain("leaky_relu", slope, mode=mode) == pytest.approx(exact, rel=1e-12)


def test_selu_is_self_normalizing() -> None:
    assert init.gain("selu") == pytest.approx(1, abs=1e-6)


def test_where_torch_has_the_same_gain() -> None:
    for name, *values in (("relu",), ("linear",), ("leaky_relu", 0.2)):
        assert init.gain(name, *values) == pytest.approx(torch.nn.init.calculate_gain(name, *values), rel=1e-12)


def steps(*edges: float) -> Callable[[Any], Any]:
    """1 between the edges, 0 outside."""
    return lambda z: int(edges[0] < z < edges[1])


# A function with its derivative, and the points that the quadrature must not step over.
FORMULAS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], list[float]]] = {
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2, []),
    "gelu": (lambda z: z * mpmath.ncdf(z), lambda z: mpmath.ncdf(z) + z * mpmath.npdf(z), []),
    "softplus(beta=20.0)": (
        lambda z: mpmath.log1p(mpmath.exp(20 * z)) / 20,
        lambda z: 1 / (1 + mpmath.exp(-20 * z)),
        [-0.5, 0, 0.5],
    ),
    "hardshrink(1.3)": (lambda z: z * (abs(z) > 1.3), lambda z: int(abs(z) > 1.3), [-1.3, 1.3]),
    "hardtanh(-0.7, 2.2)": (lambda z: min(max(z, -0.7), 2.2), steps(-0.7, 2.2), [-0.7, 2.2]),
    # Its kinks are not declared.
    "hard_sigmoid_general(0.9, 0.3)": (
        lambda z: min(max(0.9 * z + 0.3, 0), 1),
        lambda z: 0.9 * steps(-1 / 3, 7 / 9)(z),
        [-1 / 3, 7 / 9],
    ),
}


@pytest.mark.parametrize("spec", FORMULAS)
def test_against_mpmath(spec: str) -> None:
    *functions, edges = FORMULAS[spec]
    for mode, function in zip(("forward", "backward"), functions, strict=True):
        points = sorted([-14, -3, 3, 14, *edges])
        square = mpmath.quad(lambda z: function(z) ** 2 * mpmath.npdf(z), points)
        assert init.gain(spec, mode=mode) == pytest.approx(float(square**-0.5), rel=1e-9), mode


# The scale of self-gated functions is a fixed point that repels: the chance of the weights grows from layer to layer.
DEPTHS = {"tanh": 50, "softplus": 50, "sine": 50, "silu": 12, "gelu": 12, "mish": 12}


@pytest.mark.parametrize("name", DEPTHS)
def test_a_deep_network_keeps_the_scale(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    activation, width = xact.get(name), 512
    scale = init.gain(name) / math.sqrt(width)
    x = torch.randn(64, width, generator=generator)
    for _ in range(DEPTHS[name]):
        x = activation(x) @ torch.randn(width, width, generator=generator) * scale
        assert 0.5 < x.std() < 2


def test_bound_and_own_activations(own_catalogue: None) -> None:
    assert init.gain(xact.get("leaky_relu(0.2)")) == init.gain("leaky_relu", negative_slope=0.2)
    assert init.gain("prelu") == init.gain("leaky_relu", 0.25)

    @xact.activation(tex="2 x")
    def twice(x, /, *, xp):
        """Twice."""
        return 2 * x

    @twice.derivative
    def _(x, xp):
        return 2 + 0 * x

    assert init.gain(twice) == init.gain("twice", mode="backward") == pytest.approx(0.5)


def test_errors() -> None:
    with pytest.raises(ValueError, match="'forward' or 'backward', got 'fan_in'"):
        init.gain("relu", mode="fan_in")
    with pytest.raises(TypeError, match="swiglu takes two arrays: it has no gain"):
        init.gain("swiglu")
    with pytest.raises(TypeError, match="softmax mixes the elements along an axis: it has no gain"):
        init.gain("softmax")
    with pytest.raises(TypeError, match="needs an activation"):
        init.gain(torch.tanh)
    with pytest.raises(TypeError, match="relu has no argument 'slope'"):
        init.gain("relu", slope=1.0)
    with pytest.raises(TypeError, match="takes no 3 arguments"):
        init.gain("leaky_relu", 1.0, False, 2)
    with pytest.raises(ValueError, match="the derivative of step is 0"):
        init.gain("step", mode="backward")
