"""What stands for an array without being one of a library: numbers, `__jax_array__`, masked arrays of NumPy."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from xact import backends
from xact._errors import DtypeError


def call(function: Callable[..., Any], activation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The result of a function of arrays, an activation or what is made of one, for something else in the first place.

    A number gives a NumPy scalar, a masked array one with the same mask.
    """
    x, *rest = args
    if isinstance(x, (int, float)) or backends.is_jax_like(type(x)):
        count = len(activation.arrays)
        others = [_of_number(value) if type(value) is float else value for value in rest[: count - 1]]
        return function(array(activation, x), *others, *rest[count - 1 :], **kwargs)
    result = function(*(array(activation, value) if is_subclass(type(value)) else value for value in args), **kwargs)
    arrays = [value for value in args[: len(activation.arrays)] if hasattr(value, "dtype")]
    if len(arrays) < len(activation.arrays):
        raise DtypeError(f"{activation.name} splits no masked array; give its {len(activation.arrays)} arrays apart")
    return tuple(_masked(one, arrays) for one in result) if isinstance(result, tuple) else _masked(result, arrays)


def array(activation: Any, x: Any) -> Any:
    """The array of a library that an object stands for."""
    if isinstance(x, (int, float)):
        return _of_number(x)
    if backends.is_jax_like(type(x)):
        return x.__jax_array__()
    np, kind = _numpy(), f"{type(x).__module__}.{type(x).__name__}"
    if np.ma.isMaskedArray(x) and not activation.elementwise:
        raise DtypeError(
            f"{activation.name} mixes the elements along an axis, also those that the mask of a {kind} hides; "
            "fill them (x.filled(...)), or use masked_softmax with a mask"
        )
    if type(x).__array_ufunc__ is not np.ndarray.__array_ufunc__:
        raise DtypeError(
            f"{activation.name} takes arrays of numbers, got a {kind}, which computes by rules of its own; "
            "convert it with numpy.asarray"
        )
    return np.asarray(x)


def plain(activation: Any, x: Any) -> Any:
    """As `array`, and a masked one refused: sums over all elements would take in what the mask hides."""
    if is_subclass(type(x)) and _numpy().ma.isMaskedArray(x):
        raise DtypeError(f"xact.vjp of {activation.name} takes no masked array; fill it with x.filled(...)")
    return array(activation, x)


def is_subclass(cls: type) -> bool:
    """Whether it is a class of NumPy arrays that is not taken for a plain one."""
    return "numpy" in sys.modules and issubclass(cls, _numpy().ndarray) and not backends.load("numpy").owns(cls)


def _numpy() -> Any:
    import numpy

    return numpy


def _of_number(x: float) -> Any:
    return _numpy().asarray(x)[()]


def _masked(result: Any, arrays: list[Any]) -> Any:
    """Hidden is what is hidden in any of the arrays."""
    np = _numpy()
    if any(one is np.ma.masked for one in arrays):
        return np.ma.masked
    mask = np.ma.nomask
    for one in arrays:
        mask = np.ma.mask_or(mask, np.ma.getmask(one))
    first = arrays[0]
    made = np.asarray(result).view(type(first))
    made.mask = np.ma.nomask if mask is np.ma.nomask else mask.copy()
    if made.dtype == first.dtype:
        made.fill_value = first.fill_value
    return made
