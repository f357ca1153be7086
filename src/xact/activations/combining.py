"""Activations that combine: neighbours along an axis, both signs, two arrays."""

from xact._activation import activation
from xact._errors import ShapeError


@activation(
    tex=r"\max_j x_{k \cdot \text{pieces} + j}, \quad 0 \le j < \text{pieces}",
    paper="Goodfellow et al. 2013, Maxout Networks, arXiv:1302.4389",
    arguments={"pieces": "how many neighbours one result is the largest of"},
)
def maxout(x, /, *, pieces=2, axis=-1, xp):
    """The largest of each `pieces` neighbours along `axis`; ties share the gradient equally."""
    if pieces < 1 or x.shape[axis] % pieces:
        raise ShapeError(f"maxout: axis {axis} has {x.shape[axis]} elements, no multiple of `pieces` = {pieces}")
    groups, axis = xp.grouped(x, pieces, axis)
    return xp.max(groups, axis=axis)


@maxout.pullback
def _(x, dy, pieces, axis, xp):
    groups, axis = xp.grouped(x, pieces, axis)
    return xp.reshape(xp.share_of_largest(groups, axis) * xp.expand_dims(dy, axis=axis), x.shape)


@maxout.pushforward
def _(x, dx, pieces, axis, xp):
    tangents, _ = xp.grouped(dx, pieces, axis)
    groups, axis = xp.grouped(x, pieces, axis)
    return xp.sum(xp.share_of_largest(groups, axis) * tangents, axis=axis)


@activation(
    tex=r"\text{concat}(\max(x, 0), \max(-x, 0))",
    paper="Shang et al. 2016, Understanding and Improving CNNs via Concatenated Rectified Linear Units, "
    "arXiv:1603.05201",
    module="CReLU",
    kinks={0: 0},
)
def crelu(x, /, *, axis=-1, xp):
    """The positive and the negative part side by side: twice the elements along `axis`, and no information lost."""
    return xp.concat([xp.maximum(x, 0.0), xp.maximum(-x, 0.0)], axis=axis)


@crelu.pullback
def _(x, dy, axis, xp):
    positive, negative = xp.halves(dy, axis)
    return xp.where(x > 0, positive, 0.0) - xp.where(x < 0, negative, 0.0)


@crelu.pushforward
def _(x, dx, axis, xp):
    return xp.concat([xp.where(x > 0, dx, 0.0), xp.where(x < 0, -dx, 0.0)], axis=axis)


@activation(
    tex=r"\max(x, t)",
    paper="Ma, Zhang & Sun 2020, Funnel Activation for Visual Recognition, arXiv:2007.11824",
    arguments={"t": "the array that x is compared with, of the same shape"},
)
def funnel(x, t, /, *, xp):
    """The larger of two arrays: the funnel rectifier, where t is a condition on the surroundings of each pixel.

    Equal entries share the gradient. `xact.nn.FReLU` computes t.
    """
    return xp.maximum(x, t)


@funnel.derivative
def _(x, t, xp):
    return xp.where(x > t, 1.0, xp.where(x < t, 0.0, xp.where(x == t, 0.5, x + t)))


@funnel.derivative("t")
def _(x, t, xp):
    return xp.where(x < t, 1.0, xp.where(x > t, 0.0, xp.where(x == t, 0.5, x + t)))


@activation(
    tex=r"\begin{cases} \max(x_i, 0) & i \text{ even} \\ \min(x_i, 0) & \text{otherwise} \end{cases}",
    paper="Eidnes & Nokland 2017, Shifting Mean Activation Towards Zero with Bipolar Activation Functions, "
    "arXiv:1709.04054",
    module="BipolarReLU",
    aliases=("brelu",),
    kinks={0: 0},
)
def bipolar_relu(x, /, *, axis=-1, xp):
    """The rectifier f(x) for every second entry along `axis`, -f(-x) for the others: their means cancel."""
    return xp.where(xp.even_places(x, axis), xp.maximum(x, 0.0), xp.minimum(x, 0.0))


@bipolar_relu.pullback
def _(x, dy, axis, xp):
    off = xp.where(xp.even_places(x, axis), x, -x) <= 0
    return xp.where(off, 0.0, dy)
