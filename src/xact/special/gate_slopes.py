"""Derivatives of gated functions round their zero on the left, where two terms cancel.

Of x g(w), w = size e^y or size log(1 + e^y), y = rate x, the derivative is g(w) + y w' g'(w), where w' is by y. Round
the zero it is w' g'(w) ((1 + y) + rest), rest = g(w) / (w' g'(w)) - 1, a small positive number: 1 + y is nearly exact.
"""

from xact.special.algebraic import bounded_product
from xact.special.polynomial import Fit, horner

__all__ = [
    "elish_derivative",
    "hard_elish_derivative",
    "x_erf_exp_derivative",
    "x_erf_softplus_derivative",
    "x_tanh_exp_derivative",
    "x_tanh_softplus_scaled_derivative",
]

SINH_REST = Fit(
    single=(
        0.166666672, 0.0083333347, 0.000198410431, 2.75680122e-06,
        2.4825102e-08, 1.8257118e-10,
    ),
    double=(
        0.16666666666666666, 0.00833333333333334, 0.00019841269841267583, 2.7557319224306838e-06,
        2.5052108362288167e-08, 1.6059044795642e-10, 7.647139580924602e-13, 2.8118331908040232e-15,
        8.18537446849201e-18, 2.139081954400633e-20,
    ),
)
ERF_REST = Fit(
    single=(
        0.666666687, 0.266666532, 0.0761922449, 0.0169232432,
        0.00309631112, 0.000451230328, 7.92963037e-05, 8.47474951e-07,
        2.11486008e-06,
    ),
    double=(
        0.6666666666666666, 0.2666666666666667, 0.07619047619047345, 0.016931216931257875,
        0.0030784030780830357, 0.0004736004751112377, 6.314672513973646e-05, 7.429037006946019e-06,
        7.819877029180349e-07, 7.449314587445561e-08, 6.4627754693547286e-09, 5.259873308548179e-10,
        3.505297178381923e-11, 3.6180636558556605e-12, -1.2814148630739818e-14, 2.9483433133361276e-14,
    ),
)
SOFTPLUS_EXCESS = Fit(
    single=(
        0.5, -0.166666031, 0.0833159536, -0.0498129278,
        0.0322931483, -0.0204040222, 0.0107583618, -0.00385001022,
        0.000659890531,
    ),
    double=(
        0.5, -0.16666666666666613, 0.08333333333325475, -0.049999999995378935,
        0.03333333318878183, -0.02380952102802994, 0.017857106937682388, -0.013888559206585754,
        0.01110887237749401, -0.009079328040523079, 0.007529103989203821, -0.00626137558487979,
        0.005112858704896157, -0.003966262881617845, 0.002800658701564715, -0.0017158292890582835,
        0.0008666275623695805, -0.0003406435124526155, 9.659955610051592e-05, -1.7446143394879672e-05,
        1.4991171301095094e-06,
    ),
)
ELISH = Fit(
    single=(
        0.567296326, 0.490942508, 0.152102843, 0.0165433753,
        0.00495401444, 0.00405138684, 0.000636347802, -0.000279886968,
        -8.30589051e-05,
    ),
    double=(
        0.5672963285532555, 0.490942408326505, 0.15210075914216908, 0.01652637172278004,
        0.004886647044312515, 0.003910585263977746, 0.00048752836370776566, -0.0003280155277364467,
        -3.581049698014956e-05, 4.3906317518658206e-05, 4.836925706834296e-06, -4.919881877393779e-06,
        -2.2229796420769197e-07, 8.340436959417493e-07, 1.457425973220147e-07, -7.816038751910321e-08,
        -3.3781580317120847e-08, -3.990651349152508e-09,
    ),
)
ELISH_ROOT = Fit(
    single=(
        -0.881373584, 6.67035205e-10,
    ),
    double=(
        -0.881373587019543, -5.460740018287532e-18,
    ),
)
HARD_ELISH = Fit(
    single=(
        1.12903929, 0.837658465, 0.366579086, 0.113093697,
        0.0268463381, 0.00512873707, 0.000773554435, 7.24432393e-05,
    ),
    double=(
        1.1290392482681981, 0.8376584965445578, 0.36657985804808985, 0.11309994550096876,
        0.026871257162247683, 0.005183214769590371, 0.0008407743570304002, 0.00011760576356258123,
        1.4453566225475475e-05, 1.5820826956199312e-06, 1.5468676362143268e-07, 1.2906096719219996e-08,
        7.123930621573324e-10,
    ),
)
HARD_ELISH_ROOT = Fit(
    single=(
        -0.442854404, -2.83039392e-09,
    ),
    double=(
        -0.4428544010023886, -1.2161146240285525e-17,
    ),
)

# Beyond, exponentials are 0 or infinite in both precisions.
FAR = 1e30


