"""What torch's function transforms make of an `autograd.Function`, and how it is avoided."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad

make_dual: Any = forward_ad.make_dual
unpack_dual: Any = forward_ad.unpack_dual


class Options(tuple[Any, ...]):
    """Of a class of its own, which a transform takes for one argument; for a tuple it expects a tangent per item."""


def forward_over_forward() -> str:
    """Whether forward mode is nested, where torch takes the second derivative of a Function for 0 (pytorch issue
    197867): "pushed", "pulled" or "mapped" where forward mode, reverse mode or vmap is innermost, "within" where
    another transform is.
    """
    functorch = torch._C._functorch
    levels = functorch.get_interpreter_stack() or ()
    kinds, names = [level.key() for level in levels], functorch.TransformType
    if kinds.count(names.Jvp) < 2:
        return ""
    return {names.Jvp: "pushed", names.Grad: "pulled", names.Vmap: "mapped"}.get(kinds[-1], "within")


def pushed(
    function: Callable[..., Any], push: Callable[[Sequence[Any], Any, Sequence[Any]], Any], operands: Sequence[Any]
) -> Any:
    """The function at the innermost level of forward mode: its value and its tangent, both by the levels below.

    push: the tangent, of the operands, the value, and the tangents of the operands, or None.
    """
    from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter

    interpreter = retrieve_current_functorch_interpreter()
    level, primals, tangents = interpreter.level(), [], []
    for operand in operands:
        primal, tangent = unpack_dual(operand) if isinstance(operand, torch.Tensor) else (operand, None)
        below = [
            torch._C._functorch._unwrap_for_grad(part, level) if isinstance(part, torch.Tensor) else part
            for part in (primal, tangent)
        ]
        primals.append(below[0])
        tangents.append(below[1])
    with interpreter.lower():
        y = function(*primals)
        change = push(primals, y, tangents)
    return y if change is None else make_dual(y, change)


def pulled(
    function: Callable[..., Any], push: Callable[[Sequence[Any], Any, Sequence[Any]], Any], operands: Sequence[Any]
) -> Any:
    """The function at the innermost level of reverse mode: its value by the levels below, and a tangent of 0, which is
    linear in the operands and is what reverse mode transposes.
    """
    from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter

    interpreter = retrieve_current_functorch_interpreter()
    level, below, changes = interpreter.level(), [], []
    for operand in operands:
        primal, change = operand, None
        if isinstance(operand, torch.Tensor):
            primal = torch._C._functorch._unwrap_for_grad(operand, level)
            # Of infinity the difference from itself is NaN.
            change = (operand - primal).nan_to_num(0.0) if operand.requires_grad else None
        below.append(primal)
        changes.append(change)
    with interpreter.lower():
        y = function(*below)
    change = push(below, y, changes)
    return y if change is None else y + change.nan_to_num(0.0)


def mapped(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """The elementwise function at the innermost level of vmap: the batch is one more axis for the levels below."""
    from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter

    interpreter, vmap = retrieve_current_functorch_interpreter(), torch._C._functorch
    level, dims = interpreter.level(), operands[0].ndim
    parts = [vmap._unwrap_batched(one, level) if isinstance(one, torch.Tensor) else (one, None) for one in operands]
    sizes = [part.shape[axis] for part, axis in parts if axis is not None]
    below = []
    for operand, (part, axis) in zip(operands, parts, strict=True):
        if axis is not None:
            part = part.movedim(axis, 0)
            part = part.reshape(part.shape[0], *[1] * (dims - operand.ndim), *part.shape[1:])
        below.append(part)
    if sizes and parts[0][1] is None:
        below[0] = below[0].expand(sizes[0], *below[0].shape)
    with interpreter.lower():
        y = function(*below)
    return vmap._add_batch_dim(y, 0, level) if sizes else y
