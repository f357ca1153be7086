"""Activation functions, written once against the array API standard, correct on every array library."""

from typing import Any as _Any

from xact import _saved
from xact import compat as compat
from xact._activation import Activation as Activation
from xact._activation import activation as activation
from xact._catalogue import get as get
from xact._catalogue import names as names
from xact._derivatives import derivative as derivative
from xact._derivatives import value_and_derivative as value_and_derivative
from xact._derivatives import vjp as vjp
from xact._errors import AxisError as AxisError
from xact._errors import DefinitionError as DefinitionError
from xact._errors import DtypeError as DtypeError
from xact._errors import MissingRuleError as MissingRuleError
from xact._errors import ParameterError as ParameterError
from xact._errors import ShapeError as ShapeError
from xact._errors import UnknownActivationError as UnknownActivationError
from xact._gated import gated as gated
from xact.activations import *  # noqa: F403 (the names are those of the catalogue)

__version__ = "0.1.0"

# Where Keras came first it finds activations in saved models.
_saved.register()

# Loaded at first use: they import a library, or much of the standard one.
_SUBMODULES = ("analysis", "nn", "plotting", "testing")


def __getattr__(name: str) -> _Any:
    if name not in _SUBMODULES:
        from xact._catalogue import catalogue

        instead = f"; the Module is xact.nn.{name}" if any(one.module == name for one in catalogue.values()) else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{instead}")
    import importlib

    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ImportError as error:
        # So that `hasattr` and `inspect` work where a library is missing; `import xact.nn` raises ImportError.
        raise AttributeError(f"{__name__}.{name} cannot be imported: {error}") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})
