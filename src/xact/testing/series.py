"""Taylor series of balls, by which a formula is differentiated."""

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .fields import Balls, Undefined

Number = tuple[Any, ...]
Slope = Callable[["Series", Number], Number]

# The derivative of each function, as a function of series.
_SLOPES: dict[str, Slope] = {
    "expm1": lambda f, u: f.exp(u),
    "log": lambda f, u: f.divide(f.one, u),
    "log1p": lambda f, u: f.divide(f.one, f.add(f.one, u)),
    "sqrt": lambda f, u: f.divide(f.half, f.sqrt(u)),
    "tanh": lambda f, u: f.square(f.sech(u)),
    "sech": lambda f, u: f.negate(f.multiply(f.sech(u), f.tanh(u))),
    "sinh": lambda f, u: f.cosh(u),
    "cosh": lambda f, u: f.sinh(u),
    "sin": lambda f, u: f.cos(u),
    "cos": lambda f, u: f.negate(f.sin(u)),
    "tan": lambda f, u: f.divide(f.one, f.square(f.cos(u))),
    "arctan": lambda f, u: f.divide(f.one, f.add(f.one, f.square(u))),
    "arsinh": lambda f, u: f.divide(f.one, f.sqrt(f.add(f.one, f.square(u)))),
    "erf": lambda f, u: f.divide(f.exp(f.negate(f.square(u))), (f.root_of_pi / 2,)),
    "erfc": lambda f, u: f.divide(f.exp(f.negate(f.square(u))), (-f.root_of_pi / 2,)),
    "sigmoid": lambda f, u: f.multiply(f.sigmoid(u), f.sigmoid(f.negate(u))),
    "softplus": lambda f, u: f.sigmoid(u),
    "normal_cdf": lambda f, u: f.normal_density(u),
    "normal_density": lambda f, u: f.negate(f.multiply(u, f.normal_density(u))),
}


class Series:
    """Taylor series up to one degree: tuples of balls, shorter where the higher coefficients are exactly 0.

    balls: the field of the coefficients.
    """

    def __init__(self, degree: int, balls: Any = None) -> None:
        self.length = degree + 1
        self.balls = balls or Balls()
        self.lower = Series(degree - 1, self.balls) if degree else self
        self.zero = self.balls.number(0.0)
        self.one: Number = (self.balls.number(1.0),)
        self.half: Number = (self.balls.number(0.5),)
        self.root_of_pi: Any = self.balls.sqrt(self.balls.constant("pi"))
        for name, slope in _SLOPES.items():
            setattr(self, name, self._function(getattr(self.balls, name), slope))

    def __getattr__(self, name: str) -> Any:  # the functions that __init__ makes
        raise AttributeError(name)

    def _function(self, value: Callable[[Any], Any], slope: Slope) -> Callable[[Number], Number]:
        return lambda u: self._chain(u, value(u[0]), slope)

    def _chain(self, u: Number, value: Any, slope: Slope) -> Number:
        """f(u) from f(u[0]) and the series of f'(u), which is needed to one degree less."""
        if len(u) == 1 or self.length == 1:
            return (value,)
        inner = slope(self.lower, u[: self.length - 1])
        if self.length == 2:
            return (value, inner[0] * u[1])
        outer = self.multiply(inner, tuple(k * c for k, c in enumerate(u))[1:])
        return (value, *(c / (k + 1) for k, c in enumerate(outer[: self.length - 1])))

    def exp(self, u: Number) -> Number:
        value = self.balls.exp(u[0])
        if len(u) == 1 or self.length == 1:
            return (value,)
        out = [value]
        for k in range(1, self.length):
            terms = (j * u[j] * out[k - j] for j in range(1, min(k, len(u) - 1) + 1))
            out.append(sum(terms, self.zero) / k)
        return tuple(out)

    def number(self, value: float | Fraction) -> Number:
        return (self.balls.number(value),)

    def constant(self, name: str) -> Number:
        return (self.balls.constant(name),)

    def add(self, a: Number, b: Number) -> Number:
        if len(a) < len(b):
            a, b = b, a
        return (*map(operator.add, a, b), *a[len(b) :])

    def subtract(self, a: Number, b: Number) -> Number:
        return self.add(a, self.negate(b))

    def negate(self, a: Number) -> Number:
        return tuple(map(operator.neg, a))

    def multiply(self, a: Number, b: Number) -> Number:
        if len(a) < len(b):
            a, b = b, a
        if len(b) == 1:
            return tuple([c * b[0] for c in a])
        if self.length == 2:
            return (a[0] * b[0], a[0] * b[1] + a[1] * b[0])
        out = []
        for k in range(min(self.length, len(a) + len(b) - 1)):
            span = range(max(0, k - len(b) + 1), min(k, len(a) - 1) + 1)
            out.append(sum((a[j] * b[k - j] for j in span), self.zero))
        return tuple(out)

    def square(self, a: Number) -> Number:
        return self.multiply(a, a)

    def divide(self, a: Number, b: Number) -> Number:
        if len(b) == 1:
            return tuple([c / b[0] for c in a])
        out: list[Any] = []
        for k in range(self.length):
            top = a[k] if k < len(a) else self.zero
            for j in range(1, min(k, len(b) - 1) + 1):
                top = top - b[j] * out[k - j]
            out.append(top / b[0])
        return tuple(out)

    def power(self, u: Number, exponent: Number) -> Number:
        if len(exponent) > 1:
            return self.exp(self.multiply(exponent, self.log(u)))
        less = exponent[0] - 1
        value = self.balls.power(u[0], exponent[0])
        return self._chain(u, value, lambda f, v: f.multiply(exponent, f.power(v, (less,))))

    def order(self, a: Number, b: Number) -> int:
        return self.balls.order(a[0], b[0])

    def _choose(self, a: Number, b: Number, sign: int) -> Number:
        order = self.order(a, b) * sign
        if order == 0 and (len(a) > 1 or len(b) > 1) and a != b:
            raise Undefined
        return b if order < 0 else a

    def larger(self, a: Number, b: Number) -> Number:
        return self._choose(a, b, 1)

    def smaller(self, a: Number, b: Number) -> Number:
        return self._choose(a, b, -1)

    def sign(self, a: Number) -> Number:
        order = self.balls.order(a[0], self.zero)
        if order == 0 and len(a) > 1:
            raise Undefined
        return (self.balls.number(float(order)),)

    def absolute(self, a: Number) -> Number:
        return (abs(a[0]),) if len(a) == 1 else self.multiply(a, self.sign(a))
