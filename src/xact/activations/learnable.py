"""Activations with parameters that are learnt along with the weights."""

from xact._activation import activation
from xact.special.algebraic import at_zero


@activation(
    tex=r"\begin{cases} x & x > 0 \\ \text{weight}\, x & \text{otherwise} \end{cases}",
    paper="He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852",
    module="PReLU",
    learnable={"weight": 0.25},
    requires=("-inf < weight < inf",),
    kinks={0: "weight"},
    arguments={"weight": "the slope for x <= 0"},
)
def prelu(x, /, weight, *, axis=1, xp):
    """A leaky rectifier whose slope is learnt: one for all, or one per element along `axis`."""
    return xp.where(x > 0, x, xp.times(weight, x))


@prelu.derivative
def _(x, weight, xp):
    return xp.where(x > 0, xp.ones_like(x), weight)


@prelu.derivative("weight")
def _(x, xp):
    return xp.minimum(x, 0.0)


@activation(
    tex=r"x\,\sigma(\beta x)",
    paper="Ramachandran, Zoph & Le 2017, Searching for Activation Functions, arXiv:1710.05941",
    learnable={"beta": 1.0},
    requires=("-inf < beta < inf",),
    arguments={"beta": "what x is multiplied by inside the sigmoid"},
)
def swish(x, /, beta=1.0, *, xp):
    """From x / 2 at beta = 0 through SiLU at 1 to the rectifier as beta grows."""
    return xp.x_sigmoid(x, xp.times(beta, x))


@swish.derivative
def _(x, beta, xp):
    y = xp.times(beta, x)
    return xp.x_sigmoid_derivative(y, y)


@swish.derivative("beta")
def _(x, beta, xp):
    # x * (x * 0) stays 0 where x * x would overflow; the limit at infinity is 0 as well, unless beta is.
    slope = xp.logistic_pdf(xp.times(beta, x))
    x = xp.where(slope == 0, 0.0, x)
    return x * (x * slope)


@activation(
    tex=r"\text{scale} \max(x, 0)^2 + \text{bias}",
    paper="Yu et al. 2022, MetaFormer Baselines for Vision, arXiv:2210.13452",
    module="StarReLU",
    learnable={"scale": 0.8944271909999159, "bias": -0.4472135954999579},
    requires=("-inf < scale < inf", "-inf < bias < inf"),
    budget={"misrounded float16 by x": (32, "one significand times 1.64 is a tie in float32, in every binade")},
    arguments={"scale": "what the square is multiplied by", "bias": "what is added everywhere"},
)
def star_relu(x, /, scale=0.8944271909999159, bias=-0.4472135954999579, *, xp):
    """The squared rectifier with mean 0 and variance 1 for a standard normal input, at its initial values."""
    r = xp.maximum(x, 0.0)
    small = xp.minimum(r, 1e19)
    # The square of a 16-bit number is exact, so that little is lost next to the zero; a larger one would overflow.
    return xp.where(r > at_zero(scale, xp.inf, 1e19, xp), scale * r * r, scale * (small * small)) + bias


@star_relu.derivative
def _(x, scale, xp):
    return xp.times(2 * scale, xp.maximum(x, 0.0))


@star_relu.derivative("scale")
def _(x, xp):
    return xp.maximum(x, 0.0) ** 2


@star_relu.derivative("bias")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"\text{gamma} \tanh(\alpha x) + \text{beta}",
    paper="Zhu et al. 2025, Transformers without Normalization, arXiv:2503.10622",
    module="DyT",
    requires=("-inf < alpha < inf", "-inf < gamma < inf", "-inf < beta < inf"),
    budget={"error float16": (0.6, "next to the zero that beta moves off the origin the rounding of tanh counts")},
    aliases=("dyt",),
    learnable={"alpha": 0.5, "gamma": 1.0, "beta": 0.0},
    shared=("alpha",),
    arguments={
        "alpha": "what x is multiplied by inside tanh",
        "gamma": "what tanh is multiplied by",
        "beta": "what is added",
    },
)
def dynamic_tanh(x, /, alpha=0.5, gamma=1.0, beta=0.0, *, axis=1, xp):
    """A scaled tanh in the place of a normalization layer: one alpha, and gamma and beta along `axis`.

    A transformer has its channels last: `axis=-1`.
    """
    # 0 - beta, unlike -beta, is no negative zero: where beta is 0 the result keeps the sign of x = 0.
    return gamma * xp.tanh(xp.times(alpha, x)) - (0 - beta)


