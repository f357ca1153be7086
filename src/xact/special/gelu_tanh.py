"""gelu in its tanh form, x sigma(y), y = a x + b x^3, a = 2 sqrt(2 / pi), b = 0.044715 a."""

from xact.special.polynomial import Fit, horner

__all__ = ["gelu_tanh", "gelu_tanh_derivative"]

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
        0.430400074, 0.387518376, -0.0157828722, -0.11393629,
        -0.0166162029, 0.0194195583, 0.00516067306,
    ),
    double=(
        0.4304000910248585, 0.38751844613578895, -0.01578285352184968, -0.1139444830809583,
        -0.016619328342624872, 0.019682309459657894, 0.005261059213815733, -0.002422731829037907,
        -0.0009274401400614234, 0.0002639268695582898, 0.00012420792852883933, -3.493802564633536e-05,
        -1.5430854239553368e-05, 5.70614075043244e-06,
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


def exponential(x, xp):
    """x held where e^-|y| becomes 0, then e and r: e^-|y| = e (1 + r), r of the size of one rounding of y.
    exp turns the absolute error of its argument, up to 700, into a relative one, hence y(t) = y(n d) +
    (t - n d) (a + b (t^2 + t n d + (n d)^2)), n an integer, d such that b d^3 is nearly 2^-k, and y(n d) =
    2^-k n (n^2 + c) + n (p + q n^2), c an integer: the first term is exact, the others are small. Error:
    e^-|y| has that of exp and half a rounding. Source: own, after Cody, Rational Chebyshev approximations for
    the error function, 1969.
    """
    farthest, density, step, shift, unit, linear, cubic = SPLIT.of(x, xp)
    z = xp.clip(x, -farthest, farthest)
    t = xp.where(z < 0, z, -z)  # by selection, because abs has derivative 0 at 0
    n = xp.round(t * density)
    square = n * n
    head = n * step
    exact = n * (square + shift) * unit
    small = n * (linear + cubic * square) + (t - head) * (LINEAR + CUBIC * (t * (t + head) + head * head))
    y = exact + small
    return z, xp.exp(y), (exact - y) + small


def gelu_tanh(x, /, *, xp):
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as x sigma(y), y = a x + b x^3: sigma is
    e / (1 + e - r) for x < 0, 1 / (1 + e) otherwise, where e r is less than a rounding of the sum. Error:
    4 / 3.5 ULP. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415; sigma keeps the lower tail, 1 + tanh
    loses it.
    """
    z, e, rest = exponential(x, xp)
    negative = x < 0
    return xp.where(negative, z * e, x) / (1 + (e - xp.where(negative, rest, 0.0)))


def gelu_tanh_derivative(x, /, *, xp):
    """sigma(y) (1 + x y' sigma(-y)), y = a x + b x^3, as in x_sigmoid_derivative, with 1 + x y' as
    (1 + a x) + 3 b x^3, whose first sum is nearly exact; within 1/4 of its zero -0.7525 a polynomial in the
    distance from it. Error: 4 / 4 ULP beside the change that 1 ULP of x makes. Source: own.
    """
    root, value = SLOPE_ROOT.of(x, xp)
    z, e, rest = exponential(x, xp)
    e = e + e * rest
    h = (1 + LINEAR * z) + z * z * (3 * CUBIC * z)
    closed = xp.where(x < 0, e * (h + e), 1 + e * h) / (1 + e * (2 + e))
    near = xp.abs(z - root) < 0.25
    d = xp.where(near, z, root) - root
    return xp.where(near, d * horner(d, SLOPE.of(x, xp)) + value, closed)
