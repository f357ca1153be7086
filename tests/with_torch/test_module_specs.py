"""Modules and their specs: one meaning of a name, Modules made again from JSON, wrong arguments refused at once."""

import copy
import inspect
import json
import pickle
from typing import Any

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

from learnt import IMAGES, LEARNT, everything, module_class, numbers, spread

import xact.nn

learnt = pytest.mark.parametrize("activation", LEARNT, ids=str)

# One meaning of a spec


@learnt
def test_activation_is_the_module_of_its_class(activation: xact.Activation) -> None:
    module, cls = xact.nn.Activation(activation.name), module_class(activation)()
    assert {n: p.numel() for n, p in module.named_parameters()} == {n: p.numel() for n, p in cls.named_parameters()}
    x = numbers(IMAGES).float()
    assert torch.equal(module(x), cls(x))
    assert not [*xact.nn.Activation(activation.name, learnable=False).parameters()]
    assert torch.equal(xact.nn.Activation(activation.name, learnable=False)(x), module(x))
    if not activation.vectors:
        per_channel = xact.nn.Activation(activation, num_parameters=3)
        again = module_class(activation)(num_parameters=3)
        again.load_state_dict(spread(per_channel).state_dict())
        assert torch.equal(per_channel(x), again(x))
        last = xact.nn.Activation(activation, num_parameters=5, axis=-1)
        assert last(x).shape == x.shape


def required(activation: xact.Activation) -> dict[str, Any]:
    """Numbers for what the constructor has no default for."""
    given = cases.case(activation).parameters
    return {name: given[name] for name in given if name not in (*activation.body.masks, *activation.learnable)}


def specs() -> list[Any]:
    """Modules of every class: with defaults, with other arguments, learnt and not; and those of any activation."""
    made: list[Any] = []
    for activation in map(xact.get, xact.names()):
        cls, least = module_class(activation), required(activation)
        made += [cls(**least), xact.nn.Activation(activation, **least)]
        if activation.learnable:
            made += [cls(**given) for given in everything(activation)]
            made.append(xact.nn.Activation(activation, learnable=False))
        if activation.layout:
            made.append(cls(layout="interleaved") if not hasattr(torch.nn, activation.module) else cls(1))
    made += [xact.nn.PReLU(3, 0.5, axis=-1), xact.nn.Swish(num_parameters=3, axis=-1), xact.nn.Swish(learnable=False)]
    made += [
        xact.nn.GELU("tanh"),
        xact.nn.Softmax(1),
        xact.nn.ReLU(True),
        xact.nn.RReLU(0.1, 0.2),
        xact.nn.Hardtanh(-2, 2),
    ]
    made += [
        xact.nn.GELU(backward_bits=2),
        xact.nn.Activation("elu(0.5)", backward_bits=4),
        xact.nn.Snake(logscale=True),
    ]
    made += [xact.nn.Activation(xact.gated("mish", "value_first"), axis=1), xact.nn.Activation("softmax", axis=1)]
    made += [xact.nn.Activation("swish", beta=torch.tensor([1.0, 2.0])), xact.nn.Activation("snake", num_parameters=3)]
    made += [xact.nn.Activation("swish", beta=torch.nn.Parameter(torch.tensor([1.0, 2.0])), axis=-1)]
    made += [xact.nn.FReLU(3, 5), xact.nn.MetaACON(3, reduction=2, normalize=False)]
    return made


@pytest.mark.parametrize("module", specs(), ids=repr)
def test_spec_leads_back(module: Any) -> None:
    spec = json.loads(json.dumps(module.spec))
    again = xact.nn.from_spec(spec)
    assert type(again) is type(module)
    assert repr(again) == repr(module)
    assert json.loads(json.dumps(again.spec)) == spec
    state = {name: (value.shape, value.dtype) for name, value in module.state_dict().items()}
    assert {name: (value.shape, value.dtype) for name, value in again.state_dict().items()} == state
    if type(module).__name__ != "MetaACON" and type(module).__name__ != "FReLU":
        for name, value in module.state_dict().items():
            assert torch.equal(again.state_dict()[name], value)
    for copied in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert copied.spec == module.spec


def test_from_spec_takes_what_get_takes() -> None:
    assert repr(xact.nn.from_spec("leaky_relu(0.1)")) == "LeakyReLU(negative_slope=0.1)"
    assert repr(xact.nn.from_spec(xact.get("swish(2.0)"))) == "Swish(beta=2.0)"
    assert repr(xact.nn.from_spec(xact.get("softmax(axis=1)").spec)) == "Softmax(dim=1)"
    assert xact.nn.from_spec("prelu(0.1)").weight.item() == pytest.approx(0.1)
    assert repr(xact.nn.from_spec(xact.gated("mish"))).startswith("Activation(gated(xact.mish")
    with pytest.raises(xact.UnknownActivationError, match="nearest names are gelu"):
        xact.nn.from_spec({"name": "gelo"})
    with pytest.raises(ValueError, match="a mapping needs the key 'name'"):
        xact.nn.from_spec({"axis": 1})
    with pytest.raises(TypeError, match="has no argument 'bogus'"):
        xact.nn.from_spec({"name": "swish", "bogus": 1})


