"""Keras, on its JAX backend: functions and layers."""

import os
import subprocess
import sys

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


SAVED = """
import sys
sys.path[:0] = {path!r}
{imports}
import numpy as np
activations = [xact.mish, xact.get("elu", alpha=0.5), xact.hardtanh]
if sys.argv[1] == "save":
    layers = [layer for f in activations for layer in (keras.layers.Dense(3, activation=f), keras.layers.Activation(f))]
    model = keras.Sequential([keras.layers.Input((4,)), *layers])
    np.save(sys.argv[2] + ".npy", np.asarray(model(np.ones((2, 4), "float32"))))
    model.save(sys.argv[2])
model = keras.models.load_model(sys.argv[2], custom_objects={custom})
assert model.layers[0].activation is xact.mish
assert model.layers[2].activation == xact.get("elu", alpha=0.5)
np.testing.assert_array_equal(np.asarray(model(np.ones((2, 4), "float32"))), np.load(sys.argv[2] + ".npy"))
"""


def test_saved_models_load(tmp_path) -> None:
    """In the process that saved, and in a new one; with and without `custom_objects`."""
    path = str(tmp_path / "model.keras")
    for mode, imports, custom in (
        ("save", "import keras, xact", "None"),
        ("save", "import xact, keras", "None"),
        ("load", "import keras, xact", "None"),
        ("load", "import keras, xact", "{'mish': xact.mish}"),
        ("load", "import xact, keras; xact.compat.register_keras()", "None"),
        ("load", "import xact, keras", "{'xact>Activation': xact.Activation}"),
    ):
        code = SAVED.format(path=sys.path, imports=imports, custom=custom)
        done = subprocess.run([sys.executable, "-c", code, mode, path], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (mode, imports, custom, done.stderr[-2000:])
