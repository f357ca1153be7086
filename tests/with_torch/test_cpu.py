"""Plain tensors on a CPU in eager mode: which calls are cut into blocks, and that this changes nothing else."""

import threading
from collections.abc import Callable
from dataclasses import replace

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode

from xact.backends import torch_blocks, torch_kernels, torch_namespaces

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
ELEMENTWISE = [case for case in cases.simple((8, 16)) if case.activation.elementwise]


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Blocks of 8 elements; the sizes of those that the first array of each call was cut into."""
    sizes: list[int] = []
    split = torch.Tensor.split

    def counted(tensor: torch.Tensor, size: int, dim: int) -> tuple[torch.Tensor, ...]:
        parts = split(tensor, size, dim)
        sizes.extend(part.numel() for part in parts)
        return parts

    monkeypatch.setattr(torch_blocks, "BLOCK", 8)
    monkeypatch.setattr(torch.Tensor, "split", counted)
    return sizes


def value_and_gradient(x: torch.Tensor, name: str = "gelu") -> tuple[torch.Tensor, torch.Tensor]:
    leaf = x.detach().requires_grad_()
    y = xact.get(name)(leaf)
    return y.detach(), torch.autograd.grad(y, leaf, torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape))[0]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_blocks_change_no_bit(case: cases.Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case.converted(lambda array: torch.tensor(array, dtype=dtype).requires_grad_())

    def evaluate() -> tuple[torch.Tensor, ...]:
        y = case.pure(*case.differentiable)
        dy = torch.linspace(-1, 2, y.numel(), dtype=dtype).view(y.shape)
        return y.detach(), *torch.autograd.grad(y, case.arrays, dy)

    expected = evaluate()
    # As the real one a multiple of what torch's loops take at a time: what is left over may be rounded otherwise.
    monkeypatch.setattr(torch_blocks, "BLOCK", 32)
    for one, other in zip(evaluate(), expected, strict=True):
        assert one.stride() == other.stride()
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


ALONG = [case for case in cases.every((4, 6, 8)) if not case.activation.elementwise]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", ALONG, ids=str)
def test_blocks_of_rows(case: cases.Case, dtype: torch.dtype, axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and gradients along every axis, in the layout of whole arrays; sums may be added in another order."""
    case = case.converted(lambda array: torch.tensor(array, dtype=dtype).requires_grad_())
    if "axis" in case.activation.defaults and "bias-vector" not in case.label:
        case = replace(case, options={**case.options, "axis": axis})

    def evaluate() -> tuple[torch.Tensor, ...]:
        y = case.pure(*case.differentiable)
        dy = torch.linspace(-1, 2, y.numel(), dtype=dtype).view(y.shape)
        return y.detach(), *torch.autograd.grad(y, case.arrays, dy)

    expected = evaluate()
    monkeypatch.setattr(torch_blocks, "ROWS", 32)
    eps = torch.finfo(dtype).eps
    for one, other in zip(evaluate(), expected, strict=True):
        assert one.stride() == other.stride()
        torch.testing.assert_close(one, other, rtol=16 * eps, atol=16 * eps)


def test_rows_are_cut(blocks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_blocks, "ROWS", 8)
    x = torch.linspace(-3, 3, 24).view(4, 6)
    for axis, sizes in ((1, [6] * 4), (0, [8] * 3)):
        for activation in (xact.softmax, xact.logsumexp, xact.sparsemax):
            blocks.clear()
            activation(x, axis)
            # The input, then the result.
            assert blocks[: len(sizes)] == sizes
            assert len(blocks) == 2 * len(sizes)
    blocks.clear()
    xact.softmax(x[0])
    xact.ab_relu(x, axis=None)
    xact.masked_softmax(x, torch.ones(6, dtype=torch.bool))
    assert not blocks


