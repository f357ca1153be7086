"""The normal distribution and the error function.

The lower tail is Phi(-t) = exp(-t^2 / 2) P(q) / (t + 5/4), q = (t - 4) / (t + 4), t >= 0, one polynomial P
for all t. The 5/4 makes P nearly constant, so that the roundings in q hardly count.
"""

import math

from xact.special.algebraic import difference_error, product_error
from xact.special.polynomial import Fit, horner

__all__ = ["erf", "erf_derivative", "erfc", "normal_cdf", "normal_cdf_at", "normal_pdf", "normal_pdf_at"]
__all__ += ["x_normal_cdf", "x_normal_cdf_derivative", "x_normal_cdf_second_derivative"]

FARTHEST = 39.0  # exp(-t^2 / 2) is 0 from here in both precisions

TAIL = Fit(
    single=(
        0.495655864, -0.139302894, 0.0450944491, 0.0106732566,
        -0.0244815368, 0.0158157237, -0.00487607205, -0.000137823925,
        0.000647529028, -8.04923111e-05, -7.24730489e-05,
    ),
    double=(
        0.4956558668353369, -0.13930290771363968, 0.04509444855924117, 0.010673512219116867,
        -0.024481636401500282, 0.015813073609139673, -0.004875488072412469, -0.00012591963500984058,
        0.0006481010385933362, -0.0001058189773273878, -8.069110667285065e-05, 2.2407935847233808e-05,
        1.2551019378688686e-05, -3.639530846180308e-06, -2.4476425089852176e-06, 4.559076584326974e-07,
        5.286642200750154e-07, -1.1568388064155238e-08, -1.0889751614349992e-07, -1.7147081183692357e-08,
        1.783694975263012e-08, 5.88821061100436e-09, -1.631648197848607e-09, -7.86219491625772e-10,
    ),
)
GELU_TAIL = Fit(
    single=(
        0.377642572, 0.073694244, -0.110379621, 0.100307748,
        -0.0630626082, 0.0264287256, -0.00550987339, -0.000928511203,
        0.000879401981, -3.54920885e-05, -0.000104184008,
    ),
    double=(
        0.37764256520787576, 0.07369424422192969, -0.1103796206148391, 0.10030777139127851,
        -0.06306264153433612, 0.026428192962103227, -0.005509940667805316, -0.0009244369547230005,
        0.0008820813967469008, -4.887531521703125e-05, -0.00011650170503498427, 1.6618255533728762e-05,
        1.7931299655749397e-05, -2.602025086171997e-06, -3.277254892054855e-06, 1.9704320694704004e-07,
        6.522762695082239e-07, 5.551368235647866e-08, -1.287114583060767e-07, -3.139766589070292e-08,
        2.405972044848865e-08, 6.5659025504068854e-09, -3.6105598596827946e-09,
    ),
)
GELU_CENTER = Fit(
    single=(
        0.398942292, -0.0664903596, 0.00997332856, -0.00118634396,
        0.000113502298, -7.66053836e-06,
    ),
    double=(
        0.3989422804014327, -0.06649038006690543, 0.009973557010035022, -0.0011873282154680343,
        0.00011543468751655941, -9.444655793103845e-06, 6.659679879655231e-07, -4.1224107514160815e-08,
        2.2704137585676e-09, -1.106432828275589e-10, 4.0743269774266276e-12,
    ),
)
MILLS_NUMERATOR = Fit(
    single=(
        0.5, 0.439261913, 0.183952689, 0.0408754386,
        0.00415234407,
    ),
    double=(),
)
MILLS_DENOMINATOR = Fit(
    single=(
        1.0, 1.67640877, 1.20548105, 0.471365154,
        0.102465652, 0.0104082711,
    ),
    double=(),
)
SLOPE = Fit(
    single=(
        -0.462211251, 0.103365898, -0.0604629181, 0.028083371,
        -0.00950522441, 0.00178820407, 0.00015612581, -0.000185395969,
        1.38060559e-05, 1.64635403e-05,
    ),
    double=(
        -0.4622112440495753, 0.10336589852195695, -0.06046293676785131, 0.02808335995304573,
        -0.009504950375084639, 0.001788260541310058, 0.00015461331259419432, -0.0001857757756654821,
        1.7477216467442935e-05, 1.8034946224740672e-05, -3.5389106149057796e-06, -2.2167672534991974e-06,
        4.921942701038313e-07, 3.4943869763546267e-07, -5.2431920005157925e-08, -6.336411773468414e-08,
        7.658197975341063e-10, 1.14342011753986e-08, 1.7671038705710358e-09, -1.7128147179162118e-09,
        -5.603780903716187e-10, 1.4934989125580393e-10, 7.266933611907862e-11,
    ),
)
SLOPE_ROOT = Fit(
    single=(
        0.751791537, -6.93438551e-09,
    ),
    double=(
        0.7517915246935645, -8.561341314312752e-18,
    ),
)
SLOPE_CENTER = Fit(
    single=(
        0.797884583, -0.265961468, 0.0598400235, -0.00948379561,
        0.00108582398,
    ),
    double=(
        0.7978845608028654, -0.26596152026762176, 0.0598413420602106, -0.009498625723666847,
        0.00115434687252034, -0.00011333583295789633, 9.323283900346842e-06, -6.584853049346171e-07,
        3.846195605077609e-08,
    ),
)
ERF = Fit(
    single=(
        1.12837911, -0.376126081, 0.112828314, -0.026757732,
        0.00471908273,
    ),
    double=(
        1.1283791670955126, -0.37612638903183476, 0.11283791670925353, -0.026866170632887928,
        0.00522397737302147, -0.0008548297753674966, 0.00012053335124353741, -1.4845849259707869e-05,
        1.4725865480556744e-06,
    ),
)


