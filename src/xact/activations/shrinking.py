"""Shrinking activations: small inputs are drawn to zero, large ones keep their size."""

from xact._activation import activation


@activation(
    tex=r"x - \tanh(x)",
    paper="Collobert, Kavukcuoglu & Farabet 2011, Torch7",
    integers="float",
    aliases=("tanh_shrink",),
    budget={"misrounded bfloat16": (144, "for 128 inputs x - 1 is an exact tie, the truth a hair off it")},
)
def tanhshrink(x, /, *, xp):
    """What tanh leaves out: flat at the origin, where it is x^3 / 3."""
    return xp.tanhshrink(x)


@tanhshrink.derivative
def _(x, xp):
    return xp.tanh(x) ** 2


@tanhshrink.derivative(order=2)
def _(x, xp):
    return 8 * xp.tanh(x) * xp.logistic_pdf(2 * x)


@activation(
    tex=r"\begin{cases} 0 & |x| \le \text{lambd} \\ x & \text{otherwise} \end{cases}",
    paper="Donoho & Johnstone 1994, Ideal Spatial Adaptation by Wavelet Shrinkage",
    module="Hardshrink",
    aliases=("hard_shrink",),
    requires=("-inf < lambd < inf",),
    kinks={"lambd": 0, "-lambd": 0},
)
def hardshrink(x, /, lambd=0.5, *, xp):
    """Hard thresholding: small inputs become 0, the others stay as they are."""
    return xp.where(xp.abs(x) <= lambd, 0.0 * x, x)


@hardshrink.derivative
def _(x, lambd, xp):
    return xp.logical_not(xp.abs(x) <= lambd)


@hardshrink.derivative("lambd")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 0.0)


@activation(
    tex=r"\begin{cases} 0 & |x| \le \text{lambd} \\ x - \text{lambd} \operatorname{sign}(x) & \text{otherwise}"
    r" \end{cases}",
    paper="Donoho & Johnstone 1994, Ideal Spatial Adaptation by Wavelet Shrinkage",
    module="Softshrink",
    aliases=("soft_shrink",),
    requires=("0 <= lambd < inf",),
    kinks={"lambd": 0, "-lambd": 0},
)
def softshrink(x, /, lambd=0.5, *, xp):
    """Soft thresholding, the proximal map of lambd |x|: everything moves towards 0 by lambd."""
    return xp.where(xp.abs(x) <= lambd, 0.0 * x, x - xp.clip(x, -lambd, lambd))


@softshrink.derivative
def _(x, lambd, xp):
    return xp.logical_not(xp.abs(x) <= lambd)


@softshrink.derivative("lambd")
def _(x, lambd, xp):
    return xp.where(xp.abs(x) <= lambd, 0.0, xp.where(x > lambd, -1.0, xp.where(x < 0, 1.0, x)))


@activation(
    tex=r"\begin{cases} x + \text{bias} & x < -\text{lambd} \\ x - \text{bias} & x > \text{lambd} \\"
    r" 0 & \text{otherwise} \end{cases}",
    paper="ONNX 2019, operator Shrink",
    requires=("-inf < lambd < inf", "-inf < bias < inf"),
    kinks={"lambd": 0, "-lambd": 0},
    arguments={"bias": "by how much the other inputs move towards 0"},
)
def shrink(x, /, lambd=0.5, bias=0.0, *, xp):
    """Hard thresholding at bias 0, soft thresholding where bias is lambd."""
    outer = xp.where(x > 0, x - bias, x + bias)
    return xp.where(xp.abs(x) <= lambd, 0.0 * x, outer)


@shrink.derivative
def _(x, lambd, xp):
    return xp.logical_not(xp.abs(x) <= lambd)
