"""What `xp` has: the names of the array API standard; a line for each function beside them, from its docstring."""

import inspect
import re

from xact._standard import ELEMENTWISE, MIXING
from xact.special.namespace import FAMILIES

# A docstring says what a function is, then how it is computed, its error and its source.
METHOD = re.compile(r":\s|;\s|, as |\. |, with (?:the|an) |, from |$")


def page():
    parts = [f"Of the standard, for every function: {listed(ELEMENTWISE)}.", f"Along an axis: {listed(MIXING)}."]
    for family in FAMILIES:
        parts.append(f"**{title(family)}**")
        rows = (f"| `{call(getattr(family, name))}` | {what(getattr(family, name))} |" for name in family.__all__)
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def listed(names):
    return ", ".join(f"`{name}`" for name in sorted(names))


def title(family):
    return inspect.getdoc(family).partition("\n")[0].rstrip(".")


def call(function):
    """As it is called: without `xp`, which `xp.` stands for."""
    signature = inspect.signature(function)
    given = [parameter for parameter in signature.parameters.values() if parameter.name != "xp"]
    return f"xp.{function.__name__}({', '.join(str(one) for one in given)})"


def what(function):
    text = " ".join(inspect.getdoc(function).split())
    return re.sub(r"([\\`*_|<^~$])", r"\\\1", text[: METHOD.search(text).start()])
