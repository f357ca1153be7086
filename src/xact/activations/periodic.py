"""Periodic activations, for signals that repeat and for coordinate networks."""

from xact._activation import activation


@activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\alpha}",
    paper="Ziyin, Hartwig & Ueda 2020, Neural Networks Fail to Learn Periodic Functions, arXiv:2006.08195",
    learnable={"alpha": 1.0},
    budget={"parameters": (1, "next to the zeros of the slope the rounding of alpha x counts")},
)
def snake(x, /, alpha=1.0, *, axis=1, xp):
    """The identity with a ripple of period pi / alpha: monotonic, and periodic about a trend."""
    z = xp.where(xp.isinf(x), 0.0, x)
    return x + xp.sin(xp.phase(z, alpha)) ** 2 / alpha


@snake.derivative
def _(x, alpha, xp):
    return xp.one_plus_sine(xp.phase(x, alpha), 1.0)


@snake.derivative("alpha")
def _(x, alpha, xp):
    return xp.sine_square_slope(x, alpha)


@activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\beta}",
    paper="Lee et al. 2023, BigVGAN: A Universal Neural Vocoder, arXiv:2206.04658",
    learnable={"alpha": 1.0, "beta": 1.0},
    budget={"parameters": (1, "for alpha above beta value and slope cross 0, where terms with a parameter cancel")},
)
def snake_beta(x, /, alpha=1.0, beta=1.0, *, axis=1, xp):
    """Snake with the frequency and the size of the ripple apart."""
    z = xp.where(xp.isinf(x), 0.0, x)
    return x + xp.sin(xp.phase(z, alpha)) ** 2 / beta


@snake_beta.derivative
def _(x, alpha, beta, xp):
    return xp.one_plus_sine(xp.phase(x, alpha), alpha / beta)


@snake_beta.derivative("alpha")
def _(x, alpha, beta, xp):
    y = xp.phase(x, alpha)
    return x * (2 * xp.sin(y) * xp.cos(y)) / beta


@snake_beta.derivative("beta")
def _(x, alpha, beta, xp):
    return -((xp.sin(xp.phase(x, alpha)) / beta) ** 2)


@activation(
    tex=r"\sin(\text{w0}\, x)",
    paper="Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions, arXiv:2006.09661",
)
def sine(x, /, w0=1.0, *, xp):
    """SIREN's activation; its first layer takes w0 = 30."""
    return xp.sin(xp.phase(x, w0))


@sine.derivative
def _(x, w0, xp):
    return w0 * xp.cos(xp.phase(x, w0))
