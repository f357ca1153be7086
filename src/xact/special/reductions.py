"""Sums, means and largest values along one axis, without overflow and with their digits."""

import math

from xact.special.algebraic import product_error
from xact.special.exponential import log1p
from xact.special.softmax import others, shifted

__all__ = [
    "above_average",
    "above_normal_quantile",
    "even_places",
    "grouped",
    "halves",
    "log_mean_exp",
    "log_sum_exp",
    "mean_of",
    "share_of_largest",
    "standardized",
    "standardized_pullback",
]

# The square of a larger number, added up, might overflow.
FAR = 1e15


def ready(x, axis, xp):
    """The largest entry of each row, where the row is -inf alone, and the rows as `shifted` takes them."""
    largest = xp.max(x, axis=axis, keepdims=True)
    empty = largest == -xp.inf
    return largest, empty, xp.where(empty, 0.0, x)


def log_sum_exp(x, /, axis=-1, *, xp):
    """log(sum(e^x)) as max + log1p(r), r the sum of e^(x - max) over all entries but one largest; -inf for a row of
    -inf alone, and for an empty one. Keeps the axis. Error: 4 / 4 ULP beside the change that 1 ULP of each entry
    makes, unless max and logarithm cancel. Source: Blanchard, Higham and Higham 2021, doi:10.1093/imanum/draa038.
    """
    if x.shape[axis] == 0:
        return xp.sum(x, axis=axis, keepdims=True) - xp.inf
    largest, empty, finite = ready(x, axis, xp)
    d, error, top = shifted(finite, axis, xp)
    e = xp.exp(d)
    rest, count = others(e + e * error, top, axis, xp)
    return xp.where(empty, largest, largest + xp.log1p(rest + (count - 1)))


def log_mean_exp(x, /, axis=-1, *, xp):
    """log(mean(e^x)) as max + log1p(mean(e^d - 1)), d = x - max, which keeps the digits of small entries; where that
    mean is below -1/2, as max + log(mean(e^d)). -inf for a row of -inf alone, NaN for an empty one. Keeps the axis.
    Error: as log_sum_exp. Source: own.
    """
    n = x.shape[axis]
    if n == 0:
        return xp.sum(x, axis=axis, keepdims=True) + xp.nan
    largest, empty, finite = ready(x, axis, xp)
    d, error, top = shifted(finite, axis, xp)
    e = xp.exp(d)
    loss = xp.sum(xp.expm1(d) + e * error, axis=axis, keepdims=True) / n
    rest, count = others(e + e * error, top, axis, xp)
    near = loss > -0.5
    logarithm = xp.where(near, log1p(xp.where(near, loss, 0.0), xp), xp.log((rest + count) / n))
    return xp.where(empty, largest, largest + logarithm)


def centered(x, axis, xp):
    """x - mean(x), in units of a scale that keeps squares finite, and the scale. A row with infinite entries is what
    these are to the others: +-1 among zeros, in units of infinity.
    """
    size = xp.max(xp.abs(x), axis=axis, keepdims=True)
    scale = xp.where(size > FAR, size, 1.0)
    unit = xp.where(x == xp.inf, 1.0, xp.where(x == -xp.inf, -1.0, x / scale))
    c = unit - xp.mean(unit, axis=axis, keepdims=True)
    # The mean is rounded; what it missed is the mean of the differences, which are nearly exact.
    return c - xp.mean(c, axis=axis, keepdims=True), scale


def standardized(x, epsilon, /, axis=-1, *, xp):
    """(x - mean) / sqrt(variance + epsilon), the variance as the mean of squared differences, which E[x^2] - E[x]^2
    loses where the mean is large. Error: 4 / 4 ULP beside the change that 1 ULP of each entry makes. Source: Chan,
    Golub and LeVeque 1983, Algorithms for Computing the Sample Variance (the corrected two-pass algorithm).
    """
    if x.shape[axis] == 0:
        return 1 * x
    c, scale = centered(x, axis, xp)
    deviation = xp.sqrt(xp.mean(c * c, axis=axis, keepdims=True) + epsilon / scale / scale)
    return c / xp.where(deviation == 0, 1.0, deviation)


