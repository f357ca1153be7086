"""C5 on PyTorch: what is kept between the forward and the backward pass."""

from collections.abc import Callable

import cases
import pytest

torch = pytest.importorskip("torch")

DTYPES = [torch.float32, torch.bfloat16]
SHAPE = (64, 8, 16)
EVERY = cases.every(SHAPE)
# What torch's partitioner keeps of these beside the input, float32 copies of 16 bits or masks: it judges them dearer
# to compute again.
PARTITIONED = {"gumbel_softmax": 2.0, "maxout": 2.0, "poly_norm": 2.125, "srelu": 2.0}
# Of the others it keeps numbers of a row.
ROWS = 1.125
FEW = [
    case
    for case in cases.every((4, 8, 256))
    if not case.label or (case.packed and case.options["layout"] == case.activation.layout)
]


def in_dtype(case: cases.Case, dtype: torch.dtype) -> cases.Case:
    return case.converted(lambda array: torch.tensor(array, dtype=dtype).requires_grad_())


def saved_by(function: Callable, *arguments: torch.Tensor) -> list[torch.Tensor]:
    saved: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        y = function(*arguments)
    # What is saved must serve: the backward pass runs on it.
    dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    gradients = torch.autograd.grad(y, arguments, dy)
    for gradient, known in zip(gradients, torch.autograd.grad(function(*arguments), arguments, dy), strict=True):
        assert torch.equal(gradient, known)
    return saved


def storage(tensors: list[torch.Tensor]) -> int:
    """Bytes of the memory that the tensors keep alive, shared memory counted once."""
    return sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}.values())


def budget(case: cases.Case) -> int:
    """The input's bytes, and those of the parameters."""
    return storage(list(case.differentiable))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", EVERY, ids=str)
def test_eager(case: cases.Case, dtype: torch.dtype) -> None:
    case = in_dtype(case, dtype)
    saved = saved_by(case.pure, *case.differentiable)
    assert storage(saved) <= budget(case)
    rules = [rule for name in case.activation.operands for rule in case.activation.rules_for(name)]
    named = {name for rule in rules for name in rule.names} & {*case.activation.operands, "y"}
    # identity returns its input, and nothing is recorded.
    assert bool(named) <= len(saved) <= len(named) or (case.activation.name == "identity" and not saved)
    assert {tensor.dtype for tensor in saved} <= {dtype}


@pytest.mark.by_kind(simplest=True)
@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", FEW, ids=str)
def test_compiled(case: cases.Case, dtype: torch.dtype) -> None:
    case = in_dtype(case, dtype)
    saved = saved_by(torch.compile(case.pure, backend="aot_eager", fullgraph=True), *case.differentiable)
    allowed = PARTITIONED.get(case.activation.name, 1.0 if case.activation.elementwise else ROWS)
    assert storage(saved) <= budget(case) * allowed


# identity returns its input, whatever that is.
@pytest.mark.parametrize("case", [case for case in EVERY if case.activation.name != "identity"], ids=str)
def test_nothing_without_grad(case: cases.Case) -> None:
    case = in_dtype(case, torch.float32)
    saved: list[torch.Tensor] = []
    with torch.no_grad(), torch.autograd.graph.saved_tensors_hooks(saved.append, lambda tensor: tensor):
        y = case.pure(*case.differentiable)
    assert not saved
    assert not y.requires_grad
    with torch.inference_mode():
        assert case.pure(*case.differentiable).is_inference()


@pytest.mark.parametrize("case", [case for case in cases.simple(SHAPE) if case.activation.inplace], ids=str)
def test_in_place_saves_one_input(case: cases.Case) -> None:
    x = torch.tensor(case.arrays[0], requires_grad=True)
    saved = saved_by(lambda x: case.call((2 * x).add(0), inplace=True), x)
    assert 0 < storage(saved) <= budget(case.converted(torch.tensor))
