"""The error that an input 1 ULP away explains: how far the truth moves with it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from xact.testing import truth, ulp
from xact.testing.case import Case, declared, oscillates
from xact.testing.ulp import Truth

# Bits of a slope that says how far a result moves.
SLOPE = 12


def explained(case: Case, given: Mapping[str, np.ndarray], exact: Truth, dtype: str) -> np.ndarray:
    """The error that inputs 1 ULP away explain; exact is the truth at the inputs themselves."""
    doubles = {name: ulp.double(array) for name, array in given.items()}
    total = np.zeros(next(iter(given.values())).shape)
    for name, array in given.items():
        total += slope(case, doubles, exact, name, array, dtype)
    for name in case.activation.body.parameters:
        total += declared(case, "parameters", 0) * _moved(case, doubles, exact, name, dtype)
    return total


def slope(
    case: Case, doubles: Mapping[str, np.ndarray], exact: Truth, name: str, array: np.ndarray, dtype: str
) -> np.ndarray:
    """How far the truth, which is `exact` at these inputs, moves when one of them moves by 1 ULP."""
    step = np.where(np.isfinite(doubles[name]), ulp.ulp(doubles[name], dtype), 0.0)
    if case.wrt in ("", name):
        order = 2 if case.wrt else 1
        steep = truth.derivatives(case.activation.tex, doubles, case.environment(dtype), name, order, SLOPE).high
        with np.errstate(all="ignore"):
            moved = np.abs(steep) * step
        return np.where(np.isfinite(moved), moved, 0.0)
    with np.errstate(all="ignore"):
        beside = {**doubles, name: doubles[name] + step * _wider(case, dtype)}
    return _difference(exact, case, beside, dtype)


def _moved(case: Case, doubles: Mapping[str, np.ndarray], exact: Truth, name: str, dtype: str) -> np.ndarray:
    """How far the truth moves when the numbers of a parameter move by 1 ULP; for a definition that asks for it."""
    if "parameters" not in case.activation.budget:
        return np.zeros(())
    compute = "float64" if dtype == "float64" else "float32"
    value = case.environment(dtype)[name]
    values, total = np.atleast_1d(value), np.zeros(())
    for k in range(values.size):
        moved = values + ulp.ulp(values, compute) * _wider(case, dtype) * (np.arange(values.size) == k)
        given = tuple(moved.tolist()) if isinstance(value, tuple) else float(moved[0])
        beside = Case(case.activation, {**case.parameters, name: given}, case.wrt)
        total = total + _difference(exact, beside, doubles, dtype)
    return total


def _difference(exact: Truth, beside: Case, there: Mapping[str, Any], dtype: str) -> np.ndarray:
    """How far the truth moves with 1 ULP, from a wider step."""
    bits = truth.EXACT if dtype == "float64" and oscillates(beside) else truth.CLOSE
    far = beside.truth(there, dtype, bits)
    with np.errstate(all="ignore"):
        moved = np.abs((far.high - exact.high) + (far.low - exact.low)) / _wider(beside, dtype)
    return np.where(np.isfinite(moved), moved, 0.0)


def _wider(case: Case, dtype: str) -> float:
    """A difference is taken over a step of so many ULP, that the bits of both ends are enough."""
    if oscillates(case):
        return 1.0
    return 2.0**32 if dtype == "float64" else 2.0**4
