"""Piecewise polynomials that stand in for smooth functions where exponentials are dear."""

from xact._activation import activation


@activation(
    tex=r"\frac{x \min(\max(x + 3, 0), 6)}{6}",
    paper="Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",
    module="Hardswish",
    inplace=True,
    aliases=("hard_swish", "hard_silu"),
    kinks={-3: 0, 3: 1},
)
def hardswish(x, /, *, xp):
    """SiLU in straight lines and one parabola; exactly 0 left of -3 and x right of 3."""
    return xp.maximum(x, -3.0) * ((xp.clip(x, -3.0, 3.0) + 3) / 6)


@hardswish.derivative
def _(x, xp):
    inside = xp.where(xp.abs(x) < 3, x, 0.0)
    return (inside + (xp.clip(x, -3.0, 3.0) + 3)) / 6


@hardswish.derivative(order=2)
def _(x, xp):
    return xp.where(xp.abs(x) < 3, 1 / 3, xp.where(xp.isnan(x), x, 0.0))


@activation(
    tex=r"\min(\max(x, \text{min\_val}), \text{max\_val})",
    paper="Collobert 2004, Large Scale Machine Learning",
    module="Hardtanh",
    inplace=True,
    integers="keep",
    aliases=("hard_tanh",),
    requires=("min_val <= max_val",),
    kinks={"min_val": 0, "max_val": 0},
    arguments={"min_val": "the least result", "max_val": "the greatest result"},
)
def hardtanh(x, /, min_val=-1.0, max_val=1.0, *, xp):
    """tanh in three straight lines; the derivative at both ends is 0."""
    return xp.clip(x, min_val, max_val)


@hardtanh.derivative
def _(x, min_val, max_val, xp):
    # Not by the output, which in 16 bits may lie below a bound that it has reached.
    return xp.logical_not((x <= min_val) | (x >= max_val))


@hardtanh.derivative("min_val")
def _(x, min_val, xp):
    return xp.where(x <= min_val, 1.0, xp.where(xp.isnan(x), x, 0.0))


@hardtanh.derivative("max_val")
def _(x, max_val, xp):
    return xp.where(x >= max_val, 1.0, xp.where(xp.isnan(x), x, 0.0))


@activation(
    tex=r"\min(\max(x, \text{min}), \text{max})",
    paper="Courbariaux, Bengio & David 2015, BinaryConnect, arXiv:1511.00363",
    module="Clamp",
    aliases=("clip",),
    requires=("-inf <= min <= inf", "-inf <= max <= inf"),
    kinks={"min": 1, "max": 1},
)
def clamp(x, /, min=-1.0, max=1.0, *, xp):
    """Bounds the input; unlike hardtanh it counts both ends as inside, where the derivative is 1."""
    return xp.clip(x, min, max)


@clamp.derivative
def _(x, min, max, xp):
    return xp.logical_not((x < min) | (x > max))


@clamp.derivative("min")
def _(x, min, xp):
    return xp.where(x < min, 1.0, xp.where(xp.isnan(x), x, 0.0))


@clamp.derivative("max")
def _(x, max, xp):
    return xp.where(x > max, 1.0, xp.where(xp.isnan(x), x, 0.0))


@activation(
    tex=r"\frac{\min(\max(x + 3, 0), 6)}{6}",
    paper="Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244",
    inplace=True,
    aliases=("hard_sigmoid",),
    kinks={-3: 0, 3: 0},
)
def hardsigmoid(x, /, *, xp):
    """The sigmoid in three straight lines of slope 1/6; older definitions have 0.2, see hard_sigmoid_general."""
    return (xp.clip(x, -3.0, 3.0) + 3) / 6


@hardsigmoid.derivative
def _(x, xp):
    return xp.where(xp.abs(x) < 3, 1 / 6, xp.zeros_like(x))


@hardsigmoid.derivative(order=2)
def _(x, xp):
    return xp.where(xp.isnan(x), x, 0.0)


@activation(
    tex=r"\min(\max(\alpha x + \beta, 0), 1)",
    paper="Gulcehre et al. 2016, Noisy Activation Functions, arXiv:1603.00391",
    requires=("0 < alpha < inf", "-inf < beta < inf"),
    kinks={"-beta / alpha": 0, "(1 - beta) / alpha": 0},
    budget={
        "misrounded bfloat16": (32, "for 26 inputs 0.2 x + 0.5 is an exact tie, the truth a hair off it"),
        "misrounded float16": (208, "the same for 206 inputs"),
    },
    arguments={"alpha": "the slope in the middle", "beta": "the result at 0"},
)
def hard_sigmoid_general(x, /, alpha=0.2, beta=0.5, *, xp):
    """A sigmoid in three straight lines of any slope; the defaults are those of ONNX and of the first Keras."""
    return xp.clip(alpha * x + beta, 0.0, 1.0)


