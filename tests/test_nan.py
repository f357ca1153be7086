"""C3 at NaN: the value is NaN, and the derivative is one number on every library and by every way to ask for it."""

from collections.abc import Callable, Iterator
from typing import Any

import cases
import numpy as np
import pytest

import xact

# What the comparison in torch's own backward leaves.
AS_TORCH = {"relu": 1, "relu6": 1, "hardtanh": 1, "hardshrink": 1, "softshrink": 1, "threshold": 1}
AS_TORCH |= {"leaky_relu": np.float32(0.01), "prelu": 1, "hardsigmoid": 0, "identity": 1, "sign": 0, "step": 0}
SIMPLE = [case for case in cases.simple((3,)) if case.activation.elementwise and not case.activation.sampled]

NAN, ONES = np.full(3, np.nan, np.float32), np.ones(3, np.float32)


def converter(library: str) -> Callable[[np.ndarray], Any]:
    if library == "jax":
        import jax

        return jax.numpy.asarray
    if library == "torch":
        import torch

        return torch.tensor
    return np.asarray


def gradients(function: Callable[..., Any], library: str, arrays: list[Any]) -> Iterator[tuple[Any, ...]]:
    """By the arrays, in each way that the library has."""
    count = tuple(range(len(arrays)))
    if library == "jax":
        import jax

        yield jax.grad(function, count)(*arrays)
        yield jax.jit(jax.jacfwd(function, count))(*arrays)
    if library == "torch":
        import torch

        leaves = [array.clone().requires_grad_() for array in arrays]
        yield torch.autograd.grad(function(*leaves), leaves)
        yield torch.func.grad(function, count)(*arrays)
        yield torch.func.jacfwd(function, count)(*arrays)


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_one_derivative(case: cases.Case, libraries: tuple[str, ...]) -> None:
    activation, found = case.activation, []
    for library in libraries:
        convert, parameters = converter(library), case.parameters
        arrays = [convert(NAN) for _ in case.arrays]
        y, pullback = xact.vjp(activation, *arrays, **parameters)
        assert np.isnan(np.asarray(y)).all()
        found.append([xact.derivative(activation, name)(*arrays, **parameters) for name in activation.arrays])
        found.append(pullback(convert(ONES)))
        found += gradients(lambda *given: case.call(*given).sum(), library, arrays)
    for parts in found:
        np.testing.assert_array_equal(np.asarray(parts), np.asarray(found[0]))
    expected = case.parameters["weight"] if activation is xact.prelu else AS_TORCH.get(activation.name)
    if expected is not None:
        np.testing.assert_array_equal(np.asarray(found[0]), np.full((1, 3), expected, np.float32))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", [name for name in AS_TORCH if name not in ("identity", "step")])
def test_compiled_and_by_torch(name: str) -> None:
    """The kernel of torch, its decomposition and our rule."""
    import torch

    torch._dynamo.reset()
    case = cases.case(xact.get(name), (3,))
    found, given = [], list(case.parameters.values())
    theirs = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    if name == "prelu":
        given = [torch.tensor(given)]
    for function in (xact.get(name), torch.compile(xact.get(name), backend="aot_eager", fullgraph=True), theirs):
        x = torch.tensor(NAN, requires_grad=True)
        (slope,) = torch.autograd.grad(function(x, *given).sum(), x)
        found.append(slope)
    for slope in found:
        assert torch.equal(slope.nan_to_num(nan=-7.0), found[0].nan_to_num(nan=-7.0)), found
