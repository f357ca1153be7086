"""Activations known by what their Modules return: those of torch.nn, and classes as other libraries write them."""

import contextlib
import functools
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F
from torch import nn

import xact.nn
from xact._activation import catalogue
from xact.nn import _match
from xact.nn._match import same_function
from xact.nn._recognise import look

CLASSES = torch.nn.modules.activation.__all__
GIVEN = {"Threshold": (0.1, 20.0), "MultiheadAttention": (4, 1)}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_torch_is_recognised_or_named(name: str) -> None:
    model = nn.ModuleDict({"it": getattr(nn, name)(*GIVEN.get(name, ()))})
    known = [a.name for a in catalogue.values() if a.module == name]
    if not known:
        [left] = xact.nn.swap(model, {"it": nn.Identity}, exclude="it").left
        [left] = xact.nn.swap(nn.ModuleList([nn.ReLU(), *model.values()]), {"ReLU": "silu"}).left
        assert name in left.old and "holds layers" in left.reason
        with pytest.raises(ValueError, match=f"it is left alone: {name} holds layers"):
            xact.nn.monitor(model)
        return
    for key in (name, getattr(nn, name), known[0], xact.get(known[0])):
        [place] = xact.nn.swap(model, {key: xact.nn.Identity}, dry_run=True, change_state=True).changed
        assert place.name == "it"
    xact.nn.monitor(model)


class Swish(nn.Module):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Any) -> Any:
        return x.mul_(x.sigmoid()) if self.inplace else x.mul(x.sigmoid())


class SiLUActivation(nn.Module):
    def forward(self, hidden_states: Any) -> Any:
        return F.silu(hidden_states)


class NewGELU(nn.Module):
    def forward(self, input: Any) -> Any:
        return 0.5 * input * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (input + 0.044715 * torch.pow(input, 3.0))))


class QuickGELU(nn.Module):
    def forward(self, input: Any) -> Any:
        return input * torch.sigmoid(1.702 * input)


class HoldsAFunction(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.act = function

    def forward(self, input: Any) -> Any:
        return self.act(input)


class HoldsItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = self._python

    def _python(self, input: Any) -> Any:
        return input * 0.5 * (1.0 + torch.erf(input / math.sqrt(2.0)))

    def forward(self, input: Any) -> Any:
        return self.act(input)


class Saves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.mul(torch.tanh(F.softplus(x)))

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        [x] = ctx.saved_tensors
        t = F.softplus(x).tanh()
        return dy * (t + x * x.sigmoid() * (1 - t * t))


class MishMe(nn.Module):
    def forward(self, x: Any) -> Any:
        return Saves.apply(x)


class Clipped(nn.Module):
    def __init__(self, min: float, max: float) -> None:
        super().__init__()
        self.min, self.max = min, max

    def forward(self, x: Any) -> Any:
        return torch.clip(F.gelu(x), self.min, self.max)


class Slope(nn.Module):
    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return torch.where(x > 0, x, self.slope * x)


class Laplace(nn.Module):
    def forward(self, input: Any, mu: float = 0.707107, sigma: float = 0.282095) -> Any:
        return 0.5 * (1.0 + torch.erf((input - mu).div(sigma * math.sqrt(2.0))))


class InFloat32(nn.Module):
    def forward(self, inputs: Any) -> Any:
        return F.silu(inputs.float()).to(inputs.dtype)


class OwnPReLU(nn.PReLU):
    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)


class LearntSwish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.ones(1))

    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(self.b * x)


class SnakeOfChannels(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Any) -> Any:
        alpha = self.alpha.unsqueeze(0).unsqueeze(-1)
        return x + (1.0 / (alpha + 1e-9)) * torch.sin(x * alpha) ** 2


class SnakeOfImages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.rand(1, 7, 1, 1))

    def forward(self, x: Any) -> Any:
        return x + torch.sin(self.alpha * x) ** 2 / self.alpha


class Packed(nn.Module):
    def __init__(self, function: Any, dim: int) -> None:
        super().__init__()
        self.function, self.dim = function, dim

    def forward(self, x: Any) -> Any:
        a, b = x.chunk(2, dim=self.dim)
        return self.function(a) * b


class SiluAndMul(nn.Module):
    def forward(self, x: Any) -> Any:
        d = x.shape[-1] // 2
        return F.silu(x[..., :d]) * x[..., d:]


