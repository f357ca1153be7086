"""Modules as JSON: `module.spec`, and `from_spec`, which makes a Module of one."""

import inspect
import numbers
from collections.abc import Mapping
from typing import Any

import torch

import xact.nn
from xact import _activation
from xact._catalogue import factories, get

# Where parameters lie, and names that torch deprecates.
UNTOLD = ("device", "dtype", "min_value", "max_value")
# Modules made by hand, whose constructor names no activation.
SPATIAL = {"FReLU": ("channels", "kernel_size"), "MetaACON": ("channels", "reduction", "normalize")}
# What the spec of `xact.nn.Activation` says beside the function.
LEARNING = ("num_parameters", "learnable", "logscale", "backward_bits")


def from_spec(spec: Any) -> torch.nn.Module:
    """The Module that `module.spec` describes; also of a name, a call in a string, or an activation.

    >>> from_spec({"name": "swish", "num_parameters": 8, "axis": -1})
    Swish(num_parameters=8, axis=-1)
    >>> from_spec("leaky_relu(0.1)")
    LeakyReLU(negative_slope=0.1)

    What a Module has learnt is in its state_dict, not in its spec. Raises `xact.UnknownActivationError` for a name that
    the catalogue does not have, `TypeError` and `ValueError` for arguments that the Module does not take.
    """
    if not isinstance(spec, Mapping):
        return made(xact.nn.Activation(spec).activation, {})
    given: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in spec.items()}
    name: Any = given.pop("name", None)
    if name in SPATIAL:
        spatial: torch.nn.Module = getattr(xact.nn, name)(**given)
        return spatial
    if given.pop("module", None) == "Activation" or name in factories:
        return _any_activation(given, name)
    return made(get({"name": name} if name else spec), given)


def made(activation: "_activation.Activation", given: Mapping[str, Any]) -> torch.nn.Module:
    """The Module of an activation: of its own class where the constructor takes what is bound and given."""
    cls: Any = getattr(xact.nn, activation.module, None)
    if cls is None or cls.activation.body is not activation.body:
        # Of no class: a gate that `xact.gated` made.
        return xact.nn.Activation(activation, **given)
    start = dict.fromkeys(activation.learnable, "init") if issubclass(cls, torch.nn.PReLU) else {}
    names = {**cls._arguments, **start}
    values = {names.get(name, name): value for name, value in {**activation.replaced, **given}.items()}
    if activation.replaced and not values.keys() <= inspect.signature(cls).parameters.keys():
        return xact.nn.Activation(activation, **given)
    module: torch.nn.Module = cls(**values)
    return module


def _any_activation(given: dict[str, Any], name: str) -> torch.nn.Module:
    tensors: dict[str, Any] = {
        label: torch.nn.Parameter(torch.tensor(value)) for label, value in given.pop("parameters", {}).items()
    }
    tensors |= {label: torch.tensor(value) for label, value in given.pop("buffers", {}).items()}
    own = {key: given.pop(key) for key in LEARNING if key in given}
    if name not in factories and "axis" not in get(name).defaults and "axis" in given:
        own["axis"] = given.pop("axis")
    return xact.nn.Activation({"name": name, **given}, **own, **tensors)


def spec_of_module(module: Any) -> dict[str, Any]:
    """The name of the activation, and of the arguments of the constructor those that are not its defaults."""
    names = {attribute: name for name, attribute in module._arguments.items()}
    told = {
        label: (started(module, label), parameter.default)
        for label, parameter in inspect.signature(type(module)).parameters.items()
        if label not in UNTOLD and hasattr(module, label)
    }
    values = {names.get(label, label): _plain(value) for label, (value, default) in told.items() if value != default}
    return {"name": module.activation.name, **values}


def spec_of_activation(module: Any) -> dict[str, Any]:
    spec = {**module.activation.spec, "module": "Activation", **module._own}
    parameters = {name: p.tolist() for name, p in module._parameters.items() if name in module._given}
    buffers = {name: buffer.tolist() for name, buffer in module._buffers.items()}
    spec |= {"parameters": parameters} if parameters else {}
    spec |= {"buffers": buffers} if buffers else {}
    return spec | ({} if module.backward_bits is None else {"backward_bits": module.backward_bits})


def spec_of_spatial(module: Any) -> dict[str, Any]:
    name = type(module).__name__
    return {"name": name, **{label: getattr(module, label) for label in SPATIAL[name]}}


def started(module: Any, label: str) -> Any:
    """An argument of the constructor: of a parameter that is learnt the number it started from."""
    return getattr(module, "_starts", {}).get(label, getattr(module, label))


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if value is None or isinstance(value, bool | int | str | tuple):
        return value
    return float(value) if isinstance(value, numbers.Real) else value
