"""Reductions: one smooth number for all elements along an axis."""

from xact._activation import activation

CANCELS = "where the largest entry and the logarithm cancel, what is left has the rounding errors of both"


@activation(
    tex=r"\log(\sum_j e^{x_j})",
    paper="Blanchard, Higham & Higham 2021, Accurately Computing the Log-Sum-Exp and Softmax Functions",
    module="LogSumExp",
    integers="float, bool",
    budget={"C1 row": (1.0, CANCELS)},
)
def logsumexp(x, /, *, axis=-1, keepdims=False, xp):
    """A smooth maximum along `axis`, at most log n above the largest entry; its gradient is softmax."""
    y = xp.log_sum_exp(x, axis)
    return y if keepdims else xp.squeeze(y, axis=axis)


@logsumexp.pullback
def _(x, dy, axis, keepdims, xp):
    return (dy if keepdims else xp.expand_dims(dy, axis=axis)) * xp.softmax(x, axis)


@logsumexp.pushforward
def _(x, dx, axis, keepdims, xp):
    return xp.sum(dx * xp.softmax(x, axis), axis=axis, keepdims=keepdims)


@activation(
    tex=r"\log(\frac{1}{n} \sum_j e^{x_j}), \quad n = \sum_j (1 + 0 \cdot x_j)",
    paper="Blanchard, Higham & Higham 2021, Accurately Computing the Log-Sum-Exp and Softmax Functions",
    module="LogMeanExp",
    budget={"C1 row": (1.0, CANCELS)},
)
def logmeanexp(x, /, *, axis=-1, keepdims=False, xp):
    """Logsumexp less log n: between the mean and the largest entry, and equal to them where all are equal."""
    y = xp.log_mean_exp(x, axis)
    return y if keepdims else xp.squeeze(y, axis=axis)


@logmeanexp.pullback
def _(x, dy, axis, keepdims, xp):
    return (dy if keepdims else xp.expand_dims(dy, axis=axis)) * xp.softmax(x, axis)


@logmeanexp.pushforward
def _(x, dx, axis, keepdims, xp):
    return xp.sum(dx * xp.softmax(x, axis), axis=axis, keepdims=keepdims)
