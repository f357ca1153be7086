"""Every name another framework has gives the function it means there."""

import doctest
import importlib

import numpy as np
import pytest
from framework_formulas import ELSEWHERE, FORMULAS
from framework_names import NAMES

import xact
from xact import compat

POINTS = np.array([-7.3, -3.0, -1.7, -0.4, -0.05, 0.03, 0.6, 1.9, 2.9, 6.4])
PACKED = POINTS[:8].reshape(2, 4)


def every(table, found):
    """(framework, key) for the keys of a table that are found."""
    return [
        pytest.param(framework, key, id=f"{framework}-{key}")
        for framework in table
        for key in compat.FRAMEWORKS[framework]
        if found(framework, key)
    ]


@pytest.mark.parametrize(("framework", "key"), every(compat.FRAMEWORKS, lambda *_: True))
def test_every_key_resolves(framework, key):
    activation = xact.get(key, like=framework)
    assert isinstance(activation, xact.Activation)
    assert xact.get(activation.spec) == activation


@pytest.mark.parametrize("framework", compat.FRAMEWORKS)
def test_no_name_is_missing(framework):
    have = {*compat.FRAMEWORKS[framework], *compat.LEFT_OUT.get(framework, ())}
    assert {*NAMES[framework].split()} <= have


@pytest.mark.parametrize(("framework", "key"), every(FORMULAS, lambda framework, key: key in FORMULAS[framework]))
def test_formula(framework, key):
    got = xact.get(key, like=framework)(PACKED)
    assert np.allclose(got, FORMULAS[framework][key](PACKED), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("framework", FORMULAS)
def test_no_formula_is_missing(framework):
    tested = {*FORMULAS[framework], *ELSEWHERE}
    assert {key.removeprefix("liger_") for key in compat.FRAMEWORKS[framework]} <= tested


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


def test_spellings_of_a_key():
    get = xact.get
    assert get("Swish", like="keras") == get("swish", like="keras") == get("silu")
    assert get("leaky_relu", like="keras") == get("leakyrelu", like="keras") != get("LeakyReLU", like="keras")
    assert get("relu_", like="torch") != get("relu", like="torch")
    assert get("ThresholdedRelu(0.5)", like="onnx") == get("thresholded_relu", alpha=0.5)


def test_step_at_its_threshold():
    assert xact.get("Step", like="torchact")(np.zeros(1)) == 0


def test_errors_name_the_cure():
    with pytest.raises(ValueError, match="`like` must be one of torch, jax"):
        xact.get("gelu", like="caffe")
    with pytest.raises(xact.UnknownActivationError, match=r"jax has no activation 'sofplus'; its nearest.* softplus"):
        xact.get("sofplus", like="jax")
    with pytest.raises(xact.UnknownActivationError, match="one_hot of jax makes an array of classes"):
        xact.get("OneHot", like="jax")
    with pytest.raises(xact.UnknownActivationError, match="nobody has an activation 'nonesuch'; the nearest names"):
        compat.explain("nonesuch")
