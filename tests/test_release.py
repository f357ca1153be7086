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


def test_one_version() -> None:
    known = {
        "src/xact/__init__.py": r'^__version__ = "(.+)"$',
        "CITATION.cff": r"^version: (.+)$",
    }
    for name, line in known.items():
        found = re.search(line, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert found, name
        assert found[1] == PROJECT["version"], name


def test_the_hook_is_the_linter_of_nox() -> None:
    path = ROOT / ".pre-commit-config.yaml"
    if not path.is_file():
        pytest.skip("a source distribution has no hooks")
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["lint"]
    found = re.search(r"rev: v(.+)", path.read_text(encoding="utf-8"))
    assert found
    assert lint == [f"ruff=={found[1]}"]


def workflows() -> list[Path]:
    found = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    if not found:
        pytest.skip("a source distribution has no workflows")
    return found


def test_workflows_take_no_more_rights_than_they_need() -> None:
    for path in workflows():
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE), path.name
        assert not re.search(r"secrets\.|: write", text.replace("id-token: write", "")), path.name
        for action in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"(actions/[\w-]+@v\d+|pypa/gh-action-pypi-publish@release/v\d+)", action), action


def test_workflows_run_sessions_of_nox() -> None:
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))
    for path in workflows():
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"nox .*--session (\w+)", text))
        for listed in re.findall(r"session: \[(.+)\]", text):
            named |= set(listed.split(", "))
        assert named, path.name
        assert named <= sessions, path.name


def test_yaml() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, which dask brings, is not installed")
    forms = sorted((ROOT / ".github").rglob("*.yml"))
    for path in [*forms, ROOT / "CITATION.cff", *ROOT.glob(".*.yaml")]:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path.name
