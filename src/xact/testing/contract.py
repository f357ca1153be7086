"""The clauses of the contract that are figures: C1 accuracy and C2 16 bits, as measurements.

Each measurement evaluates one activation, with one choice of parameters, on one library in one dtype, against the
truth of its own TeX. The test-suite asserts them for the catalogue, `xact.testing.check` for any activation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from xact.testing import truth, ulp
from xact.testing.case import Case, declared, inputs, oscillates, truths
from xact.testing.libraries import evaluate
from xact.testing.neighbours import SLOPE, explained
from xact.testing.ulp import Truth

ACCURACY = 4.0
IDENTITY = 8
# What the whole error aims at.
STRETCH = 4.0


@dataclass(frozen=True)
class Measurement:
    """One figure of the contract with its bound and the input where it was found."""

    clause: str
    case: Case
    library: str
    dtype: str
    figure: float
    bound: float
    worst: str

    @property
    def passed(self) -> bool:
        return self.figure <= self.bound

    def __str__(self) -> str:
        verdict = "" if self.passed else "  VIOLATED"
        return (
            f"{self.clause} {self.case} {self.library} {self.dtype}: {self.figure:.4g} (at most {self.bound:g}) "
            f"at {self.worst}{verdict}"
        )


def accuracy(case: Case, library: str, dtype: str) -> Measurement:
    """C1: the error in ULP beyond what an input 1 ULP away explains."""
    return accuracies(case, library, dtype)[0]


def accuracies(case: Case, library: str, dtype: str, function: Any = None) -> tuple[Measurement, Measurement]:
    """C1, and its stretch, the whole error, which is an aim without a bound.

    function: what to measure in the place of the activation, such as the library's own; at finite inputs only.
    """
    given, exact = truths(case, dtype)
    got = results(case, library, dtype, function)
    first = next(iter(given.values()))
    skip, bound = skipped(case, given, exact, library, dtype), declared(case, f"C1 {dtype}", ACCURACY)
    if function:
        skip |= ~np.isfinite(ulp.double(first))
    whole = np.where(skip, 0.0, ulp.excess(got, exact, 0.0, first, dtype))
    beyond = _unexplained(case, given, got, exact, whole, dtype)
    return (
        worst("C1", case, library, dtype, beyond, bound, given),
        worst("C1 stretch", case, library, dtype, whole, math.inf, given),
    )


def errors(case: Case, library: str, dtype: str) -> np.ndarray:
    """C1 at each input: the error in ULP beyond what an input 1 ULP away explains."""
    given, exact = truths(case, dtype)
    got, first = results(case, library, dtype), next(iter(given.values()))
    skip = skipped(case, given, exact, library, dtype)
    whole = np.where(skip, 0.0, ulp.excess(got, exact, 0.0, first, dtype))
    finite = np.isfinite(whole)
    return np.where(finite, _unexplained(case, given, got, exact, np.where(finite, whole, 0.0), dtype), whole)


def _unexplained(
    case: Case, given: Mapping[str, np.ndarray], got: np.ndarray, exact: Truth, whole: np.ndarray, dtype: str
) -> np.ndarray:
    """What inputs 1 ULP away leave of the largest errors; whole are those that are less than the worst of these.

    What they explain takes a truth of one order more: from the largest on, few inputs need it, except where the
    numbers of a parameter explain most.
    """
    beyond, order = np.zeros(whole.shape), np.argsort(-whole)
    # All at once are the same for every library, and kept.
    size = order.size if "parameters" in case.activation.budget else 256
    while order.size and whole[order[0]] > max(beyond.max(), 0.5):
        # In the order of the inputs, in which the truth of all of them is kept for the next library.
        chosen, order = np.sort(order[:size]), order[size:]
        part = {name: array[chosen] for name, array in given.items()}
        first = next(iter(part.values()))
        unit = ulp.ulp(ulp.double(first), dtype)
        here = Truth(exact.high[chosen], exact.low[chosen])
        with np.errstate(over="ignore"):
            slope = explained(case, part, here, dtype) / np.where(np.isfinite(unit), unit, 1.0)
        beyond[chosen] = np.where(whole[chosen] > 0, ulp.excess(got[chosen], here, slope, first, dtype), 0.0)
    beyond[order] = whole[order]
    return beyond


@lru_cache(maxsize=16)
def results(case: Case, library: str, dtype: str, function: Any = None) -> np.ndarray:
    """What a library gives for the activation, or for a function in its place; several clauses ask for it."""
    given = inputs(case, dtype)
    got = evaluate(library, function or case.activation, given, case.parameters, case.wrt)
    if got.shape != (shape := next(iter(given.values())).shape):
        raise ValueError(f"{case} gives an array of the shape {got.shape} for one of {shape} on {library}")
    return got


def skipped(case: Case, given: Mapping[str, np.ndarray], exact: Truth, library: str, dtype: str) -> np.ndarray:
    """Points that have no truth, or that XLA's CPU flushes: subnormal inputs and results."""
    skip = np.isnan(exact.high)
    if len(given) > 1:
        skip |= np.any([~np.isfinite(ulp.double(array)) for array in given.values()], axis=0)
    if case.wrt:
        kinks = list(case.kinks(dtype))
        # Next to a kink that is no number of the dtype, either side's derivative will do.
        held = ulp.double(np.asarray(kinks).astype(ulp.dtype_of(dtype)))
        between = [kink for kink, near in zip(kinks, held, strict=True) if near != kink]
        for array in given.values():
            skip |= np.isin(ulp.double(array), kinks)
            for kink in between:
                with np.errstate(invalid="ignore"):
                    skip |= np.abs(ulp.double(array) - kink) < ulp.ulp(np.asarray(kink), dtype)
    if oscillates(case) and dtype in ("float32", "float64"):
        # Where 1 ULP is no small part of a period, first order does not say what an input so far away gives.
        first = np.abs(ulp.double(next(iter(given.values()))))
        skip |= np.isfinite(first) & (first > (2.0**26 if dtype == "float64" else 2.0**12))
    if oscillates(case) and case.wrt:
        # What grows and oscillates has no limit, whatever sign two huge numbers agree on.
        skip |= np.isinf(exact.high)
    if library == "jax" and dtype != "float16":
        # A factor of 4: what is computed on the way may be subnormal where neither end is.
        smallest = 2.0**-1020 if dtype == "float64" else 2.0**-124
        for array in given.values():
            size = np.abs(ulp.double(array))
            skip |= (size < smallest) & (size > 0)
        skip |= (np.abs(exact.high) < smallest) & (exact.high != 0)
    return skip


def piecewise_linear(case: Case, dtype: str) -> bool:
    """Whether the second derivative is 0 at every input."""
    given, _ = truths(case, dtype)
    doubles = {name: ulp.double(array) for name, array in given.items()}
    name = case.activation.arrays[0]
    second = truth.derivatives(case.activation.tex, doubles, case.environment(dtype), name, 2, SLOPE).high
    return not np.nan_to_num(second[np.isfinite(doubles[name])]).any()


def worst(
    clause: str, case: Case, library: str, dtype: str, error: np.ndarray, bound: float, given: Mapping[str, np.ndarray]
) -> Measurement:
    at = int(np.argmax(error))
    where = ", ".join(f"{name}={array[at]}" for name, array in given.items())
    return Measurement(clause, case, library, dtype, float(error[at]), bound, where)
