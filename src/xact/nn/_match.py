"""Which activation of the catalogue has these values and slopes."""

import functools
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from xact._activation import Activation, catalogue
from xact._catalogue import bare, get
from xact._derivatives import derivative
from xact._frameworks import FRAMEWORKS
from xact._signature import REQUIRED
from xact.nn._probe import GRID, NEAR, Response, undisturbed

# Two different functions of the catalogue are 4.7e-4 apart somewhere on the grid, or more.
VALUES, SLOPES = 1e-5, 1e-4
# Attributes with a number that are tried as any argument; those of the argument's name always are.
ATTRIBUTES = 2


class Match(NamedTuple):
    """An activation with the numbers of a Module bound, and the attributes that hold its other arguments."""

    activation: Activation
    attributes: dict[str, str]


def match(response: Response, name: str, numbers: Mapping[str, float]) -> Match | None:
    """The activation that responds so; of several, that of the class's name before those with fewer arguments.

    numbers: the attributes of the Module that are Python numbers. To be called in `undisturbed()`.
    """
    known, values, slopes = _table(tuple(dict.fromkeys(catalogue.values())))
    channels = [_agree(response, values, slopes, slice(i, i + 1)) for i in range(len(response.values))]
    same = [known[i] for i in torch.stack(channels).all(0).nonzero().flatten().tolist()]
    if same:
        return Match(min(same, key=functools.partial(_distance, name, False)), {})
    attributes = {**dict.fromkeys(response.tensors), **numbers}
    nearest = functools.partial(_distance, name, bool(response.tensors))
    scalar = [activation for activation in dict.fromkeys(catalogue.values()) if _scalar(activation)]
    for choices in (_by_name, _in_any_order):
        for activation in sorted(scalar, key=nearest):
            for chosen in choices(activation, attributes):
                if _agrees_with(response, activation, chosen, numbers):
                    return _bound(response, activation, chosen, numbers)
    return None


def _bound(
    response: Response, activation: Activation, chosen: Mapping[str, str], numbers: Mapping[str, float]
) -> Match:
    held = {argument: where for argument, where in chosen.items() if where in response.tensors}
    bound = {argument: numbers[where] for argument, where in chosen.items() if where in numbers}
    axis = {"axis": response.axis} if held and response.axis and "axis" in activation.defaults else {}
    return Match(activation.replace(**bound, **axis), held)


@functools.lru_cache(1024)
def same_function(one: Activation, other: Activation) -> bool:
    """Whether two activations return the same on the grid, with the arguments they have."""
    if one == other or not (_scalar(one) and _scalar(other)):
        return one == other
    try:
        with undisturbed():
            values, others = _evaluated(one), _evaluated(other)
    except Exception:
        # The definition may be a user's, and incomplete.
        return False
    return all(torch.allclose(a, b, rtol=VALUES, atol=VALUES) for a, b in zip(values, others, strict=True))


def _distance(name: str, learns: bool, activation: Activation) -> tuple[bool, bool, int]:
    """How far an activation is from what a class of this name most likely means."""
    names = {bare(activation.name), bare(activation.module), *map(bare, activation.aliases)}
    return bool(activation.learnable) != learns, bare(name) not in names, len(activation.body.parameters)


def _scalar(activation: Activation) -> bool:
    """Whether it is a function of one number, with numbers as parameters."""
    return activation.elementwise and len(activation.arrays) == 1 and not (activation.samplers or activation.vectors)


@functools.lru_cache(1)
def _table(known: tuple[Activation, ...]) -> tuple[list[Activation], torch.Tensor, torch.Tensor]:
    """Values and slopes of the catalogue with its defaults, and with those of other frameworks."""
    specs = {spec for framework in FRAMEWORKS.values() for spec in framework.values() if "(" in spec}
    rows = []
    for activation in (*known, *map(get, sorted(specs))):
        try:
            if _scalar(activation):
                rows.append((activation, *_evaluated(activation)))
        except Exception:
            # An argument without a default, or a definition of the user's that raises.
            continue
    activations, values, slopes = zip(*rows, strict=True)
    return list(activations), torch.stack(values), torch.stack(slopes)


def _evaluated(activation: Activation, **arguments: float) -> tuple[torch.Tensor, torch.Tensor]:
    given = {name: value for name, value in activation.learnable.items() if name not in activation.replaced} | arguments
    return activation(GRID.double(), **given), derivative(activation)(GRID.double(), **given)


def _by_name(activation: Activation, attributes: Mapping[str, Any]) -> list[dict[str, str]]:
    """The arguments whose names attributes have."""
    spelled = {bare(name): name for name in attributes}
    named = {name: spelled[bare(name)] for name in activation.body.parameters if bare(name) in spelled}
    return [named] if named else []


def _in_any_order(activation: Activation, attributes: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every way to take arguments from the attributes, each once, if they are few."""
    if len(attributes) > ATTRIBUTES:
        return []
    ways = itertools.product((None, *attributes), repeat=len(activation.body.parameters))
    choices = (
        {argument: place for argument, place in zip(activation.body.parameters, way, strict=True) if place is not None}
        for way in ways
    )
    return [chosen for chosen in choices if chosen and len({*chosen.values()}) == len(chosen)]


def _agrees_with(
    response: Response, activation: Activation, chosen: Mapping[str, str], numbers: Mapping[str, float]
) -> bool:
    free = [name for name in activation.body.parameters if name not in chosen and name not in activation.learnable]
    if any(activation.defaults[name] is REQUIRED for name in free):
        return False
    held = {**{name: [value] * len(response.values) for name, value in numbers.items()}, **response.tensors}
    try:
        rows = [
            _evaluated(activation, **{argument: held[where][i] for argument, where in chosen.items()})
            for i in range(len(response.values))
        ]
    except Exception:
        # Arguments that the activation refuses.
        return False
    values, slopes = (torch.stack(column) for column in zip(*rows, strict=True))
    return bool(_agree(response, values, slopes, slice(None)).all())


def _agree(response: Response, values: torch.Tensor, slopes: torch.Tensor, channels: slice) -> torch.Tensor:
    """For every row of the values and slopes whether these channels respond so."""
    # The Module computes in float32: its value is that of a neighbour of the input.
    bound = VALUES * (1 + values.abs()) + 5e-7 * GRID.abs() * slopes.abs().nan_to_num().amax(-1, keepdim=True)
    near = slopes[..., NEAR]
    found = torch.zeros_like(response.values) if response.slopes is None else response.slopes
    return _within(response.values[channels], values, bound) & _within(
        found[channels, NEAR], near, SLOPES * (1 + near.abs())
    )


def _within(found: torch.Tensor, expected: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    both, either = found.isfinite() & expected.isfinite(), found.isfinite() | expected.isfinite()
    # A formula as it is written overflows far out, where the catalogue's does not.
    same = (both == either)[..., NEAR].all(-1)
    return same & (((found - expected).abs() <= bound) | ~both).all(-1)
