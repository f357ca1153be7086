"""Stochastic activations: the body takes what was drawn as an argument, the sampler draws it."""

from xact._activation import activation


@activation(
    tex=r"\begin{cases} x & x > 0 \\ a\,x & \text{otherwise} \end{cases},"
    r"\quad a \sim U(\text{lower}, \text{upper})",
    paper="Xu et al. 2015, Empirical Evaluation of Rectified Activations, arXiv:1505.00853",
    module="RReLU",
    inplace=True,
    kinks={0: "slope"},
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
