"""Exact results, grids, budgets and libraries for the tests of the special functions."""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from xact.special import namespace

flint = pytest.importorskip("flint")
arb = flint.arb

DTYPES = ("float32", "float64")


def sigma(x):
    return 1 / (1 + (-x).exp())


def distribution(x):
    return (-x / arb(2).sqrt()).erfc() / 2


def density(x):
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def mish_derivative(x):
    t = (1 + x.exp()).log().tanh()
    return t + x * sigma(x) * (1 - t * t)


def tanh_exp_derivative(x):
    t = x.exp().tanh()
    return t + x * x.exp() * (1 - t * t)


def elish_derivative(x):
    e = x.exp()
    return e * (e * (e + 2) - 1) / (1 + e) ** 2 if x < 0 else sigma(x) * (1 + x * sigma(-x))


def gelu_sigmoid_derivative(x):
    y = arb("1.702") * x
    return sigma(y) * (1 + y * sigma(-y))


def gelu_tanh_argument(x):
    return 2 * (2 / arb.pi()).sqrt() * (x + arb("0.044715") * x**3)


def gelu_tanh_derivative(x):
    y = gelu_tanh_argument(x)
    slope = 2 * (2 / arb.pi()).sqrt() * (1 + 3 * arb("0.044715") * x * x)
    return sigma(y) * (1 + x * slope * sigma(-y))


def mish_second_derivative(x):
    t, s = (1 + x.exp()).log().tanh(), sigma(x)
    return (1 - t * t) * s * (2 + x * (1 - s - 2 * t * s))


def gelu_tanh_second_derivative(x):
    y, a = gelu_tanh_argument(x), 2 * (2 / arb.pi()).sqrt()
    slope, bend = a * (1 + 3 * arb("0.044715") * x * x), a * 6 * arb("0.044715") * x
    return sigma(y) * sigma(-y) * (2 * slope + x * bend + x * slope**2 * (1 - 2 * sigma(y)))


@dataclass(frozen=True)
class Case:
    truth: Any
    left: float  # the limits at -inf and inf; None: not defined there
    right: float
    arity: int = 1
    odd: bool = False
    small: float = 0.0  # times the smallest normal number: below, an e^x inside the formula may be flushed
    kinks: tuple = ()  # where formulas meet or the function is 0


INF = math.inf
CASES = {
    "erf": Case(lambda x: x.erf(), -1, 1, odd=True, kinks=(0.5,)),
    "erf_derivative": Case(lambda x: (-x * x).exp() * 2 / arb.pi().sqrt(), 0, 0),
    "erfc": Case(lambda x: x.erfc(), 2, 0),
    "gelu_sigmoid": Case(lambda x: x * sigma(arb("1.702") * x), 0, INF, small=750),
    "gelu_sigmoid_derivative": Case(gelu_sigmoid_derivative, 0, 1, small=1500, kinks=(-0.7511542554883911,)),
    "gelu_tanh": Case(lambda x: x * sigma(gelu_tanh_argument(x)), 0, INF, small=22),
    "gelu_tanh_derivative": Case(gelu_tanh_derivative, 0, 1, small=2300, kinks=(-0.752461422071016, -1.75, -0.3125)),
    "elish_derivative": Case(elish_derivative, 0, 1, small=750, kinks=(-0.881373587019543, -1.15)),
    "gelu_tanh_second_derivative": Case(gelu_tanh_second_derivative, 0, 0, small=12000, kinks=(1.4185040087908283,)),
    "expm1": Case(lambda x: x.expm1(), -1, None, kinks=(0.7, -0.7)),
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
    "x_normal_cdf_second_derivative": Case(lambda x: density(x) * (2 - x * x), 0, 0, small=1600, kinks=(2**0.5,)),
    "x_sigmoid": Case(lambda x: x * sigma(x), 0, INF, arity=2, small=750),
    "x_sigmoid_derivative": Case(
        lambda x: sigma(x) * (1 + x * sigma(-x)), 0, 1, arity=2, small=750, kinks=(-1.2784645427610738,)
    ),
    "x_tanh_exp": Case(lambda x: x * x.exp().tanh(), 0, INF, small=750),
    "x_tanh_exp_derivative": Case(tanh_exp_derivative, 0, 1, small=750, kinks=(-1.0788600584646240, 0.405465)),
    "x_tanh_softplus": Case(lambda x: x * (1 + x.exp()).log().tanh(), 0, INF, small=750),
    "x_tanh_softplus_derivative": Case(mish_derivative, 0, 1, small=750, kinks=(-1.192411210345,)),
    "x_tanh_softplus_second_derivative": Case(
        mish_second_derivative, 0, 0, small=1500, kinks=(1.4905711794854284, -2.256376396360793)
    ),
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
def neighbours(name, dtype, count):
    """The exact results (high, low) for the inputs and for those `count` ULP below and above."""
    x, high, low = exact(name, dtype)
    pairs = [(high, low)]
    for end in (-INF, INF):
        beside = x
        for _ in range(count):
            beside = np.nextafter(beside, x.dtype.type(end))
        pairs.append(np.array([evaluate(CASES[name].truth, float(v)) for v in beside]).T)
    return np.stack(pairs, axis=1)


def ulp(value, dtype):
    info = np.finfo(dtype)
    return np.exp2(np.maximum(np.frexp(value)[1] - 1 - info.nmant, info.minexp - info.nmant))


def error_of(result, high, low, dtype, small=2):
    """Distances in ULP from the exact result, or from the interval of several (along the first axis)."""
    high, low = np.atleast_2d(high), np.atleast_2d(low)
    with np.errstate(invalid="ignore", over="ignore"):  # both may have overflowed
        signed = np.where(result == high, -low, (result.astype(np.float64) - high) - low)
    outside = np.all(signed > 0, axis=0) | np.all(signed <= 0, axis=0)
    error = np.where(outside, np.min(np.abs(signed), axis=0), 0)
    error = np.where(np.isnan(result), INF, error)
    counts = np.abs(high[0]) >= np.finfo(dtype).tiny * max(small, 2)
    overflowed = np.isinf(result) & (np.abs(high[0]) >= np.finfo(dtype).max)
    return np.where(counts & ~overflowed, error / ulp(np.where(overflowed, 1, high[0]), dtype), 0)


def budget(function):
    """(float32, float64) ULP and how many ULP of the input count beside them, from the docstring."""
    text = " ".join(function.__doc__.split())
    single, double = re.search(r"([\d.]+) / ([\d.]+) ULP", text).groups()
    beside = re.search(r"beside the changes? that (\d+) ULP", text)
    return {"float32": float(single), "float64": float(double)}, int(beside[1]) if beside else 0


# ---- libraries


class Plain:
    """A library whose functions are called as they are."""

    def __init__(self, name):
        self.library = pytest.importorskip(name)
        native = {"max": self.library.amax} if name == "torch" else {}
        self.xp = namespace.Namespace(self.library, **native)

    def context(self):
        return np.errstate(all="ignore")

    def array(self, x):
        return x if isinstance(x, float) else self.library.asarray(x)

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
        function = lambda *arrays: getattr(self.xp, name)(*arrays, **options)
        with self.context():
            return np.asarray(self.compiler.jit(function)(*map(self.array, arrays)))


LIBRARIES = {"numpy": Plain, "torch": Plain, "jax": Traced, "array_api_strict": Plain}


@cache
def load(name):
    return LIBRARIES[name](name)


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
        summed = lambda leaf: xp.sum(function(xp, leaf))
        return np.asarray(compiler.jit(compiler.grad(summed))(xp.asarray(x)))
