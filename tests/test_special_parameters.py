"""The special functions of several numbers against arbitrary precision, at several values of each."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from special_truth import (
    DTYPES,
    INF,
    LIBRARIES,
    arb,
    budget,
    density,
    distribution,
    error_of,
    evaluate,
    grid,
    load,
    sigma,
)

from xact.special import namespace


def richards(x: Any, shape: float, rate: float) -> Any:
    return (1 + arb(shape) * (-arb(rate) * x).exp()) ** (-1 / arb(shape))


def tail(x: Any, shape: float, rate: float) -> Any:
    """The logarithm of shape e^(-rate x)."""
    return arb(shape).log() - arb(rate) * x


def richards_by_shape(x: Any, shape: float, rate: float) -> Any:
    z = tail(x, shape, rate)
    return (z.exp().log1p() - sigma(z)) * richards(x, shape, rate) / arb(shape) ** 2


def mixture_derivative(y: Any, p: float, q: float) -> Any:
    return arb(p) * sigma(y) + arb(q) * sigma(-y) + (arb(p) - arb(q)) * y * sigma(y) * sigma(-y)


def sine_square_slope(x: Any, frequency: float) -> Any:
    a = arb(frequency)
    return (x * (2 * a * x).sin() - (1 - (2 * a * x).cos()) / (2 * a)) / a


def tanh_softplus_slope(x: Any, y: Any, size: float) -> Any:
    t = (arb(size) * y.exp().log1p()).tanh()
    return t + x * arb(size) * sigma(y) * (1 - t * t)


def erf_slope(y: Any, w: Any, slope: Any) -> Any:
    return w.erf() + y * slope * 2 / arb.pi().sqrt() * (-w * w).exp()


def erf_exp_slope(x: Any, size: float, rate: float) -> Any:
    u = arb(size) * (arb(rate) * x).exp()
    return erf_slope(arb(rate) * x, u, u)


def erf_softplus_slope(x: Any, size: float, rate: float) -> Any:
    y = arb(rate) * x
    return erf_slope(y, arb(size) * y.exp().log1p(), arb(size) * sigma(y))


def soft_exponential(x: Any, rate: float) -> Any:
    a = arb(rate)
    return -(1 - a * (x + a)).log() / a if rate < 0 else (a * x).expm1() / a + a if rate else x


def soft_exponential_slope(x: Any, rate: float) -> Any:
    a = arb(rate)
    return 1 / (1 - a * (x + a)) if rate < 0 else (a * x).exp()


def soft_exponential_by_rate(x: Any, rate: float) -> Any:
    a, t = arb(rate), arb(rate) * x
    if not rate:
        return 1 + x * x / 2
    if rate > 0:
        return 1 + (t * t.exp() - t.expm1()) / a**2
    w = -a * (x + a)
    return 1 / (1 + w) + (w.log1p() - w / (1 + w)) / a**2


def hard_elish_slope(x: Any) -> Any:
    if x <= -1 or x >= 1:
        return arb(int(x >= 1))
    return (x.exp() * (x + 2) - 1) / 2 if x < 0 else x + 0.5


@dataclass(frozen=True)
class Case:
    """truth: of x and the numbers. arrays: how many of the first arguments are x; reach: the largest x that counts."""

    truth: Callable[..., Any]
    numbers: tuple[tuple[float, ...], ...]
    arrays: int = 1
    reach: float = INF
    inside: Callable[[Any], Any] = lambda x: np.isfinite(x)
    small: float = 0.0


SIGMOIDS = ((1.0, 1.0), (0.5, 2.0), (2.0, 0.75))
NORMAL = ((0.0, 1.0), (0.5, 0.75), (-1.25, 2.0))
POWERS = ((1.0, 1.5), (2.0, 0.75))
RATES = ((-0.5,), (0.0,), (0.75,))
MIXED = ((1.0, 0.0), (1.25, 0.75), (1.5, 0.25))
CASES = {
    "exponential_remainder": Case(lambda x: x.expm1() - x, ((),), inside=lambda x: x <= 0),
    "tangent_remainder": Case(lambda x: x.expm1() - x * x.exp(), ((),)),
    "hard_elish_derivative": Case(hard_elish_slope, ((),)),
    "line": Case(
        lambda x, slope, place, value: arb(value) + arb(slope) * (x - arb(place)),
        ((0.75, 0.0, -0.25), (-1.25, 0.5, 2.0)),
    ),
    "one_plus_cosine": Case(lambda y, size: 1 + arb(size) * y.cos(), ((1.0,), (0.5,)), reach=100),
    "sigmoid_power": Case(lambda x, rate, power: sigma(arb(rate) * x) ** arb(power), POWERS, small=2**16),
    "sigmoid_power_slope": Case(
        lambda x, rate, power: sigma(arb(rate) * x) ** arb(power) * sigma(-arb(rate) * x), POWERS, small=2**16
    ),
    "soft_exponential": Case(soft_exponential, RATES, inside=lambda x: np.abs(x) < 1),
    "soft_exponential_slope": Case(soft_exponential_slope, RATES, inside=lambda x: np.abs(x) < 1),
    "soft_exponential_rate_derivative": Case(soft_exponential_by_rate, RATES, inside=lambda x: np.abs(x) < 1),
    "x_erf_exp_derivative": Case(erf_exp_slope, ((0.75, 0.75), (0.5, 1.0)), small=750),
    "x_erf_softplus_derivative": Case(erf_softplus_slope, ((1.25, 0.875), (1.0, 1.0)), small=750),
    "x_sigmoid_power_derivative": Case(
        lambda x, rate, power: (
            sigma(arb(rate) * x) ** arb(power) * (1 + arb(power) * arb(rate) * x * sigma(-arb(rate) * x))
        ),
        POWERS,
        small=2**16,
    ),
    "x_tanh_softplus_at": Case(
        lambda x, shift: x * (x + arb(shift)).exp().log1p().tanh(), ((-0.25,), (0.5,)), small=750
    ),
    "x_tanh_softplus_at_derivative": Case(
        lambda x, shift: tanh_softplus_slope(x, x + arb(shift), 1.0), ((-0.25,), (0.5,)), small=750
    ),
    "x_tanh_softplus_scaled_derivative": Case(
        lambda x, size: tanh_softplus_slope(x, x, size), ((1.5,), (0.75,)), small=750
    ),
    "generalized_logistic": Case(richards, SIGMOIDS, small=750),
    "generalized_logistic_derivative": Case(
        lambda x, shape, rate, factor: (
            arb(factor) / arb(shape) * sigma(tail(x, shape, rate)) * richards(x, shape, rate)
        ),
        tuple((*given, factor) for given in SIGMOIDS for factor in (0.5, 2.0)),
        small=750,
    ),
    "generalized_logistic_shape_derivative": Case(richards_by_shape, SIGMOIDS, small=2**16),
    "hypotenuse": Case(lambda x, square: (x * x + square).sqrt(), ((0.25,), (1.0,), (3.0,))),
    "normal_cdf_at": Case(lambda x, mean, deviation: distribution((x - mean) / deviation), NORMAL),
    "normal_pdf_at": Case(lambda x, mean, deviation: density((x - mean) / deviation) / deviation, NORMAL),
    "one_plus_sine": Case(lambda y, size: 1 + arb(size) * (2 * y).sin(), ((1.0,), (0.5,)), reach=100),
    "phase": Case(lambda x, frequency: x * arb(frequency), ((1.0,), (0.75,))),
    "sine_plus_cosine": Case(lambda y: y.sin() + y.cos(), ((),), reach=100),
    "sine_square_slope": Case(sine_square_slope, ((1.0,), (0.75,)), reach=100, small=2**16),
    "x_mixture": Case(lambda x, p, q: x * (arb(p) * sigma(x) + arb(q) * sigma(-x)), MIXED, arrays=2, small=750),
    "x_mixture_derivative": Case(mixture_derivative, MIXED, small=750),
}


def moved(dtype: str, numbers: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The numbers, and those 1 ULP below and above each."""
    ends = [np.nextafter(np.asarray(n, dtype), np.asarray([-INF, INF], dtype)).tolist() for n in numbers]
    return list(itertools.product(*([number, *end] for number, end in zip(numbers, ends, strict=True))))


