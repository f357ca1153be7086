"""The formulas of the documentation: a browser shows nothing of TeX, and no box is wider than a phone."""

import importlib.util
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import xact

pytest.importorskip("latex2mathml")
DOCS = Path(__file__).parents[1] / "docs"
CATALOGUE = [xact.get(name) for name in xact.names()]
WIDTH = re.compile(r"--width: (\d+)")
# A phone has 327 pixels for a formula, and letters of 10 can be read.
WIDEST = 32


@pytest.fixture(scope="module")
def formulas():
    spec = importlib.util.spec_from_file_location("formulas", DOCS / "formulas.py")
    module = sys.modules["formulas"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["formulas"]


@pytest.mark.parametrize("activation", CATALOGUE, ids=lambda activation: activation.name)
def test_a_browser_shows_no_tex(activation, formulas):
    shown = formulas.html(activation.tex)
    text = "".join(ElementTree.fromstring(shown).itertext())
    assert not set("\\{}$&") & set(text), text
    for option in re.findall(r"\\text\{([A-Za-z_\\]+)\}", activation.tex):
        assert option.replace("\\_", "_") in text
    assert all(0 < int(width) <= WIDEST for width in WIDTH.findall(shown))


def test_cases_are_boxes_with_a_drawn_brace(formulas):
    shown = formulas.html(xact.leaky_relu.tex)
    (cases,) = ElementTree.fromstring(shown).iterfind(".//span[@class='cases']")
    assert ["".join(row.itertext()) for row in cases] == ["xx>0", "negative_slopexotherwise"]
    style = (DOCS / "_static" / "formula.css").read_text()
    assert ".cases::before" in style and "brace.svg" in style and (DOCS / "_static" / "brace.svg").exists()


def test_remarks_are_boxes(formulas):
    assert formulas.html(xact.selu.tex).count('class="part"') == 3
    assert formulas.html(xact.standardize.tex).count('class="part"') == 4


@pytest.mark.parametrize(
    ("tex", "spaced"), [(r"\beta \log(x)", 1), (r"\max(x, 0)", 0), (r"x \tanh(x)", 1), (r"-\log(x)", 0)]
)
def test_a_thin_space_before_the_name_of_a_function(tex, spaced, formulas):
    assert formulas.html(tex).count("mspace") == spaced
