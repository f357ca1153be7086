"""What the Modules of the catalogue do in a call: arguments from their attributes, learnt ones laid along the axis."""

from typing import Any

import torch

from xact import _activation, backends
from xact._errors import ShapeError
from xact.nn import _few_bits
from xact.nn._learnt import arguments


def forward_of(activation: "_activation.Activation", twin: type[torch.nn.Module] | None) -> Any:
    if twin is torch.nn.Identity:
        return twin.forward
    if twin is torch.nn.Softmax2d:
        return _of_images
    return _masked if activation.body.masks else _of_two if len(activation.arrays) > 1 else _of_one


def _of_images(self: Any, input: Any) -> Any:
    return _call(self, _images(input))


@torch.fx.wrap
def _images(x: Any) -> Any:
    if x.dim() not in (3, 4):
        raise ShapeError(f"Softmax2d takes images, (N, C, H, W) or (C, H, W), got {x.dim()} dimensions")
    return x


def _of_one(self: Any, input: Any) -> Any:
    return _call(self, input)


def _of_two(self: Any, input: Any, other: Any = None) -> Any:
    return _call(self, input, other)


def _masked(self: Any, input: Any, mask: Any) -> Any:
    return _call(self, input, mask=mask)


def definition(module: Any) -> Any:
    """The activation of a minted Module.

    By its key: where a Module is made in a compiled function, the compiler takes no object from its attributes.
    """
    return backends.definitions[module._key]


def _call(module: Any, x: Any, *others: Any, **given: Any) -> Any:
    activation = definition(module)
    for name, attribute in module._arguments.items():
        value = getattr(module, attribute)
        if attribute == "dim" and value is None:
            given[name] = _implicit_axis(activation.name, x)
        elif name in activation.learnable:
            if module._as_it_is:
                given[name] = value
            else:
                given |= arguments(module, {name: value}, x)
        # A call with nothing but its defaults is the fast one. A compiler's symbol of a number takes no `hasattr`.
        elif (not isinstance(value, float | int) and hasattr(value, "shape")) or value != activation.defaults[name]:
            given[name] = value
    if module.backward_bits is not None:
        return few(module, activation, x, *others, **given)
    return activation(x, *others, **given, **mode(module, activation))


def few(module: Any, activation: Any, x: Any, *others: Any, inplace: bool = False, **given: Any) -> Any:
    bits = module.backward_bits
    if others:
        raise TypeError(f"{activation.name}: backward_bits={bits} takes one array, got {1 + len(others)}")
    return _few_bits.apply(x, activation.key, bits, tuple(given.items()), inplace)


@torch.fx.wrap
def _implicit_axis(name: str, x: Any) -> int:
    """The axis that torch chooses, with its warning, where `dim` is None."""
    if torch.compiler.is_compiling():
        # Dynamo cannot trace the warning.
        return 0 if x.dim() in (0, 1, 3) else 1
    functional: Any = torch.nn.functional
    return int(functional._get_softmax_dim(name, x.dim(), 4))


def mode(module: torch.nn.Module, activation: "_activation.Activation") -> dict[str, bool]:
    return {"training": module.training} if "training" in activation.defaults else {}