def standardized_pullback(x, dy, epsilon, /, axis=-1, *, xp):
    """The product of a cotangent with the Jacobian of `standardized`, which is symmetric: the part of dy orthogonal to
    1 and to c = x - mean(x), and epsilon / (variance + epsilon) times the part along c, over the deviation. Projected
    twice, since where dy is a multiple of c nothing is left but this small part; in a row of two it always is, and a
    compiler that computes the first projection twice, once with an FMA, would undo the second. Linear in dy. Error: as
    standardized, and 1 ULP of the largest entry of the result, which is more where an outlier's own is small. Source:
    own; twice is enough, Giraud et al. 2005, doi:10.1007/s00211-005-0615-4.
    """
    if x.shape[axis] == 0:
        return 1 * dy
    c, scale = centered(x, axis, xp)
    size = xp.max(xp.abs(c), axis=axis, keepdims=True)
    h = c / xp.where(size == 0, 1.0, size)
    square = xp.mean(h * h, axis=axis, keepdims=True)
    square = xp.where(square == 0, 1.0, square)
    dy = dy - xp.mean(dy, axis=axis, keepdims=True)
    along = xp.mean(dy * h, axis=axis, keepdims=True) / square
    # As an array: `torch.export` would not let the length of the axis be any if it were compared with a number.
    length = xp.sum(xp.ones_like(x), axis=axis, keepdims=True)
    rest = xp.where(length == 2, 0.0, dy - along * h)
    rest = rest - xp.mean(rest, axis=axis, keepdims=True)
    rest = rest - h * (xp.mean(rest * h, axis=axis, keepdims=True) / square)
    constant = epsilon / scale / scale
    variance = xp.mean(c * c, axis=axis, keepdims=True) + constant
    variance = xp.where(variance == 0, 1.0, variance)
    return (rest + h * along * (constant / variance)) / xp.sqrt(variance) / scale


def above_normal_quantile(x, quantile, /, axis=-1, *, xp):
    """max(x - mean - quantile deviation, 0), and (x - mean) / deviation; the deviation is that of the population.
    Error: 4 / 4 ULP beside the change that 1 ULP of each entry makes. Source: as standardized.
    """
    if x.shape[axis] == 0:
        return 1 * x, 1 * x
    c, scale = centered(x, axis, xp)
    deviation = xp.sqrt(xp.mean(c * c, axis=axis, keepdims=True))
    above = c - quantile * deviation
    return xp.where(above <= 0, 0.0, scale * above), c / xp.where(deviation == 0, 1.0, deviation)


def grouped(x, pieces, axis, /, *, xp):
    """The array with `axis` split in groups of `pieces` neighbours, and the axis of the neighbours, a negative number.
    Error: none. Source: own.
    """
    axis = axis - x.ndim if axis >= 0 else axis
    before, after = x.shape[: x.ndim + axis], x.shape[x.ndim + axis + 1 :]
    return xp.reshape(x, (*before, x.shape[axis] // pieces, pieces, *after)), axis


def share_of_largest(x, axis, /, *, xp):
    """1 at the largest entry, 1 / n at each of n equal ones, 0 elsewhere. Error: 1 / 1 ULP. Source: own."""
    largest = xp.where(x == xp.max(x, axis=axis, keepdims=True), xp.ones_like(x), 0.0)
    return largest / xp.sum(largest, axis=axis, keepdims=True)


def halves(x, axis, /, *, xp):
    """The two halves of an array along an axis. Error: none. Source: own."""
    half, before = x.shape[axis] // 2, (slice(None),) * (axis % x.ndim)
    return x[(*before, slice(0, half), ...)], x[(*before, slice(half, None), ...)]


def above_average(x, factor, axis, /, *, xp):
    """x - factor mean(x) along an axis, or several, without overflow. Error: 4 / 4 ULP beside the change that 1 ULP of
    each entry makes. Source: own.
    """
    if 0 in x.shape:
        return 1 * x
    size = xp.max(xp.abs(x), axis=axis, keepdims=True)
    scale = xp.where((size > FAR) & (size < xp.inf), size, 1.0)
    mean = xp.mean(x / scale, axis=axis, keepdims=True)
    factor = factor * xp.ones_like(mean)
    product = factor * mean
    error = product_error(factor, mean, product, xp)
    return (x - scale * product) - scale * xp.where(xp.isnan(error), 0.0, error)


def mean_of(x, axis, /, *, xp):
    """The mean along an axis, or several, 0 where there is nothing: linear, for cotangents. Keeps the axes. Error:
    4 / 4 ULP beside the change that 1 ULP of each entry makes. Source: own.
    """
    total = xp.sum(x, axis=axis, keepdims=True)
    count = math.prod(x.shape) // max(math.prod(total.shape), 1)
    return total / max(count, 1)


def even_places(x, axis, /, *, xp):
    """Whether an entry has an even number along the axis, which counts from 0. Error: none. Source: own."""
    half = xp.cumulative_sum(xp.ones_like(x), axis=axis) / 2
    return half > xp.floor(half)
