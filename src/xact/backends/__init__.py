"""Which library an array belongs to, and one module per library that evaluates and differentiates definitions.

A library is imported only when one of its arrays arrives. Every backend module has the same names:

    xp                                  the namespace bodies and rules are evaluated with
    INPLACE                             whether arrays can be overwritten on request
    JOINS                               whether arrays of NumPy may stand beside the library's
    AXES_OF_SCALARS                     how many axes the library takes an array without any to have
    owns(cls)                           whether arrays of this class are the library's
    apply(activation, operands, options, inplace)   the value, differentiable by the library's own transforms
    evaluate(expression, x, values, elementwise)    any expression of a definition, in the dtype of `x`
    floating(activation, x)             the array in a floating dtype, integers converted where they are taken
    dtype_name(x)                       "float32", "int64", ...
    constant(x)                         the array with its derivatives cut off
    coefficients(vector)                a vector of coefficients as a body takes it
    astype, reshape, halves, join, generator        what operands need

and where JOINS is true `joined(x)`, an array of the library made of what may join.
"""

import sys
from types import ModuleType
from typing import Any

from xact._errors import DtypeError, ParameterError
from xact._extras import needs

# What compiled graphs refer to: a definition by its key. Keys are never reused, so a redefinition in a notebook
# does not change a graph compiled before it.
definitions: dict[str, Any] = {}
_keys: list[str] = []
known: dict[type, ModuleType] = {}

# Stands for the backend of an object that is no array yet (a number, what has `__jax_array__`, a masked array), or that
# records calls instead of computing, such as a tracer's proxy.
deferred = ModuleType("deferred")

FLOATS = ("float16", "bfloat16", "float32", "float64")


def converts(activation: Any, dtype: str) -> bool:
    """Whether an array of this dtype, which is not floating, becomes floating first; refuse what is not taken."""
    kinds = activation.integers or ""
    if (kinds and dtype.removeprefix("u").startswith("int")) or (dtype == "bool" and dtype in kinds):
        return kinds.startswith("float")
    takes = "float16, bfloat16, float32, float64"
    takes += ", integers and bool" if "bool" in kinds else " and integers" if kinds else ""
    raise DtypeError(f"{activation.name} takes {takes}, got {dtype}; convert the array first")


def whole(activation: Any, dtype: str, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of a call on integers, its numbers cut off to integers, so that the result has integers too."""
    if dtype == "bool":
        return operands
    bits = int(dtype.lstrip("uint"))
    low = 0 if dtype.startswith("u") else -(1 << (bits - 1))
    for label, value in zip(activation.operands, operands, strict=True):
        if isinstance(value, (int, float)) and not low - 1 < value < low + (1 << bits):
            raise ParameterError(f"{activation.name}: `{label}` = {value!r} does not fit an array of {dtype}")
    return tuple(int(value) if isinstance(value, float) else value for value in operands)


def no_rule(activation: Any, argument: str, kind: str = "derivative") -> str:
    having = ", ".join(f"`{name}`" for name in (*activation.rules, *activation.pullbacks))
    only = f", only by {having}" if having else ""
    return (
        f"{activation.name} has no {kind} by `{argument}`{only}; "
        f"detach it, or declare one with @{activation.name}.{kind}({argument!r})"
    )


def of(x: Any, function: str) -> Any:
    """The backend of an array."""
    return known.get(type(x)) or find(x, function)


def new_key(name: str) -> str:
    key = f"{name}@{len(_keys)}" if name in _keys else name
    _keys.append(key)
    return key


def record(activation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Let an object with `__torch_function__`, such as a tracer's proxy, note the call; else see `guests.call`."""
    if not hasattr(type(args[0]), "__torch_function__"):
        from xact.backends import guests

        return guests.call(activation, activation, args, kwargs)
    if unbound := activation.original:
        # The call is written down by name, and the name stands for the activation with its own defaults.
        args, values = activation.bind(args, kwargs)
        kwargs = {name: value for name, value in values.items() if value is not unbound.defaults[name]}
        activation = unbound
    return type(args[0]).__torch_function__(activation, (type(args[0]),), args, kwargs)


def find(x: Any, function: str) -> Any:
    """The backend of an array of a class not seen before."""
    cls = type(x)
    for library in ("numpy", "torch", "jax"):
        if sys.modules.get(library):
            backend = load(library)
            if backend.owns(cls):
                known[cls] = backend
                return backend
    if hasattr(cls, "__torch_function__"):
        return deferred
    if is_jax_like(cls) or _is_number(cls, function) or _is_subclass(cls):
        known[cls] = deferred
        return deferred
    import array_api_compat

    if not array_api_compat.is_array_api_obj(x):
        converts = isinstance(x, (list, tuple, float, int)) or hasattr(x, "__array__")
        cure = "; convert it with numpy.asarray or torch.tensor" if converts else ""
        # A table would be printed over many lines.
        got = (
            f"an object of type {cls.__module__}.{cls.__name__}"
            if hasattr(x, "__array__")
            else f"{x!r} of type {cls.__name__}"
        )
        raise DtypeError(f"{function} takes an array, got {got}{cure}")
    from xact.backends import standard

    known[cls] = standard
    return standard


def is_jax_like(cls: type) -> bool:
    """Whether objects of a class say what array of JAX they stand for."""
    return hasattr(cls, "__jax_array__")


def meet(backend: ModuleType, others: tuple[Any, ...]) -> ModuleType:
    """The backend of a call whose first array has this one: JAX's, where an array of JAX meets NumPy's."""
    if not sys.modules.get("jax") or backend is not sys.modules.get("xact.backends.numpy"):
        return backend
    jax = load("jax")
    joins = any(jax.owns(type(value)) or is_jax_like(type(value)) for value in others)
    return jax if joins else backend


def load(library: str) -> ModuleType:
    """The backend of a library that can be imported."""
    if library == "numpy":
        from xact.backends import numpy

        return numpy
    if library == "torch":
        from xact.backends import torch

        return torch
    from xact.backends import jax

    return jax


def _is_number(cls: type, function: str) -> bool:
    if cls not in (float, int):
        return False
    with needs(f"{function} of a number", "numpy"):
        import numpy  # noqa: F401 (it becomes one of its scalars)
    return True


def _is_subclass(cls: type) -> bool:
    if "numpy" not in sys.modules:
        return False
    from xact.backends import guests

    return guests.is_subclass(cls)
