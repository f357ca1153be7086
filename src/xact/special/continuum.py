"""The continuum of logarithm, line and exponential that soft_exponential runs through, for a rate of any sign."""

from xact.special.algebraic import product_error
from xact.special.exponential import log1p
from xact.special.polynomial import Fit, horner

__all__ = ["soft_exponential", "soft_exponential_rate_derivative", "soft_exponential_slope"]

EXPONENTIAL = Fit(
    single=(
        0.5, 0.333333343, 0.125, 0.0333333425,
        0.00694443891, 0.00119045237, 0.000173611581, 2.20734746e-05,
        2.49176765e-06, 2.41567648e-07, 1.50740735e-08,
    ),
    double=(
        0.5, 0.3333333333333333, 0.125, 0.033333333333333326,
        0.006944444444444504, 0.0011904761904762491, 0.0001736111111108287, 2.204585537886449e-05,
        2.4801587307501705e-06, 2.5052108472960857e-07, 2.2964432212215987e-08, 1.9270840786464735e-09,
        1.4911956650473712e-10, 1.0706746825413268e-11, 7.173140677662907e-13, 4.4896225919811577e-14,
        2.5073772642921916e-15, 9.45392340648019e-17,
    ),
)
LOGARITHMIC = Fit(
    single=(
        0.5, -1.33333337, 1.66666746, -1.73333395,
        1.79991853, -1.82846737, 1.85995471, -1.8779006,
        1.84642315, -1.80599689, 2.17410374, -2.67044115,
        1.6534698,
    ),
    double=(
        0.5, -1.3333333333333333, 1.6666666666666679, -1.7333333333333316,
        1.799999999999493, -1.8285714285713923, 1.8571428572208932, -1.8730158730837188,
        1.8888888827054604, -1.89898988995413, 1.9090911959974548, -1.9160844814047462,
        1.9230686112075381, -1.9281846468975996, 1.9334872464480635, -1.9377191246632384,
        1.939386707419983, -1.93751087864789, 1.9592236821453115, -2.0125435529744293,
        1.9256767698740471, -1.6056531680136887, 1.7813329689969561, -2.9383335071746277,
        3.2395572024508197, -1.4477489268177215,
    ),
)


def logarithm(x, rate, xp):
    """w = -rate (x + rate) for a negative rate, of which log(1 + w) is taken; 0 otherwise."""
    return xp.where(rate < 0, -rate * (x + rate), 0.0)


def soft_exponential(x, rate, /, *, xp):
    """-log(1 - rate (x + rate)) / rate for a negative rate, x for 0, (e^(rate x) - 1) / rate + rate for a positive one.
    Error: 4 / 4 ULP beside the changes that 1 ULP of x and of the rate make. Source: Godfrey and Gashler 2015,
    arXiv:1602.01321.
    """
    rate = rate * xp.ones_like(x)
    divisor = xp.where(rate == 0, 1.0, rate)
    left = -log1p(logarithm(x, rate, xp), xp) / divisor
    e, square = xp.expm1(xp.where(rate > 0, rate * x, 0.0)), rate * rate
    # Near the rate 1 the left end, rate - 1 / rate, cancels.
    ends = ((e + square) + product_error(rate, rate, square, xp)) / divisor
    right = xp.where(rate > 0.5, ends, e / divisor + rate)
    return xp.where(rate < 0, left, xp.where(rate > 0, right, x))


def soft_exponential_slope(x, rate, /, *, xp):
    """Its derivative, 1 / (1 - rate (x + rate)) or e^(rate x); NaN where there is no logarithm. Error: 4 / 4 ULP beside
    the changes that 1 ULP of x and of the rate make. Source: as soft_exponential.
    """
    rate = rate * xp.ones_like(x)
    s = 1 + logarithm(x, rate, xp)
    right = xp.exp(xp.where(rate > 0, rate * x, 0.0 * xp.where(xp.isinf(x), 0.0, x)))
    return xp.where(rate < 0, xp.where(s < 0, xp.nan, 1 / xp.where(rate < 0, s, 1.0)), right)


def soft_exponential_rate_derivative(x, rate, /, *, xp):
    """Its derivative by the rate, 1 + x^2 / 2 for the rate 0; for a positive one 1 + (t e^t - e^t + 1) / rate^2,
    t = rate x; for a negative one 1 / (1 + w) + (log(1 + w) - w / (1 + w)) / rate^2, w = -rate (x + rate); near t = 0
    and w = 0 polynomials in the place of the quotients. Error: 4 / 4 ULP beside the changes that 1 ULP of x and of the
    rate make. Source: own.
    """
    rate = rate * xp.ones_like(x)
    positive, negative = rate > 0, rate < 0
    square = xp.where(rate == 0, 1.0, rate * rate)
    t = xp.clip(xp.where(negative, 0.0, rate * xp.where(positive, x, 0.0)), -800.0, None)
    near = (t > -2) & (t < 1)
    inner = xp.where(near, t, 0.0)
    polynomial = x * (x * horner(inner, EXPONENTIAL.of(x, xp)))
    right = 1 + xp.where(near, polynomial, ((t - 1) * xp.exp(t) + 1) / square)
    w = logarithm(x, rate, xp)
    s = 1 + w
    near = (w > -0.5) & (w < 1.5)
    inner = xp.where(near, w, 0.0)
    shifted = x + rate
    polynomial = shifted * (shifted * horner(inner / (2 + inner), LOGARITHMIC.of(x, xp)))
    safe = xp.where(s <= 0, 1.0, s)
    left = 1 / safe + xp.where(near, polynomial, (xp.log(safe) - (1 - 1 / safe)) / square)
    return xp.where(negative, xp.where(s < 0, xp.nan, left), right)
