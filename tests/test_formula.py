"""The TeX parser against the same formulas written by hand in mpmath."""

import mpmath
import pytest

from xact.testing.fields import Balls, Mpmath
from xact.testing.formula import Formula
from xact.testing.series import Series

mp = mpmath.ctx_mp.MPContext()
mp.prec = 300
POINTS = [-7.5, -3.0, -1.0, -0.3, 0.0, 0.4, 1.0, 2.5, 3.0, 6.25]


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def decimal(text):
    return mp.mpf(text)


def gelu_tanh(x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + decimal("0.044715") * x**3)))


GELU = r"""\begin{cases} x\,\Phi(x) & \text{approximate} = \texttt{none} \\
    \tfrac12 x \left(1 + \tanh\left(\sqrt{\tfrac{2}{\pi}}\,(x + 0.044715\,x^3)\right)\right)
    & \text{approximate} = \texttt{tanh} \end{cases}"""
SELU = r"""\lambda \begin{cases} x & x > 0 \\ \alpha\,(e^x - 1) & \text{otherwise} \end{cases},
    \quad \alpha = 1.6732632423543772, \; \lambda = 1.0507009873554805"""
SELU_BY_HAND = (decimal("1.6732632423543772"), decimal("1.0507009873554805"))
HARDSWISH = r"""\begin{cases} 0, & x \le -3, \\ x, & \text{if } x \geq 3 \\
    \frac{x\,(x + 3)}{6} & \text{otherwise} \end{cases}"""
ALONG = r"\text{hard\_shrink}(x) = \begin{cases} x & |x| > \lambda \\ 0 & -\lambda \le x \le \lambda \end{cases}"
CLIPPED = r"x \operatorname{clip}\bigl(\tfrac16 x + \tfrac{1}{2}, 0, 1\bigr)"

