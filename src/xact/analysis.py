"""What an activation is like, computed from its value and derivative: range, monotonicity, parity, convexity."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from xact._catalogue import activation_of
from xact._derivatives import derivative, value_and_derivative
from xact._display import table
from xact._extras import needs

with needs("xact.analysis", "numpy"):
    import numpy as np

Function = Callable[[Any], Any]

# Changes of this size, relative to the largest, are no rounding.
TOLERANCE = 1e-12
# A derivative that becomes 0 from less than this has underflowed: the function is not flat.
VANISHING = 1e-100
# What a parameter has that neither the call nor the definition gives a value, where any will do.
PLACEHOLDER = 0.25


@dataclass(frozen=True)
class Properties:
    """Properties of a function of one number, for given parameters.

    low, high: infimum and supremum.
    reached: whether each of the two is a value of the function, and not only a limit.
    least, greatest: the minimum and the maximum where these values lie, the nearest to 0; None where there is none.
    monotonic: "increasing", "nondecreasing", "decreasing", "nonincreasing" or "".
    parity: "odd", "even" or "".
    convexity: "convex", "concave" or "".
    slopes: the limits of the derivative at minus and plus infinity; NaN where there is none.
    lipschitz: the supremum of the derivative's size; infinite where the function jumps.
    """

    low: float
    high: float
    reached: tuple[bool, bool]
    least: float | None
    greatest: float | None
    monotonic: str
    parity: str
    convexity: str
    slopes: tuple[float, float]
    lipschitz: float

    @property
    def range(self) -> str:
        """The range as an interval, `[-0.278465, inf)`."""
        return f"{'(['[self.reached[0]]}{self.low:.6g}, {self.high:.6g}{')]'[self.reached[1]]}"

    def _repr_html_(self) -> str:
        return table((), [(key.name, str(getattr(self, key.name))) for key in fields(self)])

    def __str__(self) -> str:
        kinds = ", ".join(filter(None, (self.monotonic, self.parity, self.convexity)))
        slopes = "slopes {:.4g} and {:.4g}".format(*self.slopes)
        return "; ".join(filter(None, (f"range {self.range}", kinds, slopes, f"Lipschitz {self.lipschitz:.6g}")))


def properties(f: Any, **parameters: Any) -> Properties:
    """The properties of an elementwise activation of one array.

    f: an activation or its name, `parameters` its own. Learnable parameters without a default have their initial value.

    They are found on a grid of float64 numbers of all sizes and at infinity, refined at extrema of value and
    derivative; what happens between two of its points without a change of sign goes unseen. Raises `TypeError` for
    activations of two arrays, along an axis, or random.

    >>> print(properties("silu"))
    range [-0.278465, inf); slopes 0 and 1; Lipschitz 1.09984
    >>> print(properties("softplus"))
    range (0, inf); increasing, convex; slopes 0 and 1; Lipschitz 1
    """
    activation = activation_of("properties", f, **parameters)
    if not activation.elementwise or len(activation.body.arrays) != 1:
        raise TypeError(
            f"{activation.name} is no function of one number: it takes two arrays, mixes them, or is random"
        )
    initial = {name: activation.learnable[name] for name in activation.required if name in activation.learnable}
    if missing := [name for name in activation.required if name not in initial]:
        raise TypeError(f"{activation.name} needs `{missing[0]}`: properties({activation.name!r}, {missing[0]}=...)")
    value: Function = lambda x: activation(np.asarray(x), **initial)
    slope: Function = lambda x: derivative(activation)(np.asarray(x), **initial)
    kinks = sorted(activation.kinks_at({**activation.defaults, **initial}))
    x = _grid(kinks)
    d = slope(x)
    # The value at a kink need not lie between those beside it.
    steps = np.array([np.diff(value(np.array(_beside(kink)))) for kink in kinks])
    jumps = steps[np.abs(steps) > TOLERANCE]
    smooth = ~np.isin(x, kinks)
    # Added to 0, which has no sign then.
    left, right = map(float, 0.0 + slope(np.array([-math.inf, math.inf])))
    low, least, low_reached = _lowest(value, slope, x)
    high, greatest, high_reached = _lowest(lambda x: -value(x), lambda x: -slope(x), x)
    return Properties(
        low=0.0 + low,
        high=0.0 - high,
        reached=(low_reached, high_reached),
        least=least,
        greatest=greatest,
        monotonic=_monotonic(d, jumps),
        parity=_parity(value, x),
        convexity="" if jumps.size else _convexity(d[smooth]),
        slopes=(left, right),
        lipschitz=math.inf if jumps.size else _largest(lambda x: np.abs(slope(x)), x[smooth], np.abs([left, right])),
    )


def curve(f: Any, start: float = -5.0, stop: float = 5.0, count: int = 201) -> dict[str, Any]:
    """The name of an elementwise activation of one array, numbers `x`, the values `y` and the `derivative` there.

    `spec` says with which parameters: learnable ones without a default have their initial value, others 1/4. Raises
    `ValueError` for gates and along an axis.

    >>> found = curve("swish(2)", -1, 1, 3)
    >>> found["name"], found["spec"]
    ('swish', {'name': 'swish', 'beta': 2})
    >>> found["x"], found["y"].round(3), found["derivative"].round(3)
    (array([-1.,  0.,  1.]), array([-0.119,  0.   ,  0.881]), array([-0.091,  0.5  ,  1.091]))
    """
    activation = activation_of("curve", f)
    if not activation.elementwise or len(activation.arrays) != 1:
        raise ValueError(f"{activation.name} is no function of one number")
    given = {name: activation.learnable.get(name, PLACEHOLDER) for name in activation.required}
    bound = activation.replace(**{**activation.replaced, **given})
    x = np.linspace(start, stop, count)
    y, slope = value_and_derivative(bound)(x)
    return {"name": activation.name, "spec": bound.spec, "x": x, "y": y, "derivative": slope}


def _grid(kinks: Iterable[float]) -> np.ndarray:
    """Numbers of both signs and of all sizes from 1e-8 to 1e8, dense round 0, and the kinks with their neighbours."""
    sizes = np.concatenate([np.logspace(-8, 8, 641), np.linspace(0, 20, 4001)])
    beside = [number for kink in kinks for number in _beside(kink)]
    return np.unique(np.concatenate([-sizes, sizes, beside]))


def _beside(kink: float) -> list[float]:
    """The kink and its neighbours."""
    return [math.nextafter(kink, side) for side in (-math.inf, kink, math.inf)]


def _lowest(value: Function, slope: Function, x: np.ndarray) -> tuple[float, float | None, bool]:
    """The infimum, the minimum nearest to 0 that it is the value of, and whether it is a value at all."""
    d = slope(x)
    moving = np.flatnonzero(d)
    before, after = moving[:-1], moving[1:]
    turns = (d[before] < 0) & (d[after] > 0)
    zeros = np.array([_zero(slope, x[i], x[j]) for i, j in zip(before[turns], after[turns], strict=True)])
    # At a corner the least value may be that of the last number with a negative derivative.
    minima = np.concatenate([zeros, np.nextafter(zeros, -math.inf)])
    flat = x[_flat(d)]
    infimum = float(np.nanmin(np.concatenate([value(x), value(minima), value(np.array([-math.inf, math.inf]))])))
    lowest, level = (places[value(places) <= infimum + TOLERANCE * abs(infimum)] for places in (minima, flat))
    if math.isinf(infimum) or not (lowest.size or level.size):
        return infimum, None, False
    return infimum, float(lowest[np.argmin(np.abs(lowest))]) if lowest.size else None, True


def _flat(d: np.ndarray) -> np.ndarray:
    """Where the derivative is 0 at three neighbours and more, and has not underflowed on the way there."""
    zero = np.concatenate([[False], d == 0, [False]])
    edges = np.flatnonzero(zero[1:] != zero[:-1])
    flat = np.zeros(d.shape, bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        beside = np.abs(np.concatenate([d[start - 1 : start] if start else [], d[stop : stop + 1]]))
        flat[start:stop] = stop - start > 2 and not (beside.size and beside.max() < VANISHING)
    return flat


def _zero(slope: Function, low: float, high: float) -> float:
    """Where the derivative is no longer negative: a zero, or a kink."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return high


