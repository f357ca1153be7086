"""The `xact` command: list, show, explain, plot, data, check."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import xact
from xact._catalogue import get, names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 1 where a check finds a violation or a name is unknown."""
    parser = argparse.ArgumentParser(prog="xact", description="Activation functions on every array library.")
    parser.add_argument("--version", action="version", version=f"xact {xact.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="names, one a line, with what they are")
    command.set_defaults(run=_list)

    command = commands.add_parser("show", help="formula, signature, rules and source of an activation")
    command.add_argument("name")
    command.set_defaults(run=_show)

    command = commands.add_parser("explain", help="what each framework means by a name")
    command.add_argument("name")
    command.set_defaults(run=_explain)

    command = commands.add_parser("data", help="values and derivatives as JSON")
    command.add_argument("name")
    _range(command)
    command.set_defaults(run=_data)

    command = commands.add_parser("plot", help="a figure of values and derivatives (needs the extra `plot`)")
    command.add_argument("names", nargs="+")
    command.add_argument("--output", default="xact.png", help="file to write (default: %(default)s)")
    _range(command)
    command.set_defaults(run=_plot)

    command = commands.add_parser("check", help="measure the contract (needs the extra `testing`)")
    command.add_argument("names", nargs="*", help="all of the catalogue where none is given")
    command.add_argument("--backend", action="append", help="numpy, jax or torch; those installed by default")
    command.add_argument("--dtype", action="append", help="float32, float64, float16 or bfloat16; all by default")
    many = "random float32 and float64 inputs beside the special ones, of which a few thousand are usual"
    command.add_argument("--inputs", type=_count, metavar="N", help=many)
    command.add_argument("--verbose", action="store_true", help="the worst input of every clause too")
    command.add_argument("--json", metavar="FILE", help="write the table to a file, with date, versions and processor")
    command.add_argument("--identity", action="store_true", help="how far the libraries are from each other instead")
    command.set_defaults(run=_check)

    options = parser.parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (xact.UnknownActivationError, ValueError, ImportError) as error:
        print(f"xact: {error}", file=sys.stderr)
        return 1


def _range(command: argparse.ArgumentParser) -> None:
    command.add_argument("--start", type=float, default=-5.0)
    command.add_argument("--stop", type=float, default=5.0)
    command.add_argument("--count", type=int, default=201)


def _list(options: argparse.Namespace) -> int:
    width = max(map(len, names()))
    for name in names():
        print(f"{name:<{width}}  {_first_sentence(get(name))}")
    return 0


def _show(options: argparse.Namespace) -> int:
    activation = get(options.name)
    derivatives = ", ".join((*activation.rules, *activation.pullbacks))
    kinks = ", ".join(f"{point}: {slope}" for point, slope in activation.kinks.items())
    rows = {
        "": _first_sentence(activation),
        "formula": activation.tex,
        "signature": activation.usage,
        "derivatives by": derivatives,
        "kinks (derivative there)": kinks,
        "properties": _properties(activation),
        "Module": f"xact.nn.{activation.module}",
        "also called": ", ".join(activation.aliases),
        "source": activation.paper,
    }
    print(repr(activation))
    for label, text in rows.items():
        if text:
            print(f"  {label + ': ' if label else ''}{text}")
    return 0


def _properties(activation: Any) -> str:
    """Those of functions of one number, where NumPy is there to compute them."""
    try:
        from xact.analysis import properties

        return str(properties(activation))
    except (ImportError, TypeError):
        return ""


def _explain(options: argparse.Namespace) -> int:
    from xact.compat import explain

    print(explain(options.name))
    return 0


def _data(options: argparse.Namespace) -> int:
    from xact.analysis import curve

    found = curve(options.name, options.start, options.stop, options.count)
    json.dump({key: value if key == "name" else value.tolist() for key, value in found.items()}, sys.stdout)
    print()
    return 0


def _plot(options: argparse.Namespace) -> int:
    from xact.plotting import plot

    figure = plot(*options.names, start=options.start, stop=options.stop, count=options.count)
    figure.savefig(options.output, dpi=150)
    print(options.output)
    return 0


def _check(options: argparse.Namespace) -> int:
    from xact.testing import command

    chosen = (options.names or names(), options.backend, options.dtype, options.json)
    if options.identity:
        return command.identity(*chosen)
    return command.accuracy(*chosen, verbose=options.verbose, inputs=options.inputs)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of inputs")
    return int(text)


def _first_sentence(activation: Any) -> str:
    return (activation.body.function.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
