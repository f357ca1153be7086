"""One Module made to stand where another stood."""

import copy
import functools
from typing import Any

import torch

import xact.nn
from xact import _activation
from xact.nn._recognise import Known, activation_of
from xact.nn._spec import made

HOOKS = (
    *("_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    *("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
    *("_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook"),
)


def replacement(wanted: Any, old: torch.nn.Module, model: torch.nn.Module) -> torch.nn.Module | None:
    """A new Module in the mode, with the hooks and in place as the old; None where the old one is what is wanted.

    wanted: what `xact.nn.Activation` takes, a Module class, or a `functools.partial` of one.
    """
    if isinstance(wanted, torch.nn.Module):
        raise TypeError(
            f"swap needs a Module of its own for every place, got one instance, {wanted!r}; "
            f"give the class, or functools.partial({type(wanted).__name__}, ...)"
        )
    if isinstance(wanted, type | functools.partial):
        if type(old) is wanted:
            return None
        new = wanted()
        if not isinstance(new, torch.nn.Module):
            raise TypeError(f"swap: {wanted!r} makes {new!r}, which is no Module")
    else:
        activation = xact.nn.Activation(wanted).activation
        known = activation_of(old)
        if known and _unbound(known.activation) == activation:
            return _adopted(old, known, activation, model)
        new = module_of(activation)
    return _like(old, new, model)


def module_of(activation: _activation.Activation) -> torch.nn.Module:
    """The Module of an activation: of its own class where the constructor takes what is bound."""
    return made(activation, {})


def _unbound(activation: _activation.Activation) -> _activation.Activation:
    return activation.original or activation


def _adopted(
    old: Any, known: Known, activation: _activation.Activation, model: torch.nn.Module
) -> torch.nn.Module | None:
    """Our Module of the same activation, arguments and parameters shared; None if it is ours already."""
    cls = getattr(xact.nn, activation.module)
    if isinstance(old, cls | xact.nn.Activation):
        return None
    if type(old) is cls.__base__:
        new = copy.copy(old)
        new.__class__ = cls
        return new
    arguments = known.arguments(old)
    tensors = {name: value for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    numbers = {name: value for name, value in arguments.items() if name not in tensors}
    new = module_of(known.activation.replace(**{**known.activation.replaced, **numbers}))
    for name, tensor in tensors.items():
        held = getattr(old, known.attributes[name])
        # A parameter of one dimension is shared; another shape, such as (1, channels, 1), is not ours.
        given = held if held.ndim == 1 else torch.nn.Parameter(tensor.detach().clone().reshape(-1), held.requires_grad)
        setattr(new, cls._arguments[name], given)
    return _like(old, new, model)


def _like(old: Any, new: Any, model: torch.nn.Module) -> torch.nn.Module:
    tensors = (*old.parameters(), *model.parameters(), *model.buffers())
    like = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    if like is not None:
        new.to(device=like.device, dtype=like.dtype)
    new.train(old.training)
    if hasattr(old, "inplace") and hasattr(new, "inplace"):
        new.inplace = new.inplace or old.inplace
    for name in HOOKS:
        # The same dictionaries: the handles of hooks registered before still remove them.
        setattr(new, name, getattr(old, name))
    return new
