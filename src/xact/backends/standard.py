"""Any library of the array API standard: the body as it is."""

from functools import lru_cache
from typing import Any

import array_api_compat

from xact import backends
from xact.special.namespace import Namespace

INPLACE = False
JOINS = False
AXES_OF_SCALARS = 0


@lru_cache
def namespace(library: Any) -> Namespace:
    def uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
        return library.asarray(rng.uniform(low, high, like.shape), dtype=like.dtype)

    native = {"tanh": library.tanh, "expm1": library.expm1, "uniform": uniform}
    return Namespace(library, **native, **_without_shapes(library))


def _without_shapes(library: Any) -> dict[str, Any]:
    """Functions that look at the shape of an array in some libraries, and here do not where a length is unknown."""

    def is_known(x: Any) -> bool:
        return all(n is not None and n == n for n in x.shape)

    def ones_like(x: Any) -> Any:
        if is_known(x):
            return library.ones_like(x)
        missing = library.isnan(x)
        return library.astype(missing | library.logical_not(missing), x.dtype)

    def zeros_like(x: Any) -> Any:
        return library.zeros_like(x) if is_known(x) else 1 - ones_like(x)

    def clip(x: Any, low: Any, high: Any) -> Any:
        if is_known(x):
            return library.clip(x, low, high)
        x = x if low is None else library.maximum(x, low)
        return x if high is None else library.minimum(x, high)

    return {"ones_like": ones_like, "zeros_like": zeros_like, "clip": clip}


def owns(cls: type) -> bool:
    return True


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = floating(activation, operands[0])
    if dtype_name(x) not in backends.FLOATS:
        operands = backends.whole(activation, dtype_name(x), operands)
    values = dict(zip(activation.names, (x, *operands[1:], *options), strict=True))
    return evaluate(activation.body, x, values, activation.elementwise)


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`."""
    library, dtype = array_api_compat.array_namespace(x), dtype_name(x)
    xp = namespace(library)
    if dtype not in backends.FLOATS:
        return expression(values, xp)
    compute = library.float32 if dtype in ("float16", "bfloat16") else x.dtype
    ready = {
        name: library.astype(value, compute, copy=False) if hasattr(value, "dtype") else value
        for name, value in values.items()
    }
    return library.astype(expression(ready, xp), x.dtype, copy=False)


def floating(activation: Any, x: Any) -> Any:
    if dtype_name(x) in backends.FLOATS or not backends.converts(activation, dtype_name(x)):
        return x
    library = array_api_compat.array_namespace(x)
    return library.astype(x, library.__array_namespace_info__().default_dtypes()["real floating"])


def dtype_name(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


def constant(x: Any) -> Any:
    return x


def astype(x: Any, dtype: Any) -> Any:
    return array_api_compat.array_namespace(x).astype(x, dtype)


def coefficients(vector: Any) -> Any:
    return vector


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return array_api_compat.array_namespace(x).reshape(x, shape)


def halves(x: Any, axis: int, interleaved: bool) -> tuple[Any, Any]:
    """Two views of a packed array: its halves, or its even and its odd elements."""
    half = x.shape[axis] // 2
    parts = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, half), slice(half, None))
    before = (slice(None),) * (axis % x.ndim)
    return x[(*before, parts[0], ...)], x[(*before, parts[1], ...)]


def join(first: Any, second: Any, axis: int, interleaved: bool) -> Any:
    """The packed array of two halves: the opposite of `halves`."""
    library = array_api_compat.array_namespace(first)
    if not interleaved:
        return library.concat([first, second], axis=axis)
    return library.reshape(library.stack([first, second], axis=axis % first.ndim + 1), _doubled(first.shape, axis))


def _doubled(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(2 * n if i == axis % len(shape) else n for i, n in enumerate(shape))


def generator(activation: Any, rng: Any) -> Any:
    if not hasattr(rng, "uniform"):
        raise TypeError(
            f"{activation.name}: `training=True` draws at random and needs `rng`, a numpy.random.Generator; got {rng!r}"
        )
    return rng
