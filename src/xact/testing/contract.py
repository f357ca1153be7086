"""The clauses of the contract that are figures: C1 accuracy and C2 16 bits, as measurements.

Each measurement evaluates one activation, with one choice of parameters, on one library in one dtype, against the
truth of its own TeX. The test-suite asserts them for the catalogue, `xact.testing.check` for any activation.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from xact.testing import truth, ulp
from xact.testing.libraries import evaluate
from xact.testing.ulp import Truth

ACCURACY = 4.0
IDENTITY = 8
# Bits of a slope that says how far a result moves.
SLOPE = 12
# What the whole error aims at.
STRETCH = 4.0


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
        if self.activation.sampled and "lower" in values:
            # In evaluation the mean of the bounds stands for what would be drawn.
            mean = np.array((values["lower"] + values["upper"]) / 2)
            values["a"] = float(ulp.double(mean.astype(ulp.dtype_of(dtype))))
        compute: Any = np.float64 if dtype == "float64" else np.float32
        held = {name: value for name, value in values.items() if isinstance(value, (int, float, str, tuple))}
        held |= {name: float(compute(value)) for name, value in held.items() if isinstance(value, float)}
        return held | {name: tuple(compute(v).tolist()) for name, v in held.items() if isinstance(v, tuple)}

    def kinks(self, dtype: str) -> dict[float, Any]:
        """Points without a derivative, and the derivative declared there."""
        return self.activation.kinks_at(self.environment(dtype))


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
def truths(case: Case, dtype: str) -> tuple[dict[str, np.ndarray], Truth]:
    """Inputs and the truth."""
    given = inputs(case, dtype)
    return given, truth_at(case, given, dtype)


def truth_at(case: Case, given: Mapping[str, np.ndarray], dtype: str) -> Truth:
    """The truth at inputs of the dtype."""
    return quantity(case, {name: ulp.double(array) for name, array in given.items()}, dtype)


def explained(case: Case, given: Mapping[str, np.ndarray], dtype: str) -> np.ndarray:
    """The error that inputs 1 ULP away explain."""
    doubles = {name: ulp.double(array) for name, array in given.items()}
    total = np.zeros(next(iter(given.values())).shape)
    for name, array in given.items():
        total += slope(case, doubles, name, array, dtype)
    for name in case.activation.body.parameters:
        total += declared(case, "parameters", 0) * _moved(case, doubles, name, dtype)
    return total


def _moved(case: Case, doubles: Mapping[str, np.ndarray], name: str, dtype: str) -> np.ndarray:
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
        total = total + _difference(case, doubles, beside, doubles, dtype)
    return total


def _wider(case: Case, dtype: str) -> float:
    """A difference is taken over a step of so many ULP, that 40 bits of both ends are enough."""
    if _oscillates(case):
        return 1.0
    return 2.0**32 if dtype == "float64" else 2.0**4


def _oscillates(case: Case) -> bool:
    """Whether a wide step, far from 0, would be many periods."""
    return "\\sin" in case.activation.tex


def _difference(case: Case, here: Mapping[str, Any], beside: Case, there: Mapping[str, Any], dtype: str) -> np.ndarray:
    """How far the truth moves with 1 ULP, from a wider step."""
    bits = truth.EXACT if _oscillates(case) else truth.CLOSE
    near, far = (quantity(*one, dtype, bits) for one in ((case, here), (beside, there)))
    with np.errstate(all="ignore"):
        moved = np.abs((far.high - near.high) + (far.low - near.low)) / _wider(case, dtype)
    return np.where(np.isfinite(moved), moved, 0.0)


def quantity(case: Case, doubles: Mapping[str, np.ndarray], dtype: str, bits: int = 0) -> Truth:
    """The truth of the value or the derivative at these inputs, with so many bits or those the dtype needs."""
    tex, environment = case.activation.tex, case.environment(dtype)
    ties = {"float16": 11, "bfloat16": 8}.get(dtype, 0)
    bits = bits or (truth.EXACT if dtype == "float64" else truth.COARSE if ties else truth.CLOSE)
    if case.wrt:
        return truth.derivatives(tex, doubles, environment, case.wrt, bits=bits, ties=ties)
    return truth.values(tex, doubles, environment, bits, ties)


@lru_cache(maxsize=16)
def results(case: Case, library: str, dtype: str, function: Any = None) -> np.ndarray:
    """What a library gives for the activation, or for a function in its place; several clauses ask for it."""
    return evaluate(library, function or case.activation, inputs(case, dtype), case.parameters, case.wrt)


def slope(case: Case, doubles: Mapping[str, np.ndarray], name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    """How far the truth moves when one input moves by 1 ULP."""
    step = np.where(np.isfinite(doubles[name]), ulp.ulp(doubles[name], dtype), 0.0)
    if case.wrt in ("", name):
        order = 2 if case.wrt else 1
        steep = truth.derivatives(case.activation.tex, doubles, case.environment(dtype), name, order, SLOPE).high
        with np.errstate(all="ignore"):
            moved = np.abs(steep) * step
        return np.where(np.isfinite(moved), moved, 0.0)
    with np.errstate(all="ignore"):
        beside = {**doubles, name: doubles[name] + step * _wider(case, dtype)}
    return _difference(case, doubles, case, beside, dtype)


def skipped(case: Case, given: Mapping[str, np.ndarray], exact: Truth, library: str, dtype: str) -> np.ndarray:
    """Points that have no truth, or that XLA's CPU flushes: subnormal inputs and results."""
    skip = np.isnan(exact.high)
    if len(given) > 1:
        skip |= np.any([~np.isfinite(ulp.double(array)) for array in given.values()], axis=0)
    if case.wrt:
        kinks = list(case.kinks(dtype))
        # Next to a kink that is no number of the dtype, either side's derivative will do.
        held = ulp.double(np.asarray(kinks).astype(ulp.dtype_of(dtype)))
        between = [kink for kink, near in zip(kinks, held, strict=True) if np.isfinite(kink) and near != kink]
        for array in given.values():
            skip |= np.isin(ulp.double(array), kinks)
            for kink in between:
                with np.errstate(invalid="ignore"):
                    skip |= np.abs(ulp.double(array) - kink) < ulp.ulp(np.asarray(kink), dtype)
    if _oscillates(case) and dtype in ("float32", "float64"):
        # Where 1 ULP is no small part of a period, first order does not say what an input so far away gives.
        first = np.abs(ulp.double(next(iter(given.values()))))
        skip |= np.isfinite(first) & (first > (2.0**26 if dtype == "float64" else 2.0**12))
    if _oscillates(case) and case.wrt:
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


