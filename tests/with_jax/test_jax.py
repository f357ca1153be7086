"""JAX: every transform of every activation (C7), what a backward pass keeps (C5), what a call gives back (C6)."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xact
from xact.backends import jax as backend

EVERY = [case.converted(jnp.asarray) for case in cases.every()]
SIMPLE = [case.converted(jnp.asarray) for case in cases.simple()]
CASES = cases.of_other_paths(EVERY)
EPS = float(np.finfo(np.float64).eps)
# The five-point difference is off by about f^(5) STEP^4 + f EPS / STEP: least, EPS^(4/5), for this step.
STEP = EPS ** (1 / 5)
DIFFERENCE = 1e3 * EPS ** (4 / 5)


# Sizes of what is no array: a parameter, its coefficients.
FEW = 5


def close(got: Any, expected: Any, ulps: float = 16) -> None:
    np.testing.assert_allclose(got, expected, rtol=ulps * EPS, atol=ulps * EPS)


def draw(like: Any, seed: int) -> Any:
    """Numbers of size one, of both signs."""
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, np.shape(like)))


def along(case: cases.Case) -> Callable[[Any], Any]:
    """The activation on a straight line through its differentiable arguments."""
    start = case.differentiable
    direction = [draw(value, i) for i, value in enumerate(start)]
    return lambda t: case.pure(*(value + t * d for value, d in zip(start, direction, strict=True)))


def slope(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda t: jax.jvp(f, (t,), (1.0,))[1]


def difference(f: Callable[[Any], Any], step: float = STEP) -> Any:
    """The derivative at 0, by five points."""
    left, right, far_left, far_right = (f(k * step) for k in (-1.0, 1.0, -2.0, 2.0))
    return (8 * (right - left) - (far_right - far_left)) / (12 * step)


def weighted(case: cases.Case) -> Callable[..., Any]:
    """A number to differentiate: no weight is the same."""
    weights = draw(case.call(), 7)
    return lambda *values: jnp.sum(weights * case.pure(*values))


def everything(case: cases.Case) -> tuple[int, ...]:
    return tuple(range(len(case.differentiable)))


@pytest.mark.by_kind
@pytest.mark.parametrize("case", CASES, ids=str)
def test_jit(case: cases.Case) -> None:
    close(jax.jit(case.pure)(*case.differentiable), case.call())


@pytest.mark.by_kind(simplest=True, together=1)
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_derivatives_to_order_3(case: cases.Case) -> None:
    """Each order, in forward mode, is the difference quotient of the one before; the last is that of reverse mode."""
    f = along(case)
    orders = (f, slope(f), slope(slope(f)), slope(slope(slope(f))))
    # One program: compiling takes the time of this test.
    at = cache(jax.jit(lambda t: tuple(order(t) for order in orders)))
    for k in range(3):
        quotient = difference(lambda t, k=k: at(t)[k])
        size = max(1.0, float(jnp.max(jnp.abs(quotient))))
        # A step twice as long is off by 2^4 as much: where f is steep, that shows by how much the shorter one is.
        steep = jnp.abs(difference(lambda t, k=k: at(t)[k], 2 * STEP) - quotient)
        assert jnp.all(jnp.abs(at(0.0)[k + 1] - quotient) <= DIFFERENCE * size + steep)
    if not case.label:
        third = at(0.0)[3]
        weights = draw(third, 7)
        reverse = jax.grad(jax.grad(jax.grad(lambda t: jnp.sum(weights * f(t)))))
        close(jax.jit(reverse)(0.0), jnp.sum(weights * third), 1000)


@pytest.mark.by_kind(simplest=True, together=1)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_is_the_transpose_of_reverse(case: cases.Case) -> None:
    primals = case.differentiable
    tangents = tuple(draw(value, i) for i, value in enumerate(primals))
    y, pushed = jax.jvp(case.pure, primals, tangents)
    y_again, push = jax.linearize(case.pure, *primals)
    close(y_again, y)
    close(push(*tangents), pushed)
    cotangent = draw(y, 7)
    pulled = jax.linear_transpose(push, *primals)(cotangent)
    assert [(p.shape, p.dtype) for p in pulled] == [(p.shape, p.dtype) for p in primals]
    close(sum(jnp.sum(p * t) for p, t in zip(pulled, tangents, strict=True)), jnp.sum(cotangent * pushed), 200)


@pytest.mark.by_kind(simplest=True)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_vmap(case: cases.Case) -> None:
    batch = [jnp.stack([value, value / 2, -value], axis=-1) for value in case.differentiable]
    got = jax.vmap(case.pure, in_axes=-1, out_axes=0)(*batch)
    close(got, jnp.stack([case.pure(*(b[..., i] for b in batch)) for i in range(3)]))


@pytest.mark.by_kind(together=1)
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_vmap_of_grad(case: cases.Case) -> None:
    batch = [jnp.stack([value, value / 2, -value]) for value in case.differentiable]
    gradient = jax.grad(weighted(case), everything(case))
    got = jax.vmap(gradient)(*batch)
    for i in range(3):
        for g, e in zip(got, gradient(*(b[i] for b in batch)), strict=True):
            close(g[i], e, 64)


@pytest.mark.by_kind(together=1)
@pytest.mark.slow
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_hessian(case: cases.Case) -> None:
    f = lambda x: weighted(case)(x, *case.differentiable[1:])
    x = case.arrays[0]
    hessian = jax.jit(jax.hessian(f))(x).reshape(x.size, x.size)
    close(hessian, hessian.T, 64)
    direction = draw(x, 0).ravel()
    close(direction @ hessian @ direction, slope(slope(lambda t: f(x + t * draw(x, 0))))(0.0), 1000)
    if case.activation.elementwise:
        assert np.count_nonzero(hessian - jnp.diag(jnp.diag(hessian))) == 0


@pytest.mark.by_kind(simplest=True, together=1)
@pytest.mark.slow
@pytest.mark.parametrize("case", cases.of_any_shape(CASES), ids=str)
def test_scan(case: cases.Case) -> None:
    """The gradient of a loop under jit, no tracer leaked; parameters are traced."""
    if case.packed:
        pytest.skip("a packed gate halves its array")
    primals = case.differentiable

    count, weights = len(case.arrays), draw(primals[0], 7)

    def step(carry: Any, values: tuple[Any, ...]) -> Any:
        return case.pure(*(carry + array for array in values[:count]), *values[count:])

    def loop(*values: Any) -> Any:
        start = jnp.zeros_like(weights)
        return jnp.sum(weights * jax.lax.scan(lambda carry, _: (step(carry, values), None), start, length=3)[0])

    def unrolled(*values: Any) -> Any:
        return jnp.sum(weights * step(step(step(jnp.zeros_like(weights), values), values), values))

    with jax.checking_leaks():
        got = jax.jit(jax.grad(loop, everything(case)))(*primals)
    for g, e in zip(got, jax.grad(unrolled, everything(case))(*primals), strict=True):
        close(g, e, 200)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_checkpoint(case: cases.Case) -> None:
    f = weighted(case)
    expected = jax.grad(f, everything(case))(*case.differentiable)
    got = jax.jit(jax.grad(jax.checkpoint(f), everything(case)))(*case.differentiable)
    for g, e in zip(got, expected, strict=True):
        close(g, e, 64)


SCANNED = [case.activation.name for case in cases.of_any_shape(SIMPLE) if len(case.arrays) == 1]
# A mask is no number: tests/test_masked.py.
PARAMETERS = [
    (case, name)
    for case in SIMPLE
    for name in case.activation.body.parameters
    if name not in (*case.activation.vectors, *case.activation.body.masks)
]


@pytest.mark.by_kind
@pytest.mark.slow
@pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=lambda value: str(value))
def test_parameters_are_traced(case: cases.Case, name: str) -> None:
    """A parameter may be traced, batched, an integer; it has a gradient where it has a rule, else raises."""
    number = 0.75

    def at(value: Any) -> Any:
        return case.call(**{name: value})

    def by_x(value: Any) -> Any:
        return jax.grad(lambda x: jnp.sum(case.call(x, **{name: value})))(case.arrays[0])

    close(jax.jit(at)(number), at(number))
    close(jax.jit(by_x)(number), by_x(number))
    values = jnp.array([0.25, 0.5, 0.75])
    close(jax.vmap(at)(values), jnp.stack([at(float(v)) for v in values]))
    close(jax.vmap(by_x)(values), jnp.stack([by_x(float(v)) for v in values]))
    for one in (1, jnp.array(1), np.int64(1), np.float32(1)):
        np.testing.assert_array_equal(at(one), at(1.0))
        np.testing.assert_array_equal(by_x(one), by_x(1.0))
    if name in case.activation.rules:
        got = jax.grad(lambda value: jnp.sum(at(value)))(number)
        quotient = difference(lambda t: jnp.sum(at(number + t)))
        np.testing.assert_allclose(got, quotient, rtol=DIFFERENCE, atol=DIFFERENCE * np.size(case.arrays[0]))
    else:
        with pytest.raises(xact.MissingRuleError, match=f"{case.activation.name} has no derivative by `{name}`"):
            jax.grad(lambda value: jnp.sum(at(value)))(number)
        with pytest.raises(xact.MissingRuleError, match=name):
            jax.jvp(at, (number,), (1.0,))


@pytest.mark.by_kind
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("case", EVERY, ids=str)
def test_dtypes(case: cases.Case, dtype: str) -> None:
    """Parameters, numbers or arrays of another dtype, do not change the array's; gradients have the dtype of theirs."""
    arrays = [array.astype(dtype) for array in case.arrays]
    parameters = [case.parameters[name].astype(jnp.float32) for name in case.array_parameters]

    def pull(arrays: Any, parameters: Any) -> Any:
        y, pullback = jax.vjp(lambda *values: case.pure(*values), *arrays, *parameters)
        return y, pullback(jnp.ones_like(y))

    y, gradients = jax.eval_shape(pull, arrays, parameters)
    assert (y.dtype, y.weak_type) == (dtype, False)
    assert [g.dtype for g in gradients] == [dtype] * len(arrays) + ["float32"] * len(parameters)
    assert [g.shape for g in gradients] == [value.shape for value in (*arrays, *parameters)]


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_weak_types_stay(case: cases.Case) -> None:
    """A Python number that was traced gives way to the dtype of an array, as in jax.nn; along an axis it does not."""
    arrays = [jnp.broadcast_to(jnp.asarray(0.3 + i), array.shape) for i, array in enumerate(case.arrays)]
    assert all(array.weak_type for array in arrays)
    weak = case.activation.elementwise
    other = jnp.ones(jax.eval_shape(case.call, *arrays).shape, jnp.bfloat16)
    summed = lambda *arrays: jnp.sum(case.call(*arrays))
    results = {
        "jit": jax.jit(case.call),
        "vmap": jax.vmap(case.call) if weak else case.call,
        "jvp": lambda *arrays: jax.jvp(case.call, arrays, arrays)[1],
        "bfloat16": lambda *arrays: case.call(*arrays) * other,
        "scan": lambda *arrays: jax.lax.scan(lambda c, _: (c, case.call(*arrays)), 0, length=2)[1],
    }
    if weak and len(arrays) == len(case.activation.arrays):
        given = {**case.parameters, **case.options}
        results["derivative"] = lambda *arrays: xact.derivative(case.activation)(*arrays, **given)
        results["grad"] = lambda *arrays: jax.grad(summed)(*arrays)
        results["vjp"] = lambda *arrays: xact.vjp(case.activation, *arrays, **given)[1](jnp.ones_like(arrays[0]))[0]
    for way, function in results.items():
        got = jax.eval_shape(function, *arrays)
        assert (got.dtype == jnp.bfloat16) == (way == "bfloat16" and weak), way
        assert got.weak_type == (weak and way != "bfloat16"), way


