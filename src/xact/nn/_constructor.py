"""What the constructors of the Modules take, read from the signatures of the functions, and what they refuse."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from xact._activation import Activation
from xact._errors import ParameterError
from xact._operands import check_kind, check_options, check_values
from xact._signature import REQUIRED

# What a call decides, no constructor.
OF_A_CALL = ("training", "rng", "dtype")


def constructor_defaults(activation: Activation) -> dict[str, Any]:
    """Names and defaults of the constructor: the function's, without what a call decides."""
    values = {
        name: activation.learnable.get(name, value)
        for name, value in activation.defaults.items()
        if name not in of_a_call(activation)
    }
    return values | learning_defaults(activation)


def learning_defaults(activation: Activation) -> dict[str, Any]:
    """Names and defaults of what decides how the parameters are learnt."""
    if not activation.learnable:
        return {}
    if activation.vectors:
        # Coefficients are as many as are given; so is a parameter beside them one number.
        return {"learnable": True}
    axis = {} if "axis" in activation.defaults else {"axis": 1}
    return {"num_parameters": None, "learnable": True, **axis, **({"logscale": False} if activation.logscale else {})}


def of_a_call(activation: Activation) -> set[str]:
    return {*OF_A_CALL, *activation.body.masks}


def constructor_signature(activation: Activation) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [
        inspect.Parameter(name, kind, default=inspect.Parameter.empty if value is REQUIRED else value)
        for name, value in constructor_defaults(activation).items()
    ]
    keyword = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("device", "dtype")]
    return inspect.Signature(given + keyword)


def with_keyword(signature: inspect.Signature, name: str, default: Any) -> inspect.Signature:
    """The signature with one more argument, which goes by name."""
    more = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
    return signature.replace(parameters=sorted([*signature.parameters.values(), more], key=lambda one: one.kind))


def check_place(name: str, device: Any, dtype: Any) -> None:
    """Refuse what is no device and no dtype of parameters."""
    if device is not None:
        torch.device(device)
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"{name}: `dtype` must be a floating dtype of torch, got {dtype!r}")


def check_arguments(activation: Activation, values: Mapping[str, Any]) -> None:
    """Refuse, with the sentence of the function, what every call of the Module would be refused for."""
    known = {name: value for name, value in values.items() if name in activation.defaults}
    # torch chooses the axis where `dim` is None.
    known = {name: value for name, value in known.items() if not (name == "axis" and value is None)}
    for label, value in known.items():
        if label in activation.body.parameters and value is not REQUIRED:
            check_kind(activation, label, value)
    check_options(activation, known)
    check_values(activation, {**activation.defaults, **known})


def check_learning(name: str, activation: Activation, values: Mapping[str, Any]) -> None:
    """Refuse wrong values of what decides how the parameters are learnt."""
    if not activation.learnable:
        return
    count, axis = values.get("num_parameters"), values.get("axis", 1)
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise ParameterError(f"{name}: `num_parameters` must be a positive integer or None, got {count!r}")
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise TypeError(f"{name}: `axis` must be an integer, got {axis!r}")
    for flag in ("learnable", "logscale"):
        if not isinstance(values.get(flag, True), bool):
            raise ParameterError(f"{name}: `{flag}` must be True or False, got {values[flag]!r}")
    for label in activation.learnable:
        if hasattr(values.get(label), "shape"):
            raise TypeError(
                f"{name}: `{label}` starts from a number, got an array of shape {tuple(values[label].shape)}; "
                f"to learn from it: xact.nn.Activation({activation.name!r}, {label}=torch.nn.Parameter(...))"
            )
        if values.get("logscale") and not values[label] > 0:
            raise ParameterError(
                f"{name}: the logarithm of `{label}` is learnt, which needs {label} > 0; got {values[label]!r}"
            )
