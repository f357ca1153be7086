"""The catalogue, one file per family. A new activation is one block in one of these files."""

from typing import Any

from xact._activation import catalogue
from xact.activations import (  # noqa: F401 (each enters its activations into the catalogue)
    algebraic,
    combining,
    exponential_linear,
    gated,
    gated_learnable,
    gated_silu,
    learnable,
    normalizing,
    periodic,
    piecewise,
    piecewise_learnable,
    polynomial,
    rectified,
    reducing,
    self_gated,
    shrinking,
    sigmoidal,
    simplex,
    stochastic,
)

__all__ = sorted(catalogue)  # noqa: PLE0605 (every name once, where it is defined)


def __getattr__(name: str) -> Any:
    if name in catalogue:
        return catalogue[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
