"""What is measured: an activation with one choice of parameters, its inputs, and the truth of its own TeX there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from xact.testing import truth, ulp
from xact.testing.ulp import Truth


@dataclass(frozen=True)
class Case:
    """An activation with one choice of parameters and options, and a quantity: its value or a derivative.

    dense: how many random inputs of float32 and float64 there are beside the special ones.
    """

    activation: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    wrt: str = ""
    dense: int = ulp.DENSE

    def __hash__(self) -> int:
        return hash((self.activation, tuple(self.parameters.items()), self.wrt, self.dense))

    def __str__(self) -> str:
        given = ", ".join(f"{name}={_short(value)}" for name, value in self.parameters.items())
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

    def truth(self, doubles: Mapping[str, np.ndarray], dtype: str, bits: int = 0) -> Truth:
        """The truth of the value or the derivative at these inputs, with so many bits or those the dtype needs."""
        tex, environment = self.activation.tex, self.environment(dtype)
        ties = {"float16": 11, "bfloat16": 8}.get(dtype, 0)
        bits = bits or (truth.EXACT if dtype == "float64" else truth.COARSE if ties else truth.CLOSE)
        if self.wrt:
            return truth.derivatives(tex, doubles, environment, self.wrt, bits=bits, ties=ties)
        return truth.values(tex, doubles, environment, bits, ties)


def cases(activation: Any, quantities: bool = True, numbers: bool = True, dense: int = ulp.DENSE) -> Iterator[Case]:
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
        yield Case(activation, parameters, dense=dense)
        if quantities:
            for name in activation.rules:
                yield Case(activation, parameters, name, dense)


def _short(value: Any) -> str:
    """Digits enough to read: 1.8238, not 1.8237999999999999."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def another(value: Any) -> Any:
    return tuple(map(another, value)) if isinstance(value, tuple) else 1.7321 * value + 0.0917


def declared(case: Case, clause: str, bound: float) -> float:
    """The bound of a clause, or the one that the definition declares, for all quantities or for this one."""
    budget = case.activation.budget
    for_all = budget.get(clause, (bound, ""))
    return budget.get(f"{clause} by {case.wrt}", for_all)[0]


def inputs(case: Case, dtype: str) -> dict[str, np.ndarray]:
    """All 65,536 numbers of a 16-bit type, a stratified grid of the others.

    The value of a gate is the same shuffled, up to 2^26 (float64: 2^62): a larger one would lift a gate below the
    normal numbers into the range where errors count.
    """
    kinks = list(case.kinks(dtype))
    points = ulp.every(dtype) if dtype in ("float16", "bfloat16") else ulp.grid(dtype, kinks, case.dense)
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
    return case.truth({name: ulp.double(array) for name, array in given.items()}, dtype)


def oscillates(case: Case) -> bool:
    """Whether a wide step, far from 0, would be many periods."""
    return "\\sin" in case.activation.tex
