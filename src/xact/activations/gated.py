"""Gated activations: a value times an activated gate, two arrays or the halves of one."""

from typing import Literal

from xact._activation import activation
from xact.activations.exponential_linear import ALPHA, SCALE


@activation(
    tex=r"\text{value}\,\sigma(\text{gate})",
    paper="Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks, arXiv:1612.08083",
    module="GLU",
    layout="value_first",
)
def glu(value, gate, /, *, xp):
    """The gate decides how much of the value passes; of a packed array the second half is the gate."""
    return value * xp.sigmoid(gate)


@glu.derivative("value")
def _(gate, xp):
    return xp.sigmoid(gate)


@glu.derivative("gate")
def _(value, gate, xp):
    return value * xp.logistic_pdf(gate)


@activation(
    tex=r"\tanh(\text{value})\,\sigma(\text{gate})",
    paper="van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328",
    module="GTU",
    layout="value_first",
)
def gtu(value, gate, /, *, xp):
    """The unit of PixelCNN and WaveNet: a bounded value, and how much of it passes."""
    return xp.tanh(value) * xp.sigmoid(gate)


@gtu.derivative("value")
def _(value, gate, xp):
    return 4 * xp.logistic_pdf(2 * value) * xp.sigmoid(gate)


@gtu.derivative("gate")
def _(value, gate, xp):
    return xp.tanh(value) * xp.logistic_pdf(gate)


@activation(
    tex=r"\text{gate} \cdot \text{value}",
    paper="Mnih & Hinton 2007, Three New Graphical Models for Statistical Language Modelling; Shazeer 2020, "
    "GLU Variants Improve Transformer, arXiv:2002.05202",
    module="BilinearGLU",
    layout="gate_first",
    aliases=("bilinear_glu",),
)
def bilinear(gate, value, /, *, xp):
    """A gate without an activation: the product of two projections."""
    return gate * value


@bilinear.derivative("gate")
def _(value, xp):
    return value


@bilinear.derivative("value")
def _(gate, xp):
    return gate


@activation(
    tex=r"\max(\text{gate}, 0)\,\text{value}",
    paper="Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",
    module="ReGLU",
    layout="gate_first",
    kinks={0: 0},
)
def reglu(gate, value, /, *, xp):
    """A rectified gate: the value passes in proportion to a gate that is positive, else not at all."""
    return xp.maximum(gate, 0.0) * value


@reglu.derivative("gate")
def _(gate, value, xp):
    return xp.where(gate <= 0, 0.0, value)


@reglu.derivative("value")
def _(gate, xp):
    return xp.maximum(gate, 0.0)


@activation(
    tex=r"\begin{cases} \text{gate} & \text{gate} > \text{threshold} \\ 0 & \text{otherwise} \end{cases}"
    r" \cdot \text{value}",
    paper="Song et al. 2024, ProSparse, arXiv:2402.13516",
    module="FATReLUGLU",
    layout="gate_first",
    aliases=("fatrelu_and_mul",),
    requires=("-inf <= threshold <= inf",),
    kinks={"threshold": 0},
    arguments={"threshold": "gates up to it become 0"},
)
def fatrelu_glu(gate, value, /, threshold=0.0, *, xp):
    """ReGLU with gates up to a threshold cut to 0, so that more of the products need not be computed."""
    return xp.where(gate <= threshold, 0.0, gate) * value


@fatrelu_glu.derivative("gate")
def _(gate, value, threshold, xp):
    return xp.where(gate <= threshold, 0.0, value)


@fatrelu_glu.derivative("value")
def _(gate, threshold, xp):
    return xp.where(gate <= threshold, 0.0, gate)


@activation(
    tex=r"\begin{cases} \frac{\text{gate}}{2} \left(1 + \tanh(\sqrt{2 / \pi}\,"
    r"(\text{gate} + 0.044715\,\text{gate}^3))\right) \text{value} & \text{approximate} = \texttt{tanh} \\"
    r" \text{gate}\,\Phi(\text{gate})\,\text{value} & \text{otherwise} \end{cases}",
    paper="Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",
    module="GEGLU",
    layout="gate_first",
    aliases=("gelu_and_mul",),
)
def geglu(gate, value, /, *, approximate: Literal["none", "tanh"] = "none", xp):
    """GELU of one projection times another: the gate of T5 1.1 and of Gemma."""
    return (xp.gelu_tanh(gate) if approximate == "tanh" else xp.x_normal_cdf(gate)) * value


