"""The tokens of the TeX in which papers print activation functions."""

import re
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"""(?P<lbar>\\(?:left|[bB]igg?l)\s*\||\\lvert(?![A-Za-z]))
    |(?P<rbar>\\(?:right|[bB]igg?r)\s*\||\\rvert(?![A-Za-z]))
    |(?P<ignored>\s+|~|\{\s*\}|\\[,;:!>\s]
        |\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits)(?![A-Za-z]))
    |(?P<number>\d+(?:\.\d+)?|\.\d+)
    |\\(?:text|textrm|mathrm|mathit|mathsf|operatorname\*?)\s*\{(?P<text>(?:[^{}\\]|\\.)*)\}
    |\\(?:texttt|mathtt)\s*\{(?P<string>(?:[^{}\\]|\\.)*)\}
    |(?P<environment>\\(?:begin|end)\s*\{[^{}]*\})
    |(?P<command>\\(?:[A-Za-z]+|.))
    |(?P<letter>[A-Za-z])
    |(?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)
# max and min are also names of parameters: functions only before a bracket or an index.
_CALL = re.compile(r"\s*(?:\\(?:left|[bB]igg?l?)(?![A-Za-z])\s*)?(?:[(\[{_]|\\\{)")
_SYMBOLS = {r"\cdot": "*", r"\times": "*", "=": "==", r"\ne": "!=", r"\neq": "!=", r"\lt": "<", r"\gt": ">"}
_SYMBOLS |= {r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">="}
_SYMBOLS |= {r"\land": "and", r"\wedge": "and", r"\lor": "or", r"\vee": "or"}
_WORDS = {"if": "if", "for": "if", "when": "if", "otherwise": "otherwise", "else": "otherwise"}
_WORDS |= {"and": "and", "or": "or", "where": "where", "with": "where"}
BRACKETS = {"(": ")", "[": "]", r"\{": r"\}", "{": "}"}
_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega"
)
_GREEK = {f"\\{name}": name for name in _LETTERS.split()}
_GREEK |= {r"\varepsilon": "epsilon", r"\varphi": "phi", r"\vartheta": "theta", r"\varrho": "rho"}
_UNARY = "exp log sqrt tanh sinh cosh sech sin cos tan arctan arsinh erf erfc sign sigmoid softplus relu gelu silu"
ARITY = dict.fromkeys(_UNARY.split(), 1) | {"clip": 3}
_SPELLINGS = {"ln": "log", "asinh": "arsinh", "arcsinh": "arsinh", "sgn": "sign", "clamp": "clip"}
_COMMANDS = {f"\\{name}" for name in ("exp", "log", "ln", "tanh", "sinh", "cosh", "sin", "cos", "tan", "arctan")}
_COMMANDS |= {r"\max", r"\min"}
REDUCTIONS = {r"\sum": "sum", r"\prod": "product"}
INDICES = {"i", "j", "k"}


def fail(tex: str, message: str, token: Token) -> NoReturn:
    """Raise the one sentence that says what is wrong with the formula, and where."""
    found = "the end" if token.kind == "end" else repr(token.text)
    cured = f"; {advice}" if (advice := cure(tex)) else ""
    raise ValueError(f"cannot read the formula {tex!r}: {message}, found {found} at position {token.position}{cured}")


def cure(tex: str) -> str:
    """What to write where the usual slips are made: no raw string, dollars, functions without a backslash."""
    if any(character in tex for character in "\a\b\f\r\t\v"):
        return 'write a raw string, tex=r"..."'
    if "$" in tex:
        return "leave out the dollars"
    words = re.findall(r"(?<![A-Za-z\\{])[A-Za-z]{2,}", tex)
    bare = next((word for word in words if f"\\{word}" in _COMMANDS or f"\\{word}" in _GREEK), "")
    return f"write \\{bare}" if bare else ""


def tokenize(tex: str) -> list[Token]:
    """Every token but the spacing and sizing commands, which mean nothing."""
    tokens = []
    for match in _TOKEN.finditer(tex):
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "text":
            word = text.replace(r"\_", "_").strip().rstrip(".,;:")
            spelled = _SPELLINGS.get(word.lower(), word.lower())
            if word.lower() in _WORDS:
                kind, text = _WORDS[word.lower()], word
            elif word.startswith(("where ", "with ")):
                kind, text = "where", word
            elif spelled in ARITY or spelled in ("max", "min") and _CALL.match(tex, match.end()):
                kind, text = "function", spelled
            else:
                kind, text = ("name" if word.isidentifier() else "prose"), word
        elif kind == "string":
            text = text.replace(r"\_", "_").strip("'\"`")
        elif kind in ("command", "symbol"):
            if text in _COMMANDS:
                kind, text = "function", _SPELLINGS.get(text[1:], text[1:])
            elif text in _GREEK:
                kind, text = "name", _GREEK[text]
            elif text in (r"\quad", r"\qquad"):
                kind = "quad"
            elif text in _SYMBOLS:
                kind, text = "symbol", _SYMBOLS[text]
        elif kind == "rbar":
            text = r"\rvert"
        elif kind == "letter":
            kind = "name"
        if kind != "ignored":
            tokens.append(Token(kind, text, match.start()))
    return tokens


def split(tex: str, tokens: list[Token]) -> tuple[list[Token], list[list[Token]]]:
    """The right side of the formula, and the notes behind it, by the commas and `=` outside all brackets."""
    depth, start, end, equals = 0, 0, None, 0
    notes: list[list[Token]] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1].kind if index + 1 < len(tokens) else "end"
        if token.text in BRACKETS or token.text.startswith(r"\begin"):
            depth += 1
        elif token.text in BRACKETS.values() or token.text.startswith(r"\end"):
            depth -= 1
        elif depth == 0 and end is None:
            if token.text == "," and following == "quad" or token.kind == "quad" and following == "where":
                end, notes = index, [[]]
            elif token.text == "==":
                equals, start = equals + 1, index + 1
                if equals > 1:
                    fail(tex, "expected one '=' outside brackets", token)
        if end is not None and token.text == "," and depth == 0:
            notes.append([])
        elif end is not None:
            notes[-1].append(token)
    return tokens[start:end], notes
