"""Which activation a Module computes: ours say so, those of torch.nn are known by the class that ours derives from."""

from typing import Any, NamedTuple

import torch

import xact.nn
from xact._activation import Activation


class Known(NamedTuple):
    """An activation and the arguments a Module calls it with; one that is learnt is a tensor."""

    activation: Activation
    arguments: dict[str, Any]


def activation_of(module: torch.nn.Module) -> Known | None:
    """What a Module of torch.nn or `xact.nn` computes; None for every other Module.

    A subclass counts as its parent unless it has its own `forward`.
    """
    if isinstance(module, xact.nn.Activation):
        return Known(module.activation, {name: getattr(module, name) for name in module._tensors})
    minted = _minted(type(module))
    if minted is None:
        return None
    values = {name: getattr(module, attribute) for name, attribute in minted._arguments.items() if name != "inplace"}
    return Known(minted.activation, {name: value for name, value in values.items() if value is not None})


def classes_of(module: torch.nn.Module) -> tuple[type, ...]:
    """The class of a Module; for one of ours that derives from torch.nn's, also that."""
    cls = type(module)
    return (cls, *cls.__bases__) if "_arguments" in vars(cls) else (cls,)


def _minted(cls: type) -> Any:
    """The class of `xact.nn` whose attributes say what a Module of `cls` computes."""
    for base in cls.__mro__:
        ours = "_arguments" in vars(base)
        if ours or base.__module__ == torch.nn.modules.activation.__name__:
            same = getattr(cls, "forward", None) is vars(base).get("forward")
            return (base if ours else getattr(xact.nn, base.__name__, None)) if same else None
    return None
