"""The number types in which a formula is evaluated: balls, Taylor series of them (series.py), and mpmath numbers.

A field is an object with the arithmetic of one number type. Balls enclose the exact value with a rigorous bound,
so a comparison of two overlapping balls has no answer: it raises `Undecided`, and the caller adds precision.
"""

import math
import operator
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
