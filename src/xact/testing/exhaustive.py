"""All 2^32 float32 inputs of an activation against the truth: python -m xact.testing.exhaustive gelu

One process and, on NumPy, one thread per call: several may run beside each other. Stopped, it goes on where it was; a
change of the package's code starts it anew. The record is docs/exhaustive/NAME.json.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import xact
from xact.testing import contract, record, ulp
from xact.testing.identity import defaults
from xact.testing.libraries import LIBRARIES, evaluate
from xact.testing.segments import Exact, Segment, value
from xact.testing.ulp import Truth

QUANTITIES = ("value", "derivative")
ABOVE = (0.5, 1.0, 2.0, 4.0)
# Numbers of one sign and one exponent.
UNIT = 1 << 23
UNITS = 512
# Inputs per call: below what the NumPy backend shares out over threads.
CHUNK = 1 << 18
# Inputs per comparison: the float64 temporaries stay in the cache.
BLOCK = 1 << 14
_EXPONENT = np.int64(0x7FF0_0000_0000_0000)


@dataclass
class Tally:
    """What was found so far.

    `worst` and `contract` are [ULP, bits of the input]: the whole error, and what clause C1 counts of it, which is
    less what an input 1 ULP away explains. Errors up to 2^-100 are ignored in both.
    """

    unit: int = 0
    seconds: float = 0.0
    worst: list[Any] = field(default_factory=lambda: [0.0, 0])
    contract: list[Any] = field(default_factory=lambda: [0.0, 0])
    above: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, ABOVE), 0))
    nan_made: int = 0
    nan_lost: int = 0

    def compare(self, got: np.ndarray, segment: Segment, start: int) -> None:
        """Count the results for the inputs that begin `start` numbers into the segment."""
        bits = np.arange(segment.first + start, segment.first + start + got.size, dtype=np.uint32)
        x = value(bits)
        truth = segment.at(start, x)
        error, spacing = errors(got, truth, x)
        _note(self.worst, error, bits)
        if error.max() > ABOVE[0]:
            for bound in ABOVE:
                self.above[str(bound)] += int(np.count_nonzero(error > bound))
            self.nan_made += int(np.count_nonzero(np.isnan(got) & ~np.isnan(truth)))
        # What counts is at most the whole.
        more = np.flatnonzero(error > self.contract[0])
        if more.size:
            # All inputs of a segment have one exponent.
            step = float(ulp.ulp(x[0], "float32"))
            explained = np.abs(segment.slope(start + more, x[more])) * (step / spacing[more])
            _note(self.contract, error[more] - explained, bits[more])


def _note(worst: list[Any], error: np.ndarray, bits: np.ndarray) -> None:
    at = int(np.argmax(error))
    if error[at] > worst[0]:
        worst[:] = [float(error[at]), int(bits[at])]


def errors(got: np.ndarray, truth: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The errors in ULP, as `ulp.excess` with slope 0 in a third of its time, and the ULP; 0 without a truth."""
    spacing = (truth.view(np.int64) & _EXPONENT).view(np.float64)
    spacing *= 2.0**-23
    np.maximum(spacing, 2.0**-149, out=spacing)
    error: np.ndarray = np.abs(got - truth)
    error *= error > 2.0**-100
    error /= spacing
    if not np.isfinite(error.max()):
        error = ulp.excess(got, Truth(truth, np.zeros(truth.size)), 0.0, x, "float32")
        error[np.isnan(truth)] = 0.0
    return error, spacing


