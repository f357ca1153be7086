"""What a definition says of its numbers in text: ``requires=("lambd >= 0",)``, ``kinks={"-beta / alpha": 0}``."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from xact._errors import DefinitionError, ParameterError

# Left, comparison, right, each side the name of an argument or a number; the text last.
Condition = tuple[str | float, Callable[[Any, Any], Any], str | float, str]

COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "!=": operator.ne}


def parse(text: str, names: tuple[str, ...]) -> Condition:
    """The parts of one comparison of an argument with a number or another argument."""
    left, comparison, right = text.split() if len(text.split()) == 3 else ("", "", "")
    if comparison not in COMPARISONS:
        raise DefinitionError(f'{text!r} in `requires` is no comparison, such as "alpha > 0" or "lower <= upper"')
    return _side(left, names), COMPARISONS[comparison], _side(right, names), text


def _side(word: str, names: tuple[str, ...]) -> str | float:
    if word in names:
        return word
    try:
        return float(word)
    except ValueError:
        raise DefinitionError(f"{word!r} in `requires` is neither a number nor one of the arguments {names}") from None


def check_conditions(function: str, conditions: tuple[Condition, ...], values: Mapping[str, Any]) -> None:
    """Refuse numbers that break a condition; the entries of an array are not looked at, which would wait for them."""
    for left, holds, right, text in conditions:
        sides = [values[side] if isinstance(side, str) else side for side in (left, right)]
        if not all(isinstance(value, (int, float)) for value in sides):
            continue
        if not holds(*sides):
            given = {side: values[side] for side in (left, right) if isinstance(side, str)}
            got = ", ".join(f"{name}={value!r}" for name, value in given.items())
            raise ParameterError(f"{function} needs {text}, got {got}")


def numbers_of(kinks: Mapping[Any, Any], values: Mapping[str, Any]) -> dict[float, Any]:
    """Finite kinks and the derivatives there, with the values of the arguments that their expressions name."""
    points = ((float(_number(point, values)), slope) for point, slope in kinks.items())
    return {point: _number(slope, values) for point, slope in points if math.isfinite(point)}


def _number(given: Any, values: Mapping[str, Any]) -> Any:
    # The text is that of a definition, which is code already.
    return eval(given, {"__builtins__": {}}, dict(values)) if isinstance(given, str) else given
