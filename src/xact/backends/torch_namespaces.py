"""The two namespaces that bodies and rules are evaluated with on PyTorch.

`xp` is for whatever records operations (autograd, transforms, the compiler), where selections and polynomials are
fused into one loop. `cpu` is for plain tensors on a CPU that nobody records. There every operation is a pass
over memory, `torch.where` and comparisons take ten times as long as a product, and float64 is at hand: fewer
operations win.
The figures are in docs/decisions/0007-eager-torch-on-a-cpu.md and 0010-compiled-torch-on-a-cpu.md.
"""

import math
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import array_api_compat.torch as standard_torch
import torch
from torch.nn import functional as F

from xact.special.exponential import expm1_short
from xact.special.gelu_tanh import CUBIC, LINEAR
from xact.special.hyperbolic import x_tanh_softplus_derivative_short
from xact.special.namespace import GENERIC, Namespace
from xact.special.normal import x_normal_cdf_derivative_short, x_normal_cdf_short

# Elements from which a selection by bits is faster than torch.where.
BRANCHLESS = 1 << 12

# What is as large as this is infinite to every function of `cpu` that clamps at it.
FARTHEST = 1e3
# It takes the place of infinity among float32 numbers in float64: of infinity, the difference from itself is NaN.
INFINITE = 1e300

INTEGERS = {torch.float16: torch.int16, torch.bfloat16: torch.int16}
INTEGERS |= {torch.float32: torch.int32, torch.float64: torch.int64}


def _maximum(a: Any, b: Any) -> Any:
    return torch.maximum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, min=b)


def _minimum(a: Any, b: Any) -> Any:
    return torch.minimum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, max=b)


def _sign(x: Any) -> Any:
    # array_api_compat's writes its NaNs in place, which a sharded DTensor refuses.
    return torch.where(torch.isnan(x), x, torch.sign(x)) if x.is_floating_point() else torch.sign(x)


def _sort(x: Any, axis: int = -1) -> Any:
    # array_api_compat asks for a stable order, which ONNX has not; values that are equal have none.
    return torch.sort(x, dim=axis)[0]


def _times(factor: Any, x: Any) -> Any:
    # What the generic one looks for needs a factor of 0.
    return GENERIC["times"](factor, x, xp=xp) if isinstance(factor, torch.Tensor) or factor == 0 else factor * x


def _uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
    if rng is None:
        unit = torch.rand_like(like)
    else:
        unit = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=rng)
    return low + (high - low) * unit


def _where(condition: Any, a: Any, b: Any) -> Any:
    """torch.where, bit for bit; that one branches at every element."""
    if condition.numel() < BRANCHLESS:
        return torch.where(condition, a, b)
    tensors = [value for value in (a, b) if isinstance(value, torch.Tensor)]
    dtypes = {tensor.dtype for tensor in tensors}
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    whole = all(tensor.shape == condition.shape for tensor in tensors)
    if not whole or dtype not in INTEGERS:
        return torch.where(condition, a, b)
    one, other = _bits(a, dtype), _bits(b, dtype)
    mask = condition.to(INTEGERS[dtype]).neg_()
    return mask.bitwise_and_(one ^ other).bitwise_xor_(other).view(dtype)


def _bits(value: Any, dtype: torch.dtype) -> Any:
    return (
        value.view(INTEGERS[dtype]) if isinstance(value, torch.Tensor) else _bits_of_number(float(value).hex(), dtype)
    )


