"""Clause C1 for activations along an axis: the value of rows, and the pullback of a random cotangent."""

from typing import Any

import numpy as np

from xact.backends import numpy
from xact.testing import truth, ulp
from xact.testing.case import Case, declared
from xact.testing.contract import ACCURACY, Measurement
from xact.testing.libraries import evaluate, pull
from xact.testing.ulp import Truth


def rows(dtype: str, seed: int = 0) -> list[np.ndarray]:
    """Rows of three lengths, those of one in one array; the long ones plain, spread, almost certain and with ties."""
    random = np.random.default_rng(seed)
    long = [
        random.standard_normal((6, 11)),
        random.standard_normal((6, 11)) * 30,
        np.concatenate([random.standard_normal((4, 10)), np.full((4, 1), 40.0)], axis=1),
        np.round(random.standard_normal((4, 11))) * 1e3,
    ]
    drawn = [random.standard_normal((4, 1)), random.standard_normal((6, 2)) * 8, np.concatenate(long)]
    return [row.astype(dtype) for row in drawn]


def accuracy_along(case: Case, library: str, dtype: str, function: Any = None) -> list[Measurement]:
    """C1 for an activation along an axis: value, and pullback of a random cotangent; or for `function` in its place."""
    measured = function or case.activation
    tex, environment = case.activation.tex, case.environment(dtype)
    name = case.activation.arrays[0]
    given = {**case.parameters, "axis": -1}
    found = []
    for index, x in enumerate(rows(dtype)):
        double = {name: ulp.double(x)}
        exact = truth.values_along(tex, double, environment)
        # A formula without a free index gives one number per row.
        jacobian = truth.jacobian_along(tex, double, environment, name).high.reshape(len(x), -1, x.shape[-1])
        step = ulp.ulp(double[name], dtype)
        explained = (np.abs(jacobian) @ step[..., None])[..., 0]
        # Of the result, or where a row has one number, of what it is made of.
        terms = exact.high if exact.high.ndim > 1 else double[name]
        explained += declared(case, "C1 row", 0.0) * _largest(terms, dtype)
        got = evaluate(library, measured, {name: x}, given)
        found.append(_along("C1", case, library, dtype, got, exact, explained, x))
        dy = np.random.default_rng(index).standard_normal(got.shape).astype(dtype)
        wide = ulp.double(dy)
        pulled = truth.pullback_along(tex, double, environment, wide, name)
        moved = np.abs(np.swapaxes(jacobian, -1, -2)) @ ulp.ulp(wide, dtype).reshape(len(x), -1, 1)
        explained = moved[..., 0]
        for k in range(x.shape[-1]):
            beside = {name: double[name] + step * (np.arange(x.shape[-1]) == k)}
            explained += np.abs(truth.pullback_along(tex, beside, environment, wide, name).high - pulled.high)
        explained += _by_saved_value(case, ulp.double(x), wide, dtype)
        explained += declared(case, "C1 pullback row", 0.0) * _largest(pulled.high, dtype)
        got = pull(library, measured, x, given, dy)
        found.append(_along("C1 pullback", case, library, dtype, got, pulled, explained, x))
    return found


def _largest(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """The ULP of the largest number of each row, for a definition that counts errors in them."""
    return ulp.ulp(np.max(np.abs(numbers), axis=-1, keepdims=True), dtype)


def _by_saved_value(case: Case, x: np.ndarray, dy: np.ndarray, dtype: str) -> np.ndarray:
    """How far the cotangent moves when an entry of `y` moves by 1 ULP, where `y` is what the rule is given."""
    rule = case.activation.pullbacks[case.activation.arrays[0]]
    if "y" not in rule.names:
        return np.zeros(x.shape)
    y = case.activation(x, **case.parameters, axis=-1)
    values = {**case.activation.defaults, **case.parameters, "axis": -1, "x": x, "dy": dy, "y": y}
    at, moved = rule(values, numpy.xp), np.zeros(x.shape)
    for k in range(x.shape[-1]):
        # Large enough for the difference quotient to have digits.
        step = 2.0**-20 * np.maximum(np.abs(y[:, k : k + 1]), 2.0**-900)
        beside = y + step * (np.arange(x.shape[-1]) == k)
        moved += np.abs(rule({**values, "y": beside}, numpy.xp) - at) / step * ulp.ulp(y[:, k : k + 1], dtype)
    return moved


def _along(
    clause: str, case: Case, library: str, dtype: str, got: np.ndarray, exact: Truth, explained: np.ndarray, x: Any
) -> Measurement:
    if exact.high.ndim == 1:
        got, exact, x = got[:, None], Truth(exact.high[:, None], exact.low[:, None]), x[:, :1]
    unit = ulp.ulp(ulp.double(x), dtype)
    with np.errstate(over="ignore"):
        # At a kink there is no truth.
        error = np.where(np.isnan(exact.high), 0.0, ulp.excess(got, exact, explained / unit, x, dtype))
    at = np.unravel_index(int(np.argmax(error)), error.shape)
    bound = declared(case, f"{clause} {dtype}", ACCURACY)
    return Measurement(clause, case, library, dtype, float(error[at]), bound, f"entry {at[1]} of {x[at[0]]}")
