"""Clause C2, identity: how far the results of two libraries, or of their own functions, are from each other."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from xact.testing import ulp
from xact.testing.case import Case, cases, declared, inputs
from xact.testing.contract import IDENTITY, Measurement, results
from xact.testing.libraries import peer
from xact.testing.rounding import counted


def identity(case: Case, one: str, other: str, dtype: str, own: bool = False) -> Measurement:
    """On how many of the 65,536 inputs of a 16-bit type two libraries differ in any bit.

    For float32 and float64 the largest distance in ULP on a grid, which has no bound. With `own`, of the libraries'
    own functions; ValueError where one of them has none.
    """
    functions = [peer(library, case.activation) if own else case.activation for library in (one, other)]
    if None in functions:
        raise ValueError(f"{one} or {other} has no function {case.activation.name}")
    given = inputs(case, dtype)
    first, second = (
        results(case, library, dtype, function if own else None)
        for library, function in zip((one, other), functions, strict=True)
    )
    apart = _distance(first, second)
    # The truth says which inputs count; it takes long, and few results differ.
    differ = np.flatnonzero(apart)
    if differ.size:
        apart[differ] *= counted(case, {name: array[differ] for name, array in given.items()}, (one, other), dtype)
    wide = dtype in ("float32", "float64")
    figure = float(apart.max()) if wide else float(np.count_nonzero(apart))
    bound = float("inf") if wide or own else declared(case, f"identity {dtype}", IDENTITY)
    where = next(iter(given.values()))[[apart.argmax()] if wide else np.flatnonzero(apart)[:3]]
    pair = f"{one}.nn/{other}.nn" if own else f"{one}/{other}"
    return Measurement("C2 identity", case, pair, dtype, figure, bound, ", ".join(map(str, where)))


def identities(activation: Any, libraries: Sequence[str], dtypes: Sequence[str]) -> Iterator[Measurement]:
    """Every pair of libraries, value and derivatives with the default parameters; torch's own against jax's."""
    for case in defaults(activation):
        for dtype in dtypes:
            for one, other in combinations(libraries, 2):
                yield identity(case, one, other, dtype)
            if {"jax", "torch"} <= set(libraries):
                try:
                    yield identity(case, "jax", "torch", dtype, own=True)
                except (TypeError, ValueError, RuntimeError):
                    # No such function there, or none of these parameters or this dtype.
                    continue


def defaults(activation: Any) -> Iterator[Case]:
    """The value, and the derivative by each array."""
    required = next(iter(cases(activation, quantities=False))).parameters
    yield Case(activation, required)
    for name in activation.arrays:
        yield Case(activation, required, name)


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """In ULP; 0 for numbers that differ by so little that no clause counts it."""
    with np.errstate(invalid="ignore"):
        near = np.abs(ulp.double(one) - ulp.double(other)) <= (2.0**-960 if one.dtype == np.float64 else 2.0**-100)
    first, second = ulp.bits(one), ulp.bits(other)
    # Modulo 2^64: numbers of different signs are further apart than int64 reaches.
    apart = (np.maximum(first, second).view(np.uint64) - np.minimum(first, second).view(np.uint64)).astype(np.float64)
    return np.where(near & (one.dtype.itemsize > 2), 0.0, apart)
