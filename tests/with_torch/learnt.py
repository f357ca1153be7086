"""The activations whose Modules learn parameters, and Modules of them to try."""

import math
from typing import Any

import torch

import xact
import xact.nn

IMAGES = (2, 3, 4, 5)
LEARNT = [a for a in map(xact.get, xact.names()) if a.learnable]
# Coefficients are a vector of their own, which lies along no axis.
PER_ELEMENT = [activation for activation in LEARNT if not activation.vectors]


def module_class(activation: xact.Activation) -> Any:
    return getattr(xact.nn, activation.module)


def spread(module: torch.nn.Module) -> torch.nn.Module:
    """The Module with other values of each parameter, none of them where it starts."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(torch.linspace(1.0, 1.5, parameter.numel()).reshape(parameter.shape)).add_(0.125)
    return module


def numbers(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.linspace(0.1, 2.5, math.prod(shape), dtype=torch.float64).reshape(shape)


def everything(activation: xact.Activation) -> list[dict[str, Any]]:
    """Ways to construct the Module, with other numbers and with a parameter per element."""
    starts = {name: 1.5 * start if isinstance(start, float) else start for name, start in activation.learnable.items()}
    if activation is xact.prelu:
        return [{}, {"init": 0.375}, {"num_parameters": 3}]
    return [{}, starts, *([] if activation.vectors else [{**starts, "num_parameters": 3}])]
