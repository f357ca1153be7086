"""Activations that a model calls as functions, which no exchange of Modules reaches."""

import copy
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import fx

from xact._activation import Activation, catalogue
from xact.nn._recognise import is_activation


class FunctionalCall(NamedTuple):
    """A call of an activation in the `forward` of the Module of this qualified name."""

    module: str
    function: str
    where: str


def functional_calls(model: torch.nn.Module) -> Iterator[FunctionalCall]:
    """The calls of activations that torch.nn has a Module for, from a trace of a copy that shares all tensors.

    Raises whatever `torch.fx` or the model raises where it does not trace.
    """
    tensors = (*model.parameters(), *model.buffers())
    tracer = _Tracer()
    graph = tracer.trace(copy.deepcopy(model, {id(tensor): tensor for tensor in tensors}))
    for node in graph.nodes:
        if name := _activation_called(node):
            stack = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
            yield FunctionalCall(stack[-1] if stack else "", name, _line(node.stack_trace))


def function_name(value: Any) -> str | None:
    """The name of a function that is an activation of torch.nn's or ours."""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(value, Activation):
        return value.name
    return _functions().get(value) if callable(value) and not isinstance(value, torch.nn.Module) else None


class _Tracer(fx.Tracer):
    """Activations are leaves; what a model does to its buffers is recorded, not done."""

    proxy_buffer_attributes = True
    record_stack_traces = True

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return is_activation(m) or super().is_leaf_module(m, module_qualified_name)


@functools.cache
def _names() -> list[str]:
    """Names of the functions that torch.nn has an activation Module for; `F.linear` is none."""
    return [name for name, activation in catalogue.items() if hasattr(torch.nn.modules.activation, activation.module)]


@functools.cache
def _functions() -> dict[Any, str]:
    spaces = (F, torch)
    spelled = ((name, spelling) for name in _names() for spelling in (name, f"{name}_"))
    return {
        getattr(space, spelling): name for name, spelling in spelled for space in spaces if hasattr(space, spelling)
    }


def _activation_called(node: fx.Node) -> str | None:
    if node.op == "call_function":
        return function_name(node.target)
    if node.op == "call_method" and str(node.target).rstrip("_") in _names():
        return str(node.target)
    return None


def _line(trace: str | None) -> str:
    """Where a `forward` called it, as file:line, from a trace as Python prints it."""
    places = re.findall(r'File "(.*)", line (\d+), in forward', trace or "")
    return f"{Path(places[-1][0]).name}:{places[-1][1]}" if places else ""
