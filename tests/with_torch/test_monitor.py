"""xact.nn.monitor: what it measures against what is computed whole, what it keeps, what it costs nothing of."""

import gc
import weakref
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn

import xact.nn


def kept(model: nn.Module, *arrays: Any, **options: Any) -> Any:
    with xact.nn.monitor(model, **{"every": 1, **options}) as seen:
        for array in arrays:
            model(array)
    return seen


def test_streamed_mean_and_std_are_those_of_all_outputs() -> None:
    torch.manual_seed(0)
    arrays = [3 * torch.randn(n, 5) + 1 for n in (7, 1, 300, 40)]
    layer = kept(nn.Sequential(nn.Tanhshrink()), *arrays).layers["0"]
    outputs = torch.cat([arrays[i] - arrays[i].tanh() for i in range(4)]).double()
    assert layer.calls == 4 and layer.count == 348
    torch.testing.assert_close(layer.channels["mean"].double(), outputs.mean(0))
    torch.testing.assert_close(layer.channels["std"].double(), outputs.std(0, correction=0))
    assert layer.mean == pytest.approx(outputs.mean().item(), rel=1e-5)
    assert layer.std == pytest.approx(outputs.std(correction=0).item(), rel=1e-5)


def test_quantiles_are_of_the_whole_stream() -> None:
    generator = torch.Generator().manual_seed(0)
    # The last calls are not those of the first: a sample that forgets is far off.
    arrays = [torch.rand(100, 20, generator=generator) + i for i in range(40)]
    layer = kept(nn.Sequential(nn.Identity(), nn.ReLU()), *arrays).layers["1"]
    for q in (0.01, 0.5, 0.99):
        assert layer.quantile(q) == pytest.approx(40 * q, abs=2.5)
    assert layer.channels["q50"].shape == (20,)
    assert len(layer._rows) <= 512


def test_planted_dead_relu_units() -> None:
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(inplace=True))
    with torch.no_grad():
        model[0].bias[[1, 4]] = -100.0
        model[0].bias[2] = 100.0
    torch.manual_seed(0)
    layer = kept(model, torch.randn(50, 8), torch.randn(50, 8)).layers["1"]
    assert layer.dead_channels == 2
    assert layer.channels["dead"][[1, 4, 2]].tolist() == [1.0, 1.0, 0.0]
    assert layer.dead == layer.saturated and 2 / 6 < layer.dead < 5 / 6


def test_planted_saturated_tanh_units() -> None:
    # 1 - tanh(3)^2 = 0.0099, and below 1 % of the maximum from there.
    x = torch.tensor([[-9.0, 0.0, 2.98], [3.01, 1.0, -2.98]])
    layer = kept(nn.Sequential(nn.Tanh()), x).layers["0"]
    assert layer.channels["saturated"].tolist() == [1.0, 0.0, 0.0]
    assert layer.dead == 0.0 and layer.saturated == pytest.approx(1 / 3)


def test_the_input_is_looked_at_before_it_is_overwritten() -> None:
    x = torch.tensor([[-2.0, 5.0, 7.0]])
    layer = kept(nn.Sequential(nn.Hardswish(inplace=True)), x).layers["0"]
    # -2 becomes -1/3; the derivative is 0 nowhere, and would not be there either.
    assert layer.mean == pytest.approx((-1 / 3 + 5 + 7) / 3)
    x = torch.tensor([[-5.0, -4.0]])
    assert kept(nn.Sequential(nn.Hardswish(inplace=True)), x).layers["0"].dead == 1.0


def test_learnt_parameters_count() -> None:
    model = nn.Sequential(nn.PReLU(3))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([0.0, 0.001, 0.5]))
    layer = kept(model, -torch.ones(4, 3, requires_grad=True)).layers["0"]
    assert layer.channels["dead"].tolist() == [1.0, 0.0, 0.0]
    assert layer.channels["saturated"].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("shape", "axis", "width"),
    [
        ((), None, 1),
        ((3,), None, 3),
        ((2, 3), None, 3),
        ((2, 5, 3), None, 3),
        ((2, 3, 4, 5), None, 3),
        ((2, 3, 4), 1, 3),
    ],
)
def test_axis_of_the_channels(shape: tuple[int, ...], axis: int | None, width: int) -> None:
    layer = kept(nn.Sequential(nn.SiLU()), torch.ones(shape), axis=axis).layers["0"]
    assert (layer.width, layer.channels["mean"].numel()) == (width, width)


