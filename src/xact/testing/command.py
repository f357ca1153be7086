"""`xact check`: measures, prints as it goes, and closes with the summary."""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from xact._catalogue import get
from xact.testing import record, report, ulp
from xact.testing.check import DTYPES, check, show
from xact.testing.contract import IDENTITY, STRETCH, Measurement
from xact.testing.identity import identities
from xact.testing.libraries import installed


def accuracy(
    names: Sequence[str],
    libraries: Sequence[str] | None,
    dtypes: Sequence[str] | None,
    file: str | None,
    verbose: bool,
    inputs: int | None,
) -> int:
    """Every clause that is a figure, and the libraries' own functions beside; 1 where the contract is violated."""
    libraries, dtypes = libraries or installed(), dtypes or DTYPES
    found: list[Measurement] = []
    print(f"error in ULP{report.heading(libraries)[12:]}")

    def measure(name: str, progress: Callable[[str], Any]) -> Sequence[Measurement]:
        checked = check(
            get(name), libraries, dtypes, progress, peers=True, inputs=ulp.DENSE if inputs is None else inputs
        )
        print(report.table(report.rows(checked.measurements), libraries, checked.violations))
        if verbose:
            print(checked)
        found.extend(checked.measurements)
        return checked.violations

    violations, missing = _each(names, measure)
    stretch = report.stretch(found)
    ours = sum(math.isfinite(one.bound) for one in found)
    print("  n: NaN at an infinity, where there is a limit; whole: without the input 1 ULP away; *: a violation")
    print(f"{len(names) - len(missing)} activations, {ours} measurements, {len(violations)} violations")
    for one in stretch:
        print(
            f"whole error at most {STRETCH:g} ULP with default parameters in float32 and float64: "
            f"{one['met']} of {one['of']} {one['quantity']}s (of one array, not piecewise linear)"
        )
    if file:
        summary = {"activations": len(names) - len(missing), "measurements": ours, "violations": len(violations)}
        content = {"summary": summary, "stretch": stretch, "missing": missing, "rows": report.rows(found)}
        record.write(Path(file), record.provenance(libraries) | content)
    return int(bool(violations))


def identity(
    names: Sequence[str], libraries: Sequence[str] | None, dtypes: Sequence[str] | None, file: str | None
) -> int:
    """How far the libraries are from each other; 1 where more than 8 of 65,536 16-bit results differ."""
    libraries, dtypes = libraries or installed(), dtypes or DTYPES
    pairs = ["/".join(pair) for pair in combinations(libraries, 2)]
    columns = [*pairs, report.OWN] if {"jax", "torch"} <= set(libraries) else pairs
    found: list[Measurement] = []
    print(
        "float16, bfloat16: of 65,536 inputs, those whose results differ in any bit; else the largest distance in ULP"
    )
    print(report.identity_heading(columns))

    def measure(name: str, progress: Callable[[str], Any]) -> Sequence[Measurement]:
        activation = get(name)
        if not activation.elementwise:
            return []
        progress(name)
        measured = list(identities(activation, libraries, dtypes))
        progress("")
        print(report.identity_table(report.identity_rows(measured), columns))
        found.extend(measured)
        return [one for one in measured if not one.passed]

    violations, missing = _each(names, measure)
    rows = report.identity_rows(found)
    medians = report.medians(rows, columns)
    for one in medians:
        apart = ", ".join(f"{pair} {report.figure(middle)}" for pair, (middle, _) in one["apart"].items())
        print(f"median of {one['functions']} {one['quantity']}s that torch and jax have too, {one['dtype']}: {apart}")
    print(f"{len(found)} measurements, {len(violations)} violations (more than {IDENTITY} inputs, or the budget)")
    if file:
        content = {"violations": len(violations), "missing": missing, "medians": medians, "rows": rows}
        record.write(Path(file), record.provenance(libraries) | content)
    return int(bool(violations))


def _progress(position: str, line: str) -> None:
    show(line and position + line)


def _each(
    names: Sequence[str], measure: Callable[[str, Callable[[str], Any]], Sequence[Measurement]]
) -> tuple[list[Measurement], dict[str, str]]:
    """Violations, printed as they are found, and why some activations cannot be measured."""
    violations: list[Measurement] = []
    missing: dict[str, str] = {}
    for index, name in enumerate(names, 1):
        try:
            new = measure(name, partial(_progress, f"[{index}/{len(names)}] "))
        except ValueError as error:
            missing[name] = str(error)
            print(f"{name:<22}not measured: {error}", flush=True)
            continue
        violations += new
        for one in new:
            print(f"  {one}")
        sys.stdout.flush()
    return violations, missing
