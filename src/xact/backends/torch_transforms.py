"""What torch's function transforms make of an `autograd.Function`, and how it is avoided."""

from typing import Any

import torch


class Options(tuple[Any, ...]):
    """Of a class of its own, which a transform takes for one argument; for a tuple it expects a tangent per item."""


def forward_over_forward() -> bool:
    """Whether forward mode is nested: there the second derivative of a Function is 0 (pytorch issue 197867)."""
    levels = torch._C._functorch.get_interpreter_stack() or ()
    return sum(level.key() == torch._C._functorch.TransformType.Jvp for level in levels) > 1
