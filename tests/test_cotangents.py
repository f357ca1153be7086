"""Pullbacks where an entry has nearly all of the weight, or what cotangents share cancels: their digits are kept."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import xact
from xact.testing import ulp
from xact.testing.libraries import pull

pytestmark = pytest.mark.needs("numpy")

LIBRARIES = ("numpy", "jax", "torch")
# Distances of the others from the largest entry.
GAPS = [0.0, 4.0, 15.0, 33.0]
SHARED = [0.0, 0.7, 1000.0]
# In units of the rounding of the exact result, beside the change that 1 ULP of each cotangent makes.
ALLOWED = 8


def softmax(x: Any) -> list[list[Any]]:
    weights = [mpmath.exp(v) for v in x]
    y = [w / mpmath.fsum(weights) for w in weights]
    return [[p * ((i == k) - q) for k, q in enumerate(y)] for i, p in enumerate(y)]


def log_softmax(x: Any) -> list[list[Any]]:
    """Transposed: what is multiplied by cotangents."""
    weights = [mpmath.exp(v) for v in x]
    y = [w / mpmath.fsum(weights) for w in weights]
    return [[(i == k) - p for k in range(len(y))] for i, p in enumerate(y)]


def minus(jacobian: Callable[[Any], list[list[Any]]]) -> Callable[[Any], list[list[Any]]]:
    return lambda x: [[-entry for entry in row] for row in jacobian([-v for v in x])]


CASES: dict[str, tuple[Callable[[Any], list[list[Any]]], dict[str, Any]]] = {
    "softmax": (softmax, {}),
    "softmin": (minus(softmax), {}),
    "gumbel_softmax": (softmax, {"training": False}),
    "masked_softmax": (softmax, {"mask": True}),
    "log_softmax": (log_softmax, {}),
    "masked_log_softmax": (log_softmax, {"mask": True}),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_digits(name: str, dtype: str, library: str) -> None:
    pytest.importorskip(library)
    jacobian, options = CASES[name]
    random, sign = np.random.default_rng(3), -1 if name == "softmin" else 1
    x = np.array([[sign * v for v in (1.0, 1.0 - gap, 0.5 - gap, -gap)] for gap in GAPS for _ in SHARED], dtype)
    dy = np.array([random.uniform(0.5, 1.5, 4) + shared for _ in GAPS for shared in SHARED], dtype)
    # Two more, in which little but that of the largest entry is left.
    x, dy = np.vstack([x, x[-6::3]]), np.vstack([dy, dy[-6::3] * np.array([1, 1e-6, 1e-6, 1e-6], dtype)])
    got = pull(library, xact.get(name), x, {"axis": -1, **options}, dy).astype(np.float64)
    rounding = float(np.finfo(dtype).eps)
    with mpmath.workdps(60):
        for row, cotangent, found in zip(x.tolist(), dy.tolist(), got, strict=True):
            entries = jacobian([mpmath.mpf(v) for v in row])
            exact = [mpmath.fsum(j * d for j, d in zip(line, cotangent, strict=True)) for line in entries]
            swayed = [mpmath.fsum(abs(j * d) for j, d in zip(line, cotangent, strict=True)) for line in entries]
            allowed = [float(ALLOWED * rounding * abs(e) + rounding * s) for e, s in zip(exact, swayed, strict=True)]
            assert np.all(np.abs(found - [float(e) for e in exact]) <= allowed), (row, cotangent)


INVARIANT: dict[str, dict[str, Any]] = {
    **{name: options for name, (_, options) in CASES.items() if "log" not in name},
    "sparsemax": {},
    "entmax15": {},
    "entmax": {"alpha": 1.25},
    "entmax-2.5": {"alpha": 2.5},
    "normmax": {},
    "normmax-3": {"alpha": 3.0},
}
DTYPES = ["float16", "bfloat16", "float32", "float64"]


# JAX transposes the pushforward, in which the subtraction comes last.
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INVARIANT)
def test_what_cotangents_share_is_nothing(name: str, dtype: str, library: str) -> None:
    """Bit for bit: it is subtracted exactly, before anything is rounded; the rows sum to 1 only to a rounding."""
    pytest.importorskip(library)
    f, kind = xact.get(name.partition("-")[0]), ulp.dtype_of(dtype)
    random = np.random.default_rng(5)
    x = np.round(random.uniform(-4, 4, (40, 5)) * 8) / 32
    x[:, 2] += 0.25 if f.name != "softmin" else -0.75
    own = random.integers(-4, 5, x.shape).astype(kind)
    alone = pull(library, f, x.astype(kind), {"axis": -1, **INVARIANT[name]}, own)
    shifted = pull(library, f, x.astype(kind), {"axis": -1, **INVARIANT[name]}, own + kind.type(64))
    np.testing.assert_array_equal(shifted.astype(np.float64), alone.astype(np.float64))
    same = pull(library, f, x.astype(kind), {"axis": -1, **INVARIANT[name]}, np.full_like(own, 1000))
    np.testing.assert_array_equal(same.astype(np.float64), 0)