class Inherits(nn.Hardswish):
    pass


WRITTEN: dict[str, tuple[Any, str]] = {
    "function": (SiLUActivation(), "silu"),
    "formula": (NewGELU(), "gelu_tanh"),
    "another formula": (QuickGELU(), "quick_gelu"),
    "method": (Swish(), "silu"),
    "in place": (Swish(inplace=True), "silu"),
    "function held": (HoldsAFunction(F.mish), "mish"),
    "partial held": (HoldsAFunction(functools.partial(F.gelu, approximate="tanh")), "gelu_tanh"),
    "builtin held": (HoldsAFunction(torch.tanh), "tanh"),
    "lambda held": (HoldsAFunction(lambda x: F.relu6(x + 3) / 6), "hardsigmoid"),
    "other lambda held": (HoldsAFunction(lambda x: x * F.relu6(x + 3) / 6), "hardswish"),
    "method held": (HoldsItself(), "gelu"),
    "gradient of its own": (MishMe(), "mish"),
    "two numbers": (Clipped(-10, 10), "clipped_gelu"),
    "number of another name": (Slope(0.17), "leaky_relu"),
    "defaults of another library": (HoldsAFunction(lambda x: F.leaky_relu(x, 0.2)), "leaky_relu"),
    "more arguments": (Laplace(), "laplace"),
    "in float32": (InFloat32(), "silu"),
    "parameter": (OwnPReLU(), "prelu"),
    "parameters": (OwnPReLU(7), "prelu"),
    "parameter of another name": (LearntSwish(), "swish"),
    "parameters along the channels": (SnakeOfChannels(5), "snake"),
    "no forward of its own": (Inherits(), "hardswish"),
    "bfloat16": (OwnPReLU(7).bfloat16(), "prelu"),
    "parameters of four dimensions": (SnakeOfImages(), "snake"),
}


def an_input(module: Any) -> Any:
    weight = next(module.parameters(), torch.ones(1))
    shape = (4, 5 if weight.numel() == 1 else weight.numel(), 5, 5)
    return torch.randn(shape[: max(3, weight.ndim)], dtype=weight.dtype)


@pytest.mark.parametrize("case", WRITTEN)
def test_classes_as_libraries_write_them(case: str) -> None:
    module, name = WRITTEN[case]
    model = nn.ModuleDict({"layer": nn.Linear(3, 3), "it": module})
    [place] = xact.nn.swap(model, {name: nn.Identity}, dry_run=True, change_state=True).changed
    assert place.name == "it"
    report = xact.nn.swap(model, {"Linear": nn.Identity}, dry_run=True)
    assert [place.name for place in report.left if place.name != "it"] == []
    x = an_input(module)
    with xact.nn.monitor(model, every=1) as seen:
        module(x.clone())
    assert {*seen.layers} == {"it"} and seen.layers["it"].dead is not None


@pytest.mark.parametrize("case", WRITTEN)
def test_ours_in_its_place_returns_the_same(case: str) -> None:
    module, name = WRITTEN[case]
    model = nn.Sequential(module)
    x = an_input(module)
    expected = model(x.clone())
    report = xact.nn.swap(model, {name: name}, change_state=True)
    assert len(report.changed) == 1
    assert type(model[0]).__module__.startswith("xact.nn")
    if all(parameter.ndim == 1 for parameter in module.parameters()):
        assert {id(p) for p in model.parameters()} == {id(p) for p in module.parameters()}
    torch.testing.assert_close(model(x.clone()), expected, rtol=1e-2 if x.dtype == torch.bfloat16 else 2e-5, atol=2e-6)
    report.undo()
    assert model[0] is module


PACKED = [
    (SiluAndMul(), "swiglu(axis=-1)"),
    (Packed(F.gelu, -1), "geglu(axis=-1)"),
    (Packed(F.relu, 1), "reglu(axis=1)"),
    (Packed(torch.sigmoid, -3), "glu(axis=-3, layout='gate_first')"),
    (Packed(lambda x: F.gelu(x, approximate="tanh"), 1), "geglu(approximate='tanh', axis=1)"),
    (Packed(lambda x: x, -1), "bilinear"),
]


