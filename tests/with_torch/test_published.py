"""Checkpoints of layers that papers and libraries publish, loaded into our Modules."""

import copy
from typing import Any

import pytest

import xact

torch = pytest.importorskip("torch")

from learnt import IMAGES, LEARNT, everything, module_class, numbers, spread

import xact.nn

# Names and shapes are those of their classes.


def load(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Load alone, and as a layer of a model."""
    given = {name: value.clone() for name, value in state.items()}
    inside = torch.nn.Sequential(torch.nn.Linear(3, 3), copy.deepcopy(module))
    model = {f"1.{name}": value for name, value in state.items()}
    inside.load_state_dict({**inside[:1].state_dict(), **model}, strict=True)
    module.load_state_dict(state, strict=True)
    assert given.keys() == state.keys()
    for one, two in zip(inside[1].parameters(), module.parameters(), strict=True):
        assert torch.equal(one, two)
    return module


VECTOR = torch.tensor([0.5, 1.0, 1.75])
ONE = torch.tensor([0.75])
AT = (slice(None), None, None)

PUBLISHED: list[tuple[str, Any, dict[str, torch.Tensor], Any]] = [
    # jiachenzhu/DyT, channels_last; and as the paper writes it.
    (
        "DyT",
        {"num_parameters": 3, "axis": -1},
        {"alpha": ONE, "weight": VECTOR, "bias": VECTOR - 1},
        lambda x: torch.tanh(0.75 * x) * VECTOR + VECTOR - 1,
    ),
    (
        "DyT",
        {"num_parameters": 3},
        {"alpha": ONE, "gamma": VECTOR, "beta": VECTOR - 1},
        lambda x: torch.tanh(0.75 * x) * VECTOR[AT] + VECTOR[AT] - 1,
    ),
    # EdwardDixon/snake, whose features are last; BigVGAN; transformers' dac; BigVGAN and Qwen Omni with logarithms.
    ("Snake", {"num_parameters": 3, "axis": -1}, {"alpha": VECTOR}, lambda x: x + torch.sin(VECTOR * x) ** 2 / VECTOR),
    (
        "Snake",
        {"num_parameters": 3},
        {"alpha": VECTOR},
        lambda x: x + torch.sin(VECTOR[AT] * x) ** 2 / VECTOR[AT],
    ),
    (
        "Snake",
        {"num_parameters": 3},
        {"alpha": VECTOR.reshape(1, 3, 1)},
        lambda x: x + torch.sin(VECTOR[AT] * x) ** 2 / VECTOR[AT],
    ),
    (
        "Snake",
        {"num_parameters": 3, "logscale": True},
        {"alpha": VECTOR.log()},
        lambda x: x + torch.sin(VECTOR[AT] * x) ** 2 / VECTOR[AT],
    ),
    (
        "SnakeBeta",
        {"num_parameters": 3, "logscale": True},
        {"alpha": VECTOR.log(), "beta": (2 * VECTOR).log()},
        lambda x: x + torch.sin(VECTOR[AT] * x) ** 2 / (2 * VECTOR[AT]),
    ),
    # metaformer and timm.
    ("StarReLU", {}, {"scale": ONE, "bias": -ONE}, lambda x: 0.75 * torch.relu(x) ** 2 - 0.75),
    ("StarReLU", {"num_parameters": 1}, {"scale": ONE, "bias": -ONE}, lambda x: 0.75 * torch.relu(x) ** 2 - 0.75),
    # torch.nn and the same under another layer's shape.
    ("PReLU", {"num_parameters": 3}, {"weight": VECTOR}, lambda x: torch.where(x > 0, x, VECTOR[AT] * x)),
    # nmaac/acon.
    (
        "ACONC",
        {"num_parameters": 3},
        {
            "p1": VECTOR.reshape(1, 3, 1, 1),
            "p2": (VECTOR / 4).reshape(1, 3, 1, 1),
            "beta": (VECTOR + 1).reshape(1, 3, 1, 1),
        },
        lambda x: 0.75 * VECTOR[AT] * x * torch.sigmoid((VECTOR[AT] + 1) * 0.75 * VECTOR[AT] * x) + VECTOR[AT] / 4 * x,
    ),
    # Of several codes: one beta for all, names other than ours.
    ("Swish", {}, {"beta": ONE}, lambda x: x * torch.sigmoid(0.75 * x)),
    ("PELU", {}, {"alpha": ONE, "beta": 2 * ONE}, lambda x: torch.where(x > 0, x / 2, 0.75 * torch.expm1(x / 1.5))),
    (
        "SReLU",
        {"num_parameters": 3, "axis": -1},
        {"tr": VECTOR + 1, "ar": VECTOR, "tl": -VECTOR, "al": VECTOR / 2},
        lambda x: torch.where(
            x >= VECTOR + 1,
            VECTOR + 1 + VECTOR * (x - VECTOR - 1),
            torch.where(x <= -VECTOR, -VECTOR + VECTOR / 2 * (x + VECTOR), x),
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "given", "state", "formula"), PUBLISHED, ids=[str(i) + p[0] for i, p in enumerate(PUBLISHED)]
)
def test_published_checkpoints_load(name: str, given: dict[str, Any], state: dict[str, Any], formula: Any) -> None:
    module = load(getattr(xact.nn, name)(**given), state)
    shape = (2, 4, 3) if given.get("axis") == -1 else (2, 3, 4, 5)
    x = numbers(shape).float() - 1.25
    torch.testing.assert_close(module(x), formula(x))


def test_xielu_of_transformers_loads() -> None:
    """It keeps what softplus makes alpha_p and alpha_n - beta of, beside the two constants."""
    p, n = torch.tensor([0.25]), torch.tensor([-0.5])
    state = {"alpha_p": p, "alpha_n": n, "beta": torch.tensor(0.5), "eps": torch.tensor(-1e-6)}
    module, x = load(xact.nn.XIELU(), state), torch.linspace(-3, 3, 12).reshape(2, 3, 2)
    a, b = (torch.nn.functional.softplus(value).item() for value in (p, n))
    left = (0.5 + b) * (torch.expm1(x) - x) + 0.5 * x
    torch.testing.assert_close(module(x), torch.where(x > 0, a * x * x + 0.5 * x, left))
    del state["beta"], state["eps"]
    with pytest.raises(RuntimeError, match=r"XIELU: a checkpoint whose `alpha_p` has the shape \(1,\), without `eps`"):
        xact.nn.XIELU().load_state_dict(state)


@pytest.mark.parametrize("activation", LEARNT, ids=str)
def test_own_checkpoints_load(activation: xact.Activation) -> None:
    for given in everything(activation):
        module = spread(module_class(activation)(**given))
        again = load(module_class(activation)(**given), module.state_dict())
        assert all(torch.equal(*pair) for pair in zip(module.parameters(), again.parameters(), strict=True))
        assert torch.equal(again(numbers(IMAGES).float()), module(numbers(IMAGES).float()))


@pytest.mark.parametrize(
    ("make", "state", "sentence"),
    [
        (
            lambda: xact.nn.Swish(),
            {"beta": VECTOR},
            r"the shape \(3,\), the Module \(\); make it with num_parameters=3",
        ),
        (lambda: xact.nn.Swish(num_parameters=3), {"beta": ONE}, r"the Module \(3,\); make it with num_parameters=1"),
        (
            lambda: xact.nn.Swish(num_parameters=3, axis=-1),
            {"beta": VECTOR.reshape(1, 3, 1, 1)},
            r"the shape \(1, 3, 1, 1\), which lies along another axis than -1; make it with axis=1",
        ),
        (lambda: xact.nn.PolyReLU(), {"weight": torch.ones(5), "bias": ONE}, "make it with as many coefficients"),
    ],
)
def test_what_does_not_load_says_so(make: Any, state: dict[str, torch.Tensor], sentence: str) -> None:
    model = torch.nn.Sequential(make())
    with pytest.raises(RuntimeError, match=sentence) as raised:
        model.load_state_dict({f"0.{name}": value for name, value in state.items()})
    assert "`0." in str(raised.value)
    assert "size mismatch" not in str(raised.value)
