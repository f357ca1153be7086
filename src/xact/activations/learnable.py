"""Activations with parameters that are learnt along with the weights."""

from xact._activation import activation


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \text{weight}\, x & \text{otherwise} \end{cases}",
    paper="He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852",
    module="PReLU",
    learnable={"weight": 0.25},
    kinks={0: "weight"},
)
def prelu(x, /, weight, *, axis=1, xp):
    """A leaky rectifier whose slope is learnt: one for all, or one per element along `axis`."""
    return xp.where(x > 0, x, weight * x)


@prelu.derivative
def _(x, weight, xp):
    return xp.where(x > 0, 1.0, xp.where(x <= 0, weight, x))


@prelu.derivative("weight")
def _(x, xp):
    return xp.minimum(x, 0.0)


@activation(
    tex=r"x\,\sigma(\beta x)",
    paper="Ramachandran, Zoph & Le 2017, Searching for Activation Functions, arXiv:1710.05941",
    learnable={"beta": 1.0},
)
def swish(x, /, beta=1.0, *, xp):
    """From x / 2 at beta = 0 through SiLU at 1 to the rectifier as beta grows."""
    return xp.x_sigmoid(x, beta * x)


@swish.derivative
def _(x, beta, xp):
    return xp.x_sigmoid_derivative(beta * x, beta * x)


@swish.derivative("beta")
def _(x, beta, xp):
    # x * (x * 0) stays 0 where x * x would overflow; the limit at infinity is 0 as well.
    x = xp.where(xp.isinf(x), 0.0, x)
    return x * (x * xp.logistic_pdf(beta * x))
