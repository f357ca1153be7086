"""What README and documentation show is executed here, and compared with what they print."""

import doctest
import importlib
import math
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest

from xact import _activation, backends

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a page imports that needs one.
LIBRARIES = {"numpy": "numpy", "jax": "jax", "torch": "torch|nn"}
NUMBER = re.compile(r"-?\d+\.\d*(?:e[-+]\d+)?")
SOURCE = ROOT / "src" / "xact"
# Every module whose docstrings show a call: a page may quote them.
SHOWN = [path.relative_to(SOURCE.parent) for path in sorted(SOURCE.rglob("*.py")) if "\n    >>> " in path.read_text()]
MODULES = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in SHOWN]
OF_TORCH = ("xact.nn.", "xact.backends.torch", "xact.backends.hot_path")


@pytest.fixture
def page_module(libraries):
    """A module for a page's definitions to belong to, JAX as it is set up; the catalogue is as before afterwards."""
    catalogue, definitions = dict(_activation.catalogue), dict(backends.definitions)
    module = sys.modules["documented"] = ModuleType("documented")
    with importlib.import_module("jax").enable_x64(False) if "jax" in libraries else nullcontext():
        yield module
    del sys.modules["documented"]
    for now, before in ((_activation.catalogue, catalogue), (backends.definitions, definitions)):
        now.clear()
        now.update(before)


@pytest.mark.parametrize("page", [p for p in PAGES if BLOCK.search(p.read_text())], ids=lambda page: page.name)
def test_page(page, page_module, libraries):
    """The blocks of a page, in order, in one namespace."""
    text = page.read_text()
    for library, imported in LIBRARIES.items():
        if library not in libraries and re.search(rf"\bimport .*\b({imported})\b", text):
            pytest.skip(f"{library} is not tested")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        if ">>>" in block[1]:
            run_examples(block[1], vars(page_module), page, line)
        else:
            exec(compile("\n" * line + block[1], page, "exec"), vars(page_module))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.needs("torch") if name.startswith(OF_TORCH) else ()) for name in MODULES],
)
def test_docstrings(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted
    assert not failed


@pytest.mark.parametrize(("source", "page"), [("nn/__init__.py", "nn.md"), ("__init__.py", "reference.md")])
def test_the_reference_has_every_public_name(source, page):
    text = (ROOT / "docs" / page).read_text()
    names = re.findall(r"^from xact\S* import \w+ as (\w+)", (ROOT / "src" / "xact" / source).read_text(), re.MULTILINE)
    assert names
    described = {*re.findall(r"^\s*\.\. auto\w+:: (?:[\w.]+\.)?(\w+)", text, re.MULTILINE)}
    modules = {name for pair in re.findall(r"currentmodule:: xact\.(\w+)|xact\.nn\.(\w+)\.", text) for name in pair}
    assert [name for name in names if name not in described | modules] == []


def run_examples(source, namespace, page, line):
    """Run examples in `namespace`; the first that prints something else fails."""
    test = doctest.DocTestParser().get_doctest(source, namespace, page.name, str(page), line)
    report = []
    options = doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(Checker(), optionflags=options)
    test.globs = namespace
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


class Checker(doctest.OutputChecker):
    """Floating numbers may differ in their last digits: `exp` of another processor or library is not the same."""

    def check_output(self, want, got, options):
        wanted, found = NUMBER.findall(want), NUMBER.findall(got)
        close = len(wanted) == len(found) and all(
            math.isclose(float(a), float(b), rel_tol=1e-6) for a, b in zip(wanted, found, strict=True)
        )
        return close and super().check_output(NUMBER.sub("0.", want), NUMBER.sub("0.", got), options)
