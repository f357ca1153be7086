"""Masks: bool keeps, float is added, as torch, transformers and ONNX mean it."""

from typing import Any

import numpy as np
import pytest

import xact
from xact.testing.libraries import evaluate, pull

pytestmark = pytest.mark.needs("numpy")

INF = float("inf")
LIBRARIES = ("numpy", "jax", "torch")
NAMES = ["masked_softmax", "masked_log_softmax"]
X = np.array([[1.0, 2, 3], [1, 2, 3], [np.nan, 2, 2], [INF, 0, 1], [-1, 5, 2]])
KEPT = np.array([[True, True, False], [False] * 3, [False, True, True], [True] * 3, [True, False, True]])
E = np.exp(-1.0)
WEIGHTS = np.array(
    [[E / (1 + E), 1 / (1 + E), 0], [0] * 3, [0, 0.5, 0.5], [1, 0, 0], [E**3 / (1 + E**3), 0, 1 / (1 + E**3)]]
)


def given(library: str, name: str, x: Any, mask: Any) -> Any:
    return evaluate(library, xact.get(name), {"x": x}, {"mask": converted(library, mask)})


def converted(library: str, mask: Any) -> Any:
    if library == "torch":
        return pytest.importorskip("torch").tensor(mask)
    return pytest.importorskip("jax").numpy.asarray(mask) if library == "jax" else mask


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["bool", "float32", "float64"])
def test_masks(name: str, kind: str, library: str) -> None:
    mask = KEPT if kind == "bool" else np.where(KEPT, 0, -INF).astype(kind)
    with np.errstate(divide="ignore"):
        expected = WEIGHTS if name == "masked_softmax" else np.log(WEIGHTS)
    got = given(library, name, X, mask)
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert got.dtype == np.float64


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_additive_mask_hides(library: str) -> None:
    got = given(library, "masked_softmax", np.zeros((1, 3)), np.array([[0.0, -INF, 0.0]]))
    np.testing.assert_array_equal(got, [[0.5, 0.0, 0.5]])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", NAMES)
def test_an_additive_mask_is_added(name: str, library: str) -> None:
    x, mask = np.random.default_rng(0).normal(size=(2, 3, 4)), np.array([0.5, -2.0, -INF, 1e4])
    plain = xact.get(name.removeprefix("masked_"))
    np.testing.assert_allclose(given(library, name, x, mask), plain(x + mask), rtol=1e-14)
    half = given(library, name, x.astype(np.float16), mask.astype(np.float16))
    assert half.dtype == np.float16
    # The lowest number hides nothing where it is added to all.
    low = given(library, name, x, np.full(4, np.finfo(np.float64).min))
    assert np.all(np.isfinite(low))


@pytest.mark.needs("torch", "jax")
@pytest.mark.parametrize("name", NAMES)
def test_gradients(name: str) -> None:
    """By the array and by a mask of floats, of which -inf and what it hides have none."""
    import jax
    import torch

    random = np.random.default_rng(1)
    x, dy = random.normal(size=(2, 3, 4)), random.normal(size=(2, 3, 4))
    mask = np.array([[0.5, -2.0, -INF, 1.0], [-INF] * 4, [0.0] * 4])
    kept = np.isfinite(mask)
    leaf, added = torch.tensor(x, requires_grad=True), torch.tensor(mask, requires_grad=True)
    own = getattr(torch, name.removeprefix("masked_"))
    own(leaf.masked_fill(~torch.tensor(kept), -1e300) + torch.where(torch.tensor(kept), added, 0.0), -1).backward(
        torch.tensor(np.where(kept, dy, 0))
    )
    expected = [np.where(kept, leaf.grad, 0), np.where(kept, added.grad, 0)]
    expected = [np.where(kept.any(-1, keepdims=True), one, 0) for one in expected]
    leaf, added = torch.tensor(x, requires_grad=True), torch.tensor(mask, requires_grad=True)
    xact.get(name)(leaf, added).backward(torch.tensor(dy))
    _, pullback = xact.vjp(name, x, mask)
    _, pulled = jax.vjp(xact.get(name), *map(jax.numpy.asarray, (x, mask)))
    for got in ((leaf.grad, added.grad), pullback(dy), pulled(jax.numpy.asarray(dy))):
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    by_bool = [pull(library, xact.get(name), x, {"mask": converted(library, kept)}, dy) for library in LIBRARIES]
    added_zero, _ = xact.vjp(name, x, np.where(kept, 0, -INF))[1](dy)
    for one in by_bool:
        np.testing.assert_allclose(one, added_zero, rtol=1e-12, atol=1e-14)
    _, tangent = torch.func.jvp(
        lambda t: xact.get(name)(t, torch.tensor(kept)), (leaf.detach(),), (torch.ones(2, 3, 4).double(),)
    )
    np.testing.assert_allclose(tangent, 0, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mask", [np.array([1, 0, 1]), 1, 0], ids=str)
def test_integers_are_refused(name: str, mask: Any) -> None:
    with pytest.raises(xact.DtypeError, match=f"{name}: `mask` must be bool, .* or float, which is added; got"):
        xact.get(name)(np.zeros((2, 3)), mask)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", NAMES)
def test_modules_take_both(name: str) -> None:
    import torch

    from xact import nn

    module = getattr(nn, "".join(part.capitalize() for part in name.split("_")))()
    x = torch.tensor(X[[0, 4]])
    kept = torch.tensor(KEPT[[0, 4]])
    torch.testing.assert_close(module(x, kept), module(x, torch.where(kept, 0.0, -INF)))
    compiled = torch.compile(xact.get(name), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, torch.where(kept, 0.0, -INF)), module(x, kept))
