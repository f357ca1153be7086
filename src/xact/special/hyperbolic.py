"""tanh and functions made of it: polynomials near 0, where differences would cancel, exponentials of -|x|
elsewhere.
"""

import math

from xact.special.algebraic import difference_error
from xact.special.polynomial import Fit, horner

__all__ = ["log_cosh", "tanh", "tanhshrink", "x_tanh_exp", "x_tanh_softplus"]
__all__ += ["x_tanh_softplus_at", "x_tanh_softplus_at_derivative", "x_tanh_softplus_derivative"]
__all__ += ["x_tanh_softplus_second_derivative"]

TANHSHRINK = Fit(
    single=(
        0.333333343, -0.133333102, 0.0539634153, -0.0218295492,
        0.00869784784, -0.00320680346, 0.000923500862, -0.000142793186,
    ),
    double=(
        0.3333333333333333, -0.1333333333333331, 0.053968253968231523, -0.021869488535296695,
        0.008863235512566054, -0.003592127823422879, 0.0014558326516768139, -0.0005900175685254319,
        0.0002390884367049363, -9.67910218266933e-05, 3.8991741215043214e-05, -1.541627724102249e-05,
        5.777484136865915e-06, -1.9216974143833895e-06, 5.122767150793262e-07, -9.364144622965759e-08,
        8.538161901212156e-09,
    ),
)
LOG_COSH = Fit(
    single=(
        0.5, -0.0833329707, 0.0222163554, -0.00670951186,
        0.00207557832, -0.000554665516, 8.6054104e-05,
    ),
    double=(
        0.5, -0.08333333333333313, 0.022222222222204716, -0.006746031745439467,
        0.002186948843058455, -0.0007386028466072547, 0.00025657975920948954, -9.09856096555369e-05,
        3.276489941653655e-05, -1.1918687623522829e-05, 4.331402571628952e-06, -1.5281848212875655e-06,
        4.924539882543482e-07, -1.3068157325434964e-07, 2.4268051367700383e-08, -2.2764198082727952e-09,
    ),
)


def square_part(square, xp):
    """1 - tanh(x) / x for square = x^2 <= 1."""
    return square * horner(square, TANHSHRINK.of(square, xp))


def complement(t, xp):
    """1 - tanh(t), t >= 0."""
    e = xp.exp(-2 * xp.clip(t, 0.0, 400.0))
    return 2 * e / (1 + e)


def tanh(x, /, *, xp):
    """(e^x - e^-x) / (e^x + e^-x): x (1 - x^2 P(x^2)) below 1, 1 - 2 e / (1 + e), e = exp(-2 |x|), with the
    sign of x beyond. Error: 1.5 / 1.5 ULP. Source: as Cephes (Moshier), the polynomial own.
    """
    t = xp.abs(x)
    inside = t < 1
    z = xp.where(inside, x, 0.0)
    outer = 1 - complement(t, xp)
    return xp.where(inside, z * (1 - square_part(z * z, xp)), xp.where(x < 0, -outer, outer))


def tanhshrink(x, /, *, xp):
    """x - tanh(x): x^3 P(x^2) below 1, (|x| - 1) + 2 e / (1 + e), e = exp(-2 |x|), with the sign of x beyond,
    where nothing cancels. Error: 3.5 / 3.5 ULP. Source: own.
    """
    t = xp.abs(x)
    inside = t < 1
    z = xp.where(inside, x, 0.0)
    outer = (t - 1) + complement(t, xp)
    return xp.where(inside, z * square_part(z * z, xp), xp.where(x < 0, -outer, outer))


def log_cosh(x, /, *, xp):
    """log((e^x + e^-x) / 2): x^2 P(x^2) below 1, (|x| - log 2) + log1p(exp(-2 |x|)) beyond.
    Error: 2.5 / 2 ULP. Source: own.
    """
    t = xp.abs(x)
    inside = t < 1
    z = xp.where(inside, x, 0.0)
    square = z * z
    outer = (t - math.log(2)) + xp.log1p(xp.exp(-2 * xp.clip(t, 0.0, 400.0)))
    return xp.where(inside, square * horner(square, LOG_COSH.of(x, xp)), outer)


# From here on tanh(log(1 + e^x)) and its derivative's distance from 1 are rounded to 1 in both precisions, and e^(4 x)
# is still a float32 number.
SATURATED = 21.0


def mish_of(x, e):
    """x tanh(log(1 + e)), as x n / (n + 2), n = e (e + 2)."""
    n = e * (e + 2)
    return x * (n / (n + 2))


