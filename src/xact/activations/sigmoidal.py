"""Sigmoidal activations, and softplus, the integral of the first of them."""

from xact._activation import activation
from xact.special.exponential import log1mexp_derivative


@activation(
    tex=r"\frac{1}{1 + e^{-x}}",
    paper="Verhulst 1838, Notice sur la loi que la population suit dans son accroissement",
    integers="float, bool",
    aliases=("logistic",),
)
def sigmoid(x, /, *, xp):
    """Squashes the real line into (0, 1): the probability whose log-odds are x."""
    return xp.sigmoid(x)


@sigmoid.derivative
def _(x, xp):
    # Not y (1 - y): that is 0 at x = 17, where the derivative is 4e-8.
    return xp.logistic_pdf(x)


@sigmoid.derivative(order=2)
def _(x, xp):
    return -xp.logistic_pdf(x) * xp.tanh(x / 2)


@activation(tex=r"\tanh(x)", paper="LeCun et al. 1998, Efficient BackProp", integers="float, bool")
def tanh(x, /, *, xp):
    """Squashes the real line into (-1, 1), with slope 1 at the origin."""
    return xp.tanh(x)


@tanh.derivative
def _(x, xp):
    return 4 * xp.logistic_pdf(2 * x)


@tanh.derivative(order=2)
def _(x, xp):
    return -8 * xp.tanh(x) * xp.logistic_pdf(2 * x)


