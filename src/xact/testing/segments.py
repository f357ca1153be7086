"""The truth at every float32 of a range, cheaply: Taylor polynomials on segments of consecutive numbers.

A ball for each of 2^32 inputs would take months. On a segment short against the distance to the nearest singularity
a polynomial of degree 4 is as good: its coefficients are those of the formula's Taylor series at the centre, enclosed
in balls, and it is evaluated in float64. A segment is accepted where three things hold to `ACCURACY`: the first terms
left out, the rounding of float64 against what the terms cancel to, and the balls at both ends, where a Taylor
polynomial is worst. Otherwise it is halved; the shortest are balls throughout.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from .case import Case
from .fields import exact
from .formula import Formula
from .series import Series
from .truth import enclose

DEGREE = 4
# Relative. Half a ULP of float32 is 2^-25.
ACCURACY = 2.0**-40
# Absolute: errors under 2^-100 do not count.
NEGLIGIBLE = 2.0**-140
SHORTEST = 64


@dataclass(frozen=True)
class Segment:
    """Consecutive float32 numbers of one sign, by their bits, and the truth there.

    With a `centre` c, `numbers` are coefficients in powers of x - c; without, the truth of each input (NaN: none),
    and `slopes` its derivative there (None: 0).
    """

    first: int
    count: int
    centre: float | None
    numbers: np.ndarray
    slopes: np.ndarray | None = None

    @property
    def ends(self) -> tuple[float, float]:
        return float(value(self.first)), float(value(self.first + self.count - 1))

    def at(self, start: int, x: np.ndarray) -> np.ndarray:
        """The truth, in float64, at the inputs `x`, which begin `start` numbers into the segment."""
        if self.centre is None:
            return self.numbers[start : start + x.size]
        return _horner(x, self.centre, self.numbers)

    def slope(self, positions: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The derivative of the truth at the inputs `x`, which are these numbers of the segment."""
        if self.centre is None:
            return np.zeros(x.shape) if self.slopes is None else self.slopes[positions]
        return _horner(x, self.centre, self.numbers[1:] * np.arange(1, self.numbers.size))


def _horner(x: np.ndarray, centre: float, coefficients: np.ndarray) -> np.ndarray:
    if not coefficients.size:
        return np.zeros(x.shape)
    # Exact: both are multiples of half a ULP of float32, of about the same size.
    t = np.subtract(x, centre, dtype=np.float64)
    total = np.full(x.shape, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= t
        total += coefficient
    return total


class Exact:
    """The value of a formula, or its derivative by its one array, as segments."""

    def __init__(self, case: Case) -> None:
        self.tex, self.name = case.activation.tex, case.activation.arrays[0]
        self.order = 1 if case.wrt else 0
        self.environment = case.environment("float32")
        self.kinks = list(case.kinks("float32"))

    def segments(self, first: int, count: int) -> Iterator[Segment]:
        """Segments that cover float32 numbers of one sign and one exponent, given by their bits; in no order."""
        pending = [(first, count)]
        while pending:
            short = [span for span in pending if span[1] <= SHORTEST]
            yield from self._direct(short)
            long = [span for span in pending if span[1] > SHORTEST]
            accepted, refused = self._polynomials(long)
            yield from accepted
            halves = [((at, size // 2), (at + size // 2, size - size // 2)) for at, size in refused]
            pending = [half for pair in halves for half in pair]

    def coefficients(self, points: Any, degree: int = 0) -> np.ndarray:
        """The first Taylor coefficients of the value or derivative, each rounded to float64; NaN at a kink."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 1)
        size = degree + 1

        def prepare() -> Any:
            series, one, zero = Series(degree + self.order), arb(1), arb(0)
            run = self._formula.compile(series)
            fixed = {
                name: value if isinstance(value, str) else series.number(exact(value))
                for name, value in self.environment.items()
                if name in self._formula.names
            }

            def at(point: int, huge: int) -> list[Any]:
                terms = run({**fixed, self.name: (arb(points[point, 0]), one)})
                terms = [*terms, *[zero] * (size + self.order - len(terms))][: size + self.order]
                return [(k + 1) * term for k, term in enumerate(terms[1:])] if self.order else terms

            return at

        return enclose(self.tex, points, prepare, size).high if len(points) else np.empty((0, size))

    @cached_property
    def _formula(self) -> Formula:
        return Formula(self.tex)

    def _direct(self, spans: list[tuple[int, int]]) -> Iterator[Segment]:
        for first, count in spans:
            # The derivative declared at a kink is clause C4.
            values, slopes = self.coefficients(value(first + np.arange(count)), 1).T
            yield Segment(first, count, None, values, np.nan_to_num(slopes))

    def _polynomials(self, spans: list[tuple[int, int]]) -> tuple[list[Segment], list[tuple[int, int]]]:
        if not spans:
            return [], []
        low, high = (value(np.array([at + last * (size - 1) for at, size in spans])).astype(float) for last in (0, 1))
        centres, radii = (low + high) / 2, np.abs(high - low) / 2
        terms = self.coefficients(centres, DEGREE + 2)
        # Polynomials that leave out more are faster: take the shortest that will do.
        sizes = np.abs(terms) * radii[:, None] ** np.arange(DEGREE + 3)
        accepted, refused = [], []
        for index, span in enumerate(spans):
            degree = _degree(sizes[index])
            inside = any(min(low[index], high[index]) <= kink <= max(low[index], high[index]) for kink in self.kinks)
            if degree is None or inside:
                refused.append(span)
            else:
                accepted.append(Segment(*span, float(centres[index]), terms[index, : degree + 1].copy()))
        right = self._right_at_the_ends(accepted)
        refused += [(one.first, one.count) for one, good in zip(accepted, right, strict=True) if not good]
        return [one for one, good in zip(accepted, right, strict=True) if good], refused

    def _right_at_the_ends(self, segments: list[Segment]) -> list[bool]:
        ends = np.array([segment.ends for segment in segments]).reshape(-1, 2)
        truth = self.coefficients(ends).reshape(-1, 2)
        return [
            bool(np.all(np.abs(segment.at(0, x) - y) <= np.maximum(2 * ACCURACY * np.abs(y), NEGLIGIBLE)))
            for segment, x, y in zip(segments, ends, truth, strict=True)
        ]


def _degree(sizes: np.ndarray) -> int | None:
    """The least degree that is accurate enough, for terms of at most these sizes; None where none is."""
    for degree in range(DEGREE + 1):
        kept, left_out = sizes[1 : degree + 1].sum(), sizes[degree + 1 :].sum()
        lowest = sizes[0] - kept - left_out
        error = 2 * left_out + 2.0**-50 * (sizes[0] + kept)
        if error <= max(ACCURACY * lowest, NEGLIGIBLE):
            return degree
    return None


def value(bits: Any) -> Any:
    """The float32 numbers of these bits."""
    return np.asarray(bits, dtype=np.uint32).view(np.float32)
