"""The activations of timm, by the names its models take."""

import importlib.util
import sys
from types import ModuleType

import pytest

# timm imports torchvision, whose wheel needs a CUDA build of torch; its activations need neither.
found = importlib.util.find_spec("timm")
if found is None:
    pytest.skip("timm is not installed", allow_module_level=True)
for name, folder in (("timm", ""), ("timm.layers", "/layers")):
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [found.submodule_search_locations[0] + folder]

from comparison import assert_same, by_torch
from timm.layers import create_act

import xact
from xact.compat import FRAMEWORKS


def test_the_table_has_all_of_timm():
    assert {*create_act._ACT_LAYER_DEFAULT, *create_act._ACT_FN_DEFAULT} == {*FRAMEWORKS["timm"]} - {"StarReLU"}


@pytest.mark.parametrize("key", create_act._ACT_LAYER_DEFAULT)
def test_layer(key):
    weight = [0.25] if key == "prelu" else []
    assert_same(xact.get(key, like="timm"), by_torch(create_act._ACT_LAYER_DEFAULT[key]()), *weight)


@pytest.mark.parametrize("key", create_act._ACT_FN_DEFAULT)
def test_function(key):
    assert_same(xact.get(key, like="timm"), by_torch(create_act._ACT_FN_DEFAULT[key]))
