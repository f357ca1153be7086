"""Kernels of torch itself, for the activations where they meet the contract."""

from typing import Any

import torch
from torch.nn import functional as F

from xact.backends import torch_blocks, torch_namespaces


def _softplus(x: Any, beta: Any, threshold: float) -> Any:
    if threshold == 20 and beta == 1 and x.dtype != torch.float64:
        # From 17 on the linear part is exact, and two numbers take as long to hand over as the rest of the call.
        return F.softplus(x)
    # From 50 on it is in float64; past 88 torch's other part overflows.
    return F.softplus(x, beta, 50.0 if threshold == 20 else min(threshold, 50.0))


def _leaky_relu(x: Any, negative_slope: Any, inplace: bool = False) -> Any:
    # torch's own multiplies an infinity by 0.
    return F.leaky_relu(x, negative_slope, inplace) if negative_slope else F.relu(x, inplace)


# Eager kernels whose value and derivative both meet the contract.
NATIVE: dict[str, Any] = {
    "relu": F.relu,
    "leaky_relu": _leaky_relu,
    "relu6": F.relu6,
    "hardtanh": F.hardtanh,
    "softplus": _softplus,
}
# Those whose value alone does, measured on a CPU.
NATIVE_VALUE: dict[str, Any] = {
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "logsigmoid": torch_namespaces.log_sigmoid,
    "hardsigmoid": F.hardsigmoid,
}

# Of these kernels the second derivative is 0 where its absolute value is below one rounding of the first.
ONCE = ("softplus",)

# Tensors without behaviour of their own.
PLAIN = (torch.Tensor, torch.nn.Parameter)


def native(key: str, operands: tuple[Any, ...], compiling: bool) -> Any:
    """The kernel of torch itself for this call, or None."""
    kernel = NATIVE.get(key)
    if kernel is None:
        kernel = NATIVE_VALUE.get(key)
        if kernel is None or compiling or not torch_blocks.unrecorded(operands):
            return None
    elif key in ONCE and torch_blocks.transforms_active():
        return None
    # On a small array the slice alone shows in the time of the call.
    if len(operands) > 1:
        for value in operands[1:]:
            if isinstance(value, torch.Tensor):
                return None
    return kernel if type(operands[0]) in PLAIN else None
