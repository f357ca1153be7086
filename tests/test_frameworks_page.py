"""The page on names in other frameworks: what is said of this package is what it does."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

import xact
from xact import compat

pytestmark = pytest.mark.needs("torch")
DOCS = Path(__file__).parents[1] / "docs"
REMARKS = tomllib.loads((DOCS / "frameworks.toml").read_text())
LINK = re.compile(r"\[`([^`]+)`\]\(_generated/(\w+)\.md\)")


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("frameworks", DOCS / "frameworks.py")
    module = sys.modules["frameworks"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["frameworks"]


@pytest.mark.parametrize("name", REMARKS["meanings"])
def test_what_a_name_is_here(name, page):
    (shown,) = (own for label, own, _ in page.doubles() if label == f"`{name}`")
    try:
        activation = xact.get(name)
    except xact.UnknownActivationError:
        assert shown == (f"`xact.nn.{name}`" if name == "FReLU" else "-")
    else:
        assert LINK.fullmatch(shown)[1] == repr(activation).removeprefix("xact.")


def test_names_that_had_been_said_to_be_missing(page):
    found = {label.strip("`"): own for label, own, _ in page.doubles()}
    assert {name: LINK.fullmatch(found[name])[1] for name in ("TeLU", "SReLU", "BReLU")} == {
        "TeLU": "tanh_exp",
        "SReLU": "srelu",
        "BReLU": "bipolar_relu",
    }


def test_a_disagreement_is_every_name_with_two_meanings(page):
    rows = {label.strip("`"): (own, elsewhere) for label, own, elsewhere in page.disagreements()}
    for framework, table in compat.FRAMEWORKS.items():
        for name, spec in table.items():
            activation = xact.get(spec)
            own = page.here(name)
            if own not in (None, activation) and not name.endswith("_"):
                row = next(row for label, row in rows.items() if page.bare(label) == page.bare(name))
                assert f"{framework} `{name}`" in row[1]
    # One where everybody agrees, and one where nobody else does.
    assert "mish" not in rows and "gelu" in rows
    for own, elsewhere in rows.values():
        assert len({*LINK.findall(own), *LINK.findall(elsewhere)}) > 1


def test_links_lead_to_what_they_name(page):
    for text, name in LINK.findall(page.page()):
        assert text == xact.get(name).usage or xact.get(text).name == name


@pytest.mark.parametrize("section", ["meanings", "notes"])
def test_a_remark_says_nothing_of_this_package(section):
    """What can be computed of it is, and stands in another column."""
    for name, remark in REMARKS[section].items():
        assert not re.search(r"\b(here|ours?|xact)\b", remark), name
    if section == "notes":
        assert {*REMARKS["notes"]} <= {*xact.names()}


def test_the_page_types_no_table():
    text = (DOCS / "frameworks.md").read_text()
    assert "| ---" not in text and "|---" not in text and "_generated/frameworks.txt" in text
