"""Errors in units of the last place (ULP), correct rounding, and the inputs worth testing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

# Random inputs of a grid, beside the special ones.
DENSE = 4000


@dataclass(frozen=True)
class Truth:
    """The truth is high + low: `high` is the truth rounded to float64, `low` the rest, rounded.

    NaN: there is no value (NaN in, no limit, no derivative).
    """

    high: np.ndarray
    low: np.ndarray

    def __getitem__(self, key: Any) -> "Truth":
        return Truth(self.high[key], self.low[key])


class Format(NamedTuple):
    """A binary floating-point format: significant bits, and the exponents of its normal numbers."""

    precision: int
    smallest: int
    largest: int


_FORMATS = {
    np.dtype(np.float16): Format(11, -14, 15),
    np.dtype(ml_dtypes.bfloat16): Format(8, -126, 127),
    np.dtype(np.float32): Format(24, -126, 127),
    np.dtype(np.float64): Format(53, -1022, 1023),
}
_INTEGERS = {2: np.int16, 4: np.int32, 8: np.int64}
_NAN = np.iinfo(np.int64).max
_IGNORED, _IGNORED_DOUBLE = 2.0**-100, 2.0**-960


def dtype_of(dtype: Any) -> np.dtype:
    """The NumPy dtype of a name, bfloat16 included."""
    found = np.dtype(ml_dtypes.bfloat16 if str(dtype) == "bfloat16" else dtype)
    if found not in _FORMATS:
        raise TypeError(f"dtype must be float16, bfloat16, float32 or float64, not {dtype}")
    return found


def double(array: Any) -> np.ndarray:
    """The same numbers as float64."""
    with np.errstate(invalid="ignore"):  # signalling NaNs among the 65,536 inputs of a 16-bit type
        return np.asarray(array).astype(np.float64)


def every(dtype: Any) -> np.ndarray:
    """All 65,536 numbers of float16 or bfloat16, in the order of their bits."""
    found = dtype_of(dtype)
    if found.itemsize != 2:
        raise TypeError(f"dtype must be float16 or bfloat16, not {dtype}")
    return np.arange(2**16, dtype=np.uint16).view(found)


def grid(dtype: Any, kinks: Sequence[float] = (), count: int = DENSE, seed: int = 0) -> np.ndarray:
    """Inputs in ascending order (NaN last), always the same: `count` dense ones and every special one.

    Every exponent up to 64 and every fourth beyond, with both signs; half of `count` in [-20, 20], half in [-1, 1];
    kinks, 0 and the powers of two from 2^-16 to 2^16 with their neighbours up to 2 ULP away; subnormals; the largest
    numbers; +-0, +-inf and NaN.
    """
    found = dtype_of(dtype)
    precision, smallest, largest = _FORMATS[found]
    random = np.random.default_rng(seed)
    exponents = np.arange(smallest, largest + 1)
    normal = np.ldexp(random.uniform(1, 2, exponents.size), exponents)[(abs(exponents) <= 64) | (exponents % 4 == 0)]
    lengths = 2 ** np.arange(precision - 1)
    tiny = np.ldexp(random.integers(lengths, 2 * lengths).astype(np.float64), smallest - precision + 1)
    dense = [random.uniform(-20, 20, count // 2), random.uniform(-1, 1, count - count // 2)]
    with np.errstate(over="ignore", under="ignore"):
        drawn = np.concatenate([normal, -normal, tiny, -tiny, *dense]).astype(found)
    powers = np.ldexp(1.0, np.arange(-16, min(17, largest + 1)))
    centres = np.concatenate([[0.0], powers, -powers, np.asarray(kinks, dtype=np.float64)]).astype(found)
    near = (bits(centres)[:, None] + np.arange(-2, 3)).ravel()
    top = int(bits(np.array([np.inf], dtype=found))[0])
    edge = int(bits(np.array([2.0**smallest]).astype(found))[0])
    ends = np.array([top, top - 1, top - 2, edge + 1, edge, edge - 1, edge - 2, 3, 2, 1])
    whole = np.concatenate([bits(drawn), near, ends, -ends])
    distinct = _from_bits(np.unique(np.clip(whole, -top, top)), found)
    return np.concatenate([distinct, np.array([-0.0, np.nan], dtype=found)])


def bits(array: Any) -> np.ndarray:
    """Integers in the order of the numbers: a difference is a distance in ULP, -0 and 0 are one.

    Every NaN is the largest int64, so NaNs are equal and far from all else.
    """
    array = np.asarray(array)
    view = array.view(_INTEGERS[dtype_of(array.dtype).itemsize]).astype(np.int64)
    magnitude = view & ((1 << (8 * array.itemsize - 1)) - 1)
    return np.where(np.isnan(double(array)), _NAN, np.where(view < 0, -magnitude, magnitude))


def _from_bits(integers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    magnitude = np.abs(integers).astype(_INTEGERS[dtype.itemsize]).view(dtype)
    return np.where(integers < 0, -magnitude, magnitude).astype(dtype)


def ulp(truth_high: Any, dtype: Any) -> np.ndarray:
    """The spacing of the numbers of `dtype` at the truth, as float64; subnormal spacing below the normal range."""
    precision, smallest, largest = _FORMATS[dtype_of(dtype)]
    high = np.abs(double(truth_high))
    finite = np.where(np.isfinite(high), high, 0.0)
    exponent = np.where(np.isinf(high), largest, np.frexp(finite)[1] - 1)
    exponent = np.where(finite == 0.0, np.where(np.isinf(high), largest, smallest), exponent)
    spacing = np.ldexp(1.0, np.clip(exponent, smallest, largest) - precision + 1)
    return np.where(np.isnan(high), np.nan, spacing)


def errors(got: Any, truth: Truth, dtype: Any) -> np.ndarray:
    """|got - truth| in ULP of the truth.

    An overflow is right where the truth rounds to infinity or is within 1 ULP of the largest number. Where only
    one of the two is NaN the error is infinite: leave out the points where the truth is undefined.
    """
    return _errors(got, truth, dtype, np.zeros(()))


def excess(got: Any, truth: Truth, slope: Any, x: Any, dtype: Any) -> np.ndarray:
    """The error that clause C1 counts: max(0, |got - truth| - |slope| ulp(x)) in ULP of the truth.

    `slope` (an array or a Truth) is the derivative of the tested quantity at x: f' for a value, f'' for a
    derivative; NaN, where there is none, allows nothing. Absolute errors up to 2^-100 (float64: 2^-960) are ignored.
    """
    steep = np.abs(double(slope.high if isinstance(slope, Truth) else slope))
    at = double(x)
    allowed = np.where(np.isfinite(at) & ~np.isnan(steep), steep, 0.0)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        allowed = np.where(allowed == 0.0, 0.0, allowed * ulp(at, dtype))
        difference = np.abs((double(got) - truth.high) - truth.low)
    limit = _IGNORED_DOUBLE if dtype_of(dtype) == np.dtype(np.float64) else _IGNORED
    return np.where(difference <= limit, 0.0, _errors(got, truth, dtype, allowed))


def _errors(got: Any, truth: Truth, dtype: Any, allowed: np.ndarray) -> np.ndarray:
    value, high, spacing = double(got), truth.high, ulp(truth.high, dtype)
    largest = float(ml_dtypes.finfo(dtype_of(dtype)).max)
    last = float(ulp(largest, dtype))
    with np.errstate(all="ignore"):
        difference = np.abs((value - high) - truth.low)
        error = np.maximum(difference - allowed, 0.0) / spacing
        # 2^1024 stands for a truth beyond float64: the smallest that it can be.
        beyond = (largest - np.where(np.sign(value) == np.sign(high), np.abs(value), -np.abs(value))) / last + 1
        overflow = np.isinf(value) & (np.sign(value) == np.sign(high)) & (np.abs(high) + allowed >= largest - last)
    error = np.where(np.isinf(high) & np.isfinite(value), beyond, error)
    error = np.where(np.isinf(value), np.where(overflow, 0.0, np.inf), error)
    both = np.isnan(value) & np.isnan(high)
    return np.where(np.isnan(value) | np.isnan(high), np.where(both, 0.0, np.inf), error)


def round_to(truth: Truth, dtype: Any) -> np.ndarray:
    """The truth in `dtype`, rounded once, to nearest, ties to even."""
    found = dtype_of(dtype)
    high, low = np.asarray(truth.high), np.asarray(truth.low)
    if found == np.dtype(np.float64):
        return high.copy()
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        spacing = ulp(high, found)
        scaled = np.abs(np.where(np.isfinite(high), high, 0.0)) / spacing
        down = np.floor(scaled)
        rest, side = scaled - down, np.sign(low) * np.sign(high)
        odd = np.fmod(down, 2.0) == 1.0
        # `high` may lie on a tie that the truth does not: `low` knows the side.
        up = (rest > 0.5) | ((rest == 0.5) & ((side > 0) | ((side == 0) & odd)))
        rounded = np.copysign((down + up) * spacing, high)
        return np.where(np.isfinite(high), rounded, high).astype(found)
