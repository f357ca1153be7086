"""The catalogue, and how an activation enters it: with its last rule, under names that are free, and checked."""

from collections.abc import Callable
from typing import Any

from xact import backends
from xact._errors import DefinitionError
from xact._signature import Expression

catalogue: dict[str, Any] = {}


def add_rule(activation: Any, rules: dict[str, Expression], argument: str, function: Callable[..., Any]) -> Any:
    """Take a function as the rule or the sampler of an argument; enter the activation if none is missing."""
    name, rule = activation.name, Expression.of(function, activation.name)
    known = {*activation.operands, *activation.body.options, "y", "dy", f"d{argument}"}
    if rules is activation.samplers:
        # Its own parameters and options become the activation's.
        known = {*activation.body.names, *rule.parameters, *rule.options}
    if argument not in activation.operands:
        raise DefinitionError(f"{name}: a rule for `{argument}`, but its arguments are {activation.operands}")
    if unknown := set(rule.names) - known:
        raise DefinitionError(f"{name}: the rule takes {sorted(unknown)}, but it may name {sorted(known)}")
    if argument in rules:
        raise DefinitionError(f"{name}: a second rule for `{argument}`; delete one of them")
    rules[argument] = rule
    if rules is not activation.rules:
        # A pullback says that elements are mixed, or that the argument is a vector.
        activation.settle()
    try:
        if not activation.missing:
            register(activation)
    except ValueError:
        # So that it can be declared again.
        del rules[argument]
        activation.settle()
        raise
    return function


def register(activation: Any) -> None:
    """Enter a complete activation into the catalogue, under its name and its aliases."""
    for name in (activation.name, *activation.aliases):
        taken = catalogue.get(name, activation)
        if taken.body.place != activation.body.place:
            raise ValueError(f"the name {name!r} is taken by {taken!r} of {taken.__module__}; choose another")
    # The package's own are checked by the tests: at each import it would take longer than the import.
    own = f"{activation.__module__}".startswith("xact.activations.")
    for taken in () if own else catalogue.values():
        if taken.module == activation.module and taken.body.place != activation.body.place:
            raise ValueError(
                f"{activation.name}: xact.nn.{taken.module} is the Module of {taken!r}; give another `module`"
            )
    # Before the check, as a rule may call its function.
    backends.definitions[activation.key] = activation
    if not own:
        from xact._check import check

        try:
            check(activation)
        except DefinitionError:
            del backends.definitions[activation.key]
            raise
    catalogue.update(dict.fromkeys((activation.name, *activation.aliases), activation))
