"""Self-gated activations: the input times a sigmoid of itself."""

from typing import Literal

from xact._activation import activation
from xact.special.algebraic import at_zero


@activation(
    tex=r"\begin{cases} \frac{x}{2} \left(1 + \tanh(\sqrt{2 / \pi}\,(x + 0.044715 x^3))\right)"
    r" & \text{approximate} = \texttt{tanh} \\ x\,\Phi(x) & \text{otherwise} \end{cases}",
    paper="Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",
    module="GELU",
)
def gelu(x, /, *, approximate: Literal["none", "tanh"] = "none", xp):
    """Weights x by the probability that a standard normal variable lies below it; least near x = -0.75."""
    return xp.gelu_tanh(x) if approximate == "tanh" else xp.x_normal_cdf(x)


@gelu.derivative
def _(x, approximate, xp):
    return xp.gelu_tanh_derivative(x) if approximate == "tanh" else xp.x_normal_cdf_derivative(x)


@gelu.derivative(order=2)
def _(x, approximate, xp):
    return xp.gelu_tanh_second_derivative(x) if approximate == "tanh" else xp.x_normal_cdf_second_derivative(x)


@activation(
    tex=r"x\,\sigma(x)",
    paper="Elfwing, Uchibe & Doya 2017, Sigmoid-Weighted Linear Units, arXiv:1702.03118",
    module="SiLU",
    inplace=True,
)
def silu(x, /, *, xp):
    """Smooth and not monotonic: least, about -0.278, near x = -1.278."""
    return xp.x_sigmoid(x, x)


@silu.derivative
def _(x, xp):
    return xp.x_sigmoid_derivative(x, x)


@silu.derivative(order=2)
def _(x, xp):
    z = xp.clip(x, -800.0, 800.0)
    return xp.logistic_pdf(z) * (2 - z * xp.tanh(z / 2))


@activation(
    tex=r"x\,\tanh(\log(1 + e^x))",
    paper="Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function, arXiv:1908.08681",
    inplace=True,
)
def mish(x, /, *, xp):
    """Smooth and not monotonic: least, about -0.309, near x = -1.192."""
    return xp.x_tanh_softplus(x)


@mish.derivative
def _(x, xp):
    return xp.x_tanh_softplus_derivative(x)


@mish.derivative(order=2)
def _(x, xp):
    return xp.x_tanh_softplus_second_derivative(x)


@activation(
    tex=r"\frac{x}{2} \left(1 + \tanh(\sqrt{2 / \pi}\,(x + 0.044715 x^3))\right)",
    paper="Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",
    module="GELUTanh",
    aliases=("gelu_new", "gelu_pytorch_tanh"),
)
def gelu_tanh(x, /, *, xp):
    """The tanh form of GELU, which GPT-2 and BERT's reference code use; off by up to 5e-4 from the exact form."""
    return xp.gelu_tanh(x)


@gelu_tanh.derivative
def _(x, xp):
    return xp.gelu_tanh_derivative(x)


@gelu_tanh.derivative(order=2)
def _(x, xp):
    return xp.gelu_tanh_second_derivative(x)


@activation(
    tex=r"x\,\sigma(1.702 x)",
    paper="Hendrycks & Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415",
    module="QuickGELU",
)
def quick_gelu(x, /, *, xp):
    """The sigmoid form of GELU, which CLIP uses; off by up to 0.02 from the exact form."""
    return xp.gelu_sigmoid(x)


@quick_gelu.derivative
def _(x, xp):
    return xp.gelu_sigmoid_derivative(x)


@activation(
    tex=r"\min(\max(x\,\Phi(x), \text{min}), \text{max})",
    paper="Wu et al. 2020, Integer Quantization for Deep Learning Inference, arXiv:2004.09602",
    module="ClippedGELU",
    requires=("-inf <= min <= inf", "-inf <= max <= inf"),
)
def clipped_gelu(x, /, min=-10.0, max=10.0, *, xp):
    """GELU bounded on both sides, so that its range can be quantized."""
    return xp.clip(xp.x_normal_cdf(x), min, max)


@clipped_gelu.derivative
def _(x, min, max, xp):
    y = xp.x_normal_cdf(x)
    return xp.where((y < min) | (y > max), 0.0, xp.x_normal_cdf_derivative(x))


@activation(
    tex=r"x\,\tanh(x)",
    paper="Roy et al. 2019, LiSHT: Non-Parametric Linearly Scaled Hyperbolic Tangent, arXiv:1901.05894",
    module="LiSHT",
)
def lisht(x, /, *, xp):
    """Even and nonnegative: x^2 near the origin, |x| far from it."""
    return x * xp.tanh(x)


@lisht.derivative
def _(x, xp):
    z = xp.clip(x, -500.0, 500.0)
    return xp.tanh(z) + 4 * z * xp.logistic_pdf(2 * z)


