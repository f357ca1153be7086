"""`backward_bits`: the exact value, an approximate gradient, and few bits kept for it."""

import copy
import functools
import itertools
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

import xact.nn
from xact.nn import _few_bits

EPS = torch.finfo(torch.float64).eps
BITS = (1, 2, 4)
bits_of = pytest.mark.parametrize("bits", BITS)
POINTWISE = [
    case for case in cases.simple() if not _few_bits.refused(case.activation) and not case.activation.learnable
]
REFUSED = [case.activation for case in cases.simple() if _few_bits.refused(case.activation)]
LEARNT = [case.activation for case in cases.simple() if case.activation.learnable and case.activation not in REFUSED]
# Piecewise linear functions with one or two slopes.
TWO_SLOPES = ["identity", "relu", "leaky_relu", "relu6", "hardtanh", "hardshrink", "softshrink", "threshold"]


def module_of(case: cases.Case, bits: int | None) -> torch.nn.Module:
    return xact.nn.Activation(case.activation, **case.parameters, **case.options, backward_bits=bits)


def gradient(function: Callable, x: torch.Tensor, dy: torch.Tensor | None = None) -> torch.Tensor:
    leaf = x.detach().clone().requires_grad_()
    y = function(leaf)
    (dx,) = torch.autograd.grad(y, leaf, torch.ones_like(y) if dy is None else dy)
    return dx


def kept(function: Callable, x: torch.Tensor) -> list[torch.Tensor]:
    """What is saved for a backward pass that runs."""
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        y = function(x)
    y.sum().backward()
    return saved


def size(saved: list[torch.Tensor]) -> int:
    return sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in saved}.values())


def relative_error(name: str, bits: int) -> float:
    """The L2 error of the gradient for standard normal input, relative to the gradient."""
    x = torch.randn(1 << 18, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = gradient(xact.get(name), x)
    got = gradient(xact.nn.Activation(name, backward_bits=bits), x)
    return float((got - exact).norm() / exact.norm())


# The levels


def cost(values: torch.Tensor, weights: torch.Tensor, edges: tuple[int, ...]) -> float:
    groups = [slice(*pair) for pair in itertools.pairwise(edges)]
    means = [(values[g] * weights[g]).sum() / weights[g].sum() for g in groups]
    return sum(float((weights[g] * (values[g] - mean) ** 2).sum()) for g, mean in zip(groups, means, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_groups_are_the_best_of_all(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    values = torch.rand(12, generator=generator, dtype=torch.float64).sort().values
    weights = torch.rand(12, generator=generator, dtype=torch.float64)
    every = [(0, *inside, 12) for inside in itertools.combinations(range(1, 12), count - 1)]
    assert tuple(_few_bits._edges(values, weights, count)) == min(every, key=lambda edges: cost(values, weights, edges))


@bits_of
def test_levels_are_optimal(bits: int) -> None:
    """Each is the mean of the derivatives next to it, as it must be in every optimum (Lloyd 1982)."""
    levels = torch.tensor(_few_bits.levels("mish", bits, ()), dtype=torch.float64)
    assert len(levels) == 2**bits
    x = (torch.arange(1 << 16, dtype=torch.float64) + 0.5) / (1 << 16) * 20 - 10
    p = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi) + 0.01
    slope = xact.derivative(xact.mish)(x)
    nearest = (slope[:, None] - levels).abs().argmin(1)
    for i, level in enumerate(levels):
        here = nearest == i
        torch.testing.assert_close((p * slope)[here].sum() / p[here].sum(), level, rtol=0, atol=0.01)


@pytest.mark.parametrize("name", TWO_SLOPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_one_bit_is_exact_for_two_slopes(name: str, dtype: torch.dtype) -> None:
    case = next(case for case in cases.simple() if case.activation.name == name)
    x = torch.linspace(-8, 8, 1001, dtype=dtype)
    dy = torch.linspace(-1, 2, 1001, dtype=dtype)
    got = gradient(module_of(case, 1), x, dy)
    assert torch.equal(got, gradient(module_of(case, None), x, dy))


# The value and the gradient


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", POINTWISE, ids=str)
def test_value_is_exact_and_gradient_near(case: cases.Case, dtype: torch.dtype) -> None:
    bits = 2
    x = torch.tensor(case.arrays[0], dtype=dtype)
    exact, module = module_of(case, None), module_of(case, bits)
    leaf = x.clone().requires_grad_()
    y = module(leaf)
    assert torch.equal(y, exact(x))
    assert y.dtype == exact(x).dtype
    (got,) = torch.autograd.grad(y, leaf, torch.ones_like(y))
    assert got.dtype == x.dtype
    levels = _few_bits.levels(case.activation.key, bits, tuple(module.activation.replaced.items()))
    slope = gradient(exact, x).double()
    nearest = (slope[..., None] - torch.tensor(levels, dtype=torch.float64)).abs().min(-1).values
    tolerance = 4 * float(torch.finfo(dtype).eps) * (1 + slope.abs().max())
    assert torch.all(((got.double() - slope).abs() - nearest).abs() <= tolerance)


def documented() -> list[tuple[str, ...]]:
    """The rows of the table of errors in docs/models.md: an activation, then the errors in percent."""
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    table = text.partition("| activation | 1 bit |")[2].partition("\n\n")[0]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[2:]]


@pytest.mark.parametrize("row", documented(), ids=lambda row: row[0])
def test_documented_errors(row: tuple[str, ...]) -> None:
    assert row[1:] == tuple(f"{100 * relative_error(row[0], bits):.1f} %" for bits in BITS)


@bits_of
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (8,), (3, 0), (3, 5, 7), (2, 6, 5, 4)], ids=str)
def test_shapes(shape: tuple[int, ...], bits: int) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    got, every = gradient(xact.nn.SiLU(backward_bits=bits), x), x.reshape(-1)
    assert got.shape == x.shape
    one = [gradient(xact.nn.SiLU(backward_bits=bits), number) for number in every]
    assert got.reshape(-1).tolist() == [float(number) for number in one]


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "transposed": lambda x: x.mT,
    "gaps": lambda x: x[..., ::3],
    "expanded": lambda x: x[..., :1].expand(x.shape),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
}


