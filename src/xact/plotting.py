"""Figures of activations and their derivatives; needs the extra `plot`."""

from typing import Any

from xact._catalogue import activation_of
from xact._display import png
from xact._extras import needs

with needs("xact.plotting", "plot"):
    import matplotlib.figure
    import numpy as np

from xact.analysis import curve


class Figure(matplotlib.figure.Figure):
    """A figure without a window, of which notebooks show the picture."""

    def _repr_png_(self) -> bytes:
        return png(self)


def plot(*activations: Any, start: float = -5.0, stop: float = 5.0, count: int = 1001) -> Figure:
    """A matplotlib Figure with the values on the left and the derivatives on the right, which ends at jumps.

    activations: activations or their names, such as ``"leaky_relu(0.1)"``.

    >>> figure = plot("gelu", "silu")
    >>> [axes.get_title() for axes in figure.axes]
    ['value', 'derivative']
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    sides = figure.subplots(1, 2)
    for given in activations:
        activation = activation_of("plot", given)
        found = curve(activation, start, stop, count)
        for axes, y in zip(sides, (found["y"], found["derivative"]), strict=True):
            axes.plot(found["x"], _broken(y), label=repr(activation).removeprefix("xact."))
    for axes, title in zip(sides, ("value", "derivative"), strict=True):
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def _broken(y: np.ndarray) -> np.ndarray:
    """NaN where it jumps, which draws no line: a step 20 times as steep as those beside it."""
    steps = np.abs(np.diff(y))
    beside = np.maximum(np.append(steps[1:], 0.0), np.insert(steps[:-1], 0, 0.0))
    jumps = (steps > 20 * beside) & (steps > 1e-3 * np.ptp(y[np.isfinite(y)]))
    return np.where(np.append(jumps, False), np.nan, y)
