"""The formula of a paper, as printed in TeX, evaluated in any number type."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any

from .fields import Undefined, exact
from .tex import Node, parse

Evaluator = Callable[[dict[str, Any]], Any]
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
}
_REDUCTIONS = {"sum": "add", "product": "multiply", "max": "larger", "min": "smaller"}


class Formula:
    """A formula in TeX. Only the formula: nothing of the code that implements it is used.

    `names` are its free variables, `vectors` those with a subscript i, j, k, and `free` the one subscript that no
    sum, product, max or min binds (None: one number per vector).
    """

    def __init__(self, tex: str) -> None:
        self.tex = tex
        self.root, self.definitions = parse(tex)
        self.names: frozenset[str] = frozenset(
            node.name for node in self._walk(self.root) if _is_free(node) and node.name not in self.definitions
        )
        elements = [node for node in self._walk(self.root) if node.kind == "element"]
        self.vectors = frozenset(node.name for node in elements)
        free = self._free(self.root)
        if len(free) > 1:
            raise ValueError(f"the formula {tex!r} has more than one free index: {', '.join(sorted(free))}")
        self.free: str | None = next(iter(free), None)
        # Those that give one result for each of their entries.
        self.rows = frozenset(node.name for node in elements if node.parts[0].name == self.free)

    def evaluate(self, environment: Mapping[str, Any], field: Any) -> Any:
        """The value for the numbers (floats, exactly), vectors (lists) and strings of the environment."""
        values: dict[str, Any] = {}
        for name in self.names:
            value = environment[name]
            if name in self.options:
                values[name] = value
            elif name in self.vectors:
                values[name] = [field.number(exact(item)) for item in value]
            else:
                values[name] = field.number(exact(value))
        if self.free is None:
            return self.compile(field)(values)
        run, length = self.compile(field), len(values[next(iter(self.rows))])
        return [run(values | {index_key(self.free): index}) for index in range(length)]

    @cached_property
    def options(self) -> frozenset[str]:
        """The names that are compared to text."""
        pairs = [node.parts for node in self._walk(self.root) if node.kind == "compare"]
        texts = [pair for pair in pairs if any(side.kind == "text" for side in pair)]
        return frozenset(side.name for pair in texts for side in pair if side.kind == "variable")

    def compile(self, field: Any) -> Evaluator:
        """A function of a dict of field numbers; what depends on no name is computed now.

        The dict is the memory of one evaluation (sums are kept in it): use a new one for each.
        """
        return _Compiler(self, field).compile(self.root)

    def _walk(self, node: Node, inside: tuple[str, ...] = ()) -> Iterator[Node]:
        yield node
        if node.name in self.definitions and node.kind == "variable":
            if node.name in inside:
                raise ValueError(f"the formula {self.tex!r} defines {node.name} by itself")
            yield from self._walk(self.definitions[node.name], (*inside, node.name))
        for part in node.parts:
            yield from self._walk(part, inside)

    def _free(self, node: Node) -> set[str]:
        """The subscripts that nothing inside the node binds."""
        found = {node.name} if node.kind in ("index", "count") else set()
        if node.kind == "variable" and node.name in self.definitions:
            found |= self._free(self.definitions[node.name])
        found = found.union(*(self._free(part) for part in node.parts))
        return found - {node.name} if node.kind in _REDUCTIONS else found


def index_key(index: str) -> str:
    """Where an environment holds the current value of an index; no variable is called so."""
    return f"_{index}"


def _is_free(node: Node) -> bool:
    return node.kind in ("variable", "element")


class _Compiler:
    def __init__(self, formula: Formula, field: Any) -> None:
        self.formula, self.field = formula, field
        self.serial = itertools.count()

    def compile(self, node: Node) -> Evaluator:
        evaluator: Evaluator = getattr(self, f"_{node.kind}")(node)
        if node.kind == "variable" or any(
            _is_free(inner) or inner.kind == "count" for inner in self.formula._walk(node)
        ):
            return evaluator
        value = evaluator({})
        return lambda env: value

    def _number(self, node: Node) -> Evaluator:
        value = self.field.number(Fraction(node.name))
        return lambda env: value

    def _constant(self, node: Node) -> Evaluator:
        value = self.field.constant(node.name)
        return lambda env: value

    def _variable(self, node: Node) -> Evaluator:
        name = node.name
        if name in self.formula.definitions:
            return self._remembered(self.formula.definitions[name], None)
        return lambda env: env[name]

    def _element(self, node: Node) -> Evaluator:
        name, index = node.name, index_key(node.parts[0].name)
        return lambda env: env[name][env[index]]

    def _count(self, node: Node) -> Evaluator:
        """The index of a sum as a number."""
        key, first, number = index_key(node.name), int(node.parts[0].name), self.field.number
        return lambda env: number(Fraction(env[key] + first))

    def _remembered(self, node: Node, evaluator: Evaluator | None) -> Evaluator:
        """One evaluation per environment, and for each value of the indices that the node depends on."""
        run = evaluator or self.compile(node)
        indices = tuple(index_key(index) for index in sorted(self.formula._free(node)))
        name = f"_memory{next(self.serial)}"

        def remembered(env: dict[str, Any]) -> Any:
            key: Any = (name, *(env[index] for index in indices))
            if key not in env:
                env[key] = run(env)
            return env[key]

        return remembered

    def _binary(self, node: Node) -> Evaluator:
        operation = getattr(self.field, node.kind)
        left, right = map(self.compile, node.parts)
        return lambda env: operation(left(env), right(env))

    _multiply = _divide = _binary

    def _power(self, node: Node) -> Evaluator:
        base, exponent = node.parts
        if exponent.kind != "count":
            return self._binary(node)
        key, first, multiply = index_key(exponent.name), int(exponent.parts[0].name), self.field.multiply
        one, run = self.field.number(Fraction(1)), self.compile(base)
        return lambda env: reduce(multiply, [run(env)] * (env[key] + first), one)

    # Identities, which are not needed for the answer, only for its price: a difference costs as many bits as it loses.

    def _add(self, node: Node) -> Evaluator:
        first, second = node.parts
        if _is_one(first) and second.kind == "call" and second.name == "tanh":
            # 1 + tanh u = 2 sigma(2 u)
            multiply, sigmoid, two = self.field.multiply, self.field.sigmoid, self.field.number(Fraction(2))
            inner = self.compile(second.parts[0])
            return lambda env: multiply(two, sigmoid(multiply(two, inner(env))))
        return self._binary(node)

    def _subtract(self, node: Node) -> Evaluator:
        first, second = node.parts
        if first.kind == "call" and first.name == "exp" and _is_one(second):
            return self._call(Node("call", "expm1", first.parts))
        return self._binary(node)

    def _negate(self, node: Node) -> Evaluator:
        operation, part = self.field.negate, self.compile(node.parts[0])
        return lambda env: operation(part(env))

    def _absolute(self, node: Node) -> Evaluator:
        operation, part = self.field.absolute, self.compile(node.parts[0])
        return lambda env: operation(part(env))

    def _call(self, node: Node) -> Evaluator:
        name, parts = node.name, node.parts
        if name == "log" and parts[0].kind == "add" and any(map(_is_one, parts[0].parts)):
            left, right = parts[0].parts
            name, parts = "log1p", (right if _is_one(left) else left,)
        field, arguments = self.field, [self.compile(part) for part in parts]
        first = arguments[0]
        if name in ("max", "min"):
            choose = field.larger if name == "max" else field.smaller
            return lambda env: reduce(choose, [argument(env) for argument in arguments])
        if name == "clip":
            _, low, high = arguments
            return lambda env: field.smaller(field.larger(first(env), low(env)), high(env))
        if name == "relu":
            zero = field.number(Fraction(0))
            return lambda env: field.larger(first(env), zero)
        if name in ("gelu", "silu"):
            gate = field.normal_cdf if name == "gelu" else field.sigmoid
            return lambda env: field.multiply(u := first(env), gate(u))
        operation = getattr(field, name)
        return lambda env: operation(first(env))

    def _reduce(self, node: Node) -> Evaluator:
        operation = getattr(self.field, _REDUCTIONS[node.kind])
        body, key = self.compile(node.parts[0]), index_key(node.name)
        inner = [part for part in self.formula._walk(node.parts[0]) if part.kind == "element"]
        vector = next((part.name for part in inner if part.parts[0].name == node.name), None)
        if vector is None:
            raise ValueError(f"the formula {self.formula.tex!r}: nothing under {node.kind} has the index {node.name}")

        def reduced(env: dict[str, Any]) -> Any:
            outer = env.get(key)
            terms = []
            for index in range(len(env[vector])):
                env[key] = index
                terms.append(body(env))
            env[key] = outer
            return reduce(operation, terms)

        return self._remembered(node, reduced)

    _sum = _product = _max = _min = _reduce

    def _cases(self, node: Node) -> Evaluator:
        values = [self.compile(part) for part in node.parts[::2]]
        conditions = [self._condition(part) for part in node.parts[1::2]]

        def chosen(env: dict[str, Any]) -> Any:
            for value, condition in zip(values, conditions, strict=True):
                if condition(env):
                    return value(env)
            raise Undefined(f"no case of the formula {self.formula.tex!r} applies")

        return chosen

    def _condition(self, node: Node) -> Callable[[dict[str, Any]], bool]:
        if node.kind == "compare":
            return self._compare(node)
        parts, join = [self._condition(part) for part in node.parts], all if node.kind == "all" else any
        return lambda env: join(part(env) for part in parts)

    def _compare(self, node: Node) -> Callable[[dict[str, Any]], bool]:
        first, second = node.parts
        if first.kind == "text":
            first, second = second, first
        if second.kind == "text":
            if first.kind != "variable" or node.name not in ("==", "!="):
                raise ValueError(f"the formula {self.formula.tex!r} compares {second.name!r} to no option")
            name, text, equal = first.name, second.name, node.name == "=="
            return lambda env: (str(env[name]) == text) is equal
        order, holds = self.field.order, _COMPARISONS[node.name]
        left, right = self.compile(first), self.compile(second)
        return lambda env: holds(order(left(env), right(env)))


def _is_one(node: Node) -> bool:
    return node.kind == "number" and Fraction(node.name) == 1
