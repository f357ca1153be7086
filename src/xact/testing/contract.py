"""The clauses of the contract that are figures: C1 accuracy, C2 16 bits, C3 no NaN, as measurements.

Each measurement evaluates one activation, with one choice of parameters, on one library in one dtype, against the
truth of its own TeX. The test-suite asserts them for the catalogue, `xact.testing.check` for any activation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from xact.testing import truth, ulp
from xact.testing.libraries import evaluate
from xact.testing.ulp import Truth

ACCURACY = 4.0
MISROUNDED = 16
ROUNDING = 0.501
IDENTITY = 8
# Bits of a slope that says how far a result moves.
SLOPE = 12


@dataclass(frozen=True)
class Case:
    """An activation with one choice of parameters and options, and a quantity: its value or a derivative."""

    activation: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    wrt: str = ""

    def __hash__(self) -> int:
        return hash((self.activation, tuple(self.parameters.items()), self.wrt))

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        quantity = f" by {self.wrt}" if self.wrt else ""
        return f"{self.activation.name}({given}){quantity}"

    def environment(self, dtype: str) -> dict[str, Any]:
        """Every name the formula may use, with its value; numbers as the dtype that is computed in holds them."""
        defaults = {name: value for name, value in self.activation.defaults.items() if name not in ("rng",)}
        values = {**defaults, **self.parameters}
        if self.activation.sampled:
            # In evaluation the mean of the bounds stands for what would be drawn.
            mean = np.array((values["lower"] + values["upper"]) / 2)
            values["a"] = float(ulp.double(mean.astype(ulp.dtype_of(dtype))))
        compute: Any = np.float64 if dtype == "float64" else np.float32
        held = {name: value for name, value in values.items() if isinstance(value, (int, float, str, tuple))}
        held |= {name: float(compute(value)) for name, value in held.items() if isinstance(value, float)}
        return held | {name: tuple(compute(v).tolist()) for name, v in held.items() if isinstance(v, tuple)}

    def kinks(self, dtype: str) -> dict[float, Any]:
        """Points without a derivative, and the derivative declared there (a number or an argument's name)."""
        known = self.environment(dtype)
        points = {}
        for kink, slope in self.activation.kinks.items():
            if isinstance(kink, str):
                value = known[kink.removeprefix("-")]
                kink = -value if kink.startswith("-") else value
            points[float(kink)] = known.get(slope, slope) if isinstance(slope, str) else slope
        return points


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


def cases(activation: Any, quantities: bool = True, numbers: bool = True) -> Iterator[Case]:
    """The defaults, every other choice of an option, and with `numbers` another value of every number.

    quantities: the derivatives too, not the value alone.
    """
    variants: list[dict[str, Any]] = [{}]
    required = {
        name: 0.25 + 0.5 * index
        for index, name in enumerate(activation.body.parameters)
        if not isinstance(activation.defaults[name], (int, float, tuple))
    }
    for name, choices in activation.body.choices.items():
        variants += [{name: choice} for choice in choices if choice != activation.defaults[name]]
    for name, default in activation.body.parameters.items() if numbers else ():
        # No short fraction: its products with 16-bit inputs would be ties that nothing computed can break.
        variants.append({name: 1.3217 if name in required else another(default)})
    for variant in variants:
        parameters = {**required, **variant}
        yield Case(activation, parameters)
        if quantities:
            for name in activation.rules:
                yield Case(activation, parameters, name)


def another(value: Any) -> Any:
    return tuple(map(another, value)) if isinstance(value, tuple) else 1.7321 * value + 0.0917


def inputs(case: Case, dtype: str) -> dict[str, np.ndarray]:
    """All 65,536 numbers of a 16-bit type, a stratified grid of the others.

    The value of a gate is the same shuffled, up to 2^26 (float64: 2^62): a larger one would lift a gate below the
    normal numbers into the range where errors count.
    """
    kinks = [kink for kink in case.kinks(dtype) if np.isfinite(kink)]
    points = ulp.every(dtype) if dtype in ("float16", "bfloat16") else ulp.grid(dtype, kinks)
    largest = 2.0**62 if dtype == "float64" else 2.0**26
    moderate = points[np.abs(ulp.double(points)) <= largest]
    if points.dtype.itemsize == 2:
        # The product of two 16-bit numbers is often a tie, which the gate then breaks by less than float32 sees.
        moderate = moderate[np.frexp(ulp.double(moderate))[0] % 0.5 == 0]
    shuffled = np.random.default_rng(0).choice(moderate, points.size)
    activation = case.activation
    plain = "gate" if activation.layout else activation.arrays[0]
    return {name: points if name == plain else shuffled for name in activation.arrays}


@lru_cache(maxsize=64)
def _truths(case: Case, dtype: str) -> tuple[dict[str, np.ndarray], Truth]:
    """Inputs and the truth."""
    given = inputs(case, dtype)
    return given, quantity(case, {name: ulp.double(array) for name, array in given.items()}, dtype)


@lru_cache(maxsize=64)
def _explained(case: Case, dtype: str) -> np.ndarray:
    """The error that inputs 1 ULP away explain."""
    given, exact = _truths(case, dtype)
    doubles = {name: ulp.double(array) for name, array in given.items()}
    explained = np.zeros(exact.high.shape)
    for name, array in given.items():
        explained += _slope(case, doubles, name, array, dtype)
    for name in case.activation.body.parameters:
        explained += _bound(case, "parameters", 0) * _moved(case, doubles, name, dtype)
    return explained


def _moved(case: Case, doubles: Mapping[str, np.ndarray], name: str, dtype: str) -> np.ndarray:
    """How far the truth moves when the numbers of a parameter move by 1 ULP; for a definition that asks for it."""
    if "parameters" not in case.activation.budget:
        return np.zeros(())
    compute = "float64" if dtype == "float64" else "float32"
    value = case.environment(dtype)[name]
    values, total = np.atleast_1d(value), np.zeros(())
    for k in range(values.size):
        moved = values + ulp.ulp(values, compute) * _wider(dtype) * (np.arange(values.size) == k)
        given = tuple(moved.tolist()) if isinstance(value, tuple) else float(moved[0])
        beside = Case(case.activation, {**case.parameters, name: given}, case.wrt)
        total = total + _difference(case, doubles, beside, doubles, dtype)
    return total


def _wider(dtype: str) -> float:
    """A difference is taken over a step of so many ULP, that 40 bits of both ends are enough."""
    return 2.0**32 if dtype == "float64" else 2.0**4


def _difference(case: Case, here: Mapping[str, Any], beside: Case, there: Mapping[str, Any], dtype: str) -> np.ndarray:
    """How far the truth moves with 1 ULP, from a wider step."""
    near, far = (quantity(*one, dtype, truth.CLOSE).high for one in ((case, here), (beside, there)))
    with np.errstate(all="ignore"):
        moved = np.abs(far - near) / _wider(dtype)
    return np.where(np.isfinite(moved), moved, 0.0)


def quantity(case: Case, doubles: Mapping[str, np.ndarray], dtype: str, bits: int = 0) -> Truth:
    """The truth of the value or the derivative at these inputs, with so many bits or those the dtype needs."""
    tex, environment = case.activation.tex, case.environment(dtype)
    bits = bits or (truth.EXACT if dtype == "float64" else truth.CLOSE)
    ties = {"float16": 11, "bfloat16": 8}.get(dtype, 0)
    if case.wrt:
        return truth.derivatives(tex, doubles, environment, case.wrt, bits=bits, ties=ties)
    return truth.values(tex, doubles, environment, bits, ties)


@lru_cache(maxsize=16)
def _result(evaluate: Any, case: Case, library: str, dtype: str) -> np.ndarray:
    """What a library gives; several clauses ask for it."""
    given, _ = _truths(case, dtype)
    result: np.ndarray = evaluate(library, case.activation, given, case.parameters, case.wrt)
    result.flags.writeable = False
    return result


def _slope(case: Case, doubles: Mapping[str, np.ndarray], name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    """How far the truth moves when one input moves by 1 ULP."""
    step = np.where(np.isfinite(doubles[name]), ulp.ulp(doubles[name], dtype), 0.0)
    if case.wrt in ("", name):
        order = 2 if case.wrt else 1
        steep = truth.derivatives(case.activation.tex, doubles, case.environment(dtype), name, order, SLOPE).high
        with np.errstate(all="ignore"):
            moved = np.abs(steep) * step
        return np.where(np.isfinite(moved), moved, 0.0)
    with np.errstate(all="ignore"):
        beside = {**doubles, name: doubles[name] + step * _wider(dtype)}
    return _difference(case, doubles, case, beside, dtype)


def _skipped(case: Case, given: Mapping[str, np.ndarray], exact: Truth, library: str, dtype: str) -> np.ndarray:
    """Points that have no truth, or that XLA's CPU flushes: subnormal inputs and results."""
    skip = np.isnan(exact.high)
    if len(given) > 1:
        skip |= np.any([~np.isfinite(ulp.double(array)) for array in given.values()], axis=0)
    if case.wrt:
        for array in given.values():
            skip |= np.isin(ulp.double(array), list(case.kinks(dtype)))
    if "\\sin" in case.activation.tex and dtype in ("float32", "float64"):
        # Where 1 ULP is no small part of a period, first order does not say what an input so far away gives.
        first = np.abs(ulp.double(next(iter(given.values()))))
        skip |= np.isfinite(first) & (first > (2.0**26 if dtype == "float64" else 2.0**12))
    if library == "jax" and dtype != "float16":
        # A factor of 4: what is computed on the way may be subnormal where neither end is.
        smallest = 2.0**-1020 if dtype == "float64" else 2.0**-124
        for array in given.values():
            size = np.abs(ulp.double(array))
            skip |= (size < smallest) & (size > 0)
        skip |= (np.abs(exact.high) < smallest) & (exact.high != 0)
    return skip


def accuracy(case: Case, library: str, dtype: str, stretch: bool = False) -> Measurement:
    """C1: the error in ULP beyond what an input 1 ULP away explains (with `stretch`, the whole error)."""
    given, exact = _truths(case, dtype)
    got = _result(evaluate, case, library, dtype)
    first = next(iter(given.values()))
    unit = ulp.ulp(ulp.double(first), dtype)
    with np.errstate(over="ignore"):
        slope = np.zeros(unit.shape) if stretch else _explained(case, dtype) / np.where(np.isfinite(unit), unit, 1.0)
    error = ulp.excess(got, exact, slope, first, dtype)
    error[_skipped(case, given, exact, library, dtype)] = 0.0
    clause, bound = "C1 stretch" if stretch else "C1", _bound(case, f"C1 {dtype}", ACCURACY)
    return _worst(clause, case, library, dtype, error, bound, given)


def _bound(case: Case, clause: str, bound: float) -> float:
    """The bound of a clause, or the one that the definition declares, for all quantities or for this one."""
    declared = case.activation.budget
    declared_for_all = declared.get(clause, (bound, ""))
    return declared.get(f"{clause} by {case.wrt}", declared_for_all)[0]


def rounding(case: Case, library: str, dtype: str) -> list[Measurement]:
    """C2: the error of a 16-bit result in ULP, and how many of the 65,536 are not correctly rounded."""
    given, exact = _truths(case, dtype)
    got = _result(evaluate, case, library, dtype)
    skip = _skipped(case, given, exact, library, dtype) | _phase(case, exact, given, dtype)
    right = ulp.round_to(exact, dtype)
    wrong = (ulp.bits(got) != ulp.bits(right)) & ~skip
    error = ulp.errors(got, exact, dtype)
    error[skip | (np.abs(exact.high) <= 2.0**-100)] = 0.0
    wrong &= ~_subnormal(exact, dtype)
    if len(given) > 1:
        wrong &= ~_tied(exact, dtype)
    budget = _bound(case, f"misrounded {dtype}", MISROUNDED)
    largest = _bound(case, f"error {dtype}", ROUNDING)
    where = next(iter(given.values()))[wrong]
    return [
        _worst("C2 error", case, library, dtype, error, largest, given),
        Measurement("C2 misrounded", case, library, dtype, int(wrong.sum()), budget, ", ".join(map(str, where[:3]))),
    ]


def identity(case: Case, one: str, other: str, dtype: str) -> Measurement:
    """C2: on how many of the 65,536 inputs two libraries differ in any bit, subnormals apart."""
    given, exact = _truths(case, dtype)
    results = [_result(evaluate, case, library, dtype) for library in (one, other)]
    differ = ulp.bits(results[0]) != ulp.bits(results[1])
    differ &= ~_skipped(case, given, exact, "jax" if "jax" in (one, other) else one, dtype)
    differ &= ~(_subnormal(exact, dtype) | _phase(case, exact, given, dtype))
    if len(given) > 1:
        differ &= ~_tied(exact, dtype)
    where = next(iter(given.values()))[differ]
    bound = _bound(case, f"identity {dtype}", IDENTITY)
    return Measurement(
        "C2 identity", case, f"{one}/{other}", dtype, int(differ.sum()), bound, ", ".join(map(str, where[:3]))
    )


def _phase(case: Case, exact: Truth, given: Mapping[str, np.ndarray], dtype: str) -> np.ndarray:
    """Where a phase 1 ULP of float32 away changes a periodic function's result by more than a thousandth of a ULP."""
    if "\\sin" not in case.activation.tex:
        return np.zeros(exact.high.shape, bool)
    doubles = {name: ulp.double(array) for name, array in given.items()}
    moved = sum(_slope(case, doubles, name, array, "float32") for name, array in given.items())
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


def finiteness(case: Case, library: str, dtype: str) -> list[Measurement]:
    """C3: finite inputs that give NaN; NaN inputs that do not; an odd function that loses the sign of zero."""
    given, exact = _truths(case, dtype)
    got = _result(evaluate, case, library, dtype).astype(np.float64)
    doubles = [ulp.double(array) for array in given.values()]
    finite = np.all([np.isfinite(array) for array in doubles], axis=0)
    nan = np.any([np.isnan(array) for array in doubles], axis=0)
    # Outside its domain, and where it has no derivative, an activation may be NaN; kinks are clause C4.
    made = np.isnan(got) & finite & ~np.isnan(exact.high)
    lost = nan & ~np.isnan(got)
    if case.wrt and lost.any() and _piecewise_linear(case, dtype):
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


def _piecewise_linear(case: Case, dtype: str) -> bool:
    given, _ = _truths(case, dtype)
    doubles = {name: ulp.double(array) for name, array in given.items()}
    name = case.activation.arrays[0]
    second = truth.derivatives(case.activation.tex, doubles, case.environment(dtype), name, 2, SLOPE).high
    return not np.nan_to_num(second[np.isfinite(doubles[name])]).any()


def _odd(exact: Truth, x: np.ndarray) -> bool:
    order = np.argsort(x)
    x, y = x[order], exact.high[order]
    finite = np.isfinite(x)
    x, y = x[finite], y[finite]
    mirrored = np.isin(-x, x)
    return bool(np.array_equal(y[mirrored], -y[mirrored][::-1]))


def _worst(
    clause: str, case: Case, library: str, dtype: str, error: np.ndarray, bound: float, given: Mapping[str, np.ndarray]
) -> Measurement:
    at = int(np.argmax(error))
    where = ", ".join(f"{name}={array[at]}" for name, array in given.items())
    return Measurement(clause, case, library, dtype, float(error[at]), bound, where)
