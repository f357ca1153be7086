"""What each command of `xact` does: it prints, and returns the exit status."""

import argparse
import csv
import importlib
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xact
from xact._activation import Activation
from xact._arguments import explained
from xact._catalogue import get, names, nearest
from xact._display import wrapped
from xact._extras import needs


class Refused(Exception):
    """A sentence for the user, and the exit status."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status


def listed(options: argparse.Namespace) -> int:
    _columns((name, _first_sentence(get(name))) for name in names())
    return 0


def show(options: argparse.Namespace) -> int:
    activation = find(options.name)
    rows = {
        "formula": activation.tex,
        "signature": activation.usage,
        **explained(activation.arguments, activation.defaults),
        "derivatives by": ", ".join((*activation.rules, *activation.pullbacks)),
        "kinks (derivative there)": ", ".join(f"{point}: {slope}" for point, slope in activation.kinks.items()),
        "properties": _properties(activation),
        "Module": f"xact.nn.{activation.module}",
        "also called": ", ".join(activation.aliases),
        "source": activation.paper,
    }
    print(repr(activation))
    print(wrapped(_first_sentence(activation), "  "))
    _columns(((f"{label}:", text) for label, text in rows.items() if text), indent="  ")
    return 0


def _properties(activation: Activation) -> str:
    """Those of functions of one number, where NumPy is there to compute them."""
    try:
        from xact.analysis import properties

        return str(properties(activation))
    except (ImportError, TypeError):
        return ""


def explain(options: argparse.Namespace) -> int:
    print(xact.compat.explain(options.name))
    return 0


def data(options: argparse.Namespace) -> int:
    from xact.analysis import curve

    activation = _of_one_number(options.name)
    found = curve(activation, options.start, options.stop, options.count)
    columns = [found[label].tolist() for label in ("x", "y", "derivative")]
    if options.csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(("activation", "x", "y", "derivative"))
        table.writerows((_text(get(found["spec"])), *row) for row in zip(*columns, strict=True))
        return 0
    # JSON knows no infinity.
    held = [[y if math.isfinite(y) else str(y) for y in column] for column in columns]
    found |= dict(zip(("x", "y", "derivative"), held, strict=True))
    print(json.dumps(found, allow_nan=False))
    return 0


def plot(options: argparse.Namespace) -> int:
    from xact.plotting import plot

    activations = [_of_one_number(name) for name in options.names]
    figure = plot(*activations, start=options.start, stop=options.stop, count=options.count)
    file = Path(options.output)
    if file.is_dir():
        raise Refused(f"cannot write {file}: Is a directory")
    file = file if file.suffix else file.with_suffix(".png")
    try:
        figure.savefig(file, dpi=150)
    except ValueError as error:
        raise Refused(f"--output {file}: {error}") from error
    print(file)
    return 0


def check(options: argparse.Namespace) -> int:
    from xact.testing import command, record
    from xact.testing.check import DTYPES
    from xact.testing.libraries import installed

    activations = [find(name) for name in options.names or names()]
    libraries = [*dict.fromkeys(options.backend or installed())]
    if options.identity and len(libraries) < 2:
        raise Refused(f"check --identity compares libraries, and {' '.join(libraries)} is the only one")
    for library in libraries:
        with needs(f"check --backend {library}", library):
            importlib.import_module(library)
    if options.json:
        record.check_writable(Path(options.json))
    chosen = (activations, libraries, [*dict.fromkeys(options.dtype or DTYPES)], options.json, bool(options.names))
    if options.identity:
        return command.identity(*chosen)
    return command.accuracy(*chosen, verbose=options.verbose, inputs=options.inputs)


def find(spec: str) -> Activation:
    """The activation a name, a specification, or `module:name` means; the current directory is on the path."""
    module, colon, rest = spec.partition(":")
    try:
        return _imported(module, rest) if module and colon and "(" not in module else get(spec)
    except xact.UnknownActivationError:
        raise
    except (TypeError, ValueError) as error:
        raise Refused(str(error)) from error


def _imported(module: str, spec: str) -> Activation:
    """An activation of a module of the user's, which is imported."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        home = importlib.import_module(module)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            raise Refused(f"there is no module {module!r}, neither in {here} nor installed", 1) from error
        kind = "" if type(error).__module__.startswith("xact.") else f"{type(error).__name__}: "
        raise Refused(f"{module} cannot be imported: {kind}{error}") from error
    name, bracket, arguments = spec.partition("(")
    found = getattr(home, name, None)
    if not isinstance(found, Activation):
        known = [label for label, value in vars(home).items() if isinstance(value, Activation)]
        near = f"the nearest of its activations are {nearest(name, known)}" if known else "it has none"
        raise Refused(f"{module} has no activation {name!r}; {near}", 1)
    if found.missing:
        raise Refused(f"{found.name} has no rule for `{found.missing[0]}` yet; write {found.how_to}")
    return found.replace(**{**found.replaced, **get(f"{found.name}({arguments}").replaced}) if bracket else found


def _of_one_number(spec: str) -> Activation:
    activation = find(spec)
    if not activation.elementwise or len(activation.arrays) != 1:
        raise Refused(f"{activation.name} is no function of one number", 1)
    return activation


def _text(activation: Activation) -> str:
    """As `xact.get` takes it."""
    values = ", ".join(f"{name}={value!r}" for name, value in activation.replaced.items())
    return f"{activation.name}({values})" if values else activation.name


def _columns(rows: Iterable[Sequence[str]], indent: str = "") -> None:
    pairs = list(rows)
    width = max(len(first) for first, _ in pairs)
    for first, second in pairs:
        print(wrapped(second, f"{indent}{first:<{width}}  "))


def _first_sentence(activation: Any) -> str:
    return (activation.body.function.__doc__ or "").strip().partition("\n")[0]
