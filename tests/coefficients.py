"""The polynomial coefficients of `xact.special`, computed to 300 bits.

`python tests/coefficients.py` prints them as they stand in the special files. Each fit interpolates its
function at Chebyshev nodes, with the fewest coefficients that keep the relative error below 2^-27 (float32),
2^-57 (float64); a quotient is fitted by least squares.
"""

import functools
import struct

import mpmath
from mpmath import mp, mpf

mp.prec = 300

BITS = {"single": 27, "double": 57}
TINY = mpf(2) ** -100


def interpolate(function, low, high, count):
    """Monomial coefficients, low order first, of the polynomial through `count` Chebyshev nodes."""
    nodes = [(low + high) / 2 + (high - low) / 2 * mpmath.cospi(mpf(2 * i + 1) / (2 * count))
             for i in range(count)]  # fmt: skip
    divided = [function(x) for x in nodes]
    for order in range(1, count):
        for i in range(count - 1, order - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order])
    coefficients = [divided[-1]]
    for x, value in zip(nodes[-2::-1], divided[-2::-1], strict=True):  # Newton's form, multiplied out
        shifted = [mpf(0), *coefficients]
        scaled = [x * c for c in coefficients] + [mpf(0)]
        coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
        coefficients[0] += value
    return coefficients


def relative_error(function, coefficients, low, high):
    points = [low + (high - low) * (i + mpf(1) / 3) / 60 for i in range(60)]
    return max(abs(mpmath.polyval(coefficients[::-1], x) / function(x) - 1) for x in points)


def fit(function, low, high, precision):
    """The shortest interpolant that meets the relative error of `precision`, rounded to its format."""
    low, high = mpf(low), mpf(high)
    for count in range(3, 40):
        coefficients = interpolate(function, low, high, count)
        if relative_error(function, coefficients, low, high) < mpf(2) ** -BITS[precision]:
            return tuple(nearest(c, precision) for c in coefficients)
    raise ArithmeticError(f"no polynomial of degree < 39 fits on [{low}, {high}]")


def nearest(value, precision):
    """The nearest number of the format."""
    return float(value) if precision == "double" else struct.unpack("f", struct.pack("f", float(value)))[0]


def spelled(number, precision):
    """The digits that identify a number of the format."""
    return repr(number) if precision == "double" else repr(float(f"{number:.9g}"))


def continued(function, limit):
    """`function`, with `limit` at 0, where its formula is 0 / 0."""
    return lambda x: function(x) if abs(x) > TINY else mpf(limit)


