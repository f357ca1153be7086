"""Periodic activations, for signals that repeat and for coordinate networks."""

from xact._activation import activation
from xact.special.algebraic import at_zero


@activation(
    tex=r"x + \frac{\sin^2(\alpha x)}{\alpha}",
    paper="Ziyin, Hartwig & Ueda 2020, Neural Networks Fail to Learn Periodic Functions, arXiv:2006.08195",
    learnable={"alpha": 1.0},
    requires=("-inf < alpha < inf",),
    logscale=True,
    budget={
        "parameters": (1, "next to the zeros of the slope the rounding of alpha x counts"),
        "C1 float32": (5, "left of 0 the square is up to 2.6 times the result; dense: 4.3"),
        "C1 float64": (5, "as in float32; dense: 4.7"),
    },
    arguments={"alpha": "the frequency of the ripple, and 1 / its size; 0 gives x"},
)
def snake(x, /, alpha=1.0, *, axis=1, xp):
    """The identity with a ripple of period pi / alpha: monotonic, and periodic about a trend."""
    z = xp.where(xp.isinf(x), 0.0, x)
    return x + xp.sin(xp.phase(z, alpha)) ** 2 / at_zero(alpha, 1.0, alpha, xp)


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
    requires=("-inf < alpha < inf", "beta != 0", "-inf < beta < inf"),
    logscale=True,
    budget={"parameters": (1, "for alpha above beta value and slope cross 0, where terms with a parameter cancel")},
    arguments={"alpha": "the frequency of the ripple", "beta": "1 / its size"},
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
    requires=("-inf < w0 < inf",),
    arguments={"w0": "the frequency"},
)
def sine(x, /, w0=1.0, *, xp):
    """SIREN's activation; its first layer takes w0 = 30."""
    return xp.sin(xp.phase(x, w0))


@sine.derivative
def _(x, w0, xp):
    return w0 * xp.cos(xp.phase(x, w0))


@activation(
    tex=r"(x + a \sin(b x))\,\sigma(x)",
    paper="Paul et al. 2022, SinLU: Sinu-Sigmoidal Linear Unit, doi:10.3390/math10030337",
    module="SinLU",
    learnable={"a": 1.0, "b": 1.0},
    requires=("-inf < a < inf", "-inf < b < inf"),
    budget={"parameters": (1, "next to the zeros of the slope the rounding of b x counts")},
    arguments={"a": "the size of the ripple", "b": "its frequency"},
)
def sinlu(x, /, a=1.0, b=1.0, *, xp):
    """SiLU with a ripple of size a and frequency b."""
    z = xp.where(xp.isinf(x), 0.0, x)
    return xp.x_sigmoid(x + a * xp.sin(xp.phase(z, b)), x)


@sinlu.derivative
def _(x, a, b, xp):
    z, b = xp.where(x == -xp.inf, 0.0, x), at_zero(a, 0.0, b, xp)  # without a ripple there is a limit on the right
    y, z = xp.phase(z, b), xp.minimum(z, 1e4)
    s, c = xp.sin(y), xp.cos(y)
    e = xp.exp(xp.where(x < 0, x, -x))
    h = xp.one_plus_cosine(y, a * b)
    # (h sigma(x) + (x + a sin(b x)) sigma'(x)), over (1 + e)^2.
    left, right = e * (((1 + z) + a * (b * c + s)) + e * h), h + e * (h + z + a * s)
    return xp.where(x < 0, left, right) / ((1 + e) * (1 + e))


@sinlu.derivative("a")
def _(x, b, xp):
    return xp.sin(xp.phase(xp.where(x == -xp.inf, 0.0, x), b)) * xp.sigmoid(x)


@sinlu.derivative("b")
def _(x, a, b, xp):
    return a * (xp.x_sigmoid(x, x) * xp.cos(xp.phase(xp.where(x == -xp.inf, 0.0, x), b)))


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \epsilon (\sin(x) - \cos(x)) & \text{otherwise} \end{cases}",
    paper="Rodrigues 2018, SineReLU: An Alternative to the ReLU Activation Function",
    module="SineReLU",
    requires=("-inf < epsilon < inf",),
    kinks={0: "epsilon"},
    arguments={"epsilon": "what the wave for x <= 0 is multiplied by"},
)
def sine_relu(x, /, epsilon=0.0025, *, xp):
    """A rectifier with a wave of size sqrt(2) epsilon on the left; it jumps at 0, where it is -epsilon."""
    z = xp.where(xp.isinf(x), 0.0, xp.minimum(x, 0.0))
    return xp.where(x > 0, x, epsilon * (xp.sin(z) - xp.cos(z)))


@sine_relu.derivative
def _(x, epsilon, xp):
    z = xp.where(xp.isinf(x), 0.0, xp.minimum(x, 0.0))
    return xp.where(x > 0, 1.0, epsilon * xp.sine_plus_cosine(z))
