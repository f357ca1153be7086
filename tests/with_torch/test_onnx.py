"""torch.onnx.export of every activation, run in onnxruntime: `nox -s onnx`.

Only standard operators come out. gelu is a polynomial and an exponential there, as here: ONNX has no erfc, and its Gelu
and Erf lose the digits of the left tail.
"""

import cases
import numpy as np
import pytest

import xact

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

# onnxruntime's own exp, tanh and log differ from torch's by a few ULP.
ULPS = 32
# torch.onnx imports what is deprecated, and copies the arguments of the exported function.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class Calls(torch.nn.Module):
    def __init__(self, case: cases.Case) -> None:
        super().__init__()
        self.case = case

    def forward(self, *values):
        return self.case.pure(*values)


def in_onnxruntime(case: cases.Case) -> tuple[np.ndarray, set[str]]:
    """The value, and the domains of the operators it took."""
    program = torch.onnx.export(Calls(case), case.differentiable, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [given.name for given in session.get_inputs()]
    values = [value.numpy() for value in case.differentiable]
    assert len(names) == len(values)
    (y,) = session.run(None, dict(zip(names, values, strict=True)))
    return y, {node.domain for node in program.model_proto.graph.node}


@pytest.mark.parametrize("case", [cases.case(xact.get(name)) for name in xact.names()], ids=str)
def test_values_in_onnxruntime(case: cases.Case) -> None:
    given = case.converted(lambda value: torch.tensor(value, dtype=torch.float32))
    y, domains = in_onnxruntime(given)
    expected = given.pure(*given.differentiable).numpy()
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(y, expected, rtol=ULPS * eps, atol=ULPS * eps)
    assert domains <= {""}


def test_the_left_tail_of_gelu() -> None:
    x = torch.linspace(-13, -4, 64)
    case = cases.Case(xact.get("gelu"), "tail", (x,))
    y, _ = in_onnxruntime(case)
    known = xact.gelu(x.double()).numpy()
    np.testing.assert_allclose(y, known, rtol=1e-4)