@bits_of
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, bits: int) -> None:
    x = LAYOUTS[layout](torch.randn(2, 3, 5, 7))
    module, dy = xact.nn.GELU(backward_bits=bits), torch.randn(x.shape)
    leaf = x.detach().requires_grad_()
    y = module(leaf)
    assert y.stride() == xact.nn.GELU()(leaf).stride()
    (got,) = torch.autograd.grad(y, leaf, dy)
    assert torch.equal(got, gradient(module, x.contiguous(), dy))


def test_extremes() -> None:
    x = torch.tensor([-math.inf, -1e30, 1e30, math.inf])
    for bits in BITS:
        levels = _few_bits.levels("sigmoid", bits, ())
        assert torch.equal(gradient(xact.nn.Sigmoid(backward_bits=bits), x), torch.full((4,), levels[0]))


def test_in_place() -> None:
    x = torch.randn(9, requires_grad=True)
    module = xact.nn.SiLU(inplace=True, backward_bits=2)
    y = x * 1
    assert module(y) is y
    y.sum().backward()
    assert torch.equal(x.grad, gradient(xact.nn.SiLU(backward_bits=2), x))
    given = torch.randn(9)
    assert module(given) is given


def test_parameters_have_levels_of_their_own() -> None:
    x, module = torch.randn(50), xact.nn.ELU(backward_bits=4)
    before = gradient(module, x)
    module.alpha = 0.25
    after = gradient(module, x)
    assert torch.equal(after, gradient(xact.nn.ELU(0.25, backward_bits=4), x))
    assert not torch.equal(before, after)


# What is kept


@bits_of
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("count", [0, 1, 4096, 4099])
def test_bits_kept(bits: int, dtype: torch.dtype, count: int) -> None:
    x = torch.randn(count).to(dtype).requires_grad_()
    saved = kept(lambda x: xact.nn.GELU(backward_bits=bits)(x * 1.5), x)
    assert size(saved) == math.ceil(count * bits / 8)


@bits_of
@pytest.mark.parametrize("name", ["GELU", "SiLU", "ReLU", "Softplus"])
def test_bits_kept_compiled(name: str, bits: int) -> None:
    module = getattr(xact.nn, name)(backward_bits=bits)
    function = torch.compile(lambda x: module(x * 1.5), backend="aot_eager_decomp_partition", fullgraph=True)
    x = torch.randn(64, 65, requires_grad=True)
    assert size(kept(function, x)) == 64 * 65 * bits // 8


def test_bits_kept_in_a_network() -> None:
    """Beside the inputs and the weights of the layers nothing but the bits."""
    net = torch.nn.Sequential(torch.nn.Linear(8, 64), xact.nn.GELU(backward_bits=2), torch.nn.Linear(64, 1))
    x = torch.randn(32, 8, requires_grad=True)
    exact = torch.nn.Sequential(net[0], xact.nn.GELU(), net[2])
    assert size(kept(exact, x)) - size(kept(net, x)) == 32 * 64 * 4 - 32 * 64 * 2 // 8


