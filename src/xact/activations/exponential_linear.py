"""Exponential activations: the identity on the right, a saturating exponential on the left."""

from typing import Literal

from xact._activation import activation

# Fixed point of mean 0 and variance 1, Klambauer et al. 2017, equation 14.
ALPHA = 1.6732632423543772848170429916717
SCALE = 1.0507009873554804934193349852946
RECIPROCAL = "XLA divides by a constant by multiplying with its rounded reciprocal, which the exponential amplifies"


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{otherwise} \end{cases}",
    paper="Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289",
    module="ELU",
    inplace=True,
    requires=("-inf < alpha < inf",),
    kinks={0: "alpha"},
    arguments={"alpha": "the result is above -alpha"},
)
def elu(x, /, alpha=1.0, *, xp):
    """Saturates at -alpha on the left, which draws the mean activation towards zero."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


@elu.derivative
def _(x, alpha, xp):
    return xp.where(x > 0, 1.0, alpha * xp.exp(xp.minimum(x, 0.0)))


@elu.derivative(order=2)
def _(x, alpha, xp):
    return xp.where(x > 0, 0.0, alpha * xp.exp(xp.minimum(x, 0.0)))


@elu.derivative("alpha")
def _(x, xp):
    return xp.expm1(xp.minimum(x, 0.0))


@activation(
    tex=r"\lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{otherwise} \end{cases}"
    r",\quad \lambda = 1.0507009873554804934193349852946,\quad \alpha = 1.6732632423543772848170429916717",
    paper="Klambauer et al. 2017, Self-Normalizing Neural Networks, arXiv:1706.02515",
    module="SELU",
    inplace=True,
    kinks={0: ALPHA * SCALE},
)
def selu(x, /, *, xp):
    """Keeps mean 0 and variance 1 from layer to layer for weights of variance 1 / fan_in."""
    return xp.where(x > 0, SCALE * x, (SCALE * ALPHA) * xp.expm1(xp.minimum(x, 0.0)))


@selu.derivative
def _(x, xp):
    return xp.where(x > 0, SCALE, (SCALE * ALPHA) * xp.exp(xp.minimum(x, 0.0)))


@selu.derivative(order=2)
def _(x, xp):
    return xp.where(x > 0, 0.0, (SCALE * ALPHA) * xp.exp(xp.minimum(x, 0.0)))


@activation(
    tex=r"\max(x, 0) + \alpha (e^{\min(x, 0) / \alpha} - 1)",
    paper="Barron 2017, Continuously Differentiable Exponential Linear Units, arXiv:1704.07483",
    module="CELU",
    inplace=True,
    requires=("alpha != 0", "-1e30 < alpha < 1e30"),
    kinks={0: 1},
    budget={"parameters": (1, RECIPROCAL)},
    arguments={"alpha": "the result is above -alpha, and the exponential decays over alpha"},
)
def celu(x, /, alpha=1.0, *, xp):
    """ELU made continuously differentiable for every alpha."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0) / alpha))


@celu.derivative
def _(x, alpha, xp):
    return xp.where(x > 0, 1.0, xp.exp(xp.minimum(x, 0.0) / alpha))


@celu.derivative(order=2)
def _(x, alpha, xp):
    return xp.where(x > 0, 0.0, xp.exp(xp.minimum(x, 0.0) / alpha) / alpha)


@celu.derivative("alpha")
def _(x, alpha, xp):
    return xp.tangent_remainder(xp.minimum(x, 0.0) / alpha)


@activation(
    tex=r"\begin{cases} \frac{a}{b} x & x \ge 0 \\ a (e^{x / b} - 1) & \text{otherwise} \end{cases}",
    paper="Trottier, Giguere & Chaib-draa 2017, Parametric Exponential Linear Unit, arXiv:1605.09332",
    module="PELU",
    learnable={"a": 1.0, "b": 1.0},
    requires=("0 <= a < inf", "1e-6 <= b < 1e30"),
    budget={"parameters": (1, RECIPROCAL)},
    arguments={"a": "the result is above -a", "b": "what the exponential decays over"},
)
def pelu(x, /, a=1.0, b=1.0, *, xp):
    """ELU with a learnt bound a and a learnt decay b, both positive, and a continuous derivative for all of them."""
    return xp.where(x < 0, a * xp.expm1(xp.minimum(x, 0.0) / b), xp.times(a / b, x))


@pelu.derivative
def _(x, a, b, xp):
    return a / b * xp.exp(xp.minimum(x, 0.0) / b)


@pelu.derivative("a")
def _(x, b, xp):
    return xp.where(x < 0, xp.expm1(xp.minimum(x, 0.0) / b), x / b)


@pelu.derivative("b")
def _(x, a, b, xp):
    z = xp.maximum(x, -1e30)
    return -(a / b) * (z / b * xp.exp(xp.minimum(z, 0.0) / b))


