"""NumPy: what the blocks and threads of large arrays must not change, and what a ufunc's user takes for granted."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cases
import ml_dtypes
import mpmath
import numpy as np
import pytest

import xact

pytestmark = pytest.mark.needs("numpy")

backend = pytest.importorskip("xact.backends.numpy")

CASES = cases.every()
SIMPLE = cases.simple()
OF_ANY_SHAPE = cases.of_any_shape(SIMPLE)
ELEMENTWISE = [case for case in SIMPLE if case.activation.elementwise]


def same(got: Any, expected: Any) -> None:
    """Equal to the bit, in dtype and shape too."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()


def test_exponential() -> None:
    """0.5 ULP in float32, which no bound of an activation is close enough to show."""
    x = np.random.default_rng(0).uniform(-87, 88, 2000).astype(np.float32)
    y = backend.xp.exp(x)
    assert y.dtype == np.float32
    for one, got in zip(x, y, strict=True):
        exact = mpmath.exp(mpmath.mpf(float(one)))
        assert abs(float(got) - exact) <= 0.500001 * float(np.spacing(np.float32(exact)))


@contextlib.contextmanager
def evaluated(monkeypatch: pytest.MonkeyPatch, block: int, threads: int = 1) -> Iterator[None]:
    """Cut arrays into blocks of so many bytes, whatever the machine, over so many threads."""
    with monkeypatch.context() as patch:
        patch.setattr(backend, "BLOCK", block)
        patch.setattr(backend, "SHARED_BLOCK", block)
        patch.setattr(backend, "PARALLEL", 1)
        patch.setattr(backend, "_threads", lambda: threads)
        backend._pool.cache_clear()
        yield
        backend._pool.cache_clear()


def results(case: cases.Case) -> list[np.ndarray]:
    """The value, and each derivative that has a rule."""
    wanted = [case.call()]
    if case.activation.elementwise and not case.packed:
        given = {**case.parameters, **case.options}
        for name in case.activation.rules:
            wanted.append(xact.derivative(case.activation, name)(*case.arrays, **given))
    return wanted


@dataclass
class Probe:
    """An expression of one array, as a definition has them."""

    function: Callable[[np.ndarray], Any]
    names: tuple[str, ...] = ("x",)

    def __call__(self, values: dict[str, Any], xp: Any) -> Any:
        return self.function(values["x"])


@pytest.mark.by_kind
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_blocks_and_threads_change_no_bit(case: cases.Case, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in cases.cases(case.activation, (4, 7, 402)) if c.label == case.label)
    case = case.converted(lambda array: array.astype(dtype))
    with evaluated(monkeypatch, 1 << 30):
        whole = results(case)
    # 17 is no power of two: blocks then start at every alignment.
    for block, threads in ((1 << 10, 1), (17 * 8, 1), (1 << 12, 2), (17 * 8, 5)):
        with evaluated(monkeypatch, block, threads):
            for got, expected in zip(results(case), whole, strict=True):
                same(got, expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("case", [case for case in cases.every((4, 6, 8)) if not case.activation.elementwise], ids=str)
def test_blocks_of_rows(case: cases.Case, axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and cotangents along every axis; sums may be added in another order."""
    given = {**case.parameters, **case.options}
    if "axis" in case.activation.defaults and "bias-vector" not in case.label:
        given["axis"] = axis

    def evaluate() -> list[np.ndarray]:
        y, pullback = xact.vjp(case.activation, *case.arrays, **given)
        return [y, *pullback(np.linspace(-1, 2, y.size).reshape(y.shape))]

    with evaluated(monkeypatch, 1 << 30):
        expected = evaluate()
    for threads in (1, 3):
        with evaluated(monkeypatch, 200, threads):
            for got, whole in zip(evaluate(), expected, strict=True):
                np.testing.assert_allclose(got, whole, rtol=4e-15, atol=4e-15)


def test_rows_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def body(x: np.ndarray) -> np.ndarray:
        seen.append(x.shape)
        return x.sum(-1)

    x = np.arange(60.0).reshape(3, 4, 5)
    along = Probe(body, ("x", "axis"))
    with evaluated(monkeypatch, 80):
        same(backend.evaluate(along, x, {"x": x, "axis": 1}, False), x.sum(1))
        assert seen == [(2, 4)] * 7 + [(1, 4)]
        seen.clear()
        # Of a mask with another shape, and where there is one row, nothing is cut.
        for values in ({"x": x, "mask": x[0], "axis": -1}, {"x": x.reshape(1, 1, 60), "axis": -1}):
            backend.evaluate(along, x, values, False)
        assert seen == [(3, 4, 5), (1, 1, 60)]


def test_every_block_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """More threads than blocks, and sizes next to the edges."""
    for size in (1, 2, 15, 16, 17, 31, 32, 33, 1000):
        x = np.linspace(-4, 4, size)
        for threads in (1, 2, 3, 64):
            with evaluated(monkeypatch, 16 * 8, threads):
                same(xact.sigmoid(x), np.array([xact.sigmoid(v) for v in x]))


def test_large_arrays_are_cut() -> None:
    """The constants are such that blocks and, on a machine that has them, threads are used at all."""
    seen = set()
    sizes = set()

    def body(x: np.ndarray) -> np.ndarray:
        seen.add(threading.current_thread())
        sizes.add(x.size)
        return x

    x = np.zeros(1 << 21, np.float32)
    backend.evaluate(Probe(body), x, {"x": x}, True)
    assert max(sizes) * x.itemsize <= max(backend.BLOCK, backend.SHARED_BLOCK) < x.nbytes
    workers = backend._threads()
    assert len(seen) <= workers
    assert (threading.current_thread() in seen) == (workers == 1)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_native_selection_is_np_where(case: cases.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The selection by bits gives what np.where gives, for special values too."""
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.0, -104.0, 800.0, -800.0]
    for dtype in (np.float32, np.float64):
        first = np.resize(np.array(special, dtype), 2048)
        arrays = [np.roll(first, 3 * i) for i in range(len(case.arrays))]
        fast = case.call(*arrays)
        with monkeypatch.context() as patch:
            patch.setattr(backend, "BRANCHLESS", 1 << 30)
            same(fast, case.call(*arrays))


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda a: a,
    "F": np.asfortranarray,
    "transposed": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, 1)), 0, 1),
    "sliced": lambda a: np.repeat(np.repeat(a, 3, axis=-1), 2, axis=0)[1::2, :, 2::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, :, ::-1])[::-1, :, ::-1],
    "offset": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "rows": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
}