def tanh_rest(w, xp):
    """sinh(2 w) / (2 w) - 1, |w| <= 3/2."""
    square = 4 * w * w
    return square * horner(square, SINH_REST.of(w, xp))


def erf_rest(w, xp):
    """erf(w) / (w erf'(w)) - 1, |w| <= 3/2."""
    square = w * w
    return square * horner(square, ERF_REST.of(w, xp))


def tanh_slope(w, xp):
    return 4 * xp.logistic_pdf(2 * w)


def of_exp(y, error, size, gate, slope, rest, xp):
    # e^80 times any size that counts is FAR; beyond e^88 the derivative that a library takes of this would be NaN.
    e = xp.exp(xp.clip(y, None, 80.0))
    w = xp.clip(size * (e + e * error), -FAR, FAR)
    outer = xp.where(xp.abs(w) > 30, 0.0, w) * slope(w)
    near = (y < -0.5) & (xp.abs(w) < 1.5)
    round_zero = ((1 + y) + error) + rest(xp.where(near, w, 0.5), xp)
    return xp.where(near, outer * round_zero, gate(w) + y * outer)


def of_softplus(y, error, size, gate, slope, rest, xp):
    w = size * xp.softplus(y)
    outer = size * xp.sigmoid(y) * slope(w)
    near = (y < -0.5) & (xp.abs(w) < 1.5)
    e = xp.exp(xp.where(near, y, -1.0))
    excess = e * horner(e, SOFTPLUS_EXCESS.of(y, xp))
    round_zero = ((1 + y) + error) + (excess + (1 + excess) * rest(xp.where(near, w, 0.5), xp))
    return xp.where(near, outer * round_zero, gate(w) + y * outer)


def x_tanh_exp_derivative(x, /, *, xp):
    """tanh(u) + x u (1 - tanh(u)^2), u = e^x. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own."""
    y = xp.clip(x, -800.0, 80.0)
    return of_exp(y, 0.0, 1.0, xp.tanh, lambda w: tanh_slope(w, xp), tanh_rest, xp)


def x_tanh_softplus_scaled_derivative(x, size, /, *, xp):
    """tanh(s) + x s' (1 - tanh(s)^2), s = size log(1 + e^x). Error: 4 / 4 ULP beside the changes that 1 ULP of x and of
    the size make. Source: own.
    """
    y = xp.clip(x, -FAR, FAR)
    return of_softplus(y, 0.0, size, xp.tanh, lambda w: tanh_slope(w, xp), tanh_rest, xp)


def x_erf_exp_derivative(x, size, rate, /, *, xp):
    """erf(u) + y u erf'(u), u = size e^y, y = rate x. Error: 4 / 4 ULP beside the changes that 1 ULP of x, of the size
    and of the rate make. Source: own.
    """
    y, error = bounded_product(rate, x, xp)
    return of_exp(y, error, size, xp.erf, xp.erf_derivative, erf_rest, xp)


def x_erf_softplus_derivative(x, size, rate, /, *, xp):
    """erf(v) + x v' erf'(v), v = size log(1 + e^(rate x)). Error: 4 / 4 ULP beside the changes that 1 ULP of x, of the
    size and of the rate make. Source: own.
    """
    y, error = bounded_product(rate, x, xp)
    return of_softplus(y, error, size, xp.erf, xp.erf_derivative, erf_rest, xp)


def elish_derivative(x, /, *, xp):
    """That of (e^x - 1) sigma(x) for x < 0, e (e^2 + 2 e - 1) / (1 + e)^2, e = e^x, above -1.15 as (x - r) P(x), r its
    zero -0.8814; that of x sigma(x) otherwise. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own.
    """
    root, value = ELISH_ROOT.of(x, xp)
    near = (x < 0) & (x > -1.15)
    n = xp.where(near, x, -0.5)
    left = (n - root) * horner(n, ELISH.of(x, xp)) + value
    e = xp.exp(xp.where(x < 0, x, 0.0))
    far = e * (e * (e + 2) - 1) / ((1 + e) * (1 + e))
    return xp.where(near, left, xp.where(x < 0, far, xp.x_sigmoid_derivative(x, x)))


def hard_elish_derivative(x, /, *, xp):
    """That of (e^x - 1) (x + 1) / 2 on (-1, 0), (x - r) P(x), r its zero -0.4429; of x (x + 1) / 2 on [0, 1), else 0
    or 1. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own.
    """
    root, value = HARD_ELISH_ROOT.of(x, xp)
    m = xp.clip(x, -1.0, 1.0)
    n = xp.where(m < 0, m, 0.0)
    left = (n - root) * horner(n, HARD_ELISH.of(x, xp)) + value
    return xp.where(x <= -1, 0.0, xp.where(x >= 1, 1.0, xp.where(x < 0, left, m + 0.5)))
