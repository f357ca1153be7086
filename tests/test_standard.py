"""Any library of the standard (C11): array-api-strict, which has the standard and nothing else, and lazily Dask."""

from collections.abc import Iterator
from typing import Any

import cases
import numpy as np
import pytest

import xact
from xact.backends import numpy as numpy_backend

pytestmark = pytest.mark.needs("numpy")

CASES = cases.of_other_paths(cases.every())
DTYPES = ("float32", "float64")
# The oldest version whose functions take Python numbers beside arrays.
OLDEST = "2024.12"


@pytest.fixture(autouse=True)
def _same_exponential(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's own in float32 too, which these libraries have; that of the NumPy backend is nearer to the truth."""
    monkeypatch.setattr(numpy_backend.xp, "exp", np.exp)


def derived(case: cases.Case) -> list[str]:
    """The arguments that an elementwise derivative can be asked by."""
    return [name for name in case.activation.rules if not case.packed]


def evaluate(case: cases.Case, cotangent: Any) -> Iterator[Any]:
    """The value, each derivative, each cotangent."""
    given = {**case.parameters, **case.options}
    yield case.call()
    for name in derived(case):
        yield xact.derivative(case.activation, name)(*case.arrays, **given)
    y, pullback = xact.vjp(case.activation, *case.arrays, **given)
    yield y
    yield from pullback(cotangent)


def expected(case: cases.Case, dtype: str) -> tuple[cases.Case, Any, list[np.ndarray]]:
    """The case and a cotangent in NumPy, and what NumPy gives."""
    case = case.converted(lambda array: array.astype(dtype))
    cotangent = np.random.default_rng(0).uniform(-1, 1, case.call().shape).astype(dtype)
    return case, cotangent, list(evaluate(case, cotangent))


def equal(got: Any, known: np.ndarray) -> None:
    """Within 2 ULP, of the largest element where a sum runs over an axis."""
    assert got.shape == known.shape
    assert got.dtype == known.dtype
    spacing = np.spacing(np.abs(known))
    assert np.all(np.abs(got - known) <= 2 * np.maximum(spacing, np.finfo(known.dtype).smallest_normal))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("version", [None, OLDEST])
def test_array_api_strict(version: str | None, case: cases.Case, dtype: str) -> None:
    strict = pytest.importorskip("array_api_strict")
    case, cotangent, known = expected(case, dtype)
    with strict.ArrayAPIStrictFlags(api_version=version) if version else strict.ArrayAPIStrictFlags():
        results = list(evaluate(case.converted(strict.asarray), strict.asarray(cotangent)))
    for got, value in zip(results, known, strict=True):
        assert type(got) is type(strict.asarray(0.0))
        equal(np.asarray(got), value)


@pytest.mark.by_kind(simplest=True)
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float16", *DTYPES])
def test_dask_computes_nothing(case: cases.Case, dtype: str) -> None:
    """Graphs are built without a scheduler; what they compute in the end is what NumPy gives."""
    dask = pytest.importorskip("dask")
    import dask.array as da

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    case, cotangent, known = expected(case, dtype)
    with dask.config.set(scheduler=refuse):
        lazy = case.converted(lambda array: da.from_array(array, chunks=2))
        results = list(evaluate(lazy, da.from_array(cotangent, chunks=2)))
    for got, value in zip(results, known, strict=True):
        assert type(got) is da.Array
        assert got.dtype == value.dtype
        computed = np.asarray(got.compute(scheduler="synchronous"))
        if case.activation.elementwise and got.shape == cotangent.shape:
            equal(computed, value)
        else:
            # Dask adds up chunk by chunk.
            np.testing.assert_allclose(computed, value, rtol=16 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)


@pytest.mark.by_kind(together=1)
@pytest.mark.parametrize("case", [case for case in CASES if case.activation.elementwise], ids=str)
def test_dask_of_unknown_length(case: cases.Case) -> None:
    """`x[mask]` has a length that only computing it tells: no elementwise function asks for it."""
    dask = pytest.importorskip("dask")
    import dask.array as da

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was computed")

    def picked(array: np.ndarray) -> Any:
        lazy = da.from_array(array, chunks=2)
        return lazy[da.from_array(keep, chunks=2)] if array.shape[:1] == keep.shape else lazy

    long = cases.SHAPE[0] * 3
    keep = np.arange(long) % 2 == 0
    tripled = case.converted(lambda a: np.concatenate([a] * 3) if a.shape == case.arrays[0].shape else a)
    cotangent = np.random.default_rng(0).uniform(-1, 1, tripled.call().shape)
    known = tripled.converted(lambda a: a[keep] if a.shape[:1] == keep.shape else a)
    with dask.config.set(scheduler=refuse):
        lazy = tripled.converted(picked)
        # Cotangents of a packed array are joined, those of coefficients summed: both need lengths.
        plain = not case.packed and not case.activation.vectors
        results = list(evaluate(lazy, picked(cotangent))) if plain else [lazy.call()]
    for got, value in zip(results, evaluate(known, cotangent[keep]), strict=plain):
        computed = np.asarray(got.compute(scheduler="synchronous"))
        np.testing.assert_allclose(computed, value, rtol=1e-13, atol=1e-13)


def test_integers_and_randomness() -> None:
    strict = pytest.importorskip("array_api_strict")
    integers = strict.asarray([-2, 0, 3])
    assert xact.relu(integers).dtype == strict.int64
    assert xact.tanh(integers).dtype == strict.float64
    with pytest.raises(xact.DtypeError, match="gelu takes float16"):
        xact.gelu(integers)
    drawn = xact.rrelu(strict.full((1000,), -1.0), training=True, rng=np.random.default_rng(0))
    same = xact.rrelu(np.full(1000, -1.0), training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(drawn), same)
