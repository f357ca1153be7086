"""Models of the library transformers, of random weights, with our activations by name."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: run nox -s models")

import xact.nn

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 11}
TOKENS = torch.arange(8).reshape(2, 4)


def bert(activation: str) -> Any:
    torch.manual_seed(0)
    config = transformers.BertConfig(**SIZES, hidden_act=activation)
    return transformers.BertModel(config).eval()


@pytest.fixture(autouse=True, scope="module")
def names() -> list[str]:
    return xact.nn.register_transformers()


def test_every_name_makes_a_module_of_its_own(names: list[str]) -> None:
    from transformers.activations import ACT2FN

    assert len(names) > 50
    assert all(isinstance(ACT2FN[name], torch.nn.Module) for name in names)
    assert type(ACT2FN["xact.mish"]) is xact.nn.Mish
    assert ACT2FN["xact.prelu"] is not ACT2FN["xact.prelu"]


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "relu"])
def test_a_model_computes_the_same_as_with_their_activation(name: str) -> None:
    ours, theirs = bert(f"xact.{name}"), bert(name)
    assert type(ours.encoder.layer[0].intermediate.intermediate_act_fn).__module__ == "xact.nn"
    torch.testing.assert_close(ours(TOKENS).last_hidden_state, theirs(TOKENS).last_hidden_state)


def test_a_gated_model_trains_with_ours() -> None:
    config = transformers.LlamaConfig(**SIZES, hidden_act="xact.relu_squared")
    model = transformers.LlamaForCausalLM(config)
    model(TOKENS, labels=TOKENS).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


def test_a_saved_model_loads(tmp_path: Any) -> None:
    model = bert("xact.mish")
    model.save_pretrained(tmp_path)
    again = transformers.BertModel.from_pretrained(tmp_path).eval()
    assert again.config.hidden_act == "xact.mish"
    assert torch.equal(again(TOKENS).last_hidden_state, model(TOKENS).last_hidden_state)


def test_swap_and_monitor_find_their_modules() -> None:
    model = bert("gelu")
    report = xact.nn.swap(model, {"GELUActivation": "gelu"})
    assert [place.name for place in report.changed] == [
        f"encoder.layer.{i}.intermediate.intermediate_act_fn" for i in range(2)
    ]
    with xact.nn.monitor(model, every=1) as seen:
        model(TOKENS)
    assert [layer.width for layer in seen.layers.values()][:2] == [24, 24]