# (TeX, parameters, the same by hand)
FORMULAS = {
    "mish": (r"x\,\tanh(\log(1 + e^x))", {}, lambda x: x * mp.tanh(mp.log(1 + mp.exp(x)))),
    "mish named": (
        r"\operatorname{mish}(x) = x \tanh\bigl(\operatorname{softplus}(x)\bigr) \quad \text{where everything is real}",
        {},
        lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    ),
    "gelu": (GELU, {"approximate": "none"}, lambda x: x * mp.ncdf(x)),
    "gelu tanh": (GELU, {"approximate": "tanh"}, gelu_tanh),
    "gelu erf": (
        r"\frac{x}{2}\left[1+\operatorname{erf}\left(\frac{x}{\sqrt{2}}\right)\right]",
        {},
        lambda x: x * mp.ncdf(x),
    ),
    "elu": (
        r"\max(0, x) + \min(0, \alpha (e^x - 1))",
        {"alpha": 0.7},
        lambda x: x if x > 0 else mp.mpf(0.7) * mp.expm1(x),
    ),
    "selu": (
        SELU,
        {},
        lambda x: SELU_BY_HAND[1] * (x if x > 0 else SELU_BY_HAND[0] * (mp.exp(x) - 1)),
    ),
    "celu": (
        r"\max(0,x) + \min\left(0, \alpha\left(e^{x/\alpha} - 1\right)\right)",
        {"alpha": 1.3},
        lambda x: max(0, x) + min(0, mp.mpf(1.3) * (mp.exp(x / mp.mpf(1.3)) - 1)),
    ),
    "softplus": (
        r"\frac{1}{\beta} \log(1 + e^{\beta x})",
        {"beta": 2.5},
        lambda x: mp.log(1 + mp.exp(2.5 * x)) / 2.5,
    ),
    "hardswish": (HARDSWISH, {}, lambda x: x * min(max(x + 3, 0), 6) / 6),
    "hardswish by clip": (CLIPPED, {}, lambda x: x * min(max(x / 6 + 0.5, 0), 1)),
    "tanhshrink": (r"x - \tanh x", {}, lambda x: x - mp.tanh(x)),
    "hardshrink": (ALONG, {"lambda": 0.3}, lambda x: x if abs(x) > 0.3 else mp.mpf(0)),
    "leaky_relu": (
        r"\begin{cases} x & x \ge 0 \\ \text{negative\_slope}\,x & x < 0 \end{cases}",
        {"negative_slope": 0.01},
        lambda x: x if x >= 0 else mp.mpf(0.01) * x,
    ),
    "prelu": (r"\max(0,x) + w\min(0,x)", {"w": 0.25}, lambda x: x if x >= 0 else x / 4),
    "snake": (
        r"x + \frac{1}{\alpha} \sin^2(\alpha x)",
        {"alpha": 1.7},
        lambda x: x + mp.sin(mp.mpf(1.7) * x) ** 2 / mp.mpf(1.7),
    ),
    "squareplus": (r"\frac{x + \sqrt{x^2 + b}}{2}", {"b": 4}, lambda x: (x + mp.sqrt(x * x + 4)) / 2),
    "silu": (r"\mathrm{SiLU}(x) = x \cdot \sigma(x)", {}, lambda x: x * sigmoid(x)),
    "logsigmoid": (r"-\ln(1 + \exp(-x))", {}, lambda x: -mp.log(1 + mp.exp(-x))),
    "softsign": (r"\frac{x}{1 + |x|}", {}, lambda x: x / (1 + abs(x))),
    "softshrink": (
        r"\operatorname{sgn}(x) \max(0, \lvert x \rvert - \lambda)",
        {"lambda": 0.5},
        lambda x: mp.sign(x) * max(0, abs(x) - 0.5),
    ),
    "serf": (
        r"x \operatorname{erf}(\ln(1 + e^{x}))",
        {},
        lambda x: x * mp.erf(mp.log(1 + mp.exp(x))),
    ),
    "arctan": (r"\arctan x + \operatorname{arsinh}(x)", {}, lambda x: mp.atan(x) + mp.asinh(x)),
    "gaussian": (r"e^{-\frac{x^2}{2\sigma^2}}", {"sigma": 1.5}, lambda x: mp.exp(-x * x / 4.5)),
    "density": (r"\varphi(x) + \Phi(-x)", {}, lambda x: mp.npdf(x) + mp.ncdf(-x)),
    "hyperbolic": (
        r"\sinh(x) / \cosh(x) + \cos 2 \cdot \tan\frac{x}{9}",
        {},
        lambda x: mp.tanh(x) + mp.cos(2) * mp.tan(x / 9),
    ),
    "bars": (r"|x - |x||\,x^{2} - 2^{-x}", {}, lambda x: abs(x - abs(x)) * x**2 - 2**-x),
    "units": (
        r"\operatorname{relu}(x)^2 + \operatorname{gelu}(x) - \operatorname{sigmoid}(2\times x)\operatorname{erfc}(x)",
        {},
        lambda x: max(0, x) ** 2 + x * mp.ncdf(x) - sigmoid(2 * x) * mp.erfc(x),
    ),
    "definition": (
        r"x \frac{n - 1}{n + 1}, \quad n = (1 + u)^2, \; u = e^{x}, \; x \in \mathbb{R}",
        {},
        lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    ),
    "two conditions": (
        r"\begin{cases} x^2 & x > -1 \land x < 1 \\ e & x = 1 \text{ or } x = -1 \\ \pi & \text{else} \end{cases}",
        {},
        lambda x: x * x if abs(x) < 1 else +mp.e if abs(x) == 1 else +mp.pi,
    ),
    "indexed parameter": (r"\alpha_{\text{max}} x + c_1", {"alpha_max": 2, "c_1": 3}, lambda x: 2 * x + 3),
}
FORMULAS["signs"] = (r"-x^2 + (-x)", {}, lambda x: -(x * x) - x)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_means_what_is_printed(name):
    tex, parameters, by_hand = FORMULAS[name]
    formula = Formula(tex)
    assert formula.names == {"x"} | parameters.keys()
    for point in POINTS:
        want = by_hand(mp.mpf(point))
        got = formula.evaluate({"x": point} | parameters, Mpmath())
        assert abs(got - want) <= mp.mpf(2) ** -260 * (1 + abs(want)), (name, point)
        ball = formula.evaluate({"x": point} | parameters, Balls())
        assert abs(float(ball) - want) <= 1e-12 * (1 + abs(want))


GATES = {
    "glu": (r"a \cdot \sigma(b)", lambda a, b: a * sigmoid(b)),
    "swiglu": (r"\operatorname{silu}(a) \, b", lambda a, b: a * sigmoid(a) * b),
    "geglu": (r"a\,\Phi(a)\,b", lambda a, b: a * mp.ncdf(a) * b),
}


@pytest.mark.parametrize("name", GATES)
def test_gate(name):
    tex, by_hand = GATES[name]
    for a, b in zip(POINTS, reversed(POINTS), strict=True):
        got = Formula(tex).evaluate({"a": a, "b": b}, Mpmath())
        assert abs(got - by_hand(mp.mpf(a), mp.mpf(b))) < mp.mpf(2) ** -260


def total(x):
    return mp.fsum(map(mp.exp, x))


