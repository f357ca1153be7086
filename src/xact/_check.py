"""A definition is evaluated once when it is declared, on an array that stands for any (see `_recorded`).

So an unknown name, a mixture of elements in an elementwise function, or a result that is no array of the shape of x is
refused where it is written, on all libraries alike, and a call looks at nothing.
"""

from collections.abc import Iterator
from functools import wraps
from typing import Any

from xact._conditions import check_conditions
from xact._errors import DefinitionError, MissingRuleError, ParameterError, nearest
from xact._recorded import Recorded, Trace
from xact._recorded_names import Names
from xact._signature import REQUIRED, Expression


def check(activation: Any, declared: bool = True) -> bool:
    """Refuse what is wrong in the body and in the rules of an activation.

    declared: whether more may follow. Then a parameter may yet become a vector of coefficients, by its pullback, and
    what a body calls may be written further down: the first call is checked instead.
    Returns whether all could be looked at.
    """
    _check_texts(activation)
    parts = [("body", "", activation.body)]
    parts += [("sampler", "", sampler) for sampler in activation.samplers.values()]
    kinds = {"derivative": activation.rules, "pullback": activation.pullbacks, "pushforward": activation.pushforwards}
    parts += [(kind, argument, rule) for kind, rules in kinds.items() for argument, rule in rules.items()]
    parts += [("second derivative", argument, slope.rules[argument]) for argument, slope in activation.slopes.items()]
    for *_, expression in parts:
        _set(expression, getattr(expression.function, "postponed", expression.function))
    complete = False
    try:
        if not declared or all(_settled(activation, name) for name in activation.body.parameters):
            for kind, argument, expression in parts:
                _check(activation, kind, argument, expression)
            complete = True
    except (NameError, MissingRuleError):
        pass
    finally:
        if not complete:
            for *_, expression in parts:
                _set(expression, _postponed(activation, expression.function))
    return complete


def _settled(activation: Any, parameter: str) -> bool:
    """Whether it is known of a parameter that it is a number, or a vector."""
    body = activation.body
    known = body.parameters[parameter] is not REQUIRED or parameter in body.masks
    return known or bool(activation.rules_for(parameter))


def _postponed(activation: Any, function: Any) -> Any:
    """The function behind a check; nobody who records calls looks into it, as it is called from where bodies are."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if hasattr(activation.body.function, "postponed"):
            check(activation, declared=False)
        return function(*args, **kwargs)

    vars(checked)["postponed"] = function
    return checked


def _set(expression: Expression, function: Any) -> None:
    object.__setattr__(expression, "function", function)


def _check(activation: Any, kind: str, argument: str, expression: Expression) -> None:
    name = activation.name
    role = f"the {kind} by `{argument}`" if argument else f"the {kind}"
    title = f"{name}: {role}"
    cure = f"give @{name}.pullback in the place of @{name}.derivative"
    elementwise = activation.elementwise and kind in ("body", "derivative", "second derivative")
    along = not elementwise and "axis" in expression.names and argument not in activation.vectors
    for trace, values in _inputs(activation, expression, Trace(title, cure if elementwise else None, along)):
        try:
            result = expression(values, Names(trace))
        except (DefinitionError, NameError, MissingRuleError):
            raise
        except (TypeError, AttributeError) as error:
            if elementwise:
                first = str(error).partition("\n")[0]
                raise trace.refused(f"fails on an array of the standard: {type(error).__name__}: {first}") from error
        except Exception:
            # It depends on the numbers of a call.
            continue
        else:
            _check_result(trace, kind, result)


def _inputs(activation: Any, expression: Expression, like: Trace) -> Iterator[tuple[Trace, dict[str, Any]]]:
    """The values of one evaluation for every choice that an option leaves; parameters as numbers, then as arrays."""
    numbers = _defaults(activation)
    options: list[dict[str, Any]] = [{}]
    for name in expression.options:
        given = activation.choices.get(name, ())
        default = activation.defaults.get(name)
        if isinstance(default, (bool, int, float)):
            # Some of the numbers that a body may tell apart.
            given = tuple(dict.fromkeys(type(default)(value) for value in (0, 1, 2)))
        options += [{name: value} for value in given if value != numbers.get(name)]
    for chosen in options:
        trace = Trace(like.title, like.cure, like.rows)
        yield trace, _arrays(activation, trace, numbers | chosen, expression)
    if like.cure is not None and expression.parameters:
        trace = Trace(like.title, like.cure)
        parameters = {
            name: trace.array("float32", whole=False, given=True)
            for name in activation.body.parameters
            if name not in activation.vectors and not isinstance(numbers[name], tuple)
        }
        yield trace, _arrays(activation, trace, numbers, expression) | parameters


def _defaults(activation: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for place, (name, value) in enumerate(activation.defaults.items(), 1):
        choices = activation.choices.get(name)
        if value is REQUIRED:
            # One after the other, as a lower bound stands before an upper one.
            value = choices[0] if choices else place / 2
            value = (value, value / 2) if name in activation.vectors else value
        values[name] = value
    return values


def _arrays(activation: Any, trace: Trace, numbers: dict[str, Any], expression: Expression) -> dict[str, Any]:
    arrays = {name: trace.array("float32", given=True) for name in expression.names if name not in numbers}
    masks = {name: trace.array("bool", given=True) for name in activation.body.masks}
    return numbers | arrays | masks


def _check_result(trace: Trace, kind: str, result: Any) -> None:
    if result is None:
        raise trace.refused("returns None; end it with `return` and an array")
    if not isinstance(result, Recorded):
        some = f"the number {result!r}" if isinstance(result, (int, float)) else f"a {type(result).__name__}"
        constant = "; xp.where(xp.isnan(x), x, 1.0) is 1 for every element" if isinstance(result, (int, float)) else ""
        raise trace.refused(f"returns {some} where one array is due{constant}")
    if trace.cure is None:
        return
    if not result._whole:
        raise trace.refused(
            "returns what has not the shape of x; its result has one number for each element: y + 0 * x"
        )
    if "float" not in result.dtype and not (result.dtype == "bool" and kind != "body"):
        cure = "xp.where(mask, 1.0, 0.0)" if result.dtype == "bool" else "xp.astype(result, x.dtype)"
        raise trace.refused(f"returns an array of {result.dtype}, where the dtype of x is due; write {cure}")


def _check_texts(activation: Any) -> None:
    """The conditions, the kinks and the lines on arguments name what there is."""
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
        if unknown := sorted(words - {*known, "inf"}):
            near = f"the nearest argument is {nearest(unknown[0], known)}" if known else "it has no arguments"
            raise DefinitionError(f"{name}: {text!r} in `kinks` names {unknown[0]!r}; {near}")
