"""Which activation a Module computes: ours say so, torch.nn's are known by class, all others by what they return."""

import functools
import weakref
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import torch

import xact.nn
from xact._activation import Activation, catalogue
from xact._catalogue import bare
from xact.nn._match import match
from xact.nn._packed import gate
from xact.nn._probe import PLAIN, Refusal, probe, takes_one_array, undisturbed

# Words in which the names of classes differ from the activation's, and names that layers have as well.
AFFIXES = ("activation", "layer", "module", "function", "fn", "act", "jit", "me")
OF_LAYERS = ("identity", "linear", "bilinear", "clip", "clamp", "normalize", "standardize", "abs", "step", "sign")
ATTRIBUTES = ("act", "actfn", "actlayer", "activation", "activationfn", "hiddenact", "nonlin", "nonlinearity")


@dataclass(frozen=True)
class Known:
    """An activation and the attributes of the Module that hold its arguments.

    by_values: whether the class says nothing of it, and what the Module returns has told.
    """

    activation: Activation
    attributes: dict[str, str] = field(default_factory=dict)
    by_values: bool = False

    def arguments(self, module: torch.nn.Module) -> dict[str, Any]:
        """What the Module calls it with now; an argument that is learnt is a tensor."""
        values = {name: getattr(module, attribute) for name, attribute in self.attributes.items()}
        if self.by_values:
            values = {name: value.reshape(-1 if value.numel() > 1 else ()) for name, value in values.items()}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Unknown:
    """What looks like an activation and is none of the catalogue.

    elementwise: whether it is a function of each number of its input, by all that could be seen.
    """

    reason: str
    elementwise: bool = False


def activation_of(module: torch.nn.Module) -> Known | None:
    """What a Module computes; None for those that compute no activation of the catalogue."""
    found = look(module)
    return found if isinstance(found, Known) else None


def look(module: torch.nn.Module, attribute: str = "") -> Known | Unknown | None:
    """What a Module computes, or why that is not known of one that looks like an activation; None for all others.

    attribute: the name under which a Module is held, such as `act`, tells that it is meant as one.
    """
    by_class = _known_by_class(module)
    if by_class is not None:
        return by_class
    found = _known_by_values(module)
    if isinstance(found, Known) and found.activation.name == "identity":
        return found if _named_like_one(module) else None
    if isinstance(found, (Known, Unknown)):
        return found
    if _named_like_one(module) or (_may_be_probed(module) and bare(attribute).rstrip("0123456789") in ATTRIBUTES):
        if any(isinstance(look(child), Known) for child in module.children()):
            return None
        return Unknown(_reason(module, found))
    return None


def is_activation(module: torch.nn.Module) -> bool:
    """Whether a Module computes an activation, of the catalogue or not."""
    found = look(module)
    return isinstance(found, Known) or (isinstance(found, Unknown) and found.elementwise)


def classes_of(module: torch.nn.Module) -> tuple[type, ...]:
    """The class of a Module and, up to torch.nn's, those that it has its forward from."""
    classes: list[type] = []
    for cls in type(module).__mro__:
        # Ours has a forward of its own and is torch.nn's all the same.
        own = classes and _forward(cls) is not _forward(classes[-1]) and not _minted(classes[-1])
        if own or cls is torch.nn.Module:
            break
        classes.append(cls)
        if cls.__module__.startswith("torch.nn."):
            break
    return tuple(classes)


def _minted(cls: type) -> bool:
    return "_arguments" in vars(cls)


def _forward(cls: type) -> Any:
    return getattr(cls, "forward", None)


def _known_by_class(module: torch.nn.Module) -> Known | None:
    if isinstance(module, xact.nn.Activation):
        return Known(module.activation, {name: name for name in module._tensors})
    cls = type(module)
    base = next((b for b in cls.__mro__ if _minted(b) or b.__module__ == torch.nn.modules.activation.__name__), None)
    if base is None or _forward(cls) is not _forward(base) or "forward" in vars(module):
        return None
    minted: Any = base if _minted(base) else getattr(xact.nn, base.__name__, None)
    if minted is None:
        return None
    return Known(minted.activation, {name: held for name, held in minted._arguments.items() if name != "inplace"})