@cache
def _bits_of_number(digits: str, dtype: torch.dtype) -> int:
    # By digits: 0.0 and -0.0 are one key of a cache.
    return int(torch.tensor(float.fromhex(digits), dtype=dtype, device="cpu").view(INTEGERS[dtype]))


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of float32 arrays evaluated in float64 and rounded once; other dtypes take the generic one."""
    generic = GENERIC[function.__name__.removeprefix("_")]

    @wraps(function)
    def evaluate(x: Any, *given: Any) -> Any:
        if x.dtype != torch.float32 or not x.numel():
            return generic(x, *given, xp=cpu)
        wide = [value.double() if isinstance(value, torch.Tensor) else value for value in given]
        return function(x.double(), *wide).float()

    return evaluate


@_wide
def _normal_cdf(x: Any) -> Any:
    return torch.erfc(x * -math.sqrt(0.5)).mul_(0.5)


@_wide
def _normal_pdf(x: Any) -> Any:
    return torch.square(x).mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))


@_wide
def _x_normal_cdf(x: Any) -> Any:
    x = torch.clamp(x, min=-FARTHEST)
    return torch.erfc(x * -math.sqrt(0.5)).mul_(x).mul_(0.5)


@_wide
def _x_normal_cdf_derivative(x: Any) -> Any:
    x = torch.clamp(x, -FARTHEST, FARTHEST)
    density = torch.square(x).mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))
    return torch.erfc(x * -math.sqrt(0.5)).mul_(0.5).addcmul_(x, density)


@_wide
def _gelu_tanh(x: Any) -> Any:
    x = torch.clamp(x, min=-FARTHEST)
    return torch.square(x).mul_(CUBIC).add_(LINEAR).mul_(x).sigmoid_().mul_(x)


@_wide
def _gelu_tanh_derivative(x: Any) -> Any:
    x = torch.clamp(x, -FARTHEST, FARTHEST)
    square = torch.square(x)
    y = torch.sigmoid((square * CUBIC).add_(LINEAR).mul_(x))
    slope = square.mul_(3 * CUBIC).add_(LINEAR).mul_(x)
    return slope.mul_(1 - y).add_(1).mul_(y)


def _exponential(x: Any) -> Any:
    """exp(-|x|)"""
    return torch.abs(x).neg_().exp_()


def _logistic_pdf(x: Any) -> Any:
    e = _exponential(x)
    return e / (e + 2).mul_(e).add_(1)


def _softplus(x: Any) -> Any:
    return _exponential(x).log1p_().add_(torch.clamp(x, min=0))


def _x_sigmoid(x: Any, y: Any) -> Any:
    return F.silu(torch.clamp(x, min=-FARTHEST), inplace=True) if x is y else GENERIC["x_sigmoid"](x, y, xp=cpu)


def _x_sigmoid_derivative(y: Any, g: Any) -> Any:
    # sigma(y) (1 + g + e^y) / (1 + e^y), which is 1 long before e^y overflows: near its zero 1 + g is exact.
    far = 44.0 if y.dtype == torch.float32 else 350.0
    e = torch.clamp(y, max=far).exp_()
    quotient = torch.clamp(g, -1e30, far).add_(1).add_(e).div_(e.add_(1))
    return quotient.mul_(torch.sigmoid(y))


@_wide
def _gelu_sigmoid(x: Any) -> Any:
    x = torch.clamp(x, min=-FARTHEST)
    return torch.sigmoid(x * 1.702).mul_(x)


@_wide
def _gelu_sigmoid_derivative(x: Any) -> Any:
    y = torch.clamp(x, -FARTHEST, FARTHEST).mul_(1.702)
    s = torch.sigmoid(y)
    return y.mul_(1 - s).add_(1).mul_(s)


@_wide
def _softmax(x: Any, axis: int = -1) -> Any:
    return torch.softmax(x.clamp_(max=INFINITE), axis)


@_wide
def _log_softmax(x: Any, axis: int = -1) -> Any:
    d = x.clamp_(max=INFINITE).sub_(x.amax(axis, keepdim=True))
    # All entries but one of the largest: of an almost certain one the logarithm is their sum.
    rest = torch.exp(d).scatter_(axis, d.argmax(axis, keepdim=True), 0.0).sum(axis, keepdim=True)
    return d.sub_(rest.log1p_())


@_wide
def _softmax_pullback(y: Any, dy: Any, axis: int) -> Any:
    d = dy - dy.gather(axis, y.argmax(axis, keepdim=True))
    return d.sub_((y * d).sum(axis, keepdim=True)).mul_(y)


NATIVE: dict[str, Callable[..., Any]] = {
    "where": torch.where,
    "maximum": _maximum,
    "minimum": _minimum,
    "max": torch.amax,
    "tanh": torch.tanh,
    "expm1": torch.expm1,
    "sign": _sign,
    "sort": _sort,
    # array-api-compat looks the namespace up in a cache, which no compiler traces.
    "cumulative_sum": lambda x, axis: torch.cumsum(x, axis),
    "erf": torch.erf,
    "erfc": torch.erfc,
    "sigmoid": torch.sigmoid,
    # What array-api-compat calls has no rule under vmap.
    "concat": lambda arrays, axis: torch.cat(arrays, axis),
    # A compiler may have made a symbol of the axis, which array-api-compat takes for a tuple.
    "expand_dims": lambda x, axis: torch.unsqueeze(x, int(axis)),
    "squeeze": lambda x, axis: torch.squeeze(x, int(axis)),
    "times": _times,
    "uniform": _uniform,
}


def _short(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function for float32; other dtypes take the generic one."""
    generic = GENERIC[function.__name__.removesuffix("_short")]
    return lambda x: (function if x.dtype == torch.float32 else generic)(x, xp=xp)


