"""Activation functions, written once against the array API standard, correct on every array library."""

from xact import compat as compat
from xact._activation import Activation as Activation
from xact._activation import activation as activation
from xact._catalogue import get as get
from xact._catalogue import names as names
from xact._derivatives import derivative as derivative
from xact._derivatives import value_and_derivative as value_and_derivative
from xact._derivatives import vjp as vjp
from xact._errors import AxisError as AxisError
from xact._errors import DtypeError as DtypeError
from xact._errors import MissingRuleError as MissingRuleError
from xact._errors import ParameterError as ParameterError
from xact._errors import ShapeError as ShapeError
from xact._errors import UnknownActivationError as UnknownActivationError
from xact._gated import gated as gated
from xact.activations import *  # noqa: F403 (the names are those of the catalogue)

__version__ = "0.1.0"
