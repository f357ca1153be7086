"""gelu in its tanh form, x sigma(y), y = a x + b x^3, a = 2 sqrt(2 / pi), b = 0.044715 a."""

from xact.special.polynomial import Fit, horner

__all__ = ["gelu_tanh", "gelu_tanh_derivative", "gelu_tanh_second_derivative"]

LINEAR = 1.5957691216057308
CUBIC = 0.07135481627260025

SPLIT = Fit(
    single=(
        11.0, 21.0688572, 0.0474634171, 9927.0,
        7.62939453e-06, 3.65582764e-06, 1.79585319e-10,
    ),
    double=(
        22.0, 8561.917430220185, 0.00011679626767602258, 1639414740.0,
        1.1368683772161603e-13, -2.8610983496005815e-14, 9.209849915565534e-24,
    ),
)
SLOPE = Fit(
    single=(
        0.170841739, 0.26936394, 0.133174688, -0.0109071983,
        -0.0335646421, -0.00841494277, 0.00305970479, 0.00185458839,
        0.000450584193, -0.000621009734, 0.00011052288,
    ),
    double=(
        0.17084174238237856, 0.2693639429612591, 0.13317452927072138, -0.0109068734728816,
        -0.03356025018686376, -0.008431421191436875, 0.003046692981016291, 0.002019994579763408,
        8.794904725169702e-05, -0.00024769291493075544, -6.962570067870531e-05, 1.7417246992997672e-05,
        1.307684966575129e-05, 3.702653253339306e-07, -1.6807613982747135e-06, -4.69344629284267e-07,
        2.9080842087230924e-07, -9.971073238711208e-08, 1.5537311918509995e-07, -9.854187250114687e-08,
        2.6146191681261055e-08, -2.612741097685136e-09,
    ),
)
SLOPE_ROOT = Fit(
    single=(
        -0.752461433, -4.88057683e-09,
    ),
    double=(
        -0.7524614220710163, -1.5647455740893692e-17,
    ),
)


def exponential(x, negative, xp):
    """x held where e^-|y| becomes 0, then e and r: e^-|y| = e (1 + r), r of the size of one rounding of y.
    exp turns the absolute error of its argument, up to 700, into a relative one, hence y(t) = y(n d) +
    (t - n d) (a + b (t^2 + t n d + (n d)^2)), n an integer, d such that b d^3 is nearly 2^-k, and y(n d) =
    2^-k n (n^2 + c) + n (p + q n^2), c an integer: the first term is exact, the others are small. r goes into
    a denominator of about 1, at no further rounding; it is 0 where x is not negative and e r does not count. Error:
    that of exp. Source: own, after Cody, Rational Chebyshev approximations for the error function, 1969.
    """
    farthest, density, step, shift, unit, linear, cubic = SPLIT.of(x, xp)
    z = xp.clip(x, -farthest, farthest)
    t = xp.where(negative, z, -z)  # by selection, because abs has derivative 0 at 0
    n = xp.round(t * density)
    square = n * n
    head = n * step
    exact = n * (square + shift) * unit
    small = n * (linear + cubic * square) + (t - head) * (LINEAR + CUBIC * (t * (t + head) + head * head))
    y = exact + small
    return z, xp.exp(y), xp.where(negative, (exact - y) + small, 0.0)


def gelu_tanh(x, /, *, xp):
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as x sigma(y), y = a x + b x^3: sigma is
    e / (1 + e - r) for x < 0, 1 / (1 + e) otherwise. Error: 3 / 3 ULP beside the change that 1 ULP of x
    makes, 5 / 4 without it. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415; sigma keeps the lower tail,
    1 + tanh loses it.
    """
    z, e, rest = exponential(x, x < 0, xp)
    return xp.where(x < 0, z * e, x) / (1 + (e - rest))


def gelu_tanh_derivative(x, /, *, xp):
    """sigma(y) (1 + x y' sigma(-y)), y = a x + b x^3, as in x_sigmoid_derivative, with 1 + x y' as
    (1 + a x) + 3 b x^3, whose first sum is nearly exact; in [-7/4, -5/16], round its zero r = -0.7525 and its
    minimum, (x - r) P(x + 3/2). Error: 4 / 3.5 ULP beside the change that 1 ULP of x makes, 6.5 / 5 without
    it. Source: own.
    """
    root, value = SLOPE_ROOT.of(x, xp)
    z, e, rest = exponential(x, x < 0, xp)
    h = (1 + LINEAR * z) + z * z * (3 * CUBIC * z)
    closed = xp.where(x < 0, e * (h + e), 1 + e * h) / (1 + (e * (2 + e) - rest))
    near = xp.abs(z + 1.03125) < 0.71875
    inside = xp.where(near, z, root)
    polynomial = (inside - root) * horner(inside + 1.5, SLOPE.of(x, xp)) + value
    return xp.where(near, polynomial, closed)


def gelu_tanh_second_derivative(x, /, *, xp):
    """s'(y) (2 y' + x y'' - x y'^2 tanh(y / 2)), y = a x + b x^3, s' = sigma(y) sigma(-y), at -|x|, because it is even
    and only there e^-|y| comes with its r; -tanh(y / 2) is 1 - 2 e / (1 + e). Error: 5 / 5 ULP beside the change that 1
    ULP of x makes, which is more only at the zeros +-1.4185. Source: own.
    """
    z = xp.where(x < 0, x, -x)
    z, e, rest = exponential(z, z <= 0, xp)  # at 0 too: a derivative takes the branch whose formula follows
    square = z * z
    slope = LINEAR + 3 * CUBIC * square
    # 2 y' + x y'' + x y'^2, in powers of x.
    whole = 2 * LINEAR + z * (LINEAR**2 + z * (12 * CUBIC + z * (6 * LINEAR * CUBIC + (9 * CUBIC**2) * square)))
    bend = whole - 2 * (z * slope) * (slope * (e / (1 + e)))
    return e * bend / (1 + (e * (2 + e) - rest))
