"""The special functions against arbitrary precision: errors, limits, signs of zero, automatic
differentiation.

The budgets are those the docstrings state, "Error: 1.5 / 1.2 ULP" for float32 and float64; "beside the change
..." means that the exact result may also be that of an input 1 ULP away. Errors at results below the smallest
normal number, and at results that are products of an e^x below it, do not count.
"""

import inspect
import math

import coefficients
import numpy as np
import pytest
import test_special_parameters
from special_truth import (
    CASES,
    DTYPES,
    INF,
    LIBRARIES,
    budget,
    error_of,
    exact,
    gradient,
    grid,
    load,
    neighbours,
)

from xact import special
from xact.special import namespace, random, reductions, simplex, softmax

ROWS = (random, reductions, simplex, softmax)


@pytest.fixture(params=LIBRARIES)
def library(request):
    return load(request.param)


# ---- elementwise functions


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_error(library, name, dtype):
    case = CASES[name]
    budgets, neighbour = budget(namespace.GENERIC[name])
    x, high, low = exact(name, dtype)
    result = library(name, *[x] * case.arity)
    assert result.dtype == x.dtype
    if neighbour:
        high, low = neighbours(name, dtype, neighbour)
    error = error_of(result, high, low, dtype, case.small)
    worst = np.argmax(error)
    assert error[worst] <= budgets[dtype], f"{error[worst]:.2f} ULP at {x[worst]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_ends(library, name, dtype):
    case = CASES[name]
    largest = np.finfo(dtype).max
    x = np.array([-INF, -largest, -1e20, 1e20, largest, INF, np.nan], dtype)
    result = library(name, *[x] * case.arity)
    assert np.isnan(result[-1])
    for index, limit in enumerate([case.left] * 3 + [case.right] * 3):
        if limit is None:
            continue
        if math.isinf(limit) and np.isfinite(x[index]):
            limit = math.copysign(x[index], limit)
        assert result[index] == np.asarray(limit, dtype), f"{result[index]} at {x[index]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.odd])
def test_zero_keeps_its_sign(library, name, dtype):
    result = library(name, np.array([-0.0, 0.0], dtype))
    assert list(np.signbit(result)) == [True, False] and not result.any()


def test_x_sigmoid_of_two_arrays(library):
    x = np.array([INF, -INF, 3.0, -1e30, INF])
    y = np.array([-INF, -INF, 0.0, -1e30, INF])
    assert list(library("x_sigmoid", x, y)) == [0, 0, 1.5, 0, INF]


# ---- automatic differentiation


def finite(name, dtype):
    x = grid(dtype, CASES[name].kinks)
    largest = np.finfo(dtype).max
    x = np.concatenate([x, np.array([-largest, -1e30, -1e10, 1e10, 1e30, largest], dtype)])
    return x[x > 0] if CASES[name].left is None else x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_is_a_number(autodiff, name, dtype):
    x = finite(name, dtype)
    result = gradient(autodiff, lambda xp, leaf: getattr(xp, name)(*[leaf] * CASES[name].arity), x)
    assert not np.isnan(result).any(), f"NaN at {x[np.isnan(result)][:5]}"


@pytest.mark.parametrize(("name", "expected"), [
    ("sigmoid", 0.25), ("softplus", 0.5), ("log_sigmoid", 0.5), ("logistic_pdf", 0), ("tanh", 1),
    ("tanhshrink", 0), ("erf", 2 / math.sqrt(math.pi)), ("erfc", -2 / math.sqrt(math.pi)),
    ("normal_cdf", 1 / math.sqrt(2 * math.pi)), ("normal_pdf", 0), ("x_normal_cdf", 0.5),
    ("x_normal_cdf_derivative", 2 / math.sqrt(2 * math.pi)), ("gelu_tanh", 0.5),
    ("gelu_tanh_derivative", 2 / math.sqrt(2 * math.pi)), ("log_cosh", 0),
    ("elish_derivative", 0.5), ("erf_derivative", 0), ("x_tanh_exp", math.tanh(1)),
    ("x_tanh_exp_derivative", 2 / math.cosh(1) ** 2), ("x_tanh_softplus", 0.6), ("x_tanh_softplus_derivative", 0.64),
    ("x_sigmoid", 0.5), ("x_sigmoid_derivative", 0.5),
])  # fmt: skip
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_at_zero(autodiff, name, expected):
    result = gradient(autodiff, lambda xp, leaf: getattr(xp, name)(*[leaf] * CASES[name].arity), np.zeros(1))
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-15)


# ---- the house


@pytest.mark.parametrize("family", coefficients.FITS)
def test_coefficients(family):
    module = getattr(special, family)
    stored = {name for name, value in vars(module).items() if isinstance(value, tuple)}
    assert stored == set(coefficients.FITS[family])
    for name, function in coefficients.FITS[family].items():
        for precision in coefficients.BITS:
            stored = getattr(getattr(module, name), precision)
            assert tuple(coefficients.nearest(c, precision) for c in stored) == function(precision), name


@pytest.mark.parametrize("name", namespace.GENERIC)
def test_docstring(name):
    text = " ".join(inspect.getdoc(namespace.GENERIC[name]).split())
    assert "Error: " in text and "Source: " in text


def test_every_function_is_measured():
    """Here, in test_special_parameters.py, test_special_rows.py, test_along.py, test_simplex.py or, `times`, in
    test_parameter_edges.py.
    """
    along = {name for family in ROWS for name in family.__all__}
    assert set(namespace.GENERIC) == set(CASES) | set(test_special_parameters.CASES) | along | {"times"}


def test_namespace():
    xp = namespace.Namespace(math, erf=math.erf)
    assert xp.erf is math.erf
    assert xp.tanh.func is namespace.GENERIC["tanh"]
    assert xp.floor is math.floor
    with pytest.raises(AttributeError):
        _ = xp.nothing
