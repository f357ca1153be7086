"""Square roots that do not overflow, and the rounding errors of products and quotients."""

__all__ = ["hypotenuse", "line", "times"]

# From here on a product with a slope may overflow in float32.
FAR = 1e15


def is_number(value):
    """Whether its value may be asked for; torch.compile has symbols of numbers, which it may be of."""
    return isinstance(value, (int, float)) or not hasattr(value, "dtype")


def at_zero(parameter, value, other, xp):
    """One value where a parameter is 0, another elsewhere; a number where it is one."""
    if is_number(parameter):
        return value if parameter == 0 else other
    return xp.where(parameter == 0, value * xp.ones_like(parameter), other)


def hypotenuse(x, square, /, *, xp):
    """sqrt(x^2 + square): |x| where the square no longer counts, so that x^2 does not overflow. Error: 2 / 2 ULP.
    Source: own.
    """
    t = xp.where(x < 0, -x, x)
    # From 1e18 on a square of at most 1e20 does not count; where it is 0, that of a small x underflows.
    far = t > at_zero(square, 0.0, 1e18, xp)
    return xp.where(far, t, xp.sqrt(xp.where(far, 0.0, t) ** 2 + square))


def times(factor, x, /, *, xp):
    """factor x, and 0 for a factor of 0 also where x is infinite, as the limit has it. Error: 0.5 / 0.5 ULP. Source:
    own.
    """
    return factor * xp.where((factor == 0) & xp.isinf(x), 0.0, x)


def difference_error(a, b, difference):
    """(a - b) - difference, exactly (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    back = difference - a
    return (a - (difference - back)) - (b + back)


def halves(a, xp):
    """a as a sum of two numbers with half of its digits (Veltkamp)."""
    shifted = (2.0**27 + 1 if a.dtype == xp.float64 else 2.0**12 + 1) * a
    head = shifted - (shifted - a)
    return head, a - head


def product_error(a, b, product, xp):
    """a b - product, exactly (Dekker, A floating-point technique for extending the available precision, 1971)."""
    a_head, a_tail = halves(a, xp)
    b_head, b_tail = halves(b, xp)
    return ((a_head * b_head - product) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail


def bounded_product(a, x, xp):
    """a x, at most 1e30 in size, and its error where it is below 1000: beyond, an exponential is 0."""
    y = xp.clip(xp.times(a, x), -1e30, 1e30)
    a = a * xp.ones_like(x)
    near = (xp.abs(y) < 1000) & (xp.abs(x) < FAR)
    factor, inner = xp.where(near, a, 0.0), xp.where(near, x, 0.0)
    return y, product_error(factor, inner, factor * inner, xp)


def line(x, slope, place, value, /, *, xp):
    """value + slope (x - place), rounded once: the errors of the three operations are added. Error: 1 / 1 ULP. Source:
    Dekker 1971, Knuth 4.2.2, as above.
    """
    ones, far = xp.ones_like(x), xp.times(slope, x - place)
    slope, place, value = slope * ones, place * ones, value * ones
    near = xp.abs(x) < FAR
    inner = xp.where(near, x, 0.0)
    step = inner - place
    rise = slope * step
    total = rise + value
    error = product_error(slope, step, rise, xp) + slope * difference_error(inner, place, step)
    error = error + difference_error(rise, -value, total)
    return xp.where(near, total + error, far + value)
