"""Clauses C1 to C3 for every activation of the catalogue, on every library and dtype, against its own formula."""

import cases
import pytest

import xact
from xact.testing import along, contract
from xact.testing.case import Case
from xact.testing.case import cases as measured
from xact.testing.finiteness import finiteness
from xact.testing.identity import identity
from xact.testing.rounding import rounding

LIBRARIES = ["numpy", "jax", "torch"]
DTYPES = ["float32", "float64", "float16", "bfloat16"]
ELEMENTWISE = [name for name in xact.names() if xact.get(name).elementwise]
# Their results are no formula that the truth can read: tests/test_simplex.py and tests/test_along.py have their own.
ELSEWHERE = {"sparsemax", "entmax15", "entmax", "hardmax", "maxout", "crelu", "gumbel_softmax", "normmax", "budget"}
ELSEWHERE |= {"ab_relu", "bipolar_relu", "geglu_sparse", "poly_norm"}
ALONG = [name for name in xact.names() if not xact.get(name).elementwise and name not in ELSEWHERE]


REPRESENTATIVES = cases.representatives()


def violations(measurements):
    return "\n".join(str(one) for one in measurements if not one.passed)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, dtype, library, request):
    found, every = [], request.config.getoption("--every")
    if not every and (dtype == "bfloat16" or (dtype == "float16" and library != "numpy")):
        pytest.skip("computed in float32 as float16 on NumPy, to which test_identity compares: with --every")
    # Other numbers as parameters take another path through no code that a library or a dtype has of its own.
    numbers = every or (library, dtype) == ("numpy", "float32")
    for case in measured(xact.get(name), numbers=numbers):
        found += finiteness(case, library, dtype)
        if dtype in ("float32", "float64"):
            found.append(contract.accuracy(case, library, dtype))
        else:
            found += rounding(case, library, dtype)
    assert not violations(found), violations(found)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [("numpy", "jax"), ("numpy", "torch")], ids="-".join)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_identity(name, dtype, pair, request):
    numbers = request.config.getoption("--every")
    if not numbers and (dtype, *pair) == ("bfloat16", "numpy", "jax") and name not in REPRESENTATIVES:
        pytest.skip("computed in float32 as float16, by another program of XLA's for each: with --every")
    found = [identity(case, *pair, dtype) for case in measured(xact.get(name), numbers=numbers)]
    assert not violations(found), violations(found)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis(name, dtype, library, request):
    numbers = dtype == "float32" or request.config.getoption("--every")
    chosen = [case for case in measured(xact.get(name), numbers=numbers) if not case.wrt]
    found = [one for case in chosen for one in along.accuracy_along(case, library, dtype)]
    assert not violations(found), violations(found)


# Tests of the tests: what is wrong must be found.


def planted(tex, body, rule):
    function = xact.activation(tex=tex)(body)
    function.derivative(rule)
    return function


def planted_value(x, /, *, xp):
    return xp.x_tanh_softplus(x)


def planted_rule(x, xp):
    return xp.x_tanh_softplus_derivative(x) * (1 + 1e-6)


def planted_nan(x, /, *, xp):
    return x * xp.tanh(xp.log(1 + xp.exp(x)))


def planted_right_rule(x, xp):
    return xp.x_tanh_softplus_derivative(x)


@pytest.mark.usefixtures("own_catalogue")
def test_a_wrong_rule_is_found():
    mish = planted(xact.mish.tex, planted_value, planted_rule)
    assert contract.accuracy(Case(mish), "numpy", "float32").passed
    wrong = contract.accuracy(Case(mish, {}, "x"), "numpy", "float32")
    assert not wrong.passed
    assert "by x numpy float32" in str(wrong)


@pytest.mark.usefixtures("own_catalogue")
def test_a_nan_is_found():
    mish = planted(xact.mish.tex, planted_nan, planted_right_rule)
    made = finiteness(Case(mish), "numpy", "float32")[0]
    assert made.passed, "x tanh(inf) is no NaN"
    assert not contract.accuracy(Case(mish), "numpy", "float32").passed


def test_a_wrong_value_of_one_input_is_found(monkeypatch):
    evaluate = contract.evaluate

    def with_one_nan(*args):
        result = evaluate(*args).copy()
        result[1234] = float("nan")
        return result

    monkeypatch.setattr(contract, "evaluate", with_one_nan)
    contract.results.cache_clear()
    case = Case(xact.silu)
    assert finiteness(case, "numpy", "float32")[0].figure == 1
    assert not contract.accuracy(case, "numpy", "float32").passed
    assert rounding(case, "numpy", "float16")[1].figure > 0
    contract.results.cache_clear()
