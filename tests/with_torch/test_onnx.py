"""torch.onnx.export of every activation, run in onnxruntime: `nox -s onnx`.

Only standard operators come out: ONNX's own where it has the activation, or formulas of smaller ones. What an operator
loses stands in a table of docs/export.md, which is measured here.
"""

import re
from pathlib import Path

import cases
import numpy as np
import pytest

import xact
from xact import nn
from xact.backends.torch_portable import ATEN, IN_ONNX, ONNX

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
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


class Function(torch.nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def exported(model: torch.nn.Module, x: torch.Tensor, opset: int | None = 20, **options):
    program = torch.onnx.export(model, (x,), dynamo=True, verbose=False, opset_version=opset, **options)
    onnx.checker.check_model(program.model_proto, full_check=True)
    return program.model_proto


def run(model: object, *values: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [given.name for given in session.get_inputs()]
    (y,) = session.run(None, {name: value.numpy() for name, value in zip(names, values, strict=True)})
    return y


def nodes(model: object) -> list[tuple[str, dict[str, object]]]:
    """The operators of a graph with their attributes, constants apart."""
    return [
        (node.op_type, {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute})
        for node in model.graph.node
        if node.op_type != "Constant"
    ]


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
    known = xact.gelu(x.double()).numpy()
    with nn.portable(False):
        y, _ = in_onnxruntime(case)
    np.testing.assert_allclose(y, known, rtol=1e-4)
    y, _ = in_onnxruntime(case)
    assert (y[:12] == 0).all()


# A Module or function, and the one node it becomes.
OPERATORS = [
    (nn.CELU(2.0), "Celu", {"alpha": 2.0}),
    (nn.ELU(0.5), "Elu", {"alpha": 0.5}),
    (nn.GELU(), "Gelu", {"approximate": b"none"}),
    (nn.GELU("tanh"), "Gelu", {"approximate": b"tanh"}),
    (xact.gelu_tanh, "Gelu", {"approximate": b"tanh"}),
    (nn.Hardmax(), "Hardmax", {"axis": -1}),
    (nn.Hardshrink(0.3), "Shrink", {"lambd": 0.3, "bias": 0.0}),
    (nn.Hardsigmoid(), "HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    (lambda x: xact.hard_sigmoid_general(x, 0.3, 0.4), "HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    (nn.Hardswish(), "HardSwish", {}),
    (nn.Hardtanh(-2.0, 2.0), "Clip", {}),
    (nn.LeakyReLU(0.2), "LeakyRelu", {"alpha": 0.2}),
    (nn.LogSoftmax(1), "LogSoftmax", {"axis": 1}),
    (lambda x: xact.logsumexp(x, 1), "ReduceLogSumExp", {"keepdims": 0}),
    (lambda x: xact.logsumexp(x, 1, keepdims=True), "ReduceLogSumExp", {"keepdims": 1}),
    (nn.Mish(), "Mish", {}),
    (nn.PReLU(), "PRelu", {}),
    (nn.PReLU(4), "PRelu", {}),
    (lambda x: xact.prelu(x, torch.tensor([0.1, 0.2, 0.3]), axis=-1), "PRelu", {}),
    (lambda x: xact.prelu(x, 0.1), "LeakyRelu", {"alpha": 0.1}),
    (nn.ReLU(), "Relu", {}),
    (nn.ReLU(inplace=True), "Relu", {}),
    (nn.ReLU6(), "Clip", {}),
    (nn.SELU(), "Selu", {}),
    (lambda x: xact.shrink(x, 0.3, 0.1), "Shrink", {"lambd": 0.3, "bias": 0.1}),
    (nn.Sigmoid(), "Sigmoid", {}),
    (nn.Softmax(1), "Softmax", {"axis": 1}),
    (lambda x: xact.softmax(x, 1), "Softmax", {"axis": 1}),
    (nn.Softmax2d(), "Softmax", {"axis": -3}),
    (nn.Softplus(), "Softplus", {}),
    (nn.Softshrink(0.3), "Shrink", {"lambd": 0.3, "bias": 0.3}),
    (nn.Softsign(), "Softsign", {}),
    (nn.Tanh(), "Tanh", {}),
    (nn.Threshold(0.5, 0), "ThresholdedRelu", {"alpha": 0.5}),
    (lambda x: xact.thresholded_relu(x, 0.7), "ThresholdedRelu", {"alpha": 0.7}),
]
SINCE_24 = [
    (nn.SiLU(), "Swish", {"alpha": 1.0}),
    (lambda x: xact.swish(x, 2), "Swish", {"alpha": 2.0}),
    (xact.quick_gelu, "Swish", {"alpha": 1.702}),
]


def named(value: object) -> str | None:
    return f"{value}" if isinstance(value, (torch.nn.Module, str)) else None


@pytest.mark.parametrize(
    ("function", "operator", "attributes", "opset"),
    [*((*row, 20) for row in OPERATORS), *((*row, 24) for row in SINCE_24)],
    ids=named,
)
def test_one_node(function: object, operator: str, attributes: dict[str, object], opset: int) -> None:
    x = torch.randn(2, 4, 3, 3)
    model = function if isinstance(function, torch.nn.Module) else Function(function)
    found = exported(model, x, opset)
    ((name, given),) = nodes(found)
    assert name == operator
    for key, value in attributes.items():
        assert given[key] == (pytest.approx(value) if isinstance(value, float) else value)
    with torch.no_grad():
        expected = model(x.clone()).numpy()
    np.testing.assert_allclose(run(found, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opset", [None, 20, 23])
def test_silu_where_there_is_no_swish(opset: int | None) -> None:
    x = torch.linspace(-9, 9, 64)
    found = exported(nn.SiLU(), x, opset)
    assert "Swish" not in {name for name, _ in nodes(found)}
    np.testing.assert_allclose(run(found, x), xact.silu(x).numpy(), rtol=1e-5, atol=1e-6)


def test_parameters_of_other_values() -> None:
    x = torch.linspace(-9, 9, 64)
    found = exported(nn.Softplus(beta=2.0), x)
    assert [name for name, _ in nodes(found)] == ["Mul", "Softplus", "Div"]
    np.testing.assert_allclose(run(found, x), xact.softplus(x, 2.0).numpy(), rtol=1e-6)
    for function in (nn.Softplus(threshold=5.0), nn.Threshold(0.5, 2.0)):
        found = exported(function, x)
        assert not {"Softplus", "ThresholdedRelu"} & {name for name, _ in nodes(found)}
        # ONNX has no log1p.
        np.testing.assert_allclose(run(found, x), function(x).numpy(), rtol=1e-6, atol=1e-7)


def test_any_batch_size() -> None:
    batch = torch.export.Dim("batch")
    model = torch.nn.Sequential(nn.Softplus(), nn.GELU(), nn.PReLU(4), nn.Softmax(1))
    found = exported(model, torch.randn(2, 4), dynamic_shapes=({0: batch},))
    assert [name for name, _ in nodes(found)] == ["Softplus", "Gelu", "PRelu", "Softmax"]
    x = torch.randn(7, 4)
    with torch.no_grad():
        np.testing.assert_allclose(run(found, x), model(x).numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", sorted({*ONNX, *IN_ONNX}))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_other_dtypes_are_valid(name: str, dtype: torch.dtype) -> None:
    """onnxruntime has no kernels for bfloat16 on a CPU, but the graph is one that ONNX allows."""
    given = cases.case(xact.get(name)).converted(lambda value: torch.tensor(value, dtype=dtype))
    found = exported(Function(given.pure), given.arrays[0])
    if dtype != torch.bfloat16:
        # torch.onnx keeps the numbers of a formula in float32.
        expected = given.pure(*given.arrays).numpy()
        np.testing.assert_allclose(run(found, *given.arrays), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted({*ONNX, *IN_ONNX}))
def test_formulas_where_asked_for(name: str) -> None:
    given = cases.case(xact.get(name)).converted(lambda value: torch.tensor(value, dtype=torch.float32))
    with nn.portable(False):
        y, domains = in_onnxruntime(given)
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(y, given.pure(*given.arrays).numpy(), rtol=ULPS * eps, atol=ULPS * eps)
    assert domains <= {""}


def test_a_program_exported_before() -> None:
    with nn.portable():
        program = torch.export.export(nn.GELU(), (torch.randn(3),))
    found = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=20).model_proto
    assert [name for name, _ in nodes(found)] == ["Gelu"]


def test_every_operator_is_torchs_or_onnxs() -> None:
    assert {*IN_ONNX} <= {*ATEN}
    assert not {*IN_ONNX} & {*ONNX}


PAGE = Path(__file__).parents[2] / "docs" / "export.md"
ROW = re.compile(r"^\| (\w+) \| `(\w+)`([^|]*) \| ([\d.e-]+) \| ([\d.e+]+) \|([^|]*)\|$", re.MULTILINE)
ROWS = [
    (operator, name, *figures)
    for operator, first, more, *figures in ROW.findall(PAGE.read_text())
    for name in (first, *re.findall(r"`(\w+)`", more))
]
ENDS = (np.nan, np.inf, -np.inf)


def measured(name: str) -> tuple[list[str], float, float, list[str]]:
    """Operators, largest error, the same in ULP beyond the input's own, and the ends at which the value is another."""
    activation = xact.get(name)
    given = {"prelu": {"weight": torch.tensor(0.25)}, "threshold": {"threshold": 0.5, "value": 0.0}}.get(name, {})
    model = Function(lambda x: activation(x, **given))
    x = inputs(activation)
    found = exported(model, x, 24)
    exact = activation(x.double(), **given).numpy()
    error = np.abs(run(found, x) - exact)
    error[error < 2.0**-100] = 0
    beyond, wrong = error, []
    if activation.elementwise:
        slope = xact.derivative(activation)(x.double(), **given).numpy()
        beyond = error - np.abs(slope) * np.spacing(np.abs(x.numpy()))
        ends = torch.tensor(ENDS)
        pairs = zip(run(exported(model, ends, 24), ends), activation(ends, **given).numpy(), strict=True)
        wrong = [f"{end:g}" for end, (y, own) in zip(ENDS, pairs, strict=True) if y != own and (y == y or own == own)]
    beyond = (beyond / np.spacing(np.abs(exact).astype(np.float32))).max()
    return [node for node, _ in nodes(found)], error.max(), max(beyond, 0.0), wrong


@pytest.mark.parametrize(("operator", "name", "absolute", "ulps", "ends"), ROWS, ids=lambda value: value[:9])
def test_what_an_operator_costs(operator, name, absolute, ulps, ends) -> None:
    operators, error, beyond, wrong = measured(name)
    assert operators == [operator]
    for found, shown in ((error, float(absolute)), (beyond, float(ulps))):
        assert shown / 3 <= found <= shown
    assert re.findall(r"\S+", ends.replace(",", "")) == wrong


def test_the_table_has_every_operator() -> None:
    assert {row[1] for row in ROWS} == {*ONNX, *IN_ONNX} - {"softmin"}


def inputs(activation: xact.Activation) -> torch.Tensor:
    if not activation.elementwise:
        rows = 4 * torch.randn(4000, 8, generator=torch.Generator().manual_seed(0))
        return rows[:, :, None, None] if activation.name == "softmax2d" else rows
    tails = [sign * np.logspace(-30, 2, 4001) for sign in (-1, 1)]
    return torch.tensor(np.concatenate([np.linspace(-30, 30, 20001), *tails, [0.0]]), dtype=torch.float32)
