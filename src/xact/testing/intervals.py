"""A third number type for formulas: arrays of float64 intervals, thousands of points in one operation.

An interval encloses the exact value as the balls do, with float64's few bits: where they suffice, for the truth of a
float32 or 16-bit result, no ball is needed. Conditions are decided for all points at once: points that disagree raise
`Split`, and are evaluated apart.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from .fields import Undecided, Undefined, constant
from .formula import Formula
from .series import Series

# Bounds of one operation, and of one call of a library's function, taken to be within 8 ULP.
_ROUNDING, _FUNCTION = 2.0**-53, 2.0**-49
# Products below the normal numbers lose all their digits.
_TINY = 2.0**-1070
_UNDECIDED = 2

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


class Split(Exception):
    """The points of an array disagree about an order; `orders` has -1, 0, 1 or 2 (too close to tell) for each."""

    def __init__(self, orders: np.ndarray) -> None:
        super().__init__()
        self.orders = orders


class Interval:
    """Numbers within `radius` of `middle`, an array."""

    __slots__ = ("middle", "radius")

    def __init__(self, middle: Any, radius: Any) -> None:
        self.middle, self.radius = middle, radius

    def __add__(self, other: "Interval") -> "Interval":
        total = self.middle + other.middle
        if np.ndim(total) == 0 and Fraction(self.middle) + Fraction(other.middle) == Fraction(total):
            # Of constants: exponents stay the integers that they are.
            return Interval(total, self.radius + other.radius)
        return _rounded(total, self.radius + other.radius)

    def __sub__(self, other: "Interval | float") -> "Interval":
        return self + -_interval(other)

    def __neg__(self) -> "Interval":
        return Interval(-self.middle, self.radius)

    def __abs__(self) -> "Interval":
        return Interval(np.abs(self.middle), self.radius)

    def __mul__(self, other: "Interval | float") -> "Interval":
        b = _interval(other)
        if np.ndim(b.middle) == 0 and b.middle == 1 and b.radius == 0:
            return self
        spread = np.abs(self.middle) * b.radius + np.abs(b.middle) * self.radius + self.radius * b.radius
        return _rounded(self.middle * b.middle, spread)

    __rmul__ = __mul__

    def __truediv__(self, other: "Interval | float") -> "Interval":
        b = _interval(other)
        quotient, room = self.middle / b.middle, np.abs(b.middle) - b.radius
        spread = 2 * (self.radius + np.abs(quotient) * b.radius) / room
        return _rounded(quotient, np.where(room > 0, spread, np.inf))


def _interval(value: Any) -> Interval:
    return value if isinstance(value, Interval) else Interval(np.float64(value), np.float64(0))


def _rounded(middle: Any, spread: Any) -> Interval:
    return Interval(middle, spread + _ROUNDING * np.abs(middle) + np.where(spread > 0, _TINY, 0))


def _function(
    value: Callable[[Any], Any], slope: Callable[[Any], Any], bend: Callable[[Any], Any] = lambda x: 1 + np.abs(x)
) -> Any:
    """A function, from its value, its derivative, and a bound of |f''/f'|: to first order, with a factor of 2."""

    def apply(u: Interval) -> Interval:
        middle = np.asarray(value(u.middle), dtype=np.float64)
        spread = 2 * np.abs(slope(u.middle)) * u.radius + _FUNCTION * np.abs(middle) + _TINY
        near = u.radius * 2 * bend(u.middle) < 2.0**-10
        return Interval(middle, np.where(near, spread, np.inf))

    return staticmethod(apply)


def _saturating(value: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """A function whose derivative falls away from 0 on both sides: its largest is at the end next to 0."""

    def apply(u: Interval) -> Interval:
        middle = np.asarray(value(u.middle), dtype=np.float64)
        steepest = slope(np.maximum(np.abs(u.middle) - u.radius, 0.0))
        # Twice, as the slope is rounded.
        return Interval(middle, 2 * steepest * u.radius + _FUNCTION * np.abs(middle) + _TINY)

    return staticmethod(apply)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1 + e)


def _density(x: Any) -> Any:
    # The square is exact in two parts; its rounding alone would cost as many bits as it has.
    with np.errstate(under="ignore"):
        coarse = np.round(x * 2.0**20) / 2.0**20
        return np.exp(-coarse * coarse / 2) * np.exp(-(x - coarse) * (x + coarse) / 2) / math.sqrt(2 * math.pi)


