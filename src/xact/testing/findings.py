"""What is wrong with an activation, in sentences a person can check: at moderate inputs first, far out next.

A figure in ULP says how much, at the input where it is most, which is seldom one to try. A sentence gives an input,
what the formula says there, and what the definition does.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from xact.testing import contract, rounding, truth, ulp
from xact.testing.case import Case, truths
from xact.testing.contract import Measurement
from xact.testing.libraries import evaluate, pull

# Inputs to try, of which the first that is wrong is told: round numbers, then closer ones for what is wrong between.
_INPUTS = (
    np.array([1.3, -1.3, 0.5, -0.5, 2.5, -2.5, 0.1, -0.1, 5.0, -5.0, 10.0, -10.0]),
    np.concatenate([np.arange(-100, 101) / 10, np.arange(-100.0, 101.0)]),
    np.arange(-1000, 1001) / 100,
)
_ROW = np.array([[1.3, -0.7, 0.5, 2.1]])
# More than rounding to float64 explains, a cancellation included.
_RELATIVE, _ABSOLUTE = 1e-6, 1e-12
# Of one input there is no formula.
_RULES = {
    "C3 NaN lost": "at nan is a number: what NaN goes into has to be NaN",
    "C3 sign of zero": "at 0 has the wrong sign: an odd function keeps that of zero",
}
_DTYPES = ("float32", "float64", "bfloat16", "float16")


def findings(violations: Sequence[Measurement]) -> list[str]:
    """Sentences: of each quantity that is wrong at moderate inputs, the value first; then of each kind far out."""
    groups: dict[str, list[Measurement]] = {}
    for one in sorted(violations, key=lambda one: one.case.wrt != "" or one.clause == "C1 pullback"):
        groups.setdefault(quantity(one), []).append(one)
    wrong, far = [], []
    for group in groups.values():
        # The library that was found out, the defaults first.
        places: dict[Case, Measurement] = {}
        for one in group:
            places.setdefault(one.case, one)
        found = next(filter(None, map(_wrong, places.values())), "")
        wrong += [found] if found else []
        if group[0].case.activation.elementwise:
            far += [text for kind, text in _far(group).items() if not (found and kind == "digits")]
    return wrong + far


def quantity(one: Measurement) -> str:
    if one.clause == "C1 pullback":
        return "pullback"
    return f"derivative by {one.case.wrt}" if one.case.wrt else "value"


def _wrong(one: Measurement) -> str:
    """What is wrong at a moderate input, and is more than lost digits; or nothing."""
    case, library = one.case, one.library.partition("/")[0]
    if not case.activation.elementwise:
        return _wrong_along(one)
    for inputs in _INPUTS:
        # Of a gate the value has the same numbers, each beside another one.
        arrays = {name: np.roll(inputs, k) for k, name in enumerate(case.activation.arrays)}
        try:
            exact = case.truth(arrays, "float64").high
        except ArithmeticError:
            # One of them is a singularity.
            continue
        off = _differ(exact, evaluate(library, case.activation, arrays, case.parameters, case.wrt))
        if case.wrt:
            off &= ~np.isin(np.stack([*arrays.values()]), [*case.kinks("float64")]).any(axis=0)
        if off.any():
            at = int(off.argmax())
            got = evaluate(library, case.activation, arrays, case.parameters, case.wrt)[at]
            where = _at(case, {name: array[at] for name, array in arrays.items()})
            return f"{quantity(one)} is wrong at {where}: {_gives(one, exact[at], got)}"
    return ""


def _wrong_along(one: Measurement) -> str:
    case, name = one.case, one.case.activation.arrays[0]
    tex, rows, environment = case.activation.tex, {name: _ROW}, case.environment("float64")
    given, where = {**case.parameters, "axis": -1}, f"{name} = {_ROW[0].tolist()}"
    exact, got = truth.values_along(tex, rows, environment).high, evaluate(one.library, case.activation, rows, given)
    if one.clause == "C1 pullback":
        cotangent = (np.arange(got.size) == 0).astype(float).reshape(got.shape)
        exact = truth.pullback_along(tex, rows, environment, cotangent, name).high
        got = pull(one.library, case.activation, _ROW, given, cotangent)
        where += f", dy = {cotangent[0].tolist()}"
    exact, got = exact.reshape(-1), got.reshape(-1)
    off = _differ(exact, got)
    at = int(off.argmax())
    return f"{quantity(one)} is wrong at {where}, entry {at}: {_gives(one, exact[at], got[at])}" if off.any() else ""


def _differ(exact: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Where there is a truth, and it is not what was got."""
    with np.errstate(invalid="ignore"):
        near = np.abs(got - exact) <= _RELATIVE * np.abs(exact) + _ABSOLUTE
    return ~(near | (got == exact) | np.isnan(exact))


def _far(group: Sequence[Measurement]) -> dict[str, str]:
    """Of each kind the first: infinite inputs, finite ones with a result that is none, and where most digits are lost.

    The simplest parameters come first, and of a quantity one library.
    """
    found: dict[str, str] = {}
    asked: set[tuple[Case, str]] = set()
    errors = [one for one in group if one.clause in ("C1", "C2 error")]
    for one in sorted(errors, key=lambda one: (len(one.case.parameters), _DTYPES.index(one.dtype))):
        if (one.case, one.dtype) in asked or len(found) == 3:
            continue
        asked.add((one.case, one.dtype))
        given, exact = truths(one.case, one.dtype)
        got = ulp.double(contract.results(one.case, one.library, one.dtype))
        for kind, at in _worst(one, got):
            where = _at(one.case, {name: float(array[at]) for name, array in given.items()})
            lead = f"loses digits at {where}" if kind == "digits" else f"at {where}"
            lead += "" if kind == "ends" else f" in {one.dtype}"
            found.setdefault(kind, f"{quantity(one)} {lead}: {_gives(one, exact.high[at], got[at])}")
    for one in group:
        if one.clause in _RULES:
            found.setdefault(one.clause, f"{quantity(one)} {_RULES[one.clause]}")
    return found


def _worst(one: Measurement, got: np.ndarray) -> Iterator[tuple[str, int]]:
    given, _ = truths(one.case, one.dtype)
    error = rounding.errors if one.dtype.endswith("16") else contract.errors
    sizes = error(one.case, one.library, one.dtype)
    first = np.abs(ulp.double(next(iter(given.values()))))
    off = sizes > one.bound
    ends, lost = off & np.isinf(first), off & np.isfinite(first) & ~np.isfinite(got)
    digits = off & np.isfinite(first) & np.isfinite(got)
    if ends.any():
        yield "ends", int(ends.argmax())
    if lost.any():
        # The nearest to 0.
        yield "lost", int(np.where(lost, first, np.inf).argmin())
    if digits.any():
        yield "digits", int(np.where(digits, sizes, 0.0).argmax())


def _at(case: Case, where: Mapping[str, float]) -> str:
    """The inputs and the numbers of the parameters."""
    held = case.environment("float64")
    numbers = {name: held[name] for name in case.activation.body.parameters if isinstance(held.get(name), (int, float))}
    return ", ".join(f"{name} = {value:.7g}" for name, value in {**where, **numbers}.items())


def _gives(one: Measurement, exact: float, got: float) -> str:
    """Both numbers, with as many digits as tell them apart."""
    digits = next((n for n in range(4, 17) if f"{exact:.{n}g}" != f"{got:.{n}g}"), 17)
    part = "body" if quantity(one) == "value" else "rule"
    return f"the formula gives {exact + 0.0:.{digits}g}, the {part} {got + 0.0:.{digits}g}"
