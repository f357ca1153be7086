"""Activations by name: `get`, `names`."""

import ast
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from xact._activation import Activation, catalogue
from xact._errors import UnknownActivationError
from xact._errors import nearest as nearest

# What makes activations of others, by the name in their spec.
factories: dict[str, Callable[..., Activation]] = {}


def names() -> list[str]:
    """The names of all activations, aliases apart."""
    return sorted({activation.name for activation in catalogue.values()})


def get(
    spec: "str | Mapping[str, Any] | Activation | Callable[..., Any]", /, *, like: str | None = None, **parameters: Any
) -> Any:
    """The activation a name, a call in a string, or a mapping describes.

    >>> get("gelu")
    xact.gelu
    >>> get("leaky_relu(0.1)")
    xact.leaky_relu(negative_slope=0.1)
    >>> get({"name": "gelu", "approximate": "tanh"})
    xact.gelu(approximate='tanh')

    With `like`, the name is that of another framework and the function the one it means, with its defaults; see
    `xact.compat.explain`.

    >>> get("leaky_relu", like="keras")
    xact.leaky_relu(negative_slope=0.2)

    Names are those of the catalogue, their aliases and the Modules', in any case, with or without underscores and
    dashes. Strings are parsed, never evaluated. Callables are returned as they are. Raises
    `UnknownActivationError` with the nearest names, `TypeError` and `ValueError` for arguments it does not have.
    """
    if isinstance(spec, Activation):
        return spec.replace(**{**spec.replaced, **parameters}) if parameters else spec
    if callable(spec):
        return spec
    if isinstance(spec, Mapping):
        rest = {key: value for key, value in spec.items() if key != "name"}
        if "name" not in spec:
            raise ValueError(f"xact.get: a mapping needs the key 'name', got {dict(spec)!r}")
        if spec["name"] in factories:
            return factories[spec["name"]](**rest, **parameters)
        return get(spec["name"], **{**rest, **parameters})
    if not isinstance(spec, str):
        raise TypeError(f"xact.get takes a name, a mapping or an activation, got {spec!r}")
    name, positional, keywords = _parse(spec)
    if like is not None:
        from xact.compat import variant

        activation = get(variant(name, like))
    else:
        activation = _find(name)
    given = dict(zip(activation.defaults, positional, strict=False))
    if len(positional) > len(activation.defaults):
        raise TypeError(f"xact.get({spec!r}): too many arguments; the signature is {activation.usage}")
    if twice := [name for name in given if name in keywords]:
        raise TypeError(f"xact.get({spec!r}): `{twice[0]}` is given twice")
    given |= keywords | parameters
    return activation.replace(**given) if given else activation


def activation_of(function: str, given: Any, /, **parameters: Any) -> Activation:
    """As `get`, for a function that takes nothing but activations."""
    if hasattr(given, "shape") and not isinstance(given, str):
        raise TypeError(
            f"{function} takes an activation or its name, got an array of shape {tuple(given.shape)}; "
            "give the activation itself, and the array to what comes of it"
        )
    if not isinstance(given, (str, Mapping, Activation)):
        raise TypeError(f"{function} needs an activation or its name, got {given!r}; declare it with @xact.activation")
    found: Activation = get(given, **parameters)
    return found


def _parse(spec: str) -> tuple[str, list[Any], dict[str, Any]]:
    name, bracket, _ = spec.partition("(")
    if not bracket:
        return spec, [], {}
    try:
        call = ast.parse(f"f{spec[len(name) :].strip()}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        positional = [_value(node) for node in call.args]
        keywords = {node.arg or "**": _value(node.value) for node in call.keywords}
    except (SyntaxError, ValueError):
        raise ValueError(
            f"xact.get: {spec!r} is not of the form name(value, ...) or name(parameter=value, ...), "
            "with numbers and strings as values; strings stand in quotes, as in gelu('tanh')"
        ) from None
    return name, positional, keywords


def _value(node: ast.expr) -> Any:
    text = ast.unparse(node)
    value = float(text) if text in ("inf", "-inf") else ast.literal_eval(node)
    if not isinstance(value, (float, int, str, NoneType)) and not _numbers(value):
        raise ValueError
    return value


def _numbers(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(one, (float, int)) for one in value)


def _find(name: str) -> Activation:
    if name in catalogue:
        return catalogue[name]
    spelled = {bare(known): activation for known, activation in catalogue.items()}
    spelled |= {bare(activation.module): activation for activation in catalogue.values()} | spelled
    found = spelled.get(bare(name))
    if found is None:
        near = nearest(name.lower(), catalogue)
        raise UnknownActivationError(f"no activation is called {name!r}; the nearest names are {near}")
    return found


def bare(name: str) -> str:
    """A name without what spellings differ in."""
    return name.strip().lower().replace("_", "").replace("-", "")
