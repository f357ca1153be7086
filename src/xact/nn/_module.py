"""One Module class per activation, made from its signature or on top of torch.nn's class."""

import inspect
from typing import Any

import torch

from xact import _activation
from xact._catalogue import get
from xact._signature import REQUIRED, bind


class Activation(torch.nn.Module):
    """The Module of any activation: `Activation("leaky_relu(0.1)")`, `Activation(mish)`, `Activation(softplus, beta=2)`.

    Raises `xact.UnknownActivationError` for a name the catalogue does not have, `TypeError` for parameters the
    activation does not take. A parameter given as a `torch.nn.Parameter` is learnt.
    """

    def __init__(self, activation: Any, /, **parameters: Any) -> None:
        super().__init__()
        learnt = {name: value for name, value in parameters.items() if isinstance(value, torch.Tensor)}
        fixed = {name: value for name, value in parameters.items() if name not in learnt}
        self.activation = get(activation, **fixed)
        self._learnt = tuple(learnt)
        for name, value in learnt.items():
            if name not in self.activation.defaults:
                raise TypeError(f"{self.activation.name} has no argument {name!r}: {self.activation.usage}")
            if isinstance(value, torch.nn.Parameter):
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)

    def forward(self, *arrays: Any) -> Any:
        return self.activation(*arrays, **{name: getattr(self, name) for name in self._learnt}, **_mode(self))

    def extra_repr(self) -> str:
        return repr(self.activation).removeprefix("xact.")


def mint(activation: "_activation.Activation") -> type[torch.nn.Module]:
    """The Module class of an activation: pickled by name, so it lives where `xact.nn` finds it."""
    twin = getattr(torch.nn, activation.module, None)
    namespace = {
        "__module__": "xact.nn",
        "__qualname__": activation.module,
        "__doc__": inspect.cleandoc(f"{activation.__doc__}\n\nThe Module of `xact.{activation.name}`."),
        "activation": activation,
    }
    if twin is not None:
        bases = (twin,)
        namespace["forward"] = _forward_of_twin
    else:
        bases = (_Minted,)
        namespace["__signature__"] = _constructor(activation)
    return type(activation.module, bases, namespace)


class _Minted(torch.nn.Module):
    """A Module made from the signature of an activation torch.nn does not have."""

    activation: "_activation.Activation"

    def __init__(self, *args: Any, device: Any = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__()
        activation = self.activation
        constructor = constructor_defaults(activation)
        values = bind(type(self).__name__, constructor, args, kwargs)
        count = values.pop("num_parameters", None)
        learnable = values.pop("learnable", False)
        for name, value in values.items():
            if name in activation.learnable and learnable:
                initial = torch.full((count,) if count else (), float(value), device=device, dtype=dtype)
                setattr(self, name, torch.nn.Parameter(initial))
            else:
                setattr(self, name, value)
        self._names = tuple(values)

    def forward(self, *arrays: Any) -> Any:
        return self.activation(*arrays, **{name: getattr(self, name) for name in self._names}, **_mode(self))

    def extra_repr(self) -> str:
        defaults = constructor_defaults(self.activation)
        parts = []
        for name in self._names:
            value = getattr(self, name)
            if isinstance(value, torch.nn.Parameter):
                parts.append(f"{name}: {tuple(value.shape)}" if value.ndim else f"{name}: learnable")
            elif value != defaults[name]:
                parts.append(f"{name}={value!r}")
        return ", ".join(parts)


def _forward_of_twin(self: Any, *arrays: Any) -> Any:
    activation = self.activation
    given = {}
    for name in activation.defaults:
        if name == "axis":
            # PReLU has no `dim`, its weight lies along axis 1 as in torch.
            if hasattr(self, "dim"):
                given["axis"] = _implicit(self, arrays[0]) if self.dim is None else self.dim
        elif hasattr(self, name) and name not in ("training", "dtype"):
            given[name] = getattr(self, name)
    return activation(*arrays, **given, **_mode(self))


def _implicit(module: torch.nn.Module, x: Any) -> int:
    """The axis that torch chooses, with its warning, where `dim` is None."""
    if torch.compiler.is_compiling():
        # Dynamo cannot trace the warning.
        return 0 if x.dim() in (0, 1, 3) else 1
    return int(torch.nn.functional._get_softmax_dim(module.activation.name, x.dim(), 4))


def _mode(module: torch.nn.Module) -> dict[str, bool]:
    activation = module.activation
    return {"training": module.training} if "training" in activation.defaults else {}  # type: ignore[operator, union-attr]


def constructor_defaults(activation: "_activation.Activation") -> dict[str, Any]:
    """Names and defaults of the constructor: the function's, without what a call decides."""
    values = {
        name: activation.learnable.get(name, value)
        for name, value in activation.defaults.items()
        if name not in ("training", "rng", "dtype")
    }
    return values | ({"num_parameters": None, "learnable": True} if activation.learnable else {})


def _constructor(activation: "_activation.Activation") -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [
        inspect.Parameter(name, kind, default=inspect.Parameter.empty if value is REQUIRED else value)
        for name, value in constructor_defaults(activation).items()
    ]
    keyword = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("device", "dtype")
    ]
    return inspect.Signature(given + keyword)