def _unexplained(
    case: Case, given: Mapping[str, np.ndarray], got: np.ndarray, exact: Truth, whole: np.ndarray, dtype: str
) -> np.ndarray:
    """What inputs 1 ULP away leave of the largest errors; whole are those that are less than the worst of these.

    What they explain takes a truth of one order more: from the largest on, few inputs need it, except where the
    numbers of a parameter explain most.
    """
    beyond, order = np.zeros(whole.shape), np.argsort(-whole)[: np.count_nonzero(whole)]
    size = order.size if "parameters" in case.activation.budget else 256
    while order.size and whole[order[0]] > max(beyond.max(), 0.5):
        # In the order of the inputs, in which the truth of all of them is kept for the next library.
        chosen, order = np.sort(order[:size]), order[size:]
        part = {name: array[chosen] for name, array in given.items()}
        first = next(iter(part.values()))
        unit = ulp.ulp(ulp.double(first), dtype)
        with np.errstate(over="ignore"):
            slope = explained(case, part, dtype) / np.where(np.isfinite(unit), unit, 1.0)
        truth = Truth(exact.high[chosen], exact.low[chosen])
        beyond[chosen] = ulp.excess(got[chosen], truth, slope, first, dtype)
    beyond[order] = whole[order]
    return beyond


def declared(case: Case, clause: str, bound: float) -> float:
    """The bound of a clause, or the one that the definition declares, for all quantities or for this one."""
    budget = case.activation.budget
    for_all = budget.get(clause, (bound, ""))
    return budget.get(f"{clause} by {case.wrt}", for_all)[0]


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