def _of_cuda(function: Callable[..., Any], other: Callable[..., Any]) -> Callable[[Any], Any]:
    """torch's own on CUDA, else the other one: Inductor's loop for a CPU takes e^x - 1 for expm1, which is 0 for
    x = -1e-8, and for erf a formula that is right to 1e-7 of 1.
    """
    return lambda x: function(x) if x.is_cuda else other(x, xp=xp)


# A compiler makes one loop of what it records, which waits for arithmetic, not for memory. Inductor writes a value out
# once for each of its uses, with all that it is made of: what is used often is short, or is an exponential, which has a
# name of its own.
FEW_INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "x_normal_cdf": _short(x_normal_cdf_short),
    "x_normal_cdf_derivative": _short(x_normal_cdf_derivative_short),
    "x_sigmoid": lambda x, y: F.silu(torch.clamp(x, min=-FARTHEST)) if x is y else GENERIC["x_sigmoid"](x, y, xp=xp),
    "x_tanh_softplus_derivative": lambda x: x_tanh_softplus_derivative_short(x, xp),
    "expm1": _of_cuda(torch.expm1, expm1_short),
    "erf": _of_cuda(torch.erf, GENERIC["erf"]),
}
xp: Namespace = Namespace(standard_torch, **NATIVE | FEW_INSTRUCTIONS)


def log_sigmoid(x: Any) -> Any:
    y = F.logsigmoid(x)
    # torch's kernel forgets the layout.
    return y if x.is_contiguous() else torch.empty_like(x).copy_(y)


FEW_OPERATIONS: dict[str, Callable[..., Any]] = {
    "where": _where,
    "normal_cdf": _normal_cdf,
    "normal_pdf": _normal_pdf,
    "x_normal_cdf": _x_normal_cdf,
    "x_normal_cdf_derivative": _x_normal_cdf_derivative,
    "gelu_sigmoid": _gelu_sigmoid,
    "gelu_sigmoid_derivative": _gelu_sigmoid_derivative,
    "gelu_tanh": _gelu_tanh,
    "gelu_tanh_derivative": _gelu_tanh_derivative,
    "logistic_pdf": _logistic_pdf,
    "softplus": _softplus,
    "log_sigmoid": log_sigmoid,
    "x_sigmoid": _x_sigmoid,
    "x_sigmoid_derivative": _x_sigmoid_derivative,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmax_pullback": _softmax_pullback,
}
cpu = Namespace(standard_torch, **NATIVE | FEW_OPERATIONS)