def test_gates_and_rows_have_no_saturation() -> None:
    model = nn.Sequential(nn.Softmax(1), xact.nn.SwiGLU(), nn.Softmax(1))
    seen = kept(model, torch.randn(4, 6))
    assert [layer.dead for layer in seen.layers.values()] == [None, None, None]
    assert [layer.width for layer in seen.layers.values()] == [6, 3, 3]
    assert seen.table().count(" -") >= 9


def test_a_module_in_several_places() -> None:
    act = nn.ReLU()
    seen = kept(nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 2), act), torch.randn(3, 4))
    assert {name: (layer.width, layer.calls) for name, layer in seen.layers.items()} == {"1": (4, 1), "1[2]": (2, 1)}


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_a_step_that_is_not_looked_at_has_no_hooks_but_the_model_s() -> None:
    model, found = nn.Sequential(nn.ReLU(), nn.Tanh()), []
    with xact.nn.monitor(model, every=3):
        for _ in range(5):
            found.append(hooks(model))
            model(torch.ones(2))
    assert found == [5, 1, 1, 5, 1]


def test_only_every_kth_step_is_looked_at() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    seen = kept(model, *torch.ones(101, 2, 2), every=50)
    assert [layer.calls for layer in seen.layers.values()] == [3, 3]


def test_the_model_computes_what_it_did() -> None:
    def train(watched: bool) -> list[Any]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Dropout(), xact.nn.RReLU(), nn.PReLU())
        context = xact.nn.monitor(model, every=1) if watched else torch.enable_grad()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with context:
            for training in (True, True, False):
                optimizer.zero_grad()
                model.train(training)(torch.randn(8, 4)).square().sum().backward()
                optimizer.step()
        return [parameter.detach() for parameter in model.parameters()]

    assert all(map(torch.equal, train(False), train(True)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes(dtype: Any) -> None:
    layer = kept(nn.Sequential(nn.GELU()), torch.ones(2, 3, dtype=dtype)).layers["0"]
    assert layer.mean == pytest.approx(0.8413, rel=1e-2)


def test_nothing_is_kept_after_exit() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = torch.ones(3, 2)
    seen = kept(model, x)
    assert not hooks(model)
    things = [weakref.ref(thing) for thing in (model, model[1], model[0].weight, x)]
    del model, x
    gc.collect()
    assert [thing() for thing in things] == [None] * 4
    assert seen.layers["1"].calls == 1


def test_hooks_are_removed_after_an_exception() -> None:
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(ZeroDivisionError), xact.nn.monitor(model):
        raise ZeroDivisionError
    assert not hooks(model)


def test_table_and_plot() -> None:
    seen = kept(nn.Sequential(nn.ReLU(), nn.Tanh()), torch.tensor([[-1.0, 3.0]]))
    lines = seen.table().splitlines()
    assert lines[0].split("  ")[0] == "layer" and "dead channels" in lines[0]
    assert lines[2].split() == ["0", "ReLU()", "1", "1.5", "1.5", "0", "0", "3", "50.0", "%", "50.0", "%", "1/2"]
    pytest.importorskip("matplotlib")
    values, shares = seen.plot().axes
    assert [label.get_text() for label in values.get_yticklabels()] == ["0", "1"]
    assert shares.patches[0].get_width() == 50


def test_a_compiled_model_is_refused() -> None:
    model = nn.Sequential(nn.ReLU())
    compiled = torch.compile(model, backend="eager")
    with pytest.raises(RuntimeError, match=r"sees nothing of a compiled model.*force_eager"):
        xact.nn.monitor(nn.Sequential(compiled))
    compiled(torch.ones(2))
    with torch.compiler.set_stance("force_eager"), xact.nn.monitor(compiled._orig_mod, every=1) as seen:
        compiled(torch.ones(2))
    assert seen.layers["0"].calls == 1
    model.compile(backend="eager")
    with pytest.raises(RuntimeError, match="sees nothing of a compiled model"):
        xact.nn.monitor(model)


def test_errors() -> None:
    with pytest.raises(ValueError, match="no activation Module"):
        xact.nn.monitor(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="`every` must be a positive integer, got 0"):
        xact.nn.monitor(nn.ReLU(), every=0)
    seen = kept(nn.ReLU(), torch.ones(1))
    with pytest.raises(RuntimeError, match="entered once"), seen:
        pass
