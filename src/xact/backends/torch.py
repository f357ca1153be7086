"""PyTorch: the closed-form rules as an `autograd.Function` that every transform and the compiler accept.

One Function serves all definitions; it is told which by a key. A string goes through the compiler's graph as a
constant, while an activation, or a Function made for it in the traced path, would break the graph.
"""

from typing import Any

import array_api_compat.torch as standard_torch
import torch
from torch.autograd import forward_ad
from torch.nn import functional as F

from xact import backends
from xact._errors import MissingRuleError
from xact.backends import hot_path
from xact.special import Namespace

INPLACE = True

COMPUTE = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}

# Eager kernels whose value and derivative both meet the contract.
NATIVE = {"relu": F.relu, "leaky_relu": F.leaky_relu}

# What autocast computes in float32, by device: torch's own lists for the functions it has too.
AUTOCAST = {
    "cuda": frozenset({"softmax", "log_softmax", "softplus"}),
    "cpu": frozenset(),
}


def _maximum(a: Any, b: Any) -> Any:
    return torch.maximum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, min=b)


def _minimum(a: Any, b: Any) -> Any:
    return torch.minimum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, max=b)


def _uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
    if rng is None:
        unit = torch.rand_like(like)
    else:
        unit = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=rng)
    return low + (high - low) * unit


xp = Namespace(
    standard_torch,
    where=torch.where,
    maximum=_maximum,
    minimum=_minimum,
    tanh=torch.tanh,
    erf=torch.erf,
    erfc=torch.erfc,
    sigmoid=torch.sigmoid,
    uniform=_uniform,
)


def owns(cls: type) -> bool:
    return issubclass(cls, torch.Tensor)


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = operands[0]
    name = activation.name
    if x.dtype not in COMPUTE:
        x = floating(activation, x)
        operands = (x, *operands[1:])
        if x.dtype not in COMPUTE:
            return activation.body(dict(zip(activation.names, (*operands, *options), strict=True)), xp)
    if torch.is_autocast_enabled(x.device.type) and name in AUTOCAST.get(x.device.type, ()):
        operands = tuple(_float32(value) for value in operands)
    if torch.compiler.is_compiling():
        result = _differentiable(activation.key, options, "body", *operands)
        return x.copy_(result) if inplace else result
    kernel = _kernel(activation, operands, options)
    if kernel == "native":
        return NATIVE[name](*operands, inplace=True) if inplace else NATIVE[name](*operands)
    if not _transformed(activation, operands):
        result = _value(activation.key, options, kernel, *operands)
    elif inplace:
        result = _differentiable(activation.key, options, kernel, x.clone(), *operands[1:])
    else:
        result = _differentiable(activation.key, options, kernel, *operands)
    return x.copy_(result) if inplace else result


def _kernel(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...]) -> str:
    """What computes an eager call: torch's own kernel, a compiled one, or the body operation by operation."""
    x = operands[0]
    if type(x) is not torch.Tensor and type(x) is not torch.nn.Parameter:
        return "body"
    if activation.key in NATIVE:
        return "native"
    if not hot_path.chosen(x) or not activation.elementwise or torch._C._are_functorch_transforms_active():
        return "body"
    whole = all(not isinstance(v, torch.Tensor) or v.shape in (x.shape, ()) for v in operands)
    return "compiled" if whole else "body"


def _transformed(activation: Any, operands: tuple[Any, ...]) -> bool:
    """Whether anything will ask for a derivative; without, the Function's 12 microseconds are saved."""
    if torch.is_grad_enabled():
        for name, value in zip(activation.operands, operands, strict=True):
            if isinstance(value, torch.Tensor) and value.requires_grad:
                if name not in activation.rules and name not in activation.pullbacks:
                    raise MissingRuleError(backends.no_rule(activation, name))
                return True
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def _value(key: str, options: tuple[Any, ...], kernel: str, *operands: Any) -> Any:
    activation = backends.definitions[key]
    values = dict(zip(activation.names, (*operands, *options), strict=True))
    if kernel == "compiled":
        names, arrays, numbers = _separated(values)
        result = hot_path.run(key, _value_in_graph, (key, names, numbers), arrays)
        if result is not None:
            return result
    return evaluate(activation.body, operands[0], values, activation.elementwise)


