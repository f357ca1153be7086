"""What notebooks and terminals show. Nothing is imported before it is shown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

# A name with an underscore: in \text, MathJax and MathML show the backslash, and LaTeX wants one.
_NAMES = re.compile(r"\\text\{((?:[A-Za-z0-9]+\\_)+[A-Za-z0-9]+)\}")


class Displayed:
    """An activation at the end of a notebook's cell: its signature, its formula and, with matplotlib, its curve."""

    def _repr_latex_(self: Any) -> str | None:
        return f"$\\displaystyle {mathematics(self.tex)}$" if self.tex else None

    def _repr_markdown_(self: Any) -> str:
        return "\n\n".join(filter(None, (f"`{self!r}`: `{self.usage}`", self._repr_latex_(), _curve(self))))


def mathematics(tex: str) -> str:
    r"""A formula as MathJax, KaTeX and MathML show it: names of several words are upright letters."""
    return _NAMES.sub(r"\\mathrm{\1}", tex)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], above: Iterable[str] = (), below: Iterable[str] = ()
) -> str:
    """A table in HTML, with lines of text above and below it."""
    lines = ["<tr>" + "".join(f"<th>{_escaped(cell)}</th>" for cell in head) + "</tr>"] if head else []
    lines += ["<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    before, after = ("".join(f"<div>{_escaped(text)}</div>\n" for text in texts) for texts in (above, below))
    return f"{before}<table>\n" + "\n".join(lines) + f"\n</table>\n{after}"


def _curve(activation: Any) -> str:
    """A small picture, where matplotlib is there and the activation is a function of one number that can be drawn."""
    import base64

    try:
        from xact.plotting import plot

        figure = plot(activation)
        figure.set_size_inches(6, 2.4)
        data = base64.b64encode(png(figure)).decode()
    except Exception:  # whatever is wrong with a definition, its formula can be shown
        return ""
    return f"![value and derivative](data:image/png;base64,{data})"


def png(figure: Any) -> bytes:
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def wrapped(text: str, head: str = "") -> str:
    """Text beside a head; on a terminal in lines of its width."""
    import shutil
    import sys
    import textwrap

    room = shutil.get_terminal_size().columns - len(head) if sys.stdout.isatty() else 0
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) if room > 20 else [text]
    return head + f"\n{' ' * len(head)}".join(lines)


def _escaped(text: Any) -> str:
    import html

    return html.escape(str(text))
