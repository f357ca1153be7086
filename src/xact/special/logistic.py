"""The logistic function and its relatives.

Each is a rational function of e = exp(-|x|), which cannot overflow. -|x| is written as a selection, since the
derivative of abs at 0 is 0, that of exp(-|x|) there is not, and other transforms differentiate these
formulas.
"""

from xact.special.algebraic import bounded_product, product_error
from xact.special.polynomial import Fit, horner

__all__ = [
    "gelu_sigmoid",
    "gelu_sigmoid_derivative",
    "generalized_logistic",
    "generalized_logistic_derivative",
    "generalized_logistic_shape_derivative",
    "log_sigmoid",
    "logistic_pdf",
    "sigmoid",
    "sigmoid_power",
    "sigmoid_power_slope",
    "softplus",
    "x_mixture",
    "x_mixture_derivative",
    "x_sigmoid",
    "x_sigmoid_derivative",
    "x_sigmoid_power_derivative",
]
LOGARITHM_REST = Fit(
    single=(
        0.5, 0.333334446, 0.249926925, 0.201829106,
        0.143713564, 0.305515468, -0.559631228, 1.82419121,
        -2.29759097, 1.61248112,
    ),
    double=(
        0.5, 0.33333333333333504, 0.24999999999945263, 0.20000000006974383,
        0.16666666196566862, 0.14285733667317493, 0.12499466953473586, 0.11121461210746332,
        0.09852465442636547, 0.10678032835597029, -0.048068846997133895, 0.925576232630598,
        -4.240630401557829, 17.373299370278595, -54.78240613304803, 136.56594808375627,
        -263.78760248060865, 388.3332140520645, -420.9600071299215, 317.8952608649565,
        -149.7868497222117, 33.532746286423254,
    ),
)

RATE = Fit(  # 1.702, and what its rounding leaves
    single=(1.70200002, -2.19345093e-08),
    double=(1.702, 4.263256414560601e-17),
)


def sigmoid(x, /, *, xp):
    """1 / (1 + e^-x), as where(x < 0, e, 1) / (1 + e), e = exp(-|x|). Error: 3 / 2.5 ULP. Source: Higham,
    Accuracy and Stability of Numerical Algorithms (the quotient without overflow).
    """
    negative = x < 0
    e = xp.exp(xp.where(negative, x, -x))
    return xp.where(negative, e, 1.0) / (1 + e)


def softplus(x, /, *, xp):
    """log(1 + e^x), as max(x, 0) + log1p(exp(-|x|)). Error: 3 / 2.5 ULP. Source: Maechler, Accurately
    Computing log(1 - exp(-|a|)), 2012.
    """
    negative = x < 0
    return xp.where(negative, 0.0, x) + xp.log1p(xp.exp(xp.where(negative, x, -x)))


def log_sigmoid(x, /, *, xp):
    """-log(1 + e^-x), as min(x, 0) - log1p(exp(-|x|)). Error: 3 / 2.5 ULP. Source: as softplus."""
    negative = x < 0
    return xp.where(negative, x, 0.0) - xp.log1p(xp.exp(xp.where(negative, x, -x)))


def logistic_pdf(x, /, *, xp):
    """sigma(x) sigma(-x), the derivative of sigma, as e / (1 + e (2 + e)), e = exp(-|x|): (1 + e)^2 with one
    rounding less, and no difference 1 - sigma. Error: 3.5 / 2.5 ULP. Source: own. tanh'(x) is 4
    logistic_pdf(2 x).
    """
    e = xp.exp(xp.where(x < 0, x, -x))
    return e / (1 + e * (2 + e))


def x_sigmoid(x, y, /, *, xp):
    """x sigma(y), and its limit 0 at y = -inf, also for infinite x. Error: that of sigma and one rounding, 4
    / 3 ULP. Source: own. silu is y = x.
    """
    return xp.where(y == -xp.inf, 0.0, x) * xp.sigmoid(y)


