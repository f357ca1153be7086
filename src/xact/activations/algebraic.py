"""Algebraic activations: square roots and parabolas in the place of exponentials."""

from xact._activation import activation
from xact.special.algebraic import at_zero


@activation(
    tex=r"\frac{x}{\sqrt{1 + \alpha x^2}}",
    paper="Carlile et al. 2017, Improving Deep Learning by Inverse Square Root Linear Units, arXiv:1710.09967",
    module="ISRU",
    requires=("0 <= alpha < inf",),
    arguments={"alpha": "the result lies between -1 / sqrt(alpha) and 1 / sqrt(alpha); 0 gives x"},
)
def isru(x, /, alpha=1.0, *, xp):
    """A sigmoid between -1 / sqrt(alpha) and 1 / sqrt(alpha), with slope 1 at the origin."""
    rate = alpha**0.5
    # From this bound on the result is what it is at infinity; alpha = 0 has none.
    bound = 1e15 / (rate + 1e-300)
    z = xp.clip(x, -bound, bound)
    t = xp.times(rate, z)
    return z / xp.sqrt(1 + t * t)


@isru.derivative
def _(x, alpha, xp):
    z = xp.times(alpha**0.5, x)
    t = 1 / (1 + z * z)
    return t * xp.sqrt(t)


@isru.derivative(order=2)
def _(x, alpha, xp):
    z = xp.times(alpha**0.5, x)
    t = 1 / (1 + z * z)
    return xp.where(t == 0, 0.0, xp.times(-3 * alpha, x)) * t * t * xp.sqrt(t)


@activation(
    tex=r"\begin{cases} x & x \ge 0 \\ \frac{x}{\sqrt{1 + \alpha x^2}} & \text{otherwise} \end{cases}",
    paper="Carlile et al. 2017, Improving Deep Learning by Inverse Square Root Linear Units, arXiv:1710.09967",
    module="ISRLU",
    requires=("0 <= alpha < inf",),
    arguments={"alpha": "the result is above -1 / sqrt(alpha); 0 gives x"},
)
def isrlu(x, /, alpha=1.0, *, xp):
    """ELU with a square root in the place of the exponential: twice continuously differentiable."""
    rate = alpha**0.5
    n = xp.clip(x, -1e15 / (rate + 1e-300), 0.0)
    t = xp.times(rate, n)
    return xp.where(x < 0, n / xp.sqrt(1 + t * t), x)


@isrlu.derivative
def _(x, alpha, xp):
    z = xp.times(alpha**0.5, xp.minimum(x, 0.0))
    t = 1 / (1 + z * z)
    return t * xp.sqrt(t)


@isrlu.derivative(order=2)
def _(x, alpha, xp):
    n = xp.minimum(x, 0.0)
    z = xp.times(alpha**0.5, n)
    t = 1 / (1 + z * z)
    return xp.where(t == 0, 0.0, xp.times(-3 * alpha, n)) * t * t * xp.sqrt(t)


@activation(
    tex=r"\frac{\sqrt{x^2 + 1} - 1}{2} + x",
    paper="Echo-AI 2019, function `bent_id`",
    module="BentIdentity",
    aliases=("bent_id",),
    budget={
        "misrounded bfloat16": (
            2304,
            "for large x, 1.5 x is an exact tie every second time, the truth a hair below it",
        ),
        "misrounded float16": (384, "as in bfloat16"),
        "identity float16": (72, "next to these ties the last bit of the root counts"),
    },
)
def bent_identity(x, /, *, xp):
    """Slope 1/2 far left, 1 at the origin, 3/2 far right; never saturates."""
    z = xp.clip(x, -1e30, 1e30)
    # sqrt(x^2 + 1) - 1, which cancels near the origin, is x^2 / (sqrt(x^2 + 1) + 1).
    return x * (1 + z / (xp.hypotenuse(z, 1.0) + 1) / 2)


@bent_identity.derivative
def _(x, xp):
    z = xp.clip(x, -1e30, 1e30)
    return 1 + z / xp.hypotenuse(z, 1.0) / 2


@activation(
    tex=r"\begin{cases} 1 & x > 2 \\ -1 & x < -2 \\ x - \frac{x |x|}{4} & \text{otherwise} \end{cases}",
    paper="Wuraola & Patel 2018, SQNL: A New Computationally Efficient Activation Function",
    module="SQNL",
)
def sqnl(x, /, *, xp):
    """tanh in two parabolas, made of one multiplication; exactly -1 and 1 beyond -2 and 2."""
    z = xp.clip(x, -2.0, 2.0)
    return z * (1 - xp.abs(z) / 4)


@sqnl.derivative
def _(x, xp):
    return 1 - xp.abs(xp.clip(x, -2.0, 2.0)) / 2


@activation(
    tex=r"\frac{x + \sqrt{x^2 + b}}{2}",
    paper="Barron 2021, Squareplus: A Softplus-Like Algebraic Rectifier, arXiv:2112.11687",
    requires=("0 <= b <= 1e20",),
    arguments={"b": "the size of the bend; 0 gives the rectifier"},
)
def squareplus(x, /, b=4.0, *, xp):
    """A smooth rectifier made of one square root; b is the size of the bend."""
    root = xp.hypotenuse(x, b)
    return xp.where(x < 0, b / (root + xp.abs(x)) / 2, xp.maximum(x, 0.0) / 2 + root / 2)


@squareplus.derivative
def _(x, b, xp):
    root = xp.hypotenuse(x, b)
    divisor = xp.where(root == 0, 1.0, root)
    ratio = xp.where(xp.abs(x) > 1e30, xp.sign(x), x / divisor)
    # 1 + ratio cancels in the left tail.
    return xp.where(ratio < -0.5, b / at_zero(b, 1.0, divisor, xp) / (root + xp.abs(x)) / 2, (1 + ratio) / 2)


@squareplus.derivative(order=2)
def _(x, b, xp):
    one = xp.where(xp.isnan(x), x, 1.0)
    square, root = at_zero(b, one, x * x + b, xp), at_zero(b, one, xp.hypotenuse(x, b), xp)
    return b / square / root / 2


@squareplus.derivative("b")
def _(x, b, xp):
    return 0.25 / xp.hypotenuse(x, b)
