"""Arguments to call every activation of the catalogue with, in NumPy; read from its definition, nothing listed."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

import xact
from xact._activation import catalogue
from xact._signature import REQUIRED
from xact.backends import numpy

SHAPE = (2, 3, 4)
# Distance kept from points without a derivative: far more than a finite difference moves.
MARGIN = 0.125
REACH = 4.0


@dataclass(frozen=True)
class Case:
    """One way to call an activation: `activation(*arrays, **parameters, **options)`.

    arrays: before the slash of the signature; a packed gate has one.
    parameters: what a derivative may be asked by, numbers or arrays.
    options: static choices.
    """

    activation: xact.Activation
    label: str
    arrays: tuple[np.ndarray, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.activation.name}-{self.label}" if self.label else self.activation.name

    def call(self, *arrays: Any, **parameters: Any) -> Any:
        """Call with other arrays and parameters in the place of the case's own."""
        return self.activation(*(arrays or self.arrays), **{**self.parameters, **parameters}, **self.options)

    @property
    def packed(self) -> bool:
        return len(self.arrays) < len(self.activation.arrays)

    @property
    def array_parameters(self) -> tuple[str, ...]:
        # By the types of numbers: a transform may have made a symbol of one.
        return tuple(
            name
            for name, value in self.parameters.items()
            if name not in self.activation.body.masks and not isinstance(value, (int, float, tuple))
        )

    @property
    def differentiable(self) -> tuple[np.ndarray, ...]:
        """The arrays, then the array parameters: what `pure` takes."""
        return (*self.arrays, *(self.parameters[name] for name in self.array_parameters))

    def pure(self, *values: Any) -> Any:
        """The activation as a function of its differentiable arguments alone."""
        count = len(self.arrays)
        return self.call(*values[:count], **dict(zip(self.array_parameters, values[count:], strict=True)))

    def converted(self, convert: Callable[[np.ndarray], Any]) -> "Case":
        """The same case with its arrays converted, such as to another library or dtype."""
        parameters = {
            name: convert(value) if hasattr(value, "shape") else value for name, value in self.parameters.items()
        }
        return replace(self, arrays=tuple(convert(array) for array in self.arrays), parameters=parameters)


def case(activation: xact.Activation, shape: tuple[int, ...] = SHAPE) -> Case:
    """The simplest call: the defaults, and numbers for parameters without one."""
    required = {
        name: _number(activation, name) for name, default in activation.body.parameters.items() if default is REQUIRED
    }
    # A draw cannot be compared with another.
    options = {"training": False} if activation.defaults.get("training") else {}
    return Case(activation, "", _arrays(activation, shape, required), required, options)


def cases(activation: xact.Activation, shape: tuple[int, ...] = SHAPE) -> Iterator[Case]:
    """The simplest call, then one for every other kind: parameters, options, a packed array."""
    simplest = case(activation, shape)
    yield simplest
    for name in activation.body.parameters:
        if name in activation.vectors:
            varied = {**simplest.parameters, name: _coefficients(activation, name)}
            yield replace(simplest, label=f"{name}-coefficients", parameters=varied)
            continue
        number = round(0.75 * _number(activation, name) + 0.125, 3)
        given = {**simplest.parameters, name: number}
        yield replace(simplest, label=f"{name}={number}", arrays=_arrays(activation, shape, given), parameters=given)
        if name in activation.rules:
            for kind, extent in (("scalar", ()), ("vector", shape[activation.defaults.get("axis", -1)])):
                spread = _random(activation, name, kind).uniform(0.9, 1.1, extent)
                arrays = _arrays(activation, shape, given)
                varied = {**given, name: np.asarray(number * spread)}
                yield replace(simplest, label=f"{name}-{kind}", arrays=arrays, parameters=varied)
    for name, choices in activation.choices.items():
        for choice in choices:
            if name == "layout":
                yield packed(activation, shape, choice)
            elif choice != activation.defaults[name]:
                yield replace(simplest, label=f"{name}={choice}", options={**simplest.options, name: choice})
    if not activation.elementwise:
        yield replace(simplest, label="axis=0", options={**simplest.options, "axis": 0})


