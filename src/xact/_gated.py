"""`gated`: the gated unit of any elementwise activation, f(gate) value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from xact import backends
from xact._activation import Activation
from xact._bound import as_json
from xact._catalogue import activation_of, factories
from xact._signature import LAYOUTS, Expression

_X = re.compile(r"(?<![A-Za-z\\_])x(?![A-Za-z])")
_NOTES = re.compile(r",\s*\\quad")


@dataclass(frozen=True, eq=False, repr=False)
class Gated(Activation):
    """A gated unit made by `gated`; it is pickled with the activation of its gate."""

    inner: Any = None

    @property
    def spec(self) -> dict[str, Any]:
        return {
            "name": "gated",
            "activation": self.inner.spec,
            "layout": self.layout,
            **as_json(self.name, self.replaced),
        }

    def __repr__(self) -> str:
        values = {"layout": self.layout, **self.replaced}
        return f"xact.gated({self.inner!r}, {', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __reduce__(self) -> Any:
        return super().__reduce__() if self.replaced else (gated, (self.inner, self.layout))


def gated(activation: Any, layout: str = "gate_first", **parameters: Any) -> Activation:
    """The gated unit of an activation: `gated("mish")(gate, value)` is `mish(gate) * value`.

    activation: a name, a mapping or an elementwise activation of one array; `parameters` are its own.
    layout: which part of one packed array is the gate, `gate_first`, `value_first` or `interleaved`.

    Derivatives are by both arrays, from the rule of the activation. Raises `TypeError` for activations of two arrays,
    along an axis, or random.

    >>> import numpy as np
    >>> gated("relu")(np.array([-1.0, 2.0]), np.array([5.0, 5.0]))
    array([ 0., 10.])
    """
    inner = activation_of("gated", activation, **parameters)
    if layout not in LAYOUTS:
        raise ValueError(f"gated: `layout` must be one of {', '.join(map(repr, LAYOUTS))}, got {layout!r}")
    if not inner.elementwise or len(inner.body.arrays) != 1:
        raise TypeError(f"gated: {inner.name} is not an elementwise function of one array")
    if not inner.plain:
        raise TypeError(f"gated: {inner.name} needs parameters of its own; its signature is {inner.usage}")
    return _gated(inner, layout)


@cache
def _gated(inner: Activation, layout: str) -> Activation:
    array = inner.arrays[0]
    fixed = {name: inner.defaults[name] for name in (*inner.body.parameters, *inner.body.options)}

    def activated(gate: Any, xp: Any) -> Any:
        return inner.body({**fixed, array: gate}, xp)

    def body(gate: Any, value: Any, /, *, xp: Any) -> Any:
        return activated(gate, xp) * value

    def by_gate(gate: Any, value: Any, xp: Any) -> Any:
        rule = inner.rules[array]
        values = {**fixed, array: gate}
        if "y" in rule.names:
            values["y"] = activated(gate, xp)
        slope = rule(values, xp)
        return xp.where(slope, value, 0.0) if slope.dtype == xp.bool else slope * value

    def by_value(gate: Any, xp: Any) -> Any:
        return activated(gate, xp)

    body.__name__ = body.__qualname__ = f"gated_{inner.name}"
    body.__doc__ = f"{inner.name} of one array times another."
    activation = Gated(
        name=body.__name__,
        key=backends.new_key(body.__name__),
        body=Expression.of(body),
        tex=_tex(inner.tex),
        paper=inner.paper,
        module=f"Gated{inner.module}",
        layout=layout,
        kinks={kink: None for kink in inner.kinks if not isinstance(kink, str)},
        rules={"gate": Expression.of(by_gate), "value": Expression.of(by_value)},
        inner=inner,
    )
    backends.definitions[activation.key] = activation
    return activation


def _tex(inner: str) -> str:
    """The formula of the activation at the gate, times the value; what is noted behind it stays behind."""
    main, *notes = _NOTES.split(_X.sub(r"\\text{gate}", inner), maxsplit=1)
    return r", \quad".join([rf"\left({main}\right) \text{{value}}", *notes]) if inner else ""


def _from_spec(activation: str | Mapping[str, Any], layout: str = "gate_first", **replaced: Any) -> Activation:
    unit = gated(activation, layout)
    return unit.replace(**replaced) if replaced else unit


factories["gated"] = _from_spec
