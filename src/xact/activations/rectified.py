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
    kinks={0: "negative_slope"},
)
def leaky_relu(x, /, negative_slope=0.01, *, xp):
    """A rectifier whose negative side keeps a small slope, so that no unit dies."""
    return xp.where(x > 0, x, negative_slope * x)


@leaky_relu.derivative
def _(x, negative_slope, xp):
    return xp.where(x > 0, 1.0, xp.where(x <= 0, negative_slope, x))


@leaky_relu.derivative("negative_slope")
def _(x, xp):
    return xp.minimum(x, 0.0)
