"""Properties that are computed, against those that are known, and against what docstrings claim."""

import inspect
import re

import pytest

import xact

pytestmark = pytest.mark.needs("numpy")

analysis = pytest.importorskip("xact.analysis")

INF = float("inf")
KNOWN = {
    "relu": "range [0, inf); nondecreasing, convex; slopes 0 and 1; Lipschitz 1",
    "relu6": "range [0, 6]; nondecreasing; slopes 0 and 0; Lipschitz 1",
    "leaky_relu(0.25)": "range (-inf, inf); increasing, convex; slopes 0.25 and 1; Lipschitz 1",
    "abs": "range [0, inf); even, convex; slopes -1 and 1; Lipschitz 1",
    "identity": "range (-inf, inf); increasing, odd; slopes 1 and 1; Lipschitz 1",
    "sigmoid": "range (0, 1); increasing; slopes 0 and 0; Lipschitz 0.25",
    "tanh": "range (-1, 1); increasing, odd; slopes 0 and 0; Lipschitz 1",
    "softplus(2.0)": "range (0, inf); increasing, convex; slopes 0 and 1; Lipschitz 1",
    "logsigmoid": "range (-inf, 0); increasing, concave; slopes 1 and 0; Lipschitz 1",
    "elu(2.0)": "range (-2, inf); increasing; slopes 0 and 1; Lipschitz 2",
    "gelu": "range [-0.169971, inf); slopes 0 and 1; Lipschitz 1.1289",
    "silu": "range [-0.278465, inf); slopes 0 and 1; Lipschitz 1.09984",
    "mish": "range [-0.308843, inf); slopes 0 and 1; Lipschitz 1.0885",
    "hardswish": "range [-0.375, inf); slopes 0 and 1; Lipschitz 1.5",
    "hardtanh": "range [-1, 1]; nondecreasing, odd; slopes 0 and 0; Lipschitz 1",
    "hat": "range [0, 1]; slopes 0 and 0; Lipschitz 1",
    "relu_squared": "range [0, inf); nondecreasing, convex; slopes 0 and inf; Lipschitz inf",
    "exponential": "range (0, inf); increasing, convex; slopes 0 and inf; Lipschitz inf",
    "hardshrink": "range (-inf, inf); nondecreasing, odd; slopes 1 and 1; Lipschitz inf",
    "step": "range [0, 1]; nondecreasing; slopes 0 and 0; Lipschitz inf",
    "sine": "range [-1, 1]; odd; slopes nan and nan; Lipschitz 1",
    # Its derivative underflows, and still it approaches both bounds only.
    "laplace": "range (0, 1); increasing; slopes 0 and 0; Lipschitz 1.41421",
}
LEAST = re.compile(r"least(?:, about (?P<low>-?[\d.]+),)? near x = (?P<x>-?[\d.]+\d)")


@pytest.mark.parametrize("spec", KNOWN)
def test_known(spec: str) -> None:
    assert str(analysis.properties(spec)) == KNOWN[spec]


def test_minima() -> None:
    found = analysis.properties("silu")
    # The zero of 1 + x sigma(-x).
    assert found.least == pytest.approx(-1.2784645427610738, abs=1e-15)
    assert found.greatest is None
    assert found.reached == (True, False)
    assert (found.low, found.high) == (pytest.approx(-0.2784645427610738, abs=1e-15), INF)
    assert analysis.properties("sine").greatest == pytest.approx(1.5707963267948966, abs=1e-15)
    # A corner, and a part that is flat.
    assert analysis.properties("abs").least == 0
    assert analysis.properties("relu").least is None


