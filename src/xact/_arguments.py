"""What the arguments are, one line for each name that means the same everywhere; a definition explains its own."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

ARGUMENTS = {
    "x": "an array of NumPy, JAX, PyTorch or another library of the array API standard",
    "other": "the second array of the gate; without it x is packed, both in one",
    "approximate": "'none' for the formula with the normal distribution, 'tanh' for the one with tanh",
    "axis": "the axis, counted from the back where it is negative; `dim` is another name for it",
    "backward_bits": "1, 2 or 4 bits to keep of each element for an approximate gradient; None keeps the input",
    "device": "where what is learnt is made",
    "dim": "the axis, counted from the back where it is negative",
    "dtype": "the dtype to compute in and to return, or of what is learnt; None is that of x, or the default",
    "init": "the initial value of what is learnt",
    "inplace": "whether to overwrite x, a torch tensor, with the result",
    "keepdims": "whether the axis stays, with length 1",
    "lambd": "inputs of at most this size become 0",
    "layout": "what of a packed array is the gate: 'gate_first', 'value_first' or 'interleaved'",
    "learnable": "whether the parameters are learnt, or numbers",
    "logscale": "whether the logarithms of the parameters are learnt in their place",
    "mask": "true where an entry counts",
    "max": "the greatest result",
    "min": "the least result",
    "n_iter": "how often the interval of the threshold is halved",
    "max_value": "as max_val, which torch called so before",
    "min_value": "as min_val, which torch called so before",
    "negative_slope": "the slope on the left",
    "num_parameters": "how many of each parameter there are along the axis; None is one for all",
    "rng": "the source of randomness: a numpy.random.Generator, a key of JAX, a torch.Generator or None",
    "training": "whether to draw at random",
}


def documentation(activation: Any, usage: str, labels: Iterable[str]) -> str:
    """The docstring of an activation, or of its Module: how it is called, and what the arguments are."""
    lines = "\n".join(f"{label}: {line}" for label, line in explained(activation.arguments, labels).items())
    parts = [inspect.getdoc(activation.body.function), usage and f"``{usage}``", lines]
    parts += [activation.tex and f"Formula: {activation.tex}", activation.paper and f"Source: {activation.paper}"]
    return "\n\n".join(part for part in parts if part)


def explained(own: Mapping[str, str], labels: Iterable[str]) -> dict[str, str]:
    """The arguments among these that a line explains, with it."""
    known = {**ARGUMENTS, **own}
    return {label: known[label] for label in labels if label in known}