def _largest(size: Function, x: np.ndarray, ends: np.ndarray) -> float:
    """The supremum of a function, refined by golden section round its largest value on the grid."""
    sizes = size(x)
    at = int(np.nanargmax(sizes))
    low, high = x[max(at - 1, 0)], x[min(at + 1, len(x) - 1)]
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(80):
        one, other = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, other) if size(one) > size(other) else (one, high)
    return float(np.nanmax([sizes[at], size((low + high) / 2), *ends]))


def _monotonic(d: np.ndarray, jumps: np.ndarray) -> str:
    flat, d = _flat(d).any(), d[~np.isnan(d)]
    if np.all(d >= 0) and np.all(jumps > 0):
        return "nondecreasing" if flat else "increasing"
    if np.all(d <= 0) and np.all(jumps < 0):
        return "nonincreasing" if flat else "decreasing"
    return ""


def _parity(value: Function, x: np.ndarray) -> str:
    y, mirrored = value(x), value(-x)
    if np.allclose(y, mirrored, rtol=TOLERANCE, atol=0, equal_nan=True):
        return "even"
    return "odd" if np.allclose(y, -mirrored, rtol=TOLERANCE, atol=0, equal_nan=True) else ""


def _convexity(d: np.ndarray) -> str:
    changes = np.diff(d[np.isfinite(d)])
    tolerance = TOLERANCE * np.max(np.abs(d[np.isfinite(d)]))
    if np.all(changes >= -tolerance):
        return "" if np.all(changes <= tolerance) else "convex"
    return "concave" if np.all(changes <= tolerance) else ""
