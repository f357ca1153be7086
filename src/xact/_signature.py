"""The signature of a body is the declaration: what is an array, a parameter, an option.

Before ``/``: arrays. Between ``/`` and ``*``: parameters, numbers or arrays. After ``*``: options, static
choices, and ``xp``. A ``Literal`` annotation of an option lists its choices.
"""

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from xact._errors import DefinitionError

REQUIRED = inspect.Parameter.empty
LAYOUTS = ("gate_first", "value_first", "interleaved")


@dataclass(frozen=True, eq=False)
class Expression:
    """One function of a definition (body, rule or sampler) with the names it takes."""

    function: Callable[..., Any]
    arrays: tuple[str, ...]
    parameters: Mapping[str, Any]
    options: Mapping[str, Any]
    choices: Mapping[str, tuple[Any, ...]]
    # Parameters annotated as bool: masks.
    masks: tuple[str, ...]
    # Whether `axis` may be None, all axes: annotated as `int | None`.
    whole: bool

    @classmethod
    def of(cls, function: Callable[..., Any], activation: str = "") -> "Expression":
        # Read off the code: inspect.signature takes half of the time of the import of the package.
        code: Any = getattr(function, "__code__", None)
        if code is None:
            raise DefinitionError(f"a definition is a function written with `def`, not {function!r}")
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            raise TypeError(f"{function.__name__}: *args and **kwargs say nothing; name every argument")
        positional, last = code.co_varnames[: code.co_argcount], code.co_argcount + code.co_kwonlyargcount
        if "xp" not in code.co_varnames[code.co_posonlyargcount : last]:
            written = ", ".join([*code.co_varnames[:last], "xp"])
            raise DefinitionError(
                f"{activation or function.__qualname__}: a rule takes `xp`, through which the functions of every "
                f"library come; write def {function.__name__}({written})"
            )
        given: Any = function.__defaults__ or ()
        defaults = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
        only = code.co_posonlyargcount
        parameters = {name: defaults.get(name, REQUIRED) for name in positional[only:] if name != "xp"}
        named: Any = function.__kwdefaults__ or {}
        names = (name for name in code.co_varnames[code.co_argcount : last] if name != "xp")
        options = {name: named.get(name, REQUIRED) for name in names}
        notes = typing.get_type_hints(function) if function.__annotations__ else {}
        choices = {
            name: typing.get_args(note) for name, note in notes.items() if typing.get_origin(note) is typing.Literal
        }
        masks = tuple(name for name, note in notes.items() if note is bool)
        whole = notes.get("axis") == int | None
        return cls(function, positional[:only], parameters, options, choices, masks, whole)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.arrays, *self.parameters, *self.options)

    @property
    def place(self) -> tuple[str, str]:
        return self.function.__module__, self.function.__qualname__

    def __call__(self, values: Mapping[str, Any], xp: Any) -> Any:
        positional = [values[name] for name in (*self.arrays, *self.parameters)]
        return self.function(*positional, **{name: values[name] for name in self.options}, xp=xp)


@dataclass(frozen=True, eq=False, repr=False)
class Declaration:
    """What a definition declares: attributes, and nothing computed when they are read, which Dynamo could not trace."""

    # Names of the arguments that are always arrays.
    arrays: tuple[str, ...] = field(init=False)
    # The random argument of the body, drawn by the sampler.
    sampled: str | None = field(init=False)
    # Everything the body may be differentiated by: arrays, what is drawn, parameters.
    operands: tuple[str, ...] = field(init=False)
    # Everything the body takes.
    names: tuple[str, ...] = field(init=False)
    # Every public name after the arrays, in order, with its default.
    defaults: Mapping[str, Any] = field(init=False)
    choices: Mapping[str, tuple[Any, ...]] = field(init=False)
    default_parameters: tuple[Any, ...] = field(init=False)
    default_options: tuple[Any, ...] = field(init=False)
    # Parameters that are vectors of coefficients: they have a shape of their own, and meet every element.
    vectors: tuple[str, ...] = field(init=False)
    # Whether each element of the result depends on the same element of the arrays alone.
    elementwise: bool = field(init=False)
    # Whether a call with one array needs nothing but the defaults, and no look at its shape.
    plain: bool = field(init=False)

    @property
    def required(self) -> tuple[str, ...]:
        """Parameters without a default."""
        return tuple(name for name, value in self.defaults.items() if value is REQUIRED)

    def _declare(
        self,
        body: Expression,
        sampler: Expression | None,
        pullbacks: Collection[str],
        more: Mapping[str, Any],
        replaced: Mapping[str, Any],
    ) -> None:
        """Settle the declaration from the signatures, the arguments with a pullback, and what the decorator adds."""
        sampled = body.arrays[-1] if sampler else None
        # A sampler of the only array replaces it.
        arrays = tuple(name for name in body.arrays if name != sampled) or body.arrays
        operands = (*body.arrays, *body.parameters)
        drawn = {name: value for name, value in sampler.parameters.items() if name not in arrays} if sampler else {}
        public = {**body.parameters, **drawn, **body.options, **(sampler.options if sampler else {}), **more}
        if "rng" in public:
            public["rng"] = public.pop("rng") and None
        defaults = {**public, **replaced}
        elementwise = not any(name in pullbacks for name in arrays)
        vars(self).update(
            arrays=arrays,
            sampled=sampled,
            operands=operands,
            names=(*operands, *body.options),
            defaults=defaults,
            choices={**body.choices, **({"layout": LAYOUTS} if "layout" in more else {})},
            default_parameters=tuple(defaults.get(name, REQUIRED) for name in body.parameters),
            default_options=tuple(defaults[name] for name in body.options),
            vectors=tuple(name for name in body.parameters if name in pullbacks),
            elementwise=elementwise,
            # An array that is bound is looked at in every call.
            plain=len(body.arrays) == 1
            and not any(value is REQUIRED or hasattr(value, "shape") for value in defaults.values())
            and elementwise,
        )