def distance(x, xp):
    """|x| up to 39; by selection, because abs has derivative 0 at 0."""
    z = xp.clip(x, -FARTHEST, FARTHEST)
    return xp.where(z < 0, -z, z)


def damped(factor, t, scale, xp):
    """factor exp(-scale t^2), |t| <= 39, scale 1/2 or 1. exp turns the absolute error of its argument into a
    relative one, hence t^2 = head^2 + (t - head) (t + head) with a head whose square is exact (Cody, Rational
    Chebyshev approximations for the error function, 1969).
    """
    steps = 2.0**20 if t.dtype == xp.float64 else 2.0**8
    head = xp.round(t * steps) * (1 / steps)
    rest = (head - t) * (head + t) * scale  # at most 0.04, where the cubic is exp(rest) - 1
    product = factor * xp.exp(head * head * -scale)
    return product + product * (rest * (1 + rest * (0.5 + rest * (1 / 6))))


def tail_variable(t):
    return (t - 4) / (t + 4)


def scaled_tail(t, xp):
    """Phi(-t) exp(t^2 / 2), t >= 0."""
    return horner(tail_variable(t), TAIL.of(t, xp)) / (t + 1.25)


def erfc(x, /, *, xp):
    """2 / sqrt(pi) times the integral of exp(-t^2) from x to inf: 2 Phi(-sqrt(2) |x|), with the exponent x^2,
    and 2 minus that for x < 0. Error: 4 / 4 ULP, relative, until it underflows. Source: Cody 1969, the
    polynomial own.
    """
    t = distance(x, xp)
    upper = damped(2 * scaled_tail(math.sqrt(2) * t, xp), t, 1.0, xp)
    return xp.where(x < 0, 2 - upper, upper)


