"""Who means what by a name: tables computed from those of xact.compat; frameworks.toml has remarks on the others."""

import tomllib
from pathlib import Path

import xact
import xact.nn
from xact import compat
from xact._catalogue import bare

REMARKS = tomllib.loads((Path(__file__).parent / "frameworks.toml").read_text())


def page():
    """The part of frameworks.md that is computed."""
    parts = [
        "## Where frameworks disagree",
        "The functions and defaults that a name stands for, whatever its case, underscores and dashes.",
        table("name | here | elsewhere", disagreements()),
        "## What else differs",
        table("here | elsewhere", notes()),
        "## Names that are taken twice",
        table("name | here | meanings", doubles()),
        "## What is left out",
        table(
            "framework | name | which",
            (
                (framework, code(name), reason)
                for framework, names in compat.LEFT_OUT.items()
                for name, reason in names.items()
            ),
        ),
    ]
    for framework, names in compat.FRAMEWORKS.items():
        rows = ((code(name), linked(xact.get(spec))) for name, spec in names.items())
        parts += [f"## {framework}", table("name there | here", rows)]
    return "\n\n".join(parts) + "\n"


def disagreements():
    """Names by which a framework means another function or other defaults than this package or another framework."""
    meant = {}
    for framework, names in compat.FRAMEWORKS.items():
        for name, spec in names.items():
            if not name.endswith("_"):  # in place
                meant.setdefault(bare(name), []).append((framework, name, xact.get(spec)))
    for name, uses in sorted(meant.items()):
        own = here(name)
        by_activation = {}
        for framework, spelled, activation in uses:
            by_activation.setdefault(activation, []).append(f"{framework} {code(spelled)}")
        if {*by_activation, own} - {None} != {uses[0][2]}:
            elsewhere = (f"{linked(one)}: {', '.join(who)}" for one, who in by_activation.items())
            yield code(spelling(name, uses)), linked(own), "; ".join(elsewhere)


def spelling(name, uses):
    """As this package spells the name, or the first framework that has it."""
    known = [*xact.names(), *(alias for one in xact.names() for alias in xact.get(one).aliases)]
    return next((own for own in known if bare(own) == name), uses[0][1])


def notes():
    for name, remark in sorted(REMARKS["notes"].items()):
        activation = xact.get(name)
        kinks = [f"{slope} at {point}" for point, slope in activation.kinks.items() if slope is not None]
        facts = [f"[`{activation.usage}`]({address(activation)})"]
        facts += [f"derivative {', '.join(kinks)}"] if kinks else []
        yield "; ".join(facts), remark


def doubles():
    """Names with a meaning besides: what they are here, and in a framework whose table has them."""
    for name, remark in sorted(REMARKS["meanings"].items(), key=lambda one: one[0].lower()):
        tables = {
            framework: xact.get(name, like=framework)
            for framework, names in compat.FRAMEWORKS.items()
            if bare(name) in map(bare, names)
        }
        others = (f"in {framework} {linked(one)}" for framework, one in tables.items() if one != here(name))
        module = code(f"xact.nn.{name}") if here(name) is None and hasattr(xact.nn, name) else ""
        yield code(name), module or linked(here(name)), "; ".join([remark, *others])


def here(name):
    try:
        return xact.get(name)
    except xact.UnknownActivationError:
        return None


def linked(activation):
    """An activation with a link to its page."""
    if activation is None:
        return "-"
    return f"[`{repr(activation).removeprefix('xact.')}`]({address(activation)})"


def address(activation):
    return f"_generated/{activation.name}.md"


def code(text):
    return f"`{text}`"


def table(head, rows):
    names = head.split(" | ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