@pytest.mark.by_kind
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 40, 501)], ids=["small", "large"])
@pytest.mark.parametrize("case", OF_ANY_SHAPE, ids=str)
def test_every_layout(case: cases.Case, shape: tuple[int, ...], layout: str) -> None:
    case = cases.case(case.activation, shape)
    for dtype in (np.float32, np.float64):
        plain = case.converted(lambda array: array.astype(dtype))
        laid = plain.converted(LAYOUTS[layout])
        before = [array.tobytes() for array in laid.arrays]
        for array in laid.arrays:
            array.flags.writeable = False
        got, x = laid.call(), laid.arrays[0]
        assert got.dtype == x.dtype
        native = got.astype(dtype)
        if case.activation.elementwise:
            same(native, plain.call())
            same(
                xact.derivative(case.activation)(*laid.arrays, **laid.parameters).astype(dtype),
                xact.derivative(case.activation)(*plain.arrays, **plain.parameters),
            )
        else:
            # The order of a sum follows the layout; where its terms cancel, what is left is small beside them.
            expected, error = plain.call(), x.shape[-1] * np.finfo(dtype).eps
            np.testing.assert_allclose(native, expected, rtol=error, atol=error * np.max(np.abs(expected)))
        if got.shape == x.shape:
            assert got.strides == np.exp(x).strides
        assert [array.tobytes() for array in laid.arrays] == before


@pytest.mark.parametrize("function", [np.exp, np.expm1, np.log1p, np.tanh])
def test_the_layout_changes_no_rounding(function: Callable[[np.ndarray], Any]) -> None:
    """NumPy's own functions have other loops for reversed axes, whose last bit may differ."""
    for size in (301, 100_003):
        x = np.random.default_rng(0).uniform(0, 8, (2, size))
        expected = function(x)
        for layout, lay in LAYOUTS.items():
            laid = lay(x[None])[0] if layout != "swapped" else x
            same(backend.evaluate(Probe(function), laid, {"x": laid}, True), expected)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_broadcast_views(case: cases.Case) -> None:
    """Views that repeat one element in memory, which no write could be right for."""
    for shape in ((2, 3, 4), (4, 50, 300)):
        views = [np.broadcast_to(array[..., :1], shape) for array in cases.case(case.activation, (1, 1, 1)).arrays]
        full = [np.array(view) for view in views]
        np.testing.assert_array_equal(case.call(*views), case.call(*full), strict=True)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_no_dimensions(case: cases.Case) -> None:
    values = [array.ravel()[0] for array in case.arrays]
    if len(values) == 1:
        scalar = case.call(*values)
        assert type(scalar) is np.float64
    else:
        # A number in the place of a gate's second array is a parameter of the packed call.
        scalar = case.call(*(np.array([value]) for value in values))[0]
    without = case.call(*(np.array(value) for value in values))
    assert type(without) is np.ndarray
    assert without.shape == ()
    assert without == scalar == case.call(*(np.array([value]) for value in values))[0]


