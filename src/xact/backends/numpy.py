"""NumPy: large arrays block by block, so that temporaries stay in the cache, over threads.

The figures behind the constants are in docs/decisions/0005-numpy-blocks.md.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from xact import backends
from xact.backends import standard
from xact.special.namespace import GENERIC, Namespace

INPLACE = False
JOINS = True
AXES_OF_SCALARS = 0

# Bytes of a block: some ten temporaries of this size fit the second-level cache.
BLOCK = 1 << 17
# Bytes of a block where several threads work: each operation has to outlast the handing over of the GIL.
SHARED_BLOCK = 1 << 20
# Bytes that are worth a thread of their own.
PARALLEL = 1 << 21
# Elements from which a selection by bits is faster than np.where.
BRANCHLESS = 1 << 9

INTEGERS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


def _where(condition: Any, a: Any, b: Any) -> Any:
    """np.where, bit for bit; that one branches at every element, and mispredicts half of them where signs are mixed."""
    if getattr(condition, "size", 1) < BRANCHLESS:
        return np.where(condition, a, b)
    dtypes = {value.dtype for value in (a, b) if hasattr(value, "dtype")}
    dtype: Any = dtypes.pop() if len(dtypes) == 1 else None
    integer: Any = INTEGERS.get(dtype)
    if integer is None:
        return np.where(condition, a, b)
    one, other = np.asarray(a, dtype).view(integer), np.asarray(b, dtype).view(integer)
    return (other ^ (-condition.astype(integer) & (one ^ other))).view(dtype)


def _exp(x: Any) -> Any:
    """Correct to 0.5 ULP in float32, where np.exp is up to 2.4 ULP off."""
    if x.dtype != np.float32:
        return np.exp(x)
    return np.exp(x, dtype=np.float64).astype(np.float32)


def _times(factor: Any, x: Any) -> Any:
    # What the generic one looks for needs a factor of 0.
    return factor * x if isinstance(factor, (int, float)) and factor else GENERIC["times"](factor, x, xp=xp)


def _uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
    return rng.uniform(low, high, like.shape).astype(like.dtype)


xp = Namespace(
    np,
    exp=_exp,
    where=_where,
    tanh=np.tanh,
    expm1=np.expm1,
    cumulative_sum=np.cumsum,
    times=_times,
    uniform=_uniform,
)


def owns(cls: type) -> bool:
    """Arrays and scalars, and subclasses, which give plain arrays; but not those with a mask or rules of their own."""
    if not issubclass(cls, np.ndarray):
        return issubclass(cls, np.generic)
    return not issubclass(cls, np.ma.MaskedArray) and cls.__array_ufunc__ is np.ndarray.__array_ufunc__


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = floating(activation, operands[0])
    if _compute(x.dtype) is None:
        operands = backends.whole(activation, dtype_name(x), operands)
    values = dict(zip(activation.names, (x, *operands[1:], *options), strict=True))
    return evaluate(activation.body, x, values, activation.elementwise)


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`."""
    compute = _compute(x.dtype)
    if compute is None:
        return expression(values, xp)
    if x.size * compute.itemsize > BLOCK:
        if elementwise:
            return _blocks(expression, x, values, compute)
        if (large := _rows(expression, x.dtype, values, compute)) is not None:
            return large
    with np.errstate(all="ignore"):
        ready = {name: _dense(value, compute) for name, value in values.items()}
        result = np.asarray(expression(ready, xp)).astype(x.dtype, copy=False)
    return result if isinstance(x, np.ndarray) else result[()]


@cache
def _compute(dtype: np.dtype) -> np.dtype | None:
    """The dtype that a dtype is computed in; None for one that is not floating."""
    if dtype.name not in backends.FLOATS:
        return None
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype.newbyteorder("=")


def _dense(value: Any, dtype: np.dtype) -> Any:
    """An array without gaps and reversed axes: on others NumPy's exp and its kin take a loop that rounds otherwise."""
    if not hasattr(value, "dtype"):
        return value
    array = np.asarray(value, dtype=dtype)
    return array if array.flags.forc else array.copy(order="K")


