"""Phases, and what the derivatives of squared sines need."""

import math

from xact.special.algebraic import at_zero
from xact.special.polynomial import Fit

__all__ = ["one_plus_cosine", "one_plus_sine", "phase", "sine_plus_cosine", "sine_square_slope"]

QUARTER = Fit(  # pi / 4, and what its rounding leaves
    single=(0.785398185, -2.18556941e-08),
    double=(0.7853981633974483, 3.061616997868383e-17),
)


def phase(x, frequency, /, *, xp):
    """frequency x; 0 where a finite x makes it overflow: a rounding there is many periods, so that any phase is as
    good, and sin(inf) is none. Error: 0.5 / 0.5 ULP. Source: own.
    """
    y = xp.times(frequency, x)
    return xp.where(xp.isinf(y) & xp.logical_not(xp.isinf(x)), 0.0, y)


def one_plus_sine(y, size, /, *, xp):
    """1 + size sin(2 y); where the sine is below -1/2 as (1 - size) + 2 size sin(y + pi / 4)^2, which for size 1 keeps
    its digits at the zeros; the low part of pi / 4 by first order. Error: 4 / 4 ULP beside the changes that 1 ULP of
    y and of size make. Source: own.
    """
    quarter, rest = QUARTER.of(y, xp)
    z = y + quarter
    s = xp.sin(z) + rest * xp.cos(z)
    sine = 2 * xp.sin(y) * xp.cos(y)
    return xp.where(sine > -0.5, 1 + size * sine, (1 - size) + size * (2 * s * s))


def one_plus_cosine(y, size, /, *, xp):
    """1 + size cos(y); where the cosine is below -1/2 as (1 - size) + 2 size cos(y / 2)^2, which for size 1 keeps its
    digits at the zeros. Error: 4 / 4 ULP beside the changes that 1 ULP of y and of size make. Source: own.
    """
    cosine, half = xp.cos(y), xp.cos(y / 2)
    return xp.where(cosine > -0.5, 1 + size * cosine, (1 - size) + size * (2 * half * half))


def sine_plus_cosine(y, /, *, xp):
    """sin(y) + cos(y), about its zero -pi / 4 as sqrt(2) sin(y + pi / 4), the low part of pi / 4 by first order.
    Error: 4 / 4 ULP beside the change that 1 ULP of y makes. Source: own.
    """
    quarter, rest = QUARTER.of(y, xp)
    z = y + quarter
    near = xp.abs(z) < 0.4
    return xp.where(near, math.sqrt(2) * (xp.sin(xp.where(near, z, 0.0)) + rest), xp.sin(y) + xp.cos(y))


def sine_square_slope(x, frequency, /, *, xp):
    """The derivative of sin(a x)^2 / a by a, y = a x: (x cos(y) - sin(y) / (2 a)) 2 sin(y) / a, x^2 at a = 0; between
    |y| = 1/2 and 4 as (x sin(2 y) - (1 - cos(2 y)) / (2 a)) / a, where near the first zero, y = 1.17, less cancels.
    Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own.
    """
    y = xp.phase(x, frequency)
    middle = (xp.abs(y) > 0.5) & (xp.abs(y) < 4)
    angle = xp.where(middle, 2 * y, y)
    s, c = xp.sin(angle), xp.cos(angle)
    divisor = at_zero(frequency, 1.0, frequency, xp)
    half = 0.5 / divisor
    doubled = (xp.where(middle, x, 0.0) * s - half) + half * c
    quotient = half * s
    # Half of a tiny frequency's reciprocal overflows.
    quotient = xp.where(xp.abs(quotient) < xp.inf, quotient, s / divisor / 2)
    slope = xp.where(middle, doubled, (x * c - quotient) * (2 * s)) / divisor
    return xp.where((frequency == 0) & (y == 0), x * x, slope)
