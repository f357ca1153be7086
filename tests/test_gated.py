"""Gated activations against formulas written independently: layouts, limits, errors."""

import copy
import json
import pickle

import numpy as np
import pytest

import xact
from xact import _check
from xact.testing import truth

GATES = [name for name in xact.names() if xact.get(name).layout]
PLAIN = [one for one in map(xact.get, xact.names()) if one.elementwise and one.plain]
LAYOUTS = ("gate_first", "value_first", "interleaved")
LIBRARIES = ("numpy", "jax", "torch")
INF = float("inf")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh_gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


REFERENCES = {
    "bilinear": lambda gate, value: gate * value,
    "glu": lambda gate, value: value * sigmoid(gate),
    "gtu": lambda gate, value: np.tanh(value) * sigmoid(gate),
    "reglu": lambda gate, value: np.maximum(gate, 0) * value,
    "swiglu": lambda gate, value: gate * sigmoid(gate) * value,
    "mul_and_silu": lambda gate, value: gate * sigmoid(gate) * value,
    "geglu('tanh')": lambda gate, value: tanh_gelu(gate) * value,
    "fatrelu_glu(0.5)": lambda gate, value: np.where(gate > 0.5, gate, 0) * value,
    "swiglu_oai(1.702, 2.0)": lambda gate, value: (
        (np.clip(value, -2, 2) + 1) * np.minimum(gate, 2) * sigmoid(1.702 * np.minimum(gate, 2))
    ),
    "swiglu_step(1.5)": lambda gate, value: np.minimum(gate * sigmoid(gate), 1.5) * np.clip(value, -1.5, 1.5),
    "swiglu_clamp(2.0)": lambda gate, value: np.minimum(gate, 2) * sigmoid(np.minimum(gate, 2)) * np.clip(value, -2, 2),
}


def pair(seed=0, shape=(3, 4)):
    random = np.random.default_rng(seed)
    return {name: random.uniform(-4, 4, shape) for name in ("gate", "value")}


def in_order(gate, arrays):
    return [arrays[name] for name in gate.arrays]


def packed(arrays, layout, axis=-1):
    gate, value = arrays["gate"], arrays["value"]
    if layout == "interleaved":
        stacked = np.stack([gate, value], axis=axis % gate.ndim + 1)
        shape = tuple(2 * n if i == axis % gate.ndim else n for i, n in enumerate(gate.shape))
        return stacked.reshape(shape)
    return np.concatenate([gate, value] if layout == "gate_first" else [value, gate], axis=axis)


def converted(array, library):
    if library == "numpy":
        return array
    if library == "jax":
        import jax.numpy as jnp

        return jnp.asarray(array)
    import torch

    return torch.tensor(array)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("spec", REFERENCES)
