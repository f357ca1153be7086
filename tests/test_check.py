"""The command `xact check`: what it prints, stores, and returns."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import xact
from xact.__main__ import main
from xact.testing import check, contract, identity, libraries, record, report
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
    monkeypatch.setattr("xact.testing.command.check", lambda *args, **options: len(0))
    with pytest.raises(TypeError):
        main(["check", "silu", *QUICK])

    def unreadable(*args, **options):
        raise ValueError("no formula")

    monkeypatch.setattr("xact.testing.command.check", unreadable)
    # Whoever names it asks whether it is right.
    assert main(["check", "silu", *QUICK]) == 1
    text = capsys.readouterr().out
    assert line(text, "silu", "not", "measured:") == ["no", "formula"]
    monkeypatch.setattr("xact._commands.names", lambda: ["silu"])
    assert main(["check", *QUICK]) == 0
    text = capsys.readouterr().out
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


def declared(tex, body, rule, by=None, parameters=(1.0,)):
    """An activation of a user's, with a body and rules of (x, a, xp)."""

    @xact.activation(tex=tex)
    def planted(x, /, a=1.5, *, xp):
        return body(x, a, xp)

    planted.derivative(lambda x, a, xp: rule(x, a, xp))
    if by:
        planted.derivative("a")(lambda x, a, xp: by(x, a, xp))
    return planted


def slope(x, a, xp):
    t = xp.tanh(a * x)
    return t + a * x * (1 - t * t)


def value(x, a, xp):
    return x * xp.tanh(a * x)


def by_a(x, a, xp):
    return x * x * (1 - xp.tanh(a * x) ** 2)


# What is planted in x tanh(a x): body, rule, rule of the parameter; and the sentence that comes first.
PLANTED = {
    "rule": (value, lambda *args: 1.5 * slope(*args), by_a, "derivative by x is wrong at x = 1.3, a = 1.5"),
    "nan": (value, lambda x, a, xp: slope(x, a, xp) / (0 * x), by_a, "derivative by x is wrong at x = 1.3, a = 1.5"),
    "sign": (value, lambda *args: -slope(*args), by_a, "derivative by x is wrong at x = 1.3, a = 1.5"),
    "body": (lambda *args: 1 + value(*args), slope, by_a, "value is wrong at x = 1.3, a = 1.5"),
    "parameter": (value, slope, lambda *args: 2 * by_a(*args), "derivative by a is wrong at x = 1.3, a = 1.5"),
    "one side": (
        value,
        lambda x, a, xp: xp.where(x < 0, 0.9, 1.0) * slope(x, a, xp),
        by_a,
        "derivative by x is wrong at x = -1.3, a = 1.5",
    ),
    "a short range": (
        lambda x, a, xp: value(x, a, xp) + xp.where((x > 0.33) & (x < 0.35), 0.01, 0.0),
        slope,
        by_a,
        "value is wrong at x = 0.34, a = 1.5",
    ),
    "with another parameter": (
        lambda x, a, xp: x * xp.tanh(1.5 * x),
        lambda x, a, xp: slope(x, 1.5, xp),
        by_a,
        "value is wrong at x = 1.3, a = 2.68985",
    ),
}


