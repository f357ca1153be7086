"""The parameters a Module learns: made, filled, laid along its axis."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from xact import _activation
from xact._errors import ShapeError
from xact.nn._published import fit

Start = float | tuple[float, ...] | torch.Tensor


class Learning(torch.nn.Module):
    """A Module with parameters that it learns, one for all elements, or `num_parameters` of them along `axis`."""

    activation: "_activation.Activation"
    num_parameters: int | None = None
    axis: int = 1
    # The parameters that lie along the axis.
    _vectors: tuple[str, ...] = ()
    # Whether the function takes the parameters as they are.
    _as_it_is: bool = True
    # Whether the parameters are the logarithms of what the function takes.
    logscale: bool = False
    # What the parameters start from.
    _starts: Mapping[str, Start]

    def learn(self, starts: Mapping[str, Start], device: Any, dtype: Any) -> None:
        """Make the parameters, in the dtype that torch makes them in, and fill them."""
        self._starts, count, shared = dict(starts), self.num_parameters, self.activation.shared
        self._vectors = tuple(name for name in starts if count and count > 1 and name not in shared)
        self._as_it_is = not (self._vectors or self.logscale)
        for name, start in starts.items():
            shape: tuple[int, ...] = (len(start),) if isinstance(start, tuple) else ()
            if count is not None:
                shape = (1 if name in shared else count,)
            setattr(self, name, torch.nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fill the parameters with what they start from."""
        with torch.no_grad():
            for name, start in self._starts.items():
                if isinstance(start, float | int):
                    getattr(self, name).fill_(math.log(start) if self.logscale else start)
                else:
                    getattr(self, name).copy_(torch.as_tensor(start, dtype=torch.float64, device="cpu"))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        rest[-1].extend(fit(self, [*self._parameters], state_dict, prefix))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def laid(module: Any, label: str, x: Any) -> Any:
    """The value of a learnt parameter in a call on `x`: a vector as it lies along the axis of the Module."""
    value = getattr(module, label)
    if isinstance(value, float | int | tuple):
        return value
    if module.logscale:
        value = value.exp()
    if label not in module._vectors:
        return value
    return along(type(module).__name__, value, x, module.axis, "axis" in module.activation.defaults)


def arguments(module: Any, given: Mapping[str, Any], x: Any) -> dict[str, Any]:
    """The arguments that a Module of ours holds, as its function gets them in a call on `x`; torch.nn's as they are."""
    if not hasattr(module, "_vectors"):
        return dict(given)
    learnt = {*module.activation.learnable, *(name for name, value in given.items() if isinstance(value, torch.Tensor))}
    values = {name: laid(module, name, x) if name in learnt else value for name, value in given.items()}
    return values | ({"axis": module.axis} if "axis" in module.activation.defaults else {})


@torch.fx.wrap
def along(module: str, value: Any, x: Any, axis: int, kept: bool) -> Any:
    """A vector with the shape under which it lies along an axis of `x`; kept where the function does that."""
    if not -x.ndim <= axis < x.ndim or x.shape[axis] != value.shape[0]:
        raise ShapeError(_misfit(module, value.shape[0], axis, tuple(x.shape)))
    return value if kept else value.reshape(-1, *[1] * (x.ndim - 1 - axis % x.ndim))


def _misfit(module: str, count: int, axis: int, shape: tuple[int, ...]) -> str:
    there = f"has {shape[axis]}" if -len(shape) <= axis < len(shape) else "ends before it"
    fitting = [i - len(shape) if i == len(shape) - 1 else i for i, size in enumerate(shape) if size == count]
    cures = [f"axis={fitting[-1]}"] if fitting else []
    cures += [f"num_parameters={shape[axis]}"] if there != "ends before it" else []
    cure = " or ".join(cures) or "num_parameters=None, one for all elements"
    return (
        f"{module}: its {count} parameters lie along axis {axis}, where an array of shape {shape} {there}; "
        f"make it with {cure}"
    )