@pytest.mark.parametrize(("module", "spec"), PACKED)
def test_gates_of_one_array(module: Any, spec: str) -> None:
    model, name, x = nn.Sequential(module), xact.get(spec).name, torch.randn(4, 6, 8, 2)
    expected = model(x)
    with xact.nn.monitor(model, every=1) as seen:
        model(x)
    assert seen.layers["0"].dead is None and not seen.not_measured
    assert len(xact.nn.swap(model, {name: name}).changed) == 1
    torch.testing.assert_close(model(x), expected, rtol=2e-5, atol=2e-6)
    torch.testing.assert_close(xact.get(spec)(x), expected, rtol=2e-5, atol=2e-6)


def test_a_gate_that_the_catalogue_does_not_have_is_none() -> None:
    report = xact.nn.swap(nn.Sequential(Packed(torch.sin, -1), nn.ReLU()), {"ReLU": "silu"})
    assert [place.name for place in report.places] == ["1"]


OF_ONE_NUMBER = [
    activation
    for name, activation in catalogue.items()
    if name == activation.name and activation.elementwise and len(activation.arrays) == 1 and not activation.samplers
]


class Plain(nn.Module):
    """An activation that says nothing of itself but its values; its arguments are attributes."""

    def __init__(self, activation: Any, **arguments: float) -> None:
        super().__init__()
        self.names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)
        self.call = lambda x: activation(x, **{name: getattr(self, name) for name in self.names})

    def forward(self, x: Any) -> Any:
        return self.call(x)


@pytest.mark.parametrize("activation", OF_ONE_NUMBER, ids=lambda activation: activation.name)
def test_every_activation_is_known_by_its_values_and_no_other(activation: Any) -> None:
    required = {"threshold": {"threshold": 0.1, "value": 0.3}, "sigmoid_range": {"low": -1.0, "high": 2.0}}
    given = {**activation.learnable, **required.get(activation.name, {})}
    found = look(Plain(functools.partial(activation, **given)))
    if activation.name in ("identity", "soft_exponential"):
        assert found is None, "as it learns from 0 it is the identity"
    elif activation.name in (*required, "poly_relu", "rational"):
        assert "the catalogue does not have" in found.reason, "its numbers are nowhere to be read"
    else:
        x = torch.linspace(-8, 8, 101, dtype=torch.float64)
        same = found.activation(x, **found.activation.learnable)
        torch.testing.assert_close(same, activation(x, **given), rtol=1e-9, atol=1e-9, equal_nan=True)
    numbers = {
        name: 1.3 * value + 0.21
        for name, value in {**activation.defaults, **given}.items()
        if name in activation.body.parameters and isinstance(value, float) and math.isfinite(value)
    }
    if numbers and not activation.vectors:
        found = look(Plain(activation, **numbers))
        x = torch.linspace(-8, 8, 101, dtype=torch.float64)
        torch.testing.assert_close(found.activation(x), activation(x, **numbers), rtol=1e-9, atol=1e-9, equal_nan=True)


def test_different_functions_are_far_apart() -> None:
    activations, values, slopes = _match._table(tuple(dict.fromkeys(catalogue.values())))
    for i in range(1, len(activations)):
        unlike = [(v - v[i]).abs().div(1 + v[i].abs()).nan_to_num(9)[:, :60].amax(-1)[:i] for v in (values, slopes)]
        near = (unlike[0] < 10 * _match.VALUES) & (unlike[1] < 10 * _match.SLOPES)
        for j in near.nonzero().flatten().tolist():
            far = (values[i] - values[j]).abs().nan_to_num(0).max()
            assert far == 0 or far > 0.1 or same_function(activations[i], activations[j])


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return dy


