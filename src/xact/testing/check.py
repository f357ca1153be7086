"""`check`: every clause that is a figure, for one activation, as a table."""

import importlib
import math
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from xact import _display
from xact._catalogue import activation_of
from xact._extras import needs
from xact.testing import along, contract, report, ulp
from xact.testing.case import Case, cases
from xact.testing.contract import Measurement
from xact.testing.findings import findings
from xact.testing.finiteness import finiteness, limits
from xact.testing.identity import identity
from xact.testing.libraries import LIBRARIES, installed, peer
from xact.testing.rounding import rounding

DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True, repr=False)
class Report:
    """What was measured of one activation; printed, or at the end of a notebook's cell, it is a table."""

    activation: Any
    measurements: tuple[Measurement, ...]

    @property
    def violations(self) -> tuple[Measurement, ...]:
        return tuple(one for one in self.measurements if not one.passed)

    @cached_property
    def findings(self) -> list[str]:
        """What is wrong, a sentence each: an input to try, what the formula gives there, and the body or rule."""
        return findings(self.violations)

    def __str__(self) -> str:
        return "\n".join([*self.findings, self.clauses(), self._closing(), *report.LEGEND])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns, rows = self._table()
        head = ("clause", "dtype", *columns, "at most", "worst")
        return _display.table(head, rows, above=self.findings, below=[self._closing(), *report.LEGEND])

    def clauses(self) -> str:
        """A row per clause and dtype: the largest figure on each library, and the worst input of all."""
        columns, rows = self._table()
        head = f"{'clause':<16}{'dtype':<10}{''.join(f'{name:>14}' for name in columns)}{'at most':>10}  worst"
        lines = [
            f"{clause:<16}{dtype:<10}{''.join(f'{cell:>14}' for cell in cells)}{bound:>10}  {where}"
            for clause, dtype, *cells, bound, where in rows
        ]
        return "\n".join([head, *lines])

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The libraries; rows of clause, dtype, a figure for each library or pair of them, bound, worst input."""
        found: dict[tuple[str, str], dict[str, Measurement]] = {}
        for one in self.measurements:
            row = found.setdefault((one.clause, one.dtype), {})
            if one.library not in row or _share(one) > _share(row[one.library]):
                row[one.library] = one
        columns = list(dict.fromkeys(one.library for one in self.measurements if "/" not in one.library))
        return columns, [_row(clause, dtype, row, len(columns)) for (clause, dtype), row in found.items()]

    def _closing(self) -> str:
        return f"{self.activation.name}: {len(self.measurements)} measurements, {len(self.violations)} violations"


def _row(clause: str, dtype: str, row: dict[str, Measurement], width: int) -> list[str]:
    """Figures of libraries stand under their names, those of two of them beside both; * is a violation."""
    figures = [f"{one.figure:.4g}" + ("" if one.passed else "*") for one in row.values()]
    cells = [f"{name} {figure}" if "/" in name else figure for name, figure in zip(row, figures, strict=True)]
    worst = max(row.values(), key=_share)
    where = f"{worst.case} at {worst.worst} ({worst.library})" if worst.figure and worst.worst else "-"
    cells += [""] * (width - len(cells))
    return [clause, dtype, *cells, f"{worst.bound:g}", where]


def check(
    f: Any,
    libraries: Sequence[str] | None = None,
    dtypes: Sequence[str] = DTYPES,
    progress: Callable[[str], Any] | None = None,
    peers: bool = False,
    inputs: int = ulp.DENSE,
) -> Report:
    """Measure an activation: error in ULP, 16-bit rounding, NaN, kinks, equality of the libraries.

    f: an activation or its name; its `tex` is the formula the truth is computed from.
    libraries: of "numpy", "jax", "torch"; those installed by default.
    dtypes: of "float32", "float64", "float16", "bfloat16".
    inputs: random float32 and float64 inputs beside the special ones; more find errors that few do not.
    peers: measure torch's and jax's own functions of that name too; whatever they do is no violation.
    progress: called with a line before each group of measurements; prints to stderr on a terminal by default.
    Returns a `Report`: `print(report)` shows the table, `report.violations` is empty where the contract holds.
    Raises ValueError where the activation declares no formula, or one that cannot be read or has no value at some
    input, where the activation cannot be evaluated, and for arguments that it does not take.
    """
    if inputs < 0:
        raise ValueError(f"xact.testing.check: `inputs` is a number of inputs, got {inputs}")
    _all_of("libraries", libraries or (), LIBRARIES)
    _all_of("dtypes", dtypes, DTYPES)
    activation = activation_of("check", f)
    if not activation.tex:
        raise ValueError(f"{activation.name} declares no formula; give @activation(tex=...) to check it against")
    chosen = installed() if libraries is None else list(libraries)
    for library in chosen:
        with needs(f"xact.testing.check({activation.name!r}, libraries={chosen!r})", library):
            importlib.import_module(library)
    tell = progress or show
    found: list[Measurement] = []
    for case in cases(activation, dense=inputs):
        for dtype in dtypes:
            tell(f"{case} {dtype}")
            try:
                found += measure(case, chosen, dtype)
                found += measure_peers(case, chosen, dtype) if peers else ()
            except ArithmeticError as error:
                cure = r"say so with \begin{cases} ... & x > 0 \end{cases}"
                raise ValueError(f"{error}; where {activation.name} has no value, {cure}") from error
    tell("")
    return Report(activation, tuple(found))


def _all_of(argument: str, given: Sequence[str], known: Collection[str]) -> None:
    if isinstance(given, str) or not {*given} <= {*known}:
        listed = ", ".join(map(repr, known))
        raise ValueError(f"xact.testing.check: `{argument}` is a list of names of {listed}; got {given!r}")


def measure(case: Case, libraries: Sequence[str], dtype: str) -> Iterator[Measurement]:
    """All clauses of one case in one dtype."""
    for library in libraries:
        if case.activation.elementwise:
            yield from finiteness(case, library, dtype)
        yield from _accuracy(case, library, dtype)
    if not case.activation.elementwise:
        return
    if dtype in ("float16", "bfloat16"):
        for index, one in enumerate(libraries):
            for other in libraries[index + 1 :]:
                yield identity(case, one, other, dtype)


def _accuracy(case: Case, library: str, dtype: str, own: Any = None) -> Iterator[Measurement]:
    wide = dtype in ("float32", "float64")
    if not case.activation.elementwise:
        if wide and not case.wrt:
            yield from along.accuracy_along(case, library, dtype, own)
    elif wide:
        yield from contract.accuracies(case, library, dtype, own)
    else:
        yield from rounding(case, library, dtype, own)


def measure_peers(case: Case, libraries: Sequence[str], dtype: str) -> Iterator[Measurement]:
    """Accuracy of the libraries' own functions, as measurements without a bound; nothing for a case they lack."""
    if case.wrt and case.wrt not in case.activation.arrays:
        return
    for library in libraries:
        own = peer(library, case.activation)
        try:
            found = list(_accuracy(case, library, dtype, own)) if own else []
            if own and case.activation.elementwise:
                found.append(limits(case, library, dtype, own))
        except (TypeError, ValueError, RuntimeError):
            # It takes no such parameter or dtype.
            continue
        yield from (replace(one, library=f"{library}.nn", bound=math.inf) for one in found)


def _share(one: Measurement) -> float:
    return one.figure / one.bound if 0 < one.bound < math.inf else one.figure


def show(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
