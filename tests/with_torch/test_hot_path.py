"""The compiled kernels of eager calls, on the CPU: the same code runs on a GPU."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import cases
import numpy as np
import pytest

import xact

torch = pytest.importorskip("torch")

from torch.fx.experimental.proxy_tensor import make_fx

import xact.nn
from xact.backends import hot_path as kernels
from xact.backends import torch_compiled, torch_kernels

# Most of these build kernels with a compiler.
pytestmark = pytest.mark.slow

SHAPE = (2, 3, 5, 6)
DTYPES = [torch.float32, torch.bfloat16]
# Those whose eager kernel, or on a CPU that of the value, is torch's own, that take the array as a whole, or that
# bisect, are never compiled; nor is a parameter that is broadcast along an axis.
NEVER = {*torch_kernels.NATIVE, *torch_kernels.NATIVE_VALUE, "ab_relu", "budget", "entmax", "normmax"}
EVERY = [case for case in cases.every(SHAPE) if case.activation.key not in NEVER and "vector" not in case.label]
SIMPLE = [case for case in EVERY if not case.label]


def keeps_shape(case: cases.Case) -> bool:
    return case.activation.name not in ("crelu", "logmeanexp", "logsumexp", "maxout")


class Compiler:
    """Stands for Inductor: counts compilations and the calls of what was compiled."""

    def __init__(self) -> None:
        self.compilations = 0
        self.calls = 0

    def build(self, graph, inputs) -> Callable:
        self.compilations += 1
        function = torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

        def run(*arguments):
            self.calls += 1
            return function(*arguments)

        return run


@pytest.fixture(autouse=True)
def fresh_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kernels, "_broken", False)
    monkeypatch.setattr(kernels, "_mode", "auto")
    kernels._kernel.cache_clear()
    yield
    kernels._kernel.cache_clear()


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """Every kernel through AOTAutograd alone: Inductor would take a second for each."""
    counter = Compiler()
    monkeypatch.setattr(torch_compiled, "inductor", counter.build)
    return counter


def in_dtype(case: cases.Case, dtype: torch.dtype = torch.float32) -> cases.Case:
    return case.converted(lambda array: torch.tensor(array, dtype=dtype).requires_grad_())


def evaluate(case: cases.Case, mode: str) -> tuple[torch.Tensor, ...]:
    """The value, the value without recording, and the gradients."""
    with xact.nn.hot_path(mode):
        y = case.pure(*case.differentiable)
        dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
        gradients = torch.autograd.grad(y, case.differentiable, dy)
        with torch.no_grad():
            return (case.pure(*case.differentiable), y.detach(), *gradients)


def assert_close(
    got: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...], case: cases.Case | None = None
) -> None:
    # A sum has the rounding errors of all its terms, along an axis or over the whole array.
    ulps = 4 if case is None or case.activation.elementwise else 16
    for one, two in zip(got, expected, strict=True):
        assert (one.shape, one.dtype) == (two.shape, two.dtype)
        eps = torch.finfo(one.dtype).eps
        torch.testing.assert_close(
            one, two, rtol=(ulps if one.ndim else 4 * torch.Size(SHAPE).numel()) * eps, atol=ulps * eps
        )


@pytest.mark.by_kind(simplest=True)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", [case for case in EVERY if not case.activation.vectors and keeps_shape(case)], ids=str)
def test_as_eager(case: cases.Case, dtype: torch.dtype, compiler: Compiler) -> None:
    case = in_dtype(case, dtype)
    expected = evaluate(case, "eager")
    assert compiler.calls == 0
    assert_close(evaluate(case, "compile"), expected, case)
    assert (compiler.compilations, compiler.calls) == (2, 3)


def kinds() -> list[cases.Case]:
    """A gate, what is drawn, a learnt number, an option, and a plain function."""
    chosen: dict[object, cases.Case] = {}
    for case in EVERY:
        activation = case.activation
        kind = (activation.layout is not None, activation.sampled, bool(case.array_parameters), bool(case.options))
        chosen.setdefault(kind, case)
    return [case for case in chosen.values() if not case.packed]


KINDS = [(case, torch.float32) for case in kinds()]


@pytest.mark.parametrize(("case", "dtype"), [*KINDS, (KINDS[-1][0], torch.bfloat16)], ids=str)
def test_inductor(case: cases.Case, dtype: torch.dtype) -> None:
    case = in_dtype(case, dtype)
    compiled = evaluate(case, "compile")
    assert_close(compiled, evaluate(case, "eager"), case)
    for one, two in zip(compiled, evaluate(case, "compile"), strict=True):
        assert torch.equal(one, two)


def test_a_small_first_array_leaves_the_kernel_parallel() -> None:
    from torch._inductor.utils import fresh_cache, run_and_get_code

    with fresh_cache(), xact.nn.hot_path("compile"), torch.no_grad():
        _, codes = run_and_get_code(lambda: xact.softsign(torch.ones(8)))
    assert "#pragma omp parallel" in codes[0]


def test_a_loop_over_whole_rows_has_no_remainder() -> None:
    from torch._inductor.utils import fresh_cache, run_and_get_code

    with fresh_cache(), xact.nn.hot_path("compile"), torch.no_grad():
        whole, rest = (run_and_get_code(lambda n=n: xact.softsign(torch.ones(n)))[1][0] for n in (128, 130))
    assert "64L*ks0" in whole
    assert "div_floor_integer" not in whole
    assert "div_floor_integer" in rest


def test_kernels_are_built_once(compiler: Compiler) -> None:
    """One forward and one backward for each dtype, whatever numbers, sizes and layouts come, and the same for what
    is whole rows.
    """
    case = next(case for case in SIMPLE if case.activation.body.parameters)
    name = next(iter(case.activation.body.parameters))
    with xact.nn.hot_path("compile"):
        for dtype in DTYPES:
            before = compiler.compilations
            for size in (2, 3, 5, 8, 13):
                x = torch.linspace(-2, 2, size * 6, dtype=dtype).reshape(2, size, 3).requires_grad_()
                for y in (case.activation(x), case.activation(x.mT), case.activation(x.flatten())):
                    y.sum().backward()
                with torch.no_grad():
                    case.activation(x.detach())
            assert compiler.compilations == before + 2
            for rows in (2, 3, 5):
                x = torch.linspace(-2, 2, rows * torch_compiled.ROW, dtype=dtype).reshape(rows, -1).requires_grad_()
                for y in (case.activation(x), case.activation(x.mT), case.activation(x.flatten())):
                    y.sum().backward()
            assert compiler.compilations == before + 4
        before = compiler.compilations
        for _ in range(2):
            case.activation(x, **{name: 1.25}).sum().backward()
        assert compiler.compilations == before


def lengthened(case: cases.Case, length: int) -> cases.Case:
    """The case with arrays of two rows, or of no shape but this length."""
    shape = (length,) if case.activation.elementwise else (2, length)
    return case.converted(
        lambda value: torch.tensor(np.resize(value, shape) if np.size(value) > 1 else value, dtype=torch.float32)
    ).converted(torch.Tensor.requires_grad_)


@pytest.mark.parametrize("case", kinds(), ids=str)
def test_known_shapes_go_past_dynamo(case: cases.Case, compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bits are those of the first call; shapes that break a condition go through Dynamo first."""
    called, through = [], torch_compiled.Kernel.__init__

    def noted(kernel, *given):
        through(kernel, *given)
        compiled = kernel._through_dynamo
        kernel._through_dynamo = lambda *arrays: called.append(kernel) or compiled(*arrays)

    monkeypatch.setattr(torch_compiled.Kernel, "__init__", noted)
    for length in (2, 3, 5, 0, 1, 640, 1 << 17):
        given = lengthened(case, length)
        first = evaluate(given, "compile")
        before = len(called)
        assert before > 0
        again = evaluate(given, "compile")
        assert len(called) == before
        for one, two in zip(first, again, strict=True):
            assert torch.equal(one, two)
        assert_close(first, evaluate(given, "eager"), case)


