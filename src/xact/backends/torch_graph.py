"""Functions that go into a compiler's graph whole, as `torch.compiler.allow_in_graph` arranges it.

That one imports the compiler, which takes as long as torch itself. So it is asked when a compiler first reaches for
the function, as an attribute of this module, which Dynamo reads as Python does.
"""

from collections.abc import Callable
from typing import Any

import torch

_functions: dict[str, Callable[..., Any]] = {}


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare such a function; call it by its name in this module where a compiler looks on, else as it is."""
    _functions[function.__name__] = function
    return function


def __getattr__(name: str) -> Any:
    if name not in _functions:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = torch.compiler.allow_in_graph(_functions[name])
    return globals()[name]
