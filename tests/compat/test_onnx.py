"""ONNX's operators, with the default attributes of the newest operator set, by its reference evaluator."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")

from comparison import assert_same

import xact
from xact.compat import FRAMEWORKS


def operator(name, *parameters):
    """The operator as a function of x and its further inputs, which the reference evaluator does not differentiate."""
    labels = ["x", *(f"p{index}" for index, _ in enumerate(parameters))]
    arrays = [onnx.helper.make_tensor_value_info(label, onnx.TensorProto.FLOAT, None) for label in (*labels, "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node(name, labels, ["y"])], name, arrays[:-1], arrays[-1:])
    session = reference.ReferenceEvaluator(onnx.helper.make_model(graph))
    rest = dict(zip(labels[1:], parameters, strict=True))
    return lambda x, cotangent: (session.run(None, {"x": x, **rest})[0], None)


@pytest.mark.parametrize("name", FRAMEWORKS["onnx"])
def test_operator(name):
    slope = [np.float32(0.25)] if name == "PRelu" else []
    assert_same(xact.get(name, like="onnx"), operator(name, *slope), *map(float, slope))


def test_bounds_of_clip():
    ours = xact.get("Clip", like="onnx", min=-0.75, max=2.5)
    assert_same(ours, operator("Clip", np.float32(-0.75), np.float32(2.5)))
