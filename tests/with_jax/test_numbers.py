"""JAX: a parameter that is a number, or a sampler's, may change from call to call, and compiles nothing."""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import cases
import jax
import jax.numpy as jnp
import pytest

import xact

compiled: Counter[str] = Counter()


@pytest.fixture(autouse=True, scope="module")
def counting() -> None:
    listener = lambda event, *_, **__: compiled.update([event.split("/")[-1]])
    jax.monitoring.register_event_duration_secs_listener(listener)


CANDIDATES = [0.0053 * k + 0.0037 for k in range(600)]


def numbers_of(activation: xact.Activation) -> dict[str, Any]:
    """The names of a call that a number stands for, a sampler's too, with their defaults."""
    left_out = (*activation.vectors, *activation.body.masks)
    defaults = {name: value for name, value in activation.defaults.items() if name not in left_out}
    numbers = {name: value for name, value in defaults.items() if type(value) is float}
    return numbers | {name: 1.0 for name in activation.body.parameters if name not in (*numbers, *left_out)}


NUMBERS = [
    (case, name) for case in map(cases.case, map(xact.get, xact.names())) for name in numbers_of(case.activation)
]
PARAMETERS = [(case, name) for case, name in NUMBERS if name not in case.activation.body.options]


@cache
def accepted(activation: xact.Activation, name: str) -> tuple[float, ...]:
    """40 numbers that a call takes, from small to large."""
    fixed = cases.case(activation).parameters

    def takes(number: float) -> bool:
        try:
            activation.replace(**{**fixed, name: number})
        except ValueError:
            return False
        return True

    good = [number for number in CANDIDATES if takes(number)]
    assert len(good) >= 40
    return tuple(good[round(k * (len(good) - 1) / 39)] for k in range(40))


def ways(case: cases.Case, name: str) -> dict[str, Callable[[float], Any]]:
    """What is asked of a call, by the number."""
    f = case.activation
    arrays = tuple(jnp.asarray(array, jnp.float32) for array in case.arrays)
    given: dict[str, Any] = {**case.parameters, **case.options}
    if "training" in given or f.sampled:
        given |= {"training": True, "rng": jax.random.key(0)}
    call = lambda number, *values: f(*(values or arrays), **given | {name: number})
    weights = jnp.cos(jnp.arange(call(accepted(f, name)[0]).size, dtype=jnp.float32))
    loss = lambda number, *values: jnp.sum(weights * call(number, *values).ravel())
    rest = {key: value for key, value in given.items() if key != name}
    pull = lambda number: xact.vjp(f, *arrays, **rest | {name: number})
    found = {
        "call": call,
        "grad": lambda number: jax.grad(partial(loss, number))(*arrays),
        "jvp": lambda number: jax.jvp(partial(call, number), arrays, arrays)[1],
        "vmap": lambda number: jax.vmap(partial(call, number))(*arrays),
        "grad of grad": lambda number: jax.grad(lambda *a: jnp.sum(jax.grad(partial(loss, number))(*a)))(*arrays),
        "vjp": lambda number: [pull(number)[1](one) for one in pull(number)[:1]],
    }
    if f.arrays[0] in f.rules:
        found["derivative"] = lambda number: xact.derivative(f)(*arrays, **rest | {name: number})
        found["value and derivative"] = lambda number: xact.value_and_derivative(f)(*arrays, **rest | {name: number})
    return found


def test_compilations_are_counted() -> None:
    compiled.clear()
    jax.jit(lambda x: x + 1)(jnp.ones(3))
    assert compiled["backend_compile_duration"]
    assert compiled["jaxpr_trace_duration"]


def compilations(way: Callable[[float], Any], numbers: tuple[float, ...]) -> tuple[int, int]:
    """How many programs the first 20 of 40 numbers compile, and how many the others between them."""
    compiled.clear()
    for number in numbers[::2]:
        way(number)
    first = compiled["backend_compile_duration"]
    for number in numbers[1::2]:
        way(number)
    return first, compiled["backend_compile_duration"] - first


@pytest.mark.by_kind
@pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=str)
def test_a_changing_parameter_compiles_nothing(case: cases.Case, name: str) -> None:
    first, then = compilations(ways(case, name)["call"], accepted(case.activation, name))
    assert then == 0
    assert first < 20


@pytest.mark.by_kind
@pytest.mark.slow
@pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=str)
def test_nor_does_its_derivative(case: cases.Case, name: str) -> None:
    for way, function in ways(case, name).items():
        assert compilations(function, accepted(case.activation, name))[1] == 0, way
