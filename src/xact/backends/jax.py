"""JAX: `custom_jvp` with the closed-form rules, one residual for each differentiated argument."""

import math
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from xact import backends
from xact._errors import MissingRuleError
from xact.backends import jax_taylor, standard
from xact.special.namespace import Namespace

INPLACE = False
JOINS = True
AXES_OF_SCALARS = 0

jax_taylor.install(__file__)

COMPUTE = {
    jnp.dtype(jnp.float16): jnp.dtype(jnp.float32),
    jnp.dtype(jnp.bfloat16): jnp.dtype(jnp.float32),
    jnp.dtype(jnp.float32): jnp.dtype(jnp.float32),
    jnp.dtype(jnp.float64): jnp.dtype(jnp.float64),
}


def _uniform(rng: Any, like: Any, low: Any, high: Any) -> Any:
    return jax.random.uniform(rng, like.shape, like.dtype, low, high)


def _bisect(holds: Any, low: Any, width: Any, steps: int) -> Any:
    """As the generic one, in a loop: its steps one by one would take seconds to compile."""

    def step(_: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        low, width = state
        return jnp.where(holds(low + width / 2), low + width / 2, low), width / 2

    return jax.lax.fori_loop(0, steps, step, (low, width))[0]


# tanh and expm1 are not listed: XLA's own are off by up to 6.5 ULP.
xp = Namespace(jnp, bisect=_bisect, uniform=_uniform)

# For a linear function: a backward pass keeps what it closes over, and nothing else. Left to itself JAX keeps what it
# can compute before the tangent is known: the zeros beside a mask, the float32 copies of 16-bit arrays.
_linear = partial(jax.checkpoint, prevent_cse=False)


def owns(cls: type) -> bool:
    return issubclass(cls, (jax.Array, jax.core.Tracer))


def apply(activation: Any, operands: tuple[Any, ...], options: tuple[Any, ...], inplace: bool) -> Any:
    x = floating(activation, operands[0])
    if x.dtype not in COMPUTE:
        operands = backends.whole(activation, x.dtype.name, operands)
        return activation.body(dict(zip(activation.names, (*operands, *options), strict=True)), xp)
    # The same program for 1 and 1.0.
    rest = [_traceable(value) for value in operands[1:]]
    activation = activation.original or activation
    changing: tuple[str, ...] = ()
    if float in map(type, options) and options != tuple(activation.body.options.values()):
        given = dict(zip(activation.body.options, options, strict=True))
        changing = tuple(label for label in _changing(activation) if not _chosen(given[label]))
        rest += [given[label] for label in changing]
        options = tuple(None if label in changing else value for label, value in given.items())
    function = _differentiable(activation, options, changing) if changing else _differentiable(activation, options)
    if type(x) in jax_taylor.tracers or (rest and jax_taylor.is_apart(activation, x, rest)):
        function, rest = function.__wrapped__, [jnp.asarray(value) for value in rest]
    return function(x, *rest)


def _chosen(option: Any) -> bool:
    """Whether an option is one of few: no number, or one such as 1, 1.5 and infinity, which may have a formula."""
    return type(option) is not float or not math.isfinite(option) or (2 * option).is_integer()


@lru_cache(maxsize=1024)
def _changing(activation: Any) -> tuple[str, ...]:
    """The options that are numbers whose value neither the body nor a rule asks for."""
    if activation.slopes:
        return ()
    return tuple(
        label
        for label, default in activation.body.options.items()
        if type(default) is float and _is_traceable(activation, label)
    )


def _is_traceable(activation: Any, label: str) -> bool:
    options = tuple(None if one == label else default for one, default in activation.body.options.items())
    function = _differentiable(activation, options, (label,))
    shaped: Any = jax.ShapeDtypeStruct
    arrays = [shaped((2, 4), jnp.float32) for _ in activation.arrays]
    numbers = [0.25 if value is None else _traceable(value) for value in activation.body.parameters.values()]

    def differentiated(option: Any, *primals: Any) -> Any:
        y, pull = jax.vjp(lambda *primals: function(*primals, *numbers, option), *primals)
        return pull(y)

    try:
        jax.eval_shape(differentiated, 0.3, *arrays)
    except TypeError:
        # What asks a traced number for its value.
        return False
    return True


def _traceable(value: Any) -> Any:
    if isinstance(value, tuple):
        return np.asarray(value)
    return float(value) if isinstance(value, int) else value


# Each holds its programs: of options that are numbers there may be any number of values.
@lru_cache(maxsize=1024)
def _differentiable(activation: Any, options: tuple[Any, ...], changing: tuple[str, ...] = ()) -> Any:
    """The activation with its rules, for one choice of options: the identity of the result keys JAX's caches.

    changing: options that are arguments after the operands, as they would be a program for each value.
    """
    names, elementwise = (*activation.operands, *changing), activation.elementwise
    given = zip(activation.body.options, options, strict=True)
    static = {label: value for label, value in given if label not in changing}

    def evaluated(*operands: Any) -> Any:
        return evaluate(activation.body, operands[0], dict(zip(names, operands, strict=True)) | static, elementwise)

    # What a trace shows.
    evaluated.__name__ = activation.name
    value = jax.custom_jvp(evaluated)

    def push(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        y = value(*primals)
        values = dict(zip(names, primals, strict=True)) | static | {"y": y}
        parts = [
            _push(activation, name, values, tangent)
            for name, tangent in zip(names, tangents, strict=True)
            if not isinstance(tangent, SymbolicZero)
        ]
        return y, sum(parts[1:], start=parts[0]) if parts else jnp.zeros_like(y)

    value.defjvp(push, symbolic_zeros=True)
    return jax.jit(value, inline=True)


def _like(result: Any, x: Any) -> Any:
    """In the dtype of an array, and as weak: the dtype of a Python number gives way to that of any array."""
    result = result.astype(x.dtype)
    return _weak(result) if getattr(x, "weak_type", False) else result


def _weak(result: Any) -> Any:
    try:
        from jax._src.lax.lax import _convert_element_type as convert
    except ImportError:
        # It has no public name. The value is right, its dtype that of an array.
        return result
    return convert(result, result.dtype, weak_type=True)


def _push(activation: Any, name: str, values: dict[str, Any], tangent: Any) -> Any:
    """The tangent of the result that the tangent of one argument makes."""
    y = values["y"]
    if (rule := activation.rules.get(name)) and not activation.elementwise:
        # The rules beside it keep its arrays anyway.
        return _linear(lambda dx: _like(dx * _evaluate(rule, y, values), y))(tangent)
    if rule:
        slope = _slope(activation, name, values) if name in activation.slopes else _evaluate(rule, y, values)
        if slope.dtype == bool:
            return _linear(lambda dx: _like(jnp.where(slope, dx, jnp.zeros_like(dx)), y))(tangent)
        return _like(tangent * slope, y)
    if rule := activation.pushforwards.get(name):
        return _linear(lambda dx: _evaluate(rule, y, values | {f"d{name}": dx}))(tangent)
    if (rule := activation.pullbacks.get(name)) and name in activation.arrays:
        return _linear(lambda dy: _evaluate(rule, y, values | {"dy": dy}))(tangent)
    kind = "pushforward" if name in activation.pullbacks else "derivative"
    raise MissingRuleError(backends.no_rule(activation, name, kind))


def _slope(activation: Any, name: str, values: dict[str, Any]) -> Any:
    slope = activation.slopes[name]
    options = tuple(values[one] for one in slope.body.options)
    return _differentiable_slope(slope, options)(*(values[one] for one in slope.operands))


@lru_cache(maxsize=1024)
def _differentiable_slope(slope: Any, options: tuple[Any, ...]) -> Any:
    """A derivative with its rule of order 2; by parameters it is differentiated as it is written."""
    names, static = slope.operands, dict(zip(slope.body.options, options, strict=True))

    def written(*operands: Any) -> Any:
        return _evaluate(slope.body, operands[0], dict(zip(names, operands, strict=True)) | static)

    value = jax.custom_jvp(written)

    def push(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        y = value(*primals)
        parts = []
        for i, (name, primal, tangent) in enumerate(zip(names, primals, tangents, strict=True)):
            if isinstance(tangent, SymbolicZero):
                continue
            if rule := slope.rules.get(name):
                second = _evaluate(rule, y, dict(zip(names, primals, strict=True)) | static)
                parts.append(_like(tangent * second, y))
            else:
                by_one = lambda one, i=i: written(*primals[:i], one, *primals[i + 1 :])
                parts.append(jax.jvp(by_one, (primal,), (tangent,))[1])
        return y, sum(parts[1:], start=parts[0]) if parts else jnp.zeros_like(y)

    value.defjvp(push, symbolic_zeros=True)
    return value


def evaluate(expression: Any, x: Any, values: dict[str, Any], elementwise: bool) -> Any:
    """Evaluate in float32 where the dtype has 16 bits; the result has the dtype of `x`, and is weak where that is.

    What mixes elements along an axis is not, as in jax.nn.
    """
    result = _evaluate(expression, x, values)
    return result if elementwise or result.dtype == bool else result.astype(x.dtype)


def _evaluate(expression: Any, x: Any, values: dict[str, Any]) -> Any:
    compute = COMPUTE[x.dtype]
    ready = {
        name: value.astype(compute) if _floats(value) else value
        for name, value in values.items()
        if name in expression.names
    }
    result = expression(ready, xp)
    return result if result.dtype == bool else _like(result, x)


def _floats(value: Any) -> bool:
    return hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating)


def floating(activation: Any, x: Any) -> Any:
    if x.dtype in COMPUTE or not backends.converts(activation, x.dtype.name):
        return x
    return x.astype(jnp.result_type(float))


def dtype_name(x: Any) -> str:
    return str(x.dtype.name)


def constant(x: Any) -> Any:
    return jax.lax.stop_gradient(x)


def joined(x: Any) -> Any:
    """An array of JAX, of what `jax.numpy` takes for one."""
    if owns(type(x)):
        return x
    if backends.is_jax_like(type(x)):
        x = x.__jax_array__()
    return jnp.asarray(x) if isinstance(x, (np.ndarray, np.generic)) else x


def astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


def coefficients(vector: Any) -> Any:
    return vector


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


halves = standard.halves
join = standard.join


def generator(activation: Any, rng: Any) -> Any:
    if not isinstance(rng, jax.Array):
        raise TypeError(
            f"{activation.name}: `training=True` draws at random and needs `rng`, a key of jax.random; got {rng!r}"
        )
    return rng
