"""Clause C3: no NaN from numbers, NaN from NaN, the limits at the infinities, the sign of zero."""

from typing import Any

import numpy as np

from xact.testing import ulp
from xact.testing.case import Case, truths
from xact.testing.contract import Measurement, piecewise_linear, results, skipped
from xact.testing.ulp import Truth


def finiteness(case: Case, library: str, dtype: str) -> list[Measurement]:
    """C3: finite inputs that give NaN; NaN inputs that do not; an odd function that loses the sign of zero."""
    given, exact = truths(case, dtype)
    with np.errstate(invalid="ignore"):
        # The identity passes signalling NaNs on, of which the conversion tells.
        got = results(case, library, dtype).astype(np.float64)
    doubles = [ulp.double(array) for array in given.values()]
    finite = np.all([np.isfinite(array) for array in doubles], axis=0)
    nan = np.any([np.isnan(array) for array in doubles], axis=0)
    # Outside its domain, and where it has no derivative, an activation may be NaN; kinks are clause C4.
    made = np.isnan(got) & finite & ~np.isnan(exact.high)
    lost = nan & ~np.isnan(got)
    if case.wrt and lost.any() and piecewise_linear(case, dtype):
        # A comparison lets the incoming gradient through.
        lost[:] = False
    if case.wrt and len(given) > 1:
        # A derivative by one array need not depend on it: d(value gate)/d(value) is the gate.
        lost[:] = False
    result = [
        Measurement("C3 NaN made", case, library, dtype, int(made.sum()), 0, str(doubles[0][made][:3])),
        Measurement("C3 NaN lost", case, library, dtype, int(lost.sum()), 0, "nan"),
    ]
    if not case.wrt and len(given) == 1 and _odd(exact, doubles[0]):
        zeros = doubles[0] == 0
        wrong = zeros & (np.signbit(got) != np.signbit(doubles[0]))
        result.append(Measurement("C3 sign of zero", case, library, dtype, int(wrong.sum()), 0, "0"))
    return result


def limits(case: Case, library: str, dtype: str, function: Any = None) -> Measurement:
    """C3: at how many of the two infinities there is NaN in the place of the limit."""
    given, exact = truths(case, dtype)
    got = results(case, library, dtype, function)
    first = ulp.double(next(iter(given.values())))
    lost = np.isinf(first) & np.isnan(ulp.double(got)) & ~skipped(case, given, exact, library, dtype)
    where = ", ".join(map(str, first[lost]))
    return Measurement("C3 limit", case, library, dtype, int(lost.sum()), 0, where)


def _odd(exact: Truth, x: np.ndarray) -> bool:
    order = np.argsort(x)
    x, y = x[order], exact.high[order]
    finite = np.isfinite(x)
    x, y = x[finite], y[finite]
    mirrored = np.isin(-x, x)
    return bool(np.array_equal(y[mirrored], -y[mirrored][::-1]))
