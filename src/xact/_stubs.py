"""Write the type stubs editors read: `python -m xact._stubs`, or `nox -s stubs`. A test fails when they are stale."""

import math
from pathlib import Path
from typing import Any

import xact
from xact._activation import Activation, catalogue
from xact._signature import LAYOUTS, REQUIRED

HEADER = """# Generated from the catalogue by `nox -s stubs`; edit the definitions instead.
"""


def package_stub() -> str:
    """The stub of `xact`: every activation as a function of its own signature."""
    source = (Path(__file__).parent / "__init__.py").read_text()
    imports = [line for line in source.splitlines() if line.startswith("from xact") and " as " in line]
    imports += [f"from xact import {name} as {name}" for name in vars(xact)["_SUBMODULES"]]
    functions = [_function(name, catalogue[name]) for name in sorted(catalogue)]
    top = ["from typing import Any, Literal, TypeVar", "", *imports, ""]
    names = ['_Array = TypeVar("_Array")', "__version__: str", ""]
    return HEADER + "\n".join([*top, *names, *functions]) + "\n"


def module_stub() -> str:
    """The stub of `xact.nn`: every Module with its constructor."""
    import torch

    source = (Path(__file__).parent / "nn" / "__init__.py").read_text()
    imports = [line for line in source.splitlines() if line.startswith("from xact.") and " as " in line]
    lines = ["from typing import Any, Literal", "", "import torch", "", *imports, ""]
    for name, activation in sorted({a.module: a for a in catalogue.values()}.items()):
        twin = hasattr(torch.nn, name)
        lines += [f"class {name}(torch.nn.{name if twin else 'Module'}):", "    spec: dict[str, Any]"]
        if not twin:
            lines.append(f"    def __init__({_constructor(activation)}) -> None: ...")
        elif activation.learnable:
            lines.append(f"    def __init__({_torch_constructor(name)}) -> None: ...")
        if activation.learnable:
            lines.append("    def reset_parameters(self) -> None: ...")
    return HEADER + "\n".join(lines) + "\n"


def _function(name: str, activation: Activation) -> str:
    arrays = [f"{array}: _Array" for array in activation.arrays]
    if activation.layout:
        arrays = ["x: _Array", "other: _Array | None = None"]
    given = [_argument(label, value, activation, "float | _Array") for label, value in activation.defaults.items()]
    dim = ["*", "dim: int = ..."] if "axis" in activation.defaults else []
    lines = [*arrays, *given, *dim]
    return f"def {name}({', '.join(lines)}) -> _Array: ..."


def _constructor(activation: Activation) -> str:
    from xact.nn._constructor import constructor_defaults

    given = [_argument(label, value, activation, "float") for label, value in constructor_defaults(activation).items()]
    return ", ".join(["self", *given, "*", "device: Any = None", "dtype: Any = None"])


def _torch_constructor(name: str) -> str:
    """What ours takes where torch's takes less: the axis of the parameters."""
    import inspect

    import xact.nn

    given = inspect.signature(getattr(xact.nn, name)).parameters.values()
    kinds = {int: "int", float: "float"}
    arguments = [f"{one.name}: {kinds.get(type(one.default), 'Any')} = {one.default!r}" for one in given]
    keyword = next(i for i, one in enumerate(given) if one.kind is one.KEYWORD_ONLY)
    return ", ".join(["self", *arguments[:keyword], "*", *arguments[keyword:]])


def _argument(label: str, value: Any, activation: Activation, number: str) -> str:
    choices = LAYOUTS if label == "layout" else activation.choices.get(label)
    if choices:
        kind = f"Literal[{', '.join(repr(choice) for choice in choices)}]"
    elif isinstance(value, tuple):
        kind = number.replace("float", "tuple[float, ...]")
    elif label == "num_parameters":
        kind = "int | None"
    elif isinstance(value, (bool, int)):
        kind = type(value).__name__
    elif isinstance(value, float) or value is REQUIRED:
        kind = number if label not in activation.body.options else "float"
    else:
        kind = "Any"
    default = "..." if value in (math.inf, -math.inf) else repr(value)
    return f"{label}: {kind}" if value is REQUIRED else f"{label}: {kind} = {default}"


def main() -> None:
    home = Path(__file__).parent
    (home / "__init__.pyi").write_text(package_stub())
    (home / "nn" / "__init__.pyi").write_text(module_stub())


if __name__ == "__main__":
    main()
