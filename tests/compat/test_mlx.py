"""MLX's functions, on a CPU."""

import numpy as np
import pytest

mlx = pytest.importorskip("mlx.nn")

import mlx.core  # noqa: E402 (found where MLX is)
from comparison import assert_same  # noqa: E402

import xact  # noqa: E402
from xact.compat import FRAMEWORKS  # noqa: E402


def by_mlx(function):
    def theirs(x, cotangent):
        values, gradients = mlx.core.vjp(function, [mlx.core.array(x)], [mlx.core.array(cotangent)])
        return np.asarray(values[0]), np.asarray(gradients[0])

    return theirs


@pytest.mark.parametrize("key", FRAMEWORKS["mlx"])
def test_function(key):
    function = getattr(mlx.nn, key)
    if key == "prelu":
        assert_same(xact.get(key, like="mlx"), by_mlx(lambda x: function(x, mlx.core.array(0.25))), 0.25)
    else:
        assert_same(xact.get(key, like="mlx"), by_mlx(function))
