"""Clause C2: what is computed in float32 and rounded once to 16 bits."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from xact.testing import ulp
from xact.testing.case import Case, declared, truth_at, truths
from xact.testing.contract import Measurement, results, skipped, worst
from xact.testing.neighbours import slope
from xact.testing.ulp import Truth

MISROUNDED = 16
ROUNDING = 0.501


def rounding(case: Case, library: str, dtype: str, function: Any = None) -> list[Measurement]:
    """C2: the error of a 16-bit result in ULP, and how many of the 65,536 are not correctly rounded."""
    given, exact = truths(case, dtype)
    got = results(case, library, dtype, function)
    skip = _skipped(case, library, dtype, bool(function))
    right = ulp.round_to(exact, dtype)
    wrong = (ulp.bits(got) != ulp.bits(right)) & ~skip
    error = errors(case, library, dtype, function)
    wrong &= ~_subnormal(exact, dtype)
    if len(given) > 1:
        wrong &= ~_tied(exact, dtype)
    budget = declared(case, f"misrounded {dtype}", MISROUNDED)
    largest = declared(case, f"error {dtype}", ROUNDING)
    where = next(iter(given.values()))[wrong]
    return [
        worst("C2 error", case, library, dtype, error, largest, given),
        Measurement("C2 misrounded", case, library, dtype, int(wrong.sum()), budget, ", ".join(map(str, where[:3]))),
    ]


def errors(case: Case, library: str, dtype: str, function: Any = None) -> np.ndarray:
    """The error in ULP at each of the 65,536 inputs; 0 where there is no truth."""
    _, exact = truths(case, dtype)
    error = ulp.errors(results(case, library, dtype, function), exact, dtype)
    error[_skipped(case, library, dtype, bool(function)) | (np.abs(exact.high) <= 2.0**-100)] = 0.0
    return error


def _skipped(case: Case, library: str, dtype: str, finite: bool) -> np.ndarray:
    given, exact = truths(case, dtype)
    skip = skipped(case, given, exact, library, dtype) | _phase(case, exact, given, dtype)
    return skip | ~np.isfinite(ulp.double(next(iter(given.values())))) if finite else skip


def counted(case: Case, given: Mapping[str, np.ndarray], libraries: Collection[str], dtype: str) -> np.ndarray:
    """At which inputs the results of these libraries are compared with each other: not at subnormals."""
    exact = truth_at(case, given, dtype)
    skip = skipped(case, given, exact, "jax" if "jax" in libraries else "", dtype)
    skip |= _subnormal(exact, dtype) | _phase(case, exact, given, dtype)
    return ~(skip | _tied(exact, dtype)) if len(given) > 1 else ~skip


def _phase(case: Case, exact: Truth, given: Mapping[str, np.ndarray], dtype: str) -> np.ndarray:
    """Where a phase 1 ULP of float32 away changes a periodic function's result by more than a thousandth of a ULP."""
    if "\\sin" not in case.activation.tex:
        return np.zeros(exact.high.shape, bool)
    doubles = {name: ulp.double(array) for name, array in given.items()}
    moved = sum(slope(case, doubles, exact, name, array, "float32") for name, array in given.items())
    return moved > ulp.ulp(exact.high, dtype) / 1024


def _subnormal(exact: Truth, dtype: str) -> np.ndarray:
    """Results of few bits, or too small to count: ties are frequent there."""
    return np.abs(exact.high) <= (2.0**-14 if dtype == "float16" else 2.0**-100)


def _tied(exact: Truth, dtype: str) -> np.ndarray:
    """Where the truth is within half a ULP of float32 of the middle between two 16-bit numbers.

    The product of a value with a gate near 0 or 1 often ends there, and what the gate adds is less than float32 holds.
    """
    size, spacing = np.abs(exact.high), ulp.ulp(exact.high, dtype)
    with np.errstate(invalid="ignore"):
        rest = np.where(np.isfinite(size), size, 0.0) / spacing
        return np.abs(rest - np.floor(rest) - 0.5) * spacing <= ulp.ulp(exact.high, "float32") / 2
