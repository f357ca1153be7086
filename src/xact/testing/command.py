"""`xact check`: measures, prints as it goes, and closes with the summary."""

import math
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from xact._activation import Activation
from xact._display import wrapped
from xact.testing import record, report, ulp
from xact.testing.check import check, show
from xact.testing.contract import IDENTITY, STRETCH, Measurement
from xact.testing.identity import identities


def accuracy(
    activations: Sequence[Activation],
    libraries: Sequence[str],
    dtypes: Sequence[str],
    file: str | None,
    named: bool,
    verbose: bool,
    inputs: int | None,
) -> int:
    """Every clause that is a figure, and the libraries' own functions beside; 1 where the contract is violated.

    named: whether each activation was asked for, so that one that cannot be measured counts as a violation.
    """
    found: list[Measurement] = []
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < len(report.heading(libraries))
    heading = [report.heading(libraries, narrow)]

    def measure(activation: Activation, progress: Callable[[str], Any]) -> Sequence[Measurement]:
        checked = check(
            activation, libraries, dtypes, progress, peers=True, inputs=ulp.DENSE if inputs is None else inputs
        )
        lead = f"{activation.name}: " if len(activations) > 1 else ""
        for text in checked.findings:
            print(wrapped(lead + text))
        if heading:
            print(heading.pop())
        print(report.table(report.rows(checked.measurements), libraries, checked.violations, narrow))
        if verbose:
            print(checked.clauses())
        found.extend(checked.measurements)
        return checked.violations

    violations, missing = _each(activations, measure, verbose)
    stretch = report.stretch(found)
    ours = sum(math.isfinite(one.bound) for one in found)
    if violations or verbose:
        print("\n".join(map(wrapped, report.LEGEND)))
    if found:
        print(wrapped(report.NOTES))
    counts = {"activation": len(activations) - len(missing), "measurement": ours, "violation": len(violations)}
    print(", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items()))
    if not found and not missing:
        print("nothing to measure: functions along an axis are measured in float32 and float64")
    for one in (one for one in stretch if one["of"]):
        print(
            wrapped(
                f"whole error at most {STRETCH:g} ULP with default parameters in float32 and float64: "
                f"{one['met']} of {one['of']} {one['quantity']}s (of one array, not piecewise linear)"
            )
        )
    if file:
        summary = {"activations": len(activations) - len(missing), "measurements": ours, "violations": len(violations)}
        content = {"summary": summary, "stretch": stretch, "missing": missing, "rows": report.rows(found)}
        record.write(Path(file), record.provenance(libraries) | content)
    return int(bool(violations or named and missing))


def identity(
    activations: Sequence[Activation], libraries: Sequence[str], dtypes: Sequence[str], file: str | None, named: bool
) -> int:
    """How far the libraries are from each other; 1 where more than 8 of 65,536 16-bit results differ."""
    pairs = ["/".join(pair) for pair in combinations(libraries, 2)]
    columns = [*pairs, report.OWN] if {"jax", "torch"} <= set(libraries) else pairs
    found: list[Measurement] = []
    print(
        "float16, bfloat16: of 65,536 inputs, those whose results differ in any bit; else the largest distance in ULP"
    )
    print(report.identity_heading(columns))

    def measure(activation: Activation, progress: Callable[[str], Any]) -> Sequence[Measurement]:
        if not activation.elementwise:
            if named:
                raise ValueError("along an axis no two libraries promise the same bits")
            return []
        progress(activation.name)
        measured = list(identities(activation, libraries, dtypes))
        progress("")
        print(report.identity_table(report.identity_rows(measured), columns))
        found.extend(measured)
        return [one for one in measured if not one.passed]

    violations, missing = _each(activations, measure, verbose=True)
    rows = report.identity_rows(found)
    medians = report.medians(rows, columns)
    for one in medians:
        apart = ", ".join(f"{pair} {report.figure(middle)}" for pair, (middle, _) in one["apart"].items())
        print(f"median of {one['functions']} {one['quantity']}s that torch and jax have too, {one['dtype']}: {apart}")
    print(f"{len(found)} measurements, {len(violations)} violations (more than {IDENTITY} inputs, or the budget)")
    if file:
        content = {"violations": len(violations), "missing": missing, "medians": medians, "rows": rows}
        record.write(Path(file), record.provenance(libraries) | content)
    return int(bool(violations or named and missing))


def _progress(position: str, line: str) -> None:
    show(line and position + line)


def _each(
    activations: Sequence[Activation],
    measure: Callable[[Activation, Callable[[str], Any]], Sequence[Measurement]],
    verbose: bool,
) -> tuple[list[Measurement], dict[str, str]]:
    """Violations, printed as they are found, and why some activations cannot be measured."""
    violations: list[Measurement] = []
    missing: dict[str, str] = {}
    for index, activation in enumerate(activations, 1):
        try:
            new = measure(activation, partial(_progress, f"[{index}/{len(activations)}] "))
        except ValueError as error:
            show("")
            missing[activation.name] = str(error)
            print(wrapped(f"not measured: {error}", f"{activation.name:<22}"), flush=True)
            continue
        violations += new
        for text in map(str, new) if verbose else report.grouped(new):
            print(wrapped(text, "  "))
        sys.stdout.flush()
    return violations, missing
