"""The compiled kernels of eager PyTorch calls: one graph forward, one backward, for activations without a native one.

A large tensor on a GPU spends its time reading and writing memory; an activation of ten operations reads and writes
ten times. Compiled it does once. Which calls are compiled depends on mode, device, dtype and size alone, never on
time or history, so that equal inputs give equal bits.
"""

import types
import warnings
from collections.abc import Callable
from typing import Any

import torch

# Below this many elements a GPU call costs its launches, not its bytes, and one compiled call about as much.
LARGE = 1 << 16

_mode = "auto"
_broken = False
_kernels: dict[Any, Callable[..., Any]] = {}


class hot_path:
    """Choose when eager calls go through compiled kernels; as a statement or as a context manager.

    "auto": large tensors on a GPU. "compile": every device and size. "eager": never. Calls inside a
    `torch.compile` region of yours are fused there in any mode.

    >>> with hot_path("eager"):
    ...     pass
    """

    def __init__(self, mode: str) -> None:
        global _mode
        if mode not in ("auto", "compile", "eager"):
            raise ValueError(f"hot_path takes 'auto', 'compile' or 'eager', got {mode!r}")
        self._before, _mode = _mode, mode

    def __enter__(self) -> "hot_path":
        return self

    def __exit__(self, *error: object) -> None:
        global _mode
        _mode = self._before


def chosen(x: Any) -> bool:
    """Whether a call on this plain tensor is compiled."""
    if _mode == "eager" or _broken:
        return False
    return _mode == "compile" or (x.is_cuda and x.numel() >= LARGE)


def run(name: str, function: Callable[..., Any], static: Any, arrays: tuple[Any, ...]) -> Any:
    """Call the compiled `function(static, *arrays)` on the arrays in the memory order of the first.

    Returns None where compiling fails; from then on everything is eager, after one warning.
    """
    global _broken
    key = (name, function, static, tuple(a.dtype for a in arrays), arrays[0].device.type)
    kernel = _kernels.get(key)
    first = kernel is None
    if kernel is None:
        kernel = _kernels[key] = _compiled(name, function, static)
    order = _memory_order(arrays[0])
    flat = [_flat(a, arrays[0], order) for a in arrays]
    try:
        result = kernel(*flat)
    except Exception as error:
        if not first or isinstance(error, torch.OutOfMemoryError):
            raise
        _broken = True
        warnings.warn(
            f"xact: torch.compile failed ({type(error).__name__}); activations run eagerly from here on. "
            'xact.nn.hot_path("eager") silences this, a working C++ compiler (on a GPU: Triton) cures it',
            stacklevel=2,
        )
        return None
    if isinstance(result, tuple):
        return tuple(_shaped(part, arrays[0], order) for part in result)
    return _shaped(result, arrays[0], order)


def _compiled(name: str, function: Callable[..., Any], static: Any) -> Callable[..., Any]:
    def kernel(*arrays: Any) -> Any:
        return function(static, *arrays)

    # Dynamo counts recompilations per code object: every kernel gets its own.
    own = types.FunctionType(
        kernel.__code__.replace(co_name=f"xact_{name}"), kernel.__globals__, name, None, kernel.__closure__
    )
    return torch.compile(own, dynamic=True, fullgraph=True)


def _memory_order(x: Any) -> tuple[int, ...]:
    return tuple(sorted(range(x.ndim), key=lambda i: (-x.stride(i), i)))


def _flat(array: Any, like: Any, order: tuple[int, ...]) -> Any:
    if array.shape != like.shape:
        return array
    return array.permute(order).reshape(-1)


def _shaped(flat: Any, like: Any, order: tuple[int, ...]) -> Any:
    if flat.ndim != 1 or flat.numel() != like.numel():
        return flat
    back = sorted(range(len(order)), key=order.__getitem__)
    return flat.view([like.shape[i] for i in order]).permute(back)
