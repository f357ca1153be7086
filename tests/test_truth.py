"""The ball results against mpmath, limits, kinks, rows, and the cache."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import xact
from xact.testing import truth as module
from xact.testing import ulp
from xact.testing.case import cases, inputs
from xact.testing.truth import (
    derivatives,
    jacobian_along,
    mpmath_values,
    pullback_along,
    values,
    values_along,
)

INF, NAN = math.inf, math.nan
MISH = r"x\,\tanh(\log(1 + e^x))"
SOFTMAX = r"\frac{e^{x_i}}{\sum_j e^{x_j}}"
LOGSUMEXP = r"\log\sum_j e^{x_j}"
RELU = r"\max(0, x)"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XACT_CACHE", str(tmp_path / "cache"))


def assert_same(truth, exact):
    """high is the correctly rounded value and high + low agrees in 100 bits."""
    for high, low, want in zip(truth.high.ravel().tolist(), truth.low.ravel().tolist(), exact, strict=True):
        assert high == float(want)
        assert abs((want - high) - low) <= abs(want) * 2.0**-100 + 2.0**-1074


SMOOTH = {
    "mish": (MISH, {}),
    "gelu": (r"x\,\Phi(x)", {}),
    "softplus": (r"\frac{1}{\beta}\log(1 + e^{\beta x})", {"beta": 0.1}),
    "snake": (r"x + \frac{1}{\alpha}\sin^2(\alpha x)", {"alpha": 1.7}),
    "squareplus": (r"\frac{1}{2}(x + \sqrt{x^2 + b})", {"b": 4.0}),
    "tanhshrink": (r"x - \tanh(x)", {}),
    "elu": (r"\begin{cases} x & x > 0 \\ \alpha(e^x - 1) & x \le 0 \end{cases}", {"alpha": 1.5}),
    "serf": (r"x \operatorname{erf}(\ln(1 + e^x))", {}),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_balls_agree_with_mpmath(name):
    tex, parameters = SMOOTH[name]
    x = np.array([-9.3, -2.0, -0.75, 1e-3, 0.1, 1.0, 3.7, 30.0])
    assert_same(values(tex, {"x": x}, parameters), mpmath_values(tex, {"x": x}, parameters))
    for order in (1, 2):
        found = derivatives(tex, {"x": x}, parameters, "x", order)
        assert_same(found, mpmath_values(tex, {"x": x}, parameters, "x", order, bits=1200))
    for parameter in parameters:
        found = derivatives(tex, {"x": x}, parameters, parameter)
        assert_same(found, mpmath_values(tex, {"x": x}, parameters, parameter, 1, bits=1200))


def test_two_inputs_broadcast():
    a, b = np.array([[0.5], [-2.0]]), np.array([1.0, 2.0, 3.0])
    found = values(r"a\,\sigma(b)", {"a": a, "b": b})
    assert found.high.shape == (2, 3)
    assert_same(found, mpmath_values(r"a\,\sigma(b)", {"a": a, "b": b}))
    assert_same(
        derivatives(r"a\,\sigma(b)", {"a": a, "b": b}, {}, "b"),
        mpmath_values(r"a\,\sigma(b)", {"a": a, "b": b}, {}, "b", 1),
    )


LIMITS = {
    "mish": (MISH, [0, INF], [0, 1]),
    "tanh": (r"\tanh(x)", [-1, 1], [0, 0]),
    "gelu": (r"x\Phi(x)", [0, INF], [0, 1]),
    "tanhshrink": (r"x - \tanh(x)", [-INF, INF], [1, 1]),
    "log_sigmoid": (r"-\log(1 + e^{-x})", [-INF, 0], [1, 0]),
    "sin": (r"\sin(x)", [NAN, NAN], [NAN, NAN]),
    "snake": (r"x + \sin^2(x)", [-INF, INF], [NAN, NAN]),
    "gaussian": (r"e^{-x^2}", [0, 0], [0, 0]),
    "softsign": (r"\frac{x}{1 + |x|}", [-1, 1], [0, 0]),
    "symlog": (r"\operatorname{sign}(x)\log(1 + |x|)", [-INF, INF], [0, 0]),
    "squareplus": (r"\frac{x + \sqrt{x^2 + 4}}{2}", [0, INF], [0, 1]),
    "relu6": (r"\min(\max(0, x), 6)", [0, 6], [0, 0]),
    "hyperbolic": (r"\frac{e^x - e^{-x}}{e^x + e^{-x}}", [-1, 1], [0, 0]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name):
    tex, value, slope = LIMITS[name]
    x = np.array([-INF, INF, NAN])
    np.testing.assert_array_equal(values(tex, {"x": x}).high, [*value, NAN])
    np.testing.assert_array_equal(derivatives(tex, {"x": x}, {}, "x").high, [*slope, NAN])


def test_far_inputs_of_float64():
    x = np.array([1e300, -1e300, 1.7e308, -745.0, -708.5, 5e-324])
    found = values(MISH, {"x": x})
    assert found.high[:3].tolist() == [1e300, 0, 1.7e308]
    assert found.high[3] == -5e-324 * round(745 * math.exp(-745 + 1074 * math.log(2)))
    assert found.high[5] == 5e-324
    assert derivatives(MISH, {"x": x}, {}, "x").high[:3].tolist() == [1, 0, 1]
    assert values(r"x\Phi(x)", {"x": x}).high[:2].tolist() == [1e300, 0]
    # All of tanhshrink's digits cancel: x - tanh x is x^3/3 here.
    assert values(r"x - \tanh(x)", {"x": np.array([1e-80])}).high[0] == float(Fraction(1e-80) ** 3 / 3)


@pytest.mark.parametrize("function", ["tanh", "exp"])
def test_small_differences(function):
    """1 + tanh(x) and exp(x) - 1, whose form the evaluation changes, beside mpmath with the digits that they lose."""
    tex = {"tanh": r"1 + \tanh(x)", "exp": r"\exp(x) - 1"}[function]
    with mpmath.workprec(2000):
        one = {"tanh": 1, "exp": -1}[function]
        for x in (-300.0, -20.0, -1e-30, 0.5, 40.0):
            exact = one + getattr(mpmath, function)(mpmath.mpf(x))
            slope = mpmath.sech(x) ** 2 if function == "tanh" else mpmath.exp(x)
            assert values(tex, {"x": x}).high == float(exact)
            assert derivatives(tex, {"x": x}, {}, "x").high == float(slope)


def test_values_at_a_branch_of_inexact_numbers():
    x = np.array([3.0, -3.0, 0.0])
    tex = r"x \operatorname{clip}(\frac{1}{6}x + \frac12, 0, 1)"
    assert values(tex, {"x": x}).high.tolist() == [3, 0, 0]
    assert np.isnan(derivatives(tex, {"x": x}, {}, "x").high).tolist() == [True, True, False]


def test_kinks():
    x = np.array([-1.0, 0.0, 1.0])
    for tex in (RELU, r"|x|", r"\operatorname{sign}(x)"):
        assert np.isnan(derivatives(tex, {"x": x}, {}, "x").high).tolist() == [False, True, False]
    printed = r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}"
    assert derivatives(printed, {"x": x}, {"a": 0.25}, "x").high.tolist() == [0.25, 1, 1]
    assert derivatives(printed, {"x": x}, {"a": 0.25}, "a").high.tolist() == [-1, 0, 0]
    assert derivatives(RELU, {"x": x[::2]}, {}, "x", 2).high.tolist() == [0, 0]


def test_float_parameters_are_exact():
    found = values(r"\alpha x", {"x": np.array([3.0])}, {"alpha": 0.1})
    assert Fraction(found.high[0]) + Fraction(found.low[0]) == 3 * Fraction(0.1)


def test_rows():
    random = np.random.default_rng(1)
    x, dy = random.normal(size=(3, 5)) * 4, random.normal(size=(3, 5))
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    jacobian = y[:, :, None] * (np.eye(5) - y[:, None, :])
    np.testing.assert_allclose(values_along(SOFTMAX, {"x": x}).high, y, rtol=1e-14)
    np.testing.assert_allclose(jacobian_along(SOFTMAX, {"x": x}, {}, "x").high, jacobian, rtol=1e-11)
    found = pullback_along(SOFTMAX, {"x": x}, {}, dy, "x")
    np.testing.assert_allclose(found.high, np.einsum("ri,rik->rk", dy, jacobian), rtol=1e-9, atol=1e-14)
    shrunk = r"\frac{e^{x_i / T}}{\sum_j e^{x_j / T}}"
    by_T = jacobian_along(shrunk, {"x": x}, {"T": 1.0}, "T").high
    np.testing.assert_allclose(by_T, -np.einsum("rik,rk->ri", jacobian, x), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(
        pullback_along(shrunk, {"x": x}, {"T": 1.0}, dy, "T").high, (dy * by_T).sum(axis=1), rtol=1e-9
    )


def test_rows_to_one_number():
    x = np.array([[1.0, 2.0, -1e300], [1e3, 1e3, 1e3]])
    found = values_along(LOGSUMEXP, {"x": x})
    np.testing.assert_allclose(found.high, [2 + math.log1p(math.exp(-1)), 1e3 + math.log(3)], rtol=1e-15)
    np.testing.assert_allclose(jacobian_along(LOGSUMEXP, {"x": x}, {}, "x").high[1], [1 / 3] * 3)
    np.testing.assert_allclose(pullback_along(LOGSUMEXP, {"x": x}, {}, [2, 3], "x").high[1], [1.0] * 3)


def test_rows_with_infinities():
    x = np.array([[0.0, -INF, 0.0], [1.0, INF, 0.0], [NAN, 0.0, 1.0]])
    want = [[0.5, 0, 0.5], [0, 1, 0], [NAN] * 3]
    np.testing.assert_array_equal(values_along(SOFTMAX, {"x": x}).high, want)
    np.testing.assert_array_equal(values_along(r"x_i - \max_j x_j", {"x": x[:2]}).high[:, 1], [-INF, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: values(r"\alpha x", {"x": [1.0]}), "needs alpha, which is neither input nor parameter"),
        (lambda: values("tanh(x)", {"x": [1.0]}), r"needs a, which is neither input nor parameter; write \\tanh$"),
        (lambda: values("alpha x", {"x": [1.0]}), r"needs a, .*; write \\alpha$"),
        (lambda: values("\tanh(x)", {"x": [1.0]}), r'needs a, .*; write a raw string, tex=r"..."$'),
        (lambda: values("\frac{x}{2}", {"x": [1.0]}), r'needs a, .*; write a raw string, tex=r"..."$'),
        (lambda: values(r"$x$", {"x": [1.0]}), r"cannot read the formula .*; leave out the dollars$"),
        (lambda: values(r"\alpha x", {"x": [1.0]}, {"alpha": None}), "needs a number for alpha, not None"),
        (lambda: values(r"n x, \quad n = 2", {"x": [1.0]}, {"n": 2}), "defines n, which is also an argument"),
        (lambda: derivatives("x", {"x": [1.0]}, {}, "y"), "no argument 'y'"),
        (lambda: values_along("x", {"x": [[1.0]]}), "needs a subscript"),
    ],
)
def test_wrong_use(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_value_gives_up():
    with pytest.raises(ArithmeticError, match=r"no certain value at \(-1.0,\) with 20000 bits"):
        values(r"\log x", {"x": [-1.0]})


def test_cache(monkeypatch):
    x = np.linspace(-3, 3, 50)
    first = values(MISH, {"x": x})
    monkeypatch.setattr(module, "enclose", None)
    again = values(MISH, {"x": x})
    np.testing.assert_array_equal(first.high, again.high)
    np.testing.assert_array_equal(first.low, again.low)
    for call in (
        lambda: values(MISH, {"x": x[::-1]}),
        lambda: values(MISH + "+ 0", {"x": x}),
        lambda: values(r"\alpha\," + MISH, {"x": x}, {"alpha": 2.0}),
        lambda: derivatives(MISH, {"x": x}, {}, "x"),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("name", [name for name in xact.names() if xact.get(name).elementwise])
def test_intervals_agree_with_balls(name):
    """Where float64 intervals claim to have the bits, for values and derivatives of the whole catalogue."""
    for case in cases(xact.get(name)):
        chosen = np.random.default_rng(0).choice(1 << 16, 200, replace=False)
        points = {label: ulp.double(array)[chosen] for label, array in inputs(case, "float16").items()}
        close, exact = (
            derivatives(case.activation.tex, points, case.environment("float16"), case.wrt, 1, bits, 11)
            if case.wrt
            else values(case.activation.tex, points, case.environment("float16"), bits, 11)
            for bits in (module.CLOSE, module.EXACT)
        )
        assert_close(close, exact)


def assert_close(close, exact):
    assert np.array_equal(np.isnan(close.high), np.isnan(exact.high))
    here = np.isfinite(exact.high)
    assert np.array_equal(close.high[~here], exact.high[~here], equal_nan=True)
    error = np.abs((close.high[here] - exact.high[here]) + (close.low[here] - exact.low[here]))
    assert (error <= np.abs(exact.high[here]) * 2.0**-40 + 2.0**-890).all()


def test_most_points_need_no_ball(monkeypatch):
    close, found = module.close, []

    def counted(*given):
        found.append(close(*given))
        return found[-1]

    monkeypatch.setattr(module, "close", counted)
    values(MISH, {"x": np.linspace(-20, 20, 4001)}, {}, module.CLOSE)
    assert found[0].sum() > 3960


def test_the_side_of_a_tie_is_certain():
    """1 + 2^-11 is the middle of two float16 numbers, and the result a hair above it."""
    truth = values("x + 10^{-30}", {"x": np.array([1 + 2.0**-11])}, {}, module.CLOSE, 11)
    assert truth.low[0] > 0
