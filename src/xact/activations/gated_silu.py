"""SwiGLU and its relatives: the gated activations of large language models, with and without clamps."""

from xact._activation import activation

ZERO = "alpha times gate is rounded, which counts near the zero of the derivative at -1.278 / alpha"
SLOPE = {
    "C1 float32 by gate": (
        6.5,
        "a library's slope of SiLU is 3.4 ULP off, the product may count it twice; dense: 5.4",
    ),
    "C1 float64 by gate": (4.5, "as in float32, on PyTorch; dense: 4.2"),
}


@activation(
    tex=r"\text{gate}\,\sigma(\text{gate})\,\text{value}",
    paper="Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",
    module="SwiGLU",
    layout="gate_first",
    aliases=("silu_and_mul",),
    budget=SLOPE,
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


@activation(
    tex=r"\text{value} \cdot \text{gate}\,\sigma(\text{gate})",
    paper="Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202",
    module="MulAndSilu",
    layout="value_first",
    budget=SLOPE,
)
def mul_and_silu(value, gate, /, *, xp):
    """SwiGLU with the value first."""
    return value * xp.x_sigmoid(gate, gate)


@mul_and_silu.derivative("value")
def _(gate, xp):
    return xp.x_sigmoid(gate, gate)


@mul_and_silu.derivative("gate")
def _(value, gate, xp):
    return value * xp.x_sigmoid_derivative(gate, gate)


@activation(
    tex=r"(u + 1)\,g\,\sigma(\alpha g),\quad g = \min(\text{gate}, \text{limit}),"
    r" u = \text{clip}(\text{value}, -\text{limit}, \text{limit})",
    paper="OpenAI 2025, gpt-oss-120b & gpt-oss-20b Model Card, arXiv:2508.10925",
    module="SwiGLUOAI",
    layout="interleaved",
    aliases=("swigluoai_and_mul",),
    requires=("-inf < alpha < inf", "0 <= limit <= inf"),
    kinks={"limit": None, "-limit": None},
    budget={"error float16": (0.65, ZERO), "error bfloat16": (0.65, ZERO), **SLOPE},
    arguments={"alpha": "the rate of the sigmoid", "limit": "gates are at most this, values at most this in size"},
)
def swiglu_oai(gate, value, /, alpha=1.702, limit=7.0, *, xp):
    """The gate of gpt-oss: both sides clamped, 1 added to the value; gates and values alternate in a packed array."""
    g = xp.minimum(gate, limit)
    return (xp.clip(value, -limit, limit) + 1) * xp.x_sigmoid(g, xp.times(alpha, g))


@swiglu_oai.derivative("gate")
def _(gate, value, alpha, limit, xp):
    y = xp.times(alpha, xp.minimum(gate, limit))
    return xp.where(gate > limit, 0.0, xp.x_sigmoid_derivative(y, y) * (xp.clip(value, -limit, limit) + 1))


@swiglu_oai.derivative("value")
def _(gate, value, alpha, limit, xp):
    g = xp.minimum(gate, limit)
    return xp.where(xp.abs(value) > limit, 0.0, xp.x_sigmoid(g, xp.times(alpha, g)))


@activation(
    tex=r"\min(\text{gate}\,\sigma(\text{gate}), \text{limit})\,\text{clip}(\text{value}, -\text{limit}, \text{limit})",
    paper="StepFun 2025, Step-3 is Large yet Affordable, arXiv:2507.19427",
    module="SwiGLUStep",
    layout="gate_first",
    aliases=("swiglu_step_and_mul",),
    requires=("0 <= limit <= inf",),
    kinks={"limit": None, "-limit": None},
    budget=SLOPE,
    arguments={"limit": "the gates after silu are at most this, values at most this in size"},
)
def swiglu_step(gate, value, /, limit=7.0, *, xp):
    """SwiGLU whose activated gate and value are clamped: the clamp of the gate comes after SiLU."""
    return xp.minimum(xp.x_sigmoid(gate, gate), limit) * xp.clip(value, -limit, limit)


@swiglu_step.derivative("gate")
def _(gate, value, limit, xp):
    slope = xp.x_sigmoid_derivative(gate, gate) * xp.clip(value, -limit, limit)
    return xp.where(xp.x_sigmoid(gate, gate) > limit, 0.0, slope)


@swiglu_step.derivative("value")
def _(gate, value, limit, xp):
    return xp.where(xp.abs(value) > limit, 0.0, xp.minimum(xp.x_sigmoid(gate, gate), limit))


@activation(
    tex=r"g\,\sigma(\alpha g) (u + \beta),\quad g = \min(\text{gate}, \text{limit}),"
    r" u = \text{clip}(\text{value}, -\text{limit}, \text{limit})",
    paper="DeepSeek-AI 2026, the reference implementation of DeepSeek-V4",
    module="SwiGLUClamp",
    layout="gate_first",
    aliases=("silu_and_mul_with_clamp",),
    requires=("0 <= limit <= inf", "-inf < alpha < inf", "-inf < beta < inf"),
    kinks={"limit": None, "-limit": None},
    budget={"error float16": (0.65, ZERO), "error bfloat16": (0.65, ZERO), **SLOPE},
    arguments={
        "limit": "gates are at most this, values at most this in size",
        "alpha": "the rate of the sigmoid",
        "beta": "what is added to the values",
    },
)
def swiglu_clamp(gate, value, /, limit=10.0, alpha=1.0, beta=0.0, *, xp):
    """SwiGLU with gate and value clamped before SiLU; with alpha = 1.702, beta = 1 it is swiglu_oai."""
    g = xp.minimum(gate, limit)
    return xp.x_sigmoid(g, xp.times(alpha, g)) * (xp.clip(value, -limit, limit) + beta)


@swiglu_clamp.derivative("gate")
def _(gate, value, limit, alpha, beta, xp):
    y = xp.times(alpha, xp.minimum(gate, limit))
    return xp.where(gate > limit, 0.0, xp.x_sigmoid_derivative(y, y) * (xp.clip(value, -limit, limit) + beta))


@swiglu_clamp.derivative("value")
def _(gate, value, limit, alpha, beta, xp):
    g = xp.minimum(gate, limit)
    return xp.where(xp.abs(value) > limit, 0.0, xp.x_sigmoid(g, xp.times(alpha, g)))
