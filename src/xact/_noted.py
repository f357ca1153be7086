"""Derivatives as a tracer writes them down: functions of plain values, which find the activation by its spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xact


def differentiated(*args: Any, of: Any, wrt: str, order: int, **kwargs: Any) -> Any:
    """What `xact.derivative` evaluates."""
    return xact.derivative(of, wrt, order)(*args, **kwargs)


def cotangents(*primals: Any, of: Any, dy: Any, **options: Any) -> tuple[Any, ...]:
    """What the pullback of `xact.vjp` evaluates."""
    return xact.vjp(of, *primals, **options)[1](dy)


def noted(function: Any, activation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], **more: Any) -> Any:
    """What the tracer of the first argument makes of a call."""
    kind: Any = type(args[0])
    return kind.__torch_function__(function, (kind,), args, {**kwargs, "of": activation.spec, **more})


@dataclass(frozen=True, eq=False)
class NotedPullback:
    """The pullback of a call that is being traced."""

    activation: Any
    primals: tuple[Any, ...]
    options: Mapping[str, Any]

    def __call__(self, dy: Any) -> tuple[Any, ...]:
        pulled = noted(cotangents, self.activation, self.primals, self.options, dy=dy)
        return tuple(pulled[i] for i in range(len(self.primals)))
