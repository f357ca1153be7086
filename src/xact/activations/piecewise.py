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
    m = xp.clip(x, -3.0, 3.0)
    return xp.where(x >= 3, x, m * (m + 3) / 6)


@hardswish.derivative
def _(x, xp):
    m = xp.clip(x, -3.0, 3.0)
    return xp.where(x <= -3, 0.0, xp.where(x >= 3, 1.0, (2 * m + 3) / 6))