def bind(
    function: str,
    defaults: Mapping[str, Any],
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    complete: bool = True,
    arrays: tuple[str, ...] = ("x",),
) -> dict[str, Any]:
    """The value of every public name, from positional and keyword arguments and the defaults.

    complete: whether names without a default have to be given.
    arrays: what the signature in an error starts with.
    """
    if len(given) > len(defaults):
        raise TypeError(
            f"{function} takes at most {len(defaults)} arguments after its arrays, got {len(given)}: "
            f"{signature_text(function, defaults, arrays)}"
        )
    values = dict(defaults)
    taken = []
    # The defaults may be longer.
    for name, value in zip(defaults, given, strict=False):
        values[name] = value
        taken.append(name)
    for name, value in named.items():
        key = "axis" if name == "dim" and "axis" in values else name
        if key == "_stacklevel" and "dtype" in values:
            # In torch.nn.functional: where to point a warning that is never given here.
            continue
        if key not in values and complete and key in (*arrays, "input"):
            raise TypeError(f"{function} got its array `{key}` twice; give it by position or by name")
        if key not in values:
            raise TypeError(
                f"{function} has no argument {name!r}; its signature is {signature_text(function, defaults, arrays)}"
            )
        if key in taken:
            both = "`axis` and its alias `dim`" if key == "axis" else f"`{name}` twice"
            raise TypeError(f"{function} got {both}; give one of them")
        values[key] = value
        taken.append(key)
    for name, value in values.items():
        if complete and value is REQUIRED:
            raise TypeError(f"{function} needs `{name}`; its signature is {signature_text(function, defaults, arrays)}")
    return values


def by_position(activation: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The arrays of a call in their order, those given by name taken out of `named`.

    The first may be called `input`, as in torch.nn.functional, a gate's two also as the signature shows them.
    """
    name, arrays, given, first = activation.name, activation.arrays, list(args), ""
    for place, array in enumerate(arrays):
        labels = [array]
        if place == 0:
            labels += ["x", "input"]
        elif activation.layout:
            labels += ["other"]
        found = [label for label in labels if label in named and label not in activation.defaults]
        found = [label for i, label in enumerate(found) if label not in found[:i]]
        if len(found) > 1 or (found and place < len(args)):
            raise TypeError(f"{name} got its array `{array}` twice; give it by position or by name")
        if not found and place >= len(args):
            break
        if found:
            first = first or found[0]
            given.append(named.pop(found[0]))
    if not given:
        raise TypeError(f"{name} needs an array; its signature is {activation.usage}")
    if activation.layout and len(given) == 1 and first == arrays[0]:
        raise TypeError(f"{name} needs both arrays or one packed: `{arrays[0]}` and `{arrays[1]}`, or `x`")
    return tuple(given)


def signature_text(function: str, defaults: Mapping[str, Any], arrays: tuple[str, ...] = ("x",)) -> str:
    parts = [name if value is REQUIRED else f"{name}={value!r}" for name, value in defaults.items()]
    return f"{function}({', '.join([*arrays, *parts])})"


def signature_of(arrays: tuple[str, ...], optional: str | None, defaults: Mapping[str, Any]) -> inspect.Signature:
    """What `inspect.signature` gives for an activation: arrays, one of them optional, then the rest."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    values = {**dict.fromkeys(arrays, REQUIRED), **({optional: None} if optional else {}), **defaults}
    return inspect.Signature([inspect.Parameter(name, kind, default=value) for name, value in values.items()])