def _sech(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return 2 * e / (1 + e * e)


def _inverse(x: Any) -> Any:
    return 1 / np.abs(x)


class Intervals:
    """Real numbers as arrays of intervals: the same functions as `Balls`."""

    exp = _function(np.exp, np.exp)
    expm1 = _function(np.expm1, np.exp)
    log = _function(np.log, _inverse, _inverse)
    log1p = _function(np.log1p, lambda x: 1 / (1 + x), lambda x: _inverse(1 + x))
    sqrt = _function(np.sqrt, lambda x: 0.5 / np.sqrt(x), _inverse)
    tanh = _saturating(np.tanh, lambda x: _sech(x) ** 2)
    sinh = _function(np.sinh, np.cosh)
    cosh = _function(np.cosh, lambda x: np.maximum(np.abs(np.sinh(x)), 1.0))
    sech = _function(_sech, _sech)
    sin = _function(np.sin, lambda x: 1.0)
    cos = _function(np.cos, lambda x: 1.0)
    tan = _function(np.tan, lambda x: 1 / np.cos(x) ** 2, lambda x: 1 + 2 * np.abs(np.tan(x)))
    arctan = _function(np.arctan, lambda x: 1 / (1 + x * x))
    arsinh = _function(np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x))
    erf = _saturating(_erf, lambda x: 2 * math.sqrt(2) * _density(x * math.sqrt(2)))
    erfc = _function(_erfc, lambda x: 2 * _density(x * math.sqrt(2)))
    sigmoid = _saturating(_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x))
    softplus = _function(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), _sigmoid)
    normal_density = _function(_density, lambda x: (1 + np.abs(x)) * _density(x))

    @staticmethod
    def add(a: Interval, b: Interval) -> Interval:
        return a + b

    @staticmethod
    def subtract(a: Interval, b: Interval) -> Interval:
        return a - b

    @staticmethod
    def multiply(a: Interval, b: Interval) -> Interval:
        return a * b

    @staticmethod
    def divide(a: Interval, b: Interval) -> Interval:
        return a / b

    @staticmethod
    def negate(a: Interval) -> Interval:
        return -a

    @staticmethod
    def absolute(a: Interval) -> Interval:
        return abs(a)

    @staticmethod
    def number(value: float | Fraction) -> Interval:
        middle = float(value)
        inexact = math.isfinite(middle) and Fraction(middle) != value
        return Interval(np.float64(middle), np.float64(_ROUNDING * abs(middle) if inexact else 0))

    def constant(self, name: str) -> Interval:
        middle = np.float64(math.pi if name == "pi" else math.e)
        return Interval(middle, _ROUNDING * middle)

    @staticmethod
    def order(a: Interval, b: Interval) -> int:
        """-1, 0 or 1 where all points agree."""
        apart = a.radius + b.radius
        equal = (apart == 0) & (a.middle == b.middle)
        # Two roundings on the way to the difference: a factor of 2 is far more than they need.
        difference = a.middle - b.middle
        decided = np.where(np.abs(difference) > 2 * apart, np.sign(difference), _UNDECIDED)
        orders = np.where(equal, 0, decided)
        if (orders != orders.flat[0]).any():
            raise Split(orders)
        if orders.flat[0] == _UNDECIDED:
            raise Undecided
        return int(orders.flat[0])

    def larger(self, a: Interval, b: Interval) -> Interval:
        return b if self.order(a, b) < 0 else a

    def smaller(self, a: Interval, b: Interval) -> Interval:
        return b if self.order(a, b) > 0 else a

    def sign(self, a: Interval) -> Interval:
        return self.number(self.order(a, self.number(0.0)))

    def power(self, a: Interval, b: Interval) -> Interval:
        exponent = float(b.middle) if b.radius == 0 and np.ndim(b.middle) == 0 else math.nan
        if exponent == 0.5:
            return self.sqrt(a)
        if not exponent.is_integer():
            return self.exp(b * self.log(a))
        result = self.number(1.0)
        for _ in range(abs(int(exponent))):
            result = result * a
        return result if exponent >= 0 else self.number(1.0) / result

    def normal_cdf(self, a: Interval) -> Interval:
        # Not erfc(-a / sqrt(2)) with an interval inside: in the tail it would be wide.
        middle = np.asarray(_erfc(-a.middle / math.sqrt(2)) / 2, dtype=np.float64)
        # The argument of erfc is rounded twice.
        radius = a.radius + 2 * _ROUNDING * np.abs(a.middle)
        near = radius * (2 + 2 * np.abs(a.middle)) < 2.0**-10
        spread = 2 * _density(a.middle) * radius + _FUNCTION * middle + _TINY
        return Interval(middle, np.where(near, spread, np.inf))


def by_intervals(
    expression: Formula, arrays: Mapping[str, Any], constants: Mapping[str, Any], wrt: str, order: int
) -> Interval:
    """The result in float64, with an infinite radius where it has none."""
    columns = {name: array.ravel() for name, array in arrays.items()}
    finite = np.all([np.isfinite(column) for column in columns.values()], axis=0)
    found = Interval(np.full(finite.shape, np.nan), np.full(finite.shape, np.inf))
    balls = Intervals()
    field: Any = Series(order, balls) if order else balls
    one = balls.number(1.0)
    with np.errstate(all="ignore"):
        run = expression.compile(field)
        fixed = {n: constant(v, field) for n, v in constants.items()}
        if order and wrt in fixed:
            fixed[wrt] = (*fixed[wrt], one)
        groups = [np.flatnonzero(finite)] if finite.any() else []
        while groups:
            group = groups.pop()
            env = fixed.copy()
            for name in columns.keys() & expression.names:
                number: Any = Interval(columns[name][group], np.zeros(len(group)))
                env[name] = ((number, one) if name == wrt else (number,)) if order else number
            try:
                result = run(env)
            except Split as split:
                groups += [group[split.orders == order] for order in np.unique(split.orders)]
                continue
            except (Undecided, Undefined):
                continue
            if order:
                result = result[order] * math.factorial(order) if len(result) > order else balls.number(0.0)
            found.middle[group], found.radius[group] = result.middle, result.radius
    return found


def close(result: Interval, bits: int, ties: int) -> Any:
    """Whether an interval is narrow enough, and not about the middle of two numbers of so many bits."""
    size = np.abs(result.middle)
    with np.errstate(invalid="ignore"):
        # An overflow decides nothing.
        narrow = np.isfinite(size) & ((result.radius <= size * 2.0**-bits) | (size + result.radius < 2.0**-900))
        rest = np.ldexp(np.frexp(size)[0], ties) % 1
    return narrow & (np.abs(rest - 0.5) > 2.0**-20) if ties else narrow
