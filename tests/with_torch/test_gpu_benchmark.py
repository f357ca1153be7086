"""The benchmark for GPUs, run on the CPU: that it measures what it says, not how fast anything is."""

import json
from pathlib import Path

import pytest

import xact

torch = pytest.importorskip("torch")
pytest.importorskip("flint")

import xact.nn

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inductor would take a second for each kernel."""
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: compile(f, **{**options, "backend": "eager"}))


def run(folder: Path, *arguments: str) -> tuple[object, dict]:
    import gpu

    file = folder / "figures.json"
    shared = ("--device", "cpu", "--elements", "4096", "--seconds", "0.001", "--workers", "1", "--json", str(file))
    with xact.nn.hot_path("auto"):
        status = gpu.main([*shared, *arguments])
    return status, json.loads(file.read_text())


def test_every_section(tmp_path: Path, uncompiled: None) -> None:
    names = ["mish", "swiglu", "softmax"]
    sections = ["accuracy", "large", "small", "memory", "block"]
    status, record = run(tmp_path, "--only", *sections, "--dtypes", "bfloat16", "--names", *names)
    assert not status
    rows = record["sections"]
    measured = {(row["activation"], row["dtype"], row["way"]) for row in rows["accuracy"]}
    ways = {"eager", "hot path", "compiled"}
    assert measured == {(name, "bfloat16", way) for name in names for way in ways}
    timed = [row for row in rows["large"] if "pass" in row]
    assert {(row["activation"], row["pass"]) for row in timed} == {
        (name, kind) for name in names[:2] for kind in ("forward", "training")
    }
    everything = {"xact", "torch", "xact compiled", "torch compiled", "composed"}
    assert all({*row["seconds"]} == everything and not row["wrong"] and not row["failed"] for row in timed)
    assert {row["elements"] for row in rows["small"]} == {64, 1024, 8192, 65536}
    kept = {row["activation"]: row["inputs"]["xact"]["kept"] for row in rows["memory"]}
    assert kept == {"mish": 1, "swiglu": 2}
    assert [row["activation"] for row in rows["block"]] == ["swiglu"]
    bars = {bar["bar"]: bar for bar in record["verdict"]}
    assert len(bars) == 7
    assert {"versions", "date", "device", "seconds"} <= {*record}


def test_a_gate_is_one_kernel(tmp_path: Path) -> None:
    """Counted by the profiler among what Inductor built."""
    _, record = run(tmp_path, "--only", "kernels", "--names", "swiglu", "--dtypes", "float32")
    assert [row["kernels"] for row in record["sections"]["kernels"]] == [{"forward": 1, "backward": 1}]
    assert record["verdict"][0]["missed"] == []


def test_a_kernel_that_does_not_run_is_found(tmp_path: Path, uncompiled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import candidates
    import sections

    made = candidates.candidates

    def planted(*arguments):
        return made(*arguments) | {"xact": lambda x: x * torch.full_like(x, float("nan"))}

    monkeypatch.setattr(sections, "candidates", planted)
    status, record = run(tmp_path, "--only", "large", "--dtypes", "float32", "--names", "mish")
    assert status
    assert [row["wrong"] for row in record["sections"]["large"] if "pass" in row] == [["xact"], ["xact"]]


def test_a_wrong_gradient_is_found(tmp_path: Path, uncompiled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import precision

    monkeypatch.setattr(precision, "from_torch", lambda tensor: tensor.detach().numpy() * (1 + 2.0**-20))
    status, record = run(tmp_path, "--only", "accuracy", "--dtypes", "float32", "--names", "softsign")
    assert status
    assert len(record["verdict"][0]["missed"]) == 6


@pytest.mark.parametrize(
    ("name", "bytes_moved"), [("gelu", {"forward": 2, "training": 5}), ("swiglu", {"forward": 3, "training": 8})]
)
def test_floors(name: str, bytes_moved: dict[str, int]) -> None:
    """gelu: x, y; x, dy, dx. swiglu: gate, value, y; these two, dy, two gradients."""
    import candidates

    assert candidates.floors(xact.get(name)) == bytes_moved


def test_composed_formulas_are_the_activations() -> None:
    """Wherever there is one: not over coefficients, not where something is drawn."""
    import candidates
    import composed
    from device import Device

    x = torch.linspace(0.01, 4, 100, dtype=torch.float64)
    without = []
    for activation in map(xact.get, xact.names()):
        if not activation.elementwise:
            continue
        given = candidates.numbers(activation, Device("cpu"), x.dtype)
        if (formula := composed.composed(activation, given)) is None:
            without.append(activation.name)
            continue
        for side in (x, -x) if activation.name != "log1mexp" else (x,):
            arrays = [side, side.flip(0)][: len(activation.arrays)]
            torch.testing.assert_close(formula(*arrays), activation(*arrays, **given), rtol=1e-9, atol=1e-12)
    assert {*without} == {"apl", "poly_relu", "rational", "rrelu"}
