"""What the activations of a model do while it runs: their distribution, and the units that no longer learn."""

import functools
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

import xact.nn
from xact import _activation, _display
from xact._derivatives import derivative
from xact._extras import needs
from xact.nn._learnt import arguments
from xact.nn._recognise import Known, Unknown, activation_of, look
from xact.nn._statistics import Layer
from xact.nn._table import table
from xact.nn._watch import Hook, aside, computed_again, obstacle, only_array, parts

# A derivative below this share of its largest value counts as saturated.
SATURATED = 0.01
# Where the largest value is looked for: derivatives without a bound have one here.
GRID = torch.linspace(-10, 10, 801, device="cpu", dtype=torch.float32)
HEADER = ("layer", "activation", "calls", "mean", "std", "1 %", "50 %", "99 %", "saturated", "dead", "dead channels")
NOT_CALLED = "no call seen: the model does not call it, or calls it in compiled code"
COMPILED = (
    "monitor sees nothing of a compiled model, in which hooks do not run; monitor it before torch.compile, or its "
    "`_orig_mod` within torch.compiler.set_stance('force_eager')"
)


def monitor(model: torch.nn.Module, *, every: int = 100, axis: int | None = None) -> "Monitor":
    """Statistics of every activation Module of a model while the context is open.

    every: only each such forward pass of the model is looked at; 1 looks at all.
    axis: that of the channels; the default is -1 for arrays of one or three dimensions, (batch, sequence, channel), and
    1 for all others, (batch, channel, ...).

    Of the outputs: mean, standard deviation, quantiles. Of the inputs: the share where the derivative is below 1 % of
    its maximum on [-10, 10], called saturated, and the share where it is 0, called dead; a learnt parameter counts with
    its mean for the maximum. Gates and activations along an axis have neither. A Module used in several places has one
    row; one used with several numbers of channels has one for each. An elementwise function that the catalogue does not
    have is looked at by its outputs alone.

    The model computes what it does without a monitor, and raises what it raises without one. `not_measured` has, for
    every layer, why calls of it could not be looked at (an empty batch, inside vmap, in compiled code, ...) and how
    many they were; `left` has the Modules that look like activations and are left alone, with the reason. Random
    numbers of the model are not touched, after exit nothing of it is kept alive, and a copy or a pickle of a watched
    model is watched by nobody.

    Raises `ValueError` for a model without activation Modules, `RuntimeError` for a compiled one.

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
        self.left: dict[str, str] = {}
        if not list(self._watched(model)):
            left = "".join(f"; {name} is left alone: {reason}" for name, reason in [*self.left.items()][:3])
            left += f"; and {len(self.left) - 3} more" if len(self.left) > 3 else ""
            raise ValueError(f"monitor: the model has no activation Module; calls of functions are not seen{left}")
        if any("_orig_mod" in m._modules or m._compiled_call_impl is not None for m in model.modules()):
            raise RuntimeError(COMPILED)
        self.layers: dict[str, Layer] = {}
        self.not_measured: dict[str, Counter[str]] = {}
        self._model: torch.nn.Module | None = model
        self._every, self._axis, self._step = every, axis, 0
        self._root: Any = None
        self._handles: list[Any] = []
        # By thread and layer, since an activation may call itself, and replicas of a model run in threads.
        self._before: dict[tuple[int, str], list[Any]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Monitor":
        if self._model is None or self._root:
            raise RuntimeError("a monitor is entered once; call xact.nn.monitor(model) again")
        self._root = self._model.register_forward_hook(Hook(self._step_done))
        self._attach()
        return self

    def __exit__(self, *exception: object) -> None:
        self._root.remove()
        self._detach()
        assert self._model is not None
        for name, _, _ in self._watched(self._model):
            if name not in self.layers and name not in self.not_measured:
                self.not_measured[name] = Counter({NOT_CALLED: 0})
        self._model = None

    def _step_done(self, *_: Any) -> None:
        """Have hooks for the next step, or none: a step that is not looked at costs nothing."""
        self._step += 1
        # What calls that raised have left.
        self._before.clear()
        if self._step % self._every:
            self._detach()
        elif not self._handles:
            self._attach()

    def _watched(self, model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module, Known | None]]:
        """Every Module that computes an activation, with what the catalogue knows of it."""
        for name, module in model.named_modules():
            found = look(module, name.rpartition(".")[2])
            if isinstance(found, Unknown) and not found.elementwise:
                self.left[name] = f"{type(module).__name__} {found.reason}"
            elif found is not None:
                yield name, module, found if isinstance(found, Known) else None

    def _attach(self) -> None:
        assert self._model is not None
        for name, module, known in self._watched(self._model):
            before = Hook(functools.partial(self._look_at_input, name, known, _kind(module)))
            after = Hook(functools.partial(self._look_at_output, name))
            # Before the call, since one in place overwrites its input.
            self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            self._handles.append(module.register_forward_hook(after))

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._before.clear()

    def _look_at_input(
        self,
        name: str,
        known: Known | None,
        kind: Any,
        module: torch.nn.Module,
        inputs: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        if computed_again():
            return
        if _kind(module) != kind:
            # `swap` gives the hooks to what it puts there.
            known = activation_of(module)
        flat, reason = None, None
        if known is not None and len(known.activation.arrays) == 1 and known.activation.elementwise:
            x = only_array(inputs, keywords)
            try:
                with aside():
                    if obstacle(x) is None:
                        flat = self._flat(known, module, x)
            except Exception as error:
                reason = f"slopes: {_sentence(error)}"
        self._before.setdefault((threading.get_ident(), name), []).append((flat, reason))

    def _flat(self, known: Known, module: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """How many inputs of each channel are saturated, how many dead, and of how many."""
        given = arguments(module, known.arguments(module), x)
        slope = derivative(known.activation)
        slopes = self._rows(x, lambda part: slope(_floating(part), **given).abs())
        return (slopes < SATURATED * _largest_slope(known, given)).sum(0), (slopes == 0).sum(0), len(slopes)

    def _look_at_output(self, name: str, module: torch.nn.Module, _: Any, output: Any) -> None:
        if computed_again():
            return
        waiting = self._before.get((threading.get_ident(), name))
        flat, reason = waiting.pop() if waiting else (None, None)
        reasons = [reason] if reason else []
        try:
            with aside():
                if (hindered := obstacle(output)) is None:
                    rows = self._rows(output, lambda part: part)
                    with self._lock:
                        self._take_in(name, repr(module), rows, flat)
                else:
                    reasons.append(hindered)
        except Exception as error:
            reasons.append(_sentence(error))
        for why in reasons:
            self.not_measured.setdefault(name, Counter())[why] += 1

    def _take_in(self, name: str, activation: str, rows: torch.Tensor, flat: Any) -> None:
        """Add to the statistics of a Module at this number of channels."""
        width = rows.shape[1]
        if name in self.layers and self.layers[name].width != width:
            name = f"{name}[{width}]"
        layer = self.layers.get(name)
        if layer is None:
            layer = Layer(activation, width, rows.device, torch.promote_types(rows.dtype, torch.float32))
        layer.add(rows, flat)
        self.layers[name] = layer

    def _rows(self, array: torch.Tensor, function: Any) -> torch.Tensor:
        """What the function makes of the array, as rows of channels; those of a nested array below each other."""
        axis = self._axis
        if axis is None:
            axis = -1 if array.ndim in (1, 3) or array.is_nested else 1
        elif array.is_nested and axis > 0:
            axis -= 1
        return torch.cat([_channels(function(part), axis) for part in parts(array)])

    def table(self) -> str:
        """One row per layer, as text, and a line for all that is not in them."""
        return "\n".join([table(HEADER, self._shown()), *self._closing()])

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return _display.table(HEADER, self._shown(), below=self._closing())

    def _shown(self) -> list[tuple[str, ...]]:
        return [_row(name, layer) for name, layer in self.layers.items()]

    def _closing(self) -> list[str]:
        lines = [f"left alone: {name}, {reason}" for name, reason in self.left.items()]
        for name, reasons in self.not_measured.items():
            for reason, count in reasons.items():
                lines.append(f"not measured: {name}, {reason}" + (f", {count} times" if count > 1 else ""))
        return lines

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


def _kind(module: torch.nn.Module) -> Any:
    """What tells a Module from one that replaces it."""
    return type(module), module.activation if isinstance(module, xact.nn.Activation) else None


def _floating(array: torch.Tensor) -> torch.Tensor:
    return array if array.is_floating_point() else array.float()


def _channels(array: torch.Tensor, axis: int) -> torch.Tensor:
    return array.reshape(1, 1) if array.ndim == 0 else array.movedim(axis, -1).reshape(-1, array.shape[axis])


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _largest_slope(known: Known, arguments: dict[str, Any]) -> float:
    numbers = {name: v.mean().item() if isinstance(v, torch.Tensor) else v for name, v in arguments.items()}
    return _largest(known.activation.replace(**{n: v for n, v in numbers.items() if n != "axis"}))


@functools.lru_cache(256)
def _largest(bound: _activation.Activation) -> float:
    # A call of a bound activation has its arguments as defaults; the function of its derivative likewise.
    return derivative(bound)(GRID).abs().max().item()