def test_a_swap_takes_the_number_that_is_learnt() -> None:
    model = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh())
    xact.nn.swap(model, {"ReLU": "prelu(0.125)", "Tanh": "swish(2.0)"}, change_state=True)
    assert [type(module) for module in model] == [xact.nn.PReLU, xact.nn.Swish]
    assert [parameter.item() for parameter in model.parameters()] == [0.125, 2.0]


def test_representations() -> None:
    activation = xact.nn.Activation
    assert repr(activation("leaky_relu")) == "Activation(leaky_relu(negative_slope=0.01))"
    assert repr(activation("elu", alpha=0.5)) == "Activation(elu(alpha=0.5))"
    assert repr(activation("gelu", approximate="tanh")) == "Activation(gelu(approximate='tanh'))"
    assert repr(activation("swish", num_parameters=3)) == "Activation(swish(beta=1.0), num_parameters=3)"
    assert repr(activation("swish(2.0)", learnable=False)) == "Activation(swish(beta=2.0), learnable=False)"
    assert repr(activation("relu")) == "Activation(relu)"


# Wrong arguments are refused when the Module is made, with the sentence of the function


def wrong(activation: xact.Activation) -> list[tuple[str, Any]]:
    """For every argument of the function a value that no call would take."""
    found: list[tuple[str, Any]] = []
    for name, default in activation.defaults.items():
        if name in (*activation.body.masks, "training", "rng", "dtype"):
            continue
        found.append((name, "gate_last" if name in activation.choices else "wrong"))
        if name == "axis" or (isinstance(default, int) and not isinstance(default, bool)):
            found.append((name, 1.5))
    return found


@pytest.mark.parametrize("activation", [a for a in map(xact.get, xact.names()) if wrong(a)], ids=str)
def test_wrong_arguments_are_refused_at_once(activation: xact.Activation) -> None:
    cls, least = module_class(activation), required(activation)
    for name, value in wrong(activation):
        label = getattr(cls, "_arguments", {}).get(name, name)
        label = "init" if (activation.name, name) == ("prelu", "weight") else label
        if label in inspect.signature(cls).parameters:
            with pytest.raises((TypeError, ValueError)) as refused:
                cls(**{**least, label: value})
            said = str(refused.value)
            assert f"`{name}`" in said or f"{name}=" in said
            assert said.startswith((f"{activation.name}: ", f"{activation.name} needs", f"{activation.module}: "))
        with pytest.raises((TypeError, ValueError), match=name):
            xact.nn.Activation(activation, **{**least, name: value})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: xact.nn.SwiGLU(layout="gate_last"),
            "swiglu: `layout` must be one of 'gate_first', .* got 'gate_last'",
        ),
        (lambda: xact.nn.GELU("sigmoid"), "gelu: `approximate` must be one of 'none', 'tanh', got 'sigmoid'"),
        (lambda: xact.nn.Softshrink(-1.0), "softshrink needs 0 <= lambd < inf, got lambd=-1.0"),
        (lambda: xact.nn.RReLU(0.5, 0.1), "rrelu needs -inf < lower <= upper < inf, got lower=0.5, upper=0.1"),
        (lambda: xact.nn.Activation("softshrink(-1)"), "softshrink needs 0 <= lambd < inf, got lambd=-1"),
        (lambda: xact.nn.ELiSH(dtype="float32"), "ELiSH: `dtype` must be a floating dtype of torch, got 'float32'"),
    ],
)
def test_the_sentence_of_the_function(make: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        make()


@learnt
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"num_parameters": 0}, "`num_parameters` must be a positive integer or None, got 0"),
        ({"num_parameters": 2.0}, "`num_parameters` must be a positive integer or None, got 2.0"),
        ({"learnable": "no"}, "`learnable` must be True or False, got 'no'"),
        ({"axis": "channels"}, "`axis` must be an integer, got 'channels'"),
        ({"dtype": "float32"}, "`dtype` must be a floating dtype of torch, got 'float32'"),
        ({"dtype": torch.int64}, "`dtype` must be a floating dtype of torch, got torch.int64"),
    ],
    ids=str,
)
def test_wrong_ways_to_learn(activation: xact.Activation, given: dict[str, Any], sentence: str) -> None:
    if activation is xact.prelu and "axis" not in given:
        pytest.skip("torch's constructor")
    if activation.vectors and {*given} <= {"num_parameters", "axis"} - {*activation.defaults}:
        pytest.skip("coefficients lie along no axis")
    with pytest.raises((TypeError, ValueError), match=sentence):
        module_class(activation)(**given)
    with pytest.raises((TypeError, ValueError), match=sentence):
        xact.nn.Activation(activation, **given)