def distribution(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def mills(t):
    """Phi(-t) e^(t^2 / 2)."""
    return distribution(-t) * mpmath.exp(t * t / 2)


SHIFT = 4  # of the tail variable q = (t - 4) / (t + 4): few coefficients, little effect of roundings in q
FARTHEST = {"single": 15, "double": 39}  # t from which e^(-t^2 / 2) is 0


def on_tail(function, precision, nearest=0):
    """Fit `function` of t >= `nearest` as a polynomial in q = (t - 4) / (t + 4)."""
    low, high = ((t - SHIFT) / (t + SHIFT) for t in (mpf(nearest), mpf(FARTHEST[precision])))
    return fit(lambda q: function(SHIFT * (1 + q) / (1 - q)), low, high, precision)


def normal_tail(precision):
    """(t + 5/4) Phi(-t) e^(t^2 / 2)."""
    return on_tail(lambda t: (t + mpf(5) / 4) * mills(t), precision)


def gelu_tail(precision):
    """t Phi(-t) e^(t^2 / 2), t >= 0.7."""
    return on_tail(lambda t: t * mills(t), precision, mpf("0.7"))


def quotient(function, low, high, degrees, steps=12):
    """Coefficients of a numerator and of a denominator that begins with 1, of these degrees, whose quotient has nearly
    the least relative error for t from `low` to `high`: linearised least squares, weighted anew where the error is
    large (Lawson 1961).
    """
    above, below = degrees
    count = 4 * (above + below + 2)
    first, last = ((t - 3) / (t + 3) for t in (mpf(low), mpf(high)))
    nodes = [(first + last) / 2 + (last - first) / 2 * mpmath.cospi(mpf(2 * i + 1) / (2 * count))
             for i in range(count)]  # fmt: skip
    points = [3 * (1 + q) / (1 - q) for q in nodes]
    values = [function(t) for t in points]
    weights, denominators = [mpf(1)] * count, [mpf(1)] * count
    for step in range(steps):
        rows, sides = mpmath.matrix(count, above + below + 1), mpmath.matrix(count, 1)
        for i, (t, value, weight, denominator) in enumerate(zip(points, values, weights, denominators, strict=True)):
            scale = weight / (value * denominator)
            for k in range(above + 1):
                rows[i, k] = scale * t**k
            for k in range(1, below + 1):
                rows[i, above + k] = -scale * value * t**k
            sides[i] = scale * value
        solved = [*mpmath.lu_solve(rows.T * rows, rows.T * sides)]
        over, under = solved[: above + 1], [mpf(1), *solved[above + 1 :]]
        denominators = [mpmath.polyval(under[::-1], t) for t in points]
        errors = [abs(mpmath.polyval(over[::-1], t) / denominator / value - 1)
                  for t, denominator, value in zip(points, denominators, values, strict=True)]  # fmt: skip
        if step > 2:
            weights = [weight * mpmath.sqrt(error / max(errors) + mpf(1) / 1000)
                       for weight, error in zip(weights, errors, strict=True)]  # fmt: skip
    assert max(errors) < mpf(2) ** -BITS["single"]
    return over, under


@functools.cache
def mills_quotient():
    """Phi(-t) e^(t^2 / 2), 0 <= t <= 15, as a quotient; used in float32."""
    return quotient(mills, 0, FARTHEST["single"], (4, 5))


def mills_numerator(precision):
    return tuple(nearest(c, precision) for c in mills_quotient()[0]) if precision == "single" else ()


def mills_denominator(precision):
    return tuple(nearest(c, precision) for c in mills_quotient()[1]) if precision == "single" else ()


def gelu_center(precision):
    """(Phi(x) - 1/2) / x in x^2, |x| <= 1."""
    limit = 1 / mpmath.sqrt(2 * mpmath.pi)
    ratio = continued(lambda s: mpmath.erf(mpmath.sqrt(s / 2)) / 2 / mpmath.sqrt(s), limit)
    return fit(ratio, 0, 1, precision)


def gelu_slope(t):
    """e^(t^2 / 2) (Phi(-t) - t phi(t)), the derivative of x Phi(x) at -t without its exponential."""
    return mills(t) - t / mpmath.sqrt(2 * mpmath.pi)


def gelu_slope_center(precision):
    """(f'(t) - 1/2) / t in t^2, |t| <= 1/2, f = x Phi(x)."""

    def ratio(s):
        t = mpmath.sqrt(s)
        return mpmath.erf(t / mpmath.sqrt(2)) / 2 / t + mpmath.npdf(t)

    return fit(continued(ratio, 2 / mpmath.sqrt(2 * mpmath.pi)), 0, mpf(1) / 4, precision)


def gelu_root(precision):
    """The zero of the derivative of x Phi(x), negated, and the value of `gelu_slope` there."""
    root = nearest(mpmath.findroot(gelu_slope, 0.75), precision)
    return root, nearest(gelu_slope(mpf(root)), precision)


def normal_tail_derivative(precision):
    """(D(t) - D(t0)) / (t - t0), D = `gelu_slope`, t0 its rounded zero."""
    root = mpf(gelu_root(precision)[0])
    return on_tail(lambda t: (gelu_slope(t) - gelu_slope(root)) / (t - root), precision)


def erf(precision):
    """erf(x) / x in x^2, |x| <= 1/2."""
    ratio = continued(lambda s: mpmath.erf(mpmath.sqrt(s)) / mpmath.sqrt(s), 2 / mpmath.sqrt(mpmath.pi))
    return fit(ratio, 0, mpf(1) / 4, precision)


def tanhshrink(precision):
    """(x - tanh(x)) / x^3 in x^2, |x| <= 1."""
    ratio = continued(lambda s: (1 - mpmath.tanh(mpmath.sqrt(s)) / mpmath.sqrt(s)) / s, mpf(1) / 3)
    return fit(ratio, 0, 1, precision)


def log_cosh(precision):
    """log(cosh(x)) / x^2 in x^2, |x| <= 1."""
    return fit(continued(lambda s: mpmath.log(mpmath.cosh(mpmath.sqrt(s))) / s, mpf(1) / 2), 0, 1, precision)


def sinh_rest(precision):
    """(sinh(v) / v - 1) / v^2 in v^2, 0 < v <= 3."""
    ratio = continued(lambda s: (mpmath.sinh(mpmath.sqrt(s)) / mpmath.sqrt(s) - 1) / s, mpf(1) / 6)
    return fit(ratio, 0, 9, precision)


def erf_rest(precision):
    """(sqrt(pi) / 2 e^(u^2) erf(u) / u - 1) / u^2 in u^2, 0 < u <= 3/2."""

    def rest(s):
        u = mpmath.sqrt(s)
        return (mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(s) * mpmath.erf(u) / u - 1) / s

    return fit(continued(rest, mpf(2) / 3), 0, mpf(9) / 4, precision)


def softplus_excess(precision):
    """((1 + e) log(1 + e) / e - 1) / e, 0 < e <= 1: log(1 + e^x) over its derivative, less 1, over e = e^x."""
    return fit(continued(lambda e: ((1 + e) * mpmath.log1p(e) / e - 1) / e, mpf(1) / 2), 0, 1, precision)


def about_root(function, guess, low):
    """The fits of a zero, rounded, and the value there, and of (f(x) - f(root)) / (x - root) on [low, 0]."""

    def root(precision):
        at = nearest(mpmath.findroot(function, guess), precision)
        return at, nearest(function(mpf(at)), precision)

    def ratio(precision):
        at = mpf(root(precision)[0])
        value, limit = function(at), mpmath.diff(function, at)
        quotient = continued(lambda d: (function(at + d) - value) / d, limit)
        return fit(lambda x: quotient(x - at), low, 0, precision)

    return root, ratio


def elish_slope(x):
    e = mpmath.exp(x)
    return e * (e * (e + 2) - 1) / (1 + e) ** 2


def hard_elish_slope(x):
    return (mpmath.exp(x) * (x + 2) - 1) / 2


elish_root, elish = about_root(elish_slope, -0.88, -1.2)
hard_elish_root, hard_elish = about_root(hard_elish_slope, -0.44, -1)


def artanh(precision):
    """artanh(z) / z in z^2, |z| <= 1/3."""
    ratio = continued(lambda s: mpmath.atanh(mpmath.sqrt(s)) / mpmath.sqrt(s), 1)
    return fit(ratio, 0, mpf(1) / 9, precision)


def exponential_loss(precision):
    """(1 - e^-x) / x on [0, 0.7]."""
    return fit(continued(lambda x: -mpmath.expm1(-x) / x, 1), 0, mpf("0.7"), precision)


def exponential_gain(precision):
    """(e^x - 1) / x on [-0.35, 0.7]."""
    return fit(continued(lambda x: mpmath.expm1(x) / x, 1), mpf("-0.35"), mpf("0.7"), precision)


def exponential_remainder(precision):
    """(e^-t - 1 + t) / t^2 on [0, 1]."""
    return fit(continued(lambda t: (mpmath.expm1(-t) + t) / t**2, mpf(1) / 2), 0, 1, precision)


def remainder_series(precision):
    """(e^t - 1 - t) / t^2, its Taylor series."""
    return tuple(
        nearest(1 / mpmath.factorial(k + 2), precision) for k in range({"single": 14, "double": 24}[precision])
    )


def logarithm_rest(precision):
    """(-log(1 - v) - v) / v^2 on [0, 1/2]."""
    return fit(continued(lambda v: (-mpmath.log1p(-v) - v) / v**2, mpf(1) / 2), 0, mpf(1) / 2, precision)


def exponential_mean_slope(precision):
    """(t e^t - e^t + 1) / t^2 on [-2, 1]."""
    return fit(continued(lambda t: (t * mpmath.exp(t) - mpmath.expm1(t)) / t**2, mpf(1) / 2), -2, 1, precision)


def logarithmic_mean_slope(precision):
    """(log(1 + w) - w / (1 + w)) / w^2 in v = w / (2 + w), -1/2 <= w <= 3/2."""

    def ratio(v):
        w = 2 * v / (1 - v)
        return (mpmath.log1p(w) - w / (1 + w)) / w**2

    return fit(continued(ratio, mpf(1) / 2), mpf(-1) / 3, mpf(3) / 7, precision)


def gelu_rate(precision):
    """1.702 and the rest that its rounding leaves."""
    rate = mpf("1.702")
    rounded = nearest(rate, precision)
    return rounded, nearest(rate - rounded, precision)


def quarter(precision):
    """pi / 4 and the rest that its rounding leaves."""
    rounded = nearest(mpmath.pi / 4, precision)
    return rounded, nearest(mpmath.pi / 4 - rounded, precision)


def gelu_tanh_derivative(x):
    scale = 2 * mpmath.sqrt(2 / mpmath.pi)
    cubic = scale * mpf("0.044715")
    y = scale * x + cubic * x**3
    return (1 + (scale * x + 3 * cubic * x**3) / (1 + mpmath.exp(y))) / (1 + mpmath.exp(-y))


def gelu_tanh_root(precision):
    """The zero of `gelu_tanh_derivative` and the value there."""
    root = nearest(mpmath.findroot(gelu_tanh_derivative, -0.75), precision)
    return root, nearest(gelu_tanh_derivative(mpf(root)), precision)


def gelu_tanh_slope(precision):
    """(f'(x) - f'(r)) / (x - r) in x + 3/2, r the rounded zero of f' = `gelu_tanh_derivative`, x in
    [-7/4, -5/16].
    """
    root = mpf(gelu_tanh_root(precision)[0])
    value = gelu_tanh_derivative(root)
    limit = mpmath.diff(gelu_tanh_derivative, root)
    ratio = continued(lambda d: (gelu_tanh_derivative(root + d) - value) / d, limit)
    return fit(lambda w: ratio(w - mpf(3) / 2 - root), mpf(-1) / 4, mpf(19) / 16, precision)


def gelu_tanh_split(precision):
    """Of y = a t + b t^3: a bound beyond which e^-y is 0, 1 / d, d, c, 2^-k, p and q, where y(n d) =
    2^-k n (n^2 + c) + n (p + q n^2) and c is an integer. 2^k is the largest for which n (n^2 + c) is exact, d
    the step for which q is 0, rounded so that n d is exact.
    """
    bound, power, bits = {"single": (11, 17, 16), "double": (22, 43, 34)}[precision]
    linear = 2 * mpmath.sqrt(2 / mpmath.pi)
    cubic = linear * mpf("0.044715")
    unit = mpf(2) ** -power
    step = mpmath.cbrt(unit / cubic)
    scale = mpf(2) ** (bits - mpmath.frexp(step)[1])
    step = mpmath.nint(step * scale) / scale
    shift = mpmath.nint(linear * step / unit)
    numbers = bound, 1 / step, step, shift, unit, linear * step - unit * shift, cubic * step**3 - unit
    return tuple(nearest(number, precision) for number in numbers)


FITS = {
    "normal": {
        "TAIL": normal_tail,
        "GELU_TAIL": gelu_tail,
        "GELU_CENTER": gelu_center,
        "MILLS_NUMERATOR": mills_numerator,
        "MILLS_DENOMINATOR": mills_denominator,
        "SLOPE": normal_tail_derivative,
        "SLOPE_ROOT": gelu_root,
        "SLOPE_CENTER": gelu_slope_center,
        "ERF": erf,
    },
    "hyperbolic": {"TANHSHRINK": tanhshrink, "LOG_COSH": log_cosh},
    "exponential": {
        "ARTANH": artanh,
        "EXPONENTIAL_LOSS": exponential_loss,
        "EXPONENTIAL_REMAINDER": exponential_remainder,
        "REMAINDER_SERIES": remainder_series,
        "EXPONENTIAL_GAIN": exponential_gain,
    },
    "logistic": {"LOGARITHM_REST": logarithm_rest, "RATE": gelu_rate},
    "periodic": {"QUARTER": quarter},
    "gate_slopes": {
        "SINH_REST": sinh_rest,
        "ERF_REST": erf_rest,
        "SOFTPLUS_EXCESS": softplus_excess,
        "ELISH": elish,
        "ELISH_ROOT": elish_root,
        "HARD_ELISH": hard_elish,
        "HARD_ELISH_ROOT": hard_elish_root,
    },
    "continuum": {"EXPONENTIAL": exponential_mean_slope, "LOGARITHMIC": logarithmic_mean_slope},
    "gelu_tanh": {"SPLIT": gelu_tanh_split, "SLOPE": gelu_tanh_slope, "SLOPE_ROOT": gelu_tanh_root},
}  # family -> constant -> the function that computes it


def source(name, function):
    """The constant as it is written in the special file."""
    lines = [f"{name} = Fit("]
    for precision in BITS:
        lines.append(f"    {precision}=(")
        numbers = [spelled(c, precision) for c in function(precision)]
        lines += [f"        {', '.join(numbers[i : i + 4])}," for i in range(0, len(numbers), 4)]
        lines.append("    ),")
    return "\n".join([*lines, ")"])


if __name__ == "__main__":
    for family, constants in FITS.items():
        print(f"# {family}.py")
        for name, function in constants.items():
            print(source(name, function))
