"""Derivatives by the rules, on every array library: `derivative`, `value_and_derivative`, `vjp`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from xact import backends
from xact._activation import Activation
from xact._catalogue import activation_of
from xact._errors import MissingRuleError, ShapeError
from xact._noted import NotedPullback, differentiated, noted
from xact._operands import check_library, is_same, prepare
from xact._signature import by_position
from xact.backends import guests


@dataclass(frozen=True)
class Derivative:
    """The unreduced elementwise partial derivative of an activation; call it as the activation."""

    activation: Activation
    wrt: str
    order: int = 1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            args = by_position(self.activation, args, kwargs)
        if _is_guest(args, self.activation):
            return guests.call(self, self.activation, args, kwargs)
        if _is_recorded(args, self.activation):
            return noted(differentiated, self.activation, args, kwargs, wrt=self.wrt, order=self.order)
        call = _Call(self.activation, args, kwargs)
        if self.order == 2:
            return call.evaluate(_slope(self.activation.slopes[self.wrt], self.wrt))
        return call.derivative(self.wrt)

    def __repr__(self) -> str:
        order = "" if self.order == 1 else f", order={self.order}"
        return f"xact.derivative({self.activation!r}, wrt={self.wrt!r}{order})"


@dataclass(frozen=True)
class ValueAndDerivative:
    """An activation and its derivative in one call."""

    activation: Activation
    wrt: str

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if not args:
            args = by_position(self.activation, args, kwargs)
        if _is_guest(args, self.activation):
            return cast("tuple[Any, Any]", guests.call(self, self.activation, args, kwargs))
        if _is_recorded(args, self.activation):
            return self.activation(*args, **kwargs), Derivative(self.activation, self.wrt)(*args, **kwargs)
        call = _Call(self.activation, args, kwargs)
        return call.value, call.derivative(self.wrt)


def derivative(f: Any, wrt: str | None = None, order: int = 1) -> Derivative:
    """The elementwise derivative of an activation by one argument, the first array by default.

    Returns a function with the arguments of `f` whose result has the shape and dtype of the first array.
    order: 2 for the second derivative, of the smooth functions of torch.nn and of others that declare a rule.
    Raises `MissingRuleError` where no rule exists, and for activations along an axis, which have a Jacobian:
    see `vjp`.

    >>> import numpy as np
    >>> derivative("softplus")(np.zeros(2))
    array([0.5, 0.5])
    """
    activation = activation_of("derivative", f)
    argument = wrt or activation.arrays[0]
    if argument in activation.pullbacks:
        mixes = (
            f"`{argument}` is a vector of coefficients"
            if argument in activation.vectors
            else f"{activation.name} mixes the elements along an axis"
        )
        raise MissingRuleError(f"{mixes}, its derivative is a Jacobian; use xact.vjp(xact.{activation.name}, x)")
    if argument not in activation.operands:
        if argument in activation.defaults:
            raise TypeError(f"{activation.name} has no derivative by {argument!r}, which is an option")
        raise TypeError(f"{activation.name} has no argument {argument!r}, only {', '.join(activation.operands)}")
    if argument not in activation.rules:
        raise MissingRuleError(backends.no_rule(activation, argument))
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"xact.derivative: `order` must be a positive integer, got {order!r}")
    if order > 2 or (order == 2 and argument not in activation.slopes):
        raise MissingRuleError(
            f"{activation.name} has no rule of order {order} for `{argument}`; jax.grad and torch.func.grad go on"
        )
    return Derivative(activation, argument, order)


def value_and_derivative(f: Any, wrt: str | None = None) -> Callable[..., tuple[Any, Any]]:
    """A function that returns the value and the derivative; see `derivative`."""
    slope = derivative(activation_of("value_and_derivative", f), wrt)
    return ValueAndDerivative(slope.activation, slope.wrt)


def vjp(f: Any, *primals: Any, **options: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value at `primals`, and the function that pulls a cotangent back to them.

    primals: the arrays, then parameters by position, as in a call of `f`; `options` as there.
    Returns `(y, pullback)`; `pullback(dy)` gives one cotangent per primal, each in its primal's shape
    and dtype (a number's is an array without dimensions).

    >>> import numpy as np
    >>> y, pullback = vjp("softmax", np.zeros(2))
    >>> pullback(np.array([1.0, 0.0]))
    (array([ 0.25, -0.25]),)
    """
    activation = activation_of("vjp", f)
    if _is_guest(primals, activation):
        # Plain arrays: to add up what a mask hides, or to give a cotangent another class, would be wrong.
        primals = (guests.plain(activation, primals[0]), *primals[1:])
    if _is_recorded(primals, activation):
        return activation(*primals, **options), NotedPullback(activation, primals, options)
    call = _Call(activation, primals, options)
    if call.backend.JOINS:
        primals = tuple(map(call.backend.joined, primals))
    return call.value, Pullback(call, primals)


