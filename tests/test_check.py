"""The command `xact check`: what it prints, stores, and returns."""

import json
from dataclasses import replace

import numpy as np
import pytest

import xact
from xact.__main__ import main
from xact.testing import check, identity, record, report
from xact.testing.case import Case, inputs
from xact.testing.contract import Measurement
from xact.testing.libraries import peer

QUICK = ["--backend", "numpy", "--dtype", "float32"]
INFINITY = float("inf")


def read(path):
    """Strictly: JSON has no Infinity and no NaN."""
    return json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


def line(text, *words):
    found = [one for one in text.splitlines() if one.split()[: len(words)] == [*words]]
    assert len(found) == 1, text
    return found[0].split()[len(words) :]


def test_the_table(capsys):
    assert main(["check", "silu", "relu", *QUICK]) == 0
    text = capsys.readouterr().out
    figures = line(text, "silu", "value", "float32")
    assert 0 < float(figures[0]) <= 4 and float(figures[0]) <= float(figures[1])
    assert line(text, "relu", "derivative", "float32") == ["0", "0"]
    assert "2 activations, 12 measurements, 0 violations" in text
    # relu is piecewise linear: it meets the stretch without merit.
    assert "1 of 1 values" in text


@pytest.mark.usefixtures("own_catalogue")
def test_more_inputs_find_what_few_do_not(capsys):
    """An error between two inputs of the usual grid, where a hundred times as many have some."""
    grid = np.sort(inputs(Case(xact.silu), "float32")["x"])
    gaps = np.where((grid[:-1] > 0.25) & (grid[1:] < 0.5), np.diff(grid), 0.0)
    at = int(np.argmax(gaps))
    low, high = float(grid[at]), float(grid[at + 1])

    @xact.activation(tex=xact.silu.tex)
    def planted(x, /, *, xp):
        return xp.x_sigmoid(x, x) * xp.where((x > low) & (x < high), 1 + 1e-6, 1.0)

    @planted.derivative
    def _(x, xp):
        return xp.x_sigmoid_derivative(x, x)

    assert main(["check", "planted", *QUICK]) == 0
    assert main(["check", "planted", *QUICK, "--inputs", "40000"]) == 1
    assert "C1 planted() numpy float32" in capsys.readouterr().out


def test_a_number_of_inputs_is_not_negative(capsys):
    with pytest.raises(ValueError, match="`inputs` is a number of inputs, got -1"):
        check("relu", inputs=-1)
    with pytest.raises(SystemExit):
        main(["check", "relu", "--inputs", "-1"])
    assert "'-1' is not a number of inputs" in capsys.readouterr().err


@pytest.mark.usefixtures("own_catalogue")
def test_a_violation(capsys, tmp_path):
    @xact.activation(tex=xact.silu.tex)
    def planted(x, /, *, xp):
        return x * xp.sigmoid(x) * (1 + 1e-6)

    @planted.derivative
    def _(x, xp):
        return xp.exp(x)

    file = tmp_path / "planted.json"
    assert main(["check", "planted", *QUICK, "--json", str(file)]) == 1
    text = capsys.readouterr().out
    assert line(text, "planted", "value", "float32")[0].endswith("*")
    assert "C1 planted() numpy float32" in text and "VIOLATED" in text
    assert "0 of 1 values" in text
    assert read(file)["summary"] == {"activations": 1, "measurements": 6, "violations": 2}


def test_what_has_no_readable_formula(capsys, monkeypatch):
    monkeypatch.setattr("xact.testing.command.check", lambda *args, **options: xact.get("softmax")(0.0))
    with pytest.raises(TypeError):
        main(["check", "silu", *QUICK])

    def unreadable(*args, **options):
        raise ValueError("no formula")

    monkeypatch.setattr("xact.testing.command.check", unreadable)
    assert main(["check", "silu", *QUICK]) == 0
    text = capsys.readouterr().out
    assert line(text, "silu", "not", "measured:") == ["no", "formula"]
    assert "0 activations, 0 measurements" in text


@pytest.mark.needs("torch")
def test_peers_of_torch(capsys, tmp_path):
    file = tmp_path / "gelu.json"
    assert main(["check", "gelu", "snake", "--backend", "torch", "--dtype", "float32", "--json", str(file)]) == 0
    text = capsys.readouterr().out
    head = text.splitlines()[0].split()
    assert head[-3:] == ["torch", "torch.nn", "whole"]
    ours, own, _ = line(text, "gelu", "value", "float32")
    # Its tail on the left is wrong, and its value at -inf NaN, which is no violation of ours.
    assert float(ours) <= 4 < float(own.removesuffix("n"))
    assert line(text, "snake", "value", "float32")[1] == "-"
    assert read(file)["rows"][0]["ulp"].keys() == {"torch", "torch.nn"}


