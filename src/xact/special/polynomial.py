"""Polynomials whose coefficients depend on the precision; `tests/coefficients.py` computes them."""

from typing import NamedTuple


class Fit(NamedTuple):
    """Coefficients, low order first, for float32 and for float64."""

    single: tuple[float, ...]
    double: tuple[float, ...]

    def of(self, x, xp):
        return self.double if x.dtype == xp.float64 else self.single


def horner(x, coefficients):
    """c0 + x (c1 + x (c2 + ...))."""
    *lower, result = coefficients
    for coefficient in reversed(lower):
        result = result * x + coefficient
    return result
