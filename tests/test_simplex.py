"""sparsemax, entmax15, entmax and hardmax against arbitrary precision; no formula the truth can read gives their
threshold.
"""

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import mpmath
import numpy as np
import pytest

import xact
from xact.testing import along, contract, ulp
from xact.testing.libraries import evaluate, pull
from xact.testing.ulp import Truth

LIBRARIES = ("numpy", "jax", "torch")
ALPHAS = {"sparsemax": 2.0, "entmax15": 1.5}
CASES = [("sparsemax", {}), ("entmax15", {}), ("entmax", {"alpha": 1.25}), ("entmax", {"alpha": 2.5})]
INF = float("inf")
X = np.random.default_rng(7).normal(size=(9, 6)) * 2


def label(value):
    return value if isinstance(value, str) else ",".join(map(str, value.values()))


def projection(row, alpha):
    """The weights of a row, by bisection in 120 bits, then Newton's method."""
    with mpmath.workprec(120):
        scale = mpmath.mpf(alpha) - 1
        z = [scale * (mpmath.mpf(v) - max(row)) for v in row]
        low, high = mpmath.mpf(-1), mpmath.mpf(0)
        for _ in range(12):
            middle = (low + high) / 2
            total = mpmath.fsum((v - middle) ** (1 / scale) for v in z if v > middle)
            low, high = (middle, high) if total >= 1 else (low, middle)
        # From the left, where the sum is at least 1: it is convex for scale <= 1, and near the root for others.
        step = mpmath.inf
        while abs(step) > mpmath.ldexp(1, -110):
            inside = [v - low for v in z if v > low]
            excess = mpmath.fsum(t ** (1 / scale) for t in inside) - 1
            step = excess * scale / mpmath.fsum(t ** (1 / scale - 1) for t in inside)
            low += step
        return [(v - low) ** (1 / scale) if v > low else mpmath.mpf(0) for v in z]


def pulled(weights, dy, alpha):
    with mpmath.workprec(120):
        slopes = [p ** (2 - mpmath.mpf(alpha)) if p else mpmath.mpf(0) for p in weights]
        mean = mpmath.fsum(s * mpmath.mpf(d) for s, d in zip(slopes, dy, strict=True)) / mpmath.fsum(slopes)
        return [s * (mpmath.mpf(d) - mean) for s, d in zip(slopes, dy, strict=True)]


def truth(rows):
    high = np.array([[float(v) for v in row] for row in rows])
    with mpmath.workprec(120):
        low = [[float(v - mpmath.mpf(float(v))) for v in row] for row in rows]
    return Truth(high, np.array(low))


def jacobian(weights, alpha):
    slopes = np.array([float(p) ** (2 - alpha) if p else 0.0 for p in weights])
    return np.diag(slopes) - np.outer(slopes, slopes) / slopes.sum()


@lru_cache
def exact(alpha, dtype):
    """Rows, cotangents, the truth of value and pullback, and what inputs 1 ULP away change."""
    found = []
    for index, x in enumerate(along.rows(dtype)):
        # One or two of each kind of row.
        x = x[::4]
        dy = np.random.default_rng(index).standard_normal(x.shape).astype(dtype)
        wide, cotangent = ulp.double(x), ulp.double(dy)
        step = ulp.ulp(wide, dtype)
        weights = [projection(row, alpha) for row in wide]
        jacobians = [np.abs(jacobian(row, alpha)) for row in weights]
        moved = np.stack([j @ s for j, s in zip(jacobians, step, strict=True)])
        back = [pulled(p, d, alpha) for p, d in zip(weights, cotangent, strict=True)]
        swayed = np.stack([j @ s for j, s in zip(jacobians, ulp.ulp(cotangent, dtype), strict=True)])
        for r, row in enumerate(wide):
            for k in range(row.size):
                beside = row.copy()
                beside[k] += step[r, k]
                other = pulled(projection(beside, alpha), cotangent[r], alpha)
                swayed[r] += [abs(float(a - b)) for a, b in zip(other, back[r], strict=True)]
        found.append((x, dy, truth(weights), moved, truth(back), swayed))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_accuracy(name, options, dtype, library):
    f, alpha = xact.get(name), options.get("alpha", ALPHAS.get(name))
    # A power of more than 1 multiplies the relative error of its base.
    bound = contract.ACCURACY * max(1.0, 1 / (alpha - 1) - 1)
    found = exact(alpha, dtype)
    for x, dy, value, moved, back, swayed in found:
        unit = ulp.ulp(ulp.double(x), dtype)
        error = ulp.excess(evaluate(library, f, {"x": x}, options), value, moved / unit, x, dtype)
        assert error.max() <= bound, x
        error = ulp.excess(pull(library, f, x, options, dy), back, swayed / unit, x, dtype)
        assert error.max() <= bound, x


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "entmax"])
def test_limits(name):
    f = xact.get(name)
    third = 1 / 3
    x = np.array([[INF, 0, -INF], [INF, INF, 1], [-INF, 2, 2], [np.nan, 1, 2], [-INF, -INF, -INF], [7, 7, 7]])
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [np.nan] * 3, [np.nan] * 3, [third] * 3]
    np.testing.assert_allclose(f(x), expected, rtol=1e-15)
    back = xact.vjp(f, x)[1](np.array([[1.0, 2.0, 4.0]] * 6))[0]
    assert np.all(np.isfinite(back[[0, 1, 2, 5]]))
    assert np.all(np.isnan(back[[3, 4]]))
    huge = np.array([[3e38, -3e38, 3e38]], np.float32)
    np.testing.assert_allclose(f(huge), [[0.5, 0, 0.5]], rtol=1e-7)


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "entmax", "hardmax"])
def test_shapes(name):
    f = xact.get(name)
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in range(-3, 3):
        np.testing.assert_allclose(f(x, axis=axis), np.moveaxis(f(np.moveaxis(x, axis, -1)), -1, axis), rtol=1e-14)
    assert f(np.ones((3, 0))).shape == (3, 0)
    assert f(np.ones((0, 3))).shape == (0, 3)
    assert np.all(f(np.ones((3, 1))) == 1)
    assert f(x.astype(np.float16)).dtype == np.float16


