"""The activations of transformers, by their key in ACT2FN."""

import pytest

activations = pytest.importorskip("transformers.activations")

import torch
from comparison import assert_same, by_torch

import xact
from xact.compat import FRAMEWORKS


def test_the_table_has_all_of_transformers():
    assert {*activations.ACT2FN} == {*FRAMEWORKS["transformers"]}


@pytest.mark.parametrize("key", FRAMEWORKS["transformers"])
def test_key(key):
    function = activations.ACT2FN[key]
    if key == "xielu":  # whose parameters are bfloat16 unless told otherwise
        function = activations.XIELUActivation(dtype=torch.float32)
    weight = [0.25] if key == "prelu" else []
    assert_same(xact.get(key, like="transformers"), by_torch(function), *weight)
