"""torch.export inside `xact.nn.portable()`: torch's own operators where they exist, formulas elsewhere."""

import cases
import pytest
import torch
from torch.nn import functional as F

import xact
from xact import nn
from xact.backends.torch_portable import ATEN

# Where torch's operator is called otherwise than the function.
OPERATORS = {"gelu_tanh": "gelu", "logsigmoid": "log_sigmoid", "prelu": "leaky_relu", "relu6": "hardtanh"}
OPERATORS |= {"softmax2d": "softmax", "softmin": "softmax"}
# torch.nn's classes whose forward is one operator, with the arguments their constructors need.
SHARED = {
    "CELU": {"alpha": 2.0},
    "ELU": {"alpha": 0.5},
    "GELU": {"approximate": "tanh"},
    "Hardshrink": {"lambd": 0.3},
    "Hardsigmoid": {},
    "Hardswish": {},
    "Hardtanh": {"min_val": -2.0},
    "LeakyReLU": {"negative_slope": 0.2},
    "LogSigmoid": {},
    "LogSoftmax": {"dim": 1},
    "Mish": {},
    "PReLU": {"num_parameters": 4},
    "ReLU": {},
    "ReLU6": {},
    "SELU": {},
    "SiLU": {},
    "Sigmoid": {},
    "Softmax": {"dim": 1},
    "Softmax2d": {},
    "Softmin": {"dim": 1},
    "Softplus": {"beta": 2.0, "threshold": 10.0},
    "Softshrink": {"lambd": 0.3},
    "Tanh": {},
    "Threshold": {"threshold": 0.1, "value": 20.0},
}


class Calls(torch.nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values):
        return self.function(*values)


def targets(program: torch.export.ExportedProgram) -> list[str]:
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize(
    ("name", "strict"), [*((name, False) for name in SHARED), *((name, True) for name in ("GELU", "PReLU", "ReLU"))]
)
def test_the_graph_of_a_module_is_that_of_torch(name: str, strict: bool) -> None:
    x = torch.randn(2, 4, 3, 3)
    theirs = torch.export.export(getattr(torch.nn, name)(**SHARED[name]), (x,))
    with nn.portable():
        ours = torch.export.export(getattr(nn, name)(**SHARED[name]), (x,), strict=strict)
    # The weights of PReLU come laid along an axis.
    assert [target for target in targets(ours) if "reshape" not in target] == targets(theirs)
    torch.testing.assert_close(ours.module()(x), theirs.module()(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", ATEN)
def test_functions(name: str) -> None:
    given = cases.case(xact.get(name))
    given = given.converted(lambda value: torch.tensor(value, dtype=torch.float32))
    with nn.portable():
        program = torch.export.export(Calls(given.pure), given.differentiable)
    assert any(f"aten.{OPERATORS.get(name, name)}." in target for target in targets(program)), targets(program)
    assert len(targets(program)) <= 2


def test_without_it_the_formula_is_recorded() -> None:
    x = torch.tensor([-6.0])
    program = torch.export.export(nn.GELU(), (x,))
    assert "aten.gelu.default" not in targets(program)
    torch.testing.assert_close(program.module()(x), xact.gelu(x), rtol=1e-6, atol=0)
    assert F.gelu(x) == 0


def test_it_ends_with_its_block() -> None:
    x = torch.randn(3)
    with nn.portable():
        with nn.portable(False):
            assert "aten.gelu.default" not in targets(torch.export.export(nn.GELU(), (x,)))
        assert targets(torch.export.export(nn.GELU(), (x,))) == ["aten.gelu.default"]
    with pytest.raises(ZeroDivisionError), nn.portable():
        1 / 0  # noqa: B018 (what happens inside does not matter)
    assert "aten.gelu.default" not in targets(torch.export.export(nn.GELU(), (x,)))


def test_calls_outside_an_export_are_as_ever() -> None:
    x = torch.linspace(-6, 6, 13)
    with nn.portable():
        assert torch.equal(xact.gelu(x), xact.gelu(x.clone()))
        assert xact.gelu(x)[0] != F.gelu(x)[0] == 0


@pytest.mark.parametrize("name", ["squareplus", "swiglu", "entmax15", "erf_act"])
def test_others_are_formulas(name: str) -> None:
    x = torch.randn(2, 6)
    with nn.portable():
        program = torch.export.export(Calls(xact.get(name)), (x,))
    torch.testing.assert_close(program.module()(x), xact.get(name)(x))


def test_a_parameter_that_is_an_array_is_taken_by_the_formula() -> None:
    x, alpha = torch.randn(2, 3), torch.tensor([0.1, 0.2, 0.3])
    with nn.portable():
        program = torch.export.export(Calls(xact.elu), (x, alpha))
        along_last = torch.export.export(Calls(lambda x, w: xact.prelu(x, w, axis=-1)), (torch.randn(2, 5, 3), alpha))
    assert "aten.elu.default" not in targets(program)
    torch.testing.assert_close(program.module()(x, alpha), xact.elu(x, alpha))
    assert "aten.prelu.default" not in targets(along_last)


def test_in_place() -> None:
    x = torch.randn(2, 3)
    with nn.portable():
        program = torch.export.export(nn.ReLU(inplace=True), (x,))
    assert "aten.relu.default" in targets(program)
    given = x.clone()
    assert torch.equal(program.module()(given), F.relu(x))
    assert torch.equal(given, F.relu(x))