@activation(
    tex=r"\begin{cases} \alpha x + \log(2) & x \ge 0 \\ \log(1 + e^x) & \text{otherwise} \end{cases}",
    paper="Xu & Chen 2020, Rectified Softplus",
    module="ReSP",
    requires=("-inf < alpha < inf",),
    budget={
        "misrounded bfloat16": (512, "for some significands 1.7 x is an exact tie, in every binade, log(2) a hair")
    },
    kinks={0: "alpha"},
    arguments={"alpha": "the slope for x >= 0"},
)
def resp(x, /, alpha=1.7, *, xp):
    """Softplus on the left, a line from its value log 2 on the right."""
    return xp.where(x < 0, xp.softplus(xp.minimum(x, 0.0)), xp.times(alpha, x) + 0.6931471805599453)


@resp.derivative
def _(x, alpha, xp):
    return xp.where(x < 0, xp.sigmoid(xp.minimum(x, 0.0)), xp.where(xp.isnan(x), x, alpha))


@resp.derivative("alpha")
def _(x, xp):
    return xp.maximum(x, 0.0)


@activation(
    tex=r"\begin{cases} x\,\sigma(x) & x \ge 0 \\ (e^x - 1)\,\sigma(x) & \text{otherwise} \end{cases}",
    paper="Basirat & Roth 2018, The Quest for the Golden Activation Function, arXiv:1808.00783",
    module="ELiSH",
)
def elish(x, /, *, xp):
    """SiLU on the right, ELU times a sigmoid on the left, with one derivative, 1/2, where they meet."""
    return xp.where(x < 0, xp.expm1(xp.minimum(x, 0.0)), x) * xp.sigmoid(x)


@elish.derivative
def _(x, xp):
    return xp.elish_derivative(x)


@activation(
    tex=r"\min(\max(\frac{x + 1}{2}, 0), 1) \begin{cases} x & x \ge 0 \\"
    r" e^{x - 1} & \text{version} = \texttt{echo} \\ e^x - 1 & \text{otherwise} \end{cases}",
    paper="Basirat & Roth 2018, The Quest for the Golden Activation Function, arXiv:1808.00783",
    module="HardELiSH",
    kinks={-1: 0, 1: 1, "0 if version == 'echo' else inf": 0.5},
    arguments={"version": "'paper', or 'echo' for the formula of Echo-AI"},
)
def hard_elish(x, /, *, version: Literal["paper", "echo"] = "paper", xp):
    """ELiSH with the sigmoid in three straight lines; exactly 0 left of -1 and x right of 1.

    The version of Echo-AI has e^(x - 1) in the place of e^x - 1: it is positive on the left, and jumps at 0.
    """
    n, m = xp.minimum(x, 0.0), xp.clip(x, -1.0, 1.0)
    left = xp.exp(n - 1) if version == "echo" else xp.expm1(n)
    return xp.where(x >= 1, x, xp.where(x < 0, left, m) * ((m + 1) / 2))


@hard_elish.derivative
def _(x, version, xp):
    if version == "paper":
        return xp.hard_elish_derivative(x)
    n = xp.clip(x, -1.0, 0.0)
    return xp.where(x <= -1, 0.0, xp.where(x < 0, xp.exp(n - 1) * (n + 2) / 2, xp.hard_elish_derivative(x)))


@activation(
    tex=r"\begin{cases} -\frac{\log(1 - \alpha (x + \alpha))}{\alpha} & \alpha < 0 \\"
    r" x & \alpha = 0 \\ \frac{e^{\alpha x} - 1}{\alpha} + \alpha & \text{otherwise}"
    r" \end{cases}",
    paper="Godfrey & Gashler 2015, A Continuum among Logarithmic, Linear, and Exponential Functions, arXiv:1602.01321",
    learnable={"alpha": 0.0},
    requires=("-1e15 < alpha < 1e15",),
    budget={
        "parameters": (1, "the value crosses 0 near -alpha, where terms with alpha cancel"),
        "C1 float64 by alpha": (4.5, "a quotient of a logarithm less a product; dense: 4.2"),
        "error float16": (1, "next to this zero the rounding in float32 counts; all inputs: 0.94"),
    },
    arguments={"alpha": "-1 for the logarithm, 0 for x itself, 1 for the exponential"},
)
def soft_exponential(x, /, alpha=0.5, *, xp):
    """The logarithm for alpha = -1, x for 0, the exponential for 1, and what lies between.

    A Module starts as the line. For a negative alpha there is no value left of 1 / alpha - alpha: NaN. The derivative
    by alpha is 1 + x^2 / 2 at alpha = 0, its limit from both sides.
    """
    return xp.soft_exponential(x, alpha)


@soft_exponential.derivative
def _(x, alpha, xp):
    return xp.soft_exponential_slope(x, alpha)


@soft_exponential.derivative("alpha")
def _(x, alpha, xp):
    return xp.soft_exponential_rate_derivative(x, alpha)
