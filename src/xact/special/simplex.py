"""Projections onto the probability simplex, along one axis.

All three are p = max(z - tau, 0)^e with the threshold tau that makes the sum 1. tau is found from the sorted entries,
or by bisection, and ends in a step of Newton's method: it restores the digits that running sums lose, and makes
tau's derivative right where another transform differentiates these formulas.
"""

import math

from xact.special.algebraic import is_number
from xact.special.exponential import log1p

__all__ = [
    "bisect",
    "budgeted",
    "centered_by",
    "entmax",
    "entmax15",
    "entmax_pullback",
    "first_largest",
    "normmax",
    "normmax_pullback",
    "power_inside",
    "sparsemax",
]


def below_largest(x, scale, axis, xp):
    """(x - max(x)) scale, 0 at +inf, and at least -2: below -1 nothing has weight. A row of -inf alone is NaN."""
    largest = xp.max(x, axis=axis, keepdims=True)
    return xp.maximum(scale * xp.where(x == xp.inf, 0.0, x - largest), -2.0)


def descending(z, axis, xp):
    """The sorted entries, and how many entries each is the last of: 1, 2, 3 ..."""
    return -xp.sort(-z, axis=axis), xp.cumulative_sum(xp.ones_like(z), axis=axis)


def last(values, chosen, count, axis, xp):
    """The value at the last of the chosen entries, which come first."""
    size = xp.sum(xp.where(chosen, xp.ones_like(values), 0.0), axis=axis, keepdims=True)
    return xp.sum(xp.where(count == size, values, 0.0), axis=axis, keepdims=True)


def sparsemax(x, /, axis=-1, *, xp):
    """max(x - tau, 0), sum 1: tau from the sorted entries, then one step of Newton. Error: 4 / 4 ULP beside the change
    that 1 ULP of each entry makes. Source: Martins and Astudillo 2016, arXiv:1602.02068, algorithm 1.
    """
    if x.shape[axis] == 0:
        return 1 * x
    z = below_largest(x, 1.0, axis, xp)
    ordered, count = descending(z, axis, xp)
    threshold = (xp.cumulative_sum(ordered, axis=axis) - 1) / count
    tau = last(threshold, ordered > threshold, count, axis, xp)
    y = xp.maximum(z - tau, 0.0)
    size = xp.sum(xp.where(y > 0, xp.ones_like(y), 0.0), axis=axis, keepdims=True)
    tau = tau + (xp.sum(y, axis=axis, keepdims=True) - 1) / size
    return xp.maximum(z - tau, 0.0)


def entmax15(x, /, axis=-1, *, xp):
    """max(x / 2 - tau, 0)^2, sum 1: tau from mean and variance of the largest entries, then one step of Newton. Error:
    4 / 4 ULP beside the change that 1 ULP of each entry makes. Source: Peters, Niculae and Martins 2019,
    arXiv:1905.05702, algorithm 2.
    """
    if x.shape[axis] == 0:
        return 1 * x
    z = below_largest(x, 0.5, axis, xp)
    ordered, count = descending(z, axis, xp)
    mean = xp.cumulative_sum(ordered, axis=axis) / count
    spread = xp.cumulative_sum(ordered * ordered, axis=axis) - count * mean * mean
    # Beyond the support the rest is negative; 1e-30 keeps the root's derivative finite there.
    threshold = mean - xp.sqrt(xp.maximum((1 - spread) / count, 1e-30))
    tau = last(threshold, ordered >= threshold, count, axis, xp)
    root = xp.maximum(z - tau, 0.0)
    total = xp.sum(root * root, axis=axis, keepdims=True)
    tau = tau + (total - 1) / (2 * xp.sum(root, axis=axis, keepdims=True))
    root = xp.maximum(z - tau, 0.0)
    return root * root


