"""The commands of `xact` that show something; `check` has its own tests."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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
    shown = {label: text.strip() for label, text in (line.strip().split(": ", 1) for line in lines if ": " in line)}
    assert head == "xact.leaky_relu(negative_slope=0.25)"
    assert shown["signature"] == "leaky_relu(x, negative_slope=0.25, inplace=False)"
    assert shown["negative_slope"] == "the slope on the left"
    assert shown["properties"] == "range (-inf, inf); increasing, convex; slopes 0.25 and 1; Lipschitz 1"
    assert shown["Module"] == "xact.nn.LeakyReLU"
    assert main(["show", "softmax"]) == 0
    assert "properties" not in capsys.readouterr().out


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hard_sigmoid"]) == 0
    assert "onnx               HardSigmoid: xact.hard_sigmoid_general" in capsys.readouterr().out


POINTS = ["--start", "-1", "--stop", "1", "--count", "3"]


def test_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "relu", *POINTS]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "relu",
        "spec": {"name": "relu"},
        "x": [-1.0, 0.0, 1.0],
        "y": [0.0, 0.0, 1.0],
        "derivative": [0.0, 0.0, 1.0],
    }


@pytest.mark.parametrize(
    "spec", ["swish(2)", "leaky_relu(0.1)", "gelu(approximate='tanh')", "threshold", "prelu", "apl"]
)
def test_data_say_of_what_they_are(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers that the definition leaves open included: the spec gives the same values again."""
    assert main(["data", spec, *POINTS]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {**xact.get(spec).spec, **found["spec"]} == found["spec"] and found["name"] == found["spec"]["name"]
    assert xact.get(found["spec"])(np.array(found["x"])) == pytest.approx(found["y"], rel=1e-15)
    assert main(["data", spec, *POINTS, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {xact.get(row["activation"]) for row in rows} == {xact.get(found["spec"])}
    for label in ("x", "y", "derivative"):
        assert [float(row[label]) for row in rows] == found[label]


def test_data_are_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "exponential", "--start", "0", "--stop", "1000", "--count", "2"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert found["y"] == [1.0, "inf"]


def test_plot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "figure.png"
    assert main(["plot", "gelu", "step", "--output", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert main(["plot", "gelu", "--output", str(tmp_path / "curve")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'curve.png'}\n" and (tmp_path / "curve.png").exists()


def test_lines_end_at_jumps() -> None:
    plotting = pytest.importorskip("xact.plotting")
    value, slope = plotting.plot("step", "relu", "gelu", start=-1, stop=1).axes
    gaps = [[sum(line.get_ydata() != line.get_ydata()) for line in axes.lines] for axes in (value, slope)]
    assert gaps == [[1, 0, 0], [0, 1, 0]]
    assert [line.get_label() for line in value.lines] == ["step", "relu", "gelu"]


WRONG = [
    # 1: it is not found, or not of the kind.
    (1, "show gelo", "no activation is called 'gelo'; the nearest names are gelu,"),
    (1, "data gelo", "no activation is called 'gelo'"),
    (1, "plot gelu gelo", "no activation is called 'gelo'"),
    (1, "check gelo", "no activation is called 'gelo'; the nearest names are gelu,"),
    (1, "check relu gelo(2)", "no activation is called 'gelo'"),
    (1, "check gelo --identity", "no activation is called 'gelo'"),
    (1, "data softmax", "softmax is no function of one number"),
    (1, "plot swiglu", "swiglu is no function of one number"),
    (1, "explain nothing", "nobody has an activation"),
    (1, "check no_such_module:squash", "there is no module 'no_such_module', neither in "),
    (1, "show no_such.module:squash", "there is no module 'no_such.module'"),
    (1, "check mine:squish", "mine has no activation 'squish'; the nearest of its activations are squash"),
    (1, "check mine:np", "mine has no activation 'np'"),
    (1, "check empty:squash", "empty has no activation 'squash'; it has none"),
    # 2: it cannot be run.
    (2, "show leaky_relu(bogus=3)", "leaky_relu has no argument 'bogus'; its signature is leaky_relu("),
    (2, "data leaky_relu(bogus=3)", "leaky_relu has no argument 'bogus'"),
    (2, "plot leaky_relu(bogus=3)", "leaky_relu has no argument 'bogus'"),
    (2, "check leaky_relu(bogus=3)", "leaky_relu has no argument 'bogus'"),
    (2, "check mine:squash(bogus=3)", "squash has no argument 'bogus'"),
    (2, "show relu(1,2,3)", "xact.get('relu(1,2,3)'): too many arguments"),
    (2, "show gelu(approximate='exact')", "gelu: `approximate` must be one of"),
    (2, "show softshrink(-1)", "softshrink needs 0 <= lambd < inf"),
    (2, "show gelu(", "xact.get: 'gelu(' is not of the form"),
    (2, "show broken:squash", "broken cannot be imported: NameError: name 'undefined' is not defined"),
    (2, "show wants:squash", "wants cannot be imported: ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
    (2, "check refused:squash", "refused cannot be imported: squash: "),
    (2, "show unfinished:squash", "squash has no rule for `x` yet; write `@squash.derivative"),
    (2, "plot gelu --output /nonexist/x.png", "cannot write /nonexist/x.png: No such file or directory"),
    (2, "plot gelu --output .", "cannot write .: Is a directory"),
    (2, "plot gelu --output x.foo", "--output x.foo: Format 'foo' is not supported"),
    (2, "plot gelu --output folder.png", "cannot write folder.png: Is a directory"),
    (2, "check relu --json folder.png", "cannot write folder.png: Is a directory"),
    (2, "check relu --json /proc/x/y.json", "cannot write /proc/x: No such file or directory"),
    (2, "check relu --json mine.py/y.json", "cannot write mine.py: File exists"),
    (2, "check gelu --dtype float8", "argument --dtype: invalid choice: 'float8'"),
    (2, "check gelu --backend tensorflow", "argument --backend: invalid choice: 'tensorflow'"),
    (2, "check gelu --backend numpy --identity", "check --identity compares libraries, and numpy is the only one"),
    (2, "check gelu --inputs -1", "argument --inputs: '-1' is not a number of inputs"),
    (2, "check gelu --inputs many", "argument --inputs: 'many' is not a number of inputs"),
    (2, "data gelu --count 0", "argument --count: '0' is not a number of points"),
    (2, "plot gelu --count 1.5", "argument --count: '1.5' is not a number of points"),
    (2, "data gelu --start nan", "argument --start: 'nan' is not a finite number"),
    (2, "data gelu --stop far", "argument --stop: 'far' is not a finite number"),
    (2, "chekc gelu", "argument COMMAND: invalid choice: 'chekc' (choose from"),
    (2, "show", "the following arguments are required: name"),
    (2, "list gelu", "unrecognized arguments: gelu"),
]
SQUASH = "import numpy as np, xact\n@xact.activation(tex='x')\ndef squash(x, /, a=1.0, *, xp):\n    return 1 * x\n"
FILES = {
    "mine": f"{SQUASH}@squash.derivative\ndef _(x, xp):\n    return xp.ones_like(x)\n",
    "empty": "",
    "broken": "undefined",
    "wants": "import nothing_of_the_kind",
    "unfinished": SQUASH,
    "refused": SQUASH.replace("1 * x", "xp.softpluss(x)") + "squash.derivative(lambda x, xp: x)\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_catalogue: None) -> Iterator[Path]:
    """A user's directory, with modules, one that is no text, and a folder with the name of a file."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


def status_of(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as error:
        return int(error.code or 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("status", "line", "sentence"), WRONG, ids=[line for _, line, _ in WRONG])
def test_errors_are_one_sentence(status: int, line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    if line.startswith("plot"):
        pytest.importorskip("matplotlib")
    if line.startswith("check"):
        pytest.importorskip("xact.testing")
    assert status_of(line.split()) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    command, _, said = captured.err.partition(": ")
    assert command in ("xact", f"xact {line.split()[0]}") and said.startswith(sentence)
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", ["show mine:squash", "data mine:squash(2)", "plot mine:squash gelu --output a.svg"])
def test_an_activation_of_a_module_here(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    if line.startswith("plot"):
        pytest.importorskip("matplotlib")
    assert main(line.split()) == 0
    assert capsys.readouterr().err == ""


def test_nothing_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "exit status: 0; 1 where" in captured.err


@pytest.mark.parametrize("command", ["", "list", "show", "explain", "data", "plot", "check"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of([*command.split(), "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out.startswith(f"usage: xact {command}".rstrip())


def test_interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("xact._commands.listed", stopped)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "xact: interrupted\n"


def test_a_terminal_has_its_width(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for line in ("list", "show xielu", "show hardmax"):
        assert main(line.split()) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