def test_nothing_kept_without_grad() -> None:
    x, saved = torch.randn(9), []
    with torch.autograd.graph.saved_tensors_hooks(saved.append, lambda tensor: tensor):
        y = xact.nn.GELU(backward_bits=2)(x)
        with torch.no_grad():
            xact.nn.GELU(backward_bits=2)(x.clone().requires_grad_())
    assert not saved
    assert not y.requires_grad
    assert torch.equal(y, xact.gelu(x))


# Transforms


INDUCTOR = pytest.param("inductor", 2, marks=pytest.mark.slow)


@pytest.mark.parametrize(("backend", "bits"), [*(("aot_eager", bits) for bits in BITS), INDUCTOR])
def test_compiled(backend: str, bits: int) -> None:
    module = xact.nn.Mish(backward_bits=bits)
    function = torch.compile(module, backend=backend, fullgraph=True, dynamic=True)
    for count in (17, 64):
        x, dy = torch.randn(count, dtype=torch.float64), torch.randn(count, dtype=torch.float64)
        torch.testing.assert_close(gradient(function, x, dy), gradient(module, x, dy), rtol=1e-12, atol=0)


@bits_of
def test_levels_are_found_while_tracing(bits: int) -> None:
    """Of parameters never seen before."""
    new = xact.nn.ELU(1.0625 + bits / 100, backward_bits=bits)
    x = torch.randn(40)
    got = gradient(torch.compile(new, backend="aot_eager", fullgraph=True), x)
    torch.testing.assert_close(got, gradient(new, x))


def test_vmap_and_func() -> None:
    module, x = xact.nn.Tanh(backward_bits=2), torch.randn(3, 7, dtype=torch.float64)
    expected = gradient(module, x)
    assert torch.equal(torch.vmap(module)(x), module(x))
    assert torch.equal(torch.func.grad(lambda x: module(x).sum())(x), expected)
    assert torch.equal(torch.vmap(torch.func.grad(lambda row: module(row).sum()))(x), expected)
    assert torch.equal(torch.vmap(lambda row: module(row), in_dims=1, out_dims=1)(x), module(x))
    leaf = x.clone().requires_grad_()
    assert torch.equal(torch.autograd.grad(torch.vmap(module)(leaf).sum(), leaf)[0], expected)
    compiled = torch.compile(torch.func.grad(lambda x: module(x).sum()), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)


def test_autocast() -> None:
    for name in ("GELU", "Softplus"):
        module, linear = getattr(xact.nn, name)(backward_bits=2), torch.nn.Linear(5, 6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = module(linear(torch.randn(4, 5)))
        assert y.dtype == torch.bfloat16
        y.sum().backward()
        assert linear.weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    "make", [lambda: xact.nn.SiLU(backward_bits=2), lambda: xact.nn.Activation("elu(0.5)", backward_bits=2)]
)
def test_traced_with_fx(make: Callable) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), make())
    traced = torch.fx.symbolic_trace(model)
    x = torch.randn(2, 3)
    assert torch.equal(traced(x), model(x))
    assert torch.equal(gradient(traced, x), gradient(model, x))


def test_exported() -> None:
    model, x = torch.nn.Sequential(torch.nn.Linear(3, 4), xact.nn.SiLU(backward_bits=2)), torch.randn(2, 3)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x))


@pytest.mark.parametrize("name", ["SiLU", "ReLU"])
def test_differentiated_once(name: str) -> None:
    module, x = getattr(xact.nn, name)(backward_bits=2), torch.randn(5, requires_grad=True)
    (dx,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    sentence = f"{name.lower()}: backward_bits=2 keeps too little for a second derivative; leave out backward_bits"
    with pytest.raises(RuntimeError, match=sentence):
        dx.sum().backward()
    with pytest.raises(RuntimeError, match=sentence):
        torch.func.jacrev(torch.func.grad(lambda x: module(x).sum()))(x)
    with pytest.raises(RuntimeError, match="keeps too little for a forward-mode derivative"):
        torch.func.jvp(module, (x,), (x,))


def test_checkpointed() -> None:
    module, x = xact.nn.SiLU(backward_bits=2), torch.randn(5)
    got = gradient(lambda x: torch.utils.checkpoint.checkpoint(module, x, use_reentrant=False), x)
    assert torch.equal(got, gradient(module, x))


# The Module


@pytest.mark.parametrize("case", POINTWISE, ids=str)
def test_object(case: cases.Case) -> None:
    cls = getattr(xact.nn, case.activation.module)
    exact, module = (cls(**case.parameters, **more) for more in ({}, {"backward_bits": 2}))
    inside = repr(exact)[:-1]
    assert repr(module) == (inside if inside.endswith("(") else f"{inside}, ") + "backward_bits=2)"
    assert module.state_dict().keys() == exact.state_dict().keys()
    x = torch.tensor(case.arrays[0])
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(copied) == repr(module)
        assert torch.equal(gradient(copied, x), gradient(module, x))


def test_representation() -> None:
    assert repr(xact.nn.Activation("elu(0.5)", backward_bits=4)) == "Activation(elu(alpha=0.5), backward_bits=4)"
    assert repr(xact.nn.GELU("tanh", backward_bits=1)) == "GELU(approximate='tanh', backward_bits=1)"


def test_swapped() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU())
    xact.nn.swap(model, {"GELU": functools.partial(xact.nn.GELU, backward_bits=2)})
    assert repr(model[1]) == "GELU(approximate='none', backward_bits=2)"


