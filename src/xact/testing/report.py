"""What `xact check` prints and stores: a line per activation, quantity and dtype, with a column per library."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from xact.testing.case import Case, cases
from xact.testing.contract import STRETCH, Measurement, piecewise_linear

Row = dict[str, Any]
_ACCURACY = ("C1", "C1 pullback", "C2 error")
LEGEND = (
    "C1: error in ULP beyond what an input 1 ULP away explains; stretch: all of it; pullback: along an axis",
    "C2: of 16 bits, error in ULP, inputs of 65,536 not correctly rounded, or differing between libraries (identity)",
    "C3: inputs where a number gives NaN (made), NaN gives a number (lost), zero has the wrong sign; *: a violation",
)
NOTES = "n: NaN at an infinity, where there is a limit; whole: without the input 1 ULP away; *: a violation"
_LEFT = 22 + 13 + 9
# The libraries' own functions stand in columns of their own.
OWN = "jax.nn/torch.nn"


def rows(measurements: Iterable[Measurement]) -> list[Row]:
    """The worst error in ULP over all parameters, as a row per activation, quantity and dtype.

    `ulp` by library, torch.nn and jax.nn for the libraries' own functions; `whole` without what an input 1 ULP away
    explains (float32 and float64); `misrounded` (16 bits); `no_limit` where NaN stands for the limit at an infinity.
    """
    found: dict[tuple[str, str, str], Row] = {}
    names = dict.fromkeys(_ACCURACY, "ulp") | {
        "C1 stretch": "whole",
        "C2 misrounded": "misrounded",
        "C3 limit": "no_limit",
    }
    for one in measurements:
        if one.clause not in names:
            continue
        own = one.library.endswith(".nn")
        if one.clause == "C1 stretch" and own or one.clause == "C3 limit" and not one.figure:
            continue
        key = (one.case.activation.name, quantity(one), one.dtype)
        row = found.setdefault(key, dict(zip(("name", "quantity", "dtype"), key, strict=True)))
        column = row.setdefault(names[one.clause], {})
        column[one.library] = max(_short(one.figure), column.get(one.library, 0))
    return list(found.values())


def quantity(one: Measurement) -> str:
    if one.clause == "C1 pullback":
        return "pullback"
    wrt = one.case.wrt
    return "value" if not wrt else "derivative" if [wrt] == [*one.case.activation.arrays] else f"by {wrt}"


def identity_rows(measurements: Iterable[Measurement]) -> list[Row]:
    """A row per activation, quantity and dtype: inputs that differ (16 bits), or the largest distance in ULP."""
    found: dict[tuple[str, str, str], Row] = {}
    for one in measurements:
        key = (one.case.activation.name, quantity(one), one.dtype)
        row = found.setdefault(key, dict(zip(("name", "quantity", "dtype"), key, strict=True)) | {"apart": {}})
        row["apart"][one.library] = _short(one.figure)
    return list(found.values())


def table(
    rows: Sequence[Row], libraries: Sequence[str], violations: Sequence[Measurement] = (), narrow: bool = False
) -> str:
    """The rows as text; a figure with * violates the contract. Narrow: the name on a line of its own."""
    wrong = {(one.case.activation.name, quantity(one), one.dtype, one.library) for one in violations}
    columns = _columns(libraries)
    lines = [_line(row, columns, wrong, narrow) for row in rows]
    return "\n".join([*dict.fromkeys(row["name"] for row in rows), *lines] if narrow else lines)


def heading(libraries: Sequence[str], narrow: bool = False) -> str:
    wide = 9 if narrow else 11
    return f"{'error in ULP':<{_LEFT - 22 * narrow}}" + "".join(
        f"{name:>{wide}}" for name in [*_columns(libraries), "whole"]
    )


def _columns(libraries: Sequence[str]) -> list[str]:
    return [*libraries, *(f"{name}.nn" for name in ("torch", "jax") if name in libraries)]


def _line(row: Row, columns: Sequence[str], wrong: set[tuple[str, str, str, str]], narrow: bool) -> str:
    key = (row["name"], row["quantity"], row["dtype"])
    cells = [cell(row, column) + ("*" if (*key, column) in wrong else "") for column in columns]
    cells.append(figure(whole(row)))
    first, wide = ("", 9) if narrow else (f"{key[0]:<22}", 11)
    return f"{first}{key[1]:<13}{key[2]:<9}" + "".join(f"{text:>{wide}}" for text in cells)


def grouped(violations: Sequence[Measurement]) -> list[str]:
    """The worst of each clause and quantity, and how many more there are."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in violations:
        groups.setdefault((one.clause, one.case.wrt), []).append(one)
    lines = []
    for group in groups.values():
        worst = max(group, key=lambda one: one.figure)
        more = f", and {len(group) - 1} more: --verbose" if len(group) > 1 else ""
        lines.append(f"{worst}{more}")
    return lines