@dataclass(frozen=True, eq=False)
class Pullback:
    """The linear map from a cotangent of the value to one cotangent per primal."""

    call: "_Call"
    primals: tuple[Any, ...]

    def __call__(self, dy: Any) -> tuple[Any, ...]:
        call, activation = self.call, self.call.activation
        if call.backend.JOINS:
            dy = call.backend.joined(dy)
        check_library(activation.name, call.backend, call.x, dy, "dy")
        if not is_same(dy.shape, call.value.shape):
            raise ShapeError(
                f"{activation.name}: the cotangent has shape {tuple(dy.shape)}, the value {tuple(call.value.shape)}"
            )
        arrays = self.primals[: call.given]
        if call.given < len(activation.arrays):
            halves = [call.cotangent(name, dy, call.operands[name]) for name in activation.arrays]
            pulled = [_packed(activation, call, halves)]
        else:
            pulled = [call.cotangent(name, dy, array) for name, array in zip(activation.arrays, arrays, strict=True)]
        parameters = zip(activation.defaults, self.primals[call.given :], strict=False)
        return (*pulled, *(call.cotangent(name, dy, value) for name, value in parameters))


class _Call:
    """A call bound to its backend, ready to evaluate the rules of its activation."""

    def __init__(self, activation: Activation, args: tuple[Any, ...], kwargs: Any) -> None:
        self.activation = activation
        arrays, self.public = activation.bind(args, kwargs)
        self.given = len(arrays)
        backend = backends.of(args[0], activation.name)
        self.backend, operands, self.options, inplace = prepare(activation, backend, args, kwargs)
        if inplace:
            raise TypeError(f"{activation.name}: a derivative is not evaluated in place")
        self.x = self.backend.floating(activation, operands[0])
        self.operands = dict(zip(activation.operands, (self.x, *operands[1:]), strict=True))
        self.values = self.operands | dict(zip(activation.body.options, self.options, strict=True))
        self._value: Any = None

    @property
    def value(self) -> Any:
        # Not a cached_property, whose lock no compiler takes into its graph in Python 3.11.
        if self._value is None:
            self._value = self.backend.apply(self.activation, tuple(self.operands.values()), self.options, False)
        return self._value

    def evaluate(self, expression: "_Expression", like: Any = None, **more: Any) -> Any:
        """The expression in the dtype of the first array, or of one that the result is to be like."""
        values = self.values | more
        if "y" in expression.names:
            values["y"] = self.value
        needed = {name: values[name] for name in expression.names}
        return self.backend.evaluate(expression, self.x if like is None else like, needed, expression.elementwise)

    def derivative(self, wrt: str) -> Any:
        """By the rule; where that is a definition too, the rule of order 2 differentiates it."""
        slope = self.activation.slopes.get(wrt)
        if slope is None or not all(isinstance(self.operands[name], float | int) for name in slope.body.parameters):
            return self.evaluate(_slope(self.activation, wrt))
        operands = tuple(self.operands[name] for name in slope.operands)
        return self.backend.apply(slope, operands, tuple(self.values[name] for name in slope.body.options), False)

    def cotangent_of_mask(self, name: str, dy: Any, primal: Any) -> Any:
        """The cotangent of a mask of floats, which is added to the first array."""
        rule, kept = self.activation.pullbacks[self.activation.arrays[0]], tuple(self.operands[name].shape)
        pulled = _Expression(rule.names, lambda values, xp: _sum_to(xp, rule(values, xp), kept), elementwise=False)
        return self.backend.reshape(self.evaluate(pulled, primal, dy=dy), tuple(primal.shape))

    def cotangent(self, name: str, dy: Any, primal: Any) -> Any:
        """The cotangent of one argument, in the shape and dtype of its primal; a number has the dtype of `x`."""
        activation = self.activation
        floats = hasattr(primal, "dtype") and self.backend.dtype_name(primal) in backends.FLOATS
        like = primal if floats else self.x
        if floats and name in activation.body.masks:
            return self.cotangent_of_mask(name, dy, primal)
        if rule := activation.pullbacks.get(name):
            if name not in activation.vectors:
                return self.evaluate(_Expression(rule.names, rule, elementwise=False), like, dy=dy)
            # A sum over all elements: with the axis among the values, blocks of rows would be evaluated.
            fixed = {one: self.values[one] for one in rule.names if one == "axis"}
            names = tuple(one for one in rule.names if one != "axis")
            whole = _Expression(names, lambda values, xp: rule(values | fixed, xp), elementwise=False)
            return self.evaluate(whole, like, dy=dy)
        if name not in activation.rules:
            raise MissingRuleError(backends.no_rule(activation, name))
        slope = _slope(activation, name)
        kept = tuple(getattr(self.operands[name], "shape", ()))

        full = is_same(kept, self.x.shape)

        def pull(values: dict[str, Any], xp: Any) -> Any:
            pulled = values["dy"] * slope(values, xp)
            return pulled if full else _sum_to(xp, pulled, kept)

        pulled = self.evaluate(
            _Expression((*slope.names, "dy"), pull, elementwise=full and slope.elementwise), like, dy=dy
        )
        shape = tuple(getattr(primal, "shape", ()))
        return pulled if is_same(kept, shape) else self.backend.reshape(pulled, shape)


