"""Operators of the runtime in an exported graph, where there is one for the activation, in place of its formula.

`torch.onnx.export` records those of ONNX. `torch.export` records the formula, and inside `portable()` the operators of
torch, which other compilers and runtimes know.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

_choice: bool | None = None


class portable:
    """Inside it, `torch.export` records torch's own operators where they exist: a context manager.

    ``portable(False)`` records formulas, for `torch.onnx.export` too, which otherwise takes the operators of ONNX.

    >>> with portable():
    ...     program = torch.export.export(torch.nn.ReLU(), (torch.ones(3),))
    """

    def __init__(self, operators: bool = True) -> None:
        self._operators = operators

    def __enter__(self) -> None:
        global _choice
        self._before, _choice = _choice, self._operators

    def __exit__(self, *error: object) -> None:
        global _choice
        _choice = self._before


def recorded(key: str, operands: tuple[Any, ...], options: tuple[Any, ...]) -> Any:
    """The result of the runtime's own operator, recorded by the exporter that looks on; None where the formula is."""
    if not torch.compiler.is_exporting() or _choice is False:
        return None
    onnx = torch.onnx.is_in_onnx_export()
    if not onnx and _choice is None:
        return None
    if any(isinstance(value, torch.Tensor) for value in operands[1:]) and key != "prelu":
        # Operators take numbers.
        return None
    if onnx:
        if not _in_onnx(key, operands[0].dtype):
            return None
        if key in ONNX and not torch._C._are_functorch_transforms_active():
            return ONNX[key](*operands, *options)
        return ATEN[key](*operands, *options) if key in IN_ONNX else None
    return ATEN[key](*operands, *options) if key in ATEN else None


def _prelu(x: Any, weight: Any, axis: int) -> Any:
    """torch's has its weights along axis 1."""
    if not isinstance(weight, torch.Tensor):
        return F.leaky_relu(x, weight)
    if weight.numel() == 1:
        return F.prelu(x, weight.reshape(1))
    along = weight.ndim == x.ndim and weight.shape[1] == weight.numel() if x.ndim > 1 else False
    return F.prelu(x, weight.reshape(-1)) if along else None


ATEN: dict[str, Callable[..., Any]] = {
    "celu": F.celu,
    "clamp": torch.clamp,
    "elu": F.elu,
    "gelu": lambda x, approximate: F.gelu(x, approximate=approximate),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardshrink": F.hardshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "leaky_relu": F.leaky_relu,
    "log_softmax": lambda x, axis, dtype: F.log_softmax(x, axis),
    "logsigmoid": F.logsigmoid,
    "logsumexp": torch.logsumexp,
    "mish": F.mish,
    "prelu": _prelu,
    "relu": F.relu,
    "relu6": lambda x: F.hardtanh(x, 0.0, 6.0),
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softmax": lambda x, axis, dtype: F.softmax(x, axis),
    "softmax2d": F.softmax,
    "softmin": lambda x, axis, dtype: F.softmin(x, axis),
    "softplus": F.softplus,
    "softshrink": F.softshrink,
    "tanh": torch.tanh,
    "threshold": F.threshold,
}

# Those of which `torch.onnx.export` makes one node; of the others it makes formulas that lose digits ours keep.
IN_ONNX = frozenset(ATEN) - {"hardshrink", "logsigmoid", "prelu", "silu", "softplus", "softshrink", "threshold"}


# Those whose ONNX operators know bfloat16 from opset 22 on, and not at all.
FROM_22 = {"elu", "hard_sigmoid_general", "hardsigmoid", "hardswish", "mish", "selu", "softplus", "softsign"}
FROM_22 |= {"threshold", "thresholded_relu"}
NEVER = {"hardshrink", "shrink", "softshrink"}


def _in_onnx(key: str, dtype: torch.dtype) -> bool:
    """Whether ONNX has the operator for this dtype; for float64 onnxruntime has few, and a formula keeps its digits."""
    if dtype == torch.bfloat16:
        return key not in NEVER and (key not in FROM_22 or _opset() >= 22)
    return dtype != torch.float64


def _node(operator: str, x: Any, *inputs: Any, **attributes: Any) -> Any:
    return torch.onnx.ops.symbolic(operator, (x, *inputs), attributes, dtype=x.dtype, shape=x.shape)


def _swish(x: Any, beta: float = 1.0) -> Any:
    return _node("Swish", x, alpha=float(beta)) if _opset() >= 24 else None


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    if threshold != 20:
        return None
    return _node("Softplus", x) if beta == 1 else _node("Softplus", beta * x) / beta


def _threshold(x: Any, threshold: float, value: float) -> Any:
    return _node("ThresholdedRelu", x, alpha=float(threshold)) if value == 0 else None


def _shrink(x: Any, lambd: float, bias: float) -> Any:
    return _node("Shrink", x, lambd=float(lambd), bias=float(bias))


def _weighted(x: Any, weight: Any, axis: int) -> Any:
    number = not isinstance(weight, torch.Tensor)
    return _node("LeakyRelu", x, alpha=float(weight)) if number else _node("PRelu", x, weight.to(x.dtype))


ONNX: dict[str, Callable[..., Any]] = {
    "hard_sigmoid_general": lambda x, alpha, beta: _node("HardSigmoid", x, alpha=float(alpha), beta=float(beta)),
    "hardmax": lambda x, axis: _node("Hardmax", x, axis=axis),
    "hardshrink": lambda x, lambd: _shrink(x, lambd, 0.0),
    "prelu": _weighted,
    "quick_gelu": lambda x: _swish(x, 1.702),
    "shrink": _shrink,
    "silu": _swish,
    "softplus": _softplus,
    "softshrink": lambda x, lambd: _shrink(x, lambd, lambd),
    "softsign": lambda x: _node("Softsign", x),
    "swish": _swish,
    "threshold": _threshold,
    "thresholded_relu": lambda x, alpha: _node("ThresholdedRelu", x, alpha=float(alpha)),
}


def _opset() -> int:
    """The `opset_version` that `torch.onnx.export` was called with, which tells nobody; 0 where it was left out."""
    frame = inspect.currentframe()
    while frame and frame.f_code is not torch.onnx.export.__code__:
        frame = frame.f_back
    return (frame.f_locals.get("opset_version") or 0) if frame else 0
