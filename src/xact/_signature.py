"""The signature of a body is the declaration: what is an array, a parameter, an option.

Before ``/``: arrays. Between ``/`` and ``*``: parameters, numbers or arrays. After ``*``: options, static
choices, and ``xp``. A ``Literal`` annotation of an option lists its choices.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Expression":
        arrays, parameters, options, choices = [], {}, {}, {}
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            if name == "xp":
                continue
            if parameter.kind is parameter.POSITIONAL_ONLY:
                arrays.append(name)
            elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                parameters[name] = parameter.default
            elif parameter.kind is parameter.KEYWORD_ONLY:
                options[name] = parameter.default
            else:
                raise TypeError(f"{function.__name__}: *args and **kwargs say nothing; name every argument")
            if typing.get_origin(parameter.annotation) is typing.Literal:
                choices[name] = typing.get_args(parameter.annotation)
        return cls(function, tuple(arrays), parameters, options, choices)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.arrays, *self.parameters, *self.options)

    def __call__(self, values: Mapping[str, Any], xp: Any) -> Any:
        positional = [values[name] for name in (*self.arrays, *self.parameters)]
        return self.function(*positional, **{name: values[name] for name in self.options}, xp=xp)


def bind(
    function: str,
    defaults: Mapping[str, Any],
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    complete: bool = True,
) -> dict[str, Any]:
    """The value of every public name, from positional and keyword arguments and the defaults.

    complete: whether names without a default have to be given.
    """
    if len(given) > len(defaults):
        raise TypeError(
            f"{function} takes at most {len(defaults)} arguments after its arrays, got {len(given)}: "
            f"{signature_text(function, defaults)}"
        )
    values = dict(defaults)
    taken = []
    for name, value in zip(defaults, given):  # noqa: B905 (the defaults may be longer)
        values[name] = value
        taken.append(name)
    for name, value in named.items():
        key = "axis" if name == "dim" and "axis" in values else name
        if key == "_stacklevel" and "dtype" in values:
            # In torch.nn.functional: where to point a warning that is never given here.
            continue
        if key not in values:
            raise TypeError(
                f"{function} has no argument {name!r}; its signature is {signature_text(function, defaults)}"
            )
        if key in taken:
            both = "`axis` and its alias `dim`" if key == "axis" else f"`{name}` twice"
            raise TypeError(f"{function} got {both}; give one of them")
        values[key] = value
        taken.append(key)
    for name, value in values.items():
        if complete and value is REQUIRED:
            raise TypeError(f"{function} needs `{name}`; its signature is {signature_text(function, defaults)}")
    return values


def signature_text(function: str, defaults: Mapping[str, Any]) -> str:
    parts = [name if value is REQUIRED else f"{name}={value!r}" for name, value in defaults.items()]
    return f"{function}({', '.join(['x', *parts])})"
