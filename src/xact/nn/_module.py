"""One Module class per activation, made from its signature or on top of torch.nn's class."""

import inspect
from typing import Any

import torch

from xact import _activation
from xact._arguments import documentation
from xact._signature import bind, by_position
from xact.nn import _few_bits
from xact.nn._constructor import (
    check_arguments,
    check_learning,
    check_place,
    learning_defaults,
    of_a_call,
    with_keyword,
)
from xact.nn._constructor import constructor_defaults as constructor_defaults
from xact.nn._constructor import constructor_signature as constructor_signature
from xact.nn._forward import definition, few, forward_of, mode
from xact.nn._learnt import Learning, laid
from xact.nn._spec import spec_of_activation, spec_of_module, started
from xact.nn._traced import described


class Activation(Learning):
    """The Module of any activation: `Activation("leaky_relu(0.1)")`, `Activation(softplus, beta=2.0)`.

    It is what the Module of the activation's own class is: parameters that the class learns are learnt here too, from
    the numbers given, unless `learnable=False`; it takes `num_parameters`, `axis`, `device` and `dtype` where the class
    does. A parameter given as a `torch.nn.Parameter` is learnt, one given as a tensor is a buffer, and nothing else is
    learnt beside them; such a tensor meets the array as in a call of the function, or, where it is a vector and `axis`
    is given, lies along `axis`.

    Raises `xact.UnknownActivationError` for a name the catalogue does not have, `TypeError` for parameters the
    activation does not take.

    backward_bits: 1, 2 or 4 bits to keep of each element for the backward pass in the place of the input; the gradient
    is then approximate. `TypeError` for learnt parameters, along an axis and for several arrays.
    """

    backward_bits: int | None = None

    def __init__(
        self, activation: Any, /, *, backward_bits: int | None = None, device: Any = None, **parameters: Any
    ) -> None:
        super().__init__()
        self.activation = described(activation, {})
        own = {name: parameters.pop(name) for name in _of_the_module(self.activation) if name in parameters}
        tensors = {name: value for name, value in parameters.items() if isinstance(value, torch.Tensor)}
        found = described(self.activation, {name: value for name, value in parameters.items() if name not in tensors})
        dtype = own.pop("dtype", None)
        check_place(found.name, device, dtype)
        check_arguments(found, found.defaults)
        starts = {name: found.replaced.get(name, start) for name, start in found.learnable.items()}
        starts = {name: start for name, start in starts.items() if name not in tensors}
        check_learning(found.name, found, {**learning_defaults(found), **own, **starts})
        if not own.get("learnable", not tensors):
            found, starts = described(found, {} if tensors else starts), {}
        self.activation, self._own = found, own
        self.axis = found.defaults.get("axis", own.get("axis", 1))
        self.num_parameters, self.logscale = own.get("num_parameters"), own.get("logscale", False)
        self.learn(starts, device, dtype)
        for name, value in tensors.items():
            self._hold(name, value)
        if "axis" in own:
            self._vectors += tuple(name for name, value in tensors.items() if value.ndim == 1 and len(value) > 1)
        self._given, self._tensors = tuple(tensors), (*starts, *tensors)
        _keep_few(
            self, found, backward_bits, {**found.replaced, **{name: getattr(self, name) for name in self._tensors}}
        )

    def _hold(self, name: str, value: torch.Tensor) -> None:
        found = self.activation
        if name not in found.body.parameters:
            raise TypeError(f"{found.name} takes no tensor {name!r}; its signature is {found.usage}")
        if isinstance(value, torch.nn.Parameter):
            self.register_parameter(name, value)
            if not value.is_meta:
                self._starts = {**self._starts, name: value.detach().clone()}
        else:
            self.register_buffer(name, value)

    def forward(self, *arrays: Any, **named: Any) -> Any:
        if named:
            arrays = by_position(self.activation, arrays, named)
        if self.backward_bits is not None:
            return few(self, self.activation, *arrays, **{**self.activation.replaced, **named})
        given = {name: laid(self, name, arrays[0]) for name in self._tensors}
        return self.activation(*arrays, **given, **named, **mode(self, self.activation))

    def extra_repr(self) -> str:
        """The function with its parameters, learnt ones as they started, then what else the constructor was given."""
        found, shown = self.activation, {}
        for name in found.body.parameters:
            if name not in self._given:
                shown[name] = self._starts.get(name, found.defaults[name])
        function = repr(found).removeprefix("xact.")
        if shown.keys() - found.replaced.keys():
            values = (f"{name}={value!r}" for name, value in {**shown, **found.replaced}.items())
            function = f"{function.partition('(')[0]}({', '.join(values)})"
        shapes = [f"{name}: {tuple(getattr(self, name).shape)}" for name in self._given]
        own = [f"{name}={value!r}" for name, value in self._own.items()]
        return ", ".join([function, *shapes, *own, *_shown_bits(self)])

    @property
    def spec(self) -> dict[str, Any]:
        """The Module as JSON, without what it has learnt: `xact.nn.from_spec(module.spec)` makes another."""
        return spec_of_activation(self)


