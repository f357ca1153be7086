"""The special functions against arbitrary precision: errors, limits, signs of zero, automatic differentiation.

The budgets are those the docstrings state, "Error: 1.5 / 1.2 ULP" for float32 and float64; "beside the change ..." means
that the exact result may also be that of an input 1 ULP away. Errors at results below the smallest normal number, and
at results that are products of an e^x below it, do not count.
"""

import inspect
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

import coefficients
from xact import special

flint = pytest.importorskip("flint")
arb = flint.arb

DTYPES = ("float32", "float64")


# ---- truth


def sigma(x):
    return 1 / (1 + (-x).exp())


def distribution(x):
    return (-x / arb(2).sqrt()).erfc() / 2


def density(x):
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def mish_derivative(x):
    t = (1 + x.exp()).log().tanh()
    return t + x * sigma(x) * (1 - t * t)


def gelu_tanh_argument(x):
    return 2 * (2 / arb.pi()).sqrt() * (x + arb("0.044715") * x**3)


def gelu_tanh_derivative(x):
    y = gelu_tanh_argument(x)
    slope = 2 * (2 / arb.pi()).sqrt() * (1 + 3 * arb("0.044715") * x * x)
    return sigma(y) * (1 + x * slope * sigma(-y))


@dataclass(frozen=True)
class Case:
    truth: Any
    left: float  # the limits at -inf and inf; None: not defined there
    right: float
    arity: int = 1
    odd: bool = False
    small: float = 0.0  # results of this size times the range's end are products with an e^x that may be flushed
    kinks: tuple = ()  # where formulas meet or the function is 0


INF = math.inf
CASES = {
    "erf": Case(lambda x: x.erf(), -1, 1, odd=True, kinks=(0.5,)),
    "erfc": Case(lambda x: x.erfc(), 2, 0),
    "gelu_tanh": Case(lambda x: x * sigma(gelu_tanh_argument(x)), 0, INF, small=20),
    "gelu_tanh_derivative": Case(gelu_tanh_derivative, 0, 1, small=700, kinks=(-0.7524614220710162, -0.5, -1)),
    "log1mexp": Case(lambda x: (-(-x).expm1()).log(), None, 0, kinks=(0.7,)),
    "log_cosh": Case(lambda x: x.cosh().log(), INF, INF, kinks=(1,)),
    "log_sigmoid": Case(lambda x: -(-x).exp().log1p(), -INF, 0),
    "logistic_pdf": Case(lambda x: sigma(x) * sigma(-x), 0, 0),
    "normal_cdf": Case(distribution, 0, 1),
    "normal_pdf": Case(density, 0, 0),
    "sigmoid": Case(sigma, 0, 1),
    "softplus": Case(lambda x: x.exp().log1p(), 0, INF),
    "tanh": Case(lambda x: x.tanh(), -1, 1, odd=True, kinks=(1,)),
    "tanhshrink": Case(lambda x: x - x.tanh(), -INF, INF, odd=True, kinks=(1,)),
    "x_normal_cdf": Case(lambda x: x * distribution(x), 0, INF),
    "x_normal_cdf_derivative": Case(
        lambda x: distribution(x) + x * density(x), 0, 1, small=40, kinks=(-0.7517915246935645,)
    ),
    "x_sigmoid": Case(lambda x: x * sigma(x), 0, INF, arity=2, small=750),
    "x_sigmoid_derivative": Case(
        lambda x: sigma(x) * (1 + x * sigma(-x)), 0, 1, arity=2, small=750, kinks=(-1.2784645427610738,)
    ),
    "x_tanh_softplus": Case(lambda x: x * (1 + x.exp()).log().tanh(), 0, INF, small=750),
    "x_tanh_softplus_derivative": Case(mish_derivative, 0, 1, small=750, kinks=(-1.192411210345,)),
}


def evaluate(truth, x):
    """The truth as an unevaluated sum of two float64, right to 90 bits."""
    for bits in (150, 600, 3000, 12000):
        flint.ctx.prec = bits
        value = truth(arb(x))
        if value.rel_accuracy_bits() > 90 or abs(value) < arb(2) ** -1200:
            high = float(value.mid())
            return high, float((value - high).mid())
    raise ArithmeticError(f"no convergence at {x}")