def x_sigmoid_derivative(y, g, /, *, xp):
    """sigma(y) (1 + g sigma(-y)), the derivative of x sigma(y(x)) where g = x y'(x), as one quotient in e =
    exp(-|y|): e ((1 + g) + e) / (1 + e)^2 for y < 0, (1 + e (1 + g)) / (1 + e)^2 otherwise. Near its zero 1 +
    g is exact, so that the error there is one of e alone. Error: 2.5 / 2.5 ULP beside the change that 1 ULP
    of y makes (g = y). Source: own.
    """
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    h = 1 + xp.where(e == 0, 0.0, g)  # an infinite g times the vanished e
    return xp.where(negative, e * (h + e), 1 + e * h) / (1 + e * (2 + e))


def gelu_parts(x, xp):
    """y = 1.702 x, at most 1.7e29 in size, what the roundings of rate and product took from it, and e^-|y|."""
    rate, rest = RATE.of(x, xp)
    x = xp.clip(x, -1e29, 1e29)
    y, error = bounded_product(rate, x, xp)
    error = error + rest * xp.where(xp.abs(x) < 1000, x, 0.0)
    negative = y < 0
    return y, error, negative, xp.exp(xp.where(negative, y, -y))


def gelu_sigmoid(x, /, *, xp):
    """x sigma(1.702 x), and its limit 0 at -inf. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source:
    Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """
    _, error, negative, e = gelu_parts(x, xp)
    e = e + e * xp.where(negative, error, -error)
    weight = xp.where(negative, e, 1.0) / (1 + e)
    return xp.where(weight == 0, 0.0, x) * weight


def gelu_sigmoid_derivative(x, /, *, xp):
    """sigma(y) (1 + y sigma(-y)), y = 1.702 x, as in x_sigmoid_derivative, and its own derivative times the error of y,
    which near the zero of the first counts as much. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source:
    own.
    """
    y, error, negative, e = gelu_parts(x, xp)
    h = (1 + y) + error * (2 + xp.where(negative, y, -y) * ((1 - e) / (1 + e)))
    return xp.where(negative, e * (h + e), 1 + e * h) / (1 + e * (2 + e))


def x_mixture(x, y, p, q, /, *, xp):
    """x (p sigma(y) + q sigma(-y)), the weight as one quotient in e = exp(-|y|); where the weight vanishes 0, also
    for infinite x. Nothing cancels where p and q have one sign. Error: 4 / 4 ULP. Source: own.
    """
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    weight = xp.where(negative, p * e + q, p + q * e) / (1 + e)
    return xp.where(weight == 0, 0.0, x) * weight


def x_mixture_derivative(y, p, q, /, *, xp):
    """The derivative of x_mixture, p sigma(y) + q sigma(-y) + (p - q) y sigma(y) sigma(-y), where y / x is a number:
    (a + e (h + b e)) / (1 + e)^2, e = exp(-|y|), h = p (1 + y) + q (1 - y), with a, b = q, p for y < 0 and p, q
    otherwise. Error: 4 / 4 ULP beside the changes that 1 ULP of y, of p and of q make; the last two count near q =
    p / 11, for which the derivative touches 0. Source: own.
    """
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    z = xp.where(e == 0, 0.0, y)  # an infinite y times the vanished e
    h = p * (1 + z) + q * (1 - z)
    numerator = xp.where(negative, q + e * (h + p * e), p + e * (h + q * e))
    return numerator / (1 + e * (2 + e))


def generalized_exponents(x, shape, rate, xp):
    """z = log(shape) - rate x, e^-|z|, and log((1 + shape e^(-rate x))^(-1 / shape)) as a number and its error. For
    z > 0 that is (rate x - log(shape) - log1p(e^-z)) / shape, whose first term is large: exp turns its roundings
    into relative errors.
    """
    ones, exponent = xp.ones_like(x), xp.times(rate, x)
    shape, rate = shape * ones, rate * ones
    logarithm = xp.log(shape)
    z = logarithm - exponent
    positive = z > 0
    e = xp.exp(xp.where(positive, -z, z))
    near = positive & (exponent > -1000 * shape)  # beyond, the result is 0
    inner = xp.where(near, x, 0.0)
    product = rate * inner
    quotient = product / shape
    back = quotient * shape
    rest = (product - back) + (product_error(rate, inner, product, xp) - product_error(quotient, shape, back, xp))
    first = xp.where(positive & xp.logical_not(near), -1000.0, quotient)
    second = -(xp.where(positive, logarithm, 0.0) + xp.log1p(e)) / shape
    total = first + second
    return z, e, total, ((first - total) + second) + rest / shape


