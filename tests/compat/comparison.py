"""How another framework's function is compared with ours.

Theirs is evaluated in float32, ours in float64 at the same inputs, so that what differs is their error. They compose a
function from float32 operations, each of which rounds an intermediate result by half an ULP; on these inputs the
intermediate results are about as large as 1, the input or the output. The bound is ULPS units in the last place of the
largest of the three. The largest error found is 2.9 (the gradient of jax's standardize), and two functions that are not
the same are further apart: gelu and its tanh form by more than 1,000.
"""

import numpy as np

import xact

ULPS = 8
# Between and beyond the kinks at 0, +-0.5, +-1, +-2, +-3, 6 and 10.
POINTS = [-10.6, -6.4, -3.3, -2.6, -1.7, -0.8, -0.4, -0.05, 0.03, 0.3, 0.6, 1.4, 2.2, 3.4, 6.6, 10.9]
GRID = np.asarray(POINTS, np.float32).reshape(4, 4)


def assert_same(activation, theirs, *parameters, ulps=ULPS):
    """`theirs(x, cotangent)` is value and gradient in float32; the gradient None where the framework has none."""
    value, pullback = xact.vjp(activation, GRID.astype(np.float64), *parameters)
    cotangent = np.linspace(0.5, 1.5, value.size, dtype=np.float32).reshape(value.shape)
    their_value, their_gradient = theirs(GRID, cotangent)
    assert_close(their_value, value, ulps, "value")
    if their_gradient is not None:
        assert_close(their_gradient, pullback(cotangent.astype(np.float64))[0], ulps, "gradient")


def assert_close(theirs, ours, ulps, what):
    theirs = np.asarray(theirs)
    assert theirs.dtype == np.float32
    assert theirs.shape == ours.shape
    # Where the result has another shape, an element depends on many of the input.
    inputs = np.abs(GRID) if ours.shape == GRID.shape else np.abs(GRID).max()
    largest = np.maximum(np.maximum(np.abs(ours), inputs), 1)
    errors = np.abs(theirs - ours) / (largest * 2.0**-23)
    assert errors.max() <= ulps, f"{what}: {errors.max():.1f} ULP"


def by_jax(function):
    import jax

    def theirs(x, cotangent):
        value, pullback = jax.vjp(function, jax.numpy.asarray(x))
        return value, pullback(jax.numpy.asarray(cotangent))[0]

    return theirs


def by_torch(function):
    import torch

    def theirs(x, cotangent):
        x = torch.tensor(x, requires_grad=True)
        value = function(x)
        value.backward(torch.tensor(cotangent))
        return value.detach().numpy(), x.grad.numpy()

    return theirs