def grid(dtype, kinks=()):
    """Every exponent of both signs up to 2^20, a dense middle, the neighbours of special points."""
    random = np.random.default_rng(0)
    tiny = math.frexp(np.finfo(dtype).tiny)[1] + 1
    exponents = np.repeat(np.arange(tiny, 21), 2 if dtype == "float32" else 1)
    magnitudes = np.ldexp(random.uniform(0.5, 1, exponents.size), exponents)
    edge = 105 if dtype == "float32" else 750
    parts = [magnitudes, -magnitudes, np.linspace(-20, 20, 1201), random.uniform(-edge, edge, 300), [0.0]]
    for kink in kinks:
        near = kink + np.ldexp([-1, 1], -np.arange(2, np.finfo(dtype).nmant + 2)[:, None]).ravel()
        parts += [near, -near]
    return np.unique(np.concatenate(parts).astype(dtype))


@cache
def exact(name, dtype):
    case = CASES[name]
    x = grid(dtype, case.kinks)
    if case.left is None:
        x = x[x > 0]
    high, low = np.array([evaluate(case.truth, float(v)) for v in x]).T
    return x, high, low


@cache
def neighbours(name, dtype):
    """The exact results (high, low) for the inputs and for those 1 ULP below and above."""
    x, high, low = exact(name, dtype)
    pairs = [(high, low)]
    for end in (-INF, INF):
        pairs.append(np.array([evaluate(CASES[name].truth, float(v)) for v in np.nextafter(x, x.dtype.type(end))]).T)
    return np.stack(pairs, axis=1)


def ulp(value, dtype):
    info = np.finfo(dtype)
    return np.exp2(np.maximum(np.frexp(value)[1] - 1 - info.nmant, info.minexp - info.nmant))


def error_of(result, high, low, dtype, small=2):
    """Distances in ULP from the exact result, or from the interval of several (along the first axis)."""
    high, low = np.atleast_2d(high), np.atleast_2d(low)
    signed = (result.astype(np.float64) - high) - low
    error = np.where(np.all(signed > 0, axis=0) | np.all(signed <= 0, axis=0), np.min(np.abs(signed), axis=0), 0)
    error = np.where(np.isnan(result), INF, error)
    counts = np.abs(high[0]) >= np.finfo(dtype).tiny * max(small, 2)
    return np.where(counts, error / ulp(high[0], dtype), 0)


def budget(function):
    """(float32, float64) ULP and whether neighbours count, from the docstring."""
    text = " ".join(function.__doc__.split())
    single, double = re.search(r"([\d.]+) / ([\d.]+) ULP", text).groups()
    return {"float32": float(single), "float64": float(double)}, "beside the change" in text


# ---- libraries


class Plain:
    """A library whose functions are called as they are."""

    def __init__(self, name):
        self.library = pytest.importorskip(name)
        native = {"max": self.library.amax} if name == "torch" else {}
        self.xp = special.Namespace(self.library, **native)

    def context(self):
        return np.errstate(all="ignore")

    def array(self, x):
        return self.library.asarray(x)

    def __call__(self, name, *arrays, **options):
        with self.context():
            result = getattr(self.xp, name)(*map(self.array, arrays), **options)
            return np.asarray(result)


class Traced(Plain):
    """A library whose functions are compiled."""

    def __init__(self, name):
        self.compiler = pytest.importorskip(name)
        super().__init__(f"{name}.numpy")

    def context(self):
        return self.compiler.enable_x64(True)

    def __call__(self, name, *arrays, **options):
        function = lambda *arrays: getattr(self.xp, name)(*arrays, **options)  # noqa: E731
        with self.context():
            return np.asarray(self.compiler.jit(function)(*map(self.array, arrays)))


LIBRARIES = {"numpy": Plain, "torch": Plain, "jax": Traced, "array_api_strict": Plain}


@cache
def load(name):
    return LIBRARIES[name](name)


@pytest.fixture(params=LIBRARIES)
def library(request):
    return load(request.param)