def entmax(x, alpha, steps, /, axis=-1, *, xp):
    """max((alpha - 1) x - tau, 0)^(1 / (alpha - 1)), sum 1: softmax for alpha = 1, else by bisection for the log t
    of the largest weight, then one step of Newton, interpolation to the sum 1 and division by it. With d = x - max(x),
    q = alpha - 1 the weights are e^t (1 + q d e^(-q t))^(1 / q): tau itself underflows for a large q, and loses the
    digits of d for a small one. Error: 4 / 4 ULP beside the change that 1 ULP of each entry makes, times 1 / q below
    alpha = 2; where one of n weights is about to leave, 2 (1 + log(n)) ULP of 1. Source: Peters, Niculae and Martins
    2019, arXiv:1905.05702, algorithm 1; t own.
    """
    if x.shape[axis] == 0:
        return 1 * x
    if is_number(alpha):
        if alpha == 1:
            return xp.softmax(x, axis)
        if alpha == 1.5:
            return xp.entmax15(x, axis)
        if alpha == 2:
            return xp.sparsemax(x, axis)
    d = xp.where(x == xp.inf, 0.0, x - xp.max(x, axis=axis, keepdims=True))
    last = xp.log(xp.sum(xp.ones_like(d), axis=axis, keepdims=True))

    def sums_below(t):
        return xp.sum(entmax_weights(d, t, alpha - 1, xp.log1p, xp)[0], axis=axis, keepdims=True) <= 1

    start = xp.bisect(sums_below, -last, last, steps)
    # A weight near its edge may rise by much within one rounding of t: it takes what the others leave.
    apart = (2.0**-52 if d.dtype == xp.float64 else 2.0**-23) * (1 + xp.abs(start))
    low, high = start - apart, start + last * 2.0**-steps + apart

    def weights_and_sum(t):
        weights, r = entmax_weights(d, t, alpha - 1, lambda w: log1p(w, xp), xp)
        return weights, r, xp.sum(weights, axis=axis, keepdims=True)

    weights, r, total = weights_and_sum(start)
    slope = xp.sum(weights / (1 + r), axis=axis, keepdims=True)
    weights, _, total = weights_and_sum(xp.minimum(xp.maximum(start - (total - 1) / slope, low), high))
    others, _, beyond = weights_and_sum(xp.where(total > 1, low, high))
    share = xp.clip((1 - total) / xp.where(beyond == total, 1.0, beyond - total), 0.0, 1.0)
    weights = weights + share * (others - weights)
    return weights / xp.sum(weights, axis=axis, keepdims=True)


def entmax_weights(d, t, q, logarithm, xp):
    """e^t max(w, 0)^(1 / q) and r = q d e^(-q t), w = 1 + r; r is 0 outside the support."""
    # A large q in the exponent, where no compiler multiplies it by the power first, which would overflow.
    if is_number(q):
        inside, outside = (q, 0.0) if q < 1 else (1.0, math.log(q))
    else:
        inside, outside = xp.minimum(q, 1.0), xp.log(xp.maximum(q, 1.0))
    r = inside * d * xp.exp(xp.clip(outside - q * t, None, 700.0 if d.dtype == xp.float64 else 80.0))
    outside = r <= -1
    r = xp.where(outside, 0.0, r)
    return xp.where(outside, 0.0, xp.exp(t + logarithm(r) / q)), r


def entmax_pullback(y, dy, alpha, axis, /, *, xp):
    """`centered_by` the weights y^(2 - alpha); above alpha = 2, where they might overflow, in units of the largest.
    Error: as centered_by. Source: as centered_by.
    """
    if is_number(alpha) and alpha <= 2:
        return xp.centered_by(xp.power_inside(y, 2 - alpha), dy, y, axis)
    if y.shape[axis] == 0:
        return 1 * dy
    least = xp.min(xp.where((y > 0) & (alpha > 2), y, 1.0), axis=axis, keepdims=True)
    moved = xp.centered_by(xp.power_inside(y / least, 2 - alpha), dy, y, axis)
    return moved * finite(least ** (2 - alpha), xp)


def finite(size, xp):
    """A factor of at most 2^127 or 2^1023: times 0 it is 0."""
    return xp.minimum(size, 2.0**1023 if size.dtype == xp.float64 else 2.0**127)


def newton(z, tau, exponent, axis, xp):
    """One step towards the tau with sum(max(z - tau, 0)^exponent) = 1."""
    total, slope = (sum_inside(z - tau, power, axis, xp) for power in (exponent, exponent - 1))
    return tau + (total - 1) / (exponent * slope)


def sum_inside(t, exponent, axis, xp):
    """The sum of max(t, 0)^exponent."""
    return xp.sum(xp.power_inside(t, exponent), axis=axis, keepdims=True)


def bisect(holds, low, width, steps, /, *, xp):
    """The last number from `low` on for which a condition holds, which does up to some number less than low + width.
    Error: width / 2^steps. Source: own.
    """
    for _ in range(steps):
        width = width / 2
        low = xp.where(holds(low + width), low + width, low)
    return low


def power_inside(y, exponent, /, *, xp):
    """y^exponent for y > 0 and 0 outside the support, y = 0, with finite derivatives; NaN is kept. Error: that of the
    library's power. Source: own.
    """
    outside = y <= 0
    inside = xp.where(outside, 1.0, y)
    if is_number(exponent) and exponent == 0:
        return xp.where(outside, 0.0, inside / inside)
    return xp.where(outside, 0.0, xp.sqrt(inside) if is_number(exponent) and exponent == 0.5 else inside**exponent)


def centered_by(weights, dy, largest, axis, /, *, xp):
    """w (dy - sum(w dy) / sum(w)): the product of a cotangent with the Jacobian of a projection whose entries move in
    proportion to the weights. It keeps its digits as softmax_pullback does, `largest` tells the largest entry. Linear
    in dy and symmetric. Error: as softmax_pullback. Source: Peters, Niculae and Martins 2019, proposition 2.
    """
    total = xp.sum(weights, axis=axis, keepdims=True)
    dy = dy - xp.at_largest(dy, largest, axis)
    dy = dy - xp.sum(weights * dy, axis=axis, keepdims=True) / total
    return weights * (dy - xp.sum(weights * dy, axis=axis, keepdims=True) / total)