def mish_slope_of(x, e, xp):
    """Its derivative where e' = e, as a quotient of polynomials: e ((x + 1) + e ((x + 3/2) + m)) / d,
    d = 1 + e (2 + e (2 + m)), m = e (1 + e / 4). Grouped round 1 + x, so that nothing large cancels at its zero;
    where it is near 1/2 or more, 1/2 and the quotient less 1/2, whose roundings count less.
    """
    m = e * (1 + 0.25 * e)
    d = 1 + e * (2 + e * (2 + m))
    large = (x > -0.5) & (e > 0.6)
    less_half = e * (x + e * ((x + 0.5) + 0.5 * m)) - 0.5
    quotient = xp.where(large, less_half, e * ((x + 1) + e * ((x + 1.5) + m))) / d
    return xp.where(large, 0.5 + quotient, quotient)


def x_tanh_softplus(x, /, *, xp):
    """x tanh(log(1 + e^x)) (mish), as x n / (n + 2), n = e (e + 2), e = exp(min(x, 21)). Error: 4 / 4 ULP. Source:
    Misra 2019, arXiv:1908.08681; the rational form is well known.
    """
    x = xp.clip(x, -800.0, None)  # e^-800 is 0, times -inf
    return mish_of(x, xp.exp(xp.clip(x, None, SATURATED)))


def x_tanh_softplus_derivative(x, /, *, xp):
    """tanh(s) + x sigma(x) (1 - tanh(s)^2), s = log(1 + e^x) (mish'), as `mish_slope_of` has it, x up to 21.
    Error: 4 / 4 ULP beside the change that 1 ULP of x makes, which is more only at the zero, -1.1924. Source: own.
    """
    x = xp.clip(x, -800.0, SATURATED)
    return mish_slope_of(x, xp.exp(x), xp)


def x_tanh_softplus_derivative_short(x, xp):
    """x_tanh_softplus_derivative, digit by digit, in fewer operations: for e = e^x one comparison tells what is large,
    and no quotient is used twice.
    """
    z = xp.clip(x, -800.0, SATURATED)
    e = xp.exp(z)
    m = e * (1 + 0.25 * e)
    large = x > -0.5
    less_half = e * (z + e * ((z + 0.5) + 0.5 * m)) - 0.5
    quotient = xp.where(large, less_half, e * ((z + 1) + e * ((z + 1.5) + m))) / (1 + e * (2 + e * (2 + m)))
    return quotient + 0.5 * xp.astype(large, z.dtype)


def x_tanh_softplus_at(x, shift, /, *, xp):
    """x tanh(log(1 + e^(x + shift))). Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: as
    x_tanh_softplus.
    """
    x = xp.clip(x, -800.0, None)
    return mish_of(x, exp_of_sum(x, shift, xp))


def exp_of_sum(x, shift, xp):
    """e^min(x + shift, 21), corrected for the rounding of the sum: its exponent may be above that of x."""
    total = x + shift
    e = xp.exp(xp.clip(total, None, SATURATED))
    return e + e * xp.where(total < SATURATED, difference_error(x, -shift, total), 0.0)


def x_tanh_softplus_at_derivative(x, shift, /, *, xp):
    """Its derivative, x + shift up to 21. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: as
    x_tanh_softplus_derivative.
    """
    x = xp.clip(x, -800.0, None)
    x = xp.where(x + shift > SATURATED, SATURATED - shift, x)
    return mish_slope_of(x, exp_of_sum(x, shift, xp), xp)


def x_tanh_exp(x, /, *, xp):
    """x tanh(e^x), and its limit 0 at -inf. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: Liu and
    Di 2020, arXiv:2003.09855.
    """
    z = xp.clip(x, -800.0, 4.0)
    return xp.where(x > 4, x, z * xp.tanh(xp.exp(z)))


def x_tanh_softplus_second_derivative(x, /, *, xp):
    """sigma (1 - t^2) (2 + x (1 - sigma - 2 t sigma)), t = tanh(log(1 + e^x)) (mish''), as a quotient of polynomials in
    e = e^-|x|: 4 e p / d^3, times e once more for x > 0; in p the large terms are grouped as 2 + x and 1 - x. Error: 5
    / 5 ULP beside the change that 1 ULP of x makes, which is more only at the zeros -2.2564 and 1.4906. Source: own.
    """
    z = xp.clip(x, -800.0, 800.0)
    negative = z < 0
    e = xp.exp(xp.where(negative, z, -z))
    d = xp.where(negative, 2 + e * (2 + e), 1 + e * (2 + 2 * e))
    left = (2 + z) * d + 2 * e * (d - z * e * (2 + e))
    right = 2 * ((1 - z) + 2 * e * (1 + e)) + e * ((2 + z) * d - 4 * z)
    return 4 * e * xp.where(negative, left, e * right) / (d * d * d)