def erf(x, /, *, xp):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x: x P(x^2) below 1/2, 1 - erfc(|x|) with the
    sign of x beyond. Error: 2.5 / 2.5 ULP. Source: Cody 1969, the polynomial own.
    """
    inside = xp.abs(x) < 0.5
    z = xp.where(inside, x, 0.0)
    t = distance(x, xp)
    outer = 1 - damped(2 * scaled_tail(math.sqrt(2) * t, xp), t, 1.0, xp)
    return xp.where(inside, z * horner(z * z, ERF.of(x, xp)), xp.where(x < 0, -outer, outer))


def erf_derivative(x, /, *, xp):
    """2 / sqrt(pi) exp(-x^2), with an exact exponent. Error: 3.5 / 3 ULP. Source: Cody 1969."""
    return damped(2 / math.sqrt(math.pi), distance(x, xp), 1.0, xp)


def normal_pdf(x, /, *, xp):
    """exp(-x^2 / 2) / sqrt(2 pi), with an exact exponent. Error: 3.5 / 3 ULP. Source: Cody 1969."""
    return damped(1 / math.sqrt(2 * math.pi), distance(x, xp), 0.5, xp)


def normal_cdf(x, /, *, xp):
    """Phi(x) = erfc(-x / sqrt(2)) / 2: the lower tail for x < 0, 1 minus that of -x otherwise.
    Error: 4.5 / 4 ULP, relative, also in the lower tail. Source: Cody 1969, the polynomial own.
    """
    t = distance(x, xp)
    lower = damped(scaled_tail(t, xp), t, 0.5, xp)
    return xp.where(x < 0, lower, 1 - lower)


def x_normal_cdf(x, /, *, xp):
    """x Phi(x) (gelu), as max(x, 0) - exp(-t^2 / 2) P(q), t = |x|, where P is t Phi(-t) exp(t^2 / 2) as one
    fit, and x (1/2 + x P(x^2)) inside 1. Error: 4 / 3.5 ULP, also in the lower tail until it underflows.
    Source: Cody 1969, the polynomials own.
    """
    t = distance(x, xp)
    outer = xp.where(x < 0, 0.0, x) - damped(horner(tail_variable(t), GELU_TAIL.of(x, xp)), t, 0.5, xp)
    inside = t < 1
    z = xp.where(inside, x, 0.0)
    return xp.where(inside, z * (0.5 + z * horner(z * z, GELU_CENTER.of(x, xp))), outer)


def x_normal_cdf_derivative(x, /, *, xp):
    """Phi(x) + x phi(x) (gelu'), as V(t) for x < 0 and 1 - V(t) otherwise, t = |x|, V(t) = exp(-t^2 / 2)
    D(t), D(t) = D(t0) + (t - t0) P(q) with t0 = 0.7518 the zero of V, rounded: digits are kept on both sides
    of the zero; inside 1/2 as 1/2 - t P(t^2). Error: 4 / 4 ULP. Source: own.
    """
    root, value = SLOPE_ROOT.of(x, xp)
    t = distance(x, xp)
    outer = damped((t - root) * horner(tail_variable(t), SLOPE.of(x, xp)) + value, t, 0.5, xp)
    lower = xp.where(t < 0.5, 0.5 - t * horner(t * t, SLOPE_CENTER.of(x, xp)), outer)
    return xp.where(x < 0, lower, 1 - lower)


def x_normal_cdf_second_derivative(x, /, *, xp):
    """phi(x) (2 - x^2) (gelu''). Error: 4.5 / 4 ULP beside the change that 1 ULP of x makes, which is more only at the
    zeros. Source: own.
    """
    z = xp.clip(x, -FARTHEST, FARTHEST)
    return xp.normal_pdf(z) * (2 - z * z)


def x_normal_cdf_short(x, xp):
    """x Phi(x) in float32 in fewer operations, as x (1 - r) for x > 0 and x r otherwise, r = exp(-t^2 / 2) N(t) / D(t),
    t = |x|, where N / D is Phi(-t) exp(t^2 / 2). Error: 4 ULP, and in the lower tail what half an ULP of x explains:
    the exponent is rounded. Source: own.
    """
    t = xp.minimum(xp.abs(x), FARTHEST)
    tail = horner(t, MILLS_NUMERATOR.single) / horner(t, MILLS_DENOMINATOR.single) * xp.exp(t * t * -0.5)
    return xp.maximum(x, -FARTHEST) * xp.where(x > 0, 1 - tail, tail)


def x_normal_cdf_derivative_short(x, xp):
    """x_normal_cdf_derivative in float32, the exponent rounded. Error: 4 ULP, and in the lower tail what half an ULP of
    x explains. Source: own.
    """
    root, value = SLOPE_ROOT.single
    t = xp.minimum(xp.abs(x), FARTHEST)
    square = t * t
    outer = ((t - root) * horner(1 - 8 / (t + 4), SLOPE.single) + value) * xp.exp(square * -0.5)
    lower = xp.where(t < 0.5, 0.5 - t * horner(square, SLOPE_CENTER.single), outer)
    return xp.where(x < 0, lower, 1 - lower)


def standardized(x, mean, deviation, xp):
    """(x - mean) / deviation, and what its roundings leave."""
    mean, deviation = mean + xp.zeros_like(x), deviation + xp.zeros_like(x)
    difference = x - mean
    t = difference / deviation
    near = xp.abs(t) < FARTHEST
    inner = xp.where(near, t, 0.0)
    back = inner * deviation
    rest = (difference - back) - product_error(inner, deviation, back, xp)
    rest = (rest + difference_error(x, mean, difference)) / deviation
    return t, xp.where(near, rest, 0.0)


def normal_cdf_at(x, mean, deviation, /, *, xp):
    """Phi(t), t = (x - mean) / deviation, plus phi(t) times the rounding error of t, which counts t times in the lower
    tail. Error: 4.5 / 4 ULP. Source: own.
    """
    t, rest = standardized(x, mean, deviation, xp)
    return xp.normal_cdf(t) + xp.normal_pdf(t) * rest


def normal_pdf_at(x, mean, deviation, /, *, xp):
    """phi(t) / deviation, t = (x - mean) / deviation, the derivative of Phi(t), corrected as normal_cdf_at. Error: 4 /
    4 ULP. Source: own.
    """
    t, rest = standardized(x, mean, deviation, xp)
    density = xp.normal_pdf(t) / deviation
    return density - density * (xp.clip(t, -FARTHEST, FARTHEST) * rest)
