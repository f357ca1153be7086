"""C7 on PyTorch: every transform of every activation, without a graph break and without a warning."""

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import cases
import numpy as np
import pytest

import xact
from xact import backends
from xact._activation import catalogue

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils.checkpoint import checkpoint

EPS = torch.finfo(torch.float64).eps
SAMPLED = [name for name in xact.names() if xact.get(name).sampled]


def tensors(case: cases.Case) -> cases.Case:
    return case.converted(torch.tensor)


EVERY = [tensors(case) for case in cases.every()]
# A compilation takes a second: each activation once, the gates packed too, one array per learnt parameter.
FEW = [
    case
    for case in EVERY
    if not case.label or (case.packed and case.options["layout"] == case.activation.layout) or "vector" in case.label
]
every_case = pytest.mark.parametrize("case", EVERY, ids=str)
few_cases = pytest.mark.parametrize("case", FEW, ids=str)
each_activation = pytest.mark.parametrize("case", [case for case in EVERY if not case.label], ids=str)
# torch.nn.functional.bilinear is a layer; what is drawn cannot be compared.
NATIVE = [
    case
    for case in EVERY
    if hasattr(torch.nn.functional, case.activation.name)
    and not case.label
    and case.activation.name not in ("bilinear", "gumbel_softmax")
]


@pytest.fixture
def planted() -> Iterator[xact.Activation]:
    """An activation whose rule is not the derivative of its body: it shows which of them a transform used."""
    before = dict(catalogue), dict(backends.definitions)

    @xact.activation(tex=r"x^2")
    def planted(x, /, *, xp):
        return x * x

    @planted.derivative
    def _(x, xp):
        return 7 * xp.ones_like(x)

    yield planted
    for table, content in zip((catalogue, backends.definitions), before, strict=True):
        table.clear()
        table.update(content)


def leaves(case: cases.Case) -> tuple[torch.Tensor, ...]:
    return tuple(value.clone().requires_grad_() for value in case.differentiable)


def weights(case: cases.Case) -> torch.Tensor:
    """A cotangent with no two entries alike."""
    shape = case.pure(*case.differentiable).shape
    return torch.linspace(-1, 2, shape.numel(), dtype=torch.float64).reshape(shape)


def weighted(case: cases.Case):
    """A number whose gradient is the pullback of `weights`, and whose Hessian is not that of a sum."""
    weight = weights(case)

    def loss(*values):
        y = case.pure(*values)
        return (weight * y + y * y).sum()

    return loss


def gradients(loss, values) -> tuple[torch.Tensor, ...]:
    values = [value.detach().clone().requires_grad_() for value in values]
    return torch.autograd.grad(loss(*values), values)


def assert_close(got, expected, ulps: float = 64) -> None:
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_close(one, other, ulps)
        return
    size = max(float(expected.detach().abs().max()), 1.0)
    torch.testing.assert_close(got, expected, rtol=ulps * EPS, atol=ulps * EPS * size)


def indices(case: cases.Case) -> tuple[int, ...]:
    return tuple(range(len(case.differentiable)))


def compiled(function, **options):
    return torch.compile(function, backend="aot_eager", fullgraph=True, **options)


# Eager


@pytest.mark.parametrize("case", cases.every(), ids=str)
def test_value_and_gradients_are_those_of_numpy(case: cases.Case) -> None:
    # By position, with the defaults of those before.
    order = [*case.activation.body.parameters]
    last = max((order.index(name) + 1 for name in case.parameters if case.activation.rules_for(name)), default=0)
    ruled = order[:last]
    fixed = {name: value for name, value in case.parameters.items() if name not in ruled}
    primals = (*case.arrays, *(case.parameters.get(name, case.activation.defaults[name]) for name in ruled))
    expected, pullback = xact.vjp(case.activation, *primals, **fixed, **case.options)
    assert case.activation is xact.identity or not any(np.array_equal(expected, array) for array in case.arrays)
    given = tensors(case)
    values, dy = leaves(given), weights(given)
    y = given.pure(*values)
    assert_close(y.detach(), torch.tensor(expected))
    pulled = torch.autograd.grad(y, values, dy)
    by_name = dict(zip([*range(len(case.arrays)), *ruled], pullback(dy.numpy()), strict=True))
    names = [*range(len(case.arrays)), *case.array_parameters]
    assert_close(pulled, [torch.tensor(by_name[name]) for name in names])


