"""NumPy: large arrays block by block, so that temporaries stay in the cache, over threads."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from xact import backends
from xact.backends import standard
from xact.special import Namespace

INPLACE = False

# Elements of a block: at float32 some ten temporaries of this size fit the second-level cache.
BLOCK = 1 << 14
# Elements from which two threads finish earlier than one.
PARALLEL = 1 << 17

_workers: ThreadPoolExecutor | None = None


def _uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
    return rng.uniform(low, high, like.shape).astype(like.dtype)


xp = Namespace(np, tanh=np.tanh, uniform=_uniform)


def owns(cls: type) -> bool:
    return issubclass(cls, (np.ndarray, np.generic))


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = floating(activation, operands[0])
    values = dict(zip(activation.names, (x, *operands[1:], *options), strict=True))
    return evaluate(activation.body, x, values, activation.elementwise)


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`."""
    if x.dtype.name not in backends.FLOATS:
        return expression(values, xp)
    compute = np.dtype(np.float32) if x.dtype.itemsize == 2 else x.dtype
    if elementwise and x.size > BLOCK:
        return _blocks(expression, x, values, compute)
    ready = {
        name: np.asarray(value, dtype=compute) if hasattr(value, "dtype") else value
        for name, value in values.items()
    }
    with np.errstate(all="ignore"):
        result = np.asarray(expression(ready, xp)).astype(x.dtype, copy=False)
    return result if isinstance(x, np.ndarray) else result[()]


def _blocks(expression: Any, x: Any, values: dict[str, Any], compute: np.dtype) -> np.ndarray:
    names = [name for name, value in values.items() if hasattr(value, "dtype")]
    arrays = [np.asarray(values[name]) for name in names]
    result = np.empty_like(x)
    count = len(arrays)
    blocks = np.nditer(
        [*arrays, result],
        flags=["external_loop", "buffered", "ranged", "delay_bufalloc"],
        op_flags=[["readonly"]] * count + [["writeonly"]],
        op_dtypes=[compute] * (count + 1),
        casting="unsafe",
        order="K",
        buffersize=BLOCK,
    )

    def evaluate_range(start: int, stop: int) -> None:
        part = blocks.copy()
        part.iterrange = (start, stop)
        part.reset()
        with np.errstate(all="ignore"), part:
            for block in part:
                given = dict(zip(names, block[:count], strict=True))
                block[count][...] = expression({**values, **given}, xp)

    threads = _threads() if x.size >= PARALLEL else 1
    edges = [x.size * i // threads // BLOCK * BLOCK for i in range(threads)] + [x.size]
    if threads == 1:
        evaluate_range(0, x.size)
    else:
        list(_pool().map(evaluate_range, edges[:-1], edges[1:]))
    return result


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool() -> ThreadPoolExecutor:
    global _workers
    if _workers is None:
        _workers = ThreadPoolExecutor(_threads(), thread_name_prefix="xact")
    return _workers


def _forget_pool() -> None:
    # The threads of a parent do not exist in a forked child.
    global _workers
    _workers = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def floating(activation: Any, x: Any) -> Any:
    if x.dtype.name in backends.FLOATS or not backends.converts(activation, x.dtype.name):
        return x
    return x.astype(np.float64)


def dtype_name(x: Any) -> str:
    return str(x.dtype.name)


def astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


constant = standard.constant
halves = standard.halves
join = standard.join
generator = standard.generator
