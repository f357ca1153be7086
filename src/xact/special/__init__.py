"""The special functions of the catalogue, written in the array API standard alone.

One file per family; the names in its `__all__` become attributes of every `Namespace`. Arguments are float32
or float64 arrays; elsewhere numbers are Python's, which take the array's precision. "Error: 1.5 / 1.2 ULP" is
the bound, for float32 and float64, that tests/test_special.py asserts on every library, in units in the last
place of the exact result; some libraries' exp contributes 2.4 of them. Results below the smallest normal
number count for nothing: they may be flushed, and so may products with an exponential below it.
"""

from functools import partial
from types import ModuleType

from xact.special import (
    algebraic,
    exponential,
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

__all__ = ["Namespace"]

FAMILIES: tuple[ModuleType, ...] = (algebraic, exponential, gelu_tanh, hyperbolic, logistic, normal, periodic, random)
FAMILIES += (reductions, simplex, softmax)
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
