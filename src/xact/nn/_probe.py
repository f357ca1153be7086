"""A Module's own forward, called on a grid of numbers: what tells an activation whose class nobody knows."""

import contextlib
import copy
import functools
import inspect
import random
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

# No number of it is a kink of an activation; far ones tell a clipped function, or one with a threshold.
FAR = (15.3, 27.1, 61.7, 133.3, 301.9, 1003.1)
NUMBERS = [0.4 * i - 11.9877 for i in range(60)] + [sign * x for x in FAR for sign in (1, -1)]
GRID = torch.tensor(NUMBERS, device="cpu", dtype=torch.float32)
NEAR = slice(0, 60)
# Larger vectors of parameters are those of layers.
WIDEST = 4096
PLAIN = {*vars(torch.nn.Module())}


class Response(NamedTuple):
    """What a Module returns on the grid, and its slopes (None: it has none), a row for each of up to three channels.

    tensors: the values that each of its tensors had in those channels; axis: the channels', None without channels.
    """

    values: torch.Tensor
    slopes: torch.Tensor | None
    tensors: dict[str, list[float]]
    axis: int | None

    @property
    def affine(self) -> bool:
        """Whether it is a constant, or a straight line, in every channel."""
        slope = self.values[:, NEAR].diff() / GRID[NEAR].double().diff()
        return bool((slope.amax(-1) - slope.amin(-1) <= 1e-3 * (1 + slope.abs().amax(-1))).all())


class Refusal(Exception):
    """Why a Module is no function of its input, number by number."""


def probe(module: torch.nn.Module) -> Response:
    """Call a copy of the Module, in float32 on the CPU; raises `Refusal`, with the reason, for all but such functions.

    The copy has tensors of its own, filled with numbers that are no neutral ones, so that what depends on a parameter
    shows it: nothing is written to the Module. No hook runs. To be called in `undisturbed()`.
    """
    width = _width(module)
    for axis in (None,) if width == 1 else (1, -1):
        try:
            return _respond(module, width, axis)
        except Refusal as error:
            refusal = error
        except Exception as error:
            # The Module's own code, which may raise anything.
            refusal = Refusal(f"its forward raises {type(error).__name__}: {str(error).partition(chr(10))[0]}")
    raise refusal


