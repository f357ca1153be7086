"""What a compiled function may do beside calling an activation: make Modules, ask for derivatives by the rules."""

from typing import Any

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounter

import xact.nn
from xact._signature import REQUIRED
from xact.nn._module import constructor_defaults

pytestmark = pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning")
SIMPLE = [case.converted(torch.tensor) for case in cases.simple()]


class Inside(torch.nn.Module):
    """Makes the Module that it calls."""

    def __init__(self, cls: type[torch.nn.Module], arguments: dict[str, Any]) -> None:
        super().__init__()
        self.cls, self.arguments = cls, arguments

    def forward(self, *given: Any) -> Any:
        return self.cls(**self.arguments)(*given)


# PReLU apart: a compiler makes no Parameters.
@pytest.mark.by_kind
@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation is not xact.prelu], ids=str)
def test_module_made_inside(case: cases.Case) -> None:
    activation, x = case.activation, case.arrays
    defaults = constructor_defaults(activation)
    arguments = {name: case.parameters[name] for name, value in defaults.items() if value is REQUIRED}
    arguments |= {"learnable": False} if "learnable" in defaults else {}
    arguments |= {"training": False} if activation.sampled else {}
    given = (*x, *(value for name, value in case.parameters.items() if name in activation.body.masks))
    arguments = {name: value for name, value in arguments.items() if name in defaults}
    model = Inside(getattr(xact.nn, activation.module), arguments).eval()
    expected = model(*given)
    y = torch.compile(model, backend="eager", fullgraph=True)(*given)
    assert activation.sampled or torch.equal(y, expected)


SPECS: list[tuple[Any, dict[str, Any]]] = [
    ("leaky_relu(0.1)", {}),
    ("gelu", {"approximate": "tanh"}),
    ({"name": "elu", "alpha": 0.3}, {}),
    (xact.get("elu(0.3)"), {}),
    (xact.elu, {"alpha": 0.3}),
    (xact.softmax, {"axis": 0}),
    ("swish", {"learnable": False, "beta": 2.0}),
    (xact.gated("mish"), {"axis": 0}),
]


@pytest.mark.parametrize(("spec", "arguments"), SPECS, ids=str)
def test_any_activation_made_inside(spec: Any, arguments: dict[str, Any]) -> None:
    x = torch.linspace(-3, 3, 8).reshape(2, 4)
    expected = xact.nn.Activation(spec, **arguments)(x)
    made = torch.compile(lambda x: xact.nn.Activation(spec, **arguments)(x), backend="eager", fullgraph=True)(x)
    torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-6)
    if isinstance(spec, dict):
        made = torch.compile(lambda x: xact.nn.from_spec(spec)(x), backend="eager", fullgraph=True)(x)
        torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("own_catalogue")
def test_activation_of_a_user_made_inside() -> None:
    @xact.activation(tex=r"x \tanh(a x)")
    def bent(x, /, a=1.0, *, xp):  # type: ignore[no-untyped-def]
        """Of a user."""
        return x * xp.tanh(a * x)

    @bent.derivative
    def _(x, a, xp):  # type: ignore[no-untyped-def]
        t = xp.tanh(a * x)
        return t + a * x * (1 - t * t)

    x, make = torch.linspace(-3, 3, 8), lambda x: xact.nn.Activation(bent, a=2.0)(x)
    torch.testing.assert_close(torch.compile(make, backend="eager", fullgraph=True)(x), bent(x, 2.0))


def test_two_made_inside() -> None:
    x, both = torch.linspace(-3, 3, 8), lambda x: [xact.nn.Activation(f"elu({a})")(x) for a in (0.3, 0.4)]
    torch.testing.assert_close(torch.compile(both, backend="eager", fullgraph=True)(x), both(x))


@pytest.mark.parametrize("name", ["GELU", "Sigmoid", "Softmax", "LeakyReLU", "Swish", "Softmax2d", "SwiGLU"])
def test_module_made_inside_an_export(name: str) -> None:
    arguments = {"learnable": False} if name == "Swish" else {}
    model, x = Inside(getattr(xact.nn, name), arguments), torch.linspace(-3, 3, 24).reshape(2, 3, 4)
    exported = torch.export.export(model, (x,), strict=True)
    torch.testing.assert_close(exported.module()(x), model(x), rtol=1e-6, atol=1e-6)


# The quantile of geglu_sparse is of Python's statistics, in C.
@pytest.mark.by_kind
@pytest.mark.parametrize("case", [case for case in SIMPLE if case.activation is not xact.geglu_sparse], ids=str)
def test_derivatives(case: cases.Case) -> None:
    activation = case.activation

    def derivatives(*given: Any) -> Any:
        y, pullback = xact.vjp(activation, *given, **case.parameters, **case.options)
        parts = [y, *pullback(torch.ones_like(y))]
        if activation.elementwise:
            parts += xact.value_and_derivative(activation)(*given, **case.parameters, **case.options)
            parts.append(xact.derivative(activation)(*given, **case.parameters, **case.options))
        return parts

    expected = derivatives(*case.arrays)
    compiled = torch.compile(derivatives, backend="eager", fullgraph=True)
    for got, known in zip(compiled(*case.arrays), expected, strict=True):
        torch.testing.assert_close(got, known, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("ELU", "alpha"),
        ("XIELU", "beta"),
        ("Entmax", "alpha"),
        ("Softplus", "beta"),
        ("Laplace", "mu"),
        ("CELU", "alpha"),
    ],
)
def test_number_of_a_module_that_changes(name: str, attribute: str) -> None:
    torch._dynamo.reset()
    module, x = getattr(xact.nn, name)(), torch.linspace(-3, 3, 8).reshape(2, 4)
    counter = CompileCounter()
    compiled = torch.compile(module, backend=counter, fullgraph=True)
    for number in (1.2, 1.3, 1.4, 1.7):
        setattr(module, attribute, number)
        torch.testing.assert_close(compiled(x), module(x))
    assert counter.frame_count <= 2


def test_derivative_by_a_number_that_changes() -> None:
    x, slope = torch.linspace(-3, 3, 8), xact.derivative("softplus")
    compiled = torch.compile(lambda x, beta: slope(x, beta), backend="eager", fullgraph=True)
    for beta in (1.2, 1.3, 1.4):
        torch.testing.assert_close(compiled(x, beta), slope(x, beta))
