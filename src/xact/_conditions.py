"""What a definition says of its numbers in text: ``requires=("0 < cap < inf",)``, ``kinks={"-beta / alpha": 0}``."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from xact import backends
from xact._errors import DefinitionError, ParameterError

# The arguments that are compared, the comparison of their values, and the text.
Condition = tuple[tuple[str, ...], Callable[..., bool], str]

COMPARISONS = ("<=", ">=", "<", ">", "!=")
# The normal numbers of float32. What is smaller counts as 0 in it: some libraries flush it.
SMALLEST, LARGEST = 2.0**-126, (2 - 2.0**-23) * 2.0**127


def parse(text: str, names: tuple[str, ...]) -> Condition:
    """The parts of a comparison, or a chain of them, of arguments, numbers and ``inf``."""
    sides, comparisons = text.split()[::2], text.split()[1::2]
    if not comparisons or len(sides) != len(comparisons) + 1 or not {*comparisons} <= {*COMPARISONS}:
        known = ", ".join(COMPARISONS)
        raise DefinitionError(
            f"{text!r} in `requires` is no comparison by {known} with spaces, such as '0 < alpha <= 1'"
        )
    used = tuple(dict.fromkeys(side for side in sides if side in names))
    words = " ".join(word if word in (*names, *COMPARISONS) else _number_text(word, names) for word in text.split())
    # The text is that of a definition, which is code already.
    return used, eval(f"lambda {', '.join(used)}: {words}", {"__builtins__": {}, "__name__": __name__}), text


def _number_text(word: str, names: tuple[str, ...]) -> str:
    try:
        return repr(float(word)).replace("inf", "1e999")
    except ValueError:
        raise DefinitionError(f"{word!r} in `requires` is neither a number nor one of the arguments {names}") from None


def check_conditions(
    function: str, conditions: tuple[Condition, ...], values: Mapping[str, Any], backend: Any = None, x: Any = None
) -> None:
    """Refuse numbers that break a condition; the entries of an array are not looked at, which would wait for them.

    backend, x: the first array of a call; a number has to satisfy the conditions as the array's precision holds it.
    """
    for names, holds, text in conditions:
        if len(names) == 1:
            value = values[names[0]]
            # What nearly every call has, at once.
            if type(value) is float and SMALLEST <= value <= LARGEST and holds(value):
                continue
        given = [values[name] for name in names]
        extreme = False
        for value in given:
            if not isinstance(value, (int, float)):
                break
            extreme |= not SMALLEST <= abs(value) <= LARGEST
        else:
            if not holds(*given):
                raise ParameterError(f"{function} needs {text}, got {_listed(names, given)}")
            if extreme and backend and (dtype := backend.dtype_name(x)) in backends.FLOATS and dtype != "float64":
                held = [_in_float32(value) for value in given]
                if not holds(*held):
                    got = f"{_listed(names, given)}, in float32 {_listed(names, held)}"
                    raise ParameterError(f"{function} needs {text}, got {got}")


def _listed(names: tuple[str, ...], values: list[Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))


def _in_float32(value: float) -> float:
    if abs(value) > LARGEST:
        return math.inf if value > 0 else -math.inf
    return value if abs(value) >= SMALLEST else math.copysign(0.0, value)


def numbers_of(kinks: Mapping[Any, Any], values: Mapping[str, Any]) -> dict[float, Any]:
    """Finite kinks and the derivatives there, with the values of the arguments that their expressions name."""
    points = ((float(_number(point, values)), slope) for point, slope in kinks.items())
    return {point: _number(slope, values) for point, slope in points if math.isfinite(point)}


def _number(given: Any, values: Mapping[str, Any]) -> Any:
    # The text is that of a definition, which is code already.
    return eval(given, {"__builtins__": {}, "inf": math.inf}, dict(values)) if isinstance(given, str) else given