@pytest.mark.parametrize("case", [case for case in CASES if not case.label or case.packed], ids=str)
def test_one_residual_per_array(case: cases.Case) -> None:
    """What the backward pass keeps: no more bytes than the arrays, which have 16 bits; one byte for 0 or 1."""
    arrays = [array.astype(jnp.bfloat16) for array in case.arrays]
    # Their shapes, which take no compilation.
    pullback = jax.eval_shape(lambda *arrays: jax.vjp(lambda *arrays: case.call(*arrays), *arrays)[1], *arrays)
    kept = jax.tree.leaves(pullback)
    # Integers are the indices of slices, which older versions keep.
    large = [leaf for leaf in kept if leaf.size > FEW and not jnp.issubdtype(leaf.dtype, jnp.integer)]
    assert sum(leaf.size * leaf.dtype.itemsize for leaf in large) <= sum(array.nbytes for array in arrays)
    if masks(case):
        assert [leaf.dtype for leaf in large] == [bool]


def masks(case: cases.Case) -> bool:
    """Whether the derivative by the first array is 0 or 1, and says so."""
    activation = case.activation
    rule = activation.rules.get(activation.arrays[0])
    if rule is None:
        return False
    values = dict.fromkeys((*activation.operands, "y"), case.arrays[0])
    options = {name: activation.defaults[name] for name in activation.body.options}
    return rule({**values, **options, **case.options}, backend.xp).dtype == bool


