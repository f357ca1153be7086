"""Exponential activations: the identity on the right, a saturating exponential on the left."""

from xact._activation import activation

# Fixed point of mean 0 and variance 1, Klambauer et al. 2017, equation 14.
ALPHA = 1.6732632423543772848170429916717
SCALE = 1.0507009873554804934193349852946


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{otherwise} \end{cases}",
    paper="Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289",
    module="ELU",
    inplace=True,
    kinks={0: "alpha"},
)
def elu(x, /, alpha=1.0, *, xp):
    """Saturates at -alpha on the left, which draws the mean activation towards zero."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


@elu.derivative
def _(x, alpha, xp):
    return xp.where(x > 0, 1.0, alpha * xp.exp(xp.minimum(x, 0.0)))


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


@activation(
    tex=r"\max(x, 0) + \alpha (e^{\min(x, 0) / \alpha} - 1)",
    paper="Barron 2017, Continuously Differentiable Exponential Linear Units, arXiv:1704.07483",
    module="CELU",
    inplace=True,
    requires=("alpha != 0",),
    kinks={0: 1},
)
def celu(x, /, alpha=1.0, *, xp):
    """ELU made continuously differentiable for every alpha."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0) / alpha))


@celu.derivative
def _(x, alpha, xp):
    return xp.where(x > 0, 1.0, xp.exp(xp.minimum(x, 0.0) / alpha))


@activation(
    tex=r"\begin{cases} \frac{a}{b} x & x \ge 0 \\ a (e^{x / b} - 1) & \text{otherwise} \end{cases}",
    paper="Trottier, Giguere & Chaib-draa 2017, Parametric Exponential Linear Unit, arXiv:1605.09332",
    module="PELU",
    learnable={"a": 1.0, "b": 1.0},
)
def pelu(x, /, a=1.0, b=1.0, *, xp):
    """ELU with a learnt bound a and a learnt decay b, both positive, and a continuous derivative for all of them."""
    return xp.where(x < 0, a * xp.expm1(xp.minimum(x, 0.0) / b), x * (a / b))


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
    budget={
        "misrounded bfloat16": (512, "for some significands 1.7 x is an exact tie, in every binade, log(2) a hair")
    },
    kinks={0: "alpha"},
)
def resp(x, /, alpha=1.7, *, xp):
    """Softplus on the left, a line from its value log 2 on the right."""
    return xp.where(x < 0, xp.softplus(xp.minimum(x, 0.0)), alpha * x + 0.6931471805599453)


@resp.derivative
def _(x, alpha, xp):
    return xp.where(x < 0, xp.sigmoid(xp.minimum(x, 0.0)), xp.where(xp.isnan(x), x, alpha))