@dataclass(frozen=True)
class _Expression:
    """Something a backend evaluates: a function of named values and `xp`."""

    names: tuple[str, ...]
    function: Callable[[dict[str, Any], Any], Any]
    elementwise: bool = True

    def __call__(self, values: dict[str, Any], xp: Any) -> Any:
        return self.function(values, xp)


def _slope(activation: Activation, wrt: str) -> _Expression:
    """The rule as a number everywhere: a mask becomes 0 and 1."""
    rule = activation.rules[wrt]

    def slope(values: dict[str, Any], xp: Any) -> Any:
        result = rule(values, xp)
        if result.dtype != xp.bool:
            return result
        array = values[rule.names[0]]
        return xp.where(result, xp.ones_like(array), xp.zeros_like(array))

    return _Expression(rule.names, slope, activation.elementwise)


def _sum_to(xp: Any, array: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an array of `shape` was broadcast."""
    extra = array.ndim - len(shape)
    axes = tuple(i for i in range(array.ndim) if i < extra or not is_same((shape[i - extra],), (array.shape[i],)))
    if axes:
        array = xp.sum(array, axis=axes, keepdims=True)
    return array if is_same(array.shape, shape) else xp.reshape(array, tuple(shape))


def _packed(activation: Activation, call: _Call, parts: list[Any]) -> Any:
    axis, layout = call.public["axis"], call.public["layout"]
    named = dict(zip(activation.arrays, parts, strict=True))
    first, second = ("value", "gate") if layout == "value_first" else ("gate", "value")
    return call.backend.join(named[first], named[second], axis, layout == "interleaved")


def _is_guest(args: tuple[Any, ...], activation: Activation) -> bool:
    """Whether the first argument is no array, but stands for one."""
    if not args or backends.of(args[0], activation.name) is not backends.deferred:
        return False
    return not hasattr(type(args[0]), "__torch_function__")


def _is_recorded(args: tuple[Any, ...], activation: Activation) -> bool:
    """Whether the first argument records calls, as a tracer's proxy does."""
    if not args or not hasattr(type(args[0]), "__torch_function__"):
        return False
    return backends.of(args[0], activation.name) is backends.deferred