@hard_sigmoid_general.derivative
def _(x, alpha, beta, xp):
    one = xp.ones_like(x)  # in whose precision the ends are found
    return xp.where((x > -beta * one / alpha) & (x < (one - beta) / alpha), alpha, xp.where(xp.isnan(x), x, 0.0))


@activation(
    tex=r"\begin{cases} 0 & x \le -1 \\ x & x \ge 1 \\ \frac{(x + 1)^2}{4} & \text{otherwise} \end{cases}",
    paper="Blondel, Martins & Niculae 2020, Learning with Fenchel-Young Losses, arXiv:1901.02324",
)
def sparse_plus(x, /, *, xp):
    """Softplus with exact ends: 0 left of -1, x right of 1, one parabola between."""
    return xp.where(x <= -1, 0.0, xp.where(x >= 1, x, (xp.clip(x, -1.0, 1.0) + 1) ** 2 / 4))


@sparse_plus.derivative
def _(x, xp):
    return (xp.clip(x, -1.0, 1.0) + 1) / 2


@activation(
    tex=r"\min(\max(\frac{x + 1}{2}, 0), 1)",
    paper="Martins & Astudillo 2016, From Softmax to Sparsemax, arXiv:1602.02068",
    kinks={-1: 0, 1: 0},
)
def sparse_sigmoid(x, /, *, xp):
    """The derivative of sparse_plus: sparsemax of the pair (x, 0) with temperature 2."""
    return (xp.clip(x, -1.0, 1.0) + 1) / 2


@sparse_sigmoid.derivative
def _(x, xp):
    return xp.where(xp.abs(x) < 1, 0.5, xp.where(xp.isnan(x), x, 0.0))


@activation(
    tex=r"\frac{x \min(\max(x + 2, 0), 2)}{2}",
    paper="Wightman 2019, PyTorch Image Models",
    kinks={-2: 0},
)
def hard_mish(x, /, *, xp):
    """Mish in straight lines and one parabola; exactly 0 left of -2 and x right of 0."""
    return xp.maximum(x, -2.0) * ((xp.clip(x, -2.0, 0.0) + 2) / 2)


@hard_mish.derivative
def _(x, xp):
    return xp.where(x <= -2, 0.0, xp.clip(x, -2.0, 0.0) + 1)


@activation(
    tex=r"\begin{cases} 1 & x > \text{threshold} \\ \text{value} & x = \text{threshold} \\ 0 & \text{otherwise}"
    r" \end{cases}",
    paper="McCulloch & Pitts 1943, A Logical Calculus of the Ideas Immanent in Nervous Activity",
    aliases=("heaviside", "binary_step", "unit_step"),
    requires=("-inf <= value <= inf", "-inf < threshold < inf"),
    kinks={"threshold": 0},
    arguments={"value": "the result at the threshold itself", "threshold": "where the step is"},
)
def step(x, /, value=1.0, threshold=0.0, *, xp):
    """All or nothing; `value` at the threshold itself. Its derivative is 0, so nothing before it learns."""
    return xp.where(x > threshold, 1.0, xp.where(x < threshold, 0.0, xp.where(xp.isnan(x), x, value)))


@step.derivative
def _(x, xp):
    return xp.zeros_like(x)


@activation(
    tex=r"\operatorname{sign}(x)",
    paper="Rosenblatt 1958, The Perceptron",
    integers="keep, bool",
    aliases=("signum", "bipolar_step"),
    kinks={0: 0},
)
def sign(x, /, *, xp):
    """-1, 0 or 1. Its derivative is 0, so nothing before it learns."""
    if x.dtype == xp.bool:
        return x & x
    return xp.where((x == 0) | (x != x), x, xp.sign(x))


@sign.derivative
def _(x, xp):
    return xp.zeros_like(x)


@activation(
    tex="x",
    paper="Widrow & Hoff 1960, Adaptive Switching Circuits",
    integers="keep",
    aliases=("linear",),
)
def identity(x, /, *, xp):
    """Returns its input, or a copy of it: a placeholder where an activation is expected."""
    # By a product, because an array that is input and output at once cannot be kept for a derivative.
    return 1 * x


@identity.derivative
def _(x, xp):
    return xp.ones_like(x)


@activation(
    tex=r"\max(\min(x, a - x), 0)",
    paper="Hong et al. 2022, On the Activation Function Dependence of the Spectral Bias of Neural Networks, "
    "arXiv:2208.04924",
    requires=("0 < a < inf",),
    kinks={0: 0, "a / 2": 0, "a": 0},
    arguments={"a": "the width; the peak is a / 2 high"},
)
def hat(x, /, a=2.0, *, xp):
    """The finite element of degree 1: up to a / 2 and down again, 0 outside of [0, a]."""
    return xp.maximum(xp.minimum(x, a - x), 0.0)


@hat.derivative
def _(x, a, xp):
    outside = (x <= 0) | (x >= a)
    return xp.where(outside, 0.0, xp.where(x == a / 2, 0.0, xp.sign(a / 2 - x)))
