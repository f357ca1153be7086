"""The activations of transformers, by their key in ACT2FN."""

import pytest

activations = pytest.importorskip("transformers.activations")

import torch  # noqa: E402 (found where transformers is)
from comparison import assert_same, by_torch  # noqa: E402

import xact  # noqa: E402
from xact.compat import FRAMEWORKS  # noqa: E402


def test_the_table_has_all_of_transformers():
    assert {*activations.ACT2FN} == {*FRAMEWORKS["transformers"]}


@pytest.mark.parametrize("key", FRAMEWORKS["transformers"])
def test_key(key):
    function = activations.ACT2FN[key]
    if key == "xielu":  # whose parameters are bfloat16 unless told otherwise
        function = activations.XIELUActivation(dtype=torch.float32)
    weight = [0.25] if key == "prelu" else []
    assert_same(xact.get(key, like="transformers"), by_torch(function), *weight)