def packed(activation: xact.Activation, shape: tuple[int, ...] = SHAPE, layout: str | None = None) -> Case:
    """A gate on one packed array."""
    array = _values(activation, "packed", shape, case(activation, shape).parameters)
    options = {"layout": layout} if layout else {}
    return Case(activation, layout or "packed", (array,), options=options)


def every(shape: tuple[int, ...] = SHAPE) -> list[Case]:
    """All cases of the whole catalogue."""
    return [one for name in xact.names() for one in cases(xact.get(name), shape)]


def simple(shape: tuple[int, ...] = SHAPE) -> list[Case]:
    """One case per activation of the catalogue."""
    return [case(xact.get(name), shape) for name in xact.names()]


def of_any_shape(chosen: list[Case]) -> list[Case]:
    """Those whose activation takes arrays of any shape and gives back the same shape."""
    return [one for one in chosen if _any_shape(one.activation)]


def of_other_paths(chosen: list[Case]) -> list[Case]:
    """Without those in which only a number differs from the simplest, which makes no other program."""
    return [one for one in chosen if not one.label or one.options or one.array_parameters]


@cache
def _any_shape(activation: xact.Activation) -> bool:
    try:
        return bool(case(activation, (3,)).call().shape == (3,))
    except ValueError:
        return False


def kind(activation: xact.Activation) -> tuple[Any, ...]:
    """What a backend looks at: two activations of one kind take the same path through every transform."""
    body, expressions = activation.body, (*activation.rules.values(), *activation.pullbacks.values())
    return (
        len(body.arrays),
        _any_shape(activation),
        activation.layout is not None,
        activation.sampled is not None,
        bool(activation.pullbacks),
        bool(activation.pushforwards),
        any("y" in rule.names for rule in expressions),
        _is_mask(activation),
        bool(body.parameters),
        any(name in activation.rules or name in activation.pullbacks for name in body.parameters),
        REQUIRED in activation.defaults.values(),
        bool(body.options.keys() - {"axis"}),
    )


def _is_mask(activation: xact.Activation) -> bool:
    """Whether the rule of the first array gives a mask."""
    rule = activation.rules.get(activation.arrays[0])
    if rule is None or activation.sampled:
        return False
    given = case(activation)
    values = {**activation.defaults, **given.parameters, "y": given.call()}
    values |= dict(zip(activation.arrays, given.arrays, strict=True))
    with np.errstate(all="ignore"):
        return bool(rule(values, numpy.xp).dtype == bool)


@cache
def representatives(together: int = 2) -> frozenset[str]:
    """Activations among which so many properties of a kind meet, each with every value that there is of it."""
    meetings = {name: {*combinations(enumerate(kind(one)), together)} for name, one in catalogue.items()}
    missing, chosen = set().union(*meetings.values()), []
    while missing:
        name = max(meetings, key=lambda name: len(meetings[name] & missing))
        chosen.append(name)
        missing -= meetings[name]
    return frozenset(chosen)


def _number(activation: xact.Activation, name: str) -> float:
    default = activation.body.parameters[name]
    if default is not REQUIRED:
        return float(default)
    # Of bounds the second is the larger one.
    return float(activation.learnable.get(name, 1.0 + activation.required.index(name)))


def _coefficients(activation: xact.Activation, name: str) -> np.ndarray:
    default = np.asarray(activation.body.parameters[name])
    return default * _random(activation, name).uniform(0.9, 1.1, default.shape)


def _random(*seed: Any) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr([str(part) for part in seed]).encode()))


def _arrays(
    activation: xact.Activation, shape: tuple[int, ...], parameters: Mapping[str, float]
) -> tuple[np.ndarray, ...]:
    arrays = tuple(_values(activation, name, shape, parameters) for name in activation.arrays)
    with np.errstate(all="ignore"):
        real = not activation.elementwise or not np.any(np.isnan(activation(*arrays, **parameters)))
    return arrays if real else tuple(map(np.abs, arrays))


def _values(
    activation: xact.Activation, name: str, shape: tuple[int, ...], parameters: Mapping[str, float]
) -> np.ndarray:
    """Uniform on an interval about 0, moved off the kinks."""
    x = _random(activation.name, name).uniform(-REACH, REACH, shape)
    for kink in activation.kinks_at({**activation.defaults, **parameters}):
        away = np.where(x < kink, kink - MARGIN, kink + MARGIN)
        x = np.where(np.abs(x - kink) < MARGIN, away, x)
    return x
