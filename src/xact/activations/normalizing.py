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
    return xp.softmax_pullback(y, dy, axis)


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
    return xp.log_softmax_pullback(y, dy, axis)


@log_softmax.pushforward
def _(y, dx, axis, xp):
    return xp.log_softmax_pushforward(y, dx, axis)


@activation(
    tex=r"\frac{e^{-x_i}}{\sum_j e^{-x_j}}",
    paper="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
)
def softmin(x, /, *, axis=-1, dtype=None, xp):
    """Softmax of -x: the smallest entry has the largest weight."""
    return xp.softmax(-x, axis)


@softmin.pullback
def _(y, dy, axis, xp):
    return -xp.softmax_pullback(y, dy, axis)


@activation(
    tex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    paper="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
    module="Softmax2d",
)
def softmax2d(x, /, *, axis=-3, xp):
    """Softmax over the channels of images, (N, C, H, W) or (C, H, W)."""
    return xp.softmax(x, axis)


@softmax2d.pullback
def _(y, dy, axis, xp):
    return xp.softmax_pullback(y, dy, axis)


@activation(
    tex=r"\frac{\text{mask} \, e^{x_i}}{\sum_j \text{mask} \, e^{x_j}}",
    paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762",
)
def masked_softmax(x, /, mask: bool, *, axis=-1, xp):
    """Softmax of the entries where `mask` is true, 0 elsewhere; 0 everywhere in a row without any.

    A mask of floats is added to x, and hides where it is -inf, as an attention mask of torch; it has a gradient.
    """
    return xp.masked_softmax(x, mask, axis)


@masked_softmax.pullback
def _(y, dy, axis, xp):
    return xp.softmax_pullback(y, dy, axis)


@activation(
    tex=r"x_i + \log(\text{mask}) - \log(\sum_j \text{mask} \, e^{x_j})",
    paper="Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762",
    module="MaskedLogSoftmax",
)
def masked_log_softmax(x, /, mask: bool, *, axis=-1, xp):
    """The logarithm of masked_softmax: -inf where `mask` is false, also everywhere in a row without a true one.

    A mask of floats is added to x, as there. Entries that are hidden take no part in the gradient.
    """
    return xp.masked_log_softmax(x, mask, axis)


@masked_log_softmax.pullback
def _(y, mask, dy, axis, xp):
    return xp.masked_log_softmax_pullback(y, mask, dy, axis)


@masked_log_softmax.pushforward
def _(y, mask, dx, axis, xp):
    return xp.masked_log_softmax_pushforward(y, mask, dx, axis)


@activation(
    tex=r"\frac{x_i - m}{\sqrt{v + \epsilon}}, \quad m = \frac{1}{n} \sum_j x_j,"
    r" v = \frac{1}{n} \sum_j (x_j - m)^2, n = \sum_j (1 + 0 \cdot x_j)",
    paper="Ba, Kiros & Hinton 2016, Layer Normalization, arXiv:1607.06450",
    aliases=("normalize",),
    requires=("0 <= epsilon < inf",),
    budget={"C1 pullback row": (1.0, "beside an outlier its own cotangent is what a cancellation of others leaves")},
    arguments={"epsilon": "what is added to the variance, so that it is not 0"},
)
def standardize(x, /, *, axis=-1, epsilon=1e-5, xp):
    """Mean 0 and variance 1 along `axis`; epsilon is added to the variance."""
    return xp.standardized(x, epsilon, axis)


@standardize.pullback
def _(x, dy, axis, epsilon, xp):
    return xp.standardized_pullback(x, dy, epsilon, axis)


@activation(
    tex=r"\max(x_i - \frac{\alpha}{n} \sum_j x_j, 0), \quad n = \sum_j (1 + 0 \cdot x_j)",
    paper="Dubey & Chakraborty 2018, Average Biased ReLU Based CNN Descriptor for Improved Face Retrieval, "
    "arXiv:1804.02051",
    module="ABReLU",
    aliases=("abrelu",),
    requires=("-inf < alpha < inf",),
    budget={"C1 pullback row": (1.0, "alpha times the mean and an entry may cancel; the pullback is linear in dy")},
    arguments={"alpha": "what the mean is multiplied by before it is subtracted"},
)
def ab_relu(x, /, alpha=1.0, *, axis: int | None = None, xp):
    """The rectifier of what exceeds alpha times the mean along `axis`: of the whole array, batch included, for None."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    return xp.maximum(xp.above_average(x, alpha, axes), 0.0)


@ab_relu.pullback
def _(x, dy, alpha, axis, xp):
    axes = tuple(range(x.ndim)) if axis is None else axis
    kept = xp.where(xp.above_average(x, alpha, axes) <= 0, 0.0, dy)
    return kept - alpha * xp.mean_of(kept, axes)


@ab_relu.pushforward
def _(x, dx, alpha, axis, xp):
    axes = tuple(range(x.ndim)) if axis is None else axis
    return xp.where(xp.above_average(x, alpha, axes) <= 0, 0.0, dx - alpha * xp.mean_of(dx, axes))
