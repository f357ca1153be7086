"""Few bits for the backward pass: of an input, only which of 2, 4 or 16 levels its derivative is next to is kept.

Source: Novikov et al. 2023, Few-bit Backward: Quantized Gradients of Activation Functions for Memory Footprint
Reduction, ICML, arXiv:2202.00441. There a level belongs to an interval of x; here every derivative goes to the nearest
level, so that an even derivative needs no levels twice, and one of two values (relu, hardtanh) is exact with one bit.
"""

import threading
from functools import cache
from itertools import pairwise
from typing import Any

import torch

from xact import backends
from xact._derivatives import derivative
from xact.backends import torch_graph
from xact.backends.torch_evaluate import COMPUTE, differentiated

BITS = (1, 2, 4)
# The weight p of the squared error, on |x| < REACH: the standard normal density plus FLOOR, for wider inputs.
REACH, FLOOR, POINTS = 10.0, 0.01, 1024

Given = tuple[tuple[str, Any], ...]


def check(name: str, activation: Any, bits: Any, given: Given) -> None:
    """Refuse what few bits cannot differentiate."""
    if isinstance(bits, bool) or bits not in BITS:
        raise ValueError(f"{name}: `backward_bits` must be None, 1, 2 or 4, got {bits!r}")
    if reason := refused(activation):
        raise TypeError(
            f"{name} {reason}, and few bits keep the derivative by one array alone; leave out backward_bits"
        )
    for argument, value in given:
        if isinstance(value, torch.Tensor):
            raise TypeError(
                f"{name}: the gradient of `{argument}` needs the input, which backward_bits={bits} does not keep; "
                "give a number or leave out backward_bits"
            )


def refused(activation: Any) -> str:
    """Why the derivative of this activation cannot be kept in few bits; empty where it can."""
    if not activation.elementwise:
        return "mixes the elements along an axis"
    if len(activation.body.arrays) > 1 or activation.body.masks:
        return "takes more than one array"
    return ""


@cache
def levels(key: str, bits: int, given: Given) -> tuple[float, ...]:
    """The at most 2^bits numbers, ascending, that minimise the integral of (f'(x) - q(x))^2 p(x), q(x) the nearest."""
    found: list[tuple[float, ...]] = []
    # Fake tensors, transforms and default devices belong to the thread that traces.
    thread = threading.Thread(target=lambda: found.append(_levels(key, bits, dict(given))))
    thread.start()
    thread.join()
    if not found:
        raise RuntimeError(f"{key}: its derivative by {given} could not be evaluated for backward_bits={bits}")
    return found[0]


def _levels(key: str, bits: int, given: dict[str, Any]) -> tuple[float, ...]:
    # An even number of midpoints: none of them is 0.
    x = (torch.arange(POINTS, dtype=torch.float64) + 0.5) * (2 * REACH / POINTS) - REACH
    density = torch.distributions.Normal(0.0, 1.0).log_prob(x).exp() + FLOOR
    slope = derivative(backends.definitions[key])(x, **given)
    values, place = torch.unique(slope[slope.isfinite()], return_inverse=True)
    weights = torch.zeros_like(values).index_add_(0, place, density[slope.isfinite()])
    edges = _edges(values, weights, min(1 << bits, len(values)))
    groups = [slice(low, high) for low, high in pairwise(edges)]
    return tuple(_mean(values[group], weights[group]) for group in groups)


def _edges(values: Any, weights: Any, count: int) -> list[int]:
    """Where to cut ascending values into `count` groups of least weighted variance: dynamic programming.

    Source: Fisher 1958, On Grouping for Maximum Homogeneity.
    """
    centred = values - values.mean()
    zero, first, second = (
        torch.cat([torch.zeros(1, dtype=values.dtype), (weights * centred**power).cumsum(0)]) for power in range(3)
    )
    # cost[i, j]: of the values i to j - 1 as one group.
    mass = zero - zero[:, None]
    cost = (second - second[:, None]) - (first - first[:, None]) ** 2 / mass
    cost = torch.where(mass > 0, cost, torch.inf)
    best, cuts = cost[0], []
    for _ in range(count - 1):
        best, cut = (best[:, None] + cost).min(0)
        cuts.append(cut)
    edges = [len(values)]
    for cut in reversed(cuts):
        edges.append(int(cut[edges[-1]]))
    return [0, *reversed(edges)]


