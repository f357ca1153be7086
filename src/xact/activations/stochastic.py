"""Stochastic activations: the body takes what was drawn as an argument, the sampler draws it."""

from xact._activation import activation


@activation(
    tex=r"\begin{cases} x & x > 0 \\ a\,x & \text{otherwise} \end{cases},"
    r"\quad a \sim U(\text{lower}, \text{upper})",
    paper="Xu et al. 2015, Empirical Evaluation of Rectified Activations, arXiv:1505.00853",
    module="RReLU",
    inplace=True,
    requires=("-inf < lower <= upper < inf",),
    kinks={0: "(lower + upper) / 2"},
    arguments={"lower": "the least slope for x <= 0", "upper": "the greatest"},
)
def rrelu(x, slope, /, *, xp):
    """A leaky rectifier that draws the slope of each negative element; in evaluation it is the mean."""
    return slope * x


@rrelu.sample
def _(x, lower=1 / 8, upper=1 / 3, *, training=False, rng, xp):
    drawn = xp.uniform(rng, x, lower, upper) if training else (lower + upper) / 2
    return xp.where(x > 0, 1.0, xp.where(x <= 0, drawn, x))


@rrelu.derivative
def _(slope, xp):
    # The slope drawn is all that has to be kept.
    return slope


@activation(
    tex=r"\frac{e^{(x_i + g_i) / \tau}}{\sum_j e^{(x_j + g_j) / \tau}}, \quad g_i = -\log(-\log(u_i)),"
    r" \quad u_i \sim U(0, 1)",
    paper="Jang, Gu & Poole 2017, Categorical Reparameterization with Gumbel-Softmax, arXiv:1611.01144; "
    "Maddison, Mnih & Teh 2017, The Concrete Distribution, arXiv:1611.00712",
    requires=("1e-30 <= tau < inf",),
    arguments={
        "tau": "the temperature: the smaller, the nearer to one-hot",
        "hard": "whether the result is one-hot, with the gradient of what it was rounded from",
    },
)
def gumbel_softmax(x, /, tau=1.0, *, hard=False, axis=-1, xp):
    """A differentiable draw from a categorical distribution; `hard` rounds it to one-hot, with the soft gradient."""
    y = xp.softmax(x / tau, axis)
    return xp.first_largest(y, axis) if hard else y


@gumbel_softmax.sample
def _(x, *, training=True, rng, xp):
    return x + xp.gumbel(rng, x) if training else x


@gumbel_softmax.pullback
def _(x, dy, tau, axis, xp):
    y = xp.softmax(x / tau, axis)
    return xp.softmax_pullback(y, dy, axis) / tau
