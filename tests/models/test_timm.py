"""Models of timm, of random weights, with our classes as `act_layer`."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision", reason="timm needs torchvision: run nox -s models")
timm = pytest.importorskip("timm", reason="timm is not installed: run nox -s models")

import xact.nn

PICTURES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def resnet(act_layer: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model("resnet10t", pretrained=False, num_classes=3, act_layer=act_layer).eval()


def vit(act_layer: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2, "num_classes": 3}
    return timm.models.VisionTransformer(**sizes, act_layer=act_layer).eval()


# timm's ResNets construct `act_layer(inplace=True)`, which GELU does not take, torch's no more than ours.
@pytest.mark.parametrize(
    ("make", "name"), [(resnet, "ReLU"), (resnet, "SiLU"), (resnet, "Mish"), (vit, "GELU"), (vit, "SiLU")]
)
def test_act_layer(make: Any, name: str) -> None:
    ours, theirs = make(getattr(xact.nn, name)), make(getattr(torch.nn, name))
    assert any(type(module) is getattr(xact.nn, name) for module in ours.modules())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    torch.testing.assert_close(ours(PICTURES), theirs(PICTURES))


def test_an_activation_that_torch_does_not_have_trains() -> None:
    model = vit(xact.nn.ReLUSquared).train()
    model(PICTURES).square().sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(("make", "old"), [(resnet, "ReLU"), (vit, "GELU")])
def test_swap_reaches_every_place_and_goes_back(make: Any, old: str) -> None:
    model = make(getattr(torch.nn, old))
    keys, before = list(model.state_dict()), model(PICTURES)
    report = xact.nn.swap(model, {old: "silu"})
    assert report.changed and not any(isinstance(module, getattr(torch.nn, old)) for module in model.modules())
    assert list(model.state_dict()) == keys and not torch.allclose(model(PICTURES), before)
    report.undo()
    assert torch.equal(model(PICTURES), before)
