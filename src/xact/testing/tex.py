"""A small Pratt parser for the TeX in which papers print activation functions.

Where the printed notation is ambiguous (`\\sin 2x`, `a/2x`, `x^23`) it refuses instead of guessing: the tree is
the truth that code is tested against.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from .tokens import ARITY, BRACKETS, INDICES, REDUCTIONS, Token, fail, split, tokenize

_COMPARISONS = {"<", ">", "<=", ">=", "==", "!="}
_CALLED_LETTERS = {"sigma": "sigmoid", "Phi": "normal_cdf", "phi": "normal_density"}
_SUM, _PRODUCT, _TIGHT, _POWER = 10, 20, 25, 30


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `name` is its operand that is no expression (digits, variable, function, index)."""

    kind: str
    name: str = ""
    parts: tuple["Node", ...] = ()


def parse(tex: str) -> tuple[Node, dict[str, Node]]:
    """The tree of the formula, and those of the definitions printed behind it (`,\\quad n = ...`)."""
    main, notes = split(tex, tokenize(tex))
    definitions = {}
    for note in notes:
        while note and note[0].kind in ("quad", "where"):
            note = note[1:]
        if len(note) > 1 and note[0].kind == "name" and note[1].text == "==" and note[0].text not in INDICES:
            definitions[note[0].text] = _Parser(tex, note[2:]).whole()
    return _Parser(tex, main).whole(), definitions