CORNERS = {
    "leaky_relu(-0.5)": "range [0, inf); convex; slopes -0.5 and 1; Lipschitz 1",
    "prelu(-2.0)": "range [0, inf); convex; slopes -2 and 1; Lipschitz 2",
    "elu(-0.5)": "range [0, inf); slopes 0 and 1; Lipschitz 1",
    "penalized_tanh(-1.0)": "range [0, 1); even; slopes 0 and 0; Lipschitz 1",
    "general_relu(negative_slope=-0.5)": "range [0, inf); convex; slopes -0.5 and 1; Lipschitz 1",
    "srelu(a_l=-2.5)": "range [0, inf); convex; slopes -2.5 and 1; Lipschitz 2.5",
}


@pytest.mark.parametrize("spec", CORNERS)
def test_a_corner_is_reached(spec: str) -> None:
    found = analysis.properties(spec)
    assert str(found) == CORNERS[spec]
    assert found.least == 0


OTHERS = {
    # The value at the threshold lies beside both sides.
    "step(-2.5)": "range [-2.5, 1]; slopes 0 and 0; Lipschitz inf",
    "step(value=3)": "range [0, 3]; slopes 0 and 0; Lipschitz inf",
    "step(value=0.5)": "range [0, 1]; nondecreasing; slopes 0 and 0; Lipschitz inf",
    # Jumps that an option makes.
    "softplus(threshold=3)": "range (0, inf); slopes 0 and 1; Lipschitz inf",
    "hard_elish(version='echo')": "range [0, inf); slopes 0 and 1; Lipschitz inf",
    # A constant, whose derivative at both bounds is 1 by choice.
    "clamp(max=-1.0)": "range [-1, -1]; nondecreasing, even; slopes 0 and 0; Lipschitz 0",
    # Defined on one side.
    "log1mexp": "range (-inf, 0); increasing, concave; slopes nan and 0; Lipschitz inf",
    "soft_exponential(-1.0)": "range (-inf, inf); increasing, concave; slopes nan and 0; Lipschitz inf",
    # Parameters that are 0.
    "swish(0.0)": "range (-inf, inf); increasing, odd; slopes 0.5 and 0.5; Lipschitz 0.5",
    "eswish(0.0)": "range [0, 0]; nondecreasing, even; slopes 0 and 0; Lipschitz 0",
    "leaky_relu(0.0)": "range [0, inf); nondecreasing, convex; slopes 0 and 1; Lipschitz 1",
}


@pytest.mark.parametrize("spec", OTHERS)
def test_other_numbers(spec: str) -> None:
    assert str(analysis.properties(spec)) == OTHERS[spec]


def functions() -> list[xact.Activation]:
    every = [xact.get(name) for name in xact.names()]
    chosen = [one for one in every if one.elementwise and len(one.body.arrays) == 1]
    return [one for one in chosen if {*one.required} <= {*one.learnable}]


@pytest.mark.parametrize("activation", functions(), ids=str)
def test_every_function_of_one_number(activation: xact.Activation) -> None:
    found = analysis.properties(activation)
    assert found.low < found.high
    assert found.lipschitz > 0
    claim = LEAST.search(inspect.getdoc(activation.body.function) or "")
    if claim:
        digits = len(claim["x"].partition(".")[2])
        assert found.least == pytest.approx(float(claim["x"]), abs=0.5 * 10.0**-digits)
        assert claim["low"] is None or found.low == pytest.approx(float(claim["low"]), abs=0.0005)


def test_docstrings_claim_minima() -> None:
    claims = [one for one in functions() if LEAST.search(inspect.getdoc(one.body.function) or "")]
    assert len(claims) >= 4


@pytest.mark.parametrize("name", ["swiglu", "softmax", "rrelu"])
def test_others_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is no function of one number"):
        analysis.properties(name)


def test_numbers_that_are_needed() -> None:
    with pytest.raises(TypeError, match=r"threshold needs `threshold`: properties\('threshold', threshold=...\)"):
        analysis.properties("threshold")
    found = analysis.properties("sigmoid_range", low=-1.0, high=3.0)
    assert (found.range, found.monotonic) == ("(-1, 3)", "increasing")
