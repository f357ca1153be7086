"""Every sample that PyTorch tests its own activations with: values, dtypes, shapes, strides, gradients, exceptions."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

import xact

torch = pytest.importorskip("torch")
# torch.testing._internal asks for it.
pytest.importorskip("expecttest")

F = torch.nn.functional

# Names that mean something else in torch: a layer, a norm, a function of two arrays.
OTHERS = {"bilinear", "linear", "normalize", "heaviside"}
# A name of torch.nn.functional, or of the tensor functions; `exp` is the one alias that torch has alone.
NAMES = [name for name in [*xact.names(), "exp"] if hasattr(F, name) or hasattr(torch, name)]
NAMES = [name for name in NAMES if name not in OTHERS]
# Drawn at random, and torch describes no samples.
WITHOUT_SAMPLES = {"gumbel_softmax"}
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
DTYPES = {
    "float64": [torch.float64],
    "float32": [torch.float32],
    "bfloat16": [torch.bfloat16],
    "float16": [torch.float16],
    "others": [*INTEGERS, torch.bool, torch.complex64],
}
# What C1 and C2 allow us, and as much again for torch; torch's tails are off by an absolute error of that size.
ULPS = 8

names = pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_SAMPLES])
# What torch warns of while it makes its samples.
pytestmark = pytest.mark.filterwarnings(
    "ignore:ComplexHalf support:UserWarning", "ignore:Casting complex values:UserWarning"
)


@cache
def operators(name: str) -> list[Any]:
    """PyTorch's descriptions of a function; importing them takes seconds, which collecting tests should not."""
    with warnings.catch_warnings():
        # Of packages that torch's tests would like to have.
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

    return [op for op in op_db if op.name in (name, f"nn.functional.{name}")]


def samples(
    name: str, dtype: torch.dtype, requires_grad: bool = False, references: bool = False
) -> Iterator[tuple[Callable[..., Any], Any]]:
    """torch's function and one call of it, for each sample of each description."""
    for op in operators(name):
        # Descriptions give samples of any dtype, except where an option of the function would be checked by it.
        if not references or dtype.is_floating_point or dtype in op.dtypes:
            # Not op.sample_inputs, which looks for the calling test in all source code before each sample.
            makers = (op.sample_inputs_func, *([op.reference_inputs_func] if references else ()))
            for make in filter(None, makers):
                for sample in make(op, "cpu", dtype, requires_grad):
                    yield op.op, sample


def call(function: Callable[..., Any], sample: Any) -> Any:
    """The result, or the exception."""
    torch.default_generator.manual_seed(0)
    try:
        return function(sample.input, *sample.args, **sample.kwargs)
    except Exception as error:
        return error


def difference(name: str, sample: Any) -> tuple[type[Exception] | None, str] | None:
    """Where we mean to differ from torch: what we raise, None where only the values differ, and why."""
    dtype, given = sample.input.dtype, (*sample.args, *sample.kwargs.values())
    if name == "logsumexp" and not isinstance(given[0], int):
        return TypeError, "a reduction along one axis"
    if name == "clamp" and None in [value for value in given if not isinstance(value, torch.Tensor)]:
        return xact.DtypeError, "both bounds are needed"
    if name == "clamp" and any(not fits(value, sample.input) for value in given):
        return xact.ShapeError, "a parameter never enlarges the result"
    converts = sample.kwargs.get("dtype") is not None
    taken = xact.get(name).integers or ""
    if (dtype.is_complex or (dtype == torch.bool and "bool" not in taken)) and not converts:
        return xact.DtypeError, "activations of real numbers"
    if dtype in INTEGERS and not taken and not converts:
        return xact.DtypeError, "torch.nn.functional takes no integers here, but for an empty array"
    if name == "threshold" and dtype == torch.uint8 and min(given) < 0:
        return xact.ParameterError, "torch wraps a negative number around"
    if name == "softmin" and dtype in (torch.uint8, torch.bool):
        return None, "torch negates before it converts: -1 is 255, and bool has no negative"
    if name == "softsign" and dtype == torch.int8:
        return None, "torch takes |-128| for -128"
    if name == "clamp" and any(isinstance(value, torch.Tensor) and value.dtype != dtype for value in given):
        return None, "a parameter never changes the dtype"
    if name == "clamp" and len(given) < 2:
        return None, "torch's default is no bound"
    if name == "sign" and sample.input.isnan().any():
        return None, "torch gives 0 for NaN"
    if name == "rrelu" and (sample.kwargs.get("training") or dtype == torch.float16):
        return None, "slopes are drawn; torch has no float16 on a CPU"
    return None


