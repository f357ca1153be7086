"""xact.nn.swap: what is exchanged, what is left alone and reported, and the way back."""

import functools
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F
from torch import nn

import xact.nn


class Block(nn.Module):
    """A Module of each kind of container, one in two places, and calls of functions."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.Linear(3, 3), shared, nn.Linear(3, 3), nn.Tanh())
        self.lists = nn.ModuleList([nn.ReLU(), nn.Sigmoid()])
        self.named = nn.ModuleDict({"first": nn.ReLU()})
        self.alias = shared
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, x: Any) -> Any:
        self.steps.add_(1)
        x = self.alias(self.body(x))
        x = self.named["first"](self.lists[0](F.relu(x)))
        return torch.relu(x).relu()


@pytest.fixture
def model() -> nn.Module:
    return nn.ModuleDict({"a": Block(), "b": Block()})


def modules(model: nn.Module) -> dict[str, int]:
    return {name: id(module) for name, module in model.named_modules(remove_duplicate=False)}


def changed(report: Any) -> set[str]:
    return {place.name for place in report.changed}


def test_every_container_is_reached(model: nn.Module) -> None:
    report = xact.nn.swap(model, {"ReLU": "SiLU"})
    places = {f"{block}.{place}" for block in "ab" for place in ("body.1", "alias", "lists.0", "named.first")}
    assert changed(report) == places
    assert not any(isinstance(module, nn.ReLU) for module in model.modules())
    assert type(model["a"].named["first"]) is xact.nn.SiLU
    assert isinstance(model["a"].lists, nn.ModuleList) and isinstance(model["a"].body, nn.Sequential)


def test_a_shared_module_becomes_one_and_others_do_not(model: nn.Module) -> None:
    report = xact.nn.swap(model, {"ReLU": "SiLU"})
    assert model["a"].alias is model["a"].body[1]
    assert model["a"].alias is not model["b"].alias and model["a"].alias is not model["a"].lists[0]
    assert next(place for place in report.places if place.name == "a.alias").reason == "one Module with a.body.1"


def test_a_shared_parent_is_changed_once() -> None:
    block = nn.Sequential(nn.ReLU())
    model = nn.Sequential(block, block)
    report = xact.nn.swap(model, {"ReLU": "SiLU"}, exclude="1.*")
    assert not report.changed, "its other name is excluded"
    assert changed(xact.nn.swap(model, {"ReLU": "SiLU"})) == {"0.0"}
    assert type(model[1][0]) is xact.nn.SiLU


def test_values(model: nn.Module) -> None:
    values = {
        "a.alias": "leaky_relu(0.2)",
        "a.body.1": {"name": "gelu", "approximate": "tanh"},
        "a.lists.0": xact.mish,
        "a.named.first": nn.Hardswish,
        "b.lists.0": functools.partial(nn.LeakyReLU, 0.3),
        nn.Sigmoid: "softmax(axis=1)",
        "Tanh": "xielu",
    }
    model["a"].alias = nn.ReLU()
    xact.nn.swap(model, values, change_state=True)
    found = model["a"].alias, model["a"].body[1], model["a"].lists[0], model["a"].named["first"], model["b"].lists[0]
    assert found[0].negative_slope == 0.2 and type(found[0]) is xact.nn.LeakyReLU
    assert found[1].approximate == "tanh" and type(found[1]) is xact.nn.GELU
    assert [type(module) for module in found[2:]] == [xact.nn.Mish, nn.Hardswish, nn.LeakyReLU]
    assert found[4].negative_slope == 0.3
    assert model["b"].lists[1].dim == 1
    assert type(model["b"].body[3]) is xact.nn.XIELU


def test_the_qualified_name_precedes_the_class(model: nn.Module) -> None:
    xact.nn.swap(model, {"ReLU": "SiLU", "a.lists.0": "mish"})
    assert type(model["a"].lists[0]) is xact.nn.Mish and type(model["b"].lists[0]) is xact.nn.SiLU


def test_include_and_exclude(model: nn.Module) -> None:
    report = xact.nn.swap(model, {"ReLU": "SiLU"}, include=["a.*", "*.named.*"], exclude="a.lists.*")
    assert changed(report) == {"a.body.1", "a.alias", "a.named.first", "b.named.first"}
    reasons = {place.name: place.reason for place in report.left}
    assert reasons["a.lists.0"] == "excluded by 'a.lists.*'"
    assert reasons["b.alias"] == "not included"
    assert reasons["a.lists.1"] == "no replacement is given"


def test_dry_run_changes_nothing(model: nn.Module) -> None:
    before = modules(model)
    report = xact.nn.swap(model, {"ReLU": "SiLU"}, dry_run=True)
    assert modules(model) == before
    places = report.changed
    assert places == xact.nn.swap(model, {"ReLU": "SiLU"}).changed and places


def test_undo_restores_the_very_modules(model: nn.Module) -> None:
    before = modules(model)
    report = xact.nn.swap(model, {"ReLU": "SiLU", "Tanh": "gelu"})
    model.eval()
    report.undo()
    assert modules(model) == before
    assert not any(module.training for module in model.modules())
    report.undo()
    assert modules(model) == before


def test_state_dict_keys_stay_and_load_both_ways() -> None:
    one, two = Block(), Block()
    xact.nn.swap(two, {"ReLU": "SiLU", "Tanh": "softplus(beta=2.0)"})
    assert list(one.state_dict()) == list(two.state_dict())
    one.load_state_dict(two.state_dict(), strict=True)
    two.load_state_dict(one.state_dict(), strict=True)


@pytest.mark.parametrize(("old", "new"), [(nn.ReLU, "PReLU"), (nn.PReLU, "relu")])
def test_a_change_of_the_state_is_refused_unless_allowed(old: type[nn.Module], new: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2), old(), nn.ReLU6())
    before = modules(model)
    with pytest.raises(ValueError, match=r"at '1' changes the keys of the state_dict.*pass change_state=True"):
        xact.nn.swap(model, {"ReLU6": "silu", old: new})
    assert modules(model) == before
    report = xact.nn.swap(model, {old: new}, dry_run=True)
    assert "weight " in report.changed[0].reason
    keys = model.state_dict().keys()
    xact.nn.swap(model, {old: new}, change_state=True).undo()
    assert model.state_dict().keys() == keys


def test_parameters_come_in_the_dtype_of_the_model() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).double()
    xact.nn.swap(model, {"ReLU": "PReLU"}, change_state=True)
    assert model[1].weight.dtype == torch.float64


def test_mode_inplace_and_hooks_are_kept() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.ReLU()).eval()
    calls = []
    handle = model[1].register_forward_hook(lambda *_: calls.append("old"))
    report = xact.nn.swap(model, {"0": "silu", "1": "gelu"})
    assert model[0].inplace and not model[0].training
    model(torch.ones(2))
    handle.remove()
    model(torch.ones(2))
    assert calls == ["old"]
    assert report.changed[0].reason == ""
    model = nn.Sequential(nn.ReLU(inplace=True))
    assert xact.nn.swap(model, {"ReLU": "gelu"}).changed[0].reason == "not in place"


def test_the_same_activation_keeps_its_arguments_and_parameters() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.3), nn.PReLU(2), nn.GELU("tanh"))
    weight = model[1].weight
    report = xact.nn.swap(model, {"LeakyReLU": "leaky_relu", "PReLU": "prelu", "GELU": "gelu"})
    assert len(report.changed) == 3
    assert [type(module) for module in model] == [xact.nn.LeakyReLU, xact.nn.PReLU, xact.nn.GELU]
    assert model[0].negative_slope == 0.3 and model[1].weight is weight and model[2].approximate == "tanh"
    again = xact.nn.swap(model, {"LeakyReLU": "leaky_relu", "PReLU": "prelu", "GELU": "gelu"})
    assert [place.reason for place in again.left] == ["is that already"] * 3


def test_ours_are_found_by_the_class_of_torch() -> None:
    model = nn.Sequential(xact.nn.ReLU(), xact.nn.Mish(), nn.ReLU6())
    assert changed(xact.nn.swap(model, {nn.ReLU: "silu"})) == {"0"}
    assert changed(xact.nn.swap(model, {"Mish": "silu"})) == {"1"}
    with pytest.raises(ValueError, match=r"'Hardtanh'; its activations are ReLU6 \(relu6\), SiLU \(silu\)"):
        xact.nn.swap(model, {"Hardtanh": "silu"})


def test_functional_calls_are_reported_with_their_line() -> None:
    model = nn.Sequential(Block())
    report = xact.nn.swap(model, {"ReLU": "SiLU"})
    calls = [place for place in report.left if "functional" in place.reason]
    assert [(place.name, place.old) for place in calls] == [("0", "relu(x)")] * 3
    first = Block.forward.__code__.co_firstlineno
    assert [place.reason.split(":")[1] for place in calls] == [str(first + 3), str(first + 4), str(first + 4)]
    assert model[0].steps == 0, "the trace has run the model on its buffers"


def test_a_model_that_does_not_trace_is_swapped_and_says_so() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.act(x) if x.sum() > 0 else x

    report = xact.nn.swap(Branch(), {"ReLU": "silu"})
    assert len(report.changed) == 1
    assert "torch.fx does not trace the model" in report.notes[0]


def test_a_function_held_by_a_module_is_reported() -> None:
    layer = nn.TransformerEncoderLayer(4, 1, 8)
    attention, held = xact.nn.swap(layer, {"ReLU": "silu"}).left
    assert (held.name, held.old) == ("activation", "relu(x)")
    assert (attention.name, attention.old) == ("self_attn", "MultiheadAttention(...)")
    assert "holds layers" in attention.reason


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_the_fast_path_of_torch_s_encoder_does_not_skip_the_new_activation() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=nn.GELU(), batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x, padding = torch.randn(2, 3, 8), torch.tensor([[False, False, True], [False, False, False]])
    with torch.no_grad():
        before = model(x, src_key_padding_mask=padding)
        report = xact.nn.swap(model, {"GELU": "sine"})
        assert not torch.allclose(model(x), before[:, :3], atol=1e-4)
        swapped = model(x, src_key_padding_mask=padding)
        assert not torch.allclose(swapped[0, 0], before[0, 0], atol=1e-4)
        report.undo()
        assert torch.equal(model(x, src_key_padding_mask=padding), before)


def test_the_model_itself() -> None:
    report = xact.nn.swap(nn.ReLU(), {"ReLU": "silu"})
    assert not report.changed and "itself an activation" in report.notes[0]


def test_errors(model: nn.Module) -> None:
    before = modules(model)
    with pytest.raises(ValueError, match="'RELU'"):
        xact.nn.swap(model, {"RELU": "silu"})
    with pytest.raises(xact.UnknownActivationError, match="silou"):
        xact.nn.swap(model, {"ReLU": "silou"})
    with pytest.raises(TypeError, match=r"a Module of its own.*functools.partial\(SiLU"):
        xact.nn.swap(model, {"ReLU": nn.SiLU()})
    with pytest.raises(TypeError, match="declare it with @xact"):
        xact.nn.swap(model, {"ReLU": F.silu})
    with pytest.raises(TypeError, match=r"swap takes a mapping .*, such as \{'ReLU': 'silu'\}, got 'ReLU'"):
        xact.nn.swap(model, "ReLU")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="threshold"):
        xact.nn.swap(model, {"ReLU": "threshold"})
    assert modules(model) == before


def test_the_report_is_a_table() -> None:
    report = xact.nn.swap(nn.Sequential(nn.ReLU(inplace=True), nn.Tanh()), {"ReLU": "SiLU"})
    assert str(report).splitlines() == [
        "place  was                 is                          why",
        "-----  ------------------  --------------------------  -----------------------",
        "0      ReLU(inplace=True)  xact.nn.SiLU(inplace=True)",
        "1      Tanh()              -                           no replacement is given",
        "1 changed, 1 left alone",
    ]


def test_a_compiled_model_runs_the_new_activation() -> None:
    model = nn.Sequential(nn.ReLU())
    compiled = torch.compile(model, backend="eager")
    x = torch.randn(5)
    compiled(x)
    xact.nn.swap(model, {"ReLU": "silu"})
    assert torch.equal(compiled(x), xact.silu(x))
