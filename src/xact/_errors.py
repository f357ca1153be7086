"""What a call can be refused for. Each type derives from the one the array libraries raise themselves."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The names that a wrong one may stand for."""
    # Needed for an error alone, and slower to import than the rest of the package.
    import difflib

    spelled = {one.lower(): one for one in known}
    return ", ".join(spelled[one] for one in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.0))


class DtypeError(TypeError, NotImplementedError):
    """An argument has a dtype, or is of a kind, that the function does not take."""


class ShapeError(ValueError, RuntimeError):
    """An argument has a shape that does not fit the first array."""


class ParameterError(ValueError, RuntimeError):
    """A parameter or an option has a value that the function does not take."""


class AxisError(ValueError, IndexError):
    """The axis is not one of the array's."""


class MissingRuleError(TypeError, NotImplementedError):
    """A derivative was asked for that the definition does not have."""


class UnknownActivationError(LookupError, ValueError):
    """No activation of the catalogue has this name."""


class DefinitionError(TypeError, ValueError):
    """A definition says what cannot be right: it is refused where it stands."""
