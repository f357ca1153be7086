"""Rounding against exact fractions, and the ULP metric on planted errors."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from xact.testing.ulp import Truth, bits, errors, every, excess, grid, round_to, ulp

INF, NAN = math.inf, math.nan
DTYPES = ["float16", "bfloat16", "float32", "float64"]
FORMATS = {
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
    "float64": (53, -1022, 1023),
}


def pair(*numbers):
    """A Truth of exact fractions."""
    high = [float(number) for number in numbers]
    low = [float(Fraction(number) - Fraction(top)) for number, top in zip(numbers, high, strict=True)]
    return Truth(np.array(high), np.array(low))


def rounded(number, dtype):
    """Round to nearest even, in exact fractions."""
    precision, smallest, largest = FORMATS[dtype]
    if number == 0:
        return 0.0
    size, exponent = abs(number), smallest
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    step = Fraction(2) ** (exponent - precision + 1)
    result = round(size / step) * step
    return math.copysign(INF if result >= Fraction(2) ** (largest + 1) else float(result), number)


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_to_is_one_rounding(dtype):
    precision, smallest, largest = FORMATS[dtype]
    random = np.random.default_rng(3)
    numbers = []
    exponents = [-3, 0, 5, smallest, smallest - 3, largest, smallest - precision, smallest - precision + 1]
    for exponent in exponents:
        for mantissa in (*random.integers(2 ** (precision - 1), 2**precision, 6).tolist(), 2**precision - 1):
            step = Fraction(2) ** (exponent - precision + 1)
            for part in (
                0,
                Fraction(1, 2),
                Fraction(1, 2) + Fraction(1, 2**70),
                Fraction(1, 2) - Fraction(1, 2**70),
            ):
                numbers += [(mantissa + part) * step, -(mantissa + part) * step]
    numbers = [number for number in numbers if abs(number) < Fraction(2) ** 1023 and abs(number) > Fraction(2) ** -1000]
    found = round_to(pair(*numbers), dtype).astype(np.float64)
    assert found.tolist() == [rounded(number, dtype) for number in numbers]


def test_round_to_special():
    truth = Truth(np.array([INF, -INF, NAN, 0.0, -0.0, 1e300]), np.zeros(6))
    found = round_to(truth, "bfloat16")
    assert found.dtype == ml_dtypes.bfloat16
    assert [repr(float(t)) for t in found] == ["inf", "-inf", "nan", "0.0", "-0.0", "inf"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulp_is_the_spacing(dtype):
    x = grid(dtype) if dtype in ("float32", "float64") else every(dtype)
    with np.errstate(invalid="ignore"):
        x = x[np.isfinite(x.astype(np.float64))]
    x = x[np.abs(x.astype(np.float64)) < 2.0 ** FORMATS[dtype][2]]
    away = bits(np.abs(x)) + 1
    integer = {2: np.int16, 4: np.int32, 8: np.int64}[x.dtype.itemsize]
    step = away.astype(integer).view(x.dtype).astype(np.float64) - np.abs(x).astype(np.float64)
    np.testing.assert_array_equal(ulp(x, dtype), step)


@pytest.mark.parametrize("dtype", DTYPES)
def test_planted_errors(dtype):
    found = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    step = Fraction(2) ** (1 - FORMATS[dtype][0])
    truth = pair(1 + step / 4, 1 + step / 4, Fraction(3, 2) - step / 8, -1 - step / 4)
    got = np.array([1.0, 1.0 + 3 * float(step), 1.5, -1.0], dtype=found)
    np.testing.assert_allclose(errors(got, truth, dtype), [0.25, 2.75, 0.125, 0.25], rtol=1e-12)
    x = np.ones(4, dtype=found)
    np.testing.assert_allclose(excess(got, truth, np.array([0, 2, 0, 0.125]), x, dtype), [0.25, 0.75, 0.125, 0.125])
    assert excess(got, truth, np.full(4, NAN), x, dtype).tolist() == errors(got, truth, dtype).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_errors_at_the_ends(dtype):
    found = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    largest = float(ml_dtypes.finfo(found).max)
    last = float(ulp(largest, dtype))
    truth = Truth(np.array([INF, INF, largest - last, largest - 2 * last, INF, NAN, NAN, 1.0, 1.0]), np.zeros(9))
    got = np.array([INF, -INF, INF, INF, largest, NAN, 1.0, NAN, INF]).astype(found)
    assert errors(got, truth, dtype).tolist() == [0, INF, 0, INF, 1, 0, INF, INF, INF]
    zero = Truth(np.array([0.0, 0.0, -0.0]), np.zeros(3))
    tiny = float(ml_dtypes.finfo(found).smallest_subnormal)
    assert errors(np.array([0.0, 3 * tiny, 0.0]).astype(found), zero, dtype).tolist() == [0, 3, 0]


def test_ignored_absolute_errors():
    truth, flat = Truth(np.array([1e-36, 1e-36]), np.zeros(2)), np.zeros(2)
    got = np.array([0.0, 2e-30], dtype=np.float32)
    assert excess(got, truth, flat, flat, "float32")[0] == 0
    assert excess(got, truth, flat, flat, "float32")[1] > 4
    assert excess(got.astype(np.float64), truth, flat, flat, "float64")[0] > 4
    assert errors(got, truth, "float32")[0] > 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_are_ordered(dtype):
    x = grid(dtype)
    assert x.dtype.name == dtype
    ordered = bits(x[:-2])
    assert (np.diff(ordered) > 0).all() or dtype == "float64"
    assert (ordered[1:] > ordered[:-1]).all()
    assert bits(x[-2:-1])[0] == 0 and bits(x[-1:])[0] == np.iinfo(np.int64).max
    np.testing.assert_array_equal(grid(dtype).view(np.uint8), x.view(np.uint8))


def test_grid_holds_every_special_input():
    x = grid("float32", kinks=(3.0,))
    for centre in (0.0, 1.0, -1.0, 0.5, 3.0):
        near = bits(np.array([centre], dtype=np.float32))[0] + np.arange(-2, 3)
        assert np.isin(near, bits(x)).all()
    assert np.isin([INF, -INF, 2.0**-149, -(2.0**-149), float(np.finfo(np.float32).max)], x.astype(np.float64)).all()
    exponents = np.frexp(x[np.isfinite(x) & (x > 0)].astype(np.float64))[1]
    # As frexp counts, from 1/2.
    assert {*range(-148, -125), *range(-63, 66), *range(65, 129, 4), *range(-63, -126, -4)} <= set(exponents.tolist())
    assert np.signbit(x[x == 0]).tolist().count(True) == 1
    assert ((np.abs(x) < 20).sum()) > 4000


def test_every():
    assert np.unique(every("bfloat16").view(np.uint16)).size == every("float16").size == 65536
    with pytest.raises(TypeError, match="float16 or bfloat16"):
        every("float32")
