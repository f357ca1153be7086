"""softmax and its logarithm, of rows along one axis."""

import math

__all__ = [
    "at_largest",
    "log_softmax",
    "log_softmax_pullback",
    "log_softmax_pushforward",
    "masked_log_softmax",
    "masked_log_softmax_pullback",
    "masked_log_softmax_pushforward",
    "masked_softmax",
    "softmax",
    "softmax_pullback",
]

# exp of this is 0 in float64: a shift below it is far from every rounding
FAR = -800.0
LOG_HALF = -math.log(2)


def shifted(x, axis, xp):
    """d = x - max(x), the rounding error of d, and the mask of the largest entries."""
    largest = xp.max(x, axis=axis, keepdims=True)
    d = xp.where(x == xp.inf, 0.0, x - largest)
    near = (d < 0) & (d > FAR)
    z = xp.where(near, x, largest)
    back = d - z
    error = (z - (d - back)) - (largest + back)
    return d, xp.where(near, error, 0.0), d == 0


def others(e, largest, axis, xp):
    """The sum of e over the entries below the largest, and the number of largest entries, whose e is 1."""
    return (
        xp.sum(xp.where(largest, 0.0, e), axis=axis, keepdims=True),
        xp.sum(xp.where(largest, xp.ones_like(e), 0.0), axis=axis, keepdims=True),
    )


def at_largest(values, weights, axis, /, *, xp):
    """The values where the weights along `axis` are largest; their mean where several weights are. Linear in the
    values, so that it may stand in a pushforward. Error: none where one weight is largest. Source: own.
    """
    if weights.shape[axis] == 0:
        return 0.0
    largest = weights == xp.max(weights, axis=axis, keepdims=True)
    total = xp.sum(xp.where(largest, values, 0.0), axis=axis, keepdims=True)
    return total / xp.sum(xp.where(largest, xp.ones_like(weights), 0.0), axis=axis, keepdims=True)


def softmax(x, /, axis=-1, *, xp):
    """e^x / sum(e^x) along `axis`, from d = x - max(x) and its rounding error, which exp would amplify; the
    small terms are added among themselves first. Entries +inf share 1; a row of -inf alone is NaN. Error: 4 /
    3.5 ULP on rows of 24; long rows add the error of the library's sum. Source: the two-difference is
    Knuth's, the rest own.
    """
    if x.shape[axis] == 0:
        return 1 * x
    d, error, largest = shifted(x, axis, xp)
    e = xp.exp(d)
    e = e + e * error
    rest, count = others(e, largest, axis, xp)
    return e / (count + rest)


def log_softmax(x, /, axis=-1, *, xp):
    """x - log(sum(e^x)) along `axis`, as d - log1p(r), d = x - max(x), r the sum of e^d over all entries but
    one largest: the logarithm of an almost certain entry keeps its digits. Error: 4 / 3 ULP on rows of 24.
    Source: as softmax.
    """
    if x.shape[axis] == 0:
        return 1 * x
    d, error, largest = shifted(x, axis, xp)
    e = xp.exp(d)
    rest, count = others(e + e * error, largest, axis, xp)
    return (d - xp.log1p(rest + (count - 1))) + error


def log_softmax_pullback(y, dy, axis, /, *, xp):
    """dy - e^y sum(dy), the product of a cotangent with the transposed Jacobian of log_softmax at its value y. Of the
    entry with more than half of the weight, if there is one, dy is multiplied by 1 - e^y, and e^y by the sum of the
    others: its own dy would cancel. Linear in dy. Error: 4 / 4 ULP beside the change that 1 ULP of each entry and
    cotangent makes. Source: own.
    """
    p, most = xp.exp(y), y > LOG_HALF
    total = xp.sum(dy, axis=axis, keepdims=True)
    rest = xp.sum(xp.where(most, 0.0, dy), axis=axis, keepdims=True)
    return xp.where(most, -xp.expm1(y) * dy - p * rest, dy - p * total)


def log_softmax_pushforward(y, dx, axis, /, *, xp):
    """dx - sum(e^y dx), the product of a tangent with the Jacobian of log_softmax at its value y, with the same care as
    its pullback for the entry with more than half of the weight. Error: as the pullback. Source: own.
    """
    p, most = xp.exp(y), y > LOG_HALF
    total = xp.sum(p * dx, axis=axis, keepdims=True)
    rest = xp.sum(xp.where(most, 0.0, p * dx), axis=axis, keepdims=True)
    return xp.where(most, -xp.expm1(y) * dx - rest, dx - total)


def shown(x, mask, axis, xp):
    """Whether an entry is kept, and the entries, -inf for those that are not; 0 where none of a row is."""
    ones = xp.ones_like(x)
    kept = mask * ones != 0
    hidden = xp.where(xp.any(kept, axis=axis, keepdims=True), -xp.inf * ones, 0.0)
    return kept, xp.where(kept, x, hidden)


def masked_softmax(x, mask, /, axis=-1, *, xp):
    """softmax of the entries whose mask is not 0, and 0 for the others, also where a whole row is masked. Error: as
    softmax. Source: own.
    """
    kept, entries = shown(x, mask, axis, xp)
    return xp.where(kept, xp.softmax(entries, axis), 0.0)


def masked_log_softmax(x, mask, /, axis=-1, *, xp):
    """log_softmax of the entries whose mask is not 0, and -inf for the others, also where a whole row is masked. Error:
    as log_softmax. Source: own.
    """
    kept, entries = shown(x, mask, axis, xp)
    return xp.where(kept, xp.log_softmax(entries, axis), -xp.inf)


def masked_log_softmax_pullback(y, mask, dy, axis, /, *, xp):
    """That of log_softmax, in which entries whose mask is 0 have no part. Error: as there. Source: own."""
    return xp.log_softmax_pullback(y, xp.where(mask * xp.ones_like(y) != 0, dy, 0.0), axis)


def masked_log_softmax_pushforward(y, mask, dx, axis, /, *, xp):
    """That of log_softmax, in which entries whose mask is 0 have no part. Error: as there. Source: own."""
    kept = mask * xp.ones_like(y) != 0
    return xp.where(kept, xp.log_softmax_pushforward(y, xp.where(kept, dx, 0.0), axis), 0.0)


def softmax_pullback(y, dy, axis, /, *, xp):
    """y (dy - sum(y dy)), the product of a cotangent with the Jacobian of softmax. dy is measured from that of the
    largest entry, which keeps the digits where that entry is almost 1, and the mean is subtracted twice, since the
    rounding of the first would be seen where dy is close to it. Linear in dy. Error: 4 / 4 ULP beside the change that
    1 ULP of each entry and cotangent makes. Source: own.
    """
    dy = dy - at_largest(dy, y, axis, xp=xp)
    dy = dy - xp.sum(y * dy, axis=axis, keepdims=True)
    return y * (dy - xp.sum(y * dy, axis=axis, keepdims=True))
