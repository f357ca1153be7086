"""The values an activation is bound to: made Python's own where they are numbers, compared, hashed, written as JSON."""

import numbers
import sys
from collections.abc import Mapping
from typing import Any


def normal(value: Any, vector: bool = False) -> Any:
    """A number of any type as Python's, lists as tuples, since JSON knows no tuples; anything else as it is.

    Only NumPy's arrays become numbers, and tuples where a vector is wanted: those of others may carry a gradient.
    """
    if isinstance(value, (list, tuple)):
        return tuple(map(normal, value))
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.generic, numpy.ndarray)):
        return value
    if value.shape != ():
        return tuple(value.tolist()) if vector and value.ndim == 1 else value
    # Scalars of ml_dtypes give themselves for `item()`.
    kind = value.dtype.kind
    return bool(value) if kind == "b" else int(value) if kind in "iu" else float(value) if _is_real(value) else value


def _is_real(value: Any) -> bool:
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"


def is_array(value: Any) -> bool:
    return hasattr(value, "shape")


def differs(value: Any, default: Any) -> bool:
    """Whether a value is another than the default; an array always is."""
    return is_array(value) or bool(value != default)


def equal(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether all values are the same, those of arrays compared by class, dtype and elements."""
    return ours.keys() == theirs.keys() and all(_same(value, theirs[name]) for name, value in ours.items())


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if not is_array(a) and not is_array(b):
        return bool(a == b)
    if type(a) is not type(b) or tuple(a.shape) != tuple(b.shape) or a.dtype != b.dtype:
        return False
    try:
        return bool(a.tolist() == b.tolist())
    except Exception:  # a tracer has no elements yet
        return False


def hashable(values: Mapping[str, Any]) -> tuple[Any, ...]:
    """What equal values have in common; of an array its shape, as its elements may be far away, or change."""
    return tuple((name, tuple(value.shape) if is_array(value) else value) for name, value in sorted(values.items()))


def as_json(function: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them; an array with dimensions has no place there."""
    return {name: _json(function, name, value) for name, value in values.items()}


def _json(function: str, name: str, value: Any) -> Any:
    if not is_array(value):
        return value
    if tuple(value.shape) == ():
        return value.tolist()
    raise TypeError(
        f"{function}: `{name}` is bound to an array of shape {tuple(value.shape)}, which a spec cannot hold; "
        "bind a number, or give the array in the call"
    )


def rebound(activation: Any, values: Mapping[str, Any]) -> Any:
    """What a pickle of a bound activation calls."""
    return activation.replace(**values)