@pytest.mark.usefixtures("own_catalogue")
@pytest.mark.parametrize("kind", PLANTED)
def test_the_first_line_can_be_checked_by_hand(kind, capsys):
    *functions, sentence = PLANTED[kind]
    declared(r"x\,\tanh(a x)", *functions)
    assert main(["check", "planted", *QUICK]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(sentence)
    figures = re.fullmatch(r".*: the formula gives (\S+), the (body|rule) (\S+)", first)
    assert figures, first
    at = dict(re.findall(r"(\w) = ([-.\d]+)", first))
    x, a = float(at["x"]), float(at["a"])
    value = {"value": x * math.tanh(a * x), "x": math.tanh(a * x) + a * x / math.cosh(a * x) ** 2}
    value |= {"a": (x / math.cosh(a * x)) ** 2}
    quantity = first.removeprefix("derivative by ").partition(" ")[0]
    assert float(figures[1]) == pytest.approx(value[quantity], rel=1e-3)
    assert float(figures[3]) != pytest.approx(value[quantity], rel=1e-3)
    # Then what is wrong far out, the table, what is violated, and what its names mean.
    start = next(i for i, text in enumerate(rest) if text.startswith("error in ULP"))
    assert all(re.match(r"(value|derivative by \w) (is wrong |loses digits )?at x = ", text) for text in rest[:start])
    assert [text[:3] for text in rest if re.match("C[123]: ", text)] == ["C1:", "C2:", "C3:"]


# What cannot be measured: formula, body, and the sentence.
UNMEASURED = {
    "no formula": ("", lambda x, xp: x, "planted declares no formula; give @activation"),
    "unreadable": (r"\foo{x}", lambda x, xp: x, "cannot read the formula"),
    "unknown name": (r"x + \gamma", lambda x, xp: x, "needs gamma, which is neither input nor parameter"),
    "a pole": (r"\frac{1}{x}", lambda x, xp: 1 / x, r"planted has no value, say so with \begin{cases}"),
    "a domain": (r"\log(x)", lambda x, xp: xp.log(x), r"planted has no value, say so with \begin{cases}"),
}


def test_nothing_to_measure(capsys):
    assert main(["check", "softmax", "--backend", "numpy", "--dtype", "float16"]) == 0
    *_, count, reason = capsys.readouterr().out.splitlines()
    assert count == "1 activation, 0 measurements, 0 violations"
    assert reason == "nothing to measure: functions along an axis are measured in float32 and float64"


@pytest.mark.usefixtures("own_catalogue")
@pytest.mark.parametrize("kind", UNMEASURED)
def test_what_cannot_be_measured_is_no_success(kind, capsys):
    tex, body, sentence = UNMEASURED[kind]

    @xact.activation(tex=tex)
    def planted(x, /, *, xp):
        return body(x, xp)

    planted.derivative(lambda x, xp: xp.ones_like(x))
    assert main(["check", "planted", *QUICK]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("planted               not measured: ") and sentence in first
    assert rest == ["0 activations, 0 measurements, 0 violations"]


@pytest.mark.usefixtures("own_catalogue")
def test_what_a_definition_raises_is_a_sentence(monkeypatch):
    def raises(*_):
        raise AttributeError("no softpluss")

    monkeypatch.setitem(libraries.LIBRARIES, "numpy", raises)
    with pytest.raises(ValueError, match="relu cannot be evaluated on numpy: AttributeError: no softpluss"):
        check("relu", ["numpy"], ["float32"])
    monkeypatch.setitem(libraries.LIBRARIES, "numpy", lambda *_: np.zeros(3))
    contract.results.cache_clear()
    with pytest.raises(ValueError, match=r"relu\(\) gives an array of the shape \(3,\) for one of"):
        check("relu", ["numpy"], ["float32"])


@pytest.mark.usefixtures("own_catalogue")
def test_nan_and_the_sign_of_zero_are_told():
    @xact.activation(tex=r"\max(x, 0)", kinks={0: 0})
    def planted(x, /, *, xp):
        return xp.where(x > 0, x, 0.0)

    planted.derivative(lambda x, xp: xp.where(x > 0, 1.0, 0.0))
    assert check(planted, ["numpy"], ["float32"]).findings == [
        "value at nan is a number: what NaN goes into has to be NaN"
    ]

    @xact.activation(tex="x")
    def unsigned(x, /, *, xp):
        return x + 0.0

    unsigned.derivative(lambda x, xp: xp.ones_like(x))
    assert check(unsigned, ["numpy"], ["float32"]).findings == [
        "value at 0 has the wrong sign: an odd function keeps that of zero"
    ]


@pytest.mark.usefixtures("own_catalogue")
@pytest.mark.slow
def test_a_definition_with_weak_tails_is_not_drowned(capsys):
    """x tanh(a x) as one writes it: infinity times 0, an overflow, a cancellation; each is told once."""
    declared(r"x\,\tanh(a x)", value, slope, by_a)
    assert main(["check", "planted", "--backend", "numpy"]) == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    told = lines[: next(i for i, line in enumerate(lines) if line.startswith("error in ULP"))]
    assert 2 <= len(told) <= 6
    assert "wrong" not in "".join(told)
    assert any("derivative by x at x = -inf, a = 1.5: the formula gives -1, the rule nan" in line for line in told)
    assert any("derivative by a loses digits at x = " in line for line in told)
    assert sum("VIOLATED" in line for line in lines) <= 9
    assert main(["check", "planted", "--backend", "numpy", "--verbose"]) == 1
    assert sum("VIOLATED" in line for line in capsys.readouterr().out.splitlines()) > 30


@pytest.mark.usefixtures("own_catalogue")
def test_what_is_wrong_with_a_gate_and_along_an_axis():
    @xact.activation(tex=r"\text{gate}\,\text{value}^2", layout="gate_first")
    def planted_gate(gate, value, /, *, xp):
        return gate * value * value

    planted_gate.derivative("gate")(lambda value, xp: value * value)
    planted_gate.derivative("value")(lambda gate, value, xp: gate * value)
    found = check(planted_gate, ["numpy"], ["float32"]).findings
    assert found[0] == "derivative by value is wrong at gate = 1.3, value = -10: the formula gives -26, the rule -13"

    @xact.activation(tex=r"x_i - \frac{1}{n} \sum_j x_j")
    def planted_row(x, /, *, axis=-1, xp):
        return x - xp.mean(x, axis=axis, keepdims=True)

    planted_row.pullback("x")(lambda dy, axis, xp: dy)
    found = check(planted_row, ["numpy"], ["float32"]).findings
    at = "x = [1.3, -0.7, 0.5, 2.1], dy = [1.0, 0.0, 0.0, 0.0], entry 0"
    assert found == [f"pullback is wrong at {at}: the formula gives 0.75, the rule 1"]


@pytest.mark.usefixtures("own_catalogue")
@pytest.mark.parametrize("name", ["silu", "hardtanh", "softmax", "swiglu"])
def test_nothing_is_found_where_nothing_is_wrong(name):
    report = check(name, ["numpy"], ["float32"])
    assert report.findings == [] and "wrong" not in report.clauses()
    assert str(report).splitlines()[0].startswith("clause")


def test_wrong_arguments_of_check():
    for given, sentence in [
        ({"libraries": ["tensorflow"]}, "`libraries` is a list of names of 'numpy', 'jax', 'torch'; got ..tensorflow"),
        ({"libraries": "numpy"}, "`libraries` is a list of names of 'numpy', 'jax', 'torch'; got 'numpy'"),
        ({"dtypes": ["float8"]}, "`dtypes` is a list of names of 'float32', .*; got ..float8"),
        ({"dtypes": "float32"}, "`dtypes` is a list of names"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            check("relu", **given)