class Mixes(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.abs() - x.mean()


class Random(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * torch.rand_like(x) if self.training else x


class RandomInPython(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.relu() if random.random() < 2 else x


class Counts(nn.Module):
    """A ReLU that says how often it ran, in a buffer, an attribute and a list."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.count, self.seen = 0, []

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.count += 1
        self.seen.append(x)
        return x.relu()


class Norm(nn.Module):
    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Any) -> Any:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Scale(nn.Module):
    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(size))

    def forward(self, x: Any) -> Any:
        return x * self.gamma


class Softened(nn.ReLU):
    """What its parent does, but no kink."""

    def forward(self, input: Any) -> Any:
        return F.softplus(input, 3.0)


class Odd(nn.Module):
    def forward(self, x: Any) -> Any:
        return x**3 / (1 + x.abs() ** 3)


NO_ACTIVATION = [Mixes(), Random(), Norm(), Scale(), nn.Identity(), nn.Dropout(), nn.LayerNorm(5), nn.Linear(5, 5)]
NO_ACTIVATION += [nn.Flatten(), nn.MaxPool1d(1), HoldsAFunction(lambda x: 2 * x + 1)]
NO_ACTIVATION += [
    HoldsAFunction(lambda x: x.flip(-1)),
    HoldsAFunction(lambda x: (x, x)),
    HoldsAFunction(lambda x: x[0]),
]


@pytest.mark.parametrize("module", NO_ACTIVATION, ids=lambda module: type(module).__name__)
def test_what_is_no_activation(module: Any) -> None:
    model = nn.Sequential(nn.ReLU(), module)
    assert [place.name for place in xact.nn.swap(model, {"ReLU": "silu"}, dry_run=True).places] == ["0"]
    assert not xact.nn.monitor(model).left


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Odd(), "a function that the catalogue does not have"),
        (HoldsAFunction(StraightThrough.apply), "a function that the catalogue does not have"),
        (Softened(), "a function that the catalogue does not have"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_function_that_the_catalogue_does_not_have(module: Any, reason: str) -> None:
    model = nn.Sequential(module, nn.GELU())
    [left] = xact.nn.swap(model, {"GELU": "gelu"}, dry_run=True).left
    assert left.name == "0" and reason in left.reason
    with xact.nn.monitor(model, every=1) as seen:
        model(torch.randn(3, 4))
    assert seen.layers["0"].dead is None and seen.layers["1"].dead is not None
    assert xact.nn.swap(model, {type(module).__name__: "silu"}).changed


class GEGLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(4, 8)

    def forward(self, x: Any) -> Any:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class SwiGLU(GEGLU):
    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.SiLU()


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.UninitializedParameter()

    def forward(self, x: Any) -> Any:
        return x * self.weight


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_parameters_on_the_meta_device_hinder_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 3), OwnPReLU(3), LearntSwish(), Norm(3)).to("meta")
    report = xact.nn.swap(model, {"prelu": "prelu", "swish": "swish"}, change_state=True)
    assert [place.name for place in report.places] == ["1", "2"]
    assert all(parameter.is_meta for parameter in model.parameters())


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_odd_modules_are_passed_by() -> None:
    class Compiled(nn.Module):
        @torch.compile(backend="eager")
        def forward(self, x: Any) -> Any:
            return F.silu(x) if torch.compiler.is_compiling() else F.mish(x)

    model = nn.Sequential(Lazy(), torch.jit.script(nn.Sequential(nn.ReLU())), nn.Tanh(), Compiled())
    report = xact.nn.swap(model, {"Tanh": "silu"})
    reasons = {place.name: place.reason for place in report.left}
    assert reasons["1.0"].startswith("TorchScript")
    assert [place.name for place in report.changed] == ["2"]


class OnAnotherMachine(nn.Module):
    def forward(self, x: Any) -> Any:
        raise RuntimeError("needs a GPU")


def test_what_looks_like_an_activation_is_named_with_the_reason() -> None:
    patched = nn.ReLU()
    patched.forward = lambda x: x + 1
    model = nn.ModuleDict({"gate": GEGLU(), "inner": SwiGLU(), "act_fn": OnAnotherMachine(), "patched": patched})
    model["actor"] = OnAnotherMachine()
    report = xact.nn.swap(model, {"SiLU": "mish"})
    assert [place.name for place in report.changed] == ["inner.activation"]
    reasons = {place.name: place.reason for place in report.left}
    assert reasons["gate"] == "holds layers (proj): no function of its input alone"
    assert reasons["act_fn"] == "its forward raises RuntimeError: needs a GPU"
    assert reasons["patched"] == "its forward is one of the instance"
    assert {*xact.nn.monitor(model).left} == {"gate", "act_fn", "patched"}


def test_asking_writes_nothing_and_draws_nothing() -> None:
    module = Counts()
    module.register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    model = nn.Sequential(module, RandomInPython(), Random(), nn.ReLU())
    states = torch.get_rng_state(), random.getstate()
    report = xact.nn.swap(model, {"ReLU": "silu"}, dry_run=True)
    assert [place.name for place in report.changed] == ["0", "1", "3"]
    assert (module.calls, module.count, module.seen) == (0, 0, [])
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert all(module.training for module in model.modules())


@contextlib.contextmanager
def default_dtype(dtype: Any) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SURROUNDINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "meta": lambda: torch.device("meta"),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "float64": lambda: default_dtype(torch.float64),
    "anomaly": lambda: torch.autograd.detect_anomaly(check_nan=True),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_the_surroundings_do_not_matter(surroundings: str) -> None:
    class Fresh(nn.Module):
        def forward(self, x: Any) -> Any:
            return x / (1 + torch.exp(-x))

    class Packs(nn.Module):
        def forward(self, x: Any) -> Any:
            return F.silu(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1]

    learnt = OwnPReLU(7)
    with SURROUNDINGS[surroundings]():
        model = nn.Sequential(Fresh(), Packs(), learnt)
        keys = {"silu": "relu", "swiglu": "reglu", "prelu": "prelu"}
        assert len(xact.nn.swap(model, keys).changed) == 3


def test_a_parameter_that_has_a_neutral_value_now_is_seen() -> None:
    module = LearntSwish()
    model = nn.Sequential(module)
    with torch.no_grad():
        module.b.fill_(3.0)
    with xact.nn.monitor(model, every=1) as seen:
        model(torch.linspace(-9, 9, 100).view(10, 10))
    assert seen.layers["0"].saturated > 0.3, "with beta 1 it is 0.15"
    others, own = xact.nn.param_groups(nn.Sequential(nn.Linear(2, 2), module, Norm()), weight_decay=0.1)
    assert own["params"] == [module.b] and len(others["params"]) == 3


def test_llama_as_transformers_writes_it() -> None:
    class MLP(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate_proj, self.up_proj, self.down_proj = nn.Linear(4, 8), nn.Linear(4, 8), nn.Linear(8, 4)
            self.act_fn = SiLUActivation()

        def forward(self, x: Any) -> Any:
            return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))

    model = nn.Sequential(Norm(4), MLP(), Norm(4), MLP())
    report = xact.nn.swap(model, {"SiLU": "relu_squared"})
    assert [place.name for place in report.changed] == ["1.act_fn", "3.act_fn"] and not report.left
    report.undo()
    for key in ("SiLUActivation", "silu", SiLUActivation, xact.silu):
        assert not xact.nn.swap(model, {key: "silu"}, dry_run=True).left
    with xact.nn.monitor(model, every=1) as seen:
        model(torch.randn(2, 4))
    assert {*seen.layers} == {"1.act_fn", "3.act_fn"}


@pytest.mark.parametrize("key", ["ReLU", "relu", "Silu", nn.ReLU, nn.SiLU, xact.relu, "1.act", "Linearr"])
def test_a_key_that_names_nothing_is_an_error_that_says_what_is_there(key: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 2), SiLUActivation())
    with pytest.raises(ValueError, match=r"its activations are SiLUActivation \(silu\); the nearest names are "):
        xact.nn.swap(model, {"SiLUActivation": "mish", key: "silu"})
    assert type(model[1]) is SiLUActivation
    with pytest.raises(ValueError, match="it has no activation Module"):
        xact.nn.swap(nn.Sequential(nn.Linear(2, 2)), {key: "silu"})


class Calls(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))

    def forward(self, x: Any) -> Any:
        return F.relu(F.linear(x, self.weight))


def test_functions_that_a_model_calls() -> None:
    model = nn.Sequential(Calls())
    [place] = xact.nn.swap(model, {"ReLU": "silu"}).left
    assert place.old == "relu(x)", "F.linear is no activation"
    assert not xact.nn.swap(model, {"Calls": nn.Identity}, change_state=True).left, "the call went with its Module"


def test_many_modules_are_asked_once() -> None:
    calls = []

    class Noted(nn.Module):
        def forward(self, x: Any) -> Any:
            calls.append(0)
            return F.silu(x)

    model = nn.Sequential(*(Noted() for _ in range(200)))
    xact.nn.swap(model, {"silu": "mish"}, dry_run=True)
    xact.nn.monitor(model)
    assert len(calls) <= 3
