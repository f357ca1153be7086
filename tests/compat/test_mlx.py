"""MLX's functions, on a CPU."""

import numpy as np
import pytest

mx = pytest.importorskip("mlx.core")
nn = pytest.importorskip("mlx.nn")

from comparison import assert_same

import xact
from xact.compat import FRAMEWORKS


def by_mlx(function):
    def theirs(x, cotangent):
        values, gradients = mx.vjp(function, [mx.array(x)], [mx.array(cotangent)])
        return np.asarray(values[0], np.float32), np.asarray(gradients[0])  # step gives integers

    return theirs


@pytest.mark.parametrize("key", FRAMEWORKS["mlx"])
def test_function(key):
    function = getattr(nn, key)
    if key == "prelu":
        assert_same(xact.get(key, like="mlx"), by_mlx(lambda x: function(x, mx.array(0.25))), 0.25)
    elif key == "selu":  # whose constants are cut to 1.67326 and 1.0507, 1e-6 off
        assert_same(xact.get(key, like="mlx"), by_mlx(function), ulps=32)
    else:
        assert_same(xact.get(key, like="mlx"), by_mlx(function))


def test_step_at_its_threshold():
    zero = np.zeros(1, np.float32)
    assert xact.get("step", like="mlx")(zero) == nn.step(mx.array(zero)).item() == 1