# ---- elementwise functions


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_error(library, name, dtype):
    case = CASES[name]
    budgets, neighbour = budget(special.GENERIC[name])
    x, high, low = exact(name, dtype)
    result = library(name, *[x] * case.arity)
    assert result.dtype == x.dtype
    if neighbour:
        high, low = neighbours(name, dtype)
    error = error_of(result, high, low, dtype, case.small)
    worst = np.argmax(error)
    assert error[worst] <= budgets[dtype], f"{error[worst]:.2f} ULP at {x[worst]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_ends(library, name, dtype):
    case = CASES[name]
    largest = np.finfo(dtype).max
    x = np.array([-INF, -largest, -1e20, 1e20, largest, INF, np.nan], dtype)
    result = library(name, *[x] * case.arity)
    assert np.isnan(result[-1])
    for index, limit in enumerate([case.left] * 3 + [case.right] * 3):
        if limit is None:
            continue
        if math.isinf(limit) and np.isfinite(x[index]):
            limit = math.copysign(x[index], limit)
        assert result[index] == np.asarray(limit, dtype), f"{result[index]} at {x[index]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.odd])
def test_zero_keeps_its_sign(library, name, dtype):
    result = library(name, np.array([-0.0, 0.0], dtype))
    assert list(np.signbit(result)) == [True, False] and not result.any()


def test_x_sigmoid_of_two_arrays(library):
    x = np.array([INF, -INF, 3.0, -1e30, INF])
    y = np.array([-INF, -INF, 0.0, -1e30, INF])
    assert list(library("x_sigmoid", x, y)) == [0, 0, 1.5, 0, INF]


# ---- rows


def rows(dtype):
    """Rows of 24: wide and narrow, an almost certain entry, equal entries, huge entries."""
    random = np.random.default_rng(1)
    spread = random.choice([0.1, 1, 5, 20, 60], (150, 1))
    x = random.normal(size=(150, 24)) * spread + random.choice([0, 10, 1000], (150, 1))
    x[:20, 3] += 50
    x[20:30] = np.round(x[20:30])
    x[30] = 7
    x[31, ::2] = -INF
    x[32, 0], x[32, 1] = np.finfo(dtype).max, -np.finfo(dtype).max
    return x.astype(dtype)


