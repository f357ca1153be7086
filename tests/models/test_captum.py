"""DeepLift of captum on our Modules: what it attributes to the inputs adds up to the change of the output."""

import inspect
from collections.abc import Iterator

import cases
import pytest

import xact

torch = pytest.importorskip("torch")
captum = pytest.importorskip("captum")

from captum.attr import DeepLift
from captum.attr._core import deep_lift

import xact.nn

pytestmark = [
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients"),
    pytest.mark.filterwarnings("ignore:Setting forward, backward hooks"),
]
ELEMENTWISE = [
    one.activation
    for one in cases.simple()
    # No values on the right.
    if one.activation is not xact.log1mexp
    and one.activation.elementwise
    and len(one.activation.body.arrays) == 1
    and not one.activation.body.masks
]


@pytest.fixture
def registered() -> Iterator[list[str]]:
    before = dict(deep_lift.SUPPORTED_NON_LINEAR)
    yield xact.nn.register_captum()
    deep_lift.SUPPORTED_NON_LINEAR.clear()
    deep_lift.SUPPORTED_NON_LINEAR.update(before)


def delta(module: torch.nn.Module, inputs: int = 16) -> float:
    """By how much the attributions miss the change of the output, relative to it."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), module, torch.nn.Linear(inputs, 3)).double().eval()
    x, zero = torch.randn(5, 4, dtype=torch.float64), torch.zeros(5, 4, dtype=torch.float64)
    _, missed = DeepLift(model).attribute(x, zero, target=1, return_convergence_delta=True)
    return (missed.abs() / (model(x) - model(zero))[:, 1].abs().clamp(min=0.1)).max().item()


def test_without_it_a_subclass_counts_as_linear() -> None:
    assert delta(torch.nn.ReLU()) < 1e-12
    assert delta(xact.nn.ReLU()) > 0.05


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_elementwise(activation: xact.Activation, registered: list[str]) -> None:
    given = cases.case(activation).parameters
    cls = getattr(xact.nn, activation.module)
    module = cls(**{name: given[name] for name in given if name in inspect.signature(cls).parameters})
    assert type(module).__name__ in registered
    for one in (module, xact.nn.Activation(activation, **given)):
        assert delta(one) < 1e-6


def test_others(registered: list[str]) -> None:
    torch.manual_seed(0)
    assert delta(xact.nn.Softmax(dim=-1)) == delta(torch.nn.Softmax(dim=-1)) == delta(xact.nn.Activation("softmax"))
    assert "SwiGLU" not in registered
    assert delta(xact.nn.Activation("swiglu"), 8) > 0
