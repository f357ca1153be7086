"""Square roots that do not overflow, and the rounding errors of products and quotients."""

__all__ = ["hypotenuse"]

# From here on x^2 + b is x^2 to both precisions, for any b a parameter may be.
FAR = 1e15


def hypotenuse(x, square, /, *, xp):
    """sqrt(x^2 + square): |x| where the square no longer counts, so that x^2 does not overflow. Error: 2 / 2 ULP.
    Source: own.
    """
    t = xp.where(x < 0, -x, x)
    far = t > FAR
    return xp.where(far, t, xp.sqrt(xp.where(far, 0.0, t) ** 2 + square))


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
