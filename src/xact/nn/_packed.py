"""Gates that take one array and split it, known by what their Modules return."""

import itertools
from collections.abc import Iterator

import torch

from xact._activation import Activation, catalogue
from xact._signature import LAYOUTS
from xact.nn._match import VALUES
from xact.nn._probe import copy_of, numbers

# Every axis has halves, and an axis counted from the front is another one in each.
SHAPES = (4, 6, 8, 10), (6, 4, 8)


def gate(module: torch.nn.Module) -> Activation | None:
    """The gate that a Module without tensors computes, with its axis and layout. To be called in `undisturbed()`."""
    if module._parameters or module._buffers:
        return None
    calls = []
    for shape, training in zip(SHAPES, (False, True), strict=True):
        x = numbers(shape)
        called = copy_of(module)
        called.training = training
        try:
            y = type(module).forward(called, x.clone())
        except Exception:
            # The Module's own code, which may raise anything.
            return None
        if type(y) is not torch.Tensor:
            return None
        calls.append((x, y.detach()))
    for axis in _axes(calls):
        for activation in _candidates(axis):
            if all(torch.allclose(activation(x), y, rtol=VALUES, atol=VALUES) for x, y in calls):
                return activation
    return None


def _axes(calls: list[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[int]:
    """The axis that is halved in every call, counted from the end or from the front; the last one is -1."""
    for axis in (-1, 1, -2, -3, 0, 2):
        if all([*y.shape] == _halved(x.shape, axis) for x, y in calls):
            yield axis


def _halved(shape: torch.Size, axis: int) -> list[int]:
    sizes = [*shape]
    sizes[axis] //= 2
    return sizes


def _candidates(axis: int) -> Iterator[Activation]:
    """Every gate along this axis, as it is first, then with every choice of its options."""
    gates = [a for a in dict.fromkeys(catalogue.values()) if a.layout and a.elementwise]
    given = {} if axis == -1 else {"axis": axis}
    yield from (activation.replace(**given) for activation in gates)
    for activation in gates:
        options = {**activation.body.choices, "layout": LAYOUTS}
        for chosen in itertools.product(*options.values()):
            yield activation.replace(**given, **dict(zip(options, chosen, strict=True)))