@geglu.derivative("gate")
def _(gate, value, approximate, xp):
    return (xp.gelu_tanh_derivative(gate) if approximate == "tanh" else xp.x_normal_cdf_derivative(gate)) * value


@geglu.derivative("value")
def _(gate, approximate, xp):
    return xp.gelu_tanh(gate) if approximate == "tanh" else xp.x_normal_cdf(gate)


def normal_quantile(share):
    # Slow to import, for one activation.
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


@activation(
    tex=r"\text{GELU}(\max(\text{gate}_i - \mu - \sigma \Phi^{-1}(\text{sparsity}), 0))\,\text{value}_i,"
    r" \quad \mu = \frac{1}{n} \sum_j \text{gate}_j, \sigma^2 = \frac{1}{n} \sum_j (\text{gate}_j - \mu)^2",
    paper="Gemma Team 2025, Gemma 3n, with the cut of You et al. 2025, Spark Transformer, arXiv:2506.06644",
    module="GEGLUSparse",
    layout="gate_first",
    aliases=("gelu_and_mul_sparse", "gelu_glu_sparse"),
    requires=("0 < sparsity < 1",),
    arguments={"sparsity": "the share of the gates that become 0, between 0 and 1, if they are normally distributed"},
)
def geglu_sparse(gate, value, /, *, sparsity=0.95, axis=-1, approximate: Literal["none", "tanh"] = "none", xp):
    """GEGLU of what exceeds a cut, below which the share `sparsity` of a normal distribution along `axis` lies."""
    above, _ = xp.above_normal_quantile(gate, normal_quantile(sparsity), axis)
    return (xp.gelu_tanh(above) if approximate == "tanh" else xp.x_normal_cdf(above)) * value


def sparse_slope(gate, value, sparsity, axis, approximate, xp):
    """The derivative by what exceeds the cut, and the derivative of the cut by each entry, times their number."""
    quantile = normal_quantile(sparsity)
    above, unit = xp.above_normal_quantile(gate, quantile, axis)
    slope = xp.gelu_tanh_derivative(above) if approximate == "tanh" else xp.x_normal_cdf_derivative(above)
    return xp.where(above <= 0, 0.0, slope * value), 1 + quantile * unit


@geglu_sparse.pullback("gate")
def _(gate, value, dy, sparsity, axis, approximate, xp):
    slope, cut = sparse_slope(gate, value, sparsity, axis, approximate, xp)
    return dy * slope - cut * xp.mean(dy * slope, axis=axis, keepdims=True)


@geglu_sparse.pushforward("gate")
def _(gate, value, dgate, sparsity, axis, approximate, xp):
    slope, cut = sparse_slope(gate, value, sparsity, axis, approximate, xp)
    return slope * (dgate - xp.mean(cut * dgate, axis=axis, keepdims=True))


@geglu_sparse.derivative("value")
def _(gate, sparsity, axis, approximate, xp):
    above, _ = xp.above_normal_quantile(gate, normal_quantile(sparsity), axis)
    return xp.gelu_tanh(above) if approximate == "tanh" else xp.x_normal_cdf(above)


@activation(
    tex=r"\lambda \left(\max(\text{gate}, 0) + \alpha (e^{\min(\text{gate}, 0)} - 1)\right) \text{value}"
    r",\quad \lambda = 1.0507009873554804934193349852946,\quad \alpha = 1.6732632423543772848170429916717",
    paper="Klambauer et al. 2017, Self-Normalizing Neural Networks, arXiv:1706.02515, in the place of a gate",
    module="SeGLU",
    layout="gate_first",
    kinks={0: None},
)
def seglu(gate, value, /, *, xp):
    """SELU of one projection times another."""
    return SCALE * (xp.where(gate > 0, gate, ALPHA * xp.expm1(xp.minimum(gate, 0.0))) * value)


@seglu.derivative("gate")
def _(gate, value, xp):
    return SCALE * (xp.where(gate > 0, 1.0, ALPHA * xp.exp(xp.minimum(gate, 0.0))) * value)


@seglu.derivative("value")
def _(gate, xp):
    return xp.where(gate > 0, SCALE * gate, (SCALE * ALPHA) * xp.expm1(xp.minimum(gate, 0.0)))
