"""What a notebook shows at the end of a cell: formulas, pictures, tables; and what that costs an import: nothing."""

import base64
import re
import subprocess
import sys

import pytest

import xact
from xact._display import mathematics, table

PNG = b"\x89PNG\r\n"
CATALOGUE = [xact.get(name) for name in xact.names()]


@pytest.mark.parametrize("activation", CATALOGUE, ids=lambda activation: activation.name)
def test_the_formula_of_an_activation(activation: xact.Activation) -> None:
    shown = activation._repr_latex_()
    assert shown is not None and shown.startswith("$") and shown.endswith("$")
    # MathJax, KaTeX and MathML show the backslash of \_ within \text.
    assert not re.search(r"\\text\{[^{}]*\\_", shown)
    unescaped = re.sub(r"\\[{}]", "", shown)
    assert unescaped.count("{") == unescaped.count("}")


@pytest.mark.parametrize("name", ["gelu", "leaky_relu(0.2)", "prelu", "threshold"])
def test_the_curve_of_a_function_of_one_number(name: str) -> None:
    pytest.importorskip("matplotlib")
    shown = xact.get(name)._repr_markdown_()
    assert shown.startswith(f"`{xact.get(name)!r}`: `")
    found = re.search(r"!\[value and derivative\]\(data:image/png;base64,([^)]+)\)", shown)
    assert found and base64.b64decode(found[1]).startswith(PNG)


@pytest.mark.usefixtures("own_catalogue")
def test_what_has_no_curve_has_a_formula() -> None:
    @xact.activation(tex="x + 1")
    def unfinished(x, /, *, xp):
        return x + 1

    for activation in (unfinished, xact.softmax, xact.swiglu):
        assert "$" in activation._repr_markdown_() and "](data:" not in activation._repr_markdown_()

    @xact.activation()
    def unexplained(x, /, *, xp):
        return x + 1

    assert unexplained._repr_latex_() is None and "unexplained" in unexplained._repr_markdown_()


def test_a_figure_is_a_picture() -> None:
    plotting = pytest.importorskip("xact.plotting")
    assert plotting.plot("gelu")._repr_png_().startswith(PNG)


def test_properties_are_a_table() -> None:
    shown = xact.__dict__.get("analysis") or pytest.importorskip("xact.analysis")
    assert "<td>convexity</td><td>convex</td>" in shown.properties("softplus")._repr_html_()


def test_a_report_is_a_table() -> None:
    testing = pytest.importorskip("xact.testing")
    report = testing.check("relu", ["numpy"], ["float32"])
    assert repr(report) == str(report)
    html = report._repr_html_()
    assert html.count("<tr>") == 1 + len(report.clauses().splitlines()[1:])
    assert "<th>numpy</th>" in html and f"relu: {len(report.measurements)} measurements, 0 violations" in html


@pytest.mark.needs("torch")
def test_what_is_said_of_a_model_is_a_table() -> None:
    import torch

    from xact import nn

    model = torch.nn.Sequential(torch.nn.ReLU())
    with nn.monitor(model, every=1) as seen:
        model(torch.ones(2, 3))
    assert "<th>dead channels</th>" in seen._repr_html_() and seen._repr_html_().count("<tr>") == 2
    report = nn.swap(model, {"ReLU": "gelu"})
    assert "<td>0</td>" in report._repr_html_() and "<div>1 changed, 0 left alone</div>" in report._repr_html_()
    pytest.importorskip("matplotlib")
    assert seen.plot()._repr_png_().startswith(PNG)


def test_text_is_escaped() -> None:
    assert table(["a<b"], [["1 & 2"]]).count("&lt;") == 1
    assert mathematics(r"\text{a\_b} + \text{ if } x_i") == r"\mathrm{a\_b} + \text{ if } x_i"


def test_nothing_is_imported_for_it() -> None:
    code = "import sys, xact; print({'base64', 'html', 'io', 'textwrap'} & sys.modules.keys() - before)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = {{'io'}}; {code}"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
