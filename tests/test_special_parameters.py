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
MIXED = ((1.0, 0.0), (1.25, 0.75), (1.5, 0.25))
CASES = {
    "exponential_remainder": Case(lambda x: x.expm1() - x, ((),), inside=lambda x: x <= 0),
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
