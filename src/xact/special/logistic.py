"""The logistic function and its relatives.

Each is a rational function of e = exp(-|x|), which cannot overflow. -|x| is written as a selection, since the derivative
of abs at 0 is 0, that of exp(-|x|) there is not, and other transforms differentiate these formulas.
"""

from xact.special.polynomial import Fit, horner

__all__ = [
    "log1mexp",
    "log_sigmoid",
    "logistic_pdf",
    "sigmoid",
    "softplus",
    "x_sigmoid",
    "x_sigmoid_derivative",
]

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


def sigmoid(x, /, *, xp):
    """1 / (1 + e^-x), as where(x < 0, e, 1) / (1 + e), e = exp(-|x|). Error: @sigmoid@. Source: Higham,
    Accuracy and Stability of Numerical Algorithms (the quotient without overflow).
    """
    negative = x < 0
    e = xp.exp(xp.where(negative, x, -x))
    return xp.where(negative, e, 1.0) / (1 + e)


def softplus(x, /, *, xp):
    """log(1 + e^x), as max(x, 0) + log1p(exp(-|x|)). Error: @softplus@. Source: Maechler, Accurately
    Computing log(1 - exp(-|a|)), 2012.
    """
    negative = x < 0
    return xp.where(negative, 0.0, x) + xp.log1p(xp.exp(xp.where(negative, x, -x)))


def log_sigmoid(x, /, *, xp):
    """-log(1 + e^-x), as min(x, 0) - log1p(exp(-|x|)). Error: @log_sigmoid@. Source: as softplus."""
    negative = x < 0
    return xp.where(negative, x, 0.0) - xp.log1p(xp.exp(xp.where(negative, x, -x)))


def logistic_pdf(x, /, *, xp):
    """sigma(x) sigma(-x), the derivative of sigma, as e / (1 + e (2 + e)), e = exp(-|x|): (1 + e)^2 with one rounding
    less, and no difference 1 - sigma. Error: @logistic_pdf@. Source: own. tanh'(x) is 4 logistic_pdf(2 x).
    """
    e = xp.exp(xp.where(x < 0, x, -x))
    return e / (1 + e * (2 + e))


def x_sigmoid(x, y, /, *, xp):
    """x sigma(y), and its limit 0 at y = -inf, also for infinite x. Error: that of sigma and one rounding, @x_sigmoid@.
    Source: own. silu is y = x.
    """
    return xp.where(y == -xp.inf, 0.0, x) * xp.sigmoid(y)


def x_sigmoid_derivative(y, g, /, *, xp):
    """sigma(y) (1 + g sigma(-y)), the derivative of x sigma(y(x)) where g = x y'(x), as one quotient in e = exp(-|y|):
    e ((1 + g) + e) / (1 + e)^2 for y < 0, (1 + e (1 + g)) / (1 + e)^2 otherwise. Near its zero 1 + g is exact, so that
    the error there is one of e alone: @x_sigmoid_derivative@ beside the change that 1 ULP of y makes (g = y).
    Source: own.
    """
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    h = 1 + xp.where(e == 0, 0.0, g)  # an infinite g times the vanished e
    return xp.where(negative, e * (h + e), 1 + e * h) / (1 + e * (2 + e))


def log1mexp(x, /, *, xp):
    """log(1 - e^-x), x > 0: log(x P(x)) below 0.7, then -2 artanh(e / (2 - e)), e = e^-x, by a polynomial, because
    libraries' log1p loses digits near -0.4. Error: @log1mexp@. Source: as softplus, the polynomials own.
    """
    small = x < 0.7
    z = xp.where(small, x, 0.5)
    e = xp.exp(-xp.where(small, 1.0, x))
    w = e / (2 - e)
    tail = -2 * w * horner(w * w, ARTANH.of(x, xp))
    return xp.where(small, xp.log(z * horner(z, EXPONENTIAL_LOSS.of(x, xp))), tail)