@pytest.mark.by_kind
@pytest.mark.parametrize("case", OF_ANY_SHAPE, ids=str)
def test_no_elements(case: cases.Case) -> None:
    for shape in ((0,), (0, 3), (3, 0)):
        empty = case.call(*(np.empty(shape, np.float32) for _ in case.arrays))
        assert empty.shape == shape
        assert empty.dtype == np.float32


@pytest.mark.by_kind
@pytest.mark.parametrize("case", OF_ANY_SHAPE, ids=str)
def test_subclasses_give_plain_arrays(case: cases.Case) -> None:
    """`*` of a np.matrix is not elementwise, and large and small arrays must agree on the type."""
    for rows in (2, 200):
        arrays = cases.case(case.activation, (rows, 301)).arrays
        got = case.call(*(array.view(np.matrix) for array in arrays))
        assert type(got) is np.ndarray
        same(got, case.call(*arrays))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_floating_point_warning(case: cases.Case) -> None:
    """Nothing is reported of inputs that the function takes, in this thread and in those of large arrays."""
    extremes = np.array([0, -0.0, 1e-300, -1e-300, 1, 20, -20, 800, -800, 1e308, -1e308, np.inf, -np.inf, np.nan])
    for dtype in (np.float16, np.float32, np.float64):
        with np.errstate(all="ignore"):
            extreme = extremes.astype(dtype)
        for rows in (6, 30_000) if dtype is np.float32 else (6,):
            x = np.resize(extreme, (rows, 3, 4))
            arrays = [np.roll(x, i, axis=0) for i in range(len(case.arrays))]
            with np.errstate(all="raise"):
                case.call(*arrays)
                if case.activation.elementwise and not case.packed:
                    xact.derivative(case.activation)(*arrays, **case.parameters, **case.options)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("case", [case for case in CASES if not case.activation.sampled], ids=str)
def test_16_bits_are_computed_in_float32(case: cases.Case, dtype: Any) -> None:
    """What is drawn apart, which has the dtype of the array."""
    half = case.converted(lambda array: array.astype(dtype))
    got = half.call()
    assert got.dtype == dtype
    same(got, half.converted(lambda array: array.astype(np.float32)).call().astype(dtype))


@pytest.mark.by_kind
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.array_parameters and case.activation.elementwise], ids=str
)
def test_array_parameters_in_blocks(case: cases.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block takes its own part of a vector along an axis, whatever the order in memory."""
    shape = (4, 6, 500)
    large = next(c for c in cases.cases(case.activation, shape) if c.label == case.label)
    axis = case.activation.defaults.get("axis", -1) % 3
    with evaluated(monkeypatch, 1 << 30):
        whole = large.call()
    for layout in ("C", "F", "reversed"):
        given = large.arrays[0]
        with evaluated(monkeypatch, 1 << 10, 2):
            same(large.call(LAYOUTS[layout](given)), whole)
    (name,) = case.array_parameters
    if name in case.activation.vectors:
        return
    vector = large.parameters[name]
    for i in range(shape[axis]):
        one = float(vector[i]) if vector.ndim else float(vector)
        part = np.take(large.arrays[0], [i], axis=axis)
        same(case.activation(part, **{**large.parameters, name: one}), np.take(whole, [i], axis=axis))


def test_threads_of_the_caller() -> None:
    """Eight threads at once, each with large arrays of its own, share the pool."""
    inputs = [np.random.default_rng(i).normal(size=600_000).astype(np.float32) for i in range(8)]
    expected = [xact.gelu(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            for got, known in zip(pool.map(xact.gelu, inputs), expected, strict=True):
                same(got, known)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork.. was called:RuntimeWarning")
def test_fork() -> None:
    """A forked child has none of its parent's threads; it computes all the same, to the same bits."""
    x = np.random.default_rng(0).normal(size=1 << 20)
    expected = xact.silu(x)
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            status = 0 if xact.silu(x).tobytes() == expected.tobytes() else 2
        os._exit(status)
    assert wait(child) == 0


def wait(child: int) -> int:
    """The exit status of a child, which is ended where it hangs."""
    timer = threading.Timer(30, os.kill, (child, 9))
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    return os.waitstatus_to_exitcode(status)


def test_errors_in_a_thread_reach_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(x: np.ndarray) -> np.ndarray:
        raise ArithmeticError("from the body")

    x = np.zeros(1000)
    with evaluated(monkeypatch, 1 << 10, 2), pytest.raises(ArithmeticError, match="from the body"):
        backend.evaluate(Probe(fail), x, {"x": x}, True)
