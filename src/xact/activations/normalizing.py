"""Normalizing activations: every result depends on all elements along an axis."""

from xact._activation import activation


@activation(
    tex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    paper="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
)
def softmax(x, /, *, axis=-1, dtype=None, xp):
    """Positive weights that sum to one along `axis`; computed in `dtype` where one is given."""
    return xp.softmax(x, axis)


@softmax.pullback
def _(y, dy, axis, xp):
    # Measured from the cotangent of the largest entry, dy - sum(y dy) keeps its digits where that entry is almost 1.
    dy = dy - xp.at_largest(dy, y, axis)
    return y * (dy - xp.sum(y * dy, axis=axis, keepdims=True))


@activation(
    tex=r"x_i - \log(\sum_j e^{x_j})",
    paper="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
    module="LogSoftmax",
)
def log_softmax(x, /, *, axis=-1, dtype=None, xp):
    """The logarithm of softmax, with all digits where one entry is almost certain."""
    return xp.log_softmax(x, axis)


@log_softmax.pullback
def _(y, dy, axis, xp):
    return dy - xp.exp(y) * xp.sum(dy, axis=axis, keepdims=True)


@log_softmax.pushforward
def _(y, dx, axis, xp):
    return dx - xp.sum(xp.exp(y) * dx, axis=axis, keepdims=True)
