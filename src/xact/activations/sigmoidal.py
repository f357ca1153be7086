"""Sigmoidal activations, and softplus, the integral of the first of them."""

from xact._activation import activation


@activation(
    tex=r"\frac{1}{1 + e^{-x}}",
    paper="Verhulst 1838, Notice sur la loi que la population suit dans son accroissement",
    integers="float",
    aliases=("logistic",),
)
def sigmoid(x, /, *, xp):
    """Squashes the real line into (0, 1): the probability whose log-odds are x."""
    return xp.sigmoid(x)


@sigmoid.derivative
def _(x, xp):
    # Not y (1 - y): that is 0 at x = 17, where the derivative is 4e-8.
    return xp.logistic_pdf(x)


@activation(tex=r"\tanh(x)", paper="LeCun et al. 1998, Efficient BackProp", integers="float")
def tanh(x, /, *, xp):
    """Squashes the real line into (-1, 1), with slope 1 at the origin."""
    return xp.tanh(x)


@tanh.derivative
def _(x, xp):
    return 4 * xp.logistic_pdf(2 * x)


@activation(
    tex=r"\frac{\log(1 + e^{\beta x})}{\beta}",
    paper="Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",
)
def softplus(x, /, beta=1.0, *, threshold=20.0, xp):
    """A smooth rectifier, positive everywhere; linear where beta x exceeds a `threshold` other than the default."""
    y = beta * x
    # x and not y / beta on the linear side, where y may overflow.
    exact = xp.where(y > 0, x, 0.0) + xp.softplus(-xp.abs(y)) / beta
    return exact if threshold == 20 else xp.where(y > threshold, x, exact)


@softplus.derivative
def _(x, beta, threshold, xp):
    exact = xp.sigmoid(beta * x)
    return exact if threshold == 20 else xp.where(beta * x > threshold, 1.0, exact)
