"""Plain tensors on a CPU in eager mode: evaluated block by block, so that temporaries stay in the cache."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.autograd import forward_ad

from xact.backends.torch_namespaces import cpu

# Elements of a block: each thread's part of some four temporaries fits the second-level cache.
BLOCK = 1 << 17


def plain(values: Iterable[Any]) -> bool:
    """Whether these are ordinary tensors on a CPU, and nobody records what is done with them."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return False
    if torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state() is not None:
        return False
    recording = torch.is_grad_enabled()
    for value in values:
        if isinstance(value, torch.Tensor):
            cls = type(value)
            if cls is not torch.Tensor and cls is not torch.nn.Parameter:
                return False
            if not value.is_cpu or (recording and value.requires_grad):
                return False
    return True


def evaluate(function: Callable[..., Any], values: dict[str, Any], compute: torch.dtype, dtype: torch.dtype) -> Any:
    """`function(values, cpu)`, elementwise, of the values in the dtype `compute`; the result in `dtype`.

    Large arrays that differ in nothing but their strides are cut into blocks; that changes no bit.
    """
    arrays = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
    like = max(arrays.values(), key=lambda array: (array.numel(), array.ndim))
    if like.numel() < 2 * BLOCK or not _uniform(arrays.values(), like):
        return _to(function(values | {name: _to(array, compute) for name, array in arrays.items()}, cpu), dtype)
    result = torch.empty_like(like, dtype=dtype, requires_grad=False)
    order = sorted(range(like.ndim), key=lambda i: (-result.stride(i), i))
    single = {name: _to(array, compute) for name, array in arrays.items() if not array.ndim}
    cut = {name: array.permute(order).reshape(-1).split(BLOCK) for name, array in arrays.items() if array.ndim}
    for target, *parts in zip(result.permute(order).view(-1).split(BLOCK), *cut.values(), strict=True):
        block = {name: _to(part, compute) for name, part in zip(cut, parts, strict=True)}
        target.copy_(function({**values, **single, **block}, cpu))
    return result


def _uniform(arrays: Iterable[torch.Tensor], like: torch.Tensor) -> bool:
    whole = all(array.shape in (like.shape, ()) for array in arrays)
    return whole and like.layout is torch.strided and not like.is_nested


def _to(value: Any, dtype: torch.dtype) -> Any:
    return value if value.dtype == dtype else value.to(dtype)
