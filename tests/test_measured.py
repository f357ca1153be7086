"""The page of measurements shows what was stored."""

import importlib.util
import json
from pathlib import Path

import pytest

from xact.testing import record

DOCS = Path(__file__).parents[1] / "docs"
ORIGIN = {
    "date": "2026-01-31",
    "processor": "Z80",
    "versions": {"xact": "1", "python": "3", "numpy": "2", "torch": "2"},
}
ROW = {"name": "gelu", "quantity": "value"}
ACCURACY = {
    "summary": {"activations": 1, "measurements": 6, "violations": 0},
    "stretch": [{"quantity": "value", "met": 1, "of": 2}],
    "missing": {"crelu": "no formula"},
    "rows": [
        {**ROW, "dtype": "float32", "ulp": {"numpy": 1.5, "torch.nn": "inf"}, "whole": {"numpy": 2.25}}
        | {"no_limit": {"torch.nn": 2}},
        {**ROW, "dtype": "float16", "ulp": {"numpy": 0.5001}, "misrounded": {"numpy": 3, "torch.nn": 203}},
    ],
}
IDENTITY = {
    "medians": [{"dtype": "float16", "quantity": "value", "functions": 1, "apart": {"numpy/torch": [2, 7]}}],
    "rows": [{**ROW, "dtype": "float16", "apart": {"numpy/torch": 7, "jax.nn/torch.nn": 8962}}],
}
SIXTEEN_BITS = [(dtype, quantity) for dtype in ("float16", "bfloat16") for quantity in ("value", "derivative")]
SWEPT = {
    "inputs": 2**32,
    "worst": {"ulp": 4.4066, "x": -0.75, "hex": "-0x1.8p-1"},
    "contract": {"ulp": 4.373, "x": -0.75, "hex": "-0x1.8p-1"},
    "above": {"0.5": 137139372, "1.0": 7, "2.0": 5, "4.0": 3},
    "nan_made": 0,
    "nan_lost": 1,
}
RATIO = {"activation": "gelu", "library": "torch", "size": 64, "pass": "forward", "ratio": 2.08}
SPEED = {
    "threads": 2,
    "rows": [
        {**RATIO, "mode": "eager"},
        {**RATIO, "mode": "eager", "pass": "backward", "ratio": 3.0},
        {**RATIO, "mode": "eager", "activation": "relu", "ratio": 1.7},
        {**RATIO, "mode": "hot_path", "size": 2**22, "ratio": 1.725},
    ],
}
PAIRS = {"`jax.nn` and `torch.nn`": "jax.nn/torch.nn", "xact on JAX and on PyTorch": "jax/torch"}


def test_the_readme_quotes_the_record():
    stored = json.loads((DOCS / "proof" / "identity.json").read_text())
    medians = {(one["dtype"], one["quantity"]): one["apart"] for one in stored["medians"]}
    readme = (DOCS.parent / "README.md").read_text().splitlines()
    for label, pair in PAIRS.items():
        cells = [f"{median:,.0f} ({largest:,})" for median, largest in (medians[key][pair] for key in SIXTEEN_BITS)]
        assert f"| {label} | {' | '.join(cells)} |" in readme


def test_the_readme_quotes_the_record_of_more_bits():
    stored = json.loads((DOCS / "proof" / "identity.json").read_text())
    ours = {
        (one["dtype"], one["quantity"]): [figures for pair, figures in one["apart"].items() if "nn" not in pair]
        for one in stored["medians"]
    }
    largest = {key: max(top for _, top in figures) for key, figures in ours.items()}
    wide = {key: largest[key] for key in largest if key[0] in ("float32", "float64")}
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    assert (
        f"at most {wide['float32', 'value']:g} ULP apart in float32 and {wide['float64', 'value']:g} in float64, their "
        f"derivatives {wide['float32', 'derivative']:g} and {wide['float64', 'derivative']:g}; "
        f"in the median at most {max(median for key in wide for median, _ in ours[key]):g}."
    ) in readme


