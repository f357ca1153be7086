"""Which Modules of a model the keys of a swap name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from xact._activation import Activation, catalogue
from xact._catalogue import nearest
from xact.nn._match import same_function
from xact.nn._recognise import Known, Unknown, classes_of, look

Key = str | type[torch.nn.Module] | Activation


class Seat(NamedTuple):
    """Where a Module is registered, under all the qualified names that lead there, and what it computes."""

    names: list[str]
    parent: torch.nn.Module
    attribute: str
    module: torch.nn.Module
    found: Known | Unknown | None


def seats_of(model: torch.nn.Module) -> Iterator[Seat]:
    """Every registration of a Module, once, however many names lead to the Module that holds it."""
    paths: dict[torch.nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(f"{path}." if path else "")
    for parent, prefixes in paths.items():
        for attribute, child in parent._modules.items():
            if child is not None:
                names = [prefix + attribute for prefix in prefixes]
                yield Seat(names, parent, attribute, child, look(child, attribute))


class Keys:
    """The keys of a swap. Each names a Module, a class, a class by its name, or an activation by its own."""

    def __init__(self, given: Mapping[Any, Any]) -> None:
        self.given = given
        self._activations = {key: named for key in given if (named := _activation(key))}
        self._used: set[Any] = set()

    def of(self, seat: Seat) -> Any:
        """The key of a Module, or None; its qualified name precedes its class, and that what it computes."""
        classes = classes_of(seat.module)
        candidates = (*seat.names, *classes, *(cls.__name__ for cls in classes))
        key = next((key for key in candidates if key in self.given), None)
        if key is None and isinstance(seat.found, Known):
            key = next((key for key, named in self._activations.items() if _is(seat.found, named)), None)
        self._used.add(key)
        return key

    def check(self, model: torch.nn.Module, seats: Iterable[Seat], functions: Iterable[str]) -> None:
        """Raise `ValueError` for a key that names nothing: no Module, nor the model or a function that it calls."""
        self.of(Seat([], model, "", model, look(model)))
        called = {catalogue[name] for name in functions}
        for key in self.given:
            if key not in self._used and self._activations.get(key) not in called:
                raise ValueError(_unused(key, list(seats)))


def _activation(key: Any) -> Activation | None:
    if isinstance(key, Activation):
        return key
    named = (a for a in catalogue.values() if key == a.module)
    return catalogue.get(key) or next(named, None) if isinstance(key, str) else None


def _is(found: Known, named: Activation) -> bool:
    """Whether a Module computes the activation of a key; one of a known class has the name of its class."""
    activation = found.activation
    if named in (activation, activation.original):
        return True
    return found.by_values and not found.attributes and same_function(activation, named)


def _computed(found: Known | Unknown) -> str:
    return found.activation.name if isinstance(found, Known) else "none of the catalogue"


def _unused(key: Any, seats: list[Seat]) -> str:
    known = {type(seat.module).__name__: _computed(seat.found) for seat in seats if seat.found is not None}
    shown = key if isinstance(key, str) else getattr(key, "__name__", str(key))
    there = "it has no activation Module"
    if known:
        there = f"its activations are {', '.join(f'{cls} ({name})' for cls, name in sorted(known.items()))}"
    spelled = {*known, *known.values(), *(name for seat in seats for name in seat.names)}
    near = f"; the nearest names are {nearest(shown, sorted(spelled))}" if spelled else ""
    return f"swap: the model has no class, activation or Module of the name {shown!r}; {there}{near}"