def fits(value: Any, x: torch.Tensor) -> bool:
    return not isinstance(value, torch.Tensor) or torch.broadcast_shapes(value.shape, x.shape) == x.shape


def layout(name: str, sample: Any, shape: torch.Size) -> tuple[int, ...]:
    """Strides as exp gives them; torch has no rule of its own: its logsigmoid, rrelu and prelu have others."""
    x = sample.input
    if name == "glu":
        x = torch.chunk(x, 2, sample.kwargs.get("dim", *sample.args[:1] or (-1,)))[0]
    return torch.exp(x).stride() if x.shape == shape else torch.empty(shape).stride()


def assert_same(got: torch.Tensor, expected: torch.Tensor, x: torch.Tensor) -> None:
    """Equal within the tolerance where torch has a value; its NaNs at infinity are limits here."""
    eps = torch.finfo(expected.dtype).eps if expected.dtype.is_floating_point else 0
    if got.shape == x.shape and x.dtype.is_floating_point:
        known = ~expected.isnan() | x.isnan()
        got, expected = got.where(known, torch.zeros_like(got)), expected.where(known, torch.zeros_like(expected))
    torch.testing.assert_close(got, expected, rtol=ULPS * eps, atol=ULPS * eps, equal_nan=True)


@names
@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.slow
def test_samples(name: str, dtypes: str, request: pytest.FixtureRequest) -> None:
    if dtypes in ("float64", "float16", "bfloat16") and not request.config.getoption("--every"):
        pytest.skip("as float32: with --every")
    count, ours = 0, getattr(xact, name)
    for dtype in DTYPES[dtypes]:
        for theirs, sample in samples(name, dtype, references=True):
            if not isinstance(sample.input, torch.Tensor):
                continue
            count += 1
            got, expected = call(ours, sample), call(theirs, sample)
            if differs := difference(name, sample):
                assert isinstance(got, differs[0] or torch.Tensor), (differs, sample, got)
            elif isinstance(expected, Exception):
                assert isinstance(got, type(expected)), (sample, got, expected)
            else:
                assert isinstance(got, torch.Tensor), (sample, got)
                assert (got.dtype, got.shape) == (expected.dtype, expected.shape), sample
                assert not got.numel() or got.stride() == layout(name, sample, got.shape), sample
                assert_same(got, expected, sample.input)
    assert count or dtypes == "others"


@names
@pytest.mark.slow
def test_gradients(name: str) -> None:
    ours = getattr(xact, name)
    for theirs, sample in samples(name, torch.float64, requires_grad=True):
        if difference(name, sample) or sample.input.is_complex():
            continue
        results = []
        if name == "clamp" and len(tensors(sample)) > 1:
            # Its bounds have no rule: they are constants.
            continue
        leaves = [value for value in tensors(sample) if value.requires_grad]
        for function in (ours, theirs):
            y = call(function, sample)
            dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
            results.append(torch.autograd.grad(y, leaves, dy))
        for got, expected, leaf in zip(*results, leaves, strict=True):
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
            if name == "hardsigmoid":
                # torch has 1/6 rounded to float32.
                expected = expected * ((1 / 6) / float(torch.tensor(1 / 6)))
            assert_same(got, expected, leaf)


def tensors(sample: Any) -> list[torch.Tensor]:
    values = (sample.input, *sample.args, *sample.kwargs.values())
    return [value for value in values if isinstance(value, torch.Tensor)]


IN_PLACE = [name for name in NAMES if hasattr(F, name) and xact.get(name).inplace]


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.slow
def test_in_place(name: str) -> None:
    for theirs, sample in samples(name, torch.float32):
        if difference(name, sample):
            continue
        written = [sample.input.clone() for _ in range(2)]
        results = []
        for x, function in zip(written, (getattr(xact, name), theirs), strict=True):
            torch.manual_seed(0)
            results.append(function(x, *sample.args, **{**sample.kwargs, "inplace": True}))
        assert results[0] is written[0] or results[0].data_ptr() == written[0].data_ptr()
        assert torch.equal(results[0], written[0])
        assert_same(results[0], results[1], sample.input)


@names
def test_error_inputs(name: str) -> None:
    """What torch refuses we refuse, with an exception that its `except` clauses catch."""
    ours = getattr(xact, name)
    for op in operators(name):
        for given in op.error_inputs("cpu") if op.error_inputs_func else ():
            with pytest.raises(given.error_type):
                ours(given.sample_input.input, *given.sample_input.args, **given.sample_input.kwargs)