@pytest.mark.needs("jax", "torch")
@pytest.mark.parametrize("name", ["silu", "glu", "hardtanh"])
def test_peers_take_our_parameters(name):
    found = check(name, ["jax", "torch"], ["float32"], peers=True).measurements
    own = [one for one in found if one.library == "torch.nn" and one.clause == "C1"]
    assert own and all(one.passed and one.bound == INFINITY for one in own)
    assert all(one.figure < 100 for one in own if not one.case.wrt)


@pytest.mark.needs("torch")
def test_a_peer_along_an_axis():
    import torch

    own = peer("torch", xact.softmax)
    assert own(torch.zeros(2, 4), axis=0).tolist() == [[0.5] * 4] * 2


@pytest.mark.needs("torch")
def test_identity(capsys, tmp_path, monkeypatch):
    file = tmp_path / "identity.json"
    arguments = ["check", "silu", "--identity", "--json", str(file)]
    arguments += ["--backend", "numpy", "--backend", "torch", "--dtype", "float32", "--dtype", "bfloat16"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    distance, count = (line(text, "silu", "value", dtype)[0] for dtype in ("float32", "bfloat16"))
    assert float(distance) <= 8 and int(count) <= 8
    assert {row["dtype"] for row in read(file)["rows"]} == {"float32", "bfloat16"}

    results = identity.results

    def another(case, library, *args):
        y = results(case, "numpy", *args).copy()
        if library == "torch":
            y[16000:16009] = 3
        return y

    monkeypatch.setattr(identity, "results", another)
    assert main(arguments) == 1
    assert "C2 identity silu() numpy/torch bfloat16: 9 (at most 8)" in capsys.readouterr().out


@pytest.mark.needs("jax", "torch")
def test_identity_of_the_libraries_own_functions(capsys):
    assert main(["check", "silu", "tanhshrink", "--identity", "--dtype", "bfloat16"]) == 0
    text = capsys.readouterr().out
    assert int(line(text, "silu", "value", "bfloat16")[-1]) > 8
    assert line(text, "tanhshrink", "value", "bfloat16")[-1] == "-"
    assert "median of 1 values that torch and jax have too, bfloat16" in text


def measurement(clause, figure, library="numpy", wrt="", dtype="float32"):
    return Measurement(clause, Case(xact.silu, {}, wrt), library, dtype, figure, 4.0, "x=1")


def test_rows_hold_the_worst():
    found = [
        measurement("C1", 1.0),
        measurement("C1", 2.5),
        measurement("C1", 0.5, "torch"),
        measurement("C1", 1, wrt="x"),
    ]
    assert report.rows(found) == [
        {"name": "silu", "quantity": "value", "dtype": "float32", "ulp": {"numpy": 2.5, "torch": 0.5}},
        {"name": "silu", "quantity": "derivative", "dtype": "float32", "ulp": {"numpy": 1}},
    ]


def test_the_stretch_is_of_default_parameters():
    wide, default = Case(xact.softplus, {"beta": 1.8}), Case(xact.softplus)
    found = [
        Measurement("C1 stretch", case, library, "float32", figure, INFINITY, "x=1")
        for case, library, figure in [(wide, "numpy", 31), (default, "numpy", 3), (default, "torch.nn", 9)]
    ]
    assert report.stretch(found)[0] == {"quantity": "value", "met": 1, "of": 1}
    found.append(replace(found[1], library="jax", figure=4.5))
    assert report.stretch(found)[0] == {"quantity": "value", "met": 0, "of": 1}


@pytest.mark.parametrize(
    ("number", "text"), [(None, "-"), (0, "0"), (0.50012, "0.5001"), (8962.0, "8962"), (2.3e7, "2e+07"), ("inf", "inf")]
)
def test_figures(number, text):
    assert report.figure(number) == text


def test_a_stored_infinity_is_text(tmp_path):
    record.write(tmp_path / "a.json", {"rows": [{"ulp": INFINITY}], "worst": [INFINITY, 3]})
    assert read(tmp_path / "a.json") == {"rows": [{"ulp": "inf"}], "worst": ["inf", 3]}
