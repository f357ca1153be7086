"""A library with the special functions beside its own: what a body receives as `xp`."""

from functools import partial
from types import ModuleType

from xact.special import (
    algebraic,
    continuum,
    exponential,
    gate_slopes,
    gelu_tanh,
    hyperbolic,
    logistic,
    normal,
    periodic,
    random,
    reductions,
    simplex,
    softmax,
)

FAMILIES: tuple[ModuleType, ...] = (algebraic, continuum, exponential, gate_slopes, gelu_tanh, hyperbolic, logistic)
FAMILIES += (normal, periodic, random, reductions, simplex, softmax)
GENERIC = {name: getattr(family, name) for family in FAMILIES for name in family.__all__}


class Namespace:
    """A library's functions, completed by the special functions the standard lacks.

    A name is looked up among the functions in `native`, the library's own that are at least as accurate; then
    among the generic special functions; then in the library.
    """

    def __init__(self, library, **native):
        self._library = library
        generic = {name: partial(function, xp=self) for name, function in GENERIC.items()}
        vars(self).update(generic | native)

    def __getattr__(self, name):
        return getattr(vars(self)["_library"], name)