def cell(row: Row, column: str) -> str:
    """A figure, with n where the function gives NaN at an infinity for a limit that exists."""
    return figure(row.get("ulp", {}).get(column)) + ("n" if row.get("no_limit", {}).get(column) else "")


def whole(row: Row) -> float | None:
    """The worst whole error of the libraries."""
    return max(row.get("whole", {}).values(), default=None)


def figure(number: float | str | None) -> str:
    """Four digits; a hyphen for nothing. JSON holds infinity as text."""
    if number is None:
        return "-"
    number = float(number)
    return f"{number:.4g}" if number < 1e4 or math.isinf(number) else f"{number:.0e}"


def identity_heading(pairs: Sequence[str]) -> str:
    return f"{'':<22}{'':<13}{'':<9}" + "".join(f"{pair:>16}" for pair in pairs)


def identity_table(rows: Sequence[Row], pairs: Sequence[str]) -> str:
    lines = []
    for row in rows:
        cells = "".join(f"{figure(row['apart'].get(pair)):>16}" for pair in pairs)
        lines.append(f"{row['name']:<22}{row['quantity']:<13}{row['dtype']:<9}{cells}")
    return "\n".join(lines)


def medians(rows: Sequence[Row], pairs: Sequence[str]) -> list[Row]:
    """Median and largest figure over the functions, by dtype, value or derivative, and pair."""
    found = []
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        for what in ("value", "derivative"):
            chosen = [
                row for row in rows if row["dtype"] == dtype and (row["quantity"] == "value") == (what == "value")
            ]
            # Functions that both libraries have, so that the medians are of the same ones.
            both = [row for row in chosen if OWN in row["apart"]]
            apart = {
                pair: [median(values), max(values)]
                for pair in pairs
                if (values := [row["apart"][pair] for row in both if pair in row["apart"]])
            }
            found.append({"dtype": dtype, "quantity": what, "functions": len(both), "apart": apart})
    return [row for row in found if row["apart"]]


def stretch(measurements: Iterable[Measurement]) -> list[Row]:
    """How many activations, with their default parameters, have a whole error of at most 4 ULP in float32 and float64.

    Counted are those of one array that are not piecewise linear, each by its worst library.
    """
    worst: dict[str, dict[Any, float]] = {"value": {}, "derivative": {}}
    for one in measurements:
        if one.clause != "C1 stretch" or one.library.endswith(".nn") or len(one.case.activation.arrays) > 1:
            continue
        if one.case.parameters == _default(one.case.activation).parameters:
            errors = worst["derivative" if one.case.wrt else "value"]
            errors[one.case.activation] = max(one.figure, errors.get(one.case.activation, 0.0))
    curved = {activation for activation in worst["value"] if not piecewise_linear(_default(activation), "float32")}
    found = []
    for what, errors in worst.items():
        counted = [error for activation, error in errors.items() if activation in curved]
        found.append({"quantity": what, "met": sum(error <= STRETCH for error in counted), "of": len(counted)})
    return found


def _default(activation: Any) -> Case:
    return next(cases(activation, quantities=False))


def _short(number: float) -> float:
    """Four digits are enough, and make a small file."""
    if not math.isfinite(number):
        return number
    short = float(f"{number:.4g}")
    return int(short) if short == int(short) else short
