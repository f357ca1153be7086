"""Self-gated activations: the input times a sigmoid of itself."""

from typing import Literal

from xact._activation import activation


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