@cache
def truths_of(name: str, numbers: tuple[float, ...], dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, and the truth for the input and numbers, and for those beside them where the budget counts them."""
    case = CASES[name]
    _, neighbour = budget(namespace.GENERIC[name])
    x = grid(dtype)[::10]
    x = x[(np.abs(x) <= case.reach) & case.inside(x)]
    truths = []
    for given in moved(dtype, numbers) if neighbour else [numbers]:
        for end in (0.0, -INF, INF) if neighbour else (0.0,):
            at = np.nextafter(x, x.dtype.type(end)) if end else x
            truths.append(np.array([evaluate(lambda v, given=given: case.truth(v, *given), float(v)) for v in at]).T)
    high, low = np.stack(truths, axis=1)
    return x, high, low


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "numbers"), [(name, numbers) for name, case in CASES.items() for numbers in case.numbers]
)
def test_error(name: str, numbers: tuple[float, ...], dtype: str, library: str) -> None:
    case = CASES[name]
    budgets, _ = budget(namespace.GENERIC[name])
    x, high, low = truths_of(name, numbers, dtype)
    result = load(library)(name, *[x] * case.arrays, *numbers)
    assert result.dtype == x.dtype
    error = error_of(result, high, low, dtype, case.small)
    worst = np.argmax(error)
    assert error[worst] <= budgets[dtype], f"{error[worst]:.2f} ULP at {x[worst]!r}"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CASES)
def test_nan(name: str, library: str) -> None:
    case = CASES[name]
    x = np.array([math.nan])
    assert np.isnan(load(library)(name, *[x] * case.arrays, *case.numbers[0])).all()