@dynamic_tanh.derivative
def _(x, alpha, gamma, xp):
    return 4 * gamma * alpha * xp.logistic_pdf(2 * xp.times(alpha, x))


@dynamic_tanh.derivative("alpha")
def _(x, alpha, gamma, xp):
    slope = xp.logistic_pdf(2 * xp.times(alpha, x))
    return 4 * gamma * (xp.where(slope == 0, 0.0, x) * slope)


@dynamic_tanh.derivative("gamma")
def _(x, alpha, xp):
    return xp.tanh(xp.times(alpha, x))


@dynamic_tanh.derivative("beta")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"\begin{cases} \text{alpha\_p}\, x^2 + \beta x & x > 0 \\"
    r" \text{alpha\_n}\, (e^x - 1 - x) + \beta x & \text{otherwise} \end{cases}",
    paper="Huang & Schlag 2024, Deriving Activation Functions Using Integration, arXiv:2411.13010",
    module="XIELU",
    requires=("-inf < alpha_p < inf", "-inf < alpha_n < inf", "-inf < beta < inf"),
    budget={
        "parameters": (1, "value and slope cross 0 on the left, where terms with a parameter each cancel"),
        "error float16": (0.7, "next to these zeros the roundings in float32 count"),
        "misrounded float16": (80, "where 0.8 x^2 + 0.5 x is an exact tie, the truth a hair off it"),
        "misrounded float16 by x": (320, "where 1.6 x + 0.5 is an exact tie, the truth a hair off it"),
        "misrounded bfloat16": (64, "as in float16"),
        "identity float16": (40, "where x (beta - alpha_n) is a tie that a fused multiplication breaks"),
    },
    learnable={"alpha_p": 0.8, "alpha_n": 0.8},
    arguments={
        "alpha_p": "the size of the parabola for x > 0",
        "alpha_n": "the size of the exponential for x <= 0",
        "beta": "the slope at 0",
    },
)
def xielu(x, /, alpha_p=0.8, alpha_n=0.8, beta=0.5, *, xp):
    """The integral of an expanded ELU: a parabola on the right, an exponential on the left, slope beta between."""
    n = xp.minimum(x, 0.0)
    near = alpha_n * xp.exponential_remainder(n) + beta * n
    far = alpha_n * xp.expm1(n) + xp.times(beta - alpha_n, n)
    return xp.where(x > 0, (xp.times(alpha_p, x) + beta) * x, xp.where(n > -1, near, far))


@xielu.derivative
def _(x, alpha_p, alpha_n, beta, xp):
    return xp.where(x > 0, xp.times(2 * alpha_p, x) + beta, alpha_n * xp.expm1(xp.minimum(x, 0.0)) + beta)


@xielu.derivative("alpha_p")
def _(x, xp):
    return xp.maximum(x, 0.0) ** 2


@xielu.derivative("alpha_n")
def _(x, xp):
    return xp.exponential_remainder(xp.minimum(x, 0.0))


@xielu.derivative("beta")
def _(x, xp):
    return x


@activation(
    tex=r"(1 + \text{lam}\, e^{-\kappa x})^{-1 / \text{lam}}",
    paper="Alexandridis et al. 2024, Adaptive Parametric Activation, arXiv:2407.08567",
    module="APA",
    requires=("1e-6 <= lam <= 1e6", "-1e15 < kappa < 1e15"),
    budget={
        "C1 float32 by lam": (10.5, "near log(lam) = kappa x two logarithms cancel to a quarter; dense: 9.9"),
        "C1 float64 by lam": (10.5, "as in float32"),
    },
    learnable={"lam": 1.0, "kappa": 1.0},
    arguments={
        "lam": "the asymmetry: 1 gives the sigmoid, 0 in the limit the Gumbel distribution",
        "kappa": "the rate of the exponential",
    },
)
def apa(x, /, lam=1.0, kappa=1.0, *, xp):
    """The sigmoid at lam = 1, the Gumbel distribution function as lam goes to 0."""
    return xp.generalized_logistic(x, lam, kappa)


@apa.derivative
def _(x, lam, kappa, xp):
    return xp.generalized_logistic_derivative(x, lam, kappa, kappa)