def test_entmax_contains_its_relatives():
    x = np.random.default_rng(0).normal(size=(20, 9)) * 2
    np.testing.assert_array_equal(xact.entmax(x), xact.entmax15(x))
    np.testing.assert_array_equal(xact.entmax(x, alpha=2), xact.sparsemax(x))
    np.testing.assert_array_equal(xact.entmax(x, alpha=1), xact.softmax(x))
    np.testing.assert_allclose(xact.entmax(x, alpha=1.5 + 1e-9), xact.entmax15(x), atol=1e-8)
    np.testing.assert_allclose(xact.entmax(x, alpha=2 - 1e-9), xact.sparsemax(x), atol=1e-8)
    with pytest.raises(ValueError, match=r"entmax needs 1 <= alpha < inf, got alpha=0\.5"):
        xact.entmax(x, alpha=0.5)


def test_sparsemax_of_two_is_the_hard_sigmoid():
    """Martins & Astudillo 2016, section 2.3."""
    t = np.linspace(-2, 2, 41)
    rows = np.stack([t, np.zeros_like(t)], axis=1)
    np.testing.assert_allclose(xact.sparsemax(rows)[:, 0], np.clip((t + 1) / 2, 0, 1), atol=1e-15)


def test_hardmax():
    x = np.array([[1.0, 3, 3], [-INF, -INF, -INF], [INF, INF, 0], [0, np.nan, 1]])
    expected = [[0, 1, 0], [1, 0, 0], [1, 0, 0], [np.nan] * 3]
    np.testing.assert_array_equal(xact.hardmax(x), expected)
    np.testing.assert_array_equal(xact.vjp("hardmax", x)[1](np.ones((4, 3)))[0], np.zeros((4, 3)))


