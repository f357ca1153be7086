"""gelu in its tanh form, x sigma(a x + b x^3), a = 2 sqrt(2 / pi), b = 0.044715 a.

Beyond |x| = 30 sigma is 0 or 1 in both precisions; x is held there, so that no power of it overflows.
"""

from xact.special.polynomial import Fit, horner

__all__ = ["gelu_tanh", "gelu_tanh_derivative"]

LINEAR = 1.5957691216057308
CUBIC = 0.07135481627260025

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


def gelu_tanh(x, /, *, xp):
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as x sigma(a x + b x^3). Error: @gelu_tanh@ beside the change
    that 1 ULP of x makes: the rounding of the cubic, up to 700 (float64), is amplified by exp. Source: Hendrycks and
    Gimpel 2016, arXiv:1606.08415; sigma keeps the lower tail, 1 + tanh loses it.
    """
    z = xp.clip(x, -30.0, 30.0)
    return xp.where(x < -30, -30.0, x) * xp.sigmoid(z * (LINEAR + CUBIC * (z * z)))


def gelu_tanh_derivative(x, /, *, xp):
    """sigma(y) (1 + x y' sigma(-y)), y = a x + b x^3, as in x_sigmoid_derivative; within 1/4 of its zero -0.7525 a
    polynomial in the distance from it. Error: @gelu_tanh_derivative@ beside the change that 1 ULP of x makes.
    Source: own.
    """
    root, value = SLOPE_ROOT.of(x, xp)
    z = xp.clip(x, -30.0, 30.0)
    square = z * z
    closed = xp.x_sigmoid_derivative(z * (LINEAR + CUBIC * square), z * (LINEAR + 3 * CUBIC * square))
    near = xp.abs(z - root) < 0.25
    d = xp.where(near, z, root) - root
    return xp.where(near, d * horner(d, SLOPE.of(x, xp)) + value, closed)