@functools.lru_cache(1024)
def takes_one_array(function: Any) -> bool:
    """Whether a `forward` can be called with an array alone."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p for p in parameters[1:] if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return bool(positional) and all(p.default is not p.empty for p in rest)


def _width(module: torch.nn.Module) -> int:
    tensors = {**module._parameters, **module._buffers}
    if any(tensor is not None and torch.nn.parameter.is_lazy(tensor) for tensor in tensors.values()):
        raise Refusal("its parameters have no shape yet")
    sizes = {size for tensor in tensors.values() if tensor is not None for size in tensor.shape if size != 1}
    vectors = all(tensor is None or tensor.numel() <= max(tensor.shape, default=1) for tensor in tensors.values())
    if len(sizes) > 1 or not vectors or max(sizes, default=1) > WIDEST:
        raise Refusal("it has the weights of a layer")
    return max(sizes, default=1)


def _respond(module: torch.nn.Module, width: int, axis: int | None) -> Response:
    channels = sorted({0, width // 2, width - 1})
    # The numbers of the grid lie in every channel.
    x = GRID.view(2, 2, 18) if axis is None else GRID.view(2, 1, -1).expand(2, width, -1).movedim(1, axis).contiguous()
    if axis == 1 and any(tensor.ndim > 3 for tensor in _tensors(module).values()):
        x = x.view(2, width, 6, 6)
    called = copy_of(module)
    held = {name: value.double() for name, value in _tensors(called).items()}
    leaf = x.clone().requires_grad_()
    y = _call(called, leaf, training=False)
    slopes = _slopes(y, leaf)
    # Half of the numbers change; the other half of the results must not, in training either.
    kept = numbers(x.shape) < 0
    again = _call(copy_of(module), torch.where(kept, x, x.flip(-1) + 0.37), training=True)
    if not torch.allclose(again[kept], y[kept], rtol=1e-4, atol=1e-5, equal_nan=True):
        raise Refusal("it mixes elements, or is another function in training")

    def rows(array: torch.Tensor) -> torch.Tensor:
        array = array.detach().double()
        return array.reshape(1, -1) if axis is None else array.movedim(axis, 0).reshape(width, -1)[channels]

    found = {
        name: [value.reshape(-1)[i if value.numel() > 1 else 0].item() for i in channels]
        for name, value in held.items()
    }
    return Response(rows(y), None if slopes is None else rows(slopes), found, axis)


def numbers(shape: tuple[int, ...]) -> torch.Tensor:
    """Numbers between -9 and 9, no two of them related, without a generator of random ones."""
    count = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (count * 0.6180339887498949 % 1 * 18 - 9).float().view(shape)


def _call(module: Any, x: torch.Tensor, training: bool) -> torch.Tensor:
    module.training = training
    # Not the array itself, which a Module in place would overwrite.
    y = type(module).forward(module, x * 1)
    if type(y) is not torch.Tensor or y.shape != x.shape or not y.is_floating_point():
        raise Refusal("it returns no array like its input")
    return y


def _slopes(y: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor | None:
    if not y.requires_grad:
        return None
    try:
        [slopes] = torch.autograd.grad(y.sum(), leaf)
    except Exception:
        return None
    return slopes


def copy_of(module: torch.nn.Module) -> Any:
    """A Module of the class with the same attributes and tensors of its own."""
    new = copy.copy(module)
    attributes = {}
    for name, value in vars(module).items():
        if name in ("_parameters", "_buffers"):
            value = {key: _filled(tensor) for key, tensor in value.items()}
        elif isinstance(value, torch.Tensor):
            value = _filled(value)
        elif isinstance(value, (list, dict, set)) and name not in PLAIN:
            value = copy.copy(value)
        elif isinstance(value, types.MethodType) and value.__self__ is module:
            value = types.MethodType(value.__func__, new)
        attributes[name] = value
    new.__dict__ = attributes
    return new


def _filled(tensor: torch.Tensor | None) -> torch.Tensor | None:
    if tensor is None:
        return None
    own = torch.ones(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor.detach().cpu().clone()
    if not own.is_floating_point():
        return own
    own = own.float()
    return own * 1.1 + 0.03 * (1 + torch.linspace(0, 1, own.numel(), dtype=own.dtype).view(own.shape))


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The numbers a Module holds as tensors, by attribute."""
    held = {**vars(module), **module._parameters, **module._buffers}
    return {name: value for name, value in held.items() if isinstance(value, torch.Tensor) and value.numel()}


class _Guard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what a function of numbers does not do: draw random numbers, call other processes."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # It would import the compiler, for a second or more.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise Refusal("it draws random numbers")
        if "c10d" in func.namespace:
            raise Refusal("it calls other processes")
        return func(*args, **(kwargs or {}))


def without_modes() -> Any:
    """A context in which no dispatch mode of the caller's sees an operation: none is counted, cached or faked."""
    # What takes them away imports the compiler.
    return _disable_current_modes() if torch._C._len_torch_dispatch_stack() else contextlib.nullcontext()


def _uncompiled() -> Any:
    """A context in which compiled functions run as they are written, if there are any."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else contextlib.nullcontext()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """The plain world: no mode of the caller's, gradients on; the generators of Python and NumPy keep their state."""
    numpy: Any = sys.modules.get("numpy.random")
    states = random.getstate(), numpy and numpy.get_state()
    with (
        without_modes(),
        torch._C.DisableTorchFunction(),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        _uncompiled(),
        torch.autograd.set_detect_anomaly(False),
        warnings.catch_warnings(),
        _Guard(),  # type: ignore[no-untyped-call]
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            random.setstate(states[0])
            if numpy:
                numpy.set_state(states[1])