def _blocks(expression: Any, x: Any, values: dict[str, Any], compute: np.dtype) -> np.ndarray:
    cut = {name: np.asarray(value) for name, value in values.items() if getattr(value, "ndim", 0)}
    whole = {name: _dense(value, compute) for name, value in values.items() if name not in cut}
    result = np.empty_like(x, subok=False)
    threads = max(1, min(_threads(), x.size * compute.itemsize // PARALLEL))
    block = (BLOCK if threads == 1 else SHARED_BLOCK) // compute.itemsize
    iterate: Any = np.nditer
    blocks = iterate(
        [*cut.values(), result],
        flags=["external_loop", "buffered", "ranged", "delay_bufalloc"],
        op_flags=[["readonly", "contig"]] * len(cut) + [["writeonly"]],
        op_dtypes=[compute] * (len(cut) + 1),
        casting="unsafe",
        order="K",
        buffersize=block,
    )

    def evaluate_range(start: int, stop: int) -> None:
        part = blocks.copy()
        part.iterrange = (start, stop)
        part.reset()
        with np.errstate(all="ignore"), part:
            for *arrays, target in part:
                target[...] = expression(whole | dict(zip(cut, arrays, strict=True)), xp)

    _share(evaluate_range, x.size, threads)
    return result


def _rows(expression: Any, dtype: np.dtype, values: dict[str, Any], compute: np.dtype) -> np.ndarray | None:
    """What mixes the elements along the axis among the values, in blocks of whole rows; None where there are none."""
    arrays = {name: np.asarray(value) for name, value in values.items() if getattr(value, "ndim", 0)}
    axis, shapes = values.get("axis"), {array.shape for array in arrays.values()}
    if not isinstance(axis, int) or len(shapes) != 1 or (shape := shapes.pop())[axis] in (0, math.prod(shape)):
        return None
    whole = {name: _dense(value, compute) for name, value in values.items() if name not in arrays} | {"axis": -1}
    length, moved = shape[axis], {name: np.moveaxis(array, axis, -1) for name, array in arrays.items()}
    others = next(iter(moved.values())).shape[:-1]
    cut = {name: array.reshape(-1, length) for name, array in moved.items()}
    count = math.prod(others)
    threads = max(1, min(_threads(), count * length * compute.itemsize // PARALLEL))
    block = max(1, (BLOCK if threads == 1 else SHARED_BLOCK) // (compute.itemsize * length))

    def evaluate_rows(start: int, stop: int) -> np.ndarray:
        ready = {name: _dense(array[start:stop], compute) for name, array in cut.items()}
        with np.errstate(all="ignore"):
            return np.asarray(expression(whole | ready, xp))

    first = evaluate_rows(0, block)
    # Only now it is known what the expression leaves of a row.
    result = np.empty((count, *first.shape[1:]), dtype)
    result[:block] = first

    def evaluate_range(start: int, stop: int) -> None:
        for begin in range(block + start, block + stop, block):
            end = min(begin + block, block + stop)
            result[begin:end] = evaluate_rows(begin, end)

    _share(evaluate_range, count - block, threads)
    result = result.reshape(*others, *first.shape[1:])
    result = np.moveaxis(result, -1, axis) if result.ndim == len(shape) else result
    like = next(iter(arrays.values()))
    laid = np.empty_like(like, dtype, subok=False) if result.shape == shape else np.empty(result.shape, dtype)
    if laid.strides == result.strides:
        return result
    laid[...] = result
    return laid


def _share(function: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call it with the ends of as many parts of `range(count)` as there are threads, one for each."""
    edges = [count * i // threads for i in range(threads + 1)]
    if threads == 1:
        function(*edges)
    else:
        list(_pool().map(function, edges[:-1], edges[1:]))


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="xact")


if hasattr(os, "register_at_fork"):
    # The threads of a parent do not exist in a forked child.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def floating(activation: Any, x: Any) -> Any:
    if _compute(x.dtype) or not backends.converts(activation, x.dtype.name):
        return x
    return x.astype(np.float64)


def dtype_name(x: Any) -> str:
    return str(x.dtype.name)


constant = standard.constant


def joined(x: Any) -> Any:
    return x


def astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


def coefficients(vector: Any) -> Any:
    # As numbers: a large array is cut in blocks, with all that has dimensions.
    return tuple(vector.tolist())


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


halves = standard.halves
join = standard.join
generator = standard.generator
