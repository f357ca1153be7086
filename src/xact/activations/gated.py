"""Gated activations: a value times an activated gate, two arrays or the halves of one."""

from xact._activation import activation


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
    tex=r"\text{gate}\,\sigma(\text{gate})\,\text{value}",
    paper="Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",
    module="SwiGLU",
    layout="gate_first",
)
def swiglu(gate, value, /, *, xp):
    """The gate of most large language models: SiLU of one projection times another."""
    return xp.x_sigmoid(gate, gate) * value


@swiglu.derivative("gate")
def _(gate, value, xp):
    return xp.x_sigmoid_derivative(gate, gate) * value


@swiglu.derivative("value")
def _(gate, xp):
    return xp.x_sigmoid(gate, gate)
