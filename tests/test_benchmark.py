"""The benchmark on a CPU: that every activation runs beside its peer, not how fast it is."""

from pathlib import Path

import pytest

import xact

pytest.importorskip("jax")
pytest.importorskip("torch")

pytestmark = [pytest.mark.slow, pytest.mark.needs("numpy", "jax", "torch")]


@pytest.mark.parametrize("name", xact.names())
def test_every_peer_takes_what_the_activation_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import eager

    monkeypatch.setattr(eager, "SIZES", {64: "64"})
    monkeypatch.setattr(eager, "SECONDS", 0)
    monkeypatch.setattr(eager, "FEWEST", 1)
    for library in ("numpy", "jax", "torch"):
        for row in eager.measure(xact.get(name), library, "eager"):
            assert row["pairs"] == 1
            assert min(row["xact"], row["peer"], row["ratio"]) > 0
