"""Wrong input (C8): the exception names the function, the argument, the value and the cure, and nothing is written."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import cases
import ml_dtypes
import numpy as np
import pytest

import xact

pytestmark = pytest.mark.needs("numpy")

SIMPLE = cases.simple()
LIBRARIES = ("numpy", "jax", "torch")


def array(library: str, values: Any, dtype: str | None = None) -> Any:
    if library == "numpy":
        return np.asarray(values, dtype)
    if library == "jax":
        import jax

        return jax.numpy.asarray(values, dtype)
    import torch

    return torch.tensor(values, dtype=dtype and getattr(torch, dtype))


def array_of(library: str, values: np.ndarray) -> Any:
    """The same numbers as an array of a library."""
    return array(library, values.tolist())


def refused(kind: type[Exception], text: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        call()


# What is no array


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_no_array(case: cases.Case) -> None:
    for wrong in ([1.0, 2.0], (1.0,), True, "gelu", None, {}, range(3)):
        call = partial(case.call, *[wrong for _ in case.arrays])
        text = f"{case.activation.name} takes an array, got {wrong!r} of type {type(wrong).__name__}"
        for kind in (xact.DtypeError, TypeError, NotImplementedError):
            refused(kind, text, call)
        if isinstance(wrong, (list, tuple, int, float)):
            refused(xact.DtypeError, "convert it with numpy.asarray", call)


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_nothing_given(case: cases.Case) -> None:
    name = case.activation.name
    refused(TypeError, f"{name} needs an array; its signature is {name}(x", case.activation)


# Dtypes


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_dtypes(case: cases.Case, library: str) -> None:
    """Integers and bools are taken where torch takes them, and become there what they become here."""
    values = np.arange(4).reshape(2, 2, *[1] * (case.arrays[0].ndim - 2))
    for dtype in ("bool", "int8", "uint8", "int32", "int64", "complex64"):
        arrays = [array(library, values.tolist(), dtype) for _ in case.arrays]
        kinds = case.activation.integers or ""
        integers = kinds if "int" in dtype or dtype in kinds else ""
        if case.activation is xact.hardtanh and dtype == "uint8":
            # -1, its default bound, is no unsigned number; torch refuses it too.
            refused(xact.ParameterError, "min_val", partial(case.call, *arrays))
        elif integers:
            got = case.call(*arrays)
            float_dtype = {"numpy": "float64", "jax": "float64", "torch": "float32"}[library]
            assert str(got.dtype).endswith(dtype if integers.startswith("keep") else float_dtype)
            given = np.asarray(array("numpy", values.tolist(), dtype)).tolist()
            known = case.call(*(array(library, given, float_dtype) for _ in arrays))
            np.testing.assert_array_equal(np.asarray(got), np.asarray(known))
        else:
            and_integers = ", integers and bool" if "bool" in kinds else " and integers" if kinds else ""
            text = (
                f"{case.activation.name} takes float16, bfloat16, float32, float64{and_integers}, got {dtype}; "
                "convert the array first"
            )
            refused(xact.DtypeError, text, partial(case.call, *arrays))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "int64", "bool"])
@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation.integers], ids=str)
def test_integers_as_torch(case: cases.Case, dtype: str) -> None:
    import torch

    name = "exp" if case.activation is xact.exponential else case.activation.name
    theirs = (
        getattr(torch.nn.functional, name, None)
        or getattr(torch, name, None)
        or getattr(torch.nn, case.activation.module)()
    )
    options = {} if case.activation.elementwise else {"dim": -1}
    x = torch.arange(4).to(getattr(torch, dtype))
    if dtype == "bool" and "bool" not in case.activation.integers:
        if name == "identity":
            return
        with pytest.raises((NotImplementedError, RuntimeError)):
            theirs(x, **case.parameters, **options)
        refused(xact.DtypeError, "got bool", partial(case.call, x))
        return
    assert case.call(x).dtype == theirs(x, **case.parameters, **options).dtype


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_exotic_dtypes(case: cases.Case) -> None:
    kinds = [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.object_, "datetime64[s]", "U1"]
    kinds += [np.longdouble] if np.longdouble(0).itemsize > 8 else []
    for kind in kinds:
        x = np.zeros(case.arrays[0].shape).astype(kind)
        text = f"got {x.dtype.name}; convert the array first"
        refused(xact.DtypeError, text, lambda: case.call(*(x for _ in case.arrays)))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_float8_of_torch(case: cases.Case) -> None:
    import torch

    x = torch.zeros(case.arrays[0].shape, dtype=torch.float8_e4m3fn)
    refused(xact.DtypeError, "got float8_e4m3fn", lambda: case.call(*(x for _ in case.arrays)))


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_lists_as_parameters(case: cases.Case) -> None:
    activation = case.activation
    for label in (label for label in activation.body.parameters if label not in activation.vectors):
        text = "must be a real number or an array like the first, got [0.5, 0.5]; convert it with numpy.asarray"
        refused(xact.DtypeError, f"{activation.name}: `{label}` {text}", lambda: case.call(**{label: [0.5, 0.5]}))


# What is no activation


@pytest.mark.parametrize("function", ["derivative", "value_and_derivative", "vjp", "gated", "properties", "curve"])
def test_what_is_no_activation(function: str) -> None:
    call = getattr(xact, function, None) or getattr(xact.analysis, function)
    text = f"{function} needs an activation or its name, got <ufunc 'tanh'>; declare it with @xact.activation"
    refused(TypeError, text, lambda: call(np.tanh))
    text = f"{function} takes an activation or its name, got an array of shape (2,); give the activation itself"
    refused(TypeError, text, lambda: call(xact.gelu(np.ones(2))))
    refused(xact.UnknownActivationError, "the nearest names are gelu", lambda: call("gelo"))


# Arguments the function does not have


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_unknown_arguments(case: cases.Case) -> None:
    name, usage = case.activation.name, case.activation.usage
    assert usage.startswith(f"{name}(x")
    for parameter in case.activation.defaults:
        assert parameter in usage
    refused(TypeError, f"{name} has no argument 'nothing'; its signature is {usage}", lambda: case.call(nothing=1))
    many = [0.5] * (len(case.activation.defaults) + 1)
    refused(TypeError, f"{name} takes at most", lambda: case.activation(*case.arrays, *many))
    for parameter in case.activation.body.parameters:
        text = f"{name} got `{parameter}` twice"
        refused(TypeError, text, lambda: case.activation(*case.arrays, 0.5, **{parameter: 0.5}))
        break


@pytest.mark.parametrize("case", [case for case in SIMPLE if "axis" in case.activation.defaults], ids=str)
def test_axis(case: cases.Case) -> None:
    activation = case.activation
    name = activation.name
    x = case.arrays[0]
    if activation.layout:
        call = lambda **given: activation(x, **given)
    else:
        call = case.call
    refused(TypeError, f"{name} got `axis` and its alias `dim`; give one of them", lambda: call(axis=0, dim=0))
    if activation.elementwise and not activation.layout:
        return
    for axis in (3, -4, 100):
        text = f"{name}: axis {axis} is outside an array of 3 dimensions"
        refused(xact.AxisError, text, lambda: call(axis=axis))
        refused(IndexError, text, lambda: call(dim=axis))
    for axis in (1.0, "1", (0, 1)) if activation.body.whole else (1.0, "1", None, (0, 1)):
        refused(TypeError, f"{name}: `axis` must be an integer, got {axis!r}", lambda: call(axis=axis))
    least = activation.defaults["axis"]
    text = f"{name}: axis {least} is outside an array of 0 dimensions"
    if least is not None:
        refused(xact.AxisError, text, lambda: activation(np.array(1.0), **case.parameters))


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_choices(case: cases.Case) -> None:
    for option, choices in case.activation.choices.items():
        listed = ", ".join(map(repr, choices))
        text = f"{case.activation.name}: `{option}` must be one of {listed}, got 'other'"
        refused(ValueError, text, lambda: case.call(**{option: "other"}))
        refused(ValueError, text, lambda: xact.get(case.activation.name, **{option: "other"}))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation.choices], ids=str)
def test_choices_take_no_arrays(case: cases.Case, library: str) -> None:
    for option in case.activation.choices:
        text = f"{case.activation.name}: `{option}` is an option and takes a Python value, no array; got "
        x = array(library, [1.0, 2.0])
        refused(TypeError, text, lambda: case.call(**{option: x}))
        refused(TypeError, text, lambda: xact.get(case.activation.name, **{option: x}))


@pytest.mark.parametrize("library", LIBRARIES)
def test_options_take_no_arrays(library: str) -> None:
    text = "softplus: `threshold` is an option and takes a Python value, no array; got "
    x = array(library, [1.0])
    refused(TypeError, text, lambda: xact.softplus(x, threshold=x))


@pytest.mark.parametrize("library", ["numpy", "jax"])
@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation.inplace], ids=str)
def test_inplace(case: cases.Case, library: str) -> None:
    x = array(library, [1.0])
    text = f"{case.activation.name}: `inplace` works on torch tensors only; "
    refused(TypeError, text, lambda: case.call(x, inplace=True))
    np.testing.assert_array_equal(np.asarray(case.call(x, inplace=False)), np.asarray(case.call(x)))


# Parameters

PARAMETERS = [
    (case, name) for case in SIMPLE for name in case.activation.body.parameters if name not in case.activation.vectors
]


@pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=str)
def test_parameters(case: cases.Case, name: str, libraries: tuple[str, ...]) -> None:
    function = case.activation.name
    for value in ("0.5", None, 1j, [0.5], (0.5,), np.sin):
        text = f"{function}: `{name}` must be a real number or an array like the first, got {value!r}"
        refused(xact.DtypeError, text, lambda: case.call(**{name: value}))
        if value != [0.5]:
            # A list, as JSON has it, is a tuple.
            refused(xact.DtypeError, text, lambda: case.activation.replace(**{name: value}))
    for dtype in ("complex64",) if name in case.activation.body.masks else ("bool", "complex64"):
        text = f"{function}: `{name}` must be of real numbers, got an array of {dtype}"
        for library in libraries:
            other = case.converted(lambda a: array(library, a.tolist()))
            value = array(library, 1, dtype)
            refused(xact.DtypeError, text, lambda: other.call(**{name: value}))
    for shape in ((7,), (2, 2), (4, 1), (1, 2, 3, 4), (0,)):
        text = f"{function}: `{name}` of shape {shape} does not fit an array of shape (2, 3, 4)"
        refused(xact.ShapeError, text, lambda: case.call(**{name: np.ones(shape)}))
        refused(ValueError, text, lambda: case.call(**{name: np.ones(shape)}))


@pytest.mark.parametrize(("case", "name"), [pair for pair in PARAMETERS if len(pair[0].arrays) == 1], ids=str)
def test_a_vector_of_another_axis(case: cases.Case, name: str, libraries: tuple[str, ...]) -> None:
    """The sentence says how it comes to lie where it fits."""
    if name in case.activation.body.masks or not case.activation.elementwise:
        return
    along = "axis" in case.activation.defaults and case.activation.defaults["axis"] is not None
    cure = "pass axis=2" if along else f"it lies along axis 2 as {name}.reshape(-1, 1)"
    for library in libraries:
        given = replace(case, arrays=(np.ones((2, 3, 5, 4)),)).converted(partial(array_of, library))
        refused(xact.ShapeError, cure, lambda: given.call(**{name: array_of(library, np.ones(5))}))


@pytest.mark.parametrize("activation", [case.activation for case in SIMPLE if case.activation.body.options], ids=str)
def test_options_of_another_type(activation: xact.Activation) -> None:
    """In a call, and bound."""
    given = cases.case(activation)
    for name, default in activation.body.options.items():
        if name in activation.choices or not isinstance(default, (bool, int, float)):
            continue
        kind = (
            "True or False" if isinstance(default, bool) else "an integer" if isinstance(default, int) else "a number"
        )
        text = f"{activation.name}: `{name}` must be {kind}, got 'wrong'"
        refused(TypeError, text, lambda: given.call(**{name: "wrong"}))
        refused(TypeError, text, lambda: activation.replace(**{name: "wrong"}))


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_required_parameters(case: cases.Case) -> None:
    for name in case.parameters:
        text = f"{case.activation.name} needs `{name}`; its signature is {case.activation.usage}"
        rest = {label: value for label, value in case.parameters.items() if label != name}
        refused(TypeError, text, lambda: case.activation(*case.arrays, **rest))


@pytest.mark.parametrize(("first", "second"), [two for two in permutations(LIBRARIES, 2) if "torch" in two])
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_mixed_libraries(case: cases.Case, first: str, second: str) -> None:
    x, other = array(first, [[1.0]]), array(second, [[1.0]])
    kinds = f"is a {type(other).__module__}.{type(other).__name__}, the first array a {type(x).__module__}."
    labels = [*case.activation.arrays[1:], *case.activation.body.parameters]
    for label in labels:
        text = f"{case.activation.name}: `{label}` {kinds}"
        gates = len(case.activation.arrays)
        if label in case.activation.arrays:
            refused(xact.DtypeError, text, lambda: case.call(*[x] * (gates - 1), other))
        else:
            refused(xact.DtypeError, text, lambda: case.call(*[x] * gates, **{label: other}))


# Gates


@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation.layout], ids=str)
def test_gates(case: cases.Case) -> None:
    activation = case.activation
    name, label = activation.name, activation.arrays[1]
    x = np.ones((2, 3))
    refused(
        xact.ShapeError,
        f"{name}: `{label}` has shape (3,), the first array (2, 3); a gate takes two arrays of one shape",
        lambda: activation(x, np.ones(3)),
    )
    refused(xact.DtypeError, f"{name}: `{label}` takes an array, got [1.0] of type list", lambda: activation(x, [1.0]))
    refused(xact.DtypeError, f"{name} takes float16, bfloat16", lambda: activation(x, np.ones((2, 3), int)))
    refused(
        xact.ShapeError,
        f"{name}: a packed array is split in two along axis -1, which has 3 elements; the number must be even",
        lambda: activation(x),
    )


# Randomness


@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation.sampled], ids=str)
@pytest.mark.parametrize("library", LIBRARIES)
def test_rng(case: cases.Case, library: str) -> None:
    x, activation = array(library, [-1.0]), case.activation
    for rng in (None, 0, "seed"):
        text = {
            "numpy": f"`training=True` draws at random and needs `rng`, a numpy.random.Generator; got {rng!r}",
            "jax": f"`training=True` draws at random and needs `rng`, a key of jax.random; got {rng!r}",
            "torch": f"`rng` must be a torch.Generator or None, got {rng!r}",
        }[library]
        if rng is not None or library != "torch":
            refused(TypeError, f"{activation.name}: {text}", lambda: activation(x, training=True, rng=rng))


# Names


def test_unknown_name() -> None:
    for kind in (xact.UnknownActivationError, LookupError, ValueError):
        text = "no activation is called 'relux'; the nearest names are relu, trelu, srelu"
        refused(kind, text, lambda: xact.get("relux"))
    with pytest.raises(xact.UnknownActivationError, match=r"the nearest names are \w+, \w+, \w+$"):
        xact.get("something else")
    with pytest.raises(AttributeError, match="module 'xact' has no attribute 'relux'"):
        xact.relux  # noqa: B018 (the lookup is what fails)


@pytest.mark.parametrize(
    "spec",
    ["elu(", "elu(0.5", "elu(0.5)(1)", "elu(0.5).real", "elu(x)", "elu(**{'alpha': 1})", "elu(*[1])"],
)
def test_unparsable_spec(spec: str) -> None:
    refused(ValueError, f"xact.get: {spec!r} is not of the form name(value, ...)", lambda: xact.get(spec))


def test_wrong_specs() -> None:
    text = "elu has no argument 'beta'; its signature is elu(x, alpha=1.0, inplace=False)"
    refused(TypeError, text, lambda: xact.get("elu(beta=1)"))
    refused(TypeError, "too many arguments; the signature is elu(x, alpha", lambda: xact.get("elu(1, False, 3)"))
    refused(TypeError, "`alpha` is given twice", lambda: xact.get("elu(0.5, alpha=0.25)"))
    refused(ValueError, "a mapping needs the key 'name', got {'alpha': 0.5}", lambda: xact.get({"alpha": 0.5}))
    refused(TypeError, "xact.get takes a name, a mapping or an activation, got 3", lambda: xact.get(3))


# Definitions


@pytest.mark.usefixtures("own_catalogue")
def test_incomplete_definition() -> None:
    @xact.activation()
    def unfinished(value, gate, /, *, xp):
        return value * gate

    assert "unfinished" not in xact.names()
    x = np.ones(2)
    text = 'unfinished has no rule for `value` yet; write `@unfinished.derivative("value")` above a function'
    refused(xact.MissingRuleError, text, lambda: unfinished(x, x))
    refused(xact.MissingRuleError, "unfinished has no derivative by `value`; ", lambda: xact.derivative(unfinished))

    @unfinished.derivative("value")
    def _(gate, xp):
        return gate

    refused(xact.MissingRuleError, "unfinished has no rule for `gate` yet", lambda: unfinished(x, x))

    @unfinished.derivative("gate")
    def _(value, xp):
        return value

    assert "unfinished" in xact.names()
    np.testing.assert_array_equal(unfinished(x, x), x)


@pytest.mark.usefixtures("own_catalogue")
def test_wrong_rules() -> None:
    @xact.activation()
    def cubed(x, /, scale=1.0, *, xp):
        return scale * x**3

    def rule(x, xp):
        return 3 * x**2

    cubed.derivative(rule)
    refused(TypeError, "cubed: a second rule for `x`; delete one of them", lambda: cubed.derivative(rule))
    refused(
        TypeError,
        "cubed: a rule for `shift`, but its arguments are ('x', 'scale')",
        lambda: cubed.derivative("shift")(rule),
    )

    def other(x, shift, xp):
        return x

    refused(TypeError, "cubed: the rule takes ['shift'], but it may name [", lambda: cubed.derivative("scale")(other))
    for declare in (cubed.derivative, xact.mish.derivative):
        text = "this declares a rule; to evaluate it use xact.derivative(xact."
        refused(TypeError, text, lambda: declare(np.ones(3)))
    refused(TypeError, "use xact.vjp(xact.softmax, x)", lambda: xact.softmax.pullback(np.ones(3)))

    def variadic(x, /, *args, xp):
        return x

    refused(TypeError, "*args and **kwargs say nothing; name every argument", lambda: xact.activation()(variadic))


@pytest.mark.usefixtures("own_catalogue")
def test_taken_names() -> None:
    def declare(name: str, **given: Any) -> Callable[[], Any]:
        def body(x, /, *, xp):
            return x

        body.__name__ = body.__qualname__ = name
        return lambda: xact.activation(**given)(body).derivative(lambda x, xp: x)

    refused(ValueError, "the name 'mish' is taken by xact.mish of xact.activations.self_gated", declare("mish"))
    refused(ValueError, "the name 'hard_swish' is taken by xact.hardswish", declare("hard_swish"))
    refused(ValueError, "the name 'relu' is taken by xact.relu", declare("own", aliases=("relu",)))
    assert "own" not in xact.names()
    assert xact.get("mish") is xact.mish


# Nothing half done


@pytest.mark.parametrize("library", LIBRARIES)
def test_inputs_are_not_written(library: str) -> None:
    """Neither the array nor the parameter of a call that is refused, in place or not."""
    x, weight = array(library, [[-1.0, 2.0, -3.0]]), array(library, [1.0, 2.0])
    calls: list[Callable[[], Any]] = [
        lambda: xact.prelu(x, weight),
        lambda: xact.elu(x, weight, inplace=True),
        lambda: xact.elu(x, alpha="1", inplace=True),
        lambda: xact.elu(x, inplace=True, beta=1),
        lambda: xact.rrelu(x, training=True, rng="seed", inplace=True),
        lambda: xact.glu(x),
        lambda: xact.softmax(x, 5),
        lambda: xact.swiglu(x, weight),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError)):
            call()
        np.testing.assert_array_equal(np.asarray(x), [[-1.0, 2.0, -3.0]])
        np.testing.assert_array_equal(np.asarray(weight), [1.0, 2.0])


def test_types_derive_from_what_libraries_raise() -> None:
    assert issubclass(xact.DtypeError, (TypeError, NotImplementedError))
    assert xact.DtypeError.__mro__.index(TypeError) < xact.DtypeError.__mro__.index(NotImplementedError)
    for ours, theirs in (
        (xact.ShapeError, RuntimeError),
        (xact.ShapeError, ValueError),
        (xact.AxisError, IndexError),
        (xact.AxisError, ValueError),
        (xact.MissingRuleError, TypeError),
        (xact.MissingRuleError, NotImplementedError),
        (xact.UnknownActivationError, LookupError),
        (xact.UnknownActivationError, ValueError),
    ):
        assert issubclass(ours, theirs)