@every_case
def test_first_derivatives(case: cases.Case) -> None:
    batched = {"check_batched_grad": True, "check_batched_forward_grad": True}
    assert gradcheck(case.pure, leaves(case), fast_mode=True, check_forward_ad=True, **batched)


@pytest.mark.parametrize("case", cases.of_other_paths(EVERY), ids=str)
def test_second_derivatives(case: cases.Case) -> None:
    assert gradgradcheck(case.pure, leaves(case), fast_mode=True, check_fwd_over_rev=True, check_batched_grad=True)


@pytest.mark.by_kind
@every_case
def test_double_backward(case: cases.Case) -> None:
    """The gradient of a penalty on the gradient, as the Hessian gives it."""
    loss, values = weighted(case), leaves(case)
    first = torch.autograd.grad(loss(*values), values, create_graph=True)
    penalty = sum((part * part).sum() for part in first) / 2
    second = torch.autograd.grad(penalty, values)
    hessian = torch.func.hessian(loss, indices(case))(*case.differentiable)
    for i, got in enumerate(second):
        products = [torch.tensordot(first[j].detach(), hessian[j][i], dims=first[j].ndim) for j in indices(case)]
        assert_close(got, sum(products))


@pytest.mark.by_kind
@every_case
def test_forward_mode(case: cases.Case) -> None:
    dy, tangents = weights(case), tuple(torch.cos(value) for value in case.differentiable)
    pulled = gradients(lambda *values: (dy * case.pure(*values)).sum(), case.differentiable)
    expected = sum((part * tangent).sum() for part, tangent in zip(pulled, tangents, strict=True))
    _, tangent = torch.func.jvp(case.pure, case.differentiable, tangents)
    assert_close((dy * tangent).sum(), expected)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(*pair) for pair in zip(case.differentiable, tangents, strict=True)]
        assert_close(forward_ad.unpack_dual(case.pure(*duals)).tangent, tangent)


@pytest.mark.by_kind
@every_case
def test_func_grad_and_vjp(case: cases.Case) -> None:
    loss = weighted(case)
    expected = gradients(loss, case.differentiable)
    assert_close(torch.func.grad(loss, indices(case))(*case.differentiable), expected)
    y, pull = torch.func.vjp(case.pure, *case.differentiable)
    assert_close(pull(weights(case) + 2 * y), expected)


@pytest.mark.by_kind
@every_case
def test_jacobians(case: cases.Case) -> None:
    reverse = torch.func.jacrev(case.pure, indices(case))(*case.differentiable)
    forward = torch.func.jacfwd(case.pure, indices(case))(*case.differentiable)
    assert_close(forward, reverse)
    dy = weights(case)
    pulled = gradients(lambda *values: (dy * case.pure(*values)).sum(), case.differentiable)
    assert_close([torch.tensordot(dy, jacobian, dims=dy.ndim) for jacobian in reverse], pulled)


@pytest.mark.by_kind
@each_activation
def test_forward_over_forward(case: cases.Case, request: pytest.FixtureRequest) -> None:
    if case.activation is xact.normmax:
        reason = "the body finds a root, whose derivative the pullback alone knows"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    loss = weighted(case)
    forward = torch.func.jacfwd(torch.func.jacfwd(loss))(*case.differentiable)
    # By the body: a fitted polynomial is that good a derivative of a derivative.
    assert_close(forward, torch.func.hessian(loss)(*case.differentiable), ulps=1 << 14)


@pytest.mark.by_kind
@every_case
@pytest.mark.parametrize("dim", [0, -1])
def test_vmap(case: cases.Case, dim: int) -> None:
    batch = [torch.stack([array, -array, array + 0.5], dim) for array in case.arrays]
    rest = case.differentiable[len(case.arrays) :]
    dims = (dim,) * len(batch) + (None,) * len(rest)
    loss = weighted(case)
    rows = list(zip(*(array.unbind(dim) for array in batch), strict=True))
    values = torch.vmap(case.pure, in_dims=dims, out_dims=dim)(*batch, *rest)
    assert_close(values, torch.stack([case.pure(*row, *rest) for row in rows], dim))
    slopes = torch.vmap(torch.func.grad(loss, indices(case)), in_dims=dims)(*batch, *rest)
    expected = zip(*(gradients(loss, (*row, *rest)) for row in rows), strict=True)
    assert_close(slopes, [torch.stack(part) for part in expected])