def _may_be_probed(module: torch.nn.Module) -> bool:
    """Whether it is a Module without Modules inside, with a forward that is not torch.nn's."""
    forward = _forward(type(module))
    return (
        isinstance(forward, FunctionType)
        and not module._modules
        and not forward.__module__.startswith("torch.")
        and takes_one_array(forward)
    )


# By class, then by what else decides what a Module returns. An activation that is declared anew asks anew.
_seen: "weakref.WeakKeyDictionary[type, dict[Any, Known | Unknown | str]]" = weakref.WeakKeyDictionary()


def _known_by_values(module: torch.nn.Module) -> Known | Unknown | str:
    """What the values say, or in a sentence why they say nothing."""
    if "forward" in vars(module):
        return "its forward is one of the instance"
    if not _may_be_probed(module):
        return ""
    try:
        key = (tuple(map(id, catalogue.values())), *((name, _token(v)) for name, v in sorted(_held(module).items())))
        hash(key)
    except TypeError:
        return _probed(module)
    seen = _seen.setdefault(type(module), {})
    if key not in seen:
        if len(seen) > 100:
            seen.clear()
        seen[key] = _probed(module)
    return seen[key]


def _probed(module: torch.nn.Module) -> Known | Unknown | str:
    numbers = {
        name: float(value)
        for name, value in vars(module).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in PLAIN
    }
    with undisturbed():
        try:
            response = probe(module)
        except Refusal as refusal:
            packed = gate(module)
            return Known(packed, by_values=True) if packed else str(refusal)
        found = match(response, _stem(type(module).__name__), numbers)
    if found is not None:
        return Known(*found, by_values=True)
    if response.affine:
        return "it is affine"
    return Unknown("computes a function that the catalogue does not have", elementwise=True)


def _held(module: torch.nn.Module) -> dict[str, Any]:
    held = {name: value for name, value in vars(module).items() if name not in PLAIN}
    return {**held, **module._parameters, **module._buffers}


def _token(value: Any) -> Any:
    """What decides, of an attribute, what the Module returns; TypeError where that cannot be said."""
    if isinstance(value, torch.Tensor):
        if torch.nn.parameter.is_lazy(value) or not value.is_floating_point():
            raise TypeError
        return value.shape, value.dtype, value.is_meta
    if isinstance(value, MethodType):
        return value.__func__
    if value is None or isinstance(value, (bool, int, float, str, torch.dtype, type, FunctionType)):
        return type(value), value
    if type(value).__name__ == "builtin_function_or_method":
        return value
    raise TypeError


def _stem(name: str) -> str:
    """The name of a class without the words around the activation's."""
    stem = bare(name)
    for affix in AFFIXES:
        if stem.endswith(affix) and stem != affix:
            stem = stem.removesuffix(affix)
    return stem


def _named_like_one(module: torch.nn.Module) -> bool:
    """Whether its class has an activation's name, or stands among activations."""
    cls = type(module)
    name = getattr(module, "original_name", cls.__name__)
    place = cls.__module__.rpartition(".")[2]
    if place.startswith("activation") and isinstance(_forward(cls), FunctionType):
        return True
    if cls.__module__.startswith("torch.nn.") or (bare(name) == _stem(name) and bare(name) in OF_LAYERS):
        return False
    return _stem(name) in _spellings(tuple(catalogue))


@functools.lru_cache(1)
def _spellings(names: tuple[str, ...]) -> set[str]:
    return {bare(spelling) for name in names for spelling in (name, catalogue[name].module)}


def _reason(module: torch.nn.Module, refusal: Any) -> str:
    if isinstance(module, torch.jit.ScriptModule):
        return "TorchScript; exchange it before the model is scripted"
    if module._modules:
        inside = [*module._modules, *(name for name, value in module._parameters.items() if value is not None)]
        return f"holds layers ({', '.join(inside)}): no function of its input alone"
    return str(refusal) or "no function of one array"
