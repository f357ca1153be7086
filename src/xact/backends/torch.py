"""PyTorch: the closed-form rules as an `autograd.Function` that every transform and the compiler accept.

One Function serves all definitions; it is told which by a key. A string goes through the compiler's graph as a
constant, while an activation, or a Function made for it in the traced path, would break the graph.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch._functorch.utils import unwrap_dead_wrappers
from torch.compiler import is_compiling

from xact import backends
from xact._errors import DtypeError, MissingRuleError
from xact.backends import hot_path, torch_blocks, torch_graph, torch_kernels, torch_portable
from xact.backends.torch_arrays import astype as astype
from xact.backends.torch_arrays import coefficients as coefficients
from xact.backends.torch_arrays import constant as constant
from xact.backends.torch_arrays import dtype_name as dtype_name
from xact.backends.torch_arrays import generator as generator
from xact.backends.torch_arrays import halves as halves
from xact.backends.torch_arrays import join as join
from xact.backends.torch_arrays import reshape as reshape
from xact.backends.torch_autocast import CASTS, cast
from xact.backends.torch_evaluate import COMPUTE, along, recorded, to, transformed
from xact.backends.torch_evaluate import evaluate as evaluate
from xact.backends.torch_namespaces import xp
from xact.backends.torch_transforms import Options, forward_over_forward, mapped, pulled, pushed

INPLACE = True
JOINS = False
# The activation that gives back its input itself, as the Module of that name in torch.nn does.
RETURNED = "identity"
AXES_OF_SCALARS = 1


# Of shapes that a call is checked by, as torch does for its own library.
script: Any = torch.jit
warnings.filterwarnings("ignore", category=script.TracerWarning, module=r"xact\.")


def owns(cls: type) -> bool:
    return issubclass(cls, torch.Tensor)


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = operands[0]
    if x.dtype not in COMPUTE:
        x = floating(activation, x)
        operands = (x, *operands[1:])
        if x.dtype not in COMPUTE and activation.key != RETURNED:
            operands = backends.whole(activation, dtype_name(x), operands)
            result = activation.body(dict(zip(activation.names, (*operands, *options), strict=True)), xp)
            return x.copy_(result) if inplace else result
    if not activation.elementwise and not x.ndim:
        # As torch's own functions do along an axis of a number.
        return apply(activation, (x.reshape(1), *operands[1:]), options, inplace).squeeze(0)
    compiling = is_compiling()
    if not compiling and (kernel := torch_kernels.native(activation.key, operands, False)):
        return kernel(*operands, *options, inplace=True) if inplace else kernel(*operands, *options)
    if activation.key == RETURNED:
        return x
    if activation.name in CASTS and not _option(activation, options, "dtype"):
        operands = (cast(activation.name, x), *operands[1:])
    compiled = False
    if type(x) in torch_kernels.PLAIN:
        compiled = not compiling and hot_path.chosen(x) and _compilable(activation, operands, options)
    elif not compiling and hasattr(x, "device_mesh"):
        _refuse_plain(activation, operands)
    if compiling or transformed(operands):
        kept = (operands[0].clone(), *operands[1:]) if inplace else operands
        result = torch_portable.recorded(activation.key, kept, options) if compiling else None
        if result is None:
            # TorchScript knows no autograd.Function: its graph, with its derivative, is that of the body.
            tracing = not compiling and script.is_tracing()
            function = torch_graph.differentiable if compiling else _traced if tracing else differentiable
            result = function(activation.key, options, compiled, *kept)
    else:
        result = _by_body(activation.key, options, compiled, operands)
    return x.copy_(result) if inplace else result


def _refuse_plain(activation: Any, operands: tuple[Any, ...]) -> None:
    """Beside a distributed tensor; torch's own message names neither the function nor the argument."""
    for name, value in zip(activation.operands, operands, strict=True):
        if isinstance(value, torch.Tensor) and value.ndim and not hasattr(value, "device_mesh"):
            raise DtypeError(
                f"{activation.name}: `{name}` is a plain tensor, the first array a DTensor; "
                f"place it on the same mesh: distribute_tensor({name}, mesh, [Replicate()])"
            )


def _option(activation: Any, options: tuple[Any, ...], name: str) -> Any:
    for option, value in zip(activation.body.options, options, strict=True):
        if option == name:
            return value
    return None


def _compilable(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...]) -> bool:
    """Whether nothing but the numbers matters, or the axis they stand along: such calls are compiled."""
    if torch._C._are_functorch_transforms_active() or not _uniform(operands):
        return False
    given = dict(zip(activation.body.options, options, strict=True))
    # The steps of a bisection, which the compiler sees one by one, take it 20 seconds.
    return bool(activation.elementwise) or (isinstance(given.get("axis"), int) and "n_iter" not in given)