def test_reference(spec, library):
    gate, arrays = xact.get(spec), pair()
    got = gate(*[converted(array, library) for array in in_order(gate, arrays)])
    np.testing.assert_allclose(np.asarray(got), REFERENCES[spec](**arrays), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", GATES)
def test_layouts(name, layout, axis):
    gate, arrays = xact.get(name), pair()
    two = gate(*in_order(gate, arrays))
    one = packed(arrays, layout, axis)
    np.testing.assert_array_equal(gate(one, axis=axis, layout=layout), two)
    if axis == -1 and layout == gate.layout:
        np.testing.assert_array_equal(gate(one), two)
    dy = np.random.default_rng(1).normal(size=two.shape)
    parts = dict(zip(gate.arrays, xact.vjp(gate, *in_order(gate, arrays))[1](dy), strict=True))
    whole = xact.vjp(gate, one, axis=axis, layout=layout)[1](dy)[0]
    np.testing.assert_array_equal(whole, packed(parts, layout, axis))


@pytest.mark.needs("jax", "torch")
@pytest.mark.parametrize("name", GATES)
def test_gradients(name):
    import jax
    import jax.numpy as jnp
    import torch

    gate = xact.get(name)
    arrays = in_order(gate, pair(2))
    dy = np.random.default_rng(3).normal(size=(3, 4))
    expected = xact.vjp(gate, *arrays)[1](dy)
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    gate(*leaves).backward(torch.tensor(dy))
    pulled = jax.vjp(gate, *map(jnp.asarray, arrays))[1](jnp.asarray(dy))
    for ours, leaf, theirs in zip(expected, leaves, pulled, strict=True):
        np.testing.assert_allclose(leaf.grad, ours, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(theirs, ours, rtol=1e-13, atol=1e-15)
    assert torch.autograd.gradcheck(gate, leaves)
    assert torch.autograd.gradgradcheck(gate, leaves)


@pytest.mark.needs("torch")
def test_torch_equals():
    import torch
    from torch.nn import functional as F

    a, b = torch.randn(5, 6, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    both = torch.cat([a, b], -1)
    torch.testing.assert_close(xact.glu(both), F.glu(both))
    torch.testing.assert_close(xact.geglu(both), F.gelu(a) * b)
    torch.testing.assert_close(xact.geglu(both, approximate="tanh"), F.gelu(a, approximate="tanh") * b)
    torch.testing.assert_close(xact.seglu(both), F.selu(a) * b)
    torch.testing.assert_close(xact.reglu(both), F.relu(a) * b)
    torch.testing.assert_close(xact.swiglu(both), F.silu(a) * b)
    torch.testing.assert_close(xact.mul_and_silu(both), a * F.silu(b))
    torch.testing.assert_close(xact.fatrelu_glu(both, 0.2), F.threshold(a, 0.2, 0.0) * b)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", ["swiglu_oai", "swiglu_clamp"])
def test_clamps_pass_the_gradient_at_their_ends(name):
    """As torch.clamp does."""
    import torch

    gate = xact.get(name)
    limit = gate.defaults["limit"]
    g = torch.tensor([limit, limit + 1, 1.0, 1.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, 1.0, limit, -limit - 1], dtype=torch.float64, requires_grad=True)
    gate(g, v).sum().backward()
    assert (g.grad != 0).tolist() == [True, False, True, True]
    assert (v.grad != 0).tolist() == [True, True, True, False]


def test_swiglu_clamp_contains_swiglu_oai():
    x = pair()
    one, other = xact.swiglu_oai(*x.values()), xact.swiglu_clamp(*x.values(), limit=7.0, alpha=1.702, beta=1.0)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["swiglu", "geglu", "reglu", "seglu", "swiglu_oai", "swiglu_step", "swiglu_clamp"])
def test_limits(name):
    gate = xact.get(name)
    y = gate(np.array([-INF, np.nan, 1.0]), np.array([2.0, 2.0, np.nan]))
    left = 2 * xact.get("selu")(np.array(-INF)) if name == "seglu" else 0
    np.testing.assert_allclose(y[0], left)
    assert np.all(np.isnan(y[1:]))
    top = gate(np.array([INF]), np.array([2.0]))
    assert not np.isnan(top).any()


# The unit of any activation


@pytest.mark.parametrize(
    ("inner", "named"),
    [("relu", "reglu"), ("gelu", "geglu"), ("silu", "swiglu"), ("selu", "seglu"), ("sigmoid", "glu")],
)
def test_gated_equals_the_named_units(inner, named):
    unit, gate = xact.gated(inner), xact.get(named)
    arrays, dy = pair(4), np.random.default_rng(5).normal(size=(3, 4))
    got, pullback = xact.vjp(unit, arrays["gate"], arrays["value"])
    expected, other = xact.vjp(gate, *in_order(gate, arrays))
    np.testing.assert_allclose(got, expected, rtol=1e-15)
    named_parts = dict(zip(gate.arrays, other(dy), strict=True))
    for name, part in zip(("gate", "value"), pullback(dy), strict=True):
        np.testing.assert_allclose(part, named_parts[name], rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("inner", ["mish", "leaky_relu(0.3)", "hardtanh", {"name": "gelu", "approximate": "tanh"}])
def test_gated_is_an_activation(inner):
    unit = xact.gated(inner, layout="interleaved")
    x = packed(pair(6), "interleaved")
    expected = xact.get(inner)(x[:, ::2]) * x[:, 1::2]
    for one in (
        unit,
        pickle.loads(pickle.dumps(unit)),
        copy.deepcopy(unit),
        xact.get(json.loads(json.dumps(unit.spec))),
    ):
        assert one == unit
        np.testing.assert_array_equal(one(x), expected)
    along = unit.replace(axis=0)
    assert along != unit
    assert pickle.loads(pickle.dumps(along)) == along == xact.get(along.spec)
    np.testing.assert_array_equal(along(x.T), expected.T)
    assert unit.name not in xact.names()


def test_gated_takes_parameters():
    x = packed(pair(7), "gate_first")
    np.testing.assert_array_equal(xact.gated("elu", alpha=0.5)(x), xact.gated("elu(0.5)")(x))
    with pytest.raises(TypeError, match="no argument"):
        xact.gated("elu", beta=1)


@pytest.mark.needs("torch", "jax")
def test_gated_in_torch_and_jax():
    import jax
    import jax.numpy as jnp
    import torch

    from xact import nn

    unit = xact.gated("mish")
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    module = nn.Activation(unit)
    torch.testing.assert_close(module(x), torch.nn.functional.mish(x[:, :4]) * x[:, 4:])
    assert pickle.loads(pickle.dumps(module))(x).equal(module(x))
    assert torch.autograd.gradcheck(module, x)
    compiled = torch.compile(unit, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), unit(x))
    array = jnp.asarray(x.detach().numpy())
    got = jax.jit(jax.grad(lambda a: unit(a).sum()))(array)
    (expected,) = torch.autograd.grad(unit(x).sum(), x)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("inner", ["softmax", "glu", "rrelu", "threshold"])
def test_gated_refuses(inner):
    with pytest.raises(TypeError, match="gated: "):
        xact.gated(inner)


@pytest.mark.parametrize("inner", ["mish", "silu", "gelu", "relu"])
def test_tex_of_gated(inner):
    arrays = pair(8)
    exact = truth.values(xact.gated(inner).tex, arrays, {"approximate": "none"})
    np.testing.assert_allclose(xact.gated(inner)(arrays["gate"], arrays["value"]), exact.high, rtol=1e-14)


@pytest.mark.parametrize("inner", PLAIN, ids=repr)
def test_units_pass_the_check_of_definitions(inner):
    assert _check.check(xact.gated(inner), declared=False)


def test_errors():
    x = np.ones((2, 3))
    with pytest.raises(xact.ShapeError, match="even"):
        xact.reglu(x)
    with pytest.raises(xact.ShapeError, match="one shape"):
        xact.reglu(x, x[:1])
    with pytest.raises(ValueError, match="layout"):
        xact.reglu(np.ones(4), layout="first")
    with pytest.raises(xact.AxisError):
        xact.reglu(np.ones(4), axis=1)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_sparse_geglu_is_that_of_gemma(approximate):
    import torch

    arrays = np.random.default_rng(0).normal(size=(2, 4, 32))
    gate, value = (torch.tensor(array).requires_grad_() for array in arrays)
    quantile = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(0.75, dtype=torch.float64))
    cut = gate.mean(-1, keepdim=True) + quantile * gate.std(-1, keepdim=True, unbiased=False)
    expected = torch.nn.functional.gelu(torch.relu(gate - cut), approximate=approximate) * value
    f = xact.geglu_sparse.replace(sparsity=0.75, approximate=approximate)
    torch.testing.assert_close(f(gate, value), expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(f(torch.cat([gate, value], -1)), expected, rtol=1e-12, atol=1e-14)
    dy = torch.linspace(-1, 2, 128, dtype=torch.float64).reshape(4, 32)
    for got, exact in zip(
        torch.autograd.grad(f(gate, value), (gate, value), dy),
        torch.autograd.grad(expected, (gate, value), dy),
        strict=True,
    ):
        torch.testing.assert_close(got, exact, rtol=1e-11, atol=1e-13)
    assert torch.autograd.gradcheck(f, (gate, value), check_forward_ad=True)
    with pytest.raises(ValueError, match="geglu_sparse needs 0 < sparsity < 1"):
        xact.geglu_sparse(gate, value, sparsity=0.0)
