"""`derivative`, `value_and_derivative`, `vjp`: equal on every library, and the difference quotients of the value."""

from collections.abc import Callable
from typing import Any

import cases
import ml_dtypes
import numpy as np
import pytest

import xact
from xact._signature import REQUIRED

pytestmark = pytest.mark.needs("numpy")

CASES = cases.every()
ELEMENTWISE = [case for case in CASES if case.activation.elementwise and not case.packed]
RULES = [(case, name) for case in ELEMENTWISE for name in case.activation.rules]
EPS = float(np.finfo(np.float64).eps)
# The five-point difference is off by about f^(5) STEP^4 + f EPS / STEP: least, EPS^(4/5), for this step.
STEP = EPS ** (1 / 5)
DIFFERENCE = 1e3 * EPS ** (4 / 5)


def _jax(array: np.ndarray) -> Any:
    import jax

    return jax.numpy.asarray(array)


def _torch(array: np.ndarray) -> Any:
    import torch

    return torch.asarray(array)


def _strict(array: np.ndarray) -> Any:
    return pytest.importorskip("array_api_strict").asarray(array)


CONVERT: dict[str, Callable[[np.ndarray], Any]] = {"numpy": np.asarray, "jax": _jax, "torch": _torch, "strict": _strict}


def difference(f: Callable[[float], Any], step: float = STEP) -> Any:
    """The derivative at 0, by five points."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


def assert_is_derivative(got: Any, f: Callable[[float], Any], terms: int = 1) -> None:
    """`got` is f'(0), a sum of so many terms, within the error of the difference.

    A step twice as long is off by 2^4 as much: where f is steep, that shows by how much the shorter one is.
    """
    expected = difference(f)
    steep = np.abs(difference(f, 2 * STEP) - expected)
    assert np.all(np.abs(got - expected) <= DIFFERENCE * (np.abs(expected) + terms) + steep)


def close(got: Any, expected: Any, ulps: float) -> None:
    np.testing.assert_allclose(np.asarray(got), expected, rtol=ulps * EPS, atol=ulps * EPS)


def given(case: cases.Case) -> dict[str, Any]:
    return {**case.parameters, **case.options}


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@pytest.mark.parametrize(("case", "name"), RULES, ids=str)
def test_derivative_is_the_difference_quotient(case: cases.Case, name: str) -> None:
    got = xact.derivative(case.activation, name)(*case.arrays, **given(case))
    assert got.shape == case.arrays[0].shape

    def moved(t: float) -> Any:
        if name in case.activation.arrays:
            i = case.activation.arrays.index(name)
            return case.call(*(array + t if i == k else array for k, array in enumerate(case.arrays)))
        if name == case.activation.sampled:
            return t * case.arrays[0]
        value = case.parameters.get(name, case.activation.defaults[name])
        return case.call(**{name: value + t})

    assert_is_derivative(got, moved)


@pytest.mark.by_kind
@pytest.mark.parametrize("library", CONVERT)
@pytest.mark.parametrize(("case", "name"), RULES, ids=str)
def test_derivative_on_every_library(case: cases.Case, name: str, library: str) -> None:
    expected = xact.derivative(case.activation, name)(*case.arrays, **given(case))
    other = case.converted(CONVERT[library])
    got = xact.derivative(case.activation, name)(*other.arrays, **given(other))
    assert type(got) is type(other.arrays[0])
    close(got, expected, 16)
    y, slope = xact.value_and_derivative(case.activation, name)(*other.arrays, **given(other))
    np.testing.assert_array_equal(np.asarray(y), np.asarray(other.call()))
    np.testing.assert_array_equal(np.asarray(slope), np.asarray(got))


@pytest.mark.parametrize(("case", "name"), RULES, ids=str)
def test_derivative_has_the_dtype_of_the_first_array(case: cases.Case, name: str) -> None:
    wide = {key: value.astype(np.float64) if hasattr(value, "shape") else value for key, value in given(case).items()}
    for dtype in ("float16", "float32"):
        narrow = (array.astype(dtype) for array in case.arrays)
        assert xact.derivative(case.activation, name)(*narrow, **wide).dtype == dtype


@pytest.mark.by_kind
@pytest.mark.parametrize("library", CONVERT)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_vjp(case: cases.Case, library: str) -> None:
    """<dy, J v> is the difference quotient along v; parameters as primals have cotangents in their own shape."""
    positional = [name for name in case.activation.body.parameters if case.activation.rules_for(name)]
    values = {**case.activation.defaults, **given(case)}
    # A coefficient is moved by its own measure: |a| has a kink at 0.
    sizes = [np.asarray(values[name]) if name in case.activation.vectors else 1.0 for name in positional]
    parameters = [values[name] for name in positional]
    rest = {name: value for name, value in given(case).items() if name not in positional}
    convert = CONVERT[library]

    def call(t: float) -> Any:
        moved = [array + t * random(array.shape, i) for i, array in enumerate(case.arrays)]
        more = {
            name: value + t * size * random(np.shape(value), 10 + i)
            for i, (name, value, size) in enumerate(zip(positional, parameters, sizes, strict=True))
        }
        return case.activation(*moved, **more, **rest)

    dy = random(case.call().shape, 99)
    primals = [convert(array) for array in case.arrays]
    primals += [convert(value) if hasattr(value, "shape") else value for value in parameters]
    y, pullback = xact.vjp(case.activation, *primals, **rest)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(case.converted(convert).call()))
    pulled = pullback(convert(dy))
    assert [tuple(p.shape) for p in pulled] == [np.shape(value) for value in (*case.arrays, *parameters)]
    assert {type(p) for p in pulled} <= {type(y), np.float64}
    directions = [random(array.shape, i) for i, array in enumerate(case.arrays)]
    directions += [
        size * random(np.shape(v), 10 + i) for i, (v, size) in enumerate(zip(parameters, sizes, strict=True))
    ]
    inner = sum(np.sum(np.asarray(p) * v) for p, v in zip(pulled, directions, strict=True))
    assert_is_derivative(inner, lambda t: np.sum(dy * call(t)), terms=dy.size)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_vjp_takes_parameters_by_name(case: cases.Case) -> None:
    y, pullback = xact.vjp(case.activation, *case.arrays, **given(case))
    pulled = pullback(np.ones_like(y))
    assert len(pulled) == len(case.arrays)
    if case.activation.elementwise and not case.packed:
        for name, gradient in zip(case.activation.arrays, pulled, strict=True):
            slope = xact.derivative(case.activation, name)(*case.arrays, **given(case))
            np.testing.assert_array_equal(gradient, slope)


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("name", [case.activation.name for case in cases.simple() if case.activation.layout])
def test_packed_gates(name: str, library: str) -> None:
    """Every layout and axis: the two halves are those of the call with two arrays, and so are the cotangents."""
    activation, convert = xact.get(name), CONVERT[library]
    x = random((4, 6, 2)) * 3
    # On JAX each is a program to compile.
    for axis in (-1, 0) if library == "jax" else range(-3, 3):
        first, second = np.split(x, 2, axis=axis)
        even, odd = (np.take(x, range(i, x.shape[axis], 2), axis=axis) for i in (0, 1))
        halves = {"gate_first": (first, second), "value_first": (second, first), "interleaved": (even, odd)}
        for layout, (gate, value) in halves.items():
            named = {"gate": gate, "value": value}
            arrays = [convert(named[label]) for label in activation.arrays]
            y, pullback = xact.vjp(activation, convert(x), axis=axis, layout=layout)
            expected, pullback_of_two = xact.vjp(activation, *arrays)
            np.testing.assert_array_equal(np.asarray(y), np.asarray(expected))
            (packed,) = pullback(y)
            apart = dict(zip(activation.arrays, pullback_of_two(y), strict=True))
            kept = np.asarray(packed)
            back = np.split(kept, 2, axis=axis)
            if layout == "interleaved":
                back = [np.take(kept, range(i, x.shape[axis], 2), axis=axis) for i in (0, 1)]
            labels = ("value", "gate") if layout == "value_first" else ("gate", "value")
            for label, half in zip(labels, back, strict=True):
                np.testing.assert_array_equal(half, np.asarray(apart[label]))


def test_cotangents_have_the_shape_and_dtype_of_their_primals() -> None:
    x = random((2, 3, 4)).astype(np.float16)
    for weight in (0.25, np.float32(0.25), np.full(1, 0.25, np.float32), np.full(3, 0.25), np.full((1, 3, 1), 0.25)):
        _, pullback = xact.vjp("prelu", x, weight)
        by_x, by_weight = pullback(np.ones_like(x))
        assert (by_x.shape, by_x.dtype) == (x.shape, x.dtype)
        assert by_weight.shape == np.shape(weight)
        assert by_weight.dtype == getattr(weight, "dtype", x.dtype)
    total = np.sum(np.minimum(x, 0), dtype=np.float64)
    np.testing.assert_allclose(np.sum(by_weight), total, rtol=np.finfo(x.dtype).eps)


def test_a_sum_is_not_rounded_to_the_dtype_of_the_array() -> None:
    """The gradient of a float32 weight of float16 activations goes beyond the largest float16."""
    x = np.full((1000, 100), -1.0, np.float16)
    _, pullback = xact.vjp("prelu", x, np.full(1, 0.25, np.float32))
    np.testing.assert_array_equal(pullback(np.full_like(x, 2))[1], np.array([-200_000], np.float32))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_bound_between_two_numbers_of_16_bits(dtype: str) -> None:
    """The output rounds to a number below the bound, which the input has passed."""
    x = np.array([2.0, 1.0]).astype(getattr(ml_dtypes, dtype, dtype))
    _, pullback = xact.vjp("hardtanh", x, max_val=1.0003)
    for slope in (*pullback(np.ones_like(x)), xact.derivative("hardtanh")(x, max_val=1.0003)):
        np.testing.assert_array_equal(slope.astype(np.float32), [0.0, 1.0])


def test_softmax_with_a_dtype() -> None:
    x = random((3, 5)).astype(np.float16)
    y, pullback = xact.vjp("softmax", x, dtype=np.float64)
    assert y.dtype == np.float64
    (pulled,) = pullback(random(y.shape))
    assert pulled.dtype == x.dtype


def test_a_sample_is_drawn_once_per_call() -> None:
    x = -np.ones(1000)
    y, slope = xact.value_and_derivative("rrelu")(x, training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(slope, -y)
    assert np.unique(slope).size > 900


def test_large_arrays() -> None:
    """Blocks and sums together."""
    x = random((64, 3, 4096)) * 4
    weight = np.array([0.1, 0.2, 0.3])
    y, pullback = xact.vjp("prelu", x, weight)
    by_x, by_weight = pullback(y)
    np.testing.assert_array_equal(by_x, np.where(x > 0, 1, weight[:, None]) * y)
    np.testing.assert_allclose(by_weight, np.sum(np.minimum(x, 0) * y, axis=(0, 2)), rtol=x.size * EPS)


def test_derivatives_by_name_and_of_bound_activations() -> None:
    x = random((5,)) * 3
    bound = xact.get("elu(0.5)")
    expected = xact.derivative(xact.elu)(x, 0.5)
    for f in (bound, "elu(0.5)", {"name": "elu", "alpha": 0.5}):
        np.testing.assert_array_equal(xact.derivative(f)(x), expected)
    assert repr(xact.derivative(bound, "alpha")) == "xact.derivative(xact.elu(alpha=0.5), wrt='alpha')"
    np.testing.assert_array_equal(xact.derivative(bound, "x")(x, alpha=0.5), expected)


@pytest.mark.parametrize("case", cases.simple(), ids=str)
def test_errors_name_what_there_is(case: cases.Case) -> None:
    activation = case.activation
    if not activation.elementwise:
        with pytest.raises(xact.MissingRuleError, match=rf"use xact\.vjp\(xact\.{activation.name}, x\)"):
            xact.derivative(activation)
        return
    with pytest.raises(TypeError, match=f"{activation.name} has no argument 'nothing', only "):
        xact.derivative(activation, "nothing")
    first = activation.arrays[0]
    order = 3 if activation.slopes else 2
    with pytest.raises(xact.MissingRuleError, match=f"{activation.name} has no rule of order {order} for `{first}`"):
        xact.derivative(activation, order=order)
    for name in set(activation.body.parameters) - set(activation.rules) - set(activation.vectors):
        with pytest.raises(xact.MissingRuleError, match=f"{activation.name} has no derivative by `{name}`, only by "):
            xact.derivative(activation, name)
        # By position up to this parameter: of several without a rule, the first is named.
        given = [1.0 + i for i in range(list(activation.body.parameters).index(name) + 1)]
        rest = {
            label: value
            for label, value in case.parameters.items()
            if label not in list(activation.defaults)[: len(given)]
        }
        _, pullback = xact.vjp(activation, *case.arrays, *given, **rest)
        with pytest.raises(xact.MissingRuleError, match="has no derivative by `"):
            pullback(case.arrays[0])
    _, pullback = xact.vjp(activation, *case.arrays, **case.parameters)
    with pytest.raises(xact.ShapeError, match=r"the cotangent has shape \(7,\), the value \(2, 3, 4\)"):
        pullback(np.ones(7))


@pytest.mark.needs("torch")
def test_wrong_libraries() -> None:
    with pytest.raises(TypeError, match="elu: a derivative is not evaluated in place"):
        xact.derivative("elu")(_torch(np.ones(3)), inplace=True)
    _, pullback = xact.vjp("elu", np.ones(3))
    with pytest.raises(xact.DtypeError, match=r"elu: `dy` is a torch\.Tensor, the first array a numpy\.ndarray"):
        pullback(_torch(np.ones(3)))


def test_wrong_calls() -> None:
    with pytest.raises(TypeError, match=r"declare it with @xact\.activation"):
        xact.derivative(np.tanh)
    with pytest.raises(ValueError, match="order"):
        xact.derivative("elu", order=0)
    with pytest.raises(TypeError, match="elu needs an array"):
        xact.derivative("elu")()
    with pytest.raises(TypeError, match="elu needs an array"):
        xact.vjp("elu")
    _, pullback = xact.vjp("elu", np.ones(3))
    with pytest.raises(xact.DtypeError, match=r"elu: `dy` takes an array, got \[1.0, 1.0, 1.0\] of type list"):
        pullback([1.0, 1.0, 1.0])


# The numbers of functions of torch.nn and jax.nn, and of their like.
NUMBERS = [
    ("celu", "alpha"),
    ("elu", "alpha"),
    ("leaky_relu", "negative_slope"),
    ("softplus", "beta"),
    ("squareplus", "b"),
]
NUMBERS += [("hardtanh", "min_val"), ("hardtanh", "max_val"), ("threshold", "threshold"), ("threshold", "value")]
NUMBERS += [("softshrink", "lambd"), ("hardshrink", "lambd"), ("clamp", "min"), ("clamp", "max"), ("eswish", "beta")]
NUMBERS += [
    ("weighted_tanh", "weight"),
    ("penalized_tanh", "alpha"),
    ("resp", "alpha"),
    ("flatten_t_swish", "threshold"),
]
NUMBERS += [("thresholded_relu", "alpha"), ("prelu", "weight"), ("swish", "beta")]


@pytest.mark.parametrize(("name", "number"), NUMBERS)
def test_numbers_have_a_rule(name: str, number: str) -> None:
    """A difference quotient of the value, away from jumps; the truth engine measures how accurate they are."""
    case = cases.case(xact.get(name))
    at, step = case.parameters.get(number, case.activation.body.parameters[number]), 1e-6
    at = 1.25 if at is REQUIRED else at
    x = np.array([-2.75, -0.8, -0.3, 0.2, 0.9, 3.5])
    given = {key: value for key, value in case.parameters.items() if key != number}
    quotient = (
        xact.get(name)(x, **given, **{number: at + step}) - xact.get(name)(x, **given, **{number: at - step})
    ) / (2 * step)
    np.testing.assert_allclose(
        xact.derivative(name, number)(x, **given, **{number: at}), quotient, rtol=1e-7, atol=1e-8
    )
