"""The special functions of the catalogue, written in the array API standard alone.

One file per family; the names in its `__all__` become attributes of every `Namespace`. Arguments are float32 or float64
arrays; the errors stated are the worst measured by tests/test_special.py on three libraries, in units in the last place
(ULP) of the exact result. Results below the smallest normal number count for nothing: some libraries flush them.
"""

from functools import partial

from xact.special import gelu_tanh, hyperbolic, logistic, normal, softmax

__all__ = ["Namespace"]

FAMILIES = (gelu_tanh, hyperbolic, logistic, normal, softmax)
GENERIC = {name: getattr(family, name) for family in FAMILIES for name in family.__all__}


class Namespace:
    """A library's functions, completed by the special functions the standard lacks.

    A name is looked up among the functions in `native`, the library's own that are at least as accurate; then among
    the generic special functions; then in the library.
    """

    def __init__(self, library, **native):
        self._library = library
        generic = {name: partial(function, xp=self) for name, function in GENERIC.items()}
        vars(self).update(generic | native)

    def __getattr__(self, name):
        return getattr(vars(self)["_library"], name)