@activation(
    tex=r"\frac{\log(1 + e^{\beta x})}{\beta}",
    paper="Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",
    requires=("beta != 0", "-inf < beta < inf", "-inf <= threshold <= inf"),
    kinks={"threshold / beta if threshold != 20 else inf": None},
    arguments={
        "beta": "the sharpness of the bend",
        "threshold": "where beta x exceeds it the result is x; 20, the default, stands for infinity",
    },
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


@softplus.derivative(order=2)
def _(x, beta, threshold, xp):
    exact = beta * xp.logistic_pdf(beta * x)
    return exact if threshold == 20 else xp.where(beta * x > threshold, 0.0, exact)


@softplus.derivative("beta")
def _(x, beta, threshold, xp):
    # The entropy of sigma(beta x), which is even.
    y = beta * x
    t = xp.where(y < 0, -y, y)
    e = xp.exp(-t)
    exact = -((xp.where(e == 0, 0.0, t) * e / (1 + e) + xp.log1p(e)) / beta) / beta
    return exact if threshold == 20 else xp.where(y > threshold, 0.0, exact)


@activation(
    tex=r"-\log(1 + e^{-x})",
    paper="Verhulst 1838, Notice sur la loi que la population suit dans son accroissement",
    module="LogSigmoid",
    aliases=("log_sigmoid",),
)
def logsigmoid(x, /, *, xp):
    """The logarithm of the sigmoid: -log loss of a positive example with log-odds x."""
    return xp.log_sigmoid(x)


@logsigmoid.derivative
def _(x, xp):
    return xp.sigmoid(-x)


@logsigmoid.derivative(order=2)
def _(x, xp):
    return -xp.logistic_pdf(x)


@activation(
    tex=r"\frac{x}{1 + |x|}",
    paper="Turian, Bergstra & Bengio 2009, Quadratic Features and Deep Architectures for Chunking",
    integers="float",
    aliases=("soft_sign",),
)
def softsign(x, /, *, xp):
    """An algebraic tanh: it approaches its bounds as 1 / x, so its tails keep learning."""
    z = xp.clip(x, -1e30, 1e30)
    return z / (1 + xp.abs(z))


@softsign.derivative
def _(x, xp):
    r = 1 / (1 + xp.abs(x))
    return r * r


@softsign.derivative(order=2)
def _(x, xp):
    d = 1 + xp.abs(x)
    return -2 * xp.sign(x) / (d * d * d)


@activation(
    tex=r"\sqrt{\log(1 + e^x)}",
    paper="transformers 2026, activation `sqrtsoftplus`",
    aliases=("sqrtsoftplus",),
    budget={"identity float16": (10, "left of powers of 4 a library's square root that is 1 ULP off meets a tie")},
)
def sqrt_softplus(x, /, *, xp):
    """The square root of softplus: it grows as sqrt(x), and falls off as e^(x / 2) where softplus does as e^x."""
    z = xp.maximum(x, -40.0)
    return xp.where(x < -40, xp.exp(xp.minimum(x, 0.0) / 2), xp.sqrt(xp.softplus(z)))


@sqrt_softplus.derivative
def _(x, xp):
    z = xp.maximum(x, -40.0)
    return xp.where(x < -40, xp.exp(xp.minimum(x, 0.0) / 2) / 2, xp.sigmoid(z) / xp.sqrt(xp.softplus(z)) / 2)


@activation(
    tex=r"\log(\cosh(x))",
    paper="Green 1990, Bayesian Reconstructions from Emission Tomography Data",
    module="LogCosh",
    aliases=("log_cosh",),
)
def logcosh(x, /, *, xp):
    """The integral of tanh: x^2 / 2 near the origin, |x| - log 2 far from it."""
    return xp.log_cosh(x)


@logcosh.derivative
def _(x, xp):
    return xp.tanh(x)


@activation(
    tex=r"\text{cap} \tanh(\frac{x}{\text{cap}})",
    paper="Bello et al. 2016, Neural Combinatorial Optimization, arXiv:1611.09940; Gemma Team 2024, Gemma 2",
    module="SoftCap",
    aliases=("tanh_cap",),
    requires=("0 < cap < 1e30",),
    arguments={"cap": "the result lies between -cap and cap"},
)
def softcap(x, /, cap=50.0, *, xp):
    """The identity near the origin, bounded by the cap: keeps logits in range."""
    return cap * xp.tanh(x / cap)


@softcap.derivative
def _(x, cap, xp):
    return 4 * xp.logistic_pdf(2 * (x / cap))


@activation(
    tex=r"\Phi(\frac{x - \mu}{\sigma})",
    paper="Ma et al. 2022, Mega: Moving Average Equipped Gated Attention, arXiv:2209.10655",
    requires=("-inf < mu < inf", "0 < sigma < 1e30"),
    arguments={"mu": "the mean of the normal distribution", "sigma": "its standard deviation"},
)
def laplace(x, /, mu=0.707107, sigma=0.282095, *, xp):
    """The normal distribution function with the mean and deviation that make it resemble the squared rectifier."""
    return xp.normal_cdf_at(x, mu, sigma)


@laplace.derivative
def _(x, mu, sigma, xp):
    return xp.normal_pdf_at(x, mu, sigma)


@activation(
    tex=r"\text{low} + (\text{high} - \text{low})\,\sigma(x)",
    paper="Howard & Gugger 2020, fastai, arXiv:2002.04688",
    aliases=("y_range",),
    requires=("-inf < low < inf", "-inf < high < inf"),
    arguments={"low": "the limit on the left", "high": "the limit on the right"},
)
def sigmoid_range(x, /, low, high, *, xp):
    """A sigmoid between two bounds, for targets of a known range."""
    return low + (high - low) * xp.sigmoid(x)


@sigmoid_range.derivative
def _(x, low, high, xp):
    return (high - low) * xp.logistic_pdf(x)


@sigmoid_range.derivative("low")
def _(x, xp):
    return xp.sigmoid(-x)


@sigmoid_range.derivative("high")
def _(x, xp):
    return xp.sigmoid(x)


@activation(
    tex="e^x",
    paper="Nelder & Wedderburn 1972, Generalized Linear Models",
    integers="float, bool",
    aliases=("exp",),
)
def exponential(x, /, *, xp):
    """Turns log-intensities into intensities, as the link of Poisson regression does."""
    return xp.exp(x)


@exponential.derivative
def _(x, xp):
    return xp.exp(x)


@activation(
    tex=r"\begin{cases} \log(1 - e^{-x}) & x > 0 \end{cases}",
    paper="Maechler 2012, Accurately Computing log(1 - exp(-|a|))",
    module="Log1mExp",
)
def log1mexp(x, /, *, xp):
    """The log-probability of the complement, from a positive x = -log(p); NaN for negative x."""
    return xp.log1mexp(x)


@log1mexp.derivative
def _(x, xp):
    return xp.where(x < 0, xp.nan, log1mexp_derivative(xp.maximum(x, 0.0), xp))


@activation(
    tex=r"\tanh(\text{weight}\, x)",
    paper="LeCun et al. 1998, Efficient BackProp",
    module="WeightedTanh",
    requires=("-inf < weight < inf",),
    arguments={"weight": "what x is multiplied by inside tanh"},
)
def weighted_tanh(x, /, weight=1.0, *, xp):
    """tanh of any slope at the origin."""
    return xp.tanh(xp.times(weight, x))


@weighted_tanh.derivative
def _(x, weight, xp):
    return 4 * weight * xp.logistic_pdf(2 * xp.times(weight, x))


@weighted_tanh.derivative("weight")
def _(x, weight, xp):
    slope = xp.logistic_pdf(2 * xp.times(weight, x))
    return 4 * (xp.where(slope == 0, 0.0, x) * slope)


@activation(
    tex=r"\begin{cases} \tanh(x) & x > 0 \\ \alpha \tanh(x) & \text{otherwise} \end{cases}",
    paper="Xu, Huang & Li 2016, Revise Saturated Activation Functions, arXiv:1602.05980",
    requires=("-inf < alpha < inf",),
    kinks={0: "alpha"},
    arguments={"alpha": "what tanh is multiplied by for x <= 0"},
)
def penalized_tanh(x, /, alpha=0.25, *, xp):
    """tanh with a leaky negative side, which keeps the mean activation positive."""
    y = xp.tanh(x)
    return xp.where(x > 0, y, alpha * y)


@penalized_tanh.derivative
def _(x, alpha, xp):
    slope = 4 * xp.logistic_pdf(2 * x)
    return xp.where(x > 0, slope, alpha * slope)


@penalized_tanh.derivative("alpha")
def _(x, xp):
    return xp.tanh(xp.minimum(x, 0.0))


@activation(
    tex=r"\frac{1}{\alpha} \log(\frac{1 + e^{\alpha x}}{1 + e^{\alpha (x - 1)}})",
    paper="Klimek & Perelstein 2018, Neural Network-Based Approach to Phase Space Integration, arXiv:1810.11509",
    requires=("0 < alpha <= 80",),
    budget={"C1 float32": (4.5, "a quotient by alpha of a difference of two logarithms; dense: 4.005")},
    arguments={"alpha": "the sharpness of the two bends"},
)
def soft_clipping(x, /, alpha=0.5, *, xp):
    """A smooth clip to [0, 1], the sharper the larger alpha."""
    # One logarithm, since the two of the formula cancel in both tails: of 1 + (1 - q) / (e^(-alpha x) + q).
    e, q = xp.exp(-alpha * xp.abs(x)), xp.exp(-alpha * xp.ones_like(x))
    return (
        xp.log1p(-xp.expm1(-alpha * xp.ones_like(x)) * xp.where(x < 0, e, 1.0) / xp.where(x < 0, 1 + q * e, e + q))
        / alpha
    )


@soft_clipping.derivative
def _(x, alpha, xp):
    e, q = xp.exp(-alpha * xp.abs(x)), xp.exp(-alpha * xp.ones_like(x))
    return -xp.expm1(-alpha * xp.ones_like(x)) * e / ((1 + e) * xp.where(x < 0, 1 + q * e, e + q))