def test_some_activation_keeps_a_mask() -> None:
    assert any(masks(case) for case in SIMPLE)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", [case for case in CASES if case.array_parameters], ids=str)
def test_a_constant_parameter_keeps_nothing(case: cases.Case) -> None:
    kept = jax.tree.leaves(jax.vjp(lambda x: case.call(x), case.arrays[0])[1])
    assert sum(leaf.nbytes for leaf in kept if leaf.size > FEW) <= case.arrays[0].nbytes


def scanned_memory(f: Callable[[Any], Any]) -> int:
    """Bytes that the gradient of eight layers of 256 x 256 needs beside its arguments and results."""

    def loss(weights: Any, x: Any) -> Any:
        return jnp.sum(jax.lax.scan(lambda h, w: (f(h @ w), None), x, weights)[0])

    weights = jax.ShapeDtypeStruct((8, 256, 256), jnp.float32)
    x = jax.ShapeDtypeStruct((256, 256), jnp.float32)
    return int(jax.jit(jax.grad(loss)).lower(weights, x).compile().memory_analysis().temp_size_in_bytes)


@pytest.fixture(scope="module")
def memory_of_jax_gelu() -> int:
    return scanned_memory(jax.nn.gelu)


@pytest.mark.by_kind
@pytest.mark.slow
@pytest.mark.parametrize("name", SCANNED)
def test_memory_of_scanned_layers(name: str, memory_of_jax_gelu: int) -> None:
    case = cases.case(xact.get(name), (256, 256))
    assert scanned_memory(lambda h: case.call(h)) <= 0.6 * memory_of_jax_gelu


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_same_options_are_traced_once(case: cases.Case) -> None:
    """One function per activation and options, compiled once per shape; numbers are arguments of it."""
    backend._differentiable.cache_clear()
    for number in (1.5, 2.5, 2):
        body = case.activation.body
        given = {name: number for name in body.parameters if name not in (*case.activation.vectors, *body.masks)}
        for _ in range(2):
            case.call(**given)
    assert backend._differentiable.cache_info().currsize == 1
    options = tuple(case.activation.defaults[name] for name in case.activation.body.options)
    assert backend._differentiable(case.activation, options)._cache_size() == 1


