"""The catalogue, and how an activation enters it: with its last rule, under names that are free, and checked."""

from collections.abc import Callable
from typing import Any

from xact import backends
from xact._conditions import check_conditions
from xact._errors import DefinitionError, ParameterError, nearest
from xact._signature import Expression

catalogue: dict[str, Any] = {}


def add_rule(activation: Any, rules: dict[str, Expression], argument: str, function: Callable[..., Any]) -> Any:
    """Take a function as the rule for an argument, and enter the activation if it is the last one required."""
    name, rule = activation.name, Expression.of(function)
    known = {*activation.operands, *activation.body.options, "y", "dy", f"d{argument}"}
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
    except DefinitionError:
        # So that it can be declared again.
        del rules[argument]
        activation.settle()
        raise
    return function


def register(activation: Any) -> None:
    """Enter a complete activation into the catalogue, under its name and its aliases."""
    _check_texts(activation)
    for name in (activation.name, *activation.aliases):
        taken = catalogue.get(name, activation)
        if taken.body.place != activation.body.place:
            raise ValueError(f"the name {name!r} is taken by {taken!r} of {taken.__module__}; choose another")
    # Before the check, as a rule may call its function.
    backends.definitions[activation.key] = activation
    # The package's own are checked by the tests: at each import it would take longer than the import.
    if not activation.__module__.startswith("xact.activations."):
        from xact._check import check

        try:
            check(activation)
        except DefinitionError:
            del backends.definitions[activation.key]
            raise
    catalogue.update(dict.fromkeys((activation.name, *activation.aliases), activation))


def _check_texts(activation: Any) -> None:
    name, known = activation.name, activation.defaults
    if len(activation.conditions) < len(activation.requires):
        used = {text for *_, text in activation.conditions}
        text = next(text for text in activation.requires if text not in used)
        near = f"the nearest is {nearest(text.split()[0], known)}; " if known else ""
        raise DefinitionError(
            f"{name}: {text!r} in `requires` names no argument known so far; {near}declare a sampler before rules"
        )
    try:
        check_conditions(name, activation.conditions, known)
    except ParameterError as error:
        raise DefinitionError(f"{name}: its own defaults break a condition: {error}") from None
    if unknown := [label for label in activation.arguments if label not in known and label not in activation.arrays]:
        raise DefinitionError(f"{name}: `arguments` explains {unknown[0]!r}, which it does not have")
    for text in [text for pair in activation.kinks.items() for text in pair if isinstance(text, str)]:
        try:
            words = {*compile(text, "kinks", "eval").co_names}
        except SyntaxError:
            raise DefinitionError(f"{name}: {text!r} in `kinks` is no expression of the arguments") from None
        if unknown := sorted(words - {*known}):
            near = f"the nearest argument is {nearest(unknown[0], known)}" if known else "it has no arguments"
            raise DefinitionError(f"{name}: {text!r} in `kinks` names {unknown[0]!r}; {near}")