def _uniform(values: Iterable[Any]) -> bool:
    """Whether the arrays among these have one shape, or none."""
    return len({value.shape for value in values if isinstance(value, torch.Tensor) and value.ndim}) <= 1


def _by_body(key: str, options: tuple[Any, ...], compiled: bool, operands: tuple[Any, ...]) -> Any:
    values = dict(zip(backends.definitions[key].names, (*operands, *options), strict=True))
    return hot_path.run(_body, key, values) if compiled else _body(key, values)


def _traced(key: str, options: tuple[Any, ...], _compiled: bool, *operands: Any) -> Any:
    return _by_body(key, options, False, operands)


def _body(key: str, values: dict[str, Any]) -> Any:
    activation = backends.definitions[key]
    return evaluate(activation.body, values[activation.operands[0]], values, activation.elementwise)


class Differentiable(torch.autograd.Function):
    """An activation, given by its key, with its rules."""

    generate_vmap_rule = True

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """As inherited, but for the signature that torch inspects anew on each call, half of the time it takes."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*args)
        inherited: Any = super(torch.autograd.Function, cls)
        return inherited.apply(*unwrap_dead_wrappers(args))

    @staticmethod
    def forward(key: str, options: tuple[Any, ...], compiled: bool, *operands: Any) -> Any:
        if kernel := torch_kernels.native(key, operands, is_compiling()):
            return kernel(*operands, *options)
        return _by_body(key, options, compiled, operands)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save the arrays that the rules name, and nothing else."""
        ctx.key, ctx.options, ctx.compiled, *operands = inputs
        ctx.set_materialize_grads(False)
        activation = backends.definitions[ctx.key]
        values = dict(zip(activation.operands, operands, strict=True))
        tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
        needed = {named for name in tensors for rule in activation.rules_for(name) for named in rule.names}
        saved = {name: value for name, value in (*tensors.items(), ("y", output)) if name in needed}
        ctx.numbers = {name: value for name, value in values.items() if name not in tensors}
        ctx.saved_names = tuple(saved)
        ctx.likes = {name: (value.shape, value.dtype) for name, value in tensors.items()}
        ctx.dtype = output.dtype
        ctx.save_for_backward(*saved.values())
        ctx.save_for_forward(*saved.values())

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        names = backends.definitions[ctx.key].operands
        wanted = [name for name, needs in zip(names, ctx.needs_input_grad[3:], strict=True) if needs and dy is not None]
        pulled = dict(zip(wanted, _pull_all(ctx, wanted, dy), strict=True)) if wanted else {}
        return None, None, None, *(pulled.get(name) for name in names)

    @staticmethod
    def jvp(ctx: Any, _key: None, _options: None, _compiled: None, *tangents: Any) -> Any:
        names = backends.definitions[ctx.key].operands
        given = {name: tangent for name, tangent in zip(names, tangents, strict=True) if tangent is not None}
        values = _restored(ctx, given)
        parts = [_push(ctx.key, name, values, tangent, ctx.dtype) for name, tangent in given.items()]
        return sum(parts[1:], start=parts[0])


@torch_graph.whole
def differentiable(key: str, options: tuple[Any, ...], compiled: bool, *operands: Any) -> Any:
    forward = forward_over_forward()
    activation = backends.definitions[key]
    apart = forward and activation.elementwise and not _coefficients(activation, operands)
    if forward == "mapped" and apart:
        return mapped(lambda *parts: differentiable(key, options, False, *parts), operands)
    if forward == "pushed" or (forward == "pulled" and apart):
        level = pushed if forward == "pushed" else pulled
        return level(lambda *primals: differentiable(key, options, False, *primals), _pusher(key, options), operands)
    if forward:
        # By the body, which is written to be safe under automatic differentiation.
        return _body(key, dict(zip(activation.names, (*operands, *options), strict=True)))
    if activation.vectors:
        operands = tuple([Options(value) if isinstance(value, tuple) else value for value in operands])
    return Differentiable.apply(key, Options(options), compiled, *operands)


def _coefficients(activation: Any, operands: tuple[Any, ...]) -> bool:
    """Whether a vector of coefficients is an array, which has a shape of its own."""
    values = dict(zip(activation.operands, operands, strict=True))
    return any(isinstance(values[name], torch.Tensor) for name in activation.vectors)


