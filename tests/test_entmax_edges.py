"""entmax for a large alpha, where a weight may rise from 0 to 0.9 within one rounding of the threshold."""

from functools import lru_cache

import mpmath
import numpy as np
import pytest

import xact
from xact.testing import contract, ulp
from xact.testing.libraries import evaluate

ALPHAS = (3.0, 5.0, 8.0, 8.5, 12.0, 20.0, 50.0)
SIZE = 30


def solution(row, alpha):
    """The weights by Newton's method for the least weight v that is not 0: with it the others, q-norms of v and a
    constant, rise more slowly than itself, and their sum is convex.
    """
    q = mpmath.mpf(alpha) - 1
    ordered = sorted(map(mpmath.mpf, row), reverse=True)
    size = 1
    while size < len(row) and mpmath.fsum((q * (x - ordered[size])) ** (1 / q) for x in ordered[:size]) < 1:
        size += 1
    inside = [q * (x - ordered[size - 1]) for x in ordered[:size]]
    v = step = mpmath.mpf(1)
    while abs(step) > mpmath.ldexp(1, -80):
        weights = [(x + v**q) ** (1 / q) for x in inside]
        step = (mpmath.fsum(weights) - 1) / mpmath.fsum((v / w) ** (q - 1) for w in weights)
        v -= step
    least = ordered[size - 1]
    return [(q * (mpmath.mpf(x) - least) + v**q) ** (1 / q) if x >= least else mpmath.mpf(0) for x in row]


def swayed(weights, units, alpha):
    """What the changes of all entries by `units` change at most: slopes s_i times the share of the others' slopes."""
    slopes = [w ** (2 - mpmath.mpf(alpha)) if w else mpmath.mpf(0) for w in weights]
    total, moved = mpmath.fsum(slopes), [s * u for s, u in zip(slopes, units, strict=True)]
    for i, (s, u) in enumerate(zip(slopes, units, strict=True)):
        others = [j for j in range(len(slopes)) if j != i]
        yield s * mpmath.fsum(moved[j] + slopes[j] * u for j in others) / total


def beside_equals(size, least, alpha):
    """Equal entries beside one that has a given weight."""
    weights = np.append(np.full(size - 1, (1 - least) / (size - 1)), least)
    return weights ** (alpha - 1) / (alpha - 1)


def entries(random, alpha):
    """Normal numbers of any spread, or two of which one has a small weight."""
    if random.random() < 0.3:
        return beside_equals(2, 10 ** random.uniform(-6, 0) / 2, alpha)
    return random.normal(size=random.integers(2, SIZE + 1)) * 10 ** random.uniform(-2, 1)


@lru_cache
def rows(alpha, dtype, count=16):
    """Rows, filled with -inf, their weights and what may be wrong with them: 4 ULP of their sum, 1, beside the change
    that 1 ULP of each entry makes.
    """
    random = np.random.default_rng(0)
    x, value, bound = np.full((count, SIZE), -np.inf, dtype), np.zeros((count, SIZE)), np.zeros((count, SIZE))
    with mpmath.workprec(120):
        for r in range(count):
            row = entries(random, alpha).astype(dtype)
            weights = solution(row.astype(float).tolist(), alpha)
            change = swayed(weights, ulp.ulp(row.astype(float), dtype).tolist(), alpha)
            x[r, : row.size] = row
            value[r, : row.size] = [float(w) for w in weights]
            bound[r, : row.size] = [float(c) for c in change]
    return x, value, bound + contract.ACCURACY * ulp.ulp(np.ones(1), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("library", "alpha"),
    [*(("numpy", a) for a in ALPHAS), ("jax", 8.5), ("jax", 50.0), ("torch", 8.5), ("torch", 50.0)],
)
def test_weights_about_to_leave(library, alpha, dtype):
    x, value, bound = rows(alpha, dtype)
    error = np.abs(evaluate(library, xact.entmax, {"x": x}, {"alpha": alpha}) - value)
    np.testing.assert_array_less(np.max(error / bound, axis=1), 1)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_equal_entries_beside_one_about_to_leave(alpha):
    for size, least in [(3, 0.1), (10, 1e-3), (30, 1e-2), (30, 1e-5)]:
        x = beside_equals(size, least, alpha)
        with mpmath.workprec(120):
            value = [float(w) for w in solution(x.tolist(), alpha)]
        np.testing.assert_allclose(xact.entmax(x, alpha=alpha), value, atol=2 * (1 + np.log(size)) * 2.0**-52, rtol=0)


def test_few_halvings_leave_a_sum_of_one():
    x, value, _ = rows(12.0, "float64")
    for n_iter in (1, 5, 20, 50):
        np.testing.assert_allclose(xact.entmax(x, alpha=12.0, n_iter=n_iter).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(xact.entmax(x, alpha=12.0, n_iter=50), value, atol=np.log(SIZE) * 2.0**-50)
