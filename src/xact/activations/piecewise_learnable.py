"""Straight lines whose slopes and corners are learnt along with the weights."""

from typing import Literal

from xact._activation import activation
from xact.special.polynomial import entries
from xact.special.rational import dot


@activation(
    tex=r"\begin{cases} \beta x + m & x > 0 \\ \alpha x + m & \text{otherwise} \end{cases}",
    paper="Balaji, Kavya & Sebastian 2019, Learn-able Parameter Guided Activation Functions, arXiv:1912.10752",
    learnable={"alpha": 0.01, "beta": 1.0, "m": -0.22},
    requires=("-1e15 < alpha < 1e15", "-1e15 < beta < 1e15", "-1e15 < m < 1e15"),
    kinks={0: "alpha"},
    budget={"misrounded float16": (32, "0.01 x - 0.22, rounded once to float32, is a tie for 20 inputs")},
    arguments={"alpha": "the slope for x <= 0", "beta": "the slope for x > 0", "m": "what is added everywhere"},
)
def dual_line(x, /, alpha=0.01, beta=1.0, m=-0.22, *, axis=1, xp):
    """A leaky rectifier of two learnt slopes, alpha left and beta right, whose mean the learnt m shifts."""
    return xp.line(x, xp.where(x > 0, beta, alpha * xp.ones_like(x)), 0.0, m)


@dual_line.derivative
def _(x, alpha, beta, xp):
    return xp.where(x > 0, beta, xp.where(x <= 0, alpha, x))


@dual_line.derivative("alpha")
def _(x, xp):
    return xp.minimum(x, 0.0)


@dual_line.derivative("beta")
def _(x, xp):
    return xp.maximum(x, 0.0)


@dual_line.derivative("m")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"\begin{cases} t_r + a_r (x - s\,t_r) & x \ge t_r \\ t_l + a_l (x - s\,t_l) & x \le t_l \\"
    r" x & \text{otherwise} \end{cases}, \quad s = \begin{cases} -1 & \text{version} = \texttt{echo} \\"
    r" 1 & \text{otherwise} \end{cases}",
    paper="Jin et al. 2016, Deep Learning with S-shaped Rectified Linear Activation Units, arXiv:1512.07030",
    module="SReLU",
    learnable={"t_r": 1.0, "a_r": 1.0, "t_l": 0.0, "a_l": 0.2},
    requires=("-1e15 < t_r < 1e15", "-1e15 < a_r < 1e15", "-1e15 < t_l < 1e15", "-1e15 < a_l < 1e15"),
    kinks={"t_l": "a_l", "t_r": "a_r"},
    arguments={
        "t_r": "the threshold on the right",
        "a_r": "the slope right of it",
        "t_l": "the threshold on the left",
        "a_l": "the slope left of it",
        "version": "'paper', or 'echo' for the formula of Echo-AI",
    },
)
def srelu(x, /, t_r=1.0, a_r=1.0, t_l=0.0, a_l=0.2, *, axis=1, version: Literal["paper", "echo"] = "paper", xp):
    """Three lines: x itself between the learnt thresholds t_l and t_r, of slope a_l left of them and a_r right.

    It starts as a leaky rectifier. The version of Echo-AI adds the thresholds to x, and so jumps at both.
    """
    s = -1 if version == "echo" else 1
    right, left = xp.line(x, a_r, s * t_r, t_r), xp.line(x, a_l, s * t_l, t_l)
    return xp.where(x >= t_r, right, xp.where(x <= t_l, left, x))


@srelu.derivative
def _(x, t_r, a_r, t_l, a_l, xp):
    return xp.where(x >= t_r, a_r, xp.where(x <= t_l, a_l, xp.where(xp.isnan(x), x, 1.0)))


@srelu.derivative("t_r")
def _(x, t_r, a_r, version, xp):
    s = -1 if version == "echo" else 1
    return xp.where(x >= t_r, 1 - s * a_r, xp.where(xp.isnan(x), x, 0.0))


@srelu.derivative("a_r")
def _(x, t_r, version, xp):
    s = -1 if version == "echo" else 1
    return xp.where(x < t_r, 0.0, x - s * t_r)


@srelu.derivative("t_l")
def _(x, t_r, t_l, a_l, version, xp):
    s = -1 if version == "echo" else 1
    return xp.where((x <= t_l) & (x < t_r), 1 - s * a_l, xp.where(xp.isnan(x), x, 0.0))


@srelu.derivative("a_l")
def _(x, t_r, t_l, version, xp):
    s = -1 if version == "echo" else 1
    return xp.where((x > t_l) | (x >= t_r), 0.0, x - s * t_l)


@activation(
    tex=r"\max(x, 0) + \sum_k a_k \max(b_k - x, 0)",
    paper="Agostinelli et al. 2015, Learning Activation Functions to Improve Deep Neural Networks, arXiv:1412.6830",
    module="APL",
    learnable={"a": (-0.25,), "b": (0.0,)},
    kinks={0: "-a[0] * (b[0] > 0)", "b[0]": "(b[0] > 0) * 1.0"},
    arguments={"a": "the slopes of the hinges, one for each place in b", "b": "the places of the hinges"},
)
def apl(x, /, a=(-0.25,), b=(0.0,), *, xp):
    """The rectifier plus hinges of learnt slopes a at learnt places b, as many as are given; it starts as prelu."""
    return xp.maximum(x, 0.0) + dot(entries(a), [xp.maximum(one - x, 0.0) for one in entries(b)])


@apl.derivative
def _(x, a, b, xp):
    ones = xp.where(xp.isnan(x), x, 1.0)
    return xp.where(x <= 0, 0.0, ones) - dot(entries(a), [xp.where(x >= one, 0.0, ones) for one in entries(b)])


@apl.pullback("a")
def _(x, b, dy, xp):
    return xp.stack([xp.sum(dy * xp.maximum(one - x, 0.0)) for one in entries(b)])


@apl.pushforward("a")
def _(x, b, da, xp):
    return dot(entries(da), [xp.maximum(one - x, 0.0) for one in entries(b)])


@apl.pullback("b")
def _(x, a, b, dy, xp):
    pairs = zip(entries(a), entries(b), strict=True)
    return xp.stack([xp.sum(xp.where(x >= place, 0.0, dy * slope)) for slope, place in pairs])


@apl.pushforward("b")
def _(x, a, b, db, xp):
    triples = zip(entries(a), entries(b), entries(db), strict=True)
    return sum(xp.where(x >= place, 0.0, slope * step * xp.ones_like(x)) for slope, place, step in triples)