def first_largest(x, /, axis=-1, *, xp):
    """1 at the first of the largest entries, 0 at the others; a row with a NaN is NaN. Error: none. Source: own."""
    if x.shape[axis] == 0:
        return 1 * x
    largest = xp.max(x, axis=axis, keepdims=True)
    ones = xp.where(x == largest, xp.ones_like(x), 0.0)
    first = (ones > 0) & (xp.cumulative_sum(ones, axis=axis) == 1)
    return xp.where(xp.isnan(largest), largest, xp.where(first, ones, 0.0))


def normmax(x, alpha, steps, /, axis=-1, *, xp):
    """p / sum(p), p = max(x - tau, 0)^(1 / (alpha - 1)) with sum(p^alpha) = 1: tau by bisection, then one step of
    Newton. Error: as entmax. Source: Santos, Niculae, McNamee and Martins 2024, arXiv:2411.08590.
    """
    if x.shape[axis] == 0:
        return 1 * x
    z = below_largest(x, 1.0, axis, xp)
    exponent = 1 / (alpha - 1)
    low = xp.max(z, axis=axis, keepdims=True) - 1
    width = xp.ones_like(low)
    low = xp.bisect(lambda tau: sum_inside(z - tau, alpha * exponent, axis, xp) >= 1, low, width, steps)
    tau = newton(z, low, alpha * exponent, axis, xp)
    weights = xp.power_inside(z - tau, exponent)
    return weights / xp.sum(weights, axis=axis, keepdims=True)


def normmax_pullback(y, dy, alpha, axis, /, *, xp):
    """The product of a cotangent with the Jacobian of `normmax`, which is symmetric: with d = dy - sum(y dy) and
    b = y^(2 - alpha), (b d - y sum(b d)) |y|_alpha^(alpha - 1) / (alpha - 1). Linear in dy. Error: as normmax.
    Source: as normmax.
    """
    d = dy - xp.at_largest(dy, y, axis)
    d = d - xp.sum(y * d, axis=axis, keepdims=True)
    if is_number(alpha) and alpha <= 2:
        norm = xp.sum(xp.power_inside(y, alpha), axis=axis, keepdims=True) ** ((alpha - 1) / alpha)
        moved = xp.power_inside(y, 2 - alpha) * d
        return (moved - y * xp.sum(moved, axis=axis, keepdims=True)) * (norm / (alpha - 1))
    if y.shape[axis] == 0:
        return 1 * dy
    # In units of the largest slope and of the largest entry, since powers of the entries themselves overflow.
    largest = xp.max(y, axis=axis, keepdims=True)
    least = xp.min(xp.where(y > 0, y, largest), axis=axis, keepdims=True)
    if not is_number(alpha):
        least, largest = (xp.where(alpha > 2, unit, 1.0) for unit in (least, largest))
    norm = xp.sum(xp.power_inside(y / largest, alpha), axis=axis, keepdims=True) ** ((alpha - 1) / alpha)
    moved = xp.power_inside(y / least, 2 - alpha) * d
    moved = moved - y * xp.sum(moved, axis=axis, keepdims=True)
    return moved * finite((least / largest) ** (2 - alpha) * largest * norm / (alpha - 1), xp)


def budgeted(x, budget, steps, /, axis=-1, *, xp):
    """min(max(x - tau, 0), 1) with sum `budget`; 1 everywhere where that is more than the number of entries. The
    entry that is the ceil(budget)-th from above lies between tau and tau + 1; in between tau by bisection, then one
    step of Newton. Error: 4 / 4 ULP beside the change that 1 ULP of each entry makes. Source: own.
    """
    n = x.shape[axis]
    if n == 0:
        return 1 * x
    ordered, count = descending(x, axis, xp)
    place = min(-int(-budget // 1), n) if is_number(budget) else xp.minimum(xp.ceil(budget), n)
    middle = xp.sum(xp.where(count == place, ordered, 0.0), axis=axis, keepdims=True)
    z = xp.minimum(xp.maximum(xp.where(x == middle, 0.0, x - middle), -2.0), 2.0)
    low, width = xp.zeros_like(middle) - 1, xp.ones_like(middle)

    def excess(tau):
        return xp.sum(xp.minimum(xp.maximum(z - tau, 0.0), 1.0), axis=axis, keepdims=True) - budget

    low = xp.bisect(lambda tau: excess(tau) >= 0, low, width, steps)
    inside = xp.where((z > low) & (z < low + 1), xp.ones_like(z), 0.0)
    size = xp.sum(inside, axis=axis, keepdims=True)
    low = xp.where(size > 0, low + excess(low) / xp.where(size > 0, size, 1.0), low)
    y = xp.minimum(xp.maximum(z - low, 0.0), 1.0)
    return xp.where(xp.isnan(xp.max(x, axis=axis, keepdims=True)), xp.nan, y)
