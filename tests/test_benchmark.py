"""The benchmark on a CPU: that every activation runs beside a peer that computes the same, not how fast it is."""

from pathlib import Path

import numpy as np
import pytest

import xact

pytest.importorskip("jax")
pytest.importorskip("torch")

pytestmark = [pytest.mark.slow, pytest.mark.needs("numpy", "jax", "torch")]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")


@pytest.mark.parametrize("name", xact.names())
def test_every_peer_takes_what_the_activation_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import eager

    monkeypatch.setattr(eager, "SIZES", {64: "64"})
    monkeypatch.setattr(eager, "SECONDS", 0)
    monkeypatch.setattr(eager, "FEWEST", 1)
    for library in ("numpy", "jax", "torch"):
        for row in eager.measure(xact.get(name), library, "eager"):
            assert row["pairs"] == 1
            assert min(row["xact"], row["peer"], row["ratio"]) > 0


@pytest.mark.parametrize("name", xact.names())
def test_every_peer_computes_the_activation(name: str) -> None:
    """To three digits: the peer of gelu on NumPy is the approximation with tanh."""
    import eager
    import jax.numpy as jnp
    import torch

    activation = xact.get(name)
    if activation.sampled or set(activation.required) - set(activation.learnable):
        return
    for library, convert in (("numpy", np.asarray), ("jax", jnp.asarray), ("torch", torch.from_numpy)):
        if peer := eager.peer(library, name):
            arrays = eager.inputs(activation, 64)
            with np.errstate(all="ignore"):
                got = np.asarray(peer(*map(convert, arrays)))
            np.testing.assert_allclose(np.squeeze(got), np.squeeze(activation(*arrays)), 1e-3, 1e-3, err_msg=library)