@pytest.fixture(scope="module")
def measured():
    spec = importlib.util.spec_from_file_location("measured", DOCS / "measured.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page(measured, tmp_path):
    record.write(tmp_path / "proof" / "accuracy.json", ORIGIN | ACCURACY)
    record.write(tmp_path / "proof" / "identity.json", ORIGIN | IDENTITY)
    record.write(tmp_path / "exhaustive" / "gelu.json", {"name": "gelu", "library": "numpy", "value": SWEPT | ORIGIN})
    record.write(tmp_path / "proof" / "speed.json", ORIGIN | SPEED)
    lines = measured.page(tmp_path).splitlines()
    assert "| [gelu](gelu.md) | value | 1.5 |  | inf n | 2.25 |" in lines
    assert "| [gelu](gelu.md) | value | 0.5001 |  |  | 3 |" in lines
    assert "| [gelu](gelu.md) | value | 7 | 8962 |" in lines
    assert "| float16 | value | 2 |  |" in lines
    swept = next(line for line in lines if line.startswith("| [gelu](gelu.md) | value, numpy |"))
    assert "| 4.373 | 4.407 | -0.75 | 137,139,372 | 7 | 5 | 3 | 1 | 2026-01-31, Z80; xact 1" in swept
    assert any(line.startswith("Not measured here") and ": crelu. " in line for line in lines)
    assert [line for line in lines if line.startswith("### torch")] == ["### torch", "### torch, hot path"]
    assert {"|  | 64 | 64, both |", "| --- | ---: | ---: |", "|  | 2^22 |"} <= {*lines}
    assert {"| [gelu](gelu.md) | 2.08 | 3 |", "| [relu](relu.md) | 1.7 |  |", "| [gelu](gelu.md) | 1.725 |"} <= {*lines}
    assert lines.count("2026-01-31, Z80; xact 1, python 3, numpy 2, torch 2.") == 3


def test_the_section_of_one_activation(measured, tmp_path):
    assert measured.of("gelu", tmp_path) == ""
    record.write(tmp_path / "proof" / "accuracy.json", ORIGIN | ACCURACY)
    lines = measured.of("gelu", tmp_path).splitlines()
    assert lines[0] == "## Accuracy"
    assert "|  |  | numpy | jax | torch | torch.nn |" in lines
    assert "| float32 | value | 1.5 |  |  | inf n |" in lines
    assert measured.of("relu", tmp_path) == ""


def test_without_records_there_are_no_sections(measured, tmp_path):
    assert measured.page(tmp_path) == "# Measurements\n"


def test_the_records_that_are_kept_make_a_page(measured):
    assert "## All float32 inputs" in measured.page(DOCS)


def test_gpu_figures(measured, tmp_path):
    assert measured.gpu(tmp_path) == "No figures are stored.\n"
    row = {
        "activation": "mish",
        "pass": "forward",
        "dtype": "torch.float32",
        "share": {"xact": 0.934, "composed": 0.25},
    }
    stored = {
        "date": "2026-01-31",
        "device": "Z80",
        "memory": 2**36,
        "driver": "1.2",
        "cuda": "13.0",
        "versions": {"xact": "1", "torch": "2"},
        "sections": {"large": [{"copy": 3e12, "dtype": "torch.float32", "elements": 2**28}, row]},
        "verdict": [{"bar": "at least 90%", "met": 1, "of": 2, "missed": ["gelu"]}],
    }
    record.write(tmp_path / "proof" / "gpu.json", stored)
    page = measured.gpu(tmp_path)
    assert "Z80, 64 GiB, driver 1.2, CUDA 13.0; xact 1, torch 2." in page
    assert "| at least 90% |  | 1 | 2 |" in page
    assert "A copy: 3,000 GB/s." in page
    assert "| mish | forward | 93% |  |  |  | 25% |" in page
