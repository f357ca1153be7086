"""Exponentials near 0, where differences from 1 would cancel."""

import math

from xact.special.polynomial import Fit, horner

__all__ = ["expm1", "exponential_remainder", "log1mexp", "tangent_remainder"]

ARTANH = Fit(
    single=(
        1.0, 0.333331615, 0.200122982, 0.139825791,
        0.140788898,
    ),
    double=(
        1.0, 0.33333333333333076, 0.20000000000092874, 0.14285714272727057,
        0.11111112040373837, 0.09090870416252403, 0.07693307021152004, 0.06650187016337313,
        0.06055084364034609, 0.0416225325593041, 0.08522081781390699,
    ),
)
EXPONENTIAL_LOSS = Fit(
    single=(
        1.0, -0.49999997, 0.166666061, -0.0416613705,
        0.00831139553, -0.00134169229, 0.000146614577,
    ),
    double=(
        1.0, -0.49999999999999994, 0.16666666666666116, -0.04166666666651928,
        0.008333333331297805, -0.001388888872285185, 0.00019841261243318207, -2.480129359522053e-05,
        2.7550603743691316e-06, -2.7455304710435046e-07, 2.4057828051204933e-08, -1.514826562852119e-09,
    ),
)

EXPONENTIAL_REMAINDER = Fit(
    single=(
        0.5, -0.166666642, 0.0416662917, -0.00833105016,
        0.00138224161, -0.000188324761, 1.69281266e-05,
    ),
    double=(
        0.5, -0.1666666666666664, 0.04166666666665401, -0.008333333333096557,
        0.0013888888865978557, -0.0001984126853148021, 2.4801539739718985e-05, -2.7556179049708925e-06,
        2.753900275371731e-07, -2.4856214837612005e-08, 1.952715306431462e-09, -1.0509453754979482e-10,
    ),
)
EXPONENTIAL_GAIN = Fit(
    single=(
        1.0, 0.49999994, 0.166667014, 0.0416680872,
        0.0083267875, 0.00138357538, 0.000232847873,
    ),
    double=(
        1.0, 0.5, 0.1666666666666669, 0.04166666666666585,
        0.008333333333320187, 0.0013888888889282871, 0.00019841269864467447, 2.4801586495945534e-05,
        2.755730598534397e-06, 2.755802023618585e-07, 2.5050003919142874e-08, 2.067527857477613e-09,
        1.8974789551048011e-10,
    ),
)

# 1 / (k + 2)!, to less than a rounding for arguments up to 2.
REMAINDER_SERIES = Fit(
    single=tuple(1 / math.factorial(k + 2) for k in range(14)),
    double=tuple(1 / math.factorial(k + 2) for k in range(24)),
)


def expm1(x, /, *, xp):
    """e^x - 1: x P(|x|) for -0.7 < x < 0, that times e^x on the right of 0, a difference beyond 0.7.
    Error: 3.0 / 3.0 ULP. Source: as log1mexp.
    """
    positive = x > 0
    t = xp.where(positive, x, -x)
    inside = t < 0.7
    z = xp.where(inside, x, 0.5)
    e = xp.exp(x)
    center = z * horner(xp.where(inside, t, 0.5), EXPONENTIAL_LOSS.of(x, xp))
    return xp.where(inside, xp.where(positive, center * e, center), e - 1)


def expm1_short(x, xp):
    """e^x - 1 in fewer operations, x P(x) for -0.35 <= x <= 0.7, a difference beyond. Error: 3 / 3 ULP. Source: own."""
    inside = xp.clip(x, -0.35, 0.7)
    return xp.where(inside == x, inside * horner(inside, EXPONENTIAL_GAIN.of(x, xp)), xp.exp(x) - 1)


def log1mexp(x, /, *, xp):
    """log(1 - e^-x), x > 0: log(x P(x)) below 0.7, then -2 artanh(e / (2 - e)), e = e^-x, by a polynomial,
    because libraries' log1p loses digits near -0.4. Error: 4.5 / 3.5 ULP. Source: as softplus, the
    polynomials own.
    """
    small = x < 0.7
    z = xp.where(small, x, 0.5)
    e = xp.exp(-xp.where(small, 1.0, x))
    w = e / (2 - e)
    tail = -2 * w * horner(w * w, ARTANH.of(x, xp))
    return xp.where(small, xp.log(z * horner(z, EXPONENTIAL_LOSS.of(x, xp))), tail)


def log1mexp_derivative(x, xp):
    """1 / (e^x - 1), x > 0, and 0 from where it is below the normal numbers, before e^x overflows: a library that
    differentiates this would have infinity times 0.
    """
    farthest = 709.0 if x.dtype == xp.float64 else 88.0
    return xp.where(x > farthest, 0.0, 1 / xp.expm1(xp.clip(x, None, farthest)))


def exponential_remainder(x, /, *, xp):
    """e^x - 1 - x, x <= 0: x^2 P(-x) above -1, (e^x - 1) - x below, where little cancels. Error: 3 / 3 ULP.
    Source: own.
    """
    near = x > -1
    t = -xp.where(near, x, -0.5)
    return xp.where(near, t * t * horner(t, EXPONENTIAL_REMAINDER.of(x, xp)), (xp.exp(x) - 1) - x)


def tangent_remainder(x, /, *, xp):
    """e^x - 1 - x e^x, with S(t) = (e^t - 1 - t) / t^2 as -x^2 e^x S(-x) for -2 < x < 0 and -x^2 (1 - S(x) (1 - x)) for
    0 <= x < 1, where little cancels, e^x (1 - x) - 1 elsewhere. Error: 4 / 4 ULP. Source: own; S by its power series.
    """
    near = (x > -2) & (x < 1)
    t = xp.where(near, xp.abs(x), 0.5)
    series = horner(t, REMAINDER_SERIES.of(x, xp))
    z = xp.where(x < -800, -800.0, x)
    e = xp.exp(z)
    center = -t * t * xp.where(x < 0, e * series, 1 - series * (1 - t))
    return xp.where(near, center, e * (1 - z) - 1)


def log1p(w, xp):
    """log(1 + w), which libraries' log1p loses digits of near -0.4: 2 artanh(w / (2 + w)) for -1/2 < w < 1."""
    near = (w > -0.5) & (w < 1)
    inner = xp.where(near, w, 0.0)
    v = inner / (2 + inner)
    return xp.where(near, 2 * v * horner(v * v, ARTANH.of(w, xp)), xp.log(1 + w))
