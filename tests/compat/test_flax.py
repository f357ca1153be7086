"""Flax, which takes its functions from jax.nn, in both of its interfaces."""

import pytest

linen = pytest.importorskip("flax.linen")
nnx = pytest.importorskip("flax.nnx")

import jax
from comparison import assert_same, by_jax

import xact
from xact.compat import FRAMEWORKS, LEFT_OUT

KEYS = [(module, key) for module in (linen, nnx) for key in FRAMEWORKS["flax"] if hasattr(module, key)]
KEYS = [(module, key) for module, key in KEYS if key != "PReLU"]


@pytest.mark.parametrize("module", [linen, nnx])
def test_the_table_has_all_of_flax(module):
    functions = {name for name in dir(jax.nn) if callable(getattr(jax.nn, name)) and hasattr(module, name)}
    assert functions <= {*FRAMEWORKS["flax"], *LEFT_OUT["flax"]}
    assert {key for _, key in KEYS} == {*FRAMEWORKS["flax"]} - {"PReLU"}


@pytest.mark.parametrize(("module", "key"), KEYS, ids=lambda part: getattr(part, "__name__", part))
def test_function(module, key):
    axis = {"axis": -1} if key == "logsumexp" else {}
    function = getattr(module, key)
    assert_same(xact.get(key, like="flax"), by_jax(lambda x: function(x, **axis)))


def test_prelu():
    layer = linen.PReLU()
    weights = layer.init(jax.random.key(0), jax.numpy.ones(3))
    ours = xact.get("PReLU", like="flax")
    assert_same(ours, by_jax(lambda x: layer.apply(weights, x)), 0.01)
    assert_same(ours, by_jax(nnx.PReLU()), 0.01)
