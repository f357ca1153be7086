"""From bound arguments to what a backend evaluates: gates split, samples drawn, parameters laid along the axis."""

import math
import numbers
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from xact import backends
from xact._conditions import check_conditions
from xact._errors import AxisError, DtypeError, ParameterError, ShapeError
from xact._signature import REQUIRED, Expression

if TYPE_CHECKING:
    from xact._activation import Activation

# The backend of the call, what the body receives as operands and as options, and whether the result replaces the first
# array.
Prepared = tuple[Any, tuple[Any, ...], tuple[Any, ...], bool]


def prepare(
    activation: "Activation", backend: ModuleType, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Prepared:
    """Bind a call and make its operands ready for the body."""
    arrays, values = activation.bind(args, kwargs)
    if backend.JOINS:
        backend, arrays, values = together(activation, backend, arrays, values)
    name, x = activation.name, arrays[0]
    check_conditions(name, activation.conditions, values, backend, x)
    if activation.choices:
        check_choices(activation, values)
    if "axis" in values and (not activation.elementwise or (activation.layout and len(arrays) == 1)):
        check_axis(activation, backend, x, values["axis"])
    if values.get("dtype") is not None:
        x = converted(name, backend, x, values["dtype"])
        # All that is left to know is that one was asked for.
        values["dtype"] = True
    for other, label in zip(arrays[1:], activation.arrays[1:], strict=True) if len(arrays) > 1 else ():
        check_array(activation, backend, x, other, label)
    if activation.layout and len(arrays) == 1:
        halves = split(activation, backend, x, values["axis"], values["layout"])
        operands = dict(zip(activation.arrays, halves, strict=True))
    else:
        operands = dict(zip(activation.arrays, arrays, strict=True))
        operands[activation.arrays[0]] = x
    for label in activation.body.parameters:
        if label in activation.vectors:
            operands[label] = vector(activation, backend, x, values[label], label)
        else:
            operands[label] = parameter(activation, backend, x, values[label], label, values.get("axis"))
    for label in activation.body.masks:
        x, operands[label] = masked(activation, backend, x, operands[label], values[label])
        operands[activation.arrays[0]] = x
    if activation.sampled:
        operands[activation.sampled] = sample(activation, backend, {**operands, **values})
    inplace = bool(values.get("inplace", False))
    if inplace and not backend.INPLACE:
        raise TypeError(f"{name}: `inplace` works on torch tensors only; {type(x).__name__} has no such operation")
    # Lists, which are filled in half the time of what a generator gives.
    options = [static(name, values[label], label, default) for label, default in activation.body.options.items()]
    if options and float in map(type, options):
        options = [held(backend, x, value) if type(value) is float else value for value in options]
    return backend, tuple([operands[label] for label in activation.operands]), tuple(options), inplace


def together(
    activation: "Activation", backend: ModuleType, arrays: tuple[Any, ...], values: dict[str, Any]
) -> tuple[ModuleType, tuple[Any, ...], dict[str, Any]]:
    """The arrays of a call, those of NumPy among others of JAX made JAX's."""
    given = {
        label: value
        for label in activation.body.parameters
        if type(value := values[label]) is not float and not isinstance(value, numbers.Real)
    }
    if len(arrays) > 1 or given:
        backend = backends.meet(backend, (*arrays[1:], *given.values()))
        arrays = tuple(map(backend.joined, arrays))
        values = values | {label: backend.joined(value) for label, value in given.items()}
    return backend, arrays, values


def check_values(activation: "Activation", values: Mapping[str, Any]) -> None:
    check_conditions(activation.name, activation.conditions, values)
    check_choices(activation, values)


def check_choices(activation: "Activation", values: Mapping[str, Any]) -> None:
    for label, allowed in activation.choices.items():
        if not isinstance(values[label], str):
            static(activation.name, values[label], label, REQUIRED)
        if values[label] not in allowed:
            listed = ", ".join(repr(choice) for choice in allowed)
            raise ParameterError(f"{activation.name}: `{label}` must be one of {listed}, got {values[label]!r}")


def check_kind(activation: "Activation", label: str, value: Any) -> None:
    """Refuse a parameter that is neither an array nor a number, or for a vector of coefficients a tuple of numbers."""
    if hasattr(value, "shape"):
        return
    if label not in activation.vectors:
        if not isinstance(value, numbers.Real):
            cure = "; convert it with numpy.asarray or torch.tensor" if isinstance(value, list | tuple) else ""
            raise DtypeError(
                f"{activation.name}: `{label}` must be a real number or an array like the first, got {value!r}{cure}"
            )
    elif not isinstance(value, (tuple, list)) or not value or not all(isinstance(one, numbers.Real) for one in value):
        raise DtypeError(f"{activation.name}: `{label}` must be a tuple of numbers or an array, got {value!r}")


def check_axis(activation: "Activation", backend: ModuleType, x: Any, axis: Any) -> None:
    name = activation.name
    if axis is None and activation.body.whole:
        return
    if not isinstance(axis, int):
        raise TypeError(f"{name}: `axis` must be an integer, got {axis!r}")
    count = x.ndim or backend.AXES_OF_SCALARS
    if not -count <= axis < count:
        raise AxisError(f"{name}: axis {axis} is outside an array of {x.ndim} dimensions")


def check_array(activation: "Activation", backend: ModuleType, x: Any, other: Any, label: str) -> None:
    """The second array of a gate: of the same library and shape."""
    check_library(activation.name, backend, x, other, label)
    backend.floating(activation, other)
    if not is_same(other.shape, x.shape):
        raise ShapeError(
            f"{activation.name}: `{label}` has shape {tuple(other.shape)}, the first array {tuple(x.shape)}; "
            "a gate takes two arrays of one shape"
        )


def check_library(name: str, backend: ModuleType, x: Any, other: Any, label: str) -> None:
    if backends.of(other, f"{name}: `{label}`") is not backend:
        kind, first = (f"{type(array).__module__}.{type(array).__name__}" for array in (other, x))
        raise DtypeError(f"{name}: `{label}` is a {kind}, the first array a {first}; convert one of them")


def check_real(activation: "Activation", backend: ModuleType, x: Any, value: Any, label: str) -> None:
    check_library(activation.name, backend, x, value, label)
    dtype = backend.dtype_name(value)
    whole = dtype.removeprefix("u").startswith("int")
    if label in activation.body.masks:
        if whole:
            raise DtypeError(integer_mask(activation.name, label, f"an array of {dtype}"))
        if dtype == "bool":
            return
    if dtype not in backends.FLOATS and not whole:
        raise DtypeError(f"{activation.name}: `{label}` must be of real numbers, got an array of {dtype}")


def converted(name: str, backend: ModuleType, x: Any, dtype: Any) -> Any:
    try:
        return backend.astype(x, dtype)
    except TypeError:
        kind = f"{type(x).__module__}.{type(x).__name__}"
        raise DtypeError(f"{name}: `dtype` must be a dtype of the array's library, a {kind}; got {dtype!r}") from None


def split(activation: "Activation", backend: ModuleType, x: Any, axis: int, layout: str) -> tuple[Any, ...]:
    """The two arrays of a gate, in the order of the body, from one packed array."""
    if x.ndim == 0 or x.shape[axis] % 2:
        size = x.shape[axis] if x.ndim else "no"
        raise ShapeError(
            f"{activation.name}: a packed array is split in two along axis {axis}, which has {size} elements; "
            "the number must be even (or pass two arrays)"
        )
    first, second = backend.halves(x, axis, layout == "interleaved")
    named = {"value": first, "gate": second} if layout == "value_first" else {"gate": first, "value": second}
    return tuple(named[label] for label in activation.arrays)


ADDED = Expression.of(lambda x, mask, xp: x + mask)


def masked(activation: "Activation", backend: ModuleType, x: Any, mask: Any, given: Any) -> tuple[Any, Any]:
    """The array and which of its entries are kept; a mask of floats is added to the array, and -inf hides an entry."""
    if isinstance(given, numbers.Real):
        if isinstance(given, numbers.Integral) and not isinstance(given, bool):
            raise DtypeError(integer_mask(activation.name, activation.body.masks[0], repr(given)))
        # What is added to every entry changes nothing.
        return x, float(given is not False and given != -math.inf)
    if backend.dtype_name(mask) == "bool":
        return x, mask
    x = backend.floating(activation, x)
    return backend.evaluate(ADDED, x, {"x": x, "mask": mask}, False), mask != -math.inf


def integer_mask(name: str, label: str, got: str) -> str:
    return (
        f"{name}: `{label}` must be bool, which keeps where it is true, or float, which is added; got {got}; "
        "convert it to one of them"
    )


def vector(activation: "Activation", backend: ModuleType, x: Any, value: Any, label: str) -> Any:
    """Coefficients: a tuple of numbers, or an array of the same library with one dimension."""
    check_kind(activation, label, value)
    if not hasattr(value, "shape"):
        return tuple(map(float, value))
    check_real(activation, backend, x, value, label)
    if len(value.shape) != 1 or not value.shape[0]:
        raise ShapeError(
            f"{activation.name}: `{label}` is a vector of coefficients, which has one dimension; "
            f"got the shape {tuple(value.shape)}"
        )
    return backend.coefficients(value)


# Half of the least number above 0 that float32 holds, and the largest.
VANISHING, LARGEST = 2.0**-150, (2 - 2.0**-23) * 2.0**127


def held(backend: ModuleType, x: Any, value: float) -> float:
    """0 or infinity where float32, in which it is computed, holds a number as one; some libraries do not convert it."""
    if value == 0 or VANISHING <= abs(value) <= LARGEST or backend.dtype_name(x) == "float64":
        return value
    return 0.0 if abs(value) < 1 else math.inf if value > 0 else -math.inf


def parameter(activation: "Activation", backend: ModuleType, x: Any, value: Any, label: str, axis: int | None) -> Any:
    """A number, or an array of the same library that fits the shape of `x`."""
    if type(value) is float or type(value) is int:
        return value if VANISHING <= value <= LARGEST else held(backend, x, value)
    if isinstance(value, numbers.Real):
        return float(value)
    check_kind(activation, label, value)
    check_real(activation, backend, x, value, label)
    shape = aligned(tuple(value.shape), tuple(x.shape), axis)
    if shape is None:
        raise ShapeError(_misfit(activation.name, label, tuple(value.shape), tuple(x.shape), axis))
    return value if shape == tuple(value.shape) else backend.reshape(value, shape)


def _misfit(name: str, label: str, shape: tuple[int, ...], target: tuple[int, ...], axis: int | None) -> str:
    where = "" if axis is None else f" along axis {axis}"
    cure = "the result keeps the array's shape"
    fitting = [i for i, size in enumerate(target) if len(shape) == 1 and shape == (size,)]
    if fitting and axis is None:
        ones = ", 1" * (len(target) - 1 - fitting[0])
        cure = f"it lies along axis {fitting[0]} as {label}.reshape(-1{ones})"
    elif fitting:
        cure = f"pass axis={fitting[-1] - len(target) if fitting[-1] == len(target) - 1 else fitting[-1]}"
    return f"{name}: `{label}` of shape {shape} does not fit an array of shape {target}{where}; {cure}"


def aligned(shape: tuple[int, ...], target: tuple[int, ...], axis: int | None) -> tuple[int, ...] | None:
    """The shape under which a parameter broadcasts to `target` without enlarging it, or None.

    One element fits any array. A vector lies along `axis`, where the activation has one.
    """
    # Tuples of other lengths are compared by their first entries: of a size that a compiler keeps open, a condition.
    if len(shape) == len(target) and shape == target:
        return shape
    if len(shape) == 1 and shape[0] == 1:
        return ()
    if len(shape) == 1 and axis is not None and -len(target) <= axis < len(target):
        shape = tuple(shape[0] if i == axis % len(target) else 1 for i in range(len(target)))
    elif len(shape) > len(target) or (len(shape) == 1 and axis is not None):
        return None
    fits = all(n == 1 or is_same((n,), (m,)) for n, m in zip(reversed(shape), reversed(target), strict=False))
    return shape if fits else None


def is_same(shape: Any, other: Any) -> bool:
    """Whether two shapes are the same, as far as is known: a lazy array may have NaN or None for a length."""
    if tuple(shape) == tuple(other):
        return True
    return len(shape) == len(other) and all(
        n == m or ((n is None or n != n) and (m is None or m != m)) for n, m in zip(shape, other, strict=True)
    )


def static(name: str, value: Any, label: str, default: Any) -> Any:
    """The value of an option: it decides what is computed, so no array that a transform traces can stand for it."""
    if type(value) is type(default):
        return value
    if not isinstance(value, numbers.Real) and hasattr(value, "shape"):
        raise TypeError(f"{name}: `{label}` is an option and takes a Python value, no array; got {value!r}")
    # None is all axes, or a choice left to the library. A compiler's symbol of a number is as good as one.
    if isinstance(default, bool):
        kind = "True or False" if isinstance(value, str | float | None) else ""
    elif isinstance(default, int) or label == "axis":
        kind = "" if value is None or isinstance(value, int) or hasattr(value, "__index__") else "an integer"
    else:
        number = not isinstance(default, float) or isinstance(value, int | float) or hasattr(value, "__float__")
        kind = "" if number else "a number"
    if kind:
        raise TypeError(f"{name}: `{label}` must be {kind}, got {value!r}")
    return value


def check_options(activation: "Activation", values: Mapping[str, Any]) -> None:
    """Refuse, before there is an array, what every call would be refused for."""
    for label, default in (activation.original or activation).defaults.items():
        if label not in activation.body.parameters and label in values:
            static(activation.name, values[label], label, default)


def sample(activation: "Activation", backend: ModuleType, values: dict[str, Any]) -> Any:
    """The random argument of the body, in the dtype of the first array."""
    sampler = activation.samplers[activation.sampled or ""]
    x = backend.floating(activation, values[activation.arrays[0]])
    if activation.sampled not in activation.arrays:
        # What is drawn is a constant to every derivative.
        x = backend.constant(x)
    values[activation.arrays[0]] = x
    if values.get("training", True):
        values["rng"] = backend.generator(activation, values["rng"])
    needed = {name: values[name] for name in sampler.names}
    return backend.evaluate(sampler, x, needed, elementwise=False)
