"""The compiled kernels of eager PyTorch calls: one graph forward, one backward, for activations without a native one.

A large tensor on a GPU spends its time reading and writing memory; an activation of ten operations reads and writes
ten times. Compiled it does once. Which calls are compiled depends on mode, device, dtype and size alone, never on
time or history, so that equal inputs give equal bits.
"""

import types
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch

# Below this many elements a GPU call costs its launches, not its bytes, and one compiled call about as much.
LARGE = 1 << 16
# A loop that is known to end with a whole vector asks for nothing on the way. The widest vectors have 32 numbers.
ROW = 64

_mode = "auto"
_broken = False


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
    if _mode == "auto" and not (x.is_cuda and x.numel() >= LARGE):
        return False
    # Whoever records operations wants to see them, and a tensor on "meta" has nothing to compute.
    return not x.is_meta and torch._C._len_torch_dispatch_stack() == 0


def run(function: Callable[..., Any], key: str, values: Mapping[str, Any], *rest: Any) -> Any:
    """Call the compiled `function(key, values, *rest)`, with the arrays among the values flattened.

    Returns None where compiling fails; from then on everything is eager, after one warning.
    """
    global _broken
    if _broken:
        return None
    arrays = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
    constants = tuple((name, value) for name, value in values.items() if name not in arrays)
    like = max(arrays.values(), key=lambda array: (array.numel(), array.ndim))
    strides = None if like.is_contiguous() else torch.empty_like(like, device="meta").stride()
    order = strides and sorted(range(like.ndim), key=lambda i: (-strides[i], i))
    # Of one row, as of one number, the compiler would make a kernel of its own.
    rows = like.numel() > ROW and like.numel() % ROW == 0
    shape = (-1, ROW) if rows else (-1,)
    # Detached at last: of a view Dynamo would ask for the sizes of its base.
    flat = [_flat(a, order, shape).detach() if a.shape == like.shape else a.detach() for a in arrays.values()]
    try:
        dtypes = tuple(array.dtype for array in flat)
        kernel = _kernel(function, key, tuple(arrays), constants, rest, dtypes, like.device, rows)
        # A compiled function is compiled again where the mode of recording differs.
        with torch.no_grad() if torch.is_grad_enabled() else nullcontext():
            result = kernel(*flat)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        _broken = True
        warnings.warn(
            f"xact: torch.compile failed ({type(error).__name__}); activations run eagerly from here on. "
            'xact.nn.hot_path("eager") silences this, a working C++ compiler (on a GPU: Triton) cures it',
            stacklevel=2,
        )
        return None
    if isinstance(result, tuple):
        return tuple(_shaped(part, like.shape, strides) if part.ndim else part for part in result)
    return _shaped(result, like.shape, strides)


def _flat(array: Any, order: Any, shape: tuple[int, ...]) -> Any:
    return (array.permute(order) if order else array).reshape(shape)


def _shaped(array: Any, shape: Any, strides: Any) -> Any:
    return array.as_strided(shape, strides) if strides else array.view(shape)


@cache
def _kernel(
    function: Callable[..., Any],
    key: str,
    names: tuple[str, ...],
    constants: tuple[tuple[str, Any], ...],
    rest: tuple[Any, ...],
    dtypes: tuple[torch.dtype, ...],
    device: torch.device,
    rows: bool,
) -> Callable[..., Any]:
    """One compiled kernel for each activation, choice of constants, dtypes and device; rows or any number."""

    # What Dynamo does not look into keeps its constants; those it sees become arguments of the graph.
    @torch.compiler.allow_in_graph
    def whole(*arrays: Any) -> Any:
        return function(key, dict(zip(names, arrays, strict=True)) | dict(constants), *rest)

    def kernel(*arrays: Any) -> Any:
        for array in arrays:
            if rows and array.ndim:
                # What is checked the compiler knows.
                torch._check(array.shape[-1] == ROW)
        return whole(*arrays)

    # Dynamo counts recompilations per code object: every kernel gets its own.
    code = kernel.__code__.replace(co_name=f"xact_{key}")
    own = types.FunctionType(code, kernel.__globals__, key, None, kernel.__closure__)
    # A kernel for every size: left to itself Inductor uses one thread for all where the first array was small.
    return torch.compile(own, dynamic=True, fullgraph=True, options={"cpp.dynamic_threads": True})