def mint(activation: "_activation.Activation") -> type[torch.nn.Module]:
    """The Module class of an activation: pickled by name, so it lives where `xact.nn` finds it."""
    twin = _twin(activation)
    attributes = {name: name for name in activation.defaults if name not in of_a_call(activation)}
    if twin is not None:
        taken = {*inspect.signature(twin).parameters, *activation.learnable}
        attributes = {name: "dim" if name == "axis" else name for name in attributes}
        attributes = {name: attribute for name, attribute in attributes.items() if attribute in taken}
    parent = twin or (_Learning if activation.learnable else _Minted)
    signature = inspect.signature(twin) if twin else constructor_signature(activation)
    if not _few_bits.refused(activation) and not (twin and activation.learnable):
        signature = with_keyword(signature, "backward_bits", None)
    # The argument of the function that each of torch's constructor stands for.
    names = {attribute: name for name, attribute in attributes.items()}
    names |= dict(zip(["init"], activation.learnable, strict=False))
    given = [*inspect.signature(twin).parameters] if twin else []
    namespace: dict[str, Any] = {"_lays": False, "_torch": tuple((label, names.get(label)) for label in given)}
    if twin and activation.learnable:
        # torch lays the parameters along axis 1 and has no word for it.
        axis = activation.defaults["axis"]
        signature = with_keyword(signature, "axis", axis)
        vectors = property(lambda self: tuple(activation.learnable) if self.num_parameters > 1 else ())
        as_it_is = property(lambda self: self.num_parameters == 1)
        namespace |= {"_lays": True, "axis": axis, "logscale": False, "_vectors": vectors, "_as_it_is": as_it_is}

    def __init__(self: Any, *args: Any, backward_bits: int | None = None, **kwargs: Any) -> None:
        axis = kwargs.pop("axis", self.axis) if self._lays else None
        if not torch.compiler.is_compiling():
            # What a compiled function makes, the call refuses.
            _check_torch(self, args, kwargs, axis)
        super(minted, self).__init__(*args, **kwargs)
        if self._lays and axis != self.axis:
            self.axis = axis
        if backward_bits is not None:
            given = {name: getattr(self, attribute) for name, attribute in self._arguments.items()}
            _keep_few(self, definition(self), backward_bits, given)

    def extra_repr(self: Any) -> str:
        axis = [f"axis={self.axis}"] if self._lays and "axis" in vars(self) else []
        return ", ".join(filter(None, [super(minted, self).extra_repr(), *axis, *_shown_bits(self)]))

    namespace |= {
        "__module__": "xact.nn",
        "__qualname__": activation.module,
        "__doc__": documentation(activation, "", signature.parameters) + f"\n\nThe Module of `xact.{activation.name}`.",
        "activation": activation,
        "_key": activation.key,
        "forward": forward_of(activation, twin),
        # The attribute that holds the value of each argument.
        "_arguments": attributes,
        "backward_bits": None,
        "__init__": __init__,
        "__signature__": signature,
        "extra_repr": extra_repr,
        "spec": property(spec_of_module, doc=Activation.spec.__doc__),
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
        name = type(self).__name__
        values = bind(name, constructor_defaults(self.activation), args, kwargs, arrays=())
        check_place(name, device, dtype)
        check_learning(name, self.activation, values)
        check_arguments(self.activation, values)
        for label, value in values.items():
            setattr(self, label, value)

    def extra_repr(self) -> str:
        defaults = constructor_defaults(self.activation)
        values = {name: started(self, name) for name in defaults}
        return ", ".join(f"{name}={value!r}" for name, value in values.items() if value != defaults[name])


class _Learning(_Minted, Learning):
    """Such a Module of an activation with parameters that are learnt."""

    learnable: bool

    def __init__(self, *args: Any, device: Any = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, device=device, dtype=dtype, **kwargs)
        starts = {name: vars(self).pop(name) for name in self.activation.learnable} if self.learnable else {}
        self.learn(starts, device, dtype)


def _check_torch(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], axis: Any) -> None:
    """Refuse what torch's constructor is given and the function would not take."""
    activation, labels = module.activation, module._torch
    given = {**{label: value for (label, _), value in zip(labels, args, strict=False)}, **kwargs}
    check_arguments(activation, {name: given[label] for label, name in labels if name and label in given})
    if module._lays:
        check_learning(activation.module, activation, {"axis": axis})


def _keep_few(module: Any, activation: "_activation.Activation", bits: int | None, given: dict[str, Any]) -> None:
    if bits is not None:
        values = tuple((name, value) for name, value in given.items() if name != "inplace")
        _few_bits.check(activation.module, activation, bits, values)
        module.backward_bits = bits


def _shown_bits(module: Any) -> list[str]:
    return [] if module.backward_bits is None else [f"backward_bits={module.backward_bits}"]


def _of_the_module(activation: "_activation.Activation") -> list[str]:
    """The arguments of `Activation` that say how parameters are learnt, and none of the function."""
    return [name for name in (*learning_defaults(activation), "dtype") if name not in activation.defaults]
