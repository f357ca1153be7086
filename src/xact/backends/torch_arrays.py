"""What a call does to tensors before the body sees them: dtypes, shapes, halves of a gate, generators."""

from typing import Any

import torch


def constant(x: Any) -> Any:
    return x.detach()


def dtype_name(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")


def astype(x: Any, dtype: Any) -> Any:
    return x.to(dtype)


def coefficients(vector: Any) -> Any:
    return vector


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


def halves(x: Any, axis: int, interleaved: bool) -> tuple[Any, Any]:
    # chunk and unbind have one concatenation as their backward; slices would add two padded arrays.
    if interleaved:
        first, second = torch.unbind(x.unflatten(axis, (x.shape[axis] // 2, 2)), axis % x.ndim + 1)
    else:
        first, second = torch.chunk(x, 2, axis)
    return first, second


def join(first: Any, second: Any, axis: int, interleaved: bool) -> Any:
    if interleaved:
        axis = axis % first.ndim
        return torch.stack((first, second), axis + 1).flatten(axis, axis + 1)
    return torch.cat((first, second), axis)


def generator(activation: Any, rng: Any) -> Any:
    if rng is not None and not isinstance(rng, torch.Generator):
        raise TypeError(f"{activation.name}: `rng` must be a torch.Generator or None, got {rng!r}")
    return rng