AXES = [xact.softmax, xact.log_softmax, xact.standardize, xact.bipolar_relu, xact.crelu, xact.maxout, xact.logsumexp]
ORDERS = [
    lambda x: x,
    lambda x: x.permute(2, 0, 3, 1),
    lambda x: x.contiguous(memory_format=torch.channels_last),
    lambda x: x[:1],
    lambda x: x[..., ::2],
]


@pytest.mark.parametrize("activation", AXES, ids=str)
def test_along_every_axis(activation: xact.Activation, compiler: Compiler) -> None:
    """One forward kernel for the last axis and one for the others, but for those that are 1 long."""
    for order in ORDERS:
        x = order(torch.linspace(-2, 2, 480).reshape(2, 4, 6, 10)).detach().requires_grad_()
        for axis in (0, 1, 2, -1):
            if activation is xact.maxout and x.shape[axis] % 2:
                continue

            def results(mode: str, x=x, axis=axis) -> tuple[torch.Tensor, ...]:
                with xact.nn.hot_path(mode):
                    y = activation(x, axis=axis)
                    return y.detach(), *torch.autograd.grad(y, x, torch.linspace(-1, 2, y.numel()).reshape(y.shape))

            calls, got, expected = compiler.calls, results("compile"), results("eager")
            assert compiler.calls > calls
            for one, two in zip(got, expected, strict=True):
                torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)
            if got[0].shape == x.shape:
                assert got[0].stride() == expected[0].stride()


