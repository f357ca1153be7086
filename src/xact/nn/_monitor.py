"""What the activations of a model do while it runs: their distribution, and the units that no longer learn."""

import functools
from typing import Any

import torch

from xact import _activation, _display
from xact._derivatives import derivative
from xact._extras import needs
from xact.nn._recognise import Known, activation_of
from xact.nn._statistics import Layer
from xact.nn._table import table

# A derivative below this share of its largest value counts as saturated.
SATURATED = 0.01
# Where the largest value is looked for: derivatives without a bound have one here.
GRID = torch.linspace(-10, 10, 801, device="cpu")
HEADER = ("layer", "activation", "calls", "mean", "std", "1 %", "50 %", "99 %", "saturated", "dead", "dead channels")
COMPILED = (
    "monitor sees nothing of a compiled model, in which hooks do not run; monitor it before torch.compile, or its "
    "`_orig_mod` within torch.compiler.set_stance('force_eager')"
)


def monitor(model: torch.nn.Module, *, every: int = 100, axis: int | None = None) -> "Monitor":
    """Statistics of every activation Module of a model (torch.nn's and ours) while the context is open.

    every: only each such forward pass of the model is looked at; 1 looks at all.
    axis: that of the channels; the default is -1 for arrays of one or three dimensions, (batch, sequence, channel), and
    1 for all others, (batch, channel, ...).

    Of the outputs: mean, standard deviation, quantiles. Of the inputs: the share where the derivative is below 1 % of
    its maximum on [-10, 10], called saturated, and the share where it is 0, called dead; a learnt parameter counts with
    its mean for the maximum. Gates and activations along an axis have neither. A Module used in several places has one
    row; one used with several numbers of channels has one for each.

    Random numbers of the model are not touched, and after exit nothing of it is kept alive. Raises `ValueError` for a
    model without activation Modules, `RuntimeError` for a compiled one.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> with monitor(model, every=1) as seen:
    ...     _ = model(torch.zeros(5, 2))
    >>> seen.layers["1"].calls
    1
    """
    return Monitor(model, every, axis)


