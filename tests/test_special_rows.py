"""softmax and log_softmax against arbitrary precision: errors, limits, shapes, automatic differentiation."""

import math
from functools import cache

import numpy as np
import pytest
from special_truth import DTYPES, INF, LIBRARIES, arb, budget, error_of, flint, gradient, load

from xact.special import namespace


@pytest.fixture(params=LIBRARIES)
def library(request):
    return load(request.param)


def rows(dtype):
    """Rows of 24: wide and narrow, an almost certain entry, equal entries, huge entries."""
    random = np.random.default_rng(1)
    spread = random.choice([0.1, 1, 5, 20, 60], (150, 1))
    x = random.normal(size=(150, 24)) * spread + random.choice([0, 10, 1000], (150, 1))
    x[:20, 3] += 50
    x[20:30] = np.round(x[20:30])
    x[30] = 7
    x[31, ::2] = -INF
    x[32, 0], x[32, 1] = np.finfo(dtype).max, -np.finfo(dtype).max
    return x.astype(dtype)


@cache
def exact_rows(name, dtype):
    flint.ctx.prec = 400
    high, low = [], []
    for row in rows(dtype):
        numbers = [arb(float(v)) for v in row if v > -INF]
        largest = max(numbers, key=float)
        exponentials = [(v - largest).exp() for v in numbers]
        total = sum(exponentials)
        logarithm = (total - 1).log1p()
        if name == "softmax":
            limit, values = 0.0, iter([e / total for e in exponentials])
        else:
            limit, values = -INF, iter([v - largest - logarithm for v in numbers])
        sums = [next(values) if v > -INF else None for v in row]
        high.append([limit if s is None else float(s.mid()) for s in sums])
        low.append([0.0 if s is None else float((s - float(s.mid())).mid()) for s in sums])
    return np.array(high), np.array(low)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_error_of_rows(library, name, dtype):
    high, low = exact_rows(name, dtype)
    x = rows(dtype)
    limits, _ = budget(namespace.GENERIC[name])
    for axis, values in ((-1, x), (0, x.T)):
        result = library(name, np.ascontiguousarray(values), axis=axis)
        assert result.dtype == x.dtype
        result = result if axis == -1 else result.T
        with np.errstate(over="ignore"):
            equal = result == high.astype(dtype)
        values = [np.where(equal, 0, v).ravel() for v in (result, high, low)]
        error = error_of(*values, dtype)
        assert error.max() <= limits[dtype], f"{error.max():.2f} ULP"


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends_of_rows(library, dtype):
    x = np.array([[1, INF, INF], [-INF, -INF, -INF], [-INF, 2, -INF], [np.nan, 1, 2]], dtype)
    expected = [[0, 0.5, 0.5], [np.nan] * 3, [0, 1, 0], [np.nan] * 3]
    np.testing.assert_array_equal(library("softmax", x, axis=-1), np.array(expected, dtype))
    expected = [[-INF, -math.log(2), -math.log(2)], [np.nan] * 3, [-INF, 0, -INF], [np.nan] * 3]
    np.testing.assert_allclose(library("log_softmax", x, axis=-1), np.array(expected, dtype), rtol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_shapes_of_rows(library, name):
    one = 1.0 if name == "softmax" else 0.0
    assert np.all(library(name, np.ones((3, 1)), axis=-1) == one)
    for shape in ((0, 4), (4, 0), (2, 0, 3)):
        assert library(name, np.ones(shape), axis=1).shape == shape
    x = np.random.default_rng(2).normal(size=(2, 3, 4, 5))
    for axis in range(-4, 4):
        expected = np.moveaxis(library(name, np.moveaxis(x, axis, -1), axis=-1), -1, axis)
        np.testing.assert_allclose(library(name, x, axis=axis), expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_of_rows(autodiff, name):
    x = np.array([[1.0, 2, 2, 0.5], [3, 1, 0, -4], [1e30, -1e30, 0, 5]])
    w = np.array([0.3, -1, 2, 0.7])
    y = load("numpy")("softmax", x, axis=-1)
    total = np.sum(w * (y if name == "softmax" else 1), axis=-1, keepdims=True)
    expected = y * (w - total) if name == "softmax" else w - y * total

    def weighted(xp, leaf):
        return getattr(xp, name)(leaf, axis=-1) * xp.asarray(w)

    np.testing.assert_allclose(gradient(autodiff, weighted, x), expected, rtol=1e-12, atol=1e-15)


def test_at_largest():
    weights = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    values = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    picked = namespace.Namespace(np).at_largest(values, weights, -1)
    assert picked.tolist() == [[2.0], [1.5]]
