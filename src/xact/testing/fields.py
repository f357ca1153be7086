"""The number types in which a formula is evaluated: balls, Taylor series of balls, and mpmath numbers.

A field is an object with the arithmetic of one number type. Balls enclose the exact value with a rigorous bound,
so a comparison of two overlapping balls has no answer: it raises `Undecided`, and the caller adds precision.
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
from flint import arb, ctx, fmpq

# Inputs have at most 53 bits, so two numbers of a formula that agree in 4,096 bits are taken for equal.
_EQUAL = 4096


class Undecided(Exception):
    """The balls are too wide to choose a branch."""


class Undefined(ValueError):
    """There is no value, because no case applies, or no derivative: the point is a tie of max, min, | | or sign."""


class Balls:
    """Real numbers as balls of the current precision."""

    add = staticmethod(operator.add)
    subtract = staticmethod(operator.sub)
    multiply = staticmethod(operator.mul)
    divide = staticmethod(operator.truediv)
    negate = staticmethod(operator.neg)
    absolute = staticmethod(abs)
    exp = staticmethod(arb.exp)
    expm1 = staticmethod(arb.expm1)
    log = staticmethod(arb.log)
    log1p = staticmethod(arb.log1p)
    sqrt = staticmethod(arb.sqrt)
    tanh = staticmethod(arb.tanh)
    sinh = staticmethod(arb.sinh)
    cosh = staticmethod(arb.cosh)
    sech = staticmethod(arb.sech)
    sin = staticmethod(arb.sin)
    cos = staticmethod(arb.cos)
    tan = staticmethod(arb.tan)
    arctan = staticmethod(arb.atan)
    arsinh = staticmethod(arb.asinh)
    erf = staticmethod(arb.erf)
    erfc = staticmethod(arb.erfc)

    @staticmethod
    def number(value: float | Fraction) -> Any:
        """The exact value, enclosed."""
        return arb(fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else arb(value)

    @staticmethod
    def constant(name: str) -> Any:
        return arb.pi() if name == "pi" else arb(1).exp()

    @staticmethod
    def order(a: Any, b: Any) -> int:
        """-1, 0 or 1 as a < b, a = b or a > b."""
        if a < b:
            return -1
        if a > b:
            return 1
        if a == b or ctx.prec >= _EQUAL and a.is_finite() and b.is_finite():
            return 0
        raise Undecided

    @staticmethod
    def larger(a: Any, b: Any) -> Any:
        return a.max(b)

    @staticmethod
    def smaller(a: Any, b: Any) -> Any:
        return a.min(b)

    def sign(self, a: Any) -> Any:
        return arb(self.order(a, arb(0)))

    @staticmethod
    def power(a: Any, b: Any) -> Any:
        whole = b.unique_fmpz() if b.is_exact() and b.is_integer() else None
        return a**b if whole is None else a**whole

    @staticmethod
    def sigmoid(a: Any) -> Any:
        return 1 / (1 + (-a).exp())

    @staticmethod
    def softplus(a: Any) -> Any:
        return a.exp().log1p()

    @staticmethod
    def normal_cdf(a: Any) -> Any:
        return (-a / arb(2).sqrt()).erfc() / 2

    @staticmethod
    def normal_density(a: Any) -> Any:
        return (-a * a / 2).exp() / (2 * arb.pi()).sqrt()


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


class Mpmath:
    """mpmath numbers of a fixed precision, without error bounds: the independent check of the balls."""

    add, subtract, multiply, divide, negate = (
        Balls.add,
        Balls.subtract,
        Balls.multiply,
        Balls.divide,
        Balls.negate,
    )
    absolute, larger, smaller = staticmethod(abs), staticmethod(max), staticmethod(min)

    def __init__(self, bits: int = 300) -> None:
        self.context = mpmath.ctx_mp.MPContext()
        self.context.prec = bits
        names = {"arctan": "atan", "arsinh": "asinh", "normal_cdf": "ncdf", "normal_density": "npdf"}
        same = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sinh", "cosh", "sech", "sin", "cos", "tan")
        for name in (*same, "erf", "erfc", "sign", "power", *names):
            setattr(self, name, getattr(self.context, names.get(name, name)))

    def number(self, value: float | Fraction) -> Any:
        if isinstance(value, Fraction):
            return self.context.mpf(value.numerator) / value.denominator
        return self.context.mpf(value)

    def constant(self, name: str) -> Any:
        return +getattr(self.context, name)

    def order(self, a: Any, b: Any) -> int:
        return (a > b) - (a < b)

    def sigmoid(self, a: Any) -> Any:
        return 1 / (1 + self.context.exp(-a))

    def softplus(self, a: Any) -> Any:
        return self.context.log1p(self.context.exp(a))


def exact(value: Any) -> float | Fraction:
    """A parameter as the exact number it is."""
    if isinstance(value, int) and abs(value) > 2**53:
        return Fraction(value)
    if not math.isnan(number := float(value)):
        return number
    raise ValueError("a parameter of a formula is NaN")


def constant(value: Any, field: Any) -> Any:
    if isinstance(value, tuple):
        return [field.number(one) for one in value]
    return value if isinstance(value, str) else field.number(value)
