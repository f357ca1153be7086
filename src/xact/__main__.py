"""The `xact` command: list, show, explain, plot, data, check."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import xact

STATUS = """\
exit status: 0; 1 where an activation is not found or not of the kind, or the check finds a violation; 2 where the
command cannot be run as written, or a library is missing; 130 when interrupted"""
NAME = "a name such as gelu, swish(2), leaky_relu(negative_slope=0.1), or module:name for one of your own"


class Parser(argparse.ArgumentParser):
    """One line for an error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status, as `--help` gives it."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("xact: interrupted", file=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    from xact._commands import Refused

    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return int(options.run(options))
    except xact.UnknownActivationError as error:
        message, status = str(error), 1
    except Refused as error:
        message, status = str(error), error.status
    except ImportError as error:
        message, status = str(error), 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        message, status = f"cannot write {error.filename}: {error.strerror}", 2
    print(f"xact: {message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    from xact import _commands as run

    parser = Parser(prog="xact", description="Activation functions on every array library.", epilog=STATUS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="version", version=f"xact {xact.__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    command = commands.add_parser("list", help="names, one a line, with what they are")
    command.set_defaults(run=run.listed)

    command = commands.add_parser("show", help="formula, signature, rules and source of an activation")
    command.add_argument("name", help=NAME)
    command.set_defaults(run=run.show)

    command = commands.add_parser("explain", help="what each framework means by a name")
    command.add_argument("name", help="as any framework spells it")
    command.set_defaults(run=run.explain)

    command = commands.add_parser("data", help="values and derivatives as JSON or CSV (needs NumPy)")
    command.add_argument("name", help=NAME)
    _range(command)
    command.add_argument("--csv", action="store_true", help="lines of activation, x, y and derivative instead of JSON")
    command.set_defaults(run=run.data)

    command = commands.add_parser("plot", help="a figure of values and derivatives (needs the extra `plot`)")
    command.add_argument("names", nargs="+", metavar="name", help=NAME)
    command.add_argument("--output", default="xact.png", help="file to write (default: %(default)s)")
    _range(command)
    command.set_defaults(run=run.plot)

    command = commands.add_parser("check", help="measure the contract (needs the extra `testing`)")
    command.add_argument("names", nargs="*", metavar="name", help=f"{NAME}; all of the catalogue where none is given")
    libraries, dtypes = ("numpy", "jax", "torch"), ("float32", "float64", "float16", "bfloat16")
    text = "numpy, jax or torch, may be repeated; those installed by default"
    command.add_argument("--backend", action="append", choices=libraries, metavar="NAME", help=text)
    text = "float32, float64, float16 or bfloat16, may be repeated; all by default"
    command.add_argument("--dtype", action="append", choices=dtypes, metavar="NAME", help=text)
    many = "random float32 and float64 inputs beside the special ones, of which a few thousand are usual"
    command.add_argument("--inputs", type=_natural, metavar="N", help=many)
    command.add_argument("--verbose", action="store_true", help="every clause and every violation")
    command.add_argument("--json", metavar="FILE", help="write the table to a file, with date, versions and processor")
    command.add_argument("--identity", action="store_true", help="how far the libraries are from each other instead")
    command.set_defaults(run=run.check)
    return parser


def _range(command: argparse.ArgumentParser) -> None:
    command.add_argument("--start", type=_finite, default=-5.0, help="least x (default: %(default)s)")
    command.add_argument("--stop", type=_finite, default=5.0, help="greatest x (default: %(default)s)")
    command.add_argument("--count", type=_positive, default=201, help="how many (default: %(default)s)")


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return number


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of inputs")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of points")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
