"""Polynomials: with fixed coefficients that depend on the precision (`tests/coefficients.py` computes them), and with
vectors of coefficients.
"""

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


def entries(vector):
    """The coefficients, one by one: of a tuple of numbers, or of an array."""
    return vector if isinstance(vector, tuple) else tuple(vector[k] for k in range(vector.shape[0]))


def powers(x, last):
    """x, x^2, ... up to x^last."""
    result = [x]
    while len(result) < last:
        result.append(result[-1] * x)
    return result