@apa.derivative("lam")
def _(x, lam, kappa, xp):
    return xp.generalized_logistic_shape_derivative(x, lam, kappa)


@apa.derivative("kappa")
def _(x, lam, kappa, xp):
    return xp.generalized_logistic_derivative(x, lam, kappa, xp.where(xp.isinf(x), 0.0, x))


@activation(
    tex=r"(\text{p1} - \text{p2})\, x\, \sigma(\beta (\text{p1} - \text{p2}) x) + \text{p2}\, x",
    paper="Ma et al. 2021, Activate or Not: Learning Customized Activation, arXiv:2009.04759",
    module="ACONC",
    requires=("-inf < p1 < inf", "-inf < p2 < inf", "-inf < beta < inf"),
    budget={
        "parameters": (1, "p1 - p2 is rounded, and the slope touches 0 for p2 near p1 / 11"),
        "error float16 by x": (0.6, "next to the zero of the slope the float32 rounding of the exponent counts"),
        "error float16 by p1": (0.52, "as by x"),
        "error float16 by p2": (0.52, "as by x"),
    },
    aliases=("aconc",),
    learnable={"p1": 1.0, "p2": 0.0, "beta": 1.0},
    arguments={
        "p1": "the slope far out on the right, for p1 > p2 and beta > 0",
        "p2": "the slope far out on the left",
        "beta": "how sharply one slope passes into the other; 0 averages them",
    },
)
def acon_c(x, /, p1=1.0, p2=0.0, beta=1.0, *, axis=1, xp):
    """A smooth maximum of p1 x and p2 x: beta decides between activating and averaging them."""
    return xp.x_mixture(x, xp.times(beta, xp.times(p1 - p2, x)), p1, p2)


@acon_c.derivative
def _(x, p1, p2, beta, xp):
    return xp.x_mixture_derivative(xp.times(beta, xp.times(p1 - p2, x)), p1, p2)


@acon_c.derivative("p1")
def _(x, p1, p2, beta, xp):
    y = xp.times(beta, xp.times(p1 - p2, x))
    slope = xp.x_sigmoid_derivative(y, y)
    return xp.where(slope == 0, 0.0, x) * slope


@acon_c.derivative("p2")
def _(x, p1, p2, beta, xp):
    # The slopes of z sigma(z) at y and -y sum to 1.
    y = -xp.times(beta, xp.times(p1 - p2, x))
    slope = xp.x_sigmoid_derivative(y, y)
    return xp.where(slope == 0, 0.0, x) * slope


@acon_c.derivative("beta")
def _(x, p1, p2, beta, xp):
    y = xp.times(p1 - p2, x)
    slope = xp.logistic_pdf(xp.times(beta, y))
    y = xp.where(slope == 0, 0.0, y)
    return y * (y * slope)


@activation(
    tex=r"(1 + e^{-\beta x})^{-\alpha}",
    paper="Richards 1959, A Flexible Growth Function for Empirical Use",
    requires=("1e-6 <= alpha <= 1e6", "-1e15 < beta < 1e15"),
    budget={
        "C1 float32 by x": (5, "a product of two exponentials and a power; dense: 4.7"),
        "C1 float64 by x": (5.5, "as in float32; dense: 5.2"),
        "C1 float32 by beta": (6.5, "as by x, with one product more; dense: 6.1"),
        "C1 float64 by beta": (6.5, "as in float32"),
    },
    arguments={"alpha": "the power of the sigmoid", "beta": "the rate of the sigmoid"},
)
def richards(x, /, alpha=1.5, beta=1.0, *, xp):
    """The sigmoid of beta x to the power alpha: the factor of x in aria2."""
    return xp.sigmoid_power(x, beta, alpha)


@richards.derivative
def _(x, alpha, beta, xp):
    return alpha * beta * xp.sigmoid_power_slope(x, beta, alpha)


@richards.derivative("alpha")
def _(x, alpha, beta, xp):
    y = xp.sigmoid_power(x, beta, alpha)
    return y * xp.where(y == 0, 0.0, xp.log_sigmoid(xp.times(beta, x)))


@richards.derivative("beta")
def _(x, alpha, beta, xp):
    slope = xp.sigmoid_power_slope(x, beta, alpha)
    return xp.where(slope == 0, 0.0, alpha * x) * slope