VECTORS = {
    "softmax": (r"\frac{e^{x_i}}{\sum_j e^{x_j}}", lambda x: [mp.exp(t) / total(x) for t in x]),
    "log_softmax": (r"x_i - \log \sum_{j=1}^{n} e^{x_j}", lambda x: [t - mp.log(total(x)) for t in x]),
    "centred": (r"x_i - \max_j x_j", lambda x: [t - max(x) for t in x]),
    "squares": (
        r"\frac{x_i^2}{\sum_{k} x_k \cdot x_k}",
        lambda x: [t * t / mp.fsum(s * s for s in x) for t in x],
    ),
    "nested": (r"\sum_j (x_i - x_j)^2", lambda x: [mp.fsum((t - s) ** 2 for s in x) for t in x]),
    "shifted": (
        r"\frac{e^{x_i - m}}{s}, \quad m = \max_j x_j, \; s = \sum_j e^{x_j - m}",
        lambda x: [mp.exp(t) / total(x) for t in x],
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name):
    tex, by_hand = VECTORS[name]
    formula = Formula(tex)
    assert formula.names == {"x"} == formula.vectors and formula.free == "i"
    got = formula.evaluate({"x": POINTS}, Mpmath())
    for first, second in zip(got, by_hand([mp.mpf(t) for t in POINTS]), strict=True):
        assert abs(first - second) < mp.mpf(2) ** -250


def test_reductions_to_one_number():
    formula = Formula(r"\log\sum_j e^{x_j} + \prod_j x_j")
    assert formula.free is None
    x = [0.5, -1.25, 3.0]
    want = mp.log(total([mp.mpf(t) for t in x])) - mp.mpf("1.875")
    assert abs(formula.evaluate({"x": x}, Mpmath()) - want) < mp.mpf(2) ** -250


SMOOTH = (
    "exp(x) log(4+x) sqrt(4+x) tanh(x) sinh(x) cosh(x) sech(x) sin(x) cos(x) tan(x) arctan(x) arsinh(x) erf(x) "
    "erfc(x) sigmoid(x) softplus(x) gelu(x) silu(x)"
)
COMPOSED = [rf"\operatorname{{{text.replace('(', '}(', 1)}" for text in SMOOTH.split()]
COMPOSED += [
    r"\Phi(x) \phi(x)",
    r"e^x - 1",
    r"\log(1 + x^2)",
    r"(4 + x)^{x}",
    r"(4+x)^{-2} x^3",
    r"2^{x} / (x^2 + 1)",
]


@pytest.mark.parametrize("tex", COMPOSED)
def test_taylor_series_agree_with_mpmath(tex):
    formula = Formula(tex)
    field = Mpmath()
    run = formula.compile(field)
    for point in (-1.75, 0.3, 2.0):
        number = Balls.number(point)
        got = formula.compile(Series(3))({"x": (number, Balls.number(1.0))})
        want = field.context.taylor(lambda t: run({"x": t}), field.context.mpf(point), 3)
        for ball, number in zip(got, want, strict=True):
            assert abs(float(ball) - number) <= 1e-12 * (1 + abs(number)), (tex, point)


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"x + ", "expected a number, variable, function or bracket, found the end at position 4"),
        (r"x + \foo", r"found '.*foo' at position 4"),
        (r"\tanh(x", r"expected '\)', found the end"),
        (r"\frac{x}", "expected a braced group"),
        (r"\sin 2x", "where the argument of the function ends, found 'x' at position 6"),
        (r"a/2x", "that say what is multiplied, found 'x' at position 3"),
        (r"x^23", "expected a braced group, one digit or one variable, found '23'"),
        (r"x^2^3", "double exponent"),
        (r"1e-6 x", r"10\^\{-6\}"),
        (r"\tanh^{-1}(x)", "exponent"),
        (r"\log_2 x", "no subscript"),
        (r"\begin{cases} x \end{cases}", "expected '&'"),
        (r"\begin{cases} x & x > 0 \\ 0 & x \end{cases}", "expected a comparison"),
        (r"\operatorname{clip}(x, 0)", "expected 3 arguments of clip, not 2"),
        (r"\max(x)", "two or more arguments of max, not 1"),
        (r"\sum_q x_q", "the index i, j or k, not 'q'"),
        (r"\sum_{m=0}^{n} x_m", "the index i, j or k, not 'm'"),
        (r"f = x = x", "expected one '='"),
        (r"|x", "expected '|'"),
        (r"(x, 1) x", "one expression in the bracket"),
        (r"n x, \quad n = n + 1", "defines n by itself"),
        (r"x_i x_j", "more than one free index"),
        (r"\text{two words} x", "found 'two words'"),
        ("", "found the end at position 0"),
    ],
)
def test_malformed_tex_says_what_and_where(tex, message):
    with pytest.raises(ValueError, match=message):
        Formula(tex)


def test_no_case_applies():
    with pytest.raises(ValueError, match="no case"):
        Formula(r"\begin{cases} x & x > 0 \end{cases}").evaluate({"x": -1.0}, Balls())
