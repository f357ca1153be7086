"""What a release says of itself: the distribution is `xact-activations`, the import `xact`."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KINDS = {".cff", ".md", ".pyi", ".py", ".toml", ".yaml", ".yml"}
FOLDERS = (".ci", ".github", "benchmarks", "docs", "src", "tests")
# On the package index `xact` is another project.
OTHER_PROJECT = re.compile(r"pip install\s(?:[^\n`]*[\s\"'=]|[\"']?)xact(?![\w-])|(?<![\w.-])xact\[[a-z]+[],]")


def texts() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file()]
    found += [path for folder in FOLDERS if (ROOT / folder).is_dir() for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.suffix in KINDS and "_build" not in path.parts]


def test_no_text_installs_another_project() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OTHER_PROJECT.search(line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    ["pip install xact", "python -m pip install 'xact[testing]'", "install xact[plot]", 'all = ["xact[numpy,jax]"]'],
)
def test_such_a_text_is_seen(line: str) -> None:
    assert OTHER_PROJECT.search(line)


@pytest.mark.parametrize(
    "line", ["pip install xact-activations", 'pip install "xact-activations[plot]"', "pip installs the package xact"]
)
def test_other_texts_are_not(line: str) -> None:
    assert not OTHER_PROJECT.search(line)


def test_the_distribution() -> None:
    assert PROJECT["name"] == "xact-activations"
    (everything,) = PROJECT["optional-dependencies"]["all"]
    name, _, extras = everything.rstrip("]").partition("[")
    assert name == PROJECT["name"]
    assert set(extras.split(",")) == set(PROJECT["optional-dependencies"]) - {"all"}
