"""Modules, minted from the catalogue: `xact.nn.GELU` is `torch.nn.GELU` with our function inside.

Where torch.nn has a class of the name, ours is its subclass: constructor, attributes, repr and state_dict are torch's
own. Every other activation gets a Module whose constructor is the function's signature.
"""

import importlib
from typing import Any

from xact import backends
from xact._activation import catalogue
from xact._errors import nearest
from xact._extras import needs

with needs("xact.nn", "torch"):
    _torch = importlib.import_module("torch")

from xact.backends.hot_path import hot_path as hot_path
from xact.backends.torch_portable import portable as portable
from xact.nn import init as init
from xact.nn._captum import register_captum as register_captum
from xact.nn._groups import param_groups as param_groups
from xact.nn._module import Activation as Activation
from xact.nn._module import mint
from xact.nn._monitor import Monitor as Monitor
from xact.nn._monitor import monitor as monitor
from xact.nn._spec import from_spec as from_spec
from xact.nn._swap import SwapReport as SwapReport
from xact.nn._swap import swap as swap
from xact.nn._transformers import register_transformers as register_transformers
from xact.nn.spatial import FReLU as FReLU
from xact.nn.spatial import MetaACON as MetaACON

TOOLS = ("Activation", "FReLU", "MetaACON", "from_spec", "hot_path", "init", "monitor", "param_groups")
TOOLS += ("portable", "register_captum", "register_transformers", "swap")

# A strict export may be the first call, and must not change what is known then.
_backend = importlib.import_module("xact.backends.torch")
backends.known.update(dict.fromkeys((_torch.Tensor, _torch.nn.Parameter), _backend))

_minted: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    found = _modules().get(name)
    if found is None:
        raise AttributeError(f"module 'xact.nn' has no attribute {name!r}; {_instead(name)}")
    if name not in _minted or _minted[name].activation is not found:
        _minted[name] = mint(found)
    return _minted[name]


def _instead(name: str) -> str:
    if name in catalogue:
        return f"the function is xact.{name}, its Module xact.nn.{catalogue[name].module}"
    if hasattr(_torch.nn, name):
        return f"it holds activations: take torch.nn.{name}"
    return f"the nearest of its Modules are {nearest(name, _modules())}"


def __dir__() -> list[str]:
    return [*_modules(), *TOOLS]


def _modules() -> dict[str, Any]:
    return {activation.module: activation for activation in catalogue.values()}
