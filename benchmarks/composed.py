"""The formula of a definition as one types it with torch: one operation after the other, under autograd."""

import functools
import math
import operator

import torch

from xact.testing.tex import Node, parse

OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "negate": operator.neg,
    "absolute": abs,
}
FUNCTIONS = {"normal_cdf": torch.special.ndtr}  # the others have their names in torch
COMPARISONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}


class Names(dict):
    """The values of the names of a formula; those that it defines itself are computed where they are asked for."""

    def __init__(self, values, definitions):
        super().__init__((name, value) for name, value in values.items() if name not in definitions)
        self.definitions = definitions

    def __missing__(self, name):
        self[name] = evaluate(self.definitions[name], self)
        return self[name]


def composed(activation, numbers):
    """The formula with these numbers and the defaults, or None where it runs along an axis or over coefficients."""
    root, definitions = parse(activation.tex)
    given = {**activation.defaults, **numbers}
    known = {*OPERATIONS, "call", "cases", "number", "constant", "variable", "all", "any", "compare", "text"}
    for node in (node for top in (root, *definitions.values()) for node in nodes(top)):
        named = node.kind != "variable" or node.name in {*given, *activation.arrays, *definitions}
        if node.kind not in known or not named:
            return None

    def formula(*arrays):
        y = evaluate(root, Names(given | dict(zip(activation.arrays, arrays, strict=True)), definitions))
        return y.to(arrays[0].dtype)  # where all cases are numbers

    return formula


def nodes(node):
    yield node
    for part in node.parts:
        yield from nodes(part)


def evaluate(node, names):
    if node.kind == "number":
        return int(node.name) if node.name.isdigit() else float(node.name)
    if node.kind == "constant":
        return getattr(math, node.name)
    if node.kind == "text":
        return node.name
    if node.kind == "variable":
        return names[node.name]
    if node.kind == "cases":
        return cases(node.parts, names)
    if node.kind == "call":
        return call(node, names)
    values = [evaluate(part, names) for part in node.parts]
    if node.kind in ("all", "any"):
        return functools.reduce(operator.and_ if node.kind == "all" else operator.or_, values, node.kind == "all")
    return (COMPARISONS if node.kind == "compare" else OPERATIONS)[node.name or node.kind](*values)


def cases(parts, names):
    """The first whose condition holds; the last condition is "otherwise", or all that is left."""
    *rest, last = zip(parts[::2], parts[1::2], strict=True)
    result = None
    for value, condition in reversed([*rest, last]):
        holds = evaluate(condition, names)
        if holds is True or result is None:
            result = evaluate(value, names)
        elif holds is not False:
            result = torch.where(holds, evaluate(value, names), result)
    return result


def call(node, names):
    name, parts = node.name, node.parts
    if name == "log" and parts[0].kind == "add" and any(part == Node("number", "1") for part in parts[0].parts):
        # Nobody who has seen the overflow types log(1 + ...).
        (rest,) = (part for part in parts[0].parts if part != Node("number", "1"))
        return torch.log1p(evaluate(rest, names))
    values = [evaluate(part, names) for part in parts]
    if name in ("max", "min", "clip"):
        return bounded(name, *values)
    if not isinstance(values[0], torch.Tensor):
        return getattr(math, name)(values[0])
    return (FUNCTIONS.get(name) or getattr(torch, name))(*values)


def bounded(name, x, low, high=None):
    if name == "clip":
        return torch.clamp(x, low, high)
    if isinstance(low, torch.Tensor):
        return (torch.maximum if name == "max" else torch.minimum)(x, low)
    return torch.clamp(x, **{"min" if name == "max" else "max": low})
