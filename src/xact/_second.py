"""Rules of order 2: a derivative that has one is a definition too, with the rule of order 1 for a body."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from xact import backends
from xact._errors import DefinitionError
from xact._register import register
from xact._signature import Expression


def declare_second(activation: Any, argument: str, function: Callable[..., Any], order: int) -> Callable[..., Any]:
    """Declare the second derivative by an array; of an activation with one array, after the first derivative."""
    name, second = activation.name, Expression.of(function, activation.name)
    if order != 2:
        raise TypeError(f"{name}: rules have order 1 or 2, not {order!r}")
    if (argument,) != activation.body.arrays or argument not in activation.rules:
        raise TypeError(f"{name}: a rule of order 2 is by the only array, and stands below its rule of order 1")
    if argument in activation.slopes:
        raise TypeError(f"{name}: a second rule of order 2 for `{argument}`; delete one of them")
    first = activation.rules[argument]
    if first.names[:1] != (argument,):
        raise TypeError(f"{name}: for a rule of order 2 that of order 1 must name `{argument}` first")
    if unknown := set(second.names) - set(first.names):
        raise TypeError(f"{name}: the rule of order 2 takes {sorted(unknown)}, but that of order 1 {first.names}")
    body = activation.body
    slope = replace(
        activation,
        name=f"{name}'",
        key=backends.new_key(f"{activation.key}'"),
        body=replace(
            first,
            arrays=(argument,),
            parameters={one: body.parameters[one] for one in first.names if one in body.parameters},
            options={one: body.options[one] for one in first.names if one in body.options},
        ),
        rules={argument: second},
        slopes={},
        kinks={},
        learnable={},
        requires=(),
        inplace=False,
    )
    activation.slopes[argument] = slope
    backends.definitions[slope.key] = slope
    try:
        if not activation.missing:
            register(activation)
    except DefinitionError:
        del activation.slopes[argument]
        raise
    return function