@pytest.mark.parametrize("name", ["ab_relu", "budget", "entmax", "normmax"])
def test_never_compiled(name: str, compiler: Compiler) -> None:
    with xact.nn.hot_path("compile"):
        xact.get(name)(torch.linspace(-2, 2, 24).reshape(4, 6).requires_grad_()).sum().backward()
    assert compiler.calls == 0


def test_equal_lengths_are_not_taken_for_one(compiler: Compiler) -> None:
    with xact.nn.hot_path("compile"):
        for shape in ((6, 6), (6, 6), (6, 5), (6, 5), (5, 6), (3, 7, 3), (3, 7, 4), (3, 7, 4)):
            x = torch.linspace(-2, 2, math.prod(shape)).reshape(shape)
            torch.testing.assert_close(xact.softmax(x, 1), torch.softmax(x, 1))


def test_conditions_of_a_kernel() -> None:
    """What Inductor asks of the shape is asked before its function is called; it has two kernels for sums."""
    kernel = torch_compiled.Kernel("sum", lambda x, y: (x * y, (x * y).sum()), rows=True)
    row = torch_compiled.ROW
    for rows in (2, 5, 1000, 3, 1):
        x = torch.arange(float(rows * row)).remainder(7).reshape(rows, row)
        for _ in range(2):
            product, total = kernel((rows, row), [x, x + 1])
            assert torch.equal(product, x * (x + 1))
            assert total == (x * (x + 1)).sum()
    few, many, one = kernel._built
    assert [built.takes((1, row)) for built in (few, many, one)] == [False, False, True]
    assert few.takes((2, row))
    assert not few.takes((1000, row))
    assert many.takes((1000, row))
    assert not many.takes((1000,))
    assert {*kernel._of_shape} == {(rows, row) for rows in (1, 2, 3, 5, 1000)}


def test_graphs_of_another_form_stay_with_dynamo(compiler: Compiler) -> None:
    """An array that is given twice, a result that is returned twice."""
    x, y = torch.ones(3), torch.full((3,), 2.0)

    def doubled(x):
        double = 2 * x
        return double, double

    twice = torch_compiled.Kernel("twice", doubled)
    for _ in range(2):
        assert all(torch.equal(result, 2 * y) for result in twice((3,), [y]))
    product = torch_compiled.Kernel("product", lambda x, y: x - 2 * y)
    for pair in ((y, y), (x, y), (y, x), (y, x)):
        assert torch.equal(product((3,), [*pair]), pair[0] - 2 * pair[1])


def test_no_activation_falls_back_for_their_number(compiler: Compiler) -> None:
    several = SIMPLE[:10]
    assert len(several) > 8
    with torch._dynamo.config.patch(recompile_limit=8):
        for round in (1, 2):
            for case in several:
                evaluate(in_dtype(case), "compile")
            assert compiler.compilations == 2 * len(several)
            assert compiler.calls == 3 * len(several) * round


