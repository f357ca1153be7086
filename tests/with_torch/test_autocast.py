"""Autocast on accelerators: every function and Module that torch has, with torch's own choice of dtype.

Fake tensors need no device. Autocast is switched on past `torch.autocast`, which looks for the device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from test_opinfo import NAMES

import xact
import xact.nn

torch = pytest.importorskip("torch")

from torch._subclasses.fake_tensor import FakeTensorMode

F = torch.nn.functional
MODULES = [name for name in torch.nn.modules.activation.__all__ if name in dir(xact.nn)]
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

pytestmark = pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning")
devices = pytest.mark.parametrize("device", ["cuda", "xpu", "mps"])
low_precisions = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)


@contextmanager
def autocast(device: str, low: torch.dtype) -> Iterator[None]:
    before = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    torch.set_autocast_enabled(device, True)
    torch.set_autocast_dtype(device, low)
    try:
        yield
    finally:
        torch.set_autocast_enabled(device, before[0])
        torch.set_autocast_dtype(device, before[1])


def result(make: Callable[[torch.dtype, str], Any], dtype: torch.dtype, device: str, low: torch.dtype) -> torch.dtype:
    with FakeTensorMode(), torch.no_grad():
        x, function = torch.empty(2, 4, 4, 4, dtype=dtype, device=device), make(dtype, device)
        with autocast(device, low):
            return function(x).dtype


def of_one_array(function: Any, name: str, asked: torch.dtype | None = None) -> Callable[[torch.dtype, str], Any]:
    """The function with the other arguments that torch's needs, made for a dtype and a device."""

    def make(dtype: torch.dtype, device: str) -> Any:
        given: dict[str, tuple[Any, ...]] = {"threshold": (0.1, 2.0), "clamp": (-1.0, 1.0), "logsumexp": (-1,)}
        if name == "prelu":
            given[name] = (torch.empty(1, dtype=dtype, device=device),)
        options = {"dim": -1, "dtype": asked} if name in ("softmax", "log_softmax", "softmin") else {}
        return lambda x: function(x, *given.get(name, ()), **options)

    return make


@devices
@low_precisions
@pytest.mark.parametrize("name", NAMES)
def test_function(name: str, low: torch.dtype, device: str) -> None:
    functions = getattr(xact, name), getattr(F, name, None) or getattr(torch, name)
    ours, theirs = (of_one_array(function, name) for function in functions)
    for dtype in DTYPES:
        assert result(ours, dtype, device, low) == result(theirs, dtype, device, low)


@devices
@low_precisions
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_dtype_asked_for(name: str, low: torch.dtype, device: str) -> None:
    for asked in DTYPES:
        ours, theirs = (of_one_array(getattr(home, name), name, asked) for home in (xact, F))
        for dtype in DTYPES:
            assert result(ours, dtype, device, low) == result(theirs, dtype, device, low)


@devices
@low_precisions
@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, low: torch.dtype, device: str) -> None:
    def of(home: Any) -> Callable[[torch.dtype, str], Any]:
        arguments = (0.1, 2.0) if name == "Threshold" else ()
        return lambda dtype, device: getattr(home, name)(
            *arguments, **({"dtype": dtype, "device": device} if name == "PReLU" else {})
        ).requires_grad_(False)

    for dtype in DTYPES:
        assert result(of(xact.nn), dtype, device, low) == result(of(torch.nn), dtype, device, low)
