"""Gains of activations, for the initialisation of the layer before them."""

import math
from collections.abc import Callable
from typing import Any

import torch

from xact._catalogue import activation_of
from xact._derivatives import derivative
from xact._signature import REQUIRED

# The normal density beyond is under 1e-42: more than any activation grows by.
REACH = 14.0
PANELS, NODES, TOLERANCE, HALVINGS = 56, 16, 1e-12, 40


def gain(activation: Any, *values: Any, mode: str = "forward", **parameters: Any) -> float:
    """The gain of an activation: what the standard deviation of the weights is multiplied by.

    activation: its name, specification or function; `values` and `parameters` are its arguments, by position or
    name, as in `gain("leaky_relu", 0.2)`.
    mode: ``"forward"``, ``1 / sqrt(E f(z)^2)``, keeps the variance of what layers pass on; ``"backward"``,
    ``1 / sqrt(E f'(z)^2)``, that of their gradients; z is standard normal.

    The integral is Gauss-Legendre's, on panels that end at the kinks and are halved until they agree. A learnable
    parameter has its initial value. Raises `TypeError` for gates and for activations along an axis, `ValueError` for
    another mode and where the expectation is 0 or infinite.

    It stands where `torch.nn.init.calculate_gain` does: as the ``gain`` of ``xavier_normal_``, ``xavier_uniform_`` and
    ``orthogonal_``; Kaiming's ``fan_in`` takes the forward gain and ``fan_out`` the backward gain, as
    ``normal_(weight, std=gain("silu") / math.sqrt(fan))``. The values agree for relu, leaky_relu and linear.
    calculate_gain's 5/3 for tanh, 1 for sigmoid and 3/4 for selu are conventions: the forward gains are 1.5925, 1.8462
    and 1.

    Source: He et al. 2015, arXiv:1502.01852, for relu; the same argument for any function.

    >>> round(gain("relu"), 6), round(gain("silu", mode="backward"), 6)
    (1.414214, 1.62332)
    """
    found = activation_of("gain", activation)
    if len(values) > len(found.defaults):
        raise TypeError(f"gain: {found.name} takes no {len(values)} arguments; its signature is {found.usage}")
    found = found.replace(**{**found.replaced, **dict(zip(found.defaults, values, strict=False)), **parameters})
    if len(found.arrays) > 1 or not found.elementwise:
        kind = "takes two arrays" if found.elementwise else "mixes the elements along an axis"
        raise TypeError(f"{found.name} {kind}: it has no gain; give that of an elementwise activation")
    if mode not in ("forward", "backward"):
        raise ValueError(f"gain: `mode` must be 'forward' or 'backward', got {mode!r}")
    initial = {name: found.learnable[name] for name in found.required if name in found.learnable}
    function = found if mode == "forward" else derivative(found)
    known = {name: 0.0 if value is REQUIRED else value for name, value in {**found.defaults, **initial}.items()}
    # Wherever Modules are being made, on "meta" too.
    with torch.device("cpu"):
        square = _second_moment(lambda z: function(z, **initial), list(found.kinks_at(known)))
    if not 0 < square < math.inf:
        what = found.name if mode == "forward" else f"the derivative of {found.name}"
        raise ValueError(f"gain: the mean square of {what} is {square:g} for standard normal input; there is no gain")
    return square**-0.5


def _second_moment(function: Callable[[Any], Any], kinks: list[float]) -> float:
    """The mean of the squared function under the standard normal distribution."""
    inside = [kink for kink in kinks if -REACH < kink < REACH]
    panels = torch.linspace(-REACH, REACH, PANELS + 1, dtype=torch.float64)
    edges = torch.cat([panels, torch.tensor(inside, dtype=torch.float64)]).sort().values
    left, right, total = edges[:-1], edges[1:], 0.0
    for halving in range(HALVINGS):
        middle = (left + right) / 2
        whole = _panels(function, left, right)
        halves = _panels(function, left, middle) + _panels(function, middle, right)
        open_ = ((whole - halves).abs() > TOLERANCE * (1 + halves.abs())) & (halving < HALVINGS - 1)
        total += halves[~open_].sum().item()
        left, right = torch.cat([left[open_], middle[open_]]), torch.cat([middle[open_], right[open_]])
    return total


def _panels(function: Callable[[Any], Any], left: Any, right: Any) -> Any:
    """The integral of the squared function times the normal density over each panel."""
    nodes, weights = _legendre(NODES)
    half = (right - left)[:, None] / 2
    z = left[:, None] + half * (1 + nodes)
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    with torch.no_grad():
        return (half * weights * density * function(z) ** 2).sum(-1)


def _legendre(count: int) -> tuple[Any, Any]:
    """Nodes and weights of Gauss and Legendre on (-1, 1), as eigenvalues (Golub & Welsch 1969)."""
    k = torch.arange(1, count, dtype=torch.float64)
    beside = k / torch.sqrt(4 * k * k - 1)
    nodes, vectors = torch.linalg.eigh(torch.diag(beside, 1) + torch.diag(beside, -1))
    return nodes, 2 * vectors[0] ** 2