class Sweep:
    """One activation, one quantity, one library: all inputs in `UNITS` units, the state on disk after each."""

    def __init__(self, name: str, quantity: str, library: str, states: Path) -> None:
        activation = xact.get(name)
        if not activation.elementwise or len(activation.arrays) != 1:
            raise ValueError(f"{activation.name} is no function of one number")
        self.case = list(defaults(activation))[QUANTITIES.index(quantity)]
        self.exact, self.quantity, self.library = Exact(self.case), quantity, library
        self.path = states / f"{activation.name}-{quantity}-{library}.json"
        self.code = _code()
        self.tally = self._stored()

    def run(self, until: int | None = None) -> Tally:
        """Go on to the unit `until`; the finite numbers of a unit are 2^23 of one sign and one exponent."""
        until = until or UNITS
        began, first = time.monotonic(), self.tally.unit
        with np.errstate(all="ignore"):
            for unit in range(first, until):
                start = time.monotonic()
                if unit % 256 == 255:
                    self._not_finite(unit * UNIT)
                else:
                    for segment in self.exact.segments(unit * UNIT, UNIT):
                        self.measure(segment)
                self.tally.unit = unit + 1
                self.tally.seconds += time.monotonic() - start
                record.write(self.path, {"code": self.code, **asdict(self.tally)})
                self._tell((unit + 1 - first) / (time.monotonic() - began), until)
        return self.tally

    def measure(self, segment: Segment) -> None:
        """Count the results of a segment."""
        for start in range(0, segment.count, CHUNK):
            count = min(CHUNK, segment.count - start)
            got = self._results(segment.first + start, count)
            for block in range(0, count, BLOCK):
                self.tally.compare(got[block : block + BLOCK], segment, start + block)

    def _not_finite(self, first: int) -> None:
        """An infinity, where the truth is the limit, and the NaNs of its sign."""
        infinity = np.asarray([value(first)], dtype=np.float64)
        limit = self.case.truth({self.case.activation.arrays[0]: infinity}, "float32").high
        self.tally.compare(self._results(first, 1), Segment(first, 1, None, limit), 0)
        if self.case.wrt and contract.piecewise_linear(self.case, "float32"):
            # One of its constants, as C3 has it.
            return
        for start in range(1, UNIT, CHUNK):
            got = self._results(first + start, min(CHUNK, UNIT - start))
            self.tally.nan_lost += int(np.count_nonzero(~np.isnan(got)))

    def _results(self, first: int, count: int) -> np.ndarray:
        given = {self.case.activation.arrays[0]: value(np.arange(first, first + count, dtype=np.uint32))}
        return evaluate(self.library, self.case.activation, given, self.case.parameters, self.case.wrt)

    def _stored(self) -> Tally:
        stored = json.loads(self.path.read_text()) if self.path.exists() else {}
        # Results of other code are not continued.
        if stored.pop("code", "") != self.code:
            return Tally()
        for found in ("worst", "contract"):
            stored[found][0] = float(stored[found][0])
        return Tally(**stored)

    def _tell(self, units: float, until: int) -> None:
        done, terminal = self.tally.unit, sys.stderr.isatty()
        if not (terminal or done % 64 == 0 or done == until):
            return
        line = (
            f"{self.case.activation.name} {self.quantity} {self.library}: {done / UNITS:.0%}, "
            f"{units * UNIT / 1e6:.0f} million inputs a second, {(until - done) / units:.0f} s left"
        )
        start, end = ("\r\033[K", "" if done < until else "\n") if terminal else ("", "\n")
        print(start + line, end=end, file=sys.stderr, flush=True)

    def summary(self) -> dict[str, Any]:
        """The record of this quantity."""
        tally = self.tally
        return {
            "inputs": tally.unit * UNIT,
            "worst": _at(tally.worst),
            "contract": _at(tally.contract),
            "above": tally.above,
            "nan_made": tally.nan_made,
            "nan_lost": tally.nan_lost,
            "seconds": round(tally.seconds),
            **record.provenance(tuple(dict.fromkeys(["numpy", self.library]))),
        }


def _at(found: list[Any]) -> dict[str, Any]:
    x = value(found[1])
    return {"ulp": round(found[0], 4), "x": float(x), "hex": float(x).hex()}


def _code() -> str:
    """A digest of what a result may depend on: the package's own files."""
    digest = hashlib.sha256()
    for path in sorted(Path(xact.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; the exit status is 1 where clause C1 or C3 is violated."""
    parser = argparse.ArgumentParser(prog="python -m xact.testing.exhaustive", description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--quantity", action="append", choices=QUANTITIES, help="both by default")
    parser.add_argument("--library", default="numpy", choices=list(LIBRARIES), help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("docs/exhaustive"), help="folder (default: %(default)s)")
    parser.add_argument(
        "--state", type=Path, default=Path.home() / ".cache/xact/exhaustive", help="folder of the state"
    )
    options = parser.parse_args(arguments)
    violated = False
    for name in options.names:
        for quantity in options.quantity or QUANTITIES:
            sweep = Sweep(name, quantity, options.library, options.state)
            tally = sweep.run()
            violated |= tally.contract[0] > contract.ACCURACY or bool(tally.nan_made or tally.nan_lost)
            keep(options.output, sweep)
    return int(violated)


def keep(folder: Path, sweep: Sweep) -> Path:
    """Put a quantity into the record of its activation, beside the other one."""
    name = sweep.case.activation.name
    path = folder / (f"{name}.json" if sweep.library == "numpy" else f"{name}-{sweep.library}.json")
    known = json.loads(path.read_text()) if path.exists() else {"name": name, "library": sweep.library}
    record.write(path, {**known, sweep.quantity: sweep.summary()})
    return path


if __name__ == "__main__":
    sys.exit(main())
