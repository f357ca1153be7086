"""Layers of timm and transformers that learn parameters: their state_dicts load into our Modules."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers.activations import XIELUActivation
from transformers.models.dac.modeling_dac import Snake1d
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import SnakeBeta

import xact.nn

LAYERS = [
    (lambda: XIELUActivation(dtype=torch.float32), lambda: xact.nn.XIELU()),
    (lambda: Snake1d(3), lambda: xact.nn.Snake(num_parameters=3)),
    (lambda: SnakeBeta(3), lambda: xact.nn.SnakeBeta(num_parameters=3, logscale=True)),
]


def assert_loads(theirs: torch.nn.Module, ours: torch.nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.linspace(0.1, 0.3, parameter.numel()).reshape(parameter.shape))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(("theirs", "ours"), LAYERS)
def test_transformers(theirs: type, ours: type) -> None:
    assert_loads(theirs(), ours(), torch.linspace(-3, 3, 30).reshape(2, 3, 5))


def test_timm() -> None:
    metaformer = pytest.importorskip("timm.models.metaformer")
    x = torch.linspace(-3, 3, 30).reshape(2, 3, 5)
    assert_loads(metaformer.StarReLU(), xact.nn.StarReLU(), x)
    assert_loads(metaformer.StarReLU(scale_value=0.5), xact.nn.StarReLU(num_parameters=1), x)
