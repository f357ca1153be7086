"""Every name another framework has gives the function it means there."""

import doctest
import importlib

import numpy as np
import pytest

import xact
from xact import compat

KEYS = [(framework, key) for framework, table in compat.FRAMEWORKS.items() for key in table]
POINTS = np.array([-7.3, -3.0, -1.7, -0.4, -0.05, 0.03, 0.6, 1.9, 2.9, 6.4])


@pytest.mark.parametrize(("framework", "key"), KEYS, ids="-".join)
def test_every_key_resolves(framework, key):
    activation = xact.get(key, like=framework)
    assert isinstance(activation, xact.Activation)
    assert xact.get(activation.spec) == activation


def theirs(module, key, x):
    return np.asarray(getattr(importlib.import_module(module), key)(x))


@pytest.mark.parametrize("key", compat.FRAMEWORKS["jax"])
def test_jax_nn(key):
    jax = pytest.importorskip("jax")
    if not hasattr(jax.nn, key):
        pytest.skip(f"this version has no jax.nn.{key}")
    x = np.abs(POINTS) if key == "log1mexp" else POINTS
    with jax.enable_x64(True):
        expected = theirs("jax.nn", key, jax.numpy.asarray(x))
    assert np.allclose(xact.get(key, like="jax")(x), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("key", [key for key in compat.FRAMEWORKS["torch"] if key[0].isupper()])
def test_torch_nn(key):
    torch = importlib.import_module("torch")
    given = {"Threshold": (0.1, -2.0), "Softmax2d": ()}.get(key, ())
    if "Softm" in key or key == "LogSoftmax":
        given = () if key == "Softmax2d" else (-1,)
    x = torch.tensor(POINTS).reshape(1, 2, 5, 1) if key == "Softmax2d" else torch.tensor(POINTS)
    expected = getattr(torch.nn, key)(*given).eval().double()(x).detach()
    activation = xact.get(key, like="torch")
    if key == "PReLU":
        given = (0.25,)
    assert np.allclose(activation(x, *given), expected, rtol=1e-9, atol=1e-12)


def test_explain_says_who_means_what():
    lines = compat.explain("gelu").splitlines()
    assert any(line.split() == ["jax", "gelu:", "xact.gelu(approximate='tanh')"] for line in lines)
    assert any(line.split() == ["torch", "GELU:", "xact.gelu"] for line in lines)
    assert doctest.testmod(compat).failed == 0


def test_errors_name_the_cure():
    with pytest.raises(ValueError, match="`like` must be one of torch, jax"):
        xact.get("gelu", like="caffe")
    with pytest.raises(xact.UnknownActivationError, match="jax has no activation 'prelu'"):
        xact.get("prelu", like="jax")
    with pytest.raises(xact.UnknownActivationError, match="no framework has an activation 'nonesuch'"):
        compat.explain("nonesuch")
