"""The compiled kernels of eager PyTorch calls: one graph forward, one backward, for activations without a native one.

A large tensor on a GPU spends its time reading and writing memory; an activation of ten operations reads and writes
ten times. Compiled it does once. Which calls are compiled depends on mode, device, dtype and size alone, never on
time or history, so that equal inputs give equal bits.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch

from xact import backends
from xact.backends.torch_compiled import ROW, Kernel
from xact.backends.torch_evaluate import COMPUTE

# Kernels that are kept, and numbers on their device; options, which are constants, may take any value.
KERNELS, NUMBERS = 1024, 256
# Below this many elements a GPU call costs its launches, not its bytes, and one compiled call about as much.
LARGE = 1 << 16

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
    """Call the compiled `function(key, values, *rest)`, with the arrays among the values in a dense and short shape.

    Where compiling fails this call and all others are eager, after one warning.
    """
    global _broken
    if _broken:
        return function(key, values, *rest)
    activation = backends.definitions[key]
    names, arrays, numbers, constants = [], [], [], []
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            names.append(name)
            arrays.append(value)
        elif type(value) in (float, int) and name in activation.body.parameters:
            numbers.append((name, value))
        else:
            constants.append((name, value))
    # The others have its shape, or are numbers.
    like = max(arrays, key=torch.Tensor.dim)
    form = _Flat(like) if activation.elementwise else _Along(like, values["axis"])
    if isinstance(form, _Along):
        constants = [(name, 1 if name == "axis" else value) for name, value in constants]
    dense = [form.dense(array) if array.shape == like.shape else array for array in arrays]
    dtypes = tuple([array.dtype for array in arrays])
    # As constants they would have a kernel for each value, of a parameter that is annealed one a step.
    compute = COMPUTE[like.dtype]
    for place, (name, value) in enumerate(numbers):
        names.append(name)
        dense.append(_number(float(value).hex(), compute, like.device, place))
    try:
        kernel = _kernel(function, key, tuple(names), tuple(constants), rest, dtypes, like.device, form.rows)
        result = kernel(form.shape, dense)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        failed = type(error).__name__
    else:
        parts = result if isinstance(result, tuple) else (result,)
        shaped = tuple([form.back(part) if part.ndim else part for part in parts])
        return shaped if isinstance(result, tuple) else shaped[0]
    # This raises what is wrong with the call, and not with the compiler.
    result = function(key, values, *rest)
    _broken = True
    warnings.warn(
        f"xact: torch.compile failed ({failed}); activations run eagerly from here on. "
        'xact.nn.hot_path("eager") silences this, a working C++ compiler (on a GPU: Triton) cures it',
        stacklevel=2,
    )
    return result


class _Flat:
    """An array as numbers one after the other in memory, or as rows of them, where nothing else matters."""

    def __init__(self, like: Any) -> None:
        self._shape, self._strides, self._order = like.shape, None, None
        if not like.is_contiguous():
            self._strides = strides = torch.empty_like(like, device="meta").stride()
            self._order = sorted(range(like.ndim), key=lambda i: (-strides[i], i))
        # Of one row, as of one number, the compiler would make a kernel of its own.
        count = like.numel()
        self.rows = count > ROW and count % ROW == 0
        self.shape = (count // ROW, ROW) if self.rows else (count,)

    def dense(self, array: Any) -> Any:
        # A copy where there are gaps.
        return (array.permute(self._order) if self._order else array).reshape(self.shape).contiguous()

    def back(self, array: Any) -> Any:
        return array.as_strided(self._shape, self._strides) if self._strides else array.view(self._shape)


class _Along:
    """An array as three axes, the one that matters the second: without the third where nothing is behind."""

    rows = False

    def __init__(self, like: Any, axis: int) -> None:
        self._like, axis = like, axis % like.ndim
        self._before, self._behind = like.shape[:axis], like.shape[axis + 1 :]
        behind = math.prod(self._behind)
        self.shape = (math.prod(self._before), like.shape[axis], *([behind] if behind != 1 else []))

    def dense(self, array: Any) -> Any:
        return array.reshape(self.shape).contiguous()

    def back(self, array: Any) -> Any:
        # What is left of the axis: its length may be another, or it is gone.
        left = array.shape[1:2] if array.ndim == len(self.shape) else ()
        result = array.reshape(*self._before, *left, *self._behind)
        same = result.shape == self._like.shape and not self._like.is_contiguous()
        return torch.empty_like(self._like, dtype=array.dtype, requires_grad=False).copy_(result) if same else result


@lru_cache(NUMBERS)
def _number(digits: str, dtype: torch.dtype, device: torch.device, _place: int) -> Any:
    """A number as an argument of a kernel; of two that are equal each its own, which the compiler tells apart."""
    with torch.inference_mode(False):
        return torch.full((), float.fromhex(digits), dtype=dtype, device=device)


@lru_cache(KERNELS)
def _kernel(
    function: Callable[..., Any],
    key: str,
    names: tuple[str, ...],
    constants: tuple[tuple[str, Any], ...],
    rest: tuple[Any, ...],
    dtypes: tuple[torch.dtype, ...],
    device: torch.device,
    rows: bool,
) -> Kernel:
    """One kernel for each activation, choice of constants, dtypes and device; whole rows apart from other lengths."""

    def whole(*arrays: Any) -> Any:
        return function(key, dict(zip(names, arrays, strict=True)) | dict(constants), *rest)

    return Kernel(key, whole, rows)
