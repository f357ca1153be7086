"""One Module class per activation, made from its signature or on top of torch.nn's class."""

import inspect
from typing import Any

import torch

from xact import _activation, backends
from xact._catalogue import get
from xact._errors import ShapeError
from xact._signature import REQUIRED, bind
from xact.nn import _few_bits

# What a call decides, no constructor.
OF_A_CALL = ("training", "rng", "dtype")


class Activation(torch.nn.Module):
    """The Module of any activation: `Activation("leaky_relu(0.1)")`, `Activation(softplus, beta=2.0)`.

    Raises `xact.UnknownActivationError` for a name the catalogue does not have, `TypeError` for parameters the
    activation does not take. A parameter given as a `torch.nn.Parameter` is learnt, one given as a tensor is a buffer.

    backward_bits: 1, 2 or 4 bits to keep of each element for the backward pass in the place of the input; the gradient
    is then approximate. `TypeError` for learnt parameters, along an axis and for several arrays.
    """

    backward_bits: int | None = None

    def __init__(self, activation: Any, /, *, backward_bits: int | None = None, **parameters: Any) -> None:
        super().__init__()
        tensors = {name: value for name, value in parameters.items() if isinstance(value, torch.Tensor)}
        found = get(activation, **{name: value for name, value in parameters.items() if name not in tensors})
        if not isinstance(found, _activation.Activation):
            raise TypeError(f"needs an activation or its name, got {found!r}; declare it with @xact.activation")
        self.activation = found
        self._tensors = tuple(tensors)
        for name, value in tensors.items():
            if name not in found.body.parameters:
                raise TypeError(f"{found.name} takes no tensor {name!r}; its signature is {found.usage}")
            if isinstance(value, torch.nn.Parameter):
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)
        _keep_few(self, found, backward_bits, {**found.replaced, **parameters})

    def forward(self, *arrays: Any) -> Any:
        if self.backward_bits is not None:
            return _few(self, self.activation, *arrays, **self.activation.replaced)
        given = {name: getattr(self, name) for name in self._tensors}
        return self.activation(*arrays, **given, **_mode(self, self.activation))

    def extra_repr(self) -> str:
        shapes = [f"{name}: {tuple(getattr(self, name).shape)}" for name in self._tensors]
        return ", ".join([repr(self.activation).removeprefix("xact."), *shapes, *_shown_bits(self)])


def mint(activation: "_activation.Activation") -> type[torch.nn.Module]:
    """The Module class of an activation: pickled by name, so it lives where `xact.nn` finds it."""
    twin = _twin(activation)
    arguments = {name: name for name in activation.defaults if name not in _of_a_call(activation)}
    if twin is not None:
        taken = {*inspect.signature(twin).parameters, *activation.learnable}
        arguments = {name: "dim" if name == "axis" else name for name in arguments}
        arguments = {name: attribute for name, attribute in arguments.items() if attribute in taken}
    parent = twin or _Minted
    signature = inspect.signature(twin) if twin else _constructor(activation)
    if not _few_bits.refused(activation) and not (twin and activation.learnable):
        signature = _with_bits(signature)

    def __init__(self: Any, *args: Any, backward_bits: int | None = None, **kwargs: Any) -> None:
        super(minted, self).__init__(*args, **kwargs)
        if backward_bits is not None:
            given = {name: getattr(self, attribute) for name, attribute in self._arguments.items()}
            _keep_few(self, _definition(self), backward_bits, given)

    def extra_repr(self: Any) -> str:
        return ", ".join(filter(None, [super(minted, self).extra_repr(), *_shown_bits(self)]))

    namespace = {
        "__module__": "xact.nn",
        "__qualname__": activation.module,
        "__doc__": inspect.cleandoc(f"{activation.__doc__}\n\nThe Module of `xact.{activation.name}`."),
        "activation": activation,
        "_key": activation.key,
        "forward": _forward(activation, twin),
        # The attribute that holds the value of each argument.
        "_arguments": arguments,
        "backward_bits": None,
        "__init__": __init__,
        "__signature__": signature,
        "extra_repr": extra_repr,
    }
    minted: Any = type(activation.module, (parent,), namespace)
    return minted


def _twin(activation: "_activation.Activation") -> type[torch.nn.Module] | None:
    """torch.nn's activation of this name, if its constructor takes every number that the body does."""
    if activation.module == "Identity":
        return torch.nn.Identity
    twin = getattr(torch.nn.modules.activation, activation.module, None)
    if twin is None or twin.__module__ != torch.nn.modules.activation.__name__:
        return None
    numbers = {*activation.body.parameters} - {*activation.learnable}
    return twin if numbers <= {*inspect.signature(twin).parameters} else None


