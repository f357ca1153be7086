"""The commands of `xact` that show something; `check` has its own tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import xact
from xact.__main__ import main


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == xact.names()
    assert all(len(line.split()) > 2 for line in lines)


def test_a_reader_that_has_seen_enough() -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "xact", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout and command.stderr
    command.stdout.close()
    assert command.stderr.read() == ""
    command.stderr.close()
    assert command.wait() == 1


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "leaky_relu(0.25)"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    shown = dict(line.strip().split(": ", 1) for line in lines if ": " in line)
    assert head == "xact.leaky_relu(negative_slope=0.25)"
    assert shown["signature"] == "leaky_relu(x, negative_slope=0.25, inplace=False)"
    assert shown["properties"] == "range (-inf, inf); increasing, convex; slopes 0.25 and 1; Lipschitz 1"
    assert shown["Module"] == "xact.nn.LeakyReLU"
    assert main(["show", "softmax"]) == 0
    assert "properties" not in capsys.readouterr().out


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hard_sigmoid"]) == 0
    assert "onnx               HardSigmoid: xact.hard_sigmoid_general" in capsys.readouterr().out


def test_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "relu", "--start", "-1", "--stop", "1", "--count", "3"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "relu",
        "x": [-1.0, 0.0, 1.0],
        "y": [0.0, 0.0, 1.0],
        "derivative": [0.0, 0.0, 1.0],
    }


def test_plot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "figure.png"
    assert main(["plot", "gelu", "step", "--output", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_bytes().startswith(b"\x89PNG")


def test_lines_end_at_jumps() -> None:
    plotting = pytest.importorskip("xact.plotting")
    value, slope = plotting.plot("step", "relu", "gelu", start=-1, stop=1).axes
    gaps = [[sum(line.get_ydata() != line.get_ydata()) for line in axes.lines] for axes in (value, slope)]
    assert gaps == [[1, 0, 0], [0, 1, 0]]
    assert [line.get_label() for line in value.lines] == ["step", "relu", "gelu"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "gelo"], "no activation is called 'gelo'"),
        (["data", "softmax"], "softmax is no function of one number"),
        (["plot", "swiglu"], "swiglu is no function of one number"),
        (["explain", "nothing at all"], "nobody has an activation"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    if arguments[0] == "plot":
        pytest.importorskip("matplotlib")
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"xact: {sentence}")
    assert captured.err.count("\n") == 1