def _separated(values: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """Names and tensors, in order, and everything else as constants."""
    tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
    numbers = tuple((name, value) for name, value in values.items() if name not in tensors)
    return tuple(tensors), tuple(tensors.values()), numbers


@torch.compiler.allow_in_graph
def _value_in_graph(static: Any, *arrays: Any) -> Any:
    key, names, numbers = static
    activation = backends.definitions[key]
    return evaluate(activation.body, arrays[0], dict(zip(names, arrays, strict=True)) | dict(numbers), True)


@torch.compiler.allow_in_graph
def _pull_in_graph(static: Any, dy: Any, *arrays: Any) -> tuple[Any, ...]:
    key, names, numbers, wanted = static
    values = dict(zip(names, arrays, strict=True)) | dict(numbers)
    return tuple(
        _pull(backends.definitions[key], name, values, dy, shape or dy.shape, dtype) for name, shape, dtype in wanted
    )


class Differentiable(torch.autograd.Function):
    """An activation, given by its key, with its rules."""

    generate_vmap_rule = True

    @staticmethod
    def forward(key: str, options: tuple[Any, ...], kernel: str, *operands: Any) -> Any:
        return _value(key, options, kernel, *operands)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save the arrays that the rules name, and nothing else."""
        ctx.key, ctx.options, ctx.kernel, *operands = inputs
        activation = backends.definitions[ctx.key]
        values = dict(zip(activation.operands, operands, strict=True))
        rules = [
            rule
            for name, value in values.items()
            if isinstance(value, torch.Tensor)
            for rule in activation.rules_for(name)
        ]
        needed = {name for rule in rules for name in rule.names}
        available = values | {"y": output}
        saved = {n: v for n, v in available.items() if n in needed and isinstance(v, torch.Tensor)}
        ctx.numbers = {n: v for n, v in values.items() if not isinstance(v, torch.Tensor)}
        ctx.saved_names = tuple(saved)
        ctx.shapes = tuple((v.shape, v.dtype) if isinstance(v, torch.Tensor) else None for v in operands)
        ctx.like = output.dtype
        ctx.save_for_backward(*saved.values())
        ctx.save_for_forward(*saved.values())

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        activation, values = _restore(ctx)
        wanted = {
            name: ctx.shapes[i] for i, name in enumerate(activation.operands) if ctx.needs_input_grad[3 + i]
        }
        pulled = _pull_all(activation, values, dy, wanted, ctx.kernel)
        gradients = [pulled.get(name) for name in activation.operands]
        return None, None, None, *gradients

    @staticmethod
    def jvp(ctx: Any, _key: None, _options: None, _kernel: None, *tangents: Any) -> Any:
        activation, values = _restore(ctx)
        parts = [
            _push(activation, name, values, tangent, ctx.like)
            for name, tangent in zip(activation.operands, tangents, strict=True)
            if tangent is not None
        ]
        return sum(parts[1:], start=parts[0])


@torch.compiler.allow_in_graph
def _differentiable(key: str, options: tuple[Any, ...], kernel: str, *operands: Any) -> Any:
    return Differentiable.apply(key, options, kernel, *operands)


def _restore(ctx: Any) -> tuple[Any, dict[str, Any]]:
    activation = backends.definitions[ctx.key]
    saved = dict(zip(ctx.saved_names, ctx.saved_tensors, strict=True))
    options = dict(zip(activation.body.options, ctx.options, strict=True))
    return activation, {**ctx.numbers, **options, **saved}


def _pull_all(activation: Any, values: dict[str, Any], dy: Any, wanted: dict[str, Any], kernel: str) -> Any:
    """The cotangents of all arguments that need one; compiled unless a derivative of theirs is asked for."""
    if kernel == "compiled" and not torch.is_grad_enabled():
        names, arrays, numbers = _separated(values)
        flat = tuple((name, tuple(shape) and None, dtype) for name, (shape, dtype) in wanted.items())
        results = hot_path.run(activation.key, _pull_in_graph, (activation.key, names, numbers, flat), (dy, *arrays))
        if results is not None:
            return dict(zip(wanted, results, strict=True))
    return {name: _pull(activation, name, values, dy, shape, dtype) for name, (shape, dtype) in wanted.items()}


def _pull(activation: Any, name: str, values: dict[str, Any], dy: Any, shape: Any, dtype: Any) -> Any:
    """The cotangent of one argument, in its shape and dtype."""
    if rule := activation.pullbacks.get(name):
        return _evaluate(rule, values | {"dy": dy}, dy.dtype).to(dtype)
    if name not in activation.rules:
        raise MissingRuleError(backends.no_rule(activation, name))
    slope = _evaluate(activation.rules[name], values, dy.dtype)
    if slope.dtype == torch.bool:
        return torch.where(slope, dy, 0)
    return (dy.to(slope.dtype) * slope).sum_to_size(shape).to(dtype)


def _push(activation: Any, name: str, values: dict[str, Any], tangent: Any, dtype: Any) -> Any:
    """The tangent of the result that the tangent of one argument makes."""
    if rule := activation.pushforwards.get(name):
        return _evaluate(rule, values | {f"d{name}": tangent}, dtype).to(dtype)
    if rule := activation.pullbacks.get(name):
        return _evaluate(rule, values | {"dy": tangent}, dtype).to(dtype)
    if name not in activation.rules:
        raise MissingRuleError(backends.no_rule(activation, name))
    slope = _evaluate(activation.rules[name], values, dtype)
    if slope.dtype == torch.bool:
        return torch.where(slope, tangent, 0)
    return (tangent.to(slope.dtype) * slope).to(dtype)


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`."""
    return _evaluate(expression, values, x.dtype).to(x.dtype)


def _evaluate(expression: Any, values: dict[str, Any], dtype: Any) -> Any:
    """The result in the dtype that `dtype` is computed in, not yet rounded to it."""
    compute = COMPUTE[dtype]
    ready = {
        name: value.to(compute) if isinstance(value, torch.Tensor) else value
        for name, value in values.items()
        if name in expression.names
    }
    return expression(ready, xp)


def _float32(value: Any) -> Any:
    half = isinstance(value, torch.Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value


def floating(activation: Any, x: Any) -> Any:
    if x.dtype in COMPUTE or not backends.converts(activation, dtype_name(x)):
        return x
    return x.to(torch.get_default_dtype())


def constant(x: Any) -> Any:
    return x.detach()


def dtype_name(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")


def astype(x: Any, dtype: Any) -> Any:
    return x.to(dtype)


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


def halves(x: Any, axis: int, interleaved: bool) -> tuple[Any, Any]:
    # chunk and unbind have one concatenation as their backward; slices would add two padded arrays.
    if interleaved:
        return torch.unbind(x.unflatten(axis, (x.shape[axis] // 2, 2)), axis % x.ndim + 1)
    return torch.chunk(x, 2, axis)


def join(first: Any, second: Any, axis: int, interleaved: bool) -> Any:
    if interleaved:
        axis = axis % first.ndim
        return torch.stack((first, second), axis + 1).flatten(axis, axis + 1)
    return torch.cat((first, second), axis)


def generator(activation: Any, rng: Any) -> Any:
    if rng is not None and not isinstance(rng, torch.Generator):
        raise TypeError(f"{activation.name}: `rng` must be a torch.Generator or None, got {rng!r}")
    return rng