OF_ANY_SHAPE = [case for case in cases.of_any_shape(SIMPLE) if keeps_shape(case)]


@pytest.mark.by_kind
@pytest.mark.parametrize("case", OF_ANY_SHAPE, ids=str)
def test_memory_orders(case: cases.Case, compiler: Compiler) -> None:
    orders = [
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x.permute(3, 1, 0, 2),
        lambda x: x[:, 1:, ::2, ::2],
        lambda x: x[:, :1].expand(SHAPE),
        lambda x: x[0, 0, 0, 0],
        lambda x: x[:0],
        lambda x: x.flatten()[:1],
        # Of whole rows.
        lambda x: x.repeat(2, 2, 2, 2),
        lambda x: x.repeat(2, 2, 2, 2).permute(3, 1, 0, 2),
        lambda x: x.repeat(2, 2, 2, 2).flatten()[: torch_compiled.ROW],
    ]
    for order in orders:
        laid = case.converted(
            lambda value, order=order: order(torch.tensor(value, dtype=torch.float32)).requires_grad_()
        )
        got, expected = evaluate(laid, "compile"), evaluate(laid, "eager")
        assert_close(got, expected, case)
        assert [value.stride() for value in got[:2]] == [value.stride() for value in expected[:2]]
    assert compiler.calls == 3 * len(orders)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_transforms_inside(case: cases.Case, compiler: Compiler) -> None:
    def second(x, *rest):
        first = torch.autograd.grad((case.call(x, *rest) ** 2).sum(), x, create_graph=True)[0]
        return torch.autograd.grad((first**2).sum(), x)[0]

    def transforms():
        arrays = [torch.tensor(array, requires_grad=True) for array in case.arrays]
        plain = [array.detach() for array in arrays]
        batched = torch.vmap(case.call)(*plain)
        ones = tuple(torch.ones_like(array) for array in plain)
        return second(*arrays), batched, torch.func.jvp(case.call, tuple(plain), ones)[1]

    with xact.nn.hot_path("eager"):
        expected = transforms()
    with xact.nn.hot_path("compile"):
        got = transforms()
    eps = torch.finfo(torch.float64).eps
    torch.testing.assert_close(got, expected, rtol=64 * eps, atol=64 * eps)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_memory(case: cases.Case, compiler: Compiler) -> None:
    case, saved = in_dtype(case), []
    with (
        xact.nn.hot_path("compile"),
        torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor),
    ):
        case.pure(*case.differentiable)
    assert compiler.calls == 1
    assert 0 < len(saved) <= len(case.arrays)
    assert {tensor.dtype for tensor in saved} == {torch.float32}


def test_who_records_operations_sees_them(compiler: Compiler) -> None:
    case = in_dtype(next(case for case in SIMPLE if case.activation.name == "gelu"))
    x = case.arrays[0].detach()
    with xact.nn.hot_path("compile"):
        graph = make_fx(case.call)(x).graph
        assert sum(node.op == "call_function" for node in graph.nodes) > 1
        assert case.call(torch.empty(3, device="meta")).is_meta
        compiled = torch.compile(lambda x: case.call(x), fullgraph=True)
        assert_close((compiled(x),), (case.call(x),))


def test_modes(compiler: Compiler) -> None:
    case = in_dtype(SIMPLE[0])

    def compiled() -> bool:
        before = compiler.calls
        case.call()
        return compiler.calls > before

    assert not compiled()
    xact.nn.hot_path("compile")
    assert compiled()
    with xact.nn.hot_path("eager"):
        assert not compiled()
        with xact.nn.hot_path("compile"):
            assert compiled()
        assert not compiled()
    assert compiled()
    with pytest.raises(RuntimeError, match="planned"), xact.nn.hot_path("eager"):
        raise RuntimeError("planned")
    assert compiled()
    xact.nn.hot_path("auto")
    assert not compiled()
    with pytest.raises(ValueError, match="'auto', 'compile' or 'eager', got 'fast'"):
        xact.nn.hot_path("fast")


def broken(*given, **options):
    raise RuntimeError("no compiler")