@pytest.mark.needs("jax", "torch")
@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "entmax"])
def test_transforms(name):
    import jax
    import jax.numpy as jnp
    import torch

    f = xact.get(name)
    x = np.random.default_rng(1).normal(size=(5, 6)) * 2
    expected = xact.vjp(f, x)[1](x**2)[0]

    def weighted(row):
        return (f(row) * jax.lax.stop_gradient(row) ** 2).sum()

    got = jax.jit(jax.vmap(jax.grad(weighted)))(jnp.asarray(x))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    leaf = torch.tensor(x, requires_grad=True)
    batched = torch.func.vmap(f)(leaf)
    batched.backward(torch.tensor(x**2))
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-12, atol=1e-14)
    inside = torch.tensor([[0.3, 0.1, -0.2, 2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, inside)
    assert torch.autograd.gradgradcheck(f, inside)


def exact_budget(row, budget):
    """The weights in exact fractions: tau lies on a piece between two of the points where an entry meets 0 or 1."""
    x = [Fraction(v) for v in row]

    def total(tau):
        return sum(min(max(v - tau, 0), 1) for v in x)

    points = sorted({v - d for v in x for d in (0, 1)})
    low, high = next((a, b) for a, b in pairwise(points) if total(a) >= budget >= total(b))
    tau = low if total(low) == budget else low + (high - low) * (total(low) - budget) / (total(low) - total(high))
    return [min(max(v - tau, Fraction(0)), Fraction(1)) for v in x]


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("budget", [0.5, 2, 3.25])
def test_budget(budget, library):
    random = np.random.default_rng(0)
    drawn = [random.normal(size=(9, 6)), random.normal(size=(9, 24)) * 30, np.round(random.normal(size=(9, 6)))]
    for x in drawn:
        x = x.astype(np.float32)
        exact = [exact_budget(row, Fraction(budget)) for row in x.tolist()]
        got = evaluate(library, xact.budget, {"x": x}, {"budget": budget})
        error = np.abs(got - np.array(exact, float))
        assert np.all(
            error <= 4 * ulp.ulp(np.array(exact, float), "float32") + 2 * np.abs(np.spacing(x)).max(1)[:, None]
        )
        inside = np.array([[0 < v < 1 for v in row] for row in exact])
        dy = random.normal(size=x.shape).astype(np.float32)
        mean = np.sum(dy * inside, 1, dtype=float) / np.maximum(inside.sum(1), 1)
        if np.array_equal(inside, (got > 0) & (got < 1)):
            np.testing.assert_allclose(
                pull(library, xact.budget, x, {"budget": budget}, dy),
                inside * (dy - mean[:, None]),
                rtol=2e-6,
                atol=1e-6,
            )


def test_budget_limits():
    x = np.array([[INF, 0, 0.3, -INF], [1e300, 0, 0.3, -1e300], [1, 1, 1, 1], [np.nan, 0, 1, 2]])
    np.testing.assert_allclose(xact.budget(x), [[1, 0.35, 0.65, 0], [1, 0.35, 0.65, 0], [0.5] * 4, [np.nan] * 4])
    np.testing.assert_array_equal(xact.budget(x[:3, 1:3], budget=5), np.ones((3, 2)))
    np.testing.assert_allclose(xact.budget(X, budget=1), xact.sparsemax(X), atol=1e-15)
    with pytest.raises(ValueError, match="budget needs 0 < budget < inf"):
        xact.budget(x, budget=0)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("alpha", [1.25, 2.0, 4.0])
def test_normmax_satisfies_its_equations(alpha, library):
    """p / |p|_alpha to the power alpha - 1 is x less a constant on the support, and no less than x outside."""
    y = evaluate(library, xact.normmax, {"x": X}, {"alpha": alpha})
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-14)
    gradient = (y / np.sum(y**alpha, axis=1, keepdims=True) ** (1 / alpha)) ** (alpha - 1)
    tau = np.max(X, axis=1, keepdims=True) - np.max(gradient, axis=1, keepdims=True)
    assert np.all(X[y == 0] <= np.broadcast_to(tau, X.shape)[y == 0] + 1e-14)
    np.testing.assert_allclose(np.where(y > 0, gradient, 0), np.where(y > 0, X - tau, 0), rtol=1e-11, atol=1e-13)
    with pytest.raises(ValueError, match="normmax needs 1 < alpha < inf, got alpha=1"):
        xact.normmax(X, alpha=1)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", ["entmax", "normmax"])
def test_equal_entries_share_for_any_alpha(name, library):
    f = xact.get(name)
    for n, alpha, dtype in [
        (1000, 8.0, "float64"), (4, 30.0, "float32"), (32000, 5.0, "float32"), (1000, 8.0, "float16"),
        (7, 1e6, "float64"), (1, 8.0, "float32"), (1000, 1.001, "float32"),
    ]:  # fmt: skip
        x = np.full((1, n), 3.0, dtype)
        got = evaluate(library, f, {"x": x}, {"alpha": alpha}).astype(np.float64)
        np.testing.assert_allclose(got, 1 / n, rtol=1e-3 if dtype == "float16" else 2e-6)
        if library == "jax" and alpha > 100:
            continue  # there is no order in which a transposed rule does not overflow
        back = pull(library, f, x, {"alpha": alpha}, np.ones_like(x))
        # JAX transposes the pushforward: what is left is a rounding, times a slope of n^(alpha - 2).
        assert not np.any(np.isnan(back) if library == "jax" else back)


def test_entmax_next_to_softmax():
    for alpha in (1 + 1e-12, 1 + 1e-9, 1 + 1e-6):
        np.testing.assert_allclose(xact.entmax(X, alpha=alpha), xact.softmax(X), rtol=300 * (alpha - 1) + 1e-14)
    x = X.astype(np.float32)
    np.testing.assert_allclose(xact.entmax(x, alpha=1.0001), xact.entmax(ulp.double(x), alpha=1.0001), rtol=4e-6)


@pytest.mark.parametrize("alpha", [1.01, 1.25, 2.5, 6.0])
def test_entmax_of_spread_rows(alpha):
    rows = [[0, -0.01, -0.02, -5], [0, -1e-6, -1e-3, -1], [3e38, -3e38, 3e38, 0], [1e-30, 0, -1e-30, 1e-30]]
    expected = [[float(p) for p in projection(row, alpha)] for row in rows[:2]]
    got = xact.entmax(np.array(rows), alpha=alpha)
    np.testing.assert_allclose(got[:2], expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got[2], [0.5, 0, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(got[3], 0.25, rtol=1e-13)


@pytest.mark.parametrize("name", xact.names())
def test_empty_results_are_fresh(name):
    f = xact.get(name)
    arrays = [np.empty((2, 0), np.float16) for _ in f.arrays]
    given = {label: 0.25 + index for index, label in enumerate(f.required)}
    given |= {"training": False} if "training" in f.defaults else {}
    if name == "softmax2d":
        arrays = [np.empty((2, 0, 3), np.float16)]
    got = f(*arrays, **given)
    assert got.dtype == np.float16
    assert not any(got is array or np.may_share_memory(got, array) for array in arrays)
