"""Run by test_distributed in two processes: activations of distributed tensors, and Modules under DDP and FSDP2.

Says how many activations failed, and why on the standard error.
"""

import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, init_device_mesh
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[1]))

import cases

import xact
import xact.nn

SHAPE = (4, 6, 8)
REPRESENTATIVES = cases.representatives()
PLACEMENTS = (Shard(0), Shard(-1), Replicate())


def same(got, expected, what) -> None:
    size = max(float(expected.nan_to_num().abs().max()), 1.0)
    eps = 64 * torch.finfo(expected.dtype).eps
    torch.testing.assert_close(
        got, expected, rtol=eps, atol=eps * size, equal_nan=True, msg=lambda text: f"{what}: {text}"
    )


def pulled(function, values, dy):
    y = function(*values)
    return y, torch.autograd.grad(y, values, dy)


def pointwise() -> Iterator[cases.Case]:
    """One case per elementwise activation, and its array parameters; a packed gate is split along an axis."""
    for case in cases.every(SHAPE):
        # What is done with a parameter depends on the kind of the activation alone.
        scalar = "scalar" in case.label and case.activation.name in REPRESENTATIVES
        chosen = not case.label or scalar or case.packed
        if case.activation.elementwise and chosen:
            yield case.converted(torch.tensor)


def check_tensor(case, placement, mesh, compiled: bool) -> None:
    """Values and gradients, and that nothing is gathered: the result is placed as the array is."""
    plain = [value.clone().requires_grad_() for value in case.differentiable]
    dy = torch.linspace(-1, 2, case.pure(*plain).numel(), dtype=torch.float64).reshape(case.pure(*plain).shape)
    expected, slopes = pulled(case.pure, plain, dy)
    count = len(case.arrays)
    placements = [placement] * count + [Replicate()] * (len(plain) - count)
    values = [
        distribute_tensor(value.detach(), mesh, [place]).requires_grad_()
        for value, place in zip(plain, placements, strict=True)
    ]
    function = torch.compile(case.pure, backend="aot_eager", fullgraph=True) if compiled else case.pure
    y, got = pulled(function, values, distribute_tensor(dy, mesh, [placement]))
    assert isinstance(y, DTensor), type(y)
    if not case.packed or placement != Shard(-1):
        assert y.placements == (placement,) or y.placements == (Shard(len(SHAPE) - 1),), y.placements
    same(y.full_tensor().detach(), expected.detach(), "value")
    for part, known in zip(got, slopes, strict=True):
        same(part.full_tensor(), known, "gradient")


def of_a_kind(case: cases.Case) -> bool:
    return case.activation.name in REPRESENTATIVES


def check_tensors(mesh) -> int:
    failed = 0
    for compiled in (False, True):
        # What the compiler does, and what a placement changes, depends on the kind of the activation.
        for case in pointwise() if not compiled else filter(of_a_kind, pointwise()):
            for placement in PLACEMENTS if of_a_kind(case) and not compiled else PLACEMENTS[:1]:
                torch._dynamo.reset()
                try:
                    check_tensor(case, placement, mesh, compiled)
                except Exception:
                    failed += 1
                    kind = "compiled" if compiled else "eager"
                    print(f"FAILED {case} {placement} {kind}: {traceback.format_exc(limit=-1)}", file=sys.stderr)
    return failed


def check_mixed(mesh) -> None:
    """A plain array beside a distributed one is refused with the cure; a plain number is not."""
    x, weight = distribute_tensor(torch.ones(4, 6), mesh, [Shard(0)]), torch.full((6,), 0.25)
    calls = {"`weight`": lambda: xact.prelu(x, weight), "`value`": lambda: xact.swiglu(x, torch.ones(4, 6))}
    for name, call in calls.items():
        with pytest.raises(xact.DtypeError, match=f"{name}.*distribute_tensor"):
            call()
    assert xact.prelu(x, weight[0]).placements == (Shard(0),)


def model() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8),
        xact.nn.PReLU(8),
        xact.nn.SwiGLU(),
        torch.nn.Linear(4, 4),
        xact.nn.Swish(num_parameters=1),
        xact.nn.GELU(),
    ).double()


def train(trained, inputs) -> None:
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    for x in inputs:
        optimizer.zero_grad()
        (trained(x) ** 2).mean().backward()
        optimizer.step()


def check_models(mesh, rank: int) -> None:
    """Three steps of training on halves of a batch end where training on the whole does."""
    torch.manual_seed(1)
    batches = torch.randn(3, 8, 6, dtype=torch.float64)
    alone = model()
    train(alone, batches)
    halves = batches.reshape(3, 2, 4, 6)[:, rank]
    replicated = DistributedDataParallel(model())
    train(replicated, halves)
    sharded = model()
    fully_shard(sharded, mesh=mesh)
    train(sharded, halves)
    for name, known in alone.state_dict().items():
        same(replicated.module.state_dict()[name], known, f"DDP {name}")
        same(sharded.state_dict()[name].full_tensor(), known, f"FSDP2 {name}")


def main(rank: int, file: str) -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    failed = check_tensors(mesh)
    check_mixed(mesh)
    check_models(mesh, rank)
    dist.barrier()
    dist.destroy_process_group()
    print(failed, "failures")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