class Monitor:
    """The context manager that `monitor` returns; `layers`, `table()` and `plot()` have what was seen."""

    def __init__(self, model: torch.nn.Module, every: int, axis: int | None) -> None:
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"monitor: `every` must be a positive integer, got {every!r}")
        if not any(activation_of(module) for module in model.modules()):
            raise ValueError("monitor: the model has no activation Module; calls of functions are not seen")
        if any("_orig_mod" in m._modules or m._compiled_call_impl is not None for m in model.modules()):
            raise RuntimeError(COMPILED)
        self.layers: dict[str, Layer] = {}
        self._model: torch.nn.Module | None = model
        self._every, self._axis, self._step = every, axis, 0
        self._root: Any = None
        self._handles: list[Any] = []
        self._before: dict[str, tuple[Any, Any]] = {}

    def __enter__(self) -> "Monitor":
        if self._model is None or self._root:
            raise RuntimeError("a monitor is entered once; call xact.nn.monitor(model) again")
        self._root = self._model.register_forward_hook(self._step_done)
        self._attach()
        return self

    def __exit__(self, *exception: object) -> None:
        self._root.remove()
        self._detach()
        self._model = None

    def _step_done(self, *_: Any) -> None:
        """Have hooks for the next step, or none: a step that is not looked at costs nothing."""
        self._step += 1
        if self._step % self._every:
            self._detach()
        elif not self._handles:
            self._attach()

    def _attach(self) -> None:
        assert self._model is not None
        for name, module in self._model.named_modules():
            if activation_of(module):
                # Before the call, since one in place overwrites its input.
                self._handles.append(module.register_forward_pre_hook(functools.partial(self._look_at_input, name)))
                self._handles.append(module.register_forward_hook(functools.partial(self._look_at_output, name)))

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._before.clear()

    def _look_at_input(self, name: str, module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if torch.compiler.is_compiling():
            raise RuntimeError(COMPILED)
        known = activation_of(module)
        if known is None or len(known.activation.arrays) > 1 or not known.activation.elementwise:
            return
        x = inputs[0].detach()
        with torch.no_grad():
            slopes = self._rows(derivative(known.activation)(x, **known.arguments).abs())
            limit = SATURATED * _largest_slope(known)
            self._before[name] = ((slopes < limit).sum(0), (slopes == 0).sum(0))

    def _look_at_output(self, name: str, module: torch.nn.Module, _: Any, output: torch.Tensor) -> None:
        with torch.no_grad():
            rows = self._rows(output.detach())
            self._layer(name, repr(module), rows).add(rows, self._before.pop(name, None))

    def _layer(self, name: str, activation: str, rows: torch.Tensor) -> Layer:
        """The statistics of a Module at this number of channels."""
        width = rows.shape[1]
        if name in self.layers and self.layers[name].width != width:
            name = f"{name}[{width}]"
        if name not in self.layers:
            dtype = torch.promote_types(rows.dtype, torch.float32)
            self.layers[name] = Layer(activation, width, rows.device, dtype)
        return self.layers[name]

    def _rows(self, array: torch.Tensor) -> torch.Tensor:
        """The array as rows of channels."""
        if array.ndim == 0:
            return array.reshape(1, 1)
        axis = self._axis
        if axis is None:
            axis = -1 if array.ndim in (1, 3) else 1
        return array.movedim(axis, -1).reshape(-1, array.shape[axis])

    def table(self) -> str:
        """One row per layer, as text."""
        return table(HEADER, [_row(name, layer) for name, layer in self.layers.items()])

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return _display.table(HEADER, [_row(name, layer) for name, layer in self.layers.items()])

    def plot(self) -> Any:
        """A matplotlib Figure: the range of each layer's outputs, and its saturated and dead share."""
        with needs("Monitor.plot", "plot"):
            from xact.plotting import Figure
        layers = list(self.layers.values())
        places = range(len(layers))
        figure = Figure(figsize=(9, 1.5 + 0.3 * len(layers)), layout="constrained")
        values, shares = figure.subplots(1, 2, sharey=True)
        low, middle, high = ([layer.quantile(q) for layer in layers] for q in (0.01, 0.5, 0.99))
        values.hlines(places, low, high, color="0.6", linewidth=4, label="1 % to 99 %")
        values.plot(middle, places, "|", color="black", label="median")
        mean, std = [layer.mean for layer in layers], [layer.std for layer in layers]
        values.errorbar(mean, places, xerr=std, fmt="o", markersize=3, label="mean, standard deviation")
        values.set(xlabel="output", yticks=places, yticklabels=list(self.layers))
        values.invert_yaxis()
        shares.barh(places, [100 * (layer.saturated or 0) for layer in layers], color="0.8", label="saturated")
        shares.barh(places, [100 * (layer.dead or 0) for layer in layers], height=0.4, color="black", label="dead")
        shares.set(xlabel="inputs, %", xlim=(0, 100))
        for axes in (values, shares):
            axes.legend(fontsize="small")
        return figure


def _row(name: str, layer: Layer) -> tuple[str, ...]:
    shares = ("-" if share is None else f"{100 * share:.1f} %" for share in (layer.saturated, layer.dead))
    numbers = (layer.mean, layer.std, *(layer.quantile(q) for q in (0.01, 0.5, 0.99)))
    dead = "-" if layer.dead_channels is None else f"{layer.dead_channels}/{layer.width}"
    return (name, layer.activation, str(layer.calls), *(f"{number:.3g}" for number in numbers), *shares, dead)


def _largest_slope(known: Known) -> float:
    numbers = {n: v.mean().item() if isinstance(v, torch.Tensor) else v for n, v in known.arguments.items()}
    return _largest(known.activation.replace(**{n: v for n, v in numbers.items() if n != "axis"}))


@functools.lru_cache(256)
def _largest(bound: _activation.Activation) -> float:
    # A call of a bound activation has its arguments as defaults; the function of its derivative likewise.
    return derivative(bound)(GRID).abs().max().item()