X = torch.linspace(-2, 2, 4)
REFUSED = {
    "celu": [lambda f: f(X, 0.0)],
    "softmax": [lambda f: f(X, dim=1), lambda f: f(X, dim=-2), lambda f: f(X[0], dim=1), lambda f: f(X, dim=0.5)],
    "log_softmax": [lambda f: f(X, dim=1), lambda f: f(X, dim="0")],
    "softmin": [lambda f: f(X, dim=3)],
    "glu": [lambda f: f(X[:3]), lambda f: f(X[0]), lambda f: f(X, 1), lambda f: f(X, dim=-2)],
    "prelu": [lambda f: f(X, torch.ones(2)), lambda f: f(X, torch.ones(1, 1, 1)), lambda f: f(X)],
    "rrelu": [lambda f: f(X, 0.5, 0.25, True), lambda f: f(X, "0.5")],
    "hardtanh": [lambda f: f(X, 1.0, -1.0), lambda f: f(X.to(torch.uint8))],
    "softshrink": [lambda f: f(X, -1.0), lambda f: f(X, 0.5, 0.5)],
    "gelu": [lambda f: f(X, approximate="erf"), lambda f: f(X.to(torch.int64))],
    "gumbel_softmax": [lambda f: f(X, dim=1)],
    "relu": [lambda f: f(X > 0), lambda f: f([1.0]), lambda f: f(), lambda f: f(X, alpha=1)],
    "softplus": [lambda f: f(X, beta="1"), lambda f: f(X, 1, 20, 3), lambda f: f(None)],
    "threshold": [lambda f: f(X), lambda f: f(X, 0.1)],
    "leaky_relu": [lambda f: f(X, None), lambda f: f(X.to(torch.int32))],
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments(name: str) -> None:
    for given in REFUSED[name]:
        with pytest.raises(Exception) as theirs:  # noqa: PT011 (torch's own is what ours is compared with)
            given(getattr(F, name))
        with pytest.raises(theirs.type):
            given(getattr(xact, name))


# Defaults that differ on purpose: an axis is -1 where torch guesses one and warns; a name torch ignores.
GUESSED = {"dim": None, "_stacklevel": 3, "eps": 1e-10}


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(F, name)])
def test_signature(name: str) -> None:
    """Names, order and defaults are torch's; what we have beyond them comes after."""
    try:
        theirs = inspect.signature(getattr(F, name)).parameters
    except ValueError:
        # A builtin says it in the first line of its documentation.
        text = getattr(F, name).__doc__.strip().splitlines()[0].split(" -> ")[0]
        theirs = inspect.signature(eval(f"lambda {text[text.index('(') + 1 : -1]}: None")).parameters
    ours = [p for p in inspect.signature(xact.get(name)).parameters.values() if p.name != "other"][1:]
    named = [("dim" if p.name == "axis" else p.name, p.default) for p in ours]
    expected = [(p.name, p.default) for p in [*theirs.values()][1:]]
    kept = [name for name, default in expected if GUESSED.get(name, inspect.Parameter.empty) != default]
    assert [name for name, _ in named if name in kept] == kept
    assert [pair for pair in expected if pair[0] in kept] == [pair for pair in named if pair[0] in kept]


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(F, name) and name != "gumbel_softmax"])
def test_called_by_torch_names(name: str) -> None:
    required = {"prelu": {"weight": torch.tensor([0.5])}, "threshold": {"threshold": 0.1, "value": 2.0}}
    options = required.get(name, {}) | ({} if xact.get(name).elementwise and name != "glu" else {"dim": -1})
    x = torch.linspace(-3, 3, 8).reshape(2, 4)
    results = []
    for function in (getattr(xact, name), getattr(F, name)):
        torch.manual_seed(0)
        results.append(function(input=x, **options))
    assert_same(*results, x)
    if name in ("softmax", "log_softmax", "softmin"):
        assert torch.equal(getattr(xact, name)(x, dim=-1, _stacklevel=5), results[0])


def test_every_activation_has_samples() -> None:
    functions = {name for name in dir(F) if not name.startswith("_") and not name.endswith("_")}
    assert functions & {*xact.names()} <= {*NAMES} | OTHERS
    assert {name for name in NAMES if not operators(name)} == WITHOUT_SAMPLES
