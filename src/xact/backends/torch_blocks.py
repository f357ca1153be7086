"""Plain tensors on a CPU in eager mode: evaluated block by block, so that temporaries stay in the cache."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.autograd import forward_ad

from xact.backends.torch_namespaces import cpu

# Elements of a block; its figures are in docs/decisions/0007-eager-torch-on-a-cpu.md.
BLOCK = 1 << 18
# Elements of a block of rows, whose temporaries may have float64.
ROWS = 1 << 17


# Bound here, because on a small tensor looking names up is a good part of the time.
Tensor, Parameter = torch.Tensor, torch.nn.Parameter
is_compiling, is_grad_enabled = torch.compiler.is_compiling, torch.is_grad_enabled
transforms_active = torch._C._are_functorch_transforms_active
dispatch_modes, jit_tracing = torch._C._len_torch_dispatch_stack, torch._C._get_tracing_state


def plain(values: Iterable[Any]) -> bool:
    """Whether these are ordinary tensors on a CPU, and nobody, a compiler neither, records what is done with them."""
    return not is_compiling() and unrecorded(values)


def unrecorded(values: Iterable[Any]) -> bool:
    """What `plain` says, where no compiler looks on."""
    for value in values:
        if isinstance(value, Tensor):
            cls = type(value)
            if (cls is not Tensor and cls is not Parameter) or not value.is_cpu:
                return False
            if value.requires_grad and is_grad_enabled():
                return False
    if transforms_active() or dispatch_modes() or jit_tracing() is not None:
        return False
    return forward_ad._current_level < 0


def evaluate(function: Callable[..., Any], values: dict[str, Any], compute: torch.dtype, dtype: torch.dtype) -> Any:
    """`function(values, cpu)`, elementwise, of the values in the dtype `compute`; the result in `dtype`.

    Large arrays that differ in nothing but their strides are cut into blocks. These are a multiple of what the loops
    of torch take at a time, so that no bit changes.
    """
    arrays = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    like = max(arrays.values(), key=Tensor.dim)
    if like.numel() < 2 * BLOCK or not _uniform(arrays.values(), like):
        return _to(function(values | {name: _to(array, compute) for name, array in arrays.items()}, cpu), dtype)
    result = torch.empty_like(like, dtype=dtype, requires_grad=False)
    strides = result.stride()
    order = sorted(range(like.ndim), key=lambda i: (-strides[i], i))
    single = {name: _to(array, compute) for name, array in arrays.items() if not array.ndim}
    cut = {name: torch.split(array.permute(order).reshape(-1), BLOCK) for name, array in arrays.items() if array.ndim}
    for target, *parts in zip(torch.split(result.permute(order).view(-1), BLOCK), *cut.values(), strict=True):
        block = {name: _to(part, compute) for name, part in zip(cut, parts, strict=True)}
        target.copy_(function({**values, **single, **block}, cpu))
    return result


def along(function: Callable[..., Any], values: dict[str, Any], compute: torch.dtype, dtype: torch.dtype) -> Any:
    """As `evaluate`, of a function that mixes the elements along the axis among the values.

    Large arrays are cut into blocks of whole rows, whatever the function makes of a row.
    """
    arrays = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    like = max(arrays.values(), key=Tensor.dim)
    axis: Any = values.get("axis")
    large = like.numel() >= 2 * ROWS and like.ndim > 1 and isinstance(axis, int)
    if not large or not _uniform(arrays.values(), like):
        return _to(function(values | {name: _to(array, compute) for name, array in arrays.items()}, cpu), dtype)
    single = {name: _to(array, compute) for name, array in arrays.items() if not array.ndim}
    moved = {name: array.movedim(axis, -1).flatten(0, -2) for name, array in arrays.items() if array.ndim}
    count = max(1, ROWS // like.shape[axis])
    cut = {name: torch.split(array, count) for name, array in moved.items()}
    result: Any = None
    targets: tuple[Any, ...] = ()
    for i, block in enumerate(zip(*cut.values(), strict=True)):
        ready = {name: _to(part, compute) for name, part in zip(cut, block, strict=True)}
        rows = function({**values, **single, **ready, "axis": -1}, cpu)
        if not targets:
            # Only now it is known what the function leaves of a row.
            result = rows.new_empty((like.numel() // like.shape[axis], *rows.shape[1:]), dtype=dtype)
            targets = torch.split(result, count)
        targets[i].copy_(rows)
    result = result.reshape(*like.movedim(axis, -1).shape[:-1], *result.shape[1:])
    result = result.movedim(-1, axis) if result.ndim == like.ndim else result
    return result.contiguous()


def _uniform(arrays: Iterable[torch.Tensor], like: torch.Tensor) -> bool:
    whole = all(array.shape in (like.shape, ()) for array in arrays)
    return whole and like.layout is torch.strided and not like.is_nested


def _to(value: Any, dtype: torch.dtype) -> Any:
    return value if value.dtype == dtype else value.to(dtype)
