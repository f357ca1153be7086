"""How a monitor looks at a call without being a part of it, and what it cannot look at."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from xact.nn._probe import without_modes


class Hook:
    """A hook that a model carries while it is watched; copied or pickled with the model, it does nothing."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> None:
        # A compiler or an exporter would make a part of the model of it.
        if not (torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None):
            self._function(*arguments)

    def __deepcopy__(self, memo: Any) -> Callable[..., None]:
        return nothing

    def __reduce__(self) -> Any:
        return _nothing, ()


def nothing(*_: Any) -> None:
    """What is left of a hook in a copy of a model."""


def _nothing() -> Callable[..., None]:
    return nothing


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Operations that nobody records, counts, caches or redirects."""
    with without_modes(), torch._C.DisableTorchFunction(), torch.inference_mode(False), torch.no_grad():
        yield


def computed_again() -> bool:
    """Whether a forward pass runs inside the backward pass, as checkpoints do: it has been looked at before."""
    return torch._C._current_graph_task_id() != -1


def obstacle(value: Any) -> str | None:
    """Why the numbers of a value cannot be looked at; None where they can."""
    if not isinstance(value, torch.Tensor):
        return f"no array but a {type(value).__name__}"
    if torch._C._are_functorch_transforms_active():
        return "inside a transform of torch.func"
    if not value.is_nested and type(value).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return f"a {type(value).__name__}, whose numbers are not at hand"
    if value.is_meta:
        return "on the meta device, without numbers"
    if not value.is_nested and value.layout is not torch.strided:
        return f"a sparse array ({value.layout})"
    if value.is_complex() or value.is_quantized:
        return f"numbers of {value.dtype}"
    if value.is_cuda and torch.cuda.is_current_stream_capturing():
        return "inside the capture of a CUDA graph"
    return None if value.numel() else "an empty array"


def parts(array: torch.Tensor) -> list[torch.Tensor]:
    """The plain arrays that an array consists of: one, or those of a nested array."""
    array = array.detach()
    found = list(array.unbind()) if array.is_nested else [array]
    return [part.as_subclass(torch.Tensor) for part in found]


def only_array(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The array of a call that gives nothing else."""
    given = [*arguments, *keywords.values()]
    return given[0] if len(given) == 1 else None