@cache
def exact_rows(name, dtype):
    flint.ctx.prec = 400
    high, low = [], []
    for row in rows(dtype):
        numbers = [arb(float(v)) for v in row if v > -INF]
        largest = max(numbers, key=float)
        exponentials = [(v - largest).exp() for v in numbers]
        total = sum(exponentials)
        logarithm = (total - 1).log1p()
        values = iter(
            [e / total for e in exponentials] if name == "softmax" else [v - largest - logarithm for v in numbers]
        )
        limit = 0.0 if name == "softmax" else -INF
        sums = [next(values) if v > -INF else None for v in row]
        high.append([limit if s is None else float(s.mid()) for s in sums])
        low.append([0.0 if s is None else float((s - float(s.mid())).mid()) for s in sums])
    return np.array(high), np.array(low)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_error_of_rows(library, name, dtype):
    high, low = exact_rows(name, dtype)
    x = rows(dtype)
    limits, _ = budget(special.GENERIC[name])
    for axis, values in ((-1, x), (0, x.T)):
        result = library(name, np.ascontiguousarray(values), axis=axis)
        assert result.dtype == x.dtype
        result = result if axis == -1 else result.T
        equal = result == high.astype(dtype)
        values = [np.where(equal, 0, v).ravel() for v in (result, high, low)]
        error = error_of(*values, dtype)
        assert error.max() <= limits[dtype], f"{error.max():.2f} ULP"


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends_of_rows(library, dtype):
    x = np.array([[1, INF, INF], [-INF, -INF, -INF], [-INF, 2, -INF], [np.nan, 1, 2]], dtype)
    expected = [[0, 0.5, 0.5], [np.nan] * 3, [0, 1, 0], [np.nan] * 3]
    np.testing.assert_array_equal(library("softmax", x, axis=-1), np.array(expected, dtype))
    expected = [[-INF, -math.log(2), -math.log(2)], [np.nan] * 3, [-INF, 0, -INF], [np.nan] * 3]
    np.testing.assert_allclose(library("log_softmax", x, axis=-1), np.array(expected, dtype), rtol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_shapes_of_rows(library, name):
    one = 1.0 if name == "softmax" else 0.0
    assert np.all(library(name, np.ones((3, 1)), axis=-1) == one)
    for shape in ((0, 4), (4, 0), (2, 0, 3)):
        assert library(name, np.ones(shape), axis=1).shape == shape
    x = np.random.default_rng(2).normal(size=(2, 3, 4, 5))
    for axis in range(-4, 4):
        expected = np.moveaxis(library(name, np.moveaxis(x, axis, -1), axis=-1), -1, axis)
        np.testing.assert_allclose(library(name, x, axis=axis), expected, rtol=1e-14)


# ---- automatic differentiation


def finite(name, dtype):
    x = grid(dtype, CASES[name].kinks)
    largest = np.finfo(dtype).max
    x = np.concatenate([x, np.array([-largest, -1e30, -1e10, 1e10, 1e30, largest], dtype)])
    return x[x > 0] if CASES[name].left is None else x


def gradient(autodiff, function, x):
    """The derivative of the sum of `function` by the library `autodiff`."""
    if autodiff == "torch":
        torch = pytest.importorskip("torch")
        leaf = torch.tensor(x, requires_grad=True)
        function(load("torch").xp, leaf).sum().backward()
        return leaf.grad.numpy()
    compiler = pytest.importorskip(autodiff)
    xp = load(autodiff).xp
    with compiler.enable_x64(True):
        summed = lambda leaf: xp.sum(function(xp, leaf))  # noqa: E731
        return np.asarray(compiler.jit(compiler.grad(summed))(xp.asarray(x)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_is_a_number(autodiff, name, dtype):
    x = finite(name, dtype)
    result = gradient(autodiff, lambda xp, leaf: getattr(xp, name)(*[leaf] * CASES[name].arity), x)
    assert not np.isnan(result).any(), f"NaN at {x[np.isnan(result)][:5]}"


@pytest.mark.parametrize("name, expected", [
    ("sigmoid", 0.25), ("softplus", 0.5), ("log_sigmoid", 0.5), ("logistic_pdf", 0), ("tanh", 1), ("tanhshrink", 0),
    ("erf", 2 / math.sqrt(math.pi)), ("erfc", -2 / math.sqrt(math.pi)), ("normal_cdf", 1 / math.sqrt(2 * math.pi)),
    ("normal_pdf", 0), ("x_normal_cdf", 0.5), ("x_normal_cdf_derivative", 2 / math.sqrt(2 * math.pi)),
    ("gelu_tanh", 0.5), ("gelu_tanh_derivative", 2 / math.sqrt(2 * math.pi)), ("log_cosh", 0),
    ("x_tanh_softplus", 0.6), ("x_tanh_softplus_derivative", 0.64), ("x_sigmoid", 0.5), ("x_sigmoid_derivative", 0.5),
])  # fmt: skip
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_at_zero(autodiff, name, expected):
    result = gradient(autodiff, lambda xp, leaf: getattr(xp, name)(*[leaf] * CASES[name].arity), np.zeros(1))
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_gradient_of_rows(autodiff, name):
    x = np.array([[1.0, 2, 2, 0.5], [3, 1, 0, -4], [1e30, -1e30, 0, 5]])
    w = np.array([0.3, -1, 2, 0.7])
    y = load("numpy")("softmax", x, axis=-1)
    total = np.sum(w * (y if name == "softmax" else 1), axis=-1, keepdims=True)
    expected = y * (w - total) if name == "softmax" else w - y * total

    def weighted(xp, leaf):
        return getattr(xp, name)(leaf, axis=-1) * xp.asarray(w)

    np.testing.assert_allclose(gradient(autodiff, weighted, x), expected, rtol=1e-12, atol=1e-15)


# ---- the house


@pytest.mark.parametrize("family", coefficients.FITS)
def test_coefficients(family):
    module = getattr(special, family)
    stored = {name for name, value in vars(module).items() if isinstance(value, tuple)}
    assert stored == set(coefficients.FITS[family])
    for name, function in coefficients.FITS[family].items():
        for precision in coefficients.BITS:
            stored = getattr(getattr(module, name), precision)
            assert tuple(coefficients.nearest(c, precision) for c in stored) == function(precision), name


@pytest.mark.parametrize("name", special.GENERIC)
def test_docstring(name):
    text = inspect.getdoc(special.GENERIC[name])
    assert "Error: " in text and "Source: " in text


def test_every_function_is_measured():
    assert set(special.GENERIC) == set(CASES) | {"softmax", "log_softmax"}


def test_namespace():
    xp = special.Namespace(math, erf=math.erf)
    assert xp.erf is math.erf
    assert xp.tanh.func is special.GENERIC["tanh"]
    assert xp.floor is math.floor
    with pytest.raises(AttributeError):
        xp.nothing