class _Minted(torch.nn.Module):
    """A Module made from the signature of an activation torch.nn does not have."""

    activation: "_activation.Activation"

    def __init__(self, *args: Any, device: Any = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__()
        values = bind(type(self).__name__, constructor_defaults(self.activation), args, kwargs)
        self._initial = {name: values[name] for name in self.activation.learnable if values["learnable"]}
        for name, value in values.items():
            if name in self._initial:
                count = values.get("num_parameters")
                initial = [float(value)] * count if count else value
                value = torch.nn.Parameter(
                    torch.tensor(initial, device=device, dtype=dtype or torch.get_default_dtype())
                )
            setattr(self, name, value)

    def extra_repr(self) -> str:
        defaults = constructor_defaults(self.activation)
        values = {name: self._initial.get(name, getattr(self, name)) for name in defaults}
        return ", ".join(f"{name}={value!r}" for name, value in values.items() if value != defaults[name])


def _forward(activation: "_activation.Activation", twin: type[torch.nn.Module] | None) -> Any:
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


def _definition(module: Any) -> Any:
    """The activation of a minted Module.

    By its key: where a Module is made in a compiled function, the compiler takes no object from its attributes.
    """
    return backends.definitions[module._key]


def _call(module: Any, x: Any, *others: Any, **given: Any) -> Any:
    activation = _definition(module)
    for name, attribute in module._arguments.items():
        value = getattr(module, attribute)
        if attribute == "dim" and value is None:
            given[name] = _implicit_axis(activation.name, x)
        # A call with nothing but its defaults is the fast one.
        elif name in activation.learnable or value != activation.defaults[name]:
            given[name] = value
    if module.backward_bits is not None:
        return _few(module, activation, x, *others, **given)
    return activation(x, *others, **given, **_mode(module, activation))


def _few(module: Any, activation: Any, x: Any, *others: Any, inplace: bool = False, **given: Any) -> Any:
    bits = module.backward_bits
    if others:
        raise TypeError(f"{activation.name}: backward_bits={bits} takes one array, got {1 + len(others)}")
    return _few_bits.apply(x, activation.key, bits, tuple(given.items()), inplace)


def _keep_few(module: Any, activation: "_activation.Activation", bits: int | None, given: dict[str, Any]) -> None:
    if bits is not None:
        values = tuple((name, value) for name, value in given.items() if name != "inplace")
        _few_bits.check(activation.module, activation, bits, values)
        module.backward_bits = bits


def _shown_bits(module: Any) -> list[str]:
    return [] if module.backward_bits is None else [f"backward_bits={module.backward_bits}"]


def _with_bits(signature: inspect.Signature) -> inspect.Signature:
    bits = inspect.Parameter("backward_bits", inspect.Parameter.KEYWORD_ONLY, default=None)
    given = sorted([*signature.parameters.values(), bits], key=lambda parameter: parameter.kind)
    return signature.replace(parameters=given)


@torch.fx.wrap
def _implicit_axis(name: str, x: Any) -> int:
    """The axis that torch chooses, with its warning, where `dim` is None."""
    if torch.compiler.is_compiling():
        # Dynamo cannot trace the warning.
        return 0 if x.dim() in (0, 1, 3) else 1
    functional: Any = torch.nn.functional
    return int(functional._get_softmax_dim(name, x.dim(), 4))


def _mode(module: torch.nn.Module, activation: "_activation.Activation") -> dict[str, bool]:
    return {"training": module.training} if "training" in activation.defaults else {}


def constructor_defaults(activation: "_activation.Activation") -> dict[str, Any]:
    """Names and defaults of the constructor: the function's, without what a call decides."""
    values = {
        name: activation.learnable.get(name, value)
        for name, value in activation.defaults.items()
        if name not in _of_a_call(activation)
    }
    if activation.learnable:
        # Coefficients are as many as are given; so is a parameter beside them one number.
        values |= {"learnable": True} if activation.vectors else {"num_parameters": None, "learnable": True}
    return values


def _of_a_call(activation: "_activation.Activation") -> set[str]:
    return {*OF_A_CALL, *activation.body.masks}


def _constructor(activation: "_activation.Activation") -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [
        inspect.Parameter(name, kind, default=inspect.Parameter.empty if value is REQUIRED else value)
        for name, value in constructor_defaults(activation).items()
    ]
    keyword = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("device", "dtype")]
    return inspect.Signature(given + keyword)
