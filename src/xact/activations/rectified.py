"""Rectified activations: the identity on the right, something smaller on the left."""

from xact._activation import activation


@activation(
    tex=r"\max(x, 0)",
    paper="Fukushima 1969; Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
    module="ReLU",
    inplace=True,
    integers="keep",
    kinks={0: 0},
)
def relu(x, /, *, xp):
    """Passes what is positive and nothing else; a unit that is never positive stops learning."""
    return xp.maximum(x, 0)


@relu.derivative
def _(y, xp):
    # A mask. NaN lets the incoming gradient through, as the comparison of torch's own backward does.
    return xp.logical_not(y <= 0)


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \text{negative\_slope}\, x & \text{otherwise} \end{cases}",
    paper="Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    module="LeakyReLU",
    inplace=True,
    requires=("-inf < negative_slope < inf",),
    kinks={0: "negative_slope"},
)
def leaky_relu(x, /, negative_slope=0.01, *, xp):
    """A rectifier whose negative side keeps a small slope, so that no unit dies."""
    return xp.where(x > 0, x, xp.times(negative_slope, x))


@leaky_relu.derivative
def _(x, negative_slope, xp):
    return xp.where(x > 0, xp.ones_like(x), negative_slope)


@leaky_relu.derivative("negative_slope")
def _(x, xp):
    return xp.minimum(x, 0.0)


@activation(
    tex=r"\min(\max(x, 0), 6)",
    paper="Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10",
    module="ReLU6",
    inplace=True,
    integers="keep",
    kinks={0: 0, 6: 0},
)
def relu6(x, /, *, xp):
    """A rectifier capped at 6, so that few bits hold its range."""
    return xp.clip(x, 0, 6)


@relu6.derivative
def _(y, xp):
    return xp.logical_not((y <= 0) | (y >= 6))


@activation(
    tex=r"\begin{cases} \text{value} & x \le \text{threshold} \\ x & \text{otherwise} \end{cases}",
    paper="Collobert, Kavukcuoglu & Farabet 2011, Torch7",
    inplace=True,
    integers="keep",
    requires=("-inf <= threshold <= inf", "-inf <= value <= inf"),
    kinks={"threshold": 0},
    arguments={"threshold": "x up to it is replaced", "value": "what replaces it"},
)
def threshold(x, /, threshold, value, *, xp):
    """Passes what exceeds the threshold and replaces the rest; jumps unless value is the threshold."""
    return xp.where(x <= threshold, value, x)


@threshold.derivative
def _(x, threshold, xp):
    return xp.logical_not(x <= threshold)


@threshold.derivative("value")
def _(x, threshold, xp):
    return xp.where(x <= threshold, 1.0, xp.where(xp.isnan(x), x, 0.0))


@threshold.derivative("threshold")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 0.0)


@activation(
    tex=r"\begin{cases} 0 & x \le \alpha \\ x & \text{otherwise} \end{cases}",
    paper="Konda, Memisevic & Krueger 2015, Zero-bias Autoencoders, arXiv:1402.3337",
    module="ThresholdedReLU",
    aliases=("trelu",),
    requires=("-inf <= alpha <= inf",),
    kinks={"alpha": 0},
    arguments={"alpha": "x up to it becomes 0"},
)
def thresholded_relu(x, /, alpha=1.0, *, xp):
    """Only what exceeds alpha passes, unchanged: sparse codes without a shrinking bias."""
    return xp.where(x <= alpha, 0.0, x)


@thresholded_relu.derivative
def _(x, alpha, xp):
    return xp.logical_not(x <= alpha)


@thresholded_relu.derivative("alpha")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 0.0)


@activation(
    tex=r"\max(x, 0)^2",
    paper="So et al. 2021, Primer: Searching for Efficient Transformers, arXiv:2109.08668",
    module="ReLUSquared",
    aliases=("relu2", "squared_relu", "sqrelu", "relu_sq"),
)
def relu_squared(x, /, *, xp):
    """The rectifier squared: a continuous derivative, and exact zeros on the left."""
    return xp.maximum(x, 0.0) ** 2


@relu_squared.derivative
def _(x, xp):
    return 2 * xp.maximum(x, 0.0)


@activation(
    tex=r"|x|",
    paper="Jarrett et al. 2009, What is the Best Multi-Stage Architecture for Object Recognition?",
    module="Abs",
    aliases=("modulus",),
    integers="keep",
    kinks={0: 0},
)
def abs(x, /, *, xp):
    """The rectifier that keeps both sides: the sign is lost, nothing else."""
    return xp.abs(x)


@abs.derivative
def _(x, xp):
    return xp.where(x > 0, 1.0, xp.where(x < 0, -1.0, xp.where(xp.isnan(x), x, 0.0)))


@activation(
    tex=r"\begin{cases} \min(x, \text{max\_value}) & x > \text{threshold} \\"
    r" \text{negative\_slope}\,(x - \text{threshold}) & \text{otherwise} \end{cases}",
    paper="Chollet et al. 2015, Keras",
    module="GeneralReLU",
    requires=("-inf < negative_slope < inf", "-inf < max_value", "-inf < threshold < inf"),
    kinks={"threshold": "negative_slope", "max_value": 0},
    arguments={
        "max_value": "the greatest result",
        "threshold": "the result is x above it, and falls with negative_slope below",
    },
)
def general_relu(x, /, *, negative_slope=0.0, max_value=float("inf"), threshold=0.0, xp):
    """The rectifier of Keras with its three arguments; it jumps at a threshold other than 0."""
    left = xp.times(negative_slope, x - threshold)
    return xp.where(x > threshold, xp.minimum(x, max_value), left)


@general_relu.derivative
def _(x, negative_slope, max_value, threshold, xp):
    # An infinity reaches no bound that is none.
    right = xp.where((x >= max_value) & (max_value < float("inf")), 0.0, 1.0 + xp.zeros_like(x))
    return xp.where(x > threshold, right, xp.where(x <= threshold, negative_slope, x))