@pytest.mark.parametrize("bits", [0, 3, 8, True, "2", 2.5])
def test_other_numbers_of_bits(bits: object) -> None:
    with pytest.raises(ValueError, match="GELU: `backward_bits` must be None, 1, 2 or 4, got"):
        xact.nn.GELU(backward_bits=bits)


@pytest.mark.parametrize("activation", REFUSED, ids=str)
def test_refused(activation: xact.Activation) -> None:
    given = {
        name: value for name, value in cases.case(activation).parameters.items() if name not in activation.body.masks
    }
    sentence = f"{activation.module} (mixes the elements along an axis|takes more than one array), and few bits keep"
    with pytest.raises(TypeError, match=sentence):
        getattr(xact.nn, activation.module)(**given, backward_bits=2)


@pytest.mark.parametrize("activation", LEARNT, ids=str)
def test_learnt_parameters_are_refused(activation: xact.Activation) -> None:
    with pytest.raises(TypeError, match=f"{activation.module}: the gradient of `.*` needs the input"):
        getattr(xact.nn, activation.module)(backward_bits=2)
    if activation is not xact.prelu:
        assert repr(getattr(xact.nn, activation.module)(learnable=False, backward_bits=2)).endswith("backward_bits=2)")


def test_tensors_are_refused() -> None:
    with pytest.raises(TypeError, match="ELU: the gradient of `alpha` needs the input, which backward_bits=2"):
        xact.nn.Activation("elu", alpha=torch.tensor(0.5), backward_bits=2)
    module = xact.nn.ELU(backward_bits=2)
    module.alpha = torch.tensor(0.5)
    with pytest.raises(TypeError, match="elu: the gradient of `alpha` needs the input"):
        module(torch.randn(3, requires_grad=True))


@pytest.mark.slow
def test_training_reaches_the_loss_of_the_exact_gradient() -> None:
    """Over seeds the difference of the means is within three of its standard errors."""
    exact, few = (torch.tensor([final_loss(seed, one) for seed in range(6)]) for one in (None, 2))
    assert exact.mean() < 0.1 * final_loss(0, None, steps=0)
    noise = ((exact.var() + few.var()) / 6).sqrt()
    assert few.mean() - exact.mean() < 3 * noise


@functools.cache
def final_loss(seed: int, bits: int | None, steps: int = 200) -> float:
    """Of a network that learns a smooth function of eight numbers, on numbers that it has not seen."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    layers = [[torch.nn.Linear(a, 64), xact.nn.GELU(backward_bits=bits)] for a in (8, 64)]
    net = torch.nn.Sequential(*itertools.chain(*layers), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    weight = torch.randn(8, generator=torch.Generator().manual_seed(0))

    def loss(count: int) -> torch.Tensor:
        x = torch.randn(count, 8, generator=generator)
        return ((net(x)[:, 0] - torch.sin(x @ weight / 2)) ** 2).mean()

    for _ in range(steps):
        optimizer.zero_grad()
        loss(256).backward()
        optimizer.step()
    with torch.no_grad():
        return float(loss(1 << 14))


def test_distributed_tensors_are_refused() -> None:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
        x = torch.distributed.tensor.distribute_tensor(torch.ones(4, requires_grad=True), mesh)
        with pytest.raises(
            TypeError, match=r"gelu: backward_bits=2 takes no DTensor; leave it out, or use x\.to_local"
        ):
            xact.nn.GELU(backward_bits=2)(x)
    finally:
        torch.distributed.destroy_process_group()
