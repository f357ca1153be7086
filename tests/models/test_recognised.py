"""Every activation of transformers, timm, torchvision and diffusers is recognised, or named with the reason."""

import inspect
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: run nox -s models")
pytest.importorskip("torchvision", reason="timm needs torchvision: run nox -s models")
timm = pytest.importorskip("timm", reason="timm is not installed: run nox -s models")

import torchvision
from transformers.activations import ACT2CLS, ACT2FN

import xact.nn
from xact.nn._match import same_function
from xact.nn._recognise import Known, look

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 11}
# As xact.compat has them, but for the parameters that a transform of the learnt ones gives.
LEFT = {"xielu": "a function that the catalogue does not have"}


def found(module: Any) -> Any:
    """The activation that a Module computes, with its numbers; the reason where it is named as left alone."""
    known = look(module)
    if not isinstance(known, Known):
        return known and known.reason
    arguments = {name: value for name, value in known.arguments(module).items() if not isinstance(value, torch.Tensor)}
    return known.activation.replace(**{**known.activation.replaced, **arguments})


@pytest.mark.parametrize("name", ACT2CLS)
def test_activations_of_transformers(name: str) -> None:
    if name in LEFT:
        assert LEFT[name] in found(ACT2FN[name])
    else:
        assert same_function(found(ACT2FN[name]), xact.get(name, like="transformers"))


@pytest.mark.parametrize("name", sorted({name for layers in timm.layers.create_act._ACT_LAYERS for name in layers}))
def test_activations_of_timm_by_name(name: str) -> None:
    for layers in timm.layers.create_act._ACT_LAYERS:
        if name in layers and layers[name] is not torch.nn.Identity:
            assert same_function(found(layers[name]()), xact.get(name, like="timm"))


CLASSES_OF_TIMM = [
    cls
    for module in (timm.layers.activations, timm.layers.activations_me)
    for cls in vars(module).values()
    if inspect.isclass(cls) and cls.__module__ == module.__name__ and issubclass(cls, torch.nn.Module)
]


@pytest.mark.parametrize("cls", CLASSES_OF_TIMM, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("inplace", [False, True])
def test_activations_of_timm_by_class(cls: Any, inplace: bool) -> None:
    assert same_function(found(cls(inplace=inplace)), xact.get(cls.__name__.removesuffix("Me")))


def test_activations_of_diffusers() -> None:
    activations = pytest.importorskip("diffusers.models.activations", reason="run nox -s models")
    assert found(activations.FP32SiLU()) == xact.silu
    for name in ("GELU", "GEGLU", "ApproximateGELU"):
        assert found(getattr(activations, name)(4, 4)).startswith("holds layers (proj)")
    for cls in (activations.SwiGLU, activations.LinearActivation):
        model = torch.nn.ModuleList([cls(4, 4)])
        assert [place.name for place in xact.nn.swap(model, {"SiLU": "mish"}).changed] == ["0.activation"]
    for name in activations.ACT2CLS:
        assert found(activations.get_activation(name)).name in (name, "silu")


def llama(**more: Any) -> Any:
    torch.manual_seed(0)
    return transformers.LlamaModel(transformers.LlamaConfig(**SIZES, **more)).eval()


TOKENS = torch.arange(8).reshape(2, 4)


def test_llama_is_swapped_and_watched() -> None:
    model = llama()
    before = model(TOKENS).last_hidden_state
    report = xact.nn.swap(model, {"SiLU": "silu"})
    assert [place.name for place in report.changed] == [f"layers.{i}.mlp.act_fn" for i in range(2)]
    assert not report.left and type(model.layers[0].mlp.act_fn) is xact.nn.SiLU
    torch.testing.assert_close(model(TOKENS).last_hidden_state, before)
    report.undo()
    with xact.nn.monitor(model, every=1) as seen:
        model(TOKENS)
    assert {name: layer.width for name, layer in seen.layers.items()} == {
        f"layers.{i}.mlp.act_fn": 24 for i in range(2)
    }
    assert not seen.not_measured and not seen.left


def test_layers_of_a_model_are_no_activations() -> None:
    model = llama()
    places = xact.nn.swap(model, {"SiLUActivation": "silu"}, dry_run=True).places
    assert {place.old for place in places} == {"SiLUActivation()"}
    for name in ("resnet18", "mobilenet_v3_small", "vit_b_16", "convnext_tiny", "efficientnet_b0", "swin_t", "vgg11"):
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None)
        kinds = {type(module).__name__ for module in model.modules()} & {*torch.nn.modules.activation.__all__}
        places = xact.nn.swap(model, dict.fromkeys(kinds - {"MultiheadAttention"}, "mish"), dry_run=True).places
        assert {place.old.partition("(")[0] for place in places if "functional" not in place.reason} == kinds


@pytest.mark.parametrize("name", ["resnet10t", "efficientnet_lite0", "mobilenetv3_small_050"])
def test_models_of_timm(name: str) -> None:
    model = timm.create_model(name, pretrained=False).eval()
    seen = xact.nn.monitor(model)
    assert not seen.left
    kinds = {type(module).__name__ for _, module, _ in seen._watched(model)}
    report = xact.nn.swap(model, dict.fromkeys(kinds, "mish"))
    assert report.changed and all("functional" in place.reason for place in report.left)
    with torch.no_grad():
        model(torch.zeros(1, 3, 224, 224))
