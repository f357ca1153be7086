"""Parameters at the ends of what a number may be: refused with a sentence, or value and derivatives are the limit."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import xact
from xact.testing import truth, ulp
from xact.testing.case import Case
from xact.testing.libraries import evaluate

pytestmark = pytest.mark.needs("numpy")

INF, NAN = float("inf"), float("nan")
LIBRARIES = ["numpy", "jax", "torch"]
EDGES = [0.0, -0.0, -1.0, INF, -INF, 1e-40, -1e-300, 1e20, 1e36, -1e36, 1e300, NAN]
X = [0.0, 1e-3, 0.3, 1.0, 2.5, 30.0, 1e10, 1e30, INF]
# Of these an infinite one means that there is no bound.
BOUNDS = {"min", "max", "min_val", "max_val", "threshold", "value", "limit", "max_value", "alpha"}


def numbers_of(activation: xact.Activation) -> list[str]:
    """Every parameter and option that is a number."""
    skipped = ("axis", "rng", "layout", "n_iter", "pieces", *activation.vectors, *activation.body.masks)
    return [
        name
        for name, default in activation.defaults.items()
        if name not in skipped and (name in activation.required or type(default) is float)
    ]


EVERY = [(xact.get(name), label) for name in xact.names() for label in numbers_of(xact.get(name))]


def given(activation: xact.Activation, label: str, edge: float) -> dict[str, float]:
    required = {
        name: 0.25 + 0.5 * index for index, name in enumerate(activation.required) if name not in activation.body.masks
    }
    return {**required, label: edge}


def arrays(activation: xact.Activation, dtype: Any) -> list[np.ndarray]:
    x = np.array([*(-v for v in X[::-1]), *X], dtype)
    if not activation.elementwise:
        x = np.array([[-1.0, 0.25, 0.25, 3.0]], dtype)
    return [x if index == 0 else np.full_like(x, 0.75) for index, _ in enumerate(activation.arrays)]


def accepted(activation: xact.Activation, label: str) -> Iterator[float]:
    for edge in EDGES:
        try:
            activation.replace(**given(activation, label, edge))
        except xact.ParameterError as error:
            if not re.match(
                rf"{activation.name} needs .*\b{label}\b.*, got .*\b{label}={re.escape(repr(edge))}", str(error)
            ):
                raise
        else:
            yield edge


@pytest.mark.parametrize(("activation", "label"), EVERY, ids=str)
def test_no_parameter_is_nan(activation: xact.Activation, label: str) -> None:
    with pytest.raises(xact.ParameterError, match=f"{activation.name} needs .*{label}=nan"):
        activation(*arrays(activation, np.float32), **given(activation, label, NAN))
    assert all(np.isfinite(edge) or label in BOUNDS for edge in accepted(activation, label))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("activation", "label"), EVERY, ids=str)
def test_no_nan_comes_of_a_parameter(activation: xact.Activation, label: str, library: str) -> None:
    """Neither in the value nor in a derivative, of finite inputs and where the formula has a limit at infinity."""
    pytest.importorskip(library)
    for dtype in (np.float32, np.float64) if library == "numpy" else (np.float32,):
        x = arrays(activation, dtype)
        named = dict(zip(activation.arrays, x, strict=True))
        for edge in accepted(activation, label):
            parameters = given(activation, label, edge)
            if "training" in activation.defaults:
                parameters["training"] = False
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    got = [evaluate(library, activation, named, parameters)]
                except ValueError as error:
                    if dtype == np.float64 or "in float32" not in str(error):
                        raise
                    continue
                if library == "numpy" and activation.elementwise:
                    got += [xact.derivative(activation, name)(*x, **parameters) for name in activation.rules]
            for one in got:
                wrong = np.isnan(one) & np.isfinite(x[0])
                if undefined := UNDEFINED.get(activation.name):
                    wrong &= ~undefined(np.float64(x[0]), edge)
                assert not wrong.any(), (edge, x[0][wrong])


# Where a formula is no number.
UNDEFINED = {"soft_exponential": lambda x, alpha: 1 - alpha * (x + alpha) <= 0 if alpha < 0 else x > INF}

CHECKED = ["swish", "softcap", "laplace", "snake_beta", "softplus", "leaky_relu", "elu", "isru", "isrlu", "acon_c"]
CHECKED += ["dynamic_tanh", "weighted_tanh", "srelu", "dual_line", "richards", "eswish", "resp", "prelu", "xielu"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHECKED)
def test_the_limit(name: str, dtype: str) -> None:
    """Value and derivatives against the formula."""
    activation = xact.get(name)
    (x,) = arrays(activation, dtype)
    for label in numbers_of(activation):
        for edge in accepted(activation, label):
            parameters = given(activation, label, edge)
            for wrt in ("", *activation.rules) if label not in activation.body.options else ():
                try:
                    f = xact.derivative(activation, wrt) if wrt else activation
                    got = f(x, **parameters)
                except xact.ParameterError:
                    continue
                exact = Case(activation, parameters, wrt).truth({"x": ulp.double(x)}, dtype, truth.CLOSE).high
                known = ~np.isnan(exact)
                if name == "snake_beta":
                    # A rounding of a large phase is many periods.
                    known &= np.abs(ulp.double(x)) < 100 / max(1.0, abs(parameters.get("alpha", 1.0)))
                with np.errstate(over="ignore", invalid="ignore"):
                    exact = exact.astype(dtype)[known]
                rounding = 100 * np.finfo(dtype).eps
                np.testing.assert_allclose(got[known], exact, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("name", ["softcap", "laplace", "soft_clipping", "apa", "snake_beta", "swish", "softplus"])
def test_arrays_are_not_looked_at(name: str) -> None:
    """No exception and no warning, whatever the entries; NaN only for those that a number may not be."""
    activation, x = xact.get(name), np.linspace(-2, 2, 6).reshape(2, 3)
    for label in numbers_of(activation):
        for edge in (0.0, -1.0, INF, NAN, 1e300) if label not in activation.body.options else ():
            value = np.full(3, edge)
            if "axis" in activation.defaults:
                value = np.full(1, edge)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                activation(x, **{label: value})
                [xact.derivative(activation, wrt)(x, **{label: value}) for wrt in activation.rules]


def test_what_float32_holds_counts() -> None:
    x = np.ones(2)
    assert xact.softcap(x, 1e-300).tolist() == [1e-300, 1e-300]
    with pytest.raises(xact.ParameterError, match=r"softcap needs 0 < cap < 1e30, got cap=1e-300, in float32 cap=0\.0"):
        xact.softcap(x.astype(np.float32), 1e-300)
    with pytest.raises(
        xact.ParameterError, match="elu needs -inf < alpha < inf, got alpha=1e\\+300, in float32 alpha=inf"
    ):
        xact.elu(x.astype(np.float16), 1e300)
    with pytest.raises(xact.ParameterError, match="cap=0"):
        xact.get("softcap(cap=0)")


def test_conditions_are_read() -> None:
    for text, message in (
        ("alpha > ", "no comparison"),
        ("alpha => 1", "no comparison"),
        ("alpha > beta", "neither a number"),
    ):
        with pytest.raises(TypeError, match=message):

            @xact.activation(tex="x", requires=(text,))
            def planted(x, /, alpha=1.0, *, xp):
                return alpha * x


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "name", ["leaky_relu", "prelu", "general_relu", "dual_line", "srelu", "eswish", "swish", "elu"]
)
def test_a_factor_of_0_and_an_infinity(name: str, library: str) -> None:
    """0, the limit: in no library the product, which is NaN."""
    pytest.importorskip(library)
    activation = xact.get(name)
    parameters: Any = {"srelu": {"a_l": 0.0}, "dual_line": {"alpha": 0.0, "m": 0.0}, "eswish": {"beta": 0.0}}.get(name)
    label = next(iter(activation.defaults))
    parameters = parameters or {label: 0.0}
    x = np.array([-INF, -1e38, -1.0], "float32")
    got = evaluate(library, activation, {"x": x}, parameters)
    np.testing.assert_array_equal(got, x / 2 if name == "swish" else 0 * np.ones(3))
    slope = evaluate(library, activation, {"x": x}, parameters, "x")
    np.testing.assert_array_equal(slope, np.full(3, 0.5 if name == "swish" else 0.0))


# What is left of a function where a parameter is 0, and of its derivative; inputs from which a square underflows.
NEAR = np.array(
    [-INF, -1e38, -1e16, -3, -0.5, -1e-22, -1e-30, -0.0, 0.0, 1e-30, 1e-22, 0.3, 2.5, 1e16, 1e20, 1e38, INF]
)


def _silu(x: np.ndarray) -> np.ndarray:
    z = np.clip(x, -700, 700)
    return np.where(x > 700, x, z / (1 + np.exp(-z)))


def _silu_slope(x: np.ndarray) -> np.ndarray:
    z = np.clip(x, -700, 700)
    s = 1 / (1 + np.exp(-z))
    return s * (1 + z * (1 - s))


IDENTITY = (lambda x: x, np.ones_like)
ZERO = (np.zeros_like, np.zeros_like)
SILU = (_silu, _silu_slope)
AT_ZERO: dict[tuple[str, str], Any] = {
    ("squareplus", "b"): (lambda x: np.maximum(x, 0), lambda x: (np.sign(x) + 1) / 2),
    ("isru", "alpha"): IDENTITY,
    ("isrlu", "alpha"): IDENTITY,
    ("snake", "alpha"): IDENTITY,
    ("sinlu", "a"): SILU,
    ("sinlu", "b"): SILU,
    ("star_relu", "scale"): (lambda x: np.full_like(x, -0.4472135954999579), np.zeros_like),
    ("beta_mish", "beta"): ZERO,
    ("pserf", "gamma"): ZERO,
    ("erf_act", "alpha"): ZERO,
    ("pelu", "a"): ZERO,
}


@pytest.mark.parametrize(("name", "label"), AT_ZERO)
def test_an_array_of_0(name: str, label: str) -> None:
    activation = xact.get(name)
    for wrt, limit in zip(("", "x"), AT_ZERO[name, label], strict=True):
        f = xact.derivative(activation, wrt) if wrt else activation
        for shape in ((1,), NEAR.shape):
            got = f(NEAR, **{label: np.zeros(shape if "axis" not in activation.defaults else 1)})
            np.testing.assert_allclose(got, limit(NEAR), rtol=1e-15, atol=1e-30)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("name", "label"), AT_ZERO)
def test_a_parameter_of_0(name: str, label: str, dtype: str, library: str) -> None:
    """The limit, in the value and in the derivative."""
    pytest.importorskip(library)
    activation = xact.get(name)
    with np.errstate(over="ignore"):
        x = NEAR.astype(dtype)
    for zero in (0.0, -0.0, 0):
        for wrt, limit in zip(("", activation.arrays[0]), AT_ZERO[name, label], strict=True):
            got = evaluate(library, activation, {"x": x}, {label: zero}, wrt)
            exact = limit(np.float64(x)).astype(dtype)
            np.testing.assert_allclose(got, exact, rtol=np.finfo(dtype).eps, atol=1e-30)