@pytest.mark.parametrize("name", ["entmax", "normmax", "budget"])
def test_bisection_is_a_loop(name: str) -> None:
    """Fifty steps one by one take XLA seconds to compile."""
    few, many = (jax.make_jaxpr(lambda x, n=n: xact.get(name)(x, n_iter=n))(jnp.ones((2, 3))) for n in (1, 50))
    assert len(str(few).splitlines()) == len(str(many).splitlines())


def test_options_are_static() -> None:
    x = jnp.linspace(-3, 3, 8)
    exact, tanh = xact.gelu(x), xact.gelu(x, approximate="tanh")
    assert not np.array_equal(exact, tanh)
    np.testing.assert_array_equal(jax.jit(xact.gelu, static_argnames="approximate")(x, approximate="tanh"), tanh)
    np.testing.assert_array_equal(jax.jit(partial(xact.gelu, approximate="none"))(x), exact)
    with pytest.raises(TypeError, match=r"softplus: `threshold` is an option"):
        jax.jit(lambda t: xact.softplus(x, threshold=t))(20.0)


def test_random_activations_take_a_key() -> None:
    x = jnp.full((1000,), -1.0)
    key = jax.random.key(0)
    drawn = jax.jit(lambda key: xact.rrelu(x, training=True, rng=key))(key)
    assert float(jnp.max(drawn)) <= -1 / 8
    assert float(jnp.min(drawn)) >= -1 / 3
    assert np.unique(drawn).size > 900
    np.testing.assert_array_equal(drawn, xact.rrelu(x, training=True, rng=key))
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.sum(xact.rrelu(x, training=True, rng=key)))(x), -drawn)


SHARDED = Path(__file__).with_name("sharded.py")


@pytest.mark.slow
def test_sharding_and_single_precision(request: pytest.FixtureRequest) -> None:
    """On two devices, and without x64, as most programs run: see the script."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_ENABLE_X64": "0"}
    every = ["--every"] if request.config.getoption("--every") else []
    command = [sys.executable, "-W", "error", str(SHARDED), *every]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    chosen = set(xact.names() if every else cases.representatives()) - {"softmax2d", "ab_relu"}
    assert done.stdout.split() == [name for name in xact.names() if name in chosen]


CHANGING = {"entmax": "alpha", "normmax": "alpha", "budget": "budget", "general_relu": "threshold"}
CHANGING |= {"standardize": "epsilon", "poly_norm": "epsilon"}


@pytest.mark.parametrize("name", CHANGING)
def test_a_number_that_changes_is_no_program(name):
    """No compilation after the first; choices such as 2 may have a formula of their own."""
    from jax._src import monitoring

    activation, x, compiled = xact.get(name), jnp.linspace(-1.0, 1.0, 12).reshape(3, 4), []
    activation(x, **{CHANGING[name]: 1.3})
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    try:
        for value in (1.31, 1.37, 1.7, 2.3, 3.7):
            got = activation(x, **{CHANGING[name]: value})
            expected = activation(np.float64(x), **{CHANGING[name]: value})
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        assert not any("backend_compile" in event for event in compiled)
    finally:
        monitoring.clear_event_listeners()
    for value in (1.31, 3.7, 120.5, 1e6 + 0.3):
        y, pull = jax.vjp(lambda x, value=value: activation(x, **{CHANGING[name]: value}), x)
        assert np.isfinite(y).all()
        assert np.isfinite(pull(jnp.sin(3 * x))[0]).all()