def generalized_logistic(x, shape, rate, /, *, xp):
    """(1 + shape e^(-rate x))^(-1 / shape), the power as an exponential with the error of its argument. Error: 4 / 4
    ULP. Source: own; the function is Richards', A flexible growth function for empirical use, 1959.
    """
    _, _, exponent, error = generalized_exponents(x, shape, rate, xp)
    y = xp.exp(exponent)
    return y + y * error


def generalized_logistic_derivative(x, shape, rate, factor, /, *, xp):
    """factor / shape sigma(z) y, y = generalized_logistic(x), z = log(shape) - rate x: its derivative by x for the
    factor rate, by the rate for the factor x. Error: 4.5 / 4 ULP beside the changes that 1 ULP of x, of the shape and
    of the rate make. Source: own.
    """
    z, e, exponent, error = generalized_exponents(x, shape, rate, xp)
    y = xp.exp(exponent)
    slope = factor / shape * ((y + y * error) / (1 + e))
    return xp.where(z <= 0, slope * e, slope)


def generalized_logistic_shape_derivative(x, shape, rate, /, *, xp):
    """(log(1 + e^z) - sigma(z)) y / shape^2, y and z as above: v^2 P(v), v = sigma(z), for z <= 0, where the difference
    cancels. Error: 8 / 8 ULP beside the changes that 1 ULP of x, of the shape and of the rate make. Source: own.
    """
    z, e, exponent, error = generalized_exponents(x, shape, rate, xp)
    y = xp.exp(exponent)
    v = xp.where(z <= 0, e, 1.0) / (1 + e)
    inside = xp.where(z <= 0, v, 0.0)
    rest = inside * inside * horner(inside, LOGARITHM_REST.of(x, xp))
    outer = xp.where((z <= 0) | (y == 0), 0.0, z) + xp.log1p(e) - v  # an infinite z times the vanished y
    return xp.where(z <= 0, rest, outer) * (y + y * error) / (shape * shape)


def power_parts(x, rate, power, xp):
    """e = exp(-|y|), y = rate x, 1 + e, what rounding took from it, over 1 + e, and e^(power y) for y < 0, 1 otherwise,
    with the error of its exponent.
    """
    y, error = bounded_product(rate, x, xp)
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    s = 1 + e
    exponent, rest = bounded_product(power, xp.where(negative, y, 0.0), xp)
    return negative, e, s, (e - (s - 1)) / s, xp.exp(exponent), rest + xp.where(negative, power * error, 0.0)


def sigmoid_power(x, rate, power, /, *, xp):
    """sigma(y)^power, y = rate x, power > 0, as (1 + e)^-power, times e^(power y) for y < 0, with the errors of 1 + e
    and of the exponents to first order. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own.
    """
    power = power * xp.ones_like(x)
    _, _, s, lost, scale, rest = power_parts(x, rate, power, xp)
    result = xp.pow(s, -power)
    return scale * (result + result * (rest - power * lost))


def sigmoid_power_slope(x, rate, power, /, *, xp):
    """sigma(y)^power sigma(-y), y = rate x: the derivative of sigmoid_power by x, over power rate. Error: 4 / 4 ULP
    beside the change that 1 ULP of x makes. Source: own.
    """
    power = power * xp.ones_like(x)
    negative, e, s, lost, scale, rest = power_parts(x, rate, power, xp)
    result = xp.pow(s, -power) / s
    return xp.where(negative, scale, e) * (result + result * (rest - (power + 1) * lost))


def x_sigmoid_power_derivative(x, rate, power, /, *, xp):
    """sigma(y)^power (1 + power y sigma(-y)), y = rate x: the derivative of x sigma(y)^power, as in
    x_sigmoid_derivative. Error: 4 / 4 ULP beside the changes that 1 ULP of x, of the rate and of the power make.
    Source: own.
    """
    y, error = bounded_product(rate, x, xp)
    negative = y < 0
    e = xp.exp(xp.where(negative, y, -y))
    h = xp.line(y, power, 0.0, 1.0) + power * error
    slope = xp.where(negative, h + e, 1 + e * h) / (1 + e)
    return xp.sigmoid_power(x, rate, power) * slope