class _Parser:
    def __init__(self, tex: str, tokens: list[Token]) -> None:
        self.tex, self.index, self.bars = tex, 0, 0
        # Where the indices of the sums around a token start to count.
        self.counted: dict[str, str] = {}
        self.tokens = [token for token in tokens if token.kind != "quad"]
        self.tokens.append(Token("end", "", len(tex)))

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def fail(self, message: str) -> NoReturn:
        fail(self.tex, message, self.token)

    def take(self) -> Token:
        self.index += 1
        return self.tokens[self.index - 1]

    def skip(self, *texts: str) -> bool:
        if self.token.kind != "end" and self.token.text in texts:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.skip(text):
            self.fail(f"expected {text!r}")

    def whole(self) -> Node:
        node = self.expression()
        if self.token.kind != "end":
            self.fail("expected an operator or the end")
        return node

    def starts_factor(self) -> bool:
        kind, text = self.token.kind, self.token.text
        if text == "|":
            return self.bars == 0
        return (
            kind in ("name", "function", "lbar", "environment", "number")
            and not text.startswith(r"\end")
            or (text in BRACKETS or text in REDUCTIONS or text in (r"\frac", r"\tfrac", r"\dfrac", r"\sqrt", r"\pi"))
        )

    def expression(self, binding: int = 0) -> Node:
        left, slash = self.prefix(binding), False
        while True:
            text = self.token.text
            if text == "^":
                self.take()
                left = Node("power", parts=(left, self.script()))
                if self.token.text == "^":
                    self.fail("expected braces around a double exponent")
            elif text in ("+", "-") and binding < _SUM:
                self.take()
                left = Node("add" if text == "+" else "subtract", parts=(left, self.expression(_SUM)))
            elif text in ("*", "/") and binding < _PRODUCT:
                self.take()
                slash = text == "/"
                left = Node("divide" if slash else "multiply", parts=(left, self.expression(_PRODUCT)))
            elif binding < _PRODUCT and self.starts_factor():
                if slash or self.token.kind == "number":
                    self.fail("expected \\cdot, \\frac or parentheses that say what is multiplied")
                left = Node("multiply", parts=(left, self.expression(_PRODUCT)))
            else:
                return left

    def prefix(self, binding: int) -> Node:
        token = self.token
        if token.text == "-" and binding < _PRODUCT:
            self.take()
            return Node("negate", parts=(self.expression(_SUM),))
        if token.text in BRACKETS:
            return self.group()
        if token.text == "|" or token.kind == "lbar":
            return self.absolute()
        if not self.starts_factor():
            self.fail("expected a number, variable, function or bracket")
        self.take()
        if token.kind == "number":
            if re.match(r"e[+-]?\d", self.tex[token.position + len(token.text) :]):
                self.fail("expected a power of ten as 10^{-6}")
            return Node("number", token.text)
        if token.kind == "name":
            return self.variable(token.text)
        if token.kind == "function":
            return self.function(token.text)
        if token.kind == "environment":
            return self.cases(token)
        if token.text in REDUCTIONS:
            index = self.reduced_index()
            node = Node(REDUCTIONS[token.text], index, (self.expression(_SUM + 1),))
            self.counted.pop(index, None)
            return node
        if token.text == r"\pi":
            return Node("constant", "pi")
        if token.text == r"\sqrt":
            if self.token.text != "{":
                self.fail("expected '{' after \\sqrt")
            return Node("call", "sqrt", self.bracket())
        return Node("divide", parts=(self.script(split=True), self.script(split=True)))

    def group(self) -> Node:
        parts = self.bracket()
        if len(parts) > 1:
            self.fail("expected one expression in the bracket before this")
        return parts[0]

    def bracket(self) -> tuple[Node, ...]:
        outer, self.bars = self.bars, 0
        closing = BRACKETS[self.take().text]
        parts = [self.expression()]
        while closing != "}" and self.skip(","):
            parts.append(self.expression())
        self.expect(closing)
        self.bars = outer
        return tuple(parts)

    def absolute(self) -> Node:
        closing = r"\rvert" if self.take().kind == "lbar" else "|"
        outer, self.bars = self.bars, 1 if closing == "|" else 0
        inside = self.expression()
        self.expect(closing)
        self.bars = outer
        return Node("absolute", parts=(inside,))

    def script(self, split: bool = False) -> Node:
        """What `^` or `\\frac` takes: a braced group, or one token; TeX reads `\\frac12` as 1/2."""
        if self.token.text == "{":
            return self.bracket()[0]
        if self.token.text.isdigit() and (split or len(self.token.text) == 1):
            digits = self.take()
            if digits.text[1:]:
                self.tokens.insert(self.index, Token("number", digits.text[1:], digits.position + 1))
            return Node("number", digits.text[0])
        if self.token.kind == "name" and self.token.text != "e":
            name = self.take().text
            return self.variable(name) if name in self.counted else Node("variable", name)
        if self.token.text == r"\pi" or self.token.text.endswith("frac"):
            return self.prefix(_POWER)
        return self.fail("expected a braced group, one digit or one variable")

    def label(self) -> str:
        """The subscript behind `_`, as text."""
        self.expect("_")
        braced = self.skip("{")
        text = ""
        while self.token.kind in ("name", "number", "function", "prose") or braced and self.token.text == "==":
            text += self.take().text
            if not braced:
                return text
        if not text:
            self.fail("expected a subscript")
        self.expect("}")
        return text

    def variable(self, name: str) -> Node:
        if name == "e":
            return Node("call", "exp", (self.script(),)) if self.skip("^") else Node("constant", "e")
        if name in _CALLED_LETTERS and self.token.text in ("(", "[", r"\{"):
            return Node("call", _CALLED_LETTERS[name], self.arguments(name, 1))
        if self.token.text == "_":
            label = self.label()
            indexed = Node("element", name, (Node("index", label),))
            return indexed if label in INDICES else Node("variable", f"{name}_{label}")
        if name in self.counted:
            return Node("count", name, (Node("number", self.counted[name]),))
        return Node("variable", name)

    def arguments(self, name: str, count: int) -> tuple[Node, ...]:
        if self.token.text not in ("(", "[", r"\{", "{"):
            self.fail(f"expected '(' after {name}")
        parts = self.bracket()
        if len(parts) != count and not (count == 0 and len(parts) > 1):
            self.fail(f"expected {count or 'two or more'} arguments of {name}, not {len(parts)}, before this")
        return parts

    def function(self, name: str) -> Node:
        if name in ("max", "min"):
            if self.token.text == "_":
                return Node(name, self.reduced_index(), (self.argument(),))
            return Node("call", name, self.arguments(name, 0))
        exponent = None
        if self.skip("^"):
            exponent = self.script()
            if exponent.kind != "number":
                self.fail(f"expected a positive whole exponent of {name} before this")
        if self.token.text == "_":
            self.fail(f"expected no subscript on {name}")
        arguments = self.arguments(name, ARITY[name]) if ARITY[name] > 1 else (self.argument(),)
        node = Node("call", name, arguments)
        return node if exponent is None else Node("power", parts=(node, exponent))

    def argument(self) -> Node:
        if self.token.text in BRACKETS or self.token.text == "|" or self.token.kind == "lbar":
            return self.prefix(_POWER)
        node = self.expression(_TIGHT)
        if self.starts_factor():
            self.fail("expected parentheses that say where the argument of the function ends")
        return node

    def reduced_index(self) -> str:
        if self.token.text != "_":
            self.fail("expected an index such as _j")
        label = self.label()
        if label.endswith(("==0", "==1")) and self.skip("^"):
            if self.script().name not in ("n", "N", "d", "D"):
                self.fail("expected the whole axis, 1 to n, before this")
            label, _, first = label.partition("==")
            self.counted[label] = first
        if label not in INDICES:
            self.fail(f"expected the index i, j or k, not {label!r}, before this")
        return label

    def cases(self, begin: Token) -> Node:
        if "cases" not in begin.text:
            self.fail("expected \\begin{cases} before this")
        outer, self.bars = self.bars, 0
        parts: list[Node] = []
        while self.token.kind != "environment":
            parts.append(self.expression())
            self.skip(",")
            self.expect("&")
            parts.append(self.disjunction())
            self.skip(",", ".")
            if not self.skip("\\\\"):
                break
        if not self.token.text.startswith(r"\end") or not parts:
            self.fail("expected '\\\\' or \\end{cases}")
        self.take()
        self.bars = outer
        return Node("cases", parts=tuple(parts))

    def disjunction(self) -> Node:
        if self.token.kind == "otherwise":
            self.take()
            return Node("all")
        choices = [self.conjunction()]
        while self.skip("or"):
            choices.append(self.conjunction())
        return Node("any", parts=tuple(choices))

    def conjunction(self) -> Node:
        if self.token.kind == "if":
            self.take()
        links = []
        while True:
            sides, signs = [self.side()], []
            while self.token.text in _COMPARISONS:
                signs.append(self.take().text)
                sides.append(self.side())
            if not signs:
                self.fail("expected a comparison")
            links += [Node("compare", sign, pair) for sign, pair in zip(signs, pairwise(sides), strict=True)]
            if not self.skip("and"):
                return Node("all", parts=tuple(links))

    def side(self) -> Node:
        return Node("text", self.take().text) if self.token.kind == "string" else self.expression()
