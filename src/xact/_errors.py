"""What a call can be refused for. Each type derives from the one the array libraries raise themselves."""


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