def _mean(values: Any, weights: Any) -> float:
    # Of one value itself: the derivative of relu is kept exactly.
    return float(values[0] if len(values) == 1 else (values * weights).sum() / weights.sum())


@torch.fx.wrap
def apply(x: Any, key: str, bits: int, given: Given, inplace: bool = False) -> Any:
    """The activation of this key with these arguments, which keeps `bits` bits of each element for backward."""
    activation = backends.definitions[key]
    check(activation.name, activation, bits, given)
    if hasattr(x, "device_mesh"):
        raise TypeError(f"{activation.name}: backward_bits={bits} takes no DTensor; leave it out, or use x.to_local()")
    if not isinstance(x, torch.Tensor) or x.dtype not in COMPUTE or not differentiated((x,)):
        return activation(x, **dict(given), **({"inplace": True} if inplace else {}))
    function = torch_graph.quantised if torch.compiler.is_compiling() else quantised
    y = function(x, key, bits, given)
    return x.copy_(y) if inplace else y


@torch_graph.whole
def quantised(x: Any, key: str, bits: int, given: Given) -> Any:
    return Quantised.apply(x, key, bits, given)[0]


class Quantised(torch.autograd.Function):
    """The value, the codes of the levels of the derivative, which are kept, and nothing: an array without elements,
    through which a second derivative finds its way here, to be refused.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, key: str, bits: int, given: Given) -> Any:
        activation, named = backends.definitions[key], dict(given)
        found = levels(key, bits, given)
        slope = derivative(activation)(x, **named)
        code = torch.zeros_like(slope, dtype=torch.uint8)
        for low, high in pairwise(found):
            code = code + (slope > (low + high) / 2).to(torch.uint8)
        return activation(x, **named), pack(code, bits), x.new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, ctx.key, ctx.bits, ctx.given = inputs
        ctx.dtype, (_, codes, nothing) = x.dtype, output
        ctx.mark_non_differentiable(codes)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(codes, nothing)

    @staticmethod
    def backward(ctx: Any, dy: Any, *_: Any) -> Any:
        dx = None if dy is None else Product.apply(dy, *ctx.saved_tensors, ctx.key, ctx.bits, ctx.given, ctx.dtype)
        return dx, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise RuntimeError(_once(ctx.key, ctx.bits, "forward-mode derivative"))


class Product(torch.autograd.Function):
    """The incoming gradient times the level, differentiable no further."""

    generate_vmap_rule = True

    @staticmethod
    def forward(dy: Any, codes: Any, nothing: Any, key: str, bits: int, given: Given, dtype: torch.dtype) -> Any:
        table = torch.tensor(levels(key, bits, given), dtype=COMPUTE[dy.dtype], device=dy.device)
        code = unpack(codes, bits, dy.numel())
        return (dy * table.index_select(0, code.int()).reshape(dy.shape)).to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, _, _, ctx.key, ctx.bits, *_ = inputs

    @staticmethod
    def backward(ctx: Any, _: Any) -> Any:
        raise RuntimeError(_once(ctx.key, ctx.bits, "second derivative"))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise RuntimeError(_once(ctx.key, ctx.bits, "second derivative"))


def _once(key: str, bits: int, what: str) -> str:
    name = backends.definitions[key].name
    return f"{name}: backward_bits={bits} keeps too little for a {what}; leave out backward_bits where you need it"


def pack(code: Any, bits: int) -> Any:
    """Codes below 2^bits, 8 / bits of them in each byte."""
    flat, per = code.reshape(-1), 8 // bits
    rest = -flat.numel() % per
    planes = torch.nn.functional.pad(flat, (0, rest)).reshape(per, (flat.numel() + rest) // per)
    return (planes << _shifts(bits, code.device)).sum(0, dtype=torch.uint8)


def unpack(codes: Any, bits: int, count: int) -> Any:
    return ((codes >> _shifts(bits, codes.device)) & ((1 << bits) - 1)).reshape(-1)[:count]


def _shifts(bits: int, device: Any) -> Any:
    return torch.arange(0, 8, bits, dtype=torch.uint8, device=device)[:, None]