@pytest.mark.parametrize("place", [(torch, "compile"), (torch_compiled, "inductor")], ids=lambda place: place[1])
def test_a_broken_compiler_means_one_warning(place, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [in_dtype(case) for case in SIMPLE[:3]]
    expected = [evaluate(case, "eager") for case in given]
    monkeypatch.setattr(*place, broken)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        got = [evaluate(case, "compile") for case in given]
    assert [str(one.message).partition("(")[0] for one in seen] == ["xact: torch.compile failed "]
    for one, two in zip(got, expected, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, two, strict=True))


def test_a_compiler_that_breaks_later_means_one_warning(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of the value is there, that of the gradient cannot be built."""
    case = in_dtype(SIMPLE[0])
    expected = evaluate(case, "eager")
    with xact.nn.hot_path("compile"):
        y = case.call()
        monkeypatch.setattr(torch, "compile", broken)
        dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
        with pytest.warns(UserWarning, match="torch.compile failed") as seen:
            gradients = torch.autograd.grad(y, case.differentiable, dy)
    assert len(seen) == 1
    assert_close(gradients, expected[2:])


def test_a_wrong_call_is_not_the_compilers_fault(compiler: Compiler) -> None:
    x = torch.ones(4, 6)
    with xact.nn.hot_path("compile"):
        for _ in range(2):
            with pytest.raises(xact.ShapeError, match="no multiple of `pieces` = 4"):
                xact.maxout(x, 4)
        assert torch.equal(xact.maxout(x, 3), x[:, :2])
    assert compiler.calls == 1
    assert not kernels._broken


def test_out_of_memory_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arrays):
        raise torch.OutOfMemoryError("planned")

    monkeypatch.setattr(torch, "compile", lambda function, **options: full)
    with xact.nn.hot_path("compile"), pytest.raises(torch.OutOfMemoryError, match="planned"):
        in_dtype(SIMPLE[0]).call()
    assert not kernels._broken


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_large_tensors_on_a_gpu_are_compiled(compiler: Compiler) -> None:
    for size, calls in ((kernels.LARGE - 1, 0), (kernels.LARGE, 1)):
        SIMPLE[0].activation(torch.ones(size, device="cuda"))
        assert compiler.calls == calls


NUMBERS = [
    (case, name)
    for case in SIMPLE
    for name in case.activation.body.parameters
    if name not in case.activation.vectors and name not in case.activation.body.masks
]


@pytest.mark.parametrize(("case", "name"), NUMBERS, ids=lambda value: str(value))
def test_a_number_that_changes_is_compiled_once(case: cases.Case, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, over 20 values of every parameter, with the values of eager calls."""
    built = []
    monkeypatch.setattr(torch_compiled, "inductor", lambda graph, inputs: built.append(graph) or graph)
    case, start = in_dtype(case), float(cases._number(case.activation, name))
    for step in range(20):
        varied = replace(case, parameters={**case.parameters, name: start * (1 + 0.01 * step) + 0.001 * step})
        if step in (0, 19) and not case.activation.sampled:
            assert_close(evaluate(varied, "compile"), evaluate(varied, "eager"), varied)
        else:
            evaluate(varied, "compile")
    assert len(built) == 2


def test_numbers_are_told_apart(compiler: Compiler) -> None:
    """Two that are equal, then not; a zero and its negative; a whole number and a float."""
    x = torch.linspace(-2, 2, 50)
    with xact.nn.hot_path("compile"):
        for alpha, beta in ((1.0, 1.0), (2, 1), (1, 2.0), (-0.0, 0.0), (0.0, -0.0)):
            got = xact.snake_beta(x, 1.0, 1.0), xact.acon_c(x, alpha, 0.5, beta)
            with xact.nn.hot_path("eager"):
                assert_close(got, (xact.snake_beta(x, 1.0, 1.0), xact.acon_c(x, alpha, 0.5, beta)))
    assert compiler.compilations == 2


def test_caches_are_bounded() -> None:
    assert kernels._kernel.cache_info().maxsize == kernels.KERNELS
    assert kernels._number.cache_info().maxsize == kernels.NUMBERS
