"""What a decorator is given, refused where it says what cannot be right."""

import keyword
import numbers
from collections.abc import Mapping
from typing import Any

from xact._errors import DefinitionError
from xact._signature import LAYOUTS, REQUIRED, Expression

INTEGERS = ("keep", "float", "keep, bool", "float, bool")
MAPPINGS = {"learnable": "{'alpha': 1.0}", "kinks": "{0: 0.5}", "arguments": "{'alpha': 'the slope at 0'}"}
# In a rule these are the result and its cotangent.
TAKEN = ("y", "dy")


def check_declaration(name: str, body: Expression, module: str | None, fields: dict[str, Any]) -> None:
    """The signature of a body, and what the decorator says beside it."""
    _check_names(name, body)
    for label, example in MAPPINGS.items():
        if not isinstance(fields[label], Mapping):
            raise DefinitionError(f"{name}: `{label}` is a mapping such as {example}, got {fields[label]!r}")
    for label, value in body.parameters.items():
        _check_parameter(name, label, value, label in body.masks)
    for label, value in body.options.items():
        _check_option(name, label, value, body.choices.get(label))
    learnable = fields["learnable"]
    if unknown := [label for label in learnable if label not in body.parameters]:
        known = ", ".join(body.parameters) or "none; a parameter stands between `/` and `*`"
        raise DefinitionError(f"{name}: `learnable` names {unknown[0]!r}, but the parameters are {known}")
    if unknown := [label for label in fields["shared"] if label not in learnable]:
        raise DefinitionError(f"{name}: `shared` names {unknown[0]!r}, but it learns {(*learnable,)}")
    if (layout := fields["layout"]) is not None:
        if layout not in LAYOUTS:
            raise DefinitionError(f"{name}: `layout` must be one of {', '.join(map(repr, LAYOUTS))}, got {layout!r}")
        if {*body.arrays} != {"gate", "value"}:
            raise DefinitionError(f"{name}: with a `layout` the arrays are `gate` and `value`, not {body.arrays}")
    for label in ("requires", "aliases", "shared"):
        if isinstance(fields[label], str):
            raise DefinitionError(f"{name}: `{label}` is a tuple, write ({fields[label]!r},)")
    if fields["integers"] not in (None, *INTEGERS):
        listed = ", ".join(map(repr, INTEGERS))
        raise DefinitionError(f"{name}: `integers` must be one of {listed}, got {fields['integers']!r}")
    for word in (*fields["aliases"], *([module] if module else [])):
        if not word.isidentifier() or keyword.iskeyword(word):
            raise DefinitionError(f"{name}: {word!r} is no name that Python can spell")


def check_signature(function: Any) -> None:
    """What a body cannot do without: arrays, which stand before a `/`, and `xp`."""
    code: Any = getattr(function, "__code__", None)
    name = getattr(function, "__name__", "")
    if code is None or not name.isidentifier():
        raise DefinitionError(f"an activation is a function written with `def`, whose name it has; got {function!r}")
    count, only = code.co_argcount, code.co_posonlyargcount
    last = count + code.co_kwonlyargcount
    missing = [] if only else ["a `/` behind the arrays"]
    missing += [] if "xp" in code.co_varnames[only:last] else ["`xp`, through which the library's functions come"]
    if missing:
        only = only or 1
        arrays, parameters, options = (
            [label for label in code.co_varnames[start:end] if label != "xp"]
            for start, end in ((0, only), (only, count), (count, last))
        )
        written = ", ".join([*(arrays or ["x"]), "/", *parameters, "*", *options, "xp"])
        raise DefinitionError(f"{name}: the body lacks {' and '.join(missing)}; write def {name}({written})")


def _check_names(name: str, body: Expression) -> None:
    if body.function.__code__.co_argcount - len(body.function.__defaults__ or ()) < len(body.arrays):
        raise DefinitionError(f"{name}: an array has no default; parameters stand behind the `/`")
    for label in body.names:
        if label in TAKEN or label in {f"d{array}" for array in (*body.arrays, *body.parameters)}:
            raise DefinitionError(
                f"{name}: an argument is called `{label}`, which in a rule is the result (`y`), a cotangent (`dy`) or "
                "a tangent; choose another name"
            )


def _check_parameter(name: str, label: str, value: Any, mask: bool) -> None:
    numeric = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if value is REQUIRED or numeric or mask:
        return
    if isinstance(value, tuple) and value and all(isinstance(one, numbers.Real) for one in value):
        return
    if isinstance(value, list):
        raise DefinitionError(f"{name}: the default of `{label}` is a list; write the tuple {tuple(value)!r}")
    raise DefinitionError(
        f"{name}: `{label}` stands before `*` and so is a number or an array, but its default is {value!r}; "
        "a choice stands behind `*`"
    )


def _check_option(name: str, label: str, value: Any, choices: Any) -> None:
    if hasattr(value, "shape") or type(value).__hash__ is None:
        raise DefinitionError(
            f"{name}: the default of the option `{label}` is {value!r}, which can be changed; write a number, a string "
            "or a tuple"
        )
    if choices and value is not REQUIRED and value not in choices:
        listed = ", ".join(map(repr, choices))
        raise DefinitionError(f"{name}: the default of `{label}` is {value!r}, which is none of its choices {listed}")
