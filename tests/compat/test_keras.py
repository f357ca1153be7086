"""Keras, on its JAX backend: functions and layers."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from comparison import assert_same, by_jax

import xact
from xact.compat import FRAMEWORKS

FUNCTIONS = [name for name in dir(keras.activations) if not name.startswith("_")]
FUNCTIONS = [name for name in FUNCTIONS if name not in ("get", "serialize", "deserialize")]
LAYERS = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
ARGUMENTS = {"threshold": {"threshold": 0.1, "value": -2.0}}
KERAS_NAMES = {"value": "default_value"}


def test_the_table_has_all_of_keras():
    assert set(FUNCTIONS) <= {*FRAMEWORKS["keras"]}
    assert {*FRAMEWORKS["keras"]} <= {*FUNCTIONS, *LAYERS, "hard_shrink", "hard_swish", "swish"}


SUMS_ALL_PARTIAL_SUMS = pytest.mark.xfail(reason="Keras 3.15.1 adds the partial sums of the support: rows sum to 3")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[SUMS_ALL_PARTIAL_SUMS] * (name == "sparsemax")) for name in FUNCTIONS]
)
def test_function(name):
    given = ARGUMENTS.get(name, {})
    theirs = {KERAS_NAMES.get(key, key): value for key, value in given.items()}
    function = getattr(keras.activations, name)
    assert_same(xact.get(name, like="keras", **given), by_jax(lambda x: function(x, **theirs)))


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    given = {"alpha_initializer": keras.initializers.Constant(0.125)} if name == "PReLU" else {}
    layer = getattr(keras.layers, name)(**given)
    layer.build((4, 4))
    assert_same(xact.get(name, like="keras"), by_jax(layer), *([0.125] if name == "PReLU" else []))


def test_sparsemax_of_a_winner():
    x = np.asarray([[-1.0, 5.0, 0.5]], np.float32)
    assert (xact.get("sparsemax", like="keras")(x) == np.asarray(keras.activations.sparsemax(x))).all()


def test_the_three_arguments_of_relu():
    given = {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.2}
    ours = xact.get("relu", like="keras", **given)
    assert_same(ours, by_jax(lambda x: keras.activations.relu(x, **given)))
    assert_same(ours, by_jax(keras.layers.ReLU(**given)))
    assert ours == xact.get("relu(0.1, 3.0, 0.2)", like="keras")
