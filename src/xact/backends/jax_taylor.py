"""JAX's Taylor mode, `jax.experimental.jet`, which fails on every `custom_jvp`: the rule that it lacks, for ours.

`jet` evaluates the body of the function and drops its rule. Here the rule gives the series: y(t) = f(x(t)) has
y'(t) = f'(x(t)) x'(t), which is differentiated as often as there are further orders. Functions of others go the way
they went. The names of JAX used here are private; where one is missing, `jet` fails as it does without this module
(docs/decisions/0016-taylor-mode.md).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

# The classes of tracers of `jet`, and of those of `jit`, whose program `jet` may be asked to differentiate later.
# Looked up by the class itself: `isinstance` asks a metaclass of JAX, which shows in the time of a small array.
tracers: frozenset[type] = frozenset()
staged: frozenset[type] = frozenset()


def is_apart(activation: Any, x: Any, parameters: list[Any]) -> bool:
    """Whether parameters may not enter a `jit` of ours, where `jet` would make a series of zeros of a constant.

    With a rule for every argument the zeros do no harm.
    """
    for value in parameters:
        if type(value) in tracers:
            return True
    return type(x) in staged and len(activation.rules) + len(activation.pullbacks) < len(activation.operands)


def install(place: str) -> None:
    """Let `jet` use the rules of the `custom_jvp` functions that are defined in the file `place`."""
    global tracers, staged
    try:
        from jax._src import core
        from jax._src.interpreters.partial_eval import DynamicJaxprTracer
        from jax.experimental import jet

        # Not typed.
        names: Any = jet
        current: Any = core.set_current_trace
        trace, tracer = names.JetTrace, names.JetTracer
        # Since it has this name, its coefficients are without factorials.
        constant, zero, _ = names.zero_series, names.zero_term, names.jet2
        parts, fallback = trace.to_primal_terms_pair, trace.process_custom_jvp_call
    except (ImportError, AttributeError):
        return

    def process(self: Any, primitive: Any, fun: Any, jvp: Any, given: Any, /, **options: Any) -> Any:
        if place not in str(getattr(jvp, "debug_info", "")):
            return fallback(self, primitive, fun, jvp, given, **options)
        primals, series = zip(*(parts(self, one) for one in given), strict=True)
        moving = {
            i: [jnp.zeros_like(primals[i]) if term is zero else term for term in terms]
            for i, terms in enumerate(series)
            if terms is not constant
        }
        with current(self.parent_trace):
            y, terms = _series(jvp, primals, moving, self.order)
        return [tracer(self, y, terms if moving else constant)]

    trace.process_custom_jvp_call = process
    tracers, staged = frozenset((tracer,)), frozenset((DynamicJaxprTracer,))


def _series(jvp: Any, primals: tuple[Any, ...], moving: dict[int, list[Any]], order: int) -> tuple[Any, list[Any]]:
    """The value, and the coefficients of t to t^order where the arguments that move are polynomials of t."""

    def value_and_slope(t: Any) -> tuple[Any, ...]:
        at, tangents = list(primals), [SymbolicZero(jax.typeof(one).to_tangent_aval()) for one in primals]
        for i, terms in moving.items():
            at[i] = primals[i] + t * _polynomial(terms, t)
            tangents[i] = _polynomial([k * term for k, term in enumerate(terms, start=1)], t)
        return tuple(jvp.call_wrapped(*at, *tangents))

    if not moving:
        return value_and_slope(0.0)[0], []
    derivatives = value_and_slope
    for _ in range(order - 1):
        derivatives = _one_more(derivatives)
    y, *slopes = derivatives(0.0)
    terms, factorial = [], 1
    for k, slope in enumerate(slopes, start=1):
        factorial *= k
        terms.append(slope / factorial)
    return y, terms


def _polynomial(coefficients: list[Any], t: Any) -> Any:
    *rest, result = coefficients
    for coefficient in reversed(rest):
        result = coefficient + t * result
    return result


def _one_more(derivatives: Any) -> Any:
    """A function that gives the value and derivatives to some order, made to give the next one too."""

    def further(t: Any) -> tuple[Any, ...]:
        values, slopes = jax.jvp(derivatives, (t,), (1.0,))
        return (*values, slopes[-1])

    return further
