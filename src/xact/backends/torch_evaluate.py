"""Any expression of a definition on PyTorch: 16-bit tensors in float32, plain ones on a CPU in blocks."""

from typing import Any

import torch
from torch.autograd import forward_ad

from xact.backends import torch_blocks
from xact.backends.torch_namespaces import xp

COMPUTE = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`."""
    if not elementwise:
        y = along(expression, values, COMPUTE[x.dtype], x.dtype)
        return y if y.shape != x.shape or torch._C._are_functorch_transforms_active() else _laid_out(y, x)
    needed = {name: values[name] for name in expression.names}
    if torch_blocks.plain(needed.values()):
        return torch_blocks.evaluate(expression, needed, COMPUTE[x.dtype], x.dtype)
    return to(recorded(expression, values, x.dtype), x.dtype)


def along(expression: Any, values: dict[str, Any], compute: torch.dtype, dtype: torch.dtype) -> Any:
    """What mixes the elements along an axis, computed in one dtype; the result in another."""
    needed = {name: values[name] for name in expression.names}
    if torch_blocks.plain(needed.values()):
        return torch_blocks.along(expression, needed, compute, dtype)
    return to(recorded(expression, values, compute), dtype)


def recorded(expression: Any, values: dict[str, Any], dtype: torch.dtype) -> Any:
    """For whoever records operations: the result in the dtype that `dtype` is computed in, or a mask."""
    compute = COMPUTE[dtype]
    ready = {}
    for name in expression.names:
        value = values[name]
        ready[name] = to(value, compute) if isinstance(value, torch.Tensor) else value
    return expression(ready, xp)


def to(value: Any, dtype: torch.dtype) -> Any:
    return value if value.dtype == dtype else value.to(dtype)


def differentiated(operands: tuple[Any, ...]) -> bool:
    """Whether a derivative is kept for: a compiler, a transform or autograd looks on."""
    return torch.compiler.is_compiling() or transformed(operands)


def transformed(operands: tuple[Any, ...]) -> bool:
    """Whether anything will ask for a derivative; without, the Function's 10 microseconds are saved."""
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return True
    if torch.is_grad_enabled():
        for value in operands:
            if isinstance(value, torch.Tensor) and value.requires_grad:
                return True
    return False


def _laid_out(y: Any, x: Any) -> Any:
    """In the memory layout that every function of torch keeps, and sums and sorts along an axis forget."""
    if x.is_contiguous() and y.is_contiguous():
        return y
    like = torch.empty_like(x)
    return y if y.stride() == like.stride() else like.copy_(y)
