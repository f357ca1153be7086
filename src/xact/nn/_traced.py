"""Activations made while a compiler traces, which follows neither a parser nor a dataclass."""

from collections.abc import Mapping
from typing import Any

import torch

from xact import backends
from xact._activation import Activation
from xact._catalogue import activation_of


class _Shelf:
    """Where the traced function finds what was made for it."""


_shelf = _Shelf()


def described(spec: Any, values: Mapping[str, Any]) -> Any:
    """As `get(spec, **values)`, in a compiled function too."""
    if not torch.compiler.is_compiling() or (isinstance(spec, Activation) and not values):
        return activation_of("Activation", spec, **values)
    if isinstance(spec, Activation):
        return getattr(_shelf, _made(spec.key, "", tuple({**spec.replaced, **values}.items())))
    return getattr(_shelf, _made("", spec, tuple(values.items())))


def _made(key: str, spec: Any, values: tuple[tuple[str, Any], ...]) -> str:
    """The name on the shelf of an activation that a key or a spec describes."""
    made = activation_of("Activation", backends.definitions[key] if key else spec, **dict(values))
    # Names with a dot are those of attributes of attributes.
    name = f"{made.key} {made!r}".replace(".", ":")
    setattr(_shelf, name, made)
    return name


# As `torch.compiler.assume_constant_result` does, which imports the compiler.
_made._dynamo_marked_constant = True  # type: ignore[attr-defined]