@pytest.mark.by_kind
@pytest.mark.parametrize("case", [case for case in EVERY if case.array_parameters], ids=str)
def test_vmap_over_parameters(case: cases.Case) -> None:
    name = case.array_parameters[0]
    batch = torch.stack([case.parameters[name], case.parameters[name] + 0.25])
    values = torch.vmap(lambda parameter: case.call(**{name: parameter}))(batch)
    assert_close(values, torch.stack([case.call(**{name: parameter}) for parameter in batch]))
    slopes = torch.vmap(torch.func.grad(lambda parameter: case.call(**{name: parameter}).sum()))(batch)
    expected = [gradients(lambda parameter: case.call(**{name: parameter}).sum(), [one])[0] for one in batch]
    assert_close(slopes, torch.stack(expected))


@pytest.mark.by_kind(simplest=True)
@pytest.mark.parametrize(
    "case", [case for case in EVERY if len(case.activation.arrays) > 1 and not case.packed], ids=str
)
def test_one_tensor_given_twice(case: cases.Case) -> None:
    x = case.arrays[0]

    def twice(x):
        return case.pure(*(x for _ in case.arrays)).sum()

    expected = sum(gradients(lambda *values: case.pure(*values).sum(), [x for _ in case.arrays]))
    assert_close(gradients(twice, [x])[0], expected)
    assert_close(gradients(compiled(twice), [x])[0], expected)
    assert_close(compiled(torch.func.grad(twice))(x), expected)


@pytest.mark.by_kind
@every_case
def test_checkpointing(case: cases.Case) -> None:
    loss, values = weighted(case), leaves(case)
    y = checkpoint(loss, *values, use_reentrant=False)
    assert_close(torch.autograd.grad(y, values), gradients(loss, case.differentiable))


def test_a_tensor_that_outlives_its_transform() -> None:
    kept, x = [], torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True)
    torch.func.grad(lambda x: (kept.append(2 * x), x.sum())[1])(x)
    assert_close(torch.autograd.grad(xact.mish(kept[0]).sum(), x), gradients(lambda x: xact.mish(2 * x).sum(), [x]))


# What is drawn


@pytest.mark.parametrize("name", [name for name in SAMPLED if xact.get(name).elementwise])
def test_randomness_in_every_transform(name: str) -> None:
    activation = xact.get(name)
    x = cases.case(activation).converted(torch.tensor).arrays[0]

    def trained(x):
        return activation(x, training=True)

    def slope_is_drawn(y, slope):
        assert_close(slope * x, y.detach())
        assert len(slope.unique()) > x.numel() / 4

    y = trained(leaf := x.clone().requires_grad_())
    slope_is_drawn(y, torch.autograd.grad(y.sum(), leaf)[0])
    slope_is_drawn(*torch.func.jvp(trained, (x,), (torch.ones_like(x),)))
    y, pull = torch.func.vjp(trained, x)
    slope_is_drawn(y, pull(torch.ones_like(x))[0])
    y = compiled(trained)(leaf)
    slope_is_drawn(y, torch.autograd.grad(y.sum(), leaf)[0])
    batch = torch.stack([x, x])
    same = torch.vmap(trained, randomness="same")(batch)
    assert torch.equal(same[0], same[1])
    different = torch.vmap(trained, randomness="different")(batch)
    assert not torch.equal(different[0], different[1])
    hessian = torch.func.jacfwd(torch.func.grad(lambda x: trained(x).sum()), randomness="same")
    assert hessian(x).count_nonzero() == 0


