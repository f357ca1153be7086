"""The sweep over all float32 inputs: its truth against balls, what it counts, and that it goes on where it stopped."""

import json

import numpy as np
import pytest

import xact
from xact.testing import exhaustive, ulp
from xact.testing.case import Case
from xact.testing.exhaustive import UNIT, Sweep
from xact.testing.segments import ACCURACY, NEGLIGIBLE, Exact, value

# Units of 2^23 numbers by their exponent field; 256 more for the other sign.
HALVES, ONES, TENS, SUBNORMAL = 126, 127, 130, 0


def spans(name, wrt, unit, count=UNIT):
    return list(Exact(Case(xact.get(name), {}, wrt)).segments(unit * UNIT, count))


@pytest.mark.parametrize("unit", [SUBNORMAL, 60, HALVES, 256 + ONES, 256 + TENS, 256 + 160])
@pytest.mark.parametrize("wrt", ["", "x"])
@pytest.mark.parametrize("name", ["gelu", "softsign", "tanhshrink", "elu"])
def test_segments_agree_with_balls(name, wrt, unit):
    case, random = Case(xact.get(name), {}, wrt), np.random.default_rng(unit)
    segments = spans(name, wrt, unit, UNIT >> 3)
    chosen = [segments[index] for index in random.integers(len(segments), size=8)]
    at = [int(random.integers(segment.count)) for segment in chosen]
    x = [value(np.array([segment.first + start])) for segment, start in zip(chosen, at, strict=True)]
    truth = case.truth({"x": ulp.double(np.concatenate(x))}, "float32").high
    got = np.concatenate([segment.at(start, one) for segment, start, one in zip(chosen, at, x, strict=True)])
    assert np.all(np.abs(got - truth) <= np.maximum(2 * ACCURACY * np.abs(truth), NEGLIGIBLE))


def test_segments_cover_each_number_once():
    found = sorted((segment.first, segment.count) for segment in spans("mish", "x", 256 + ONES))
    assert found[0][0] == (256 + ONES) * UNIT
    assert [first + count for first, count in found] == [*(first for first, _ in found[1:]), (256 + ONES + 1) * UNIT]


def test_next_to_a_zero_segments_are_balls():
    """The slope of mish is 0 near -1.19: no polynomial in float64 has digits there."""
    assert any(segment.centre is None for segment in spans("mish", "x", 256 + ONES))


def sweep(folder, name="softsign", quantity="value"):
    return Sweep(name, quantity, "numpy", folder)


def test_a_sweep_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(exhaustive, "UNIT", 1 << 12)
    whole = sweep(tmp_path / "whole").run(4)
    sweep(tmp_path / "parts").run(2)
    parts = sweep(tmp_path / "parts")
    assert parts.tally.unit == 2
    calls = []
    monkeypatch.setattr(Exact, "segments", lambda self, first, count: calls.append(first) or iter(()))
    parts.run(4)
    assert calls == [2 << 12, 3 << 12]
    assert whole.unit == parts.tally.unit == 4


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("quantity", exhaustive.QUANTITIES)
def test_each_library(tmp_path, library, quantity):
    one = Sweep("tanhshrink", quantity, library, tmp_path)
    for unit in (ONES, 256 + TENS):
        for segment in one.exact.segments(unit * UNIT, 1 << 12):
            one.measure(segment)
    assert 0 < one.tally.worst[0] <= 4
    assert not one.tally.nan_made


def test_other_code_starts_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(exhaustive, "UNIT", 1 << 12)
    sweep(tmp_path).run(2)
    monkeypatch.setattr(exhaustive, "_code", lambda: "other")
    assert sweep(tmp_path).tally.unit == 0


def test_a_wrong_result_is_counted(tmp_path, monkeypatch):
    evaluate = exhaustive.evaluate

    def wrong(library, activation, arrays, parameters, wrt):
        y = evaluate(library, activation, arrays, parameters, wrt).copy()
        y[7] = np.nextafter(y[7], np.float32(9), dtype=np.float32) * np.float32(1 + 2**-20)
        y[9] = np.nan
        return y

    monkeypatch.setattr(exhaustive, "evaluate", wrong)
    one = sweep(tmp_path)
    first = ONES * UNIT
    for segment in one.exact.segments(first, 1 << 12):
        one.measure(segment)
    tally = one.tally
    assert (tally.nan_made, tally.above["4.0"]) == (1, 2)
    assert tally.worst == tally.contract == [float("inf"), first + 9]


def test_errors_are_those_of_the_contract():
    case, x = Case(xact.tanhshrink), value(np.arange(ONES * UNIT, ONES * UNIT + 512))
    exact = case.truth({"x": ulp.double(x)}, "float32")
    got = (exact.high * (1 + np.linspace(-1e-6, 1e-6, 512))).astype(np.float32)
    found, spacing = exhaustive.errors(got, exact.high, x)
    np.testing.assert_allclose(found, ulp.excess(got, exact, 0.0, x, "float32"), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(spacing, ulp.ulp(exact.high, "float32"))


def test_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(exhaustive, "UNITS", 1)
    monkeypatch.setattr(exhaustive, "UNIT", 1 << 12)
    for quantity in exhaustive.QUANTITIES:
        arguments = ["softsign", "--quantity", quantity, "--output", str(tmp_path), "--state", str(tmp_path / "state")]
        assert exhaustive.main(arguments) == 0
    record = json.loads((tmp_path / "softsign.json").read_text())
    assert {"name", "library", "value", "derivative"} == set(record)
    assert record["value"]["inputs"] == 1 << 12
    assert {"date", "processor", "versions", "worst", "above", "nan_made"} <= set(record["derivative"])


def test_a_gate_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no function of one number"):
        sweep(tmp_path, "swiglu")
