"""The list of what `xp` has, on the page on definitions: all of it, a line each, from the docstrings."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

import xact
from xact._standard import ELEMENTWISE, MIXING
from xact.special.namespace import GENERIC

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("namespace", DOCS / "namespace.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


@pytest.fixture(scope="module")
def lines(page):
    rows = [line.strip("| ").split(" | ", 1) for line in page.splitlines() if line.startswith("| `xp.")]
    return {call.partition("(")[0].removeprefix("`xp."): (call.strip("`"), what) for call, what in rows}


def test_every_function_has_its_line(lines):
    assert lines.keys() == GENERIC.keys()
    assert "_generated/namespace.txt" in (DOCS / "defining.md").read_text()


def test_the_names_of_the_standard(page):
    first, second = page.splitlines()[:3:2]
    for names, line in ((ELEMENTWISE, first), (MIXING, second)):
        assert all(f"`{name}`" in line for name in names)


@pytest.mark.parametrize("name", GENERIC)
def test_a_line_says_how_it_is_called_and_what_it_is(name, lines):
    call, what = lines[name]
    taken = [one for one in inspect.signature(GENERIC[name]).parameters if one != "xp"]
    assert call.startswith(f"xp.{name}({', '.join(taken[:1])}") and "xp=" not in call and "/" not in call
    plain = what.replace("\\", "")
    assert 3 < len(plain) < 200 and "Error:" not in plain and "Source:" not in plain
    assert plain[:20] in " ".join(inspect.getdoc(GENERIC[name]).split())


@pytest.mark.usefixtures("own_catalogue")
def test_activations_are_called_in_bodies_and_rules():
    """Where the value is evaluated in blocks, and in 16 bits, too."""

    @xact.activation(tex=r"x\,\sigma(x)\,\tanh(x)")
    def inner(x, /, *, xp):
        return xact.silu(x) * xp.tanh(x)

    @inner.derivative
    def _(x, xp):
        t = xp.tanh(x)
        return xact.derivative(xact.silu)(x) * t + xact.silu(x) * (1 - t * t)

    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5), (np.float16, 2e-3)):
        x = np.linspace(-3, 3, 100_001).astype(dtype)
        wide = x.astype(np.float64)
        sigma, t = 1 / (1 + np.exp(-wide)), np.tanh(wide)
        slope = (sigma + wide * sigma * (1 - sigma)) * t + wide * sigma * (1 - t * t)
        assert np.allclose(inner(x), wide * sigma * t, rtol=tolerance, atol=tolerance)
        assert np.allclose(xact.derivative(inner)(x), slope, rtol=tolerance, atol=tolerance)