def _pusher(key: str, options: tuple[Any, ...]) -> Any:
    """The tangent of the result, of the operands, the result and the tangents of the operands."""
    activation = backends.definitions[key]

    def push(primals: Any, y: Any, tangents: Any) -> Any:
        values = dict(zip(activation.names, (*primals, *options), strict=True)) | {"y": y}
        given = {name: one for name, one in zip(activation.operands, tangents, strict=True) if one is not None}
        parts = [_push(key, name, values, tangent, y.dtype) for name, tangent in given.items()]
        return sum(parts[1:], start=parts[0]) if parts else None

    return push


def _restored(ctx: Any, asked: Iterable[str]) -> dict[str, Any]:
    """What the rules of these arguments may name: arrays saved, numbers, options."""
    activation = backends.definitions[ctx.key]
    for name in asked:
        if not activation.rules_for(name):
            raise MissingRuleError(backends.no_rule(activation, name))
    saved = dict(zip(ctx.saved_names, ctx.saved_tensors, strict=True))
    return {**ctx.numbers, **dict(zip(activation.body.options, ctx.options, strict=True)), **saved}


def _pull_all(ctx: Any, wanted: list[str], dy: Any) -> Any:
    values = _restored(ctx, wanted) | {"dy": dy}
    likes = tuple((name, *ctx.likes[name]) for name in wanted)
    # A derivative of the derivative is not the compiled kernel's to give.
    if ctx.compiled and not torch.is_grad_enabled() and _uniform(values.values()):
        flat = tuple((name, tuple(shape) and None, dtype) for name, shape, dtype in likes)
        return hot_path.run(_pullbacks, ctx.key, values, flat)
    return _pullbacks(ctx.key, values, likes)


def _pullbacks(key: str, values: dict[str, Any], wanted: tuple[tuple[str, Any, Any], ...]) -> tuple[Any, ...]:
    """The cotangents of the arguments wanted, each in its shape (None stands for that of `dy`) and dtype."""
    activation, dy, pulled = backends.definitions[key], values["dy"], []
    for name, shape, dtype in wanted:
        if rule := activation.pullbacks.get(name):
            cotangent = along(rule, values, COMPUTE[dy.dtype], COMPUTE[dy.dtype])
        else:
            cotangent = _product(activation, name, values, dtype if shape in (None, dy.shape) else None)
        pulled.append(to(cotangent if shape in (None, cotangent.shape) else cotangent.sum_to_size(shape), dtype))
    return tuple(pulled)


def _push(key: str, name: str, values: dict[str, Any], tangent: Any, dtype: Any) -> Any:
    """The tangent of the result that the tangent of one argument makes."""
    activation = backends.definitions[key]
    if rule := activation.pushforwards.get(name):
        return to(recorded(rule, values | {f"d{name}": tangent}, dtype), dtype)
    if (rule := activation.pullbacks.get(name)) and name in activation.arrays:
        return to(recorded(rule, values | {"dy": tangent}, dtype), dtype)
    if name not in activation.rules:
        raise MissingRuleError(backends.no_rule(activation, name, "pushforward"))
    return to(_times(_slope(activation, name, values, dtype), tangent, xp), dtype)


def _slope(activation: Any, name: str, values: dict[str, Any], dtype: Any) -> Any:
    """The derivative by one argument, not yet rounded, and differentiable by the rule of order 2 where there is one."""
    rule, slope = activation.rules[name], activation.slopes.get(name)
    needed = [values[one] for one in rule.names if one != name]
    if not slope or not transformed((values[name],)) or any(isinstance(value, torch.Tensor) for value in needed):
        return recorded(rule, values, dtype)
    operands = [to(values[name], COMPUTE[dtype]), *(values[one] for one in slope.body.parameters)]
    options = Options(values[one] for one in slope.body.options)
    return differentiable(slope.key, options, False, *operands)


def _product(activation: Any, name: str, values: dict[str, Any], dtype: Any) -> Any:
    """The slope times the incoming gradient, in `dtype`, or not yet rounded."""
    rule, dy = activation.rules[name], values["dy"]
    needed = {one: values[one] for one in (*rule.names, "dy")}
    if not torch_blocks.plain(needed.values()):
        return _times(_slope(activation, name, values, dy.dtype), dy, xp)

    def product(ready: dict[str, Any], xp: Any) -> Any:
        return _times(rule(ready, xp), ready["dy"], xp)

    compute = COMPUTE[dy.dtype]
    return torch_blocks.evaluate(product, needed, compute, dtype or compute)


def _times(slope: Any, change: Any, xp: Any) -> Any:
    return xp.where(slope, change, 0) if slope.dtype == torch.bool else to(change, slope.dtype) * slope


def floating(activation: Any, x: Any) -> Any:
    if x.dtype in COMPUTE or not backends.converts(activation, dtype_name(x)):
        return x
    return x.to(torch.get_default_dtype())