INF = float("inf")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ends_of_rows(dtype: torch.dtype) -> None:
    """What the kernels of torch for softmax, in float64, make of infinite entries is what the generic form does."""
    x = torch.tensor([[0, INF, 1, INF], [-INF, 2, -INF, 2], [-INF] * 4, [3e4, -3e4, 0, 1]], dtype=dtype)
    for activation in (xact.softmax, xact.log_softmax):
        recorded = torch.vmap(activation)(x)
        torch.testing.assert_close(activation(x), recorded, equal_nan=True)
        assert activation(x[:, :0]).shape == (4, 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_selection_by_bits_is_where(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    inf, nan = float("inf"), float("nan")
    a = torch.tensor([0.0, -0.0, 1.5, inf, -inf, nan, -3.0], dtype=dtype)
    b = a.flip(0)
    condition = torch.tensor([True, False, True, True, False, False, True])
    monkeypatch.setattr(torch_namespaces, "BRANCHLESS", 0)
    for pair in ((a, b), (a, 0.0), (a, -0.0), (1, b), (nan, b), (a, -inf)):
        got, expected = torch_namespaces.cpu.where(condition, *pair), torch.where(condition, *pair)
        assert got.dtype == expected.dtype
        torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(got.signbit(), expected.signbit())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "name", ["gelu", "gelu_tanh", "silu", "quick_gelu", "mish", "tanh", "laplace", "sqrt_softplus"]
)
def test_as_recorded(name: str, dtype: torch.dtype) -> None:
    """The forms of few operations agree with those that transforms and the compiler see."""
    x = torch.cat((torch.linspace(-9, 9, 999, dtype=dtype), torch.tensor([float("inf"), -float("inf")], dtype=dtype)))
    activation = xact.get(name)
    rule = xact.derivative(activation)
    recorded = torch.vmap(activation)(x), torch.vmap(rule)(x)
    eps = torch.finfo(dtype).eps
    for plain, other in zip((activation(x), rule(x)), recorded, strict=True):
        torch.testing.assert_close(plain, other, rtol=8 * eps, atol=8 * eps)


class Recorder(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def under_a_mode(x: torch.Tensor) -> None:
    with Recorder():
        xact.gelu(x)


OTHERS: dict[str, Callable[[torch.Tensor], object]] = {
    "mode": under_a_mode,
    "subclass": lambda x: xact.gelu(TwoTensor(x, x)),
    "vmap": lambda x: torch.vmap(xact.gelu)(x),
    "jvp": lambda x: torch.func.jvp(xact.gelu, (x,), (x,)),
    "meta": lambda x: xact.gelu(x.to("meta")),
    "along an axis": lambda x: xact.softmax(x),
    "broadcast": lambda x: xact.prelu(x, torch.full((x.shape[1],), 0.3)),
    "small": lambda x: xact.gelu(x[0]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_not_cut(name: str, blocks: list[int]) -> None:
    OTHERS[name](torch.linspace(-3, 3, 24).view(4, 6))
    assert not blocks


def test_cut(blocks: list[int]) -> None:
    x = torch.linspace(-3, 3, 20)
    xact.gelu(x)
    assert blocks == [8, 8, 4, 8, 8, 4]
    blocks.clear()
    value_and_gradient(torch.nn.Parameter(x))
    assert len(blocks) == 6 + 9


def test_second_derivatives_are_recorded(blocks: list[int]) -> None:
    x = torch.linspace(-3, 3, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(xact.gelu, x)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "transposed": lambda x: x.mT,
    "gaps": lambda x: x[:, ::2],
    "expanded": lambda x: x[:, :1].expand(x.shape),
    "channels last": lambda x: x.reshape(2, 6, 4, 1).contiguous(memory_format=torch.channels_last),
    "scalar": lambda x: x[0, 0],
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, blocks: list[int]) -> None:
    x = LAYOUTS[layout](torch.linspace(-3, 3, 48).view(4, 12))
    before = x.clone()
    got = value_and_gradient(x)
    expected = value_and_gradient(x.contiguous())
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
        assert one.stride() == torch.exp(x).stride()
    assert torch.equal(x, before)


def test_in_place(blocks: list[int]) -> None:
    x = torch.linspace(-3, 3, 24)
    for name in ("silu", "mish", "elu", "hardswish", "relu6"):
        given = x.clone()
        y = xact.get(name)(given, inplace=True)
        assert y is given
        assert torch.equal(y, xact.get(name)(x))
        leaf = x.clone().requires_grad_()
        xact.get(name)(leaf * 1, inplace=True).sum().backward()
        assert leaf.grad is not None


def test_inference_and_threads(blocks: list[int]) -> None:
    x, results = torch.linspace(-3, 3, 24), []
    with torch.inference_mode():
        assert xact.gelu(x).is_inference()
    threads = [threading.Thread(target=lambda: results.append(value_and_gradient(x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert all(torch.equal(*pair) for pair in zip(result, value_and_gradient(x), strict=True))


@pytest.mark.parametrize("name", sorted(torch_kernels.NATIVE_VALUE))
def test_the_rule_belongs_to_the_native_value(name: str) -> None:
    x = torch.linspace(-30, 30, 999, dtype=torch.float64)
    slope = value_and_gradient(x, name)[1] / torch.linspace(-1, 2, 999, dtype=x.dtype)
    torch.testing.assert_close(slope, xact.derivative(name)(x), rtol=1e-15, atol=0)


def test_native_softplus_is_exact() -> None:
    x = torch.tensor([-800.0, 15.0, 30.0, 800.0], dtype=torch.float64)
    exact = torch.where(x > 0, x, 0.0) + torch.exp(-x.abs()).log1p()
    torch.testing.assert_close(xact.softplus(x), exact, rtol=1e-15, atol=0)
    assert torch.equal(xact.softplus(x, threshold=10.0)[1:], x[1:])
    torch.testing.assert_close(xact.softplus(x, threshold=1000.0), exact, rtol=1e-15, atol=0)