@pytest.mark.parametrize("name", SAMPLED)
def test_generator(name: str) -> None:
    x = -torch.ones(64)
    drawn = [xact.get(name)(x, training=True, rng=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    with pytest.raises(TypeError, match=r"`rng` must be a torch\.Generator or None, got 3"):
        xact.get(name)(x, training=True, rng=3)


# Compiled


@pytest.mark.by_kind
@few_cases
def test_compile(case: cases.Case, request: pytest.FixtureRequest) -> None:
    # By default test_five_sizes_take_two_compilations alone has symbols in the place of sizes.
    dy = weights(case)
    expected = gradients(lambda *values: (dy * case.pure(*values)).sum(), case.differentiable)
    for dynamic in (False, True) if request.config.getoption("--every") else (False,):
        values = leaves(case)
        y = compiled(case.pure, dynamic=dynamic)(*values)
        assert_close(y.detach(), case.pure(*case.differentiable))
        assert_close(torch.autograd.grad(y, values, dy), expected)


@pytest.mark.by_kind(together=1)
@pytest.mark.parametrize("case", cases.of_any_shape([case for case in EVERY if not case.label]), ids=str)
@pytest.mark.slow
def test_five_sizes_take_two_compilations(case: cases.Case) -> None:
    counter = CompileCounterWithBackend("aot_eager")
    function = torch.compile(case.call, backend=counter, fullgraph=True)
    for size in (3, 4, 5, 6, 7):
        arrays = [torch.linspace(-2, 2, size * 4, dtype=torch.float64).reshape(size, 4) for _ in case.arrays]
        assert_close(function(*arrays), case.call(*arrays))
    assert counter.frame_count <= 2


@pytest.mark.by_kind(simplest=True, together=1)
@few_cases
@pytest.mark.slow
def test_transforms_inside_compile(case: cases.Case) -> None:
    loss, values = weighted(case), case.differentiable
    tangents = tuple(torch.cos(value) for value in values)
    batch = [torch.stack([array, -array]) for array in case.arrays]
    dims = (0,) * len(batch) + (None,) * (len(values) - len(batch))
    per_sample = torch.vmap(torch.func.grad(loss, indices(case)), in_dims=dims)

    def everything(values, tangents, batch):
        return (
            torch.func.grad(loss, indices(case))(*values),
            torch.func.jvp(case.pure, values, tangents),
            per_sample(*batch, *values[len(batch) :]),
        )

    given = (values, tangents, batch)
    assert_close(compiled(everything)(*given), everything(*given))


@pytest.mark.by_kind(simplest=True, together=1)
@few_cases
@pytest.mark.slow
def test_hessian_inside_compile(case: cases.Case) -> None:
    small = tuple(value[:1] if value.ndim > 1 else value for value in case.differentiable)
    weight = weights(case)[:1]

    def loss(*values):
        y = case.pure(*values)
        return (weight * y + y * y).sum()

    hessian = torch.func.hessian(loss, indices(case))
    assert_close(compiled(hessian)(*small), hessian(*small))


INDUCTOR = [case for case in FEW if case.packed or not case.activation.elementwise or case.array_parameters]


@pytest.mark.parametrize("case", [*INDUCTOR[:2], INDUCTOR[-1]], ids=str)
def test_inductor(case: cases.Case) -> None:
    values = leaves(case)
    y = torch.compile(case.pure, fullgraph=True)(*values)
    assert_close(y.detach(), case.pure(*case.differentiable))
    dy = weights(case)
    expected = gradients(lambda *values: (dy * case.pure(*values)).sum(), case.differentiable)
    assert_close(torch.autograd.grad(y, values, dy), expected)


def test_the_rule_is_used_by_every_transform(planted: xact.Activation) -> None:
    x = torch.tensor([0.5, -2.0], dtype=torch.float64)
    seven = torch.full_like(x, 7)

    def loss(x):
        return planted(x).sum()

    def every_way(x):
        return (
            torch.func.grad(loss)(x),
            torch.func.vjp(planted, x)[1](torch.ones_like(x))[0],
            torch.func.jvp(planted, (x,), (torch.ones_like(x),))[1],
            torch.vmap(torch.func.grad(planted))(x),
        )

    assert_close(every_way(x), [seven] * 4)
    assert_close(compiled(every_way)(x), [seven] * 4)
    assert_close(torch.compile(every_way, fullgraph=True)(x), [seven] * 4)
    for jacobian in (torch.func.jacrev(planted), torch.func.jacfwd(planted)):
        assert_close(jacobian(x), seven.diag())
        assert_close(compiled(jacobian)(x), seven.diag())
    assert_close(gradients(loss, [x])[0], seven)
    assert_close(gradients(compiled(loss), [x])[0], seven)
    assert_close(gradients(lambda x: checkpoint(loss, x, use_reentrant=False), [x])[0], seven)
    assert_close(torch.func.hessian(loss)(x), torch.zeros(2, 2, dtype=torch.float64))
    assert not gradcheck(planted, x.requires_grad_(), raise_exception=False)


class Calls(torch.nn.Module):
    def __init__(self, case: cases.Case) -> None:
        super().__init__()
        self.case = case

    def forward(self, *values):
        return self.case.pure(*values)


@pytest.mark.by_kind(simplest=True)
@few_cases
@pytest.mark.parametrize("strict", [True, False])
def test_export(case: cases.Case, strict: bool) -> None:
    auto = tuple({0: torch.export.Dim.AUTO} if value.ndim > 1 else None for value in case.differentiable)
    program = torch.export.export(Calls(case), case.differentiable, dynamic_shapes=(auto,), strict=strict)
    longer = [torch.cat([v, -v, v]) if v.ndim > 1 else v for v in case.differentiable]
    if "axis" not in case.options:
        assert_close(program.module()(*longer), case.pure(*longer))
    assert_close(program.module()(*case.differentiable), case.pure(*case.differentiable))


COLD = """
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message=".*torch.jit.*")
{imports}
import cases
chosen = cases.representatives(1) if {few} else xact.names()
given = [case.converted(torch.tensor) for case in cases.simple() if case.activation.name in chosen]
def everything(*arrays):
    return [case.pure(*(part.sin() for part in part_of)) for case, part_of in zip(given, arrays)]
arrays = [case.differentiable for case in given]
results = torch.compile(everything, backend="aot_eager", fullgraph=True)(*arrays)
for got, expected in zip(results, everything(*arrays), strict=True):
    torch.testing.assert_close(got, expected, equal_nan=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import torch\nimport xact", "import xact\nimport torch"])
def test_first_use_inside_compile(imports: str, request: pytest.FixtureRequest) -> None:
    few = not request.config.getoption("--every")
    script = f"import sys; sys.path[:0] = {sys.path!r}\n" + COLD.format(imports=imports, few=few)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


# Tensors that hold no numbers


LAYOUTS = {
    "contiguous": lambda x: x,
    "permuted": lambda x: x.permute(2, 0, 1),
    "sliced": lambda x: x[:, :, ::2],
}


@pytest.mark.by_kind
@pytest.mark.parametrize("case", [tensors(case) for case in cases.every((4, 6, 8))], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_meta_and_fake_tensors(case: cases.Case, dtype: torch.dtype) -> None:
    for lay in LAYOUTS.values():
        arrays = [lay(array.to(dtype)) for array in case.arrays]
        parameters = {
            name: value if name in case.activation.vectors else value.mean()
            for name, value in case.parameters.items()
            if name in case.array_parameters
        }
        real = case.call(*arrays, **parameters)

        def same(y, like, real=real):
            return (y.shape, y.dtype, y.device, y.stride()) == (real.shape, dtype, like.device, real.stride())

        meta = [torch.empty_strided(array.shape, array.stride(), dtype=dtype, device="meta") for array in arrays]
        assert same(case.call(*meta, **{name: value.to("meta") for name, value in parameters.items()}), meta[0])
        with FakeTensorMode() as mode:
            fake = [mode.from_tensor(array) for array in arrays]
            y = case.call(*fake, **{name: mode.from_tensor(value) for name, value in parameters.items()})
        assert isinstance(y, FakeTensor)
        assert same(y, fake[0])


# Autocast


native = pytest.mark.parametrize("case", NATIVE, ids=str)
low_precisions = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)


def called_as_torch_names_it(case: cases.Case, function, device: str, dtype: torch.dtype):
    """The call with the arguments that torch.nn.functional takes, and its array."""
    options = {} if case.activation.elementwise else {"dim": -1}
    parameters = [torch.full((1,), value, dtype=dtype, device=device) for value in case.parameters.values()]
    if case.activation is xact.threshold:
        parameters = [*case.parameters.values()]
    array = torch.cat(case.arrays, -1) if case.activation.layout else case.arrays[0]
    return lambda x: function(x, *parameters, **options), array.to(device, dtype).detach().clone().requires_grad_()


@native
@low_precisions
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_autocast_as_torch(case: cases.Case, low: torch.dtype, dtype: torch.dtype, device: str) -> None:
    ours, x = called_as_torch_names_it(case, case.activation, device, dtype)
    theirs, _ = called_as_torch_names_it(case, getattr(torch.nn.functional, case.activation.name), device, dtype)
    with torch.autocast(device, dtype=low):
        y, expected = ours(x), theirs(x)
    assert y.dtype == expected.dtype
    y.sum().backward()
    assert x.grad.dtype == dtype
    precision = max(torch.finfo(low).eps, torch.finfo(dtype).eps)
    torch.testing.assert_close(y, expected, rtol=2 * precision, atol=2 * precision)


@native
@pytest.mark.slow
def test_autocast_inside_compile(case: cases.Case) -> None:
    ours, x = called_as_torch_names_it(case, case.activation, "cpu", torch.float32)

    def low(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return ours(x)

    y = compiled(low)(x)
    assert y.dtype == low(x).dtype
    torch.testing.assert_close(y, low(x), rtol=2 * torch.finfo(y.dtype).eps, atol=2 * torch.finfo(y.dtype).eps)


# Subclasses


class Tagged(torch.Tensor):
    """A subclass that counts the operations that reach it."""

    count = 0

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.count += 1
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.by_kind
@every_case
def test_function_subclass(case: cases.Case) -> None:
    values = [value.as_subclass(Tagged) for value in leaves(case)]
    before = Tagged.count
    y = case.pure(*values)
    assert type(y) is Tagged
    assert Tagged.count > before
    pulled = torch.autograd.grad(y, values, weights(case))
    plain = leaves(case)
    expected = torch.autograd.grad(case.pure(*plain), plain, weights(case))
    assert_close([part.as_subclass(torch.Tensor) for part in pulled], expected)


@pytest.mark.by_kind
@every_case
def test_dispatch_subclass(case: cases.Case) -> None:
    values = [TwoTensor(value.detach(), value.detach() + 0.25).requires_grad_() for value in leaves(case)]
    y = case.pure(*values)
    assert isinstance(y, TwoTensor)
    assert_close(y.detach().a, case.pure(*case.differentiable))
    assert_close(y.detach().b, case.pure(*(value + 0.25 for value in case.differentiable)))
    y.sum().backward()
    expected = gradients(lambda *values: case.pure(*values).sum(), case.differentiable)
    assert_close([value.grad.a for value in values], expected)


@pytest.fixture(scope="module")
def mesh():
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    with warnings.catch_warnings():
        yield torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


@pytest.mark.by_kind
@every_case
@pytest.mark.parametrize("placement", [Shard(0), Shard(1), Replicate()], ids=str)
def test_distributed_tensor(case: cases.Case, placement, mesh) -> None:
    def distribute(value, placement):
        return distribute_tensor(value, mesh, [placement]).requires_grad_()

    arrays = [distribute(value, placement) for value in case.arrays]
    rest = [distribute(value, Replicate()) for value in case.differentiable[len(arrays) :]]
    y = case.pure(*arrays, *rest)
    assert isinstance(y, DTensor)
    if "axis" not in case.options:
        assert y.placements == (placement,)
    assert_close(y.full_tensor().detach(), case.pure(*case.differentiable))
    dy = weights(case)
    y.backward(distribute_tensor(dy, mesh, [placement]))
    expected = gradients(lambda *values: (dy * case.pure(*values)).sum(), case.differentiable)
    assert_close([value.grad.full_tensor() for value in (*arrays, *rest)], expected)


# Tracing


@pytest.mark.by_kind
@every_case
def test_symbolic_trace(case: cases.Case) -> None:
    given = case.differentiable
    source = ", ".join(f"v{i}" for i in indices(case))
    function = eval(f"lambda {source}: case.pure({source})", {"case": case})
    traced = torch.fx.symbolic_trace(function)
    called = [node for node in traced.graph.nodes if node.op == "call_function"]
    assert len(called) == 1
    for module in (traced, copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert_close(module(*given), case.pure(*given))


@pytest.mark.parametrize("name", ["leaky_relu(0.25)", "softplus(beta=2)", "elu(alpha=0.5)"])
def test_symbolic_trace_of_bound_activations(name: str) -> None:
    activation = xact.get(name)
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)
    traced = torch.fx.symbolic_trace(lambda x: activation(x))
    for module in (traced, pickle.loads(pickle.dumps(traced))):
        assert_close(module(x), activation(x))
        assert not torch.equal(module(x), activation.original(x))


TRACED: dict[str, Callable[..., Any]] = {
    "derivative": lambda x: xact.derivative("elu", wrt="alpha")(x, 0.5),
    "of order 2": lambda x: xact.derivative("gelu", order=2)(x),
    "of a bound one": lambda x: xact.derivative("softplus(beta=2)")(x),
    "value": lambda x: xact.value_and_derivative("mish")(x)[0],
    "value and derivative": lambda x: xact.value_and_derivative("mish")(x)[1],
    "vjp": lambda x: xact.vjp("softmax", x, axis=0)[1](x * x)[0],
    "vjp of a gate": lambda x: xact.vjp("swiglu", x, x)[1](x * x)[1],
}


@pytest.mark.parametrize("name", TRACED)
def test_symbolic_trace_of_derivatives(name: str) -> None:
    function, x = TRACED[name], torch.linspace(-2, 2, 6, dtype=torch.float64)
    traced = torch.fx.symbolic_trace(function)
    for module in (traced, copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert_close(module(x), function(x))