@activation(
    tex=r"\beta x\,\sigma(x)",
    paper="Alcaide 2018, E-swish: Adjusting Activations to Different Network Depths, arXiv:1801.07145",
    module="ESwish",
    aliases=("e_swish",),
    requires=("-inf < beta < inf",),
    budget={
        "C1 float32 by x": (6.5, "as in float64; dense: 5.5"),
        "C1 float64 by x": (
            5.5,
            "the slope of SiLU on PyTorch is 3.5 ULP off itself, the product with beta is rounded; dense: 4.9",
        ),
        "error float16 by x": (0.6, "next to the zero of the slope the float32 rounding of the exponential counts"),
        "misrounded bfloat16": (1536, "1.75 x and 0.875 x are exact ties for many significands, the truth a hair off"),
        "misrounded float16": (256, "as in bfloat16"),
        "identity bfloat16": (32, "next to these ties the last bit of the exponential counts"),
    },
    arguments={"beta": "what silu is multiplied by"},
)
def eswish(x, /, beta=1.75, *, xp):
    """SiLU times a constant between 1 and 2."""
    return xp.times(beta, xp.x_sigmoid(x, x))


@eswish.derivative
def _(x, beta, xp):
    return beta * xp.x_sigmoid_derivative(x, x)


@eswish.derivative("beta")
def _(x, xp):
    return xp.x_sigmoid(x, x)


@activation(
    tex=r"\max(x, 0)\,\sigma(x) + \text{threshold}",
    paper="Chieng et al. 2018, Flatten-T Swish: A Thresholded ReLU-Swish-like Activation Function, arXiv:1812.06247",
    module="FlattenTSwish",
    aliases=("fts",),
    requires=("-inf < threshold < inf",),
    kinks={0: 0},
    budget={
        "parameters": (1, "where x sigma(x) is -threshold the value crosses 0, and the rounding of the product counts"),
        "error float16": (0.6, "next to that zero the rounding in float32 counts"),
        "error bfloat16": (0.6, "as in float16"),
    },
    arguments={"threshold": "what is added everywhere, the result for x <= 0"},
)
def flatten_t_swish(x, /, threshold=-0.2, *, xp):
    """SiLU on the right, constant on the left, all moved down by 0.2."""
    r = xp.maximum(x, 0.0)
    return xp.x_sigmoid(r, r) + threshold


@flatten_t_swish.derivative
def _(x, xp):
    return xp.where(x <= 0, 0.0, xp.x_sigmoid_derivative(x, x))


@flatten_t_swish.derivative("threshold")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"x\,\tanh(e^x)",
    paper="Liu & Di 2020, TanhExp: A Smooth Activation Function with High Convergence Speed for Lightweight Neural "
    "Networks, arXiv:2003.09855",
    aliases=("telu",),
)
def tanh_exp(x, /, *, xp):
    """Mish without its logarithm: least, about -0.353, near x = -1.079, x itself from 2 on; also called TeLU."""
    return xp.x_tanh_exp(x)


@tanh_exp.derivative
def _(x, xp):
    return xp.x_tanh_exp_derivative(x)


@activation(
    tex=r"x\,\tanh(\log(1 + e^{x + \beta}))",
    paper="Misra 2019, Mila: Controlling Minima Concavity in Activation Function",
    requires=("-1e4 < beta < 1e4",),
    arguments={"beta": "what is added to x inside the gate"},
)
def mila(x, /, beta=-0.25, *, xp):
    """Mish with its gate shifted: the smaller beta, the deeper the dip on the left."""
    return xp.x_tanh_softplus_at(x, beta)


@mila.derivative
def _(x, beta, xp):
    return xp.x_tanh_softplus_at_derivative(x, beta)


@activation(
    tex=r"x\,\tanh(\beta \log(1 + e^x))",
    paper="Misra 2019, Beta Mish: An uni-parametric adaptive activation function derived from Mish",
    requires=("-inf < beta < inf",),
    budget={
        "C1 float32 by x": (5.5, "beta beside a product of five factors; dense: 5.1"),
        "C1 float64 by x": (5, "as in float32; dense: 4.6"),
    },
    arguments={"beta": "what softplus is multiplied by inside tanh"},
)
def beta_mish(x, /, beta=1.5, *, xp):
    """Mish at beta = 1; a larger beta brings it nearer to the rectifier."""
    # softplus(-800) is 0, times -inf; at beta = 0 the gate is, times inf.
    z = xp.clip(x, -800.0, at_zero(beta, 800.0, xp.inf, xp))
    return z * xp.tanh(beta * xp.softplus(z))


@beta_mish.derivative
def _(x, beta, xp):
    return xp.x_tanh_softplus_scaled_derivative(x, beta)
