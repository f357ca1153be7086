"""Every way in which PyTorch tests its own activation Modules: inputs, dtypes, memory formats, training, saving."""

import copy
import io
import pickle
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import xact

torch = pytest.importorskip("torch")
# torch.testing._internal asks for it.
pytest.importorskip("expecttest")

import xact.nn

# torch describes samples of these classes; of RReLU and Hardsigmoid it has none.
CLASSES = [activation.module for activation in map(xact.get, xact.names()) if hasattr(torch.nn, activation.module)]
WITHOUT_SAMPLES = {"Hardsigmoid", "RReLU", "Identity", "Bilinear"}
CLASSES = [name for name in CLASSES if name not in WITHOUT_SAMPLES]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
# What C1 and C2 allow us, and as much again for torch.
ULPS = 8

classes = pytest.mark.parametrize("name", CLASSES)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
pytestmark = pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning")


@cache
def descriptions() -> dict[str, Any]:
    """PyTorch's descriptions of its Modules by class name; importing them takes seconds."""
    with warnings.catch_warnings():
        # Of packages that torch's tests would like to have.
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db

    return {info.module_cls.__name__: info for info in module_db}


def samples(name: str, dtype: torch.dtype = torch.float64, training: bool = True) -> Iterator[tuple[Any, Any, Any]]:
    """Our Module, torch's with the same weights, and the description of the call."""
    info = descriptions()[name]
    given = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    for sample in given:
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        ours, theirs = (
            getattr(library, name)(*args, **kwargs).to(dtype).train(training) for library in (xact.nn, torch.nn)
        )
        ours.load_state_dict(theirs.state_dict(), strict=True)
        yield ours, theirs, sample


def run(module: Any, sample: Any) -> list[torch.Tensor]:
    """The value, and the gradients of the inputs and of the weights."""
    args, kwargs = copy.deepcopy((sample.forward_input.args, sample.forward_input.kwargs))
    leaves = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
    y = module(*args, **kwargs)
    dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    return [y.detach(), *torch.autograd.grad(y, [*leaves, *module.parameters()], dy)]


def assert_same(results: list[torch.Tensor], expected: list[torch.Tensor], ulps: int = ULPS) -> None:
    for got, known in zip(results, expected, strict=True):
        eps = torch.finfo(known.dtype).eps
        # The gradient of a weight is a sum, which torch takes in its own order.
        terms = max(1.0, results[0].numel() / got.numel())
        torch.testing.assert_close(got, known, rtol=ulps * eps * terms, atol=ulps * eps * terms)


def test_every_class_has_samples() -> None:
    assert {*descriptions()} >= {*CLASSES}
    assert not {*descriptions()} & WITHOUT_SAMPLES - {"Bilinear"}


@classes
@dtypes
@modes
def test_samples(name: str, dtype: torch.dtype, training: bool) -> None:
    count = 0
    for ours, theirs, sample in samples(name, dtype, training):
        count += 1
        assert repr(ours) == repr(theirs)
        results = run(ours, sample)
        # torch's own gradient of GLU is up to 11 ULP off, ours 1.
        assert_same(results, run(theirs, sample), 2 * ULPS if name == "GLU" else ULPS)
        if sample.reference_fn is not None and dtype == torch.float64:
            args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
            known = torch.as_tensor(sample.reference_fn(theirs, *args, **kwargs)).detach()
            torch.testing.assert_close(results[0], known, rtol=1e-7, atol=1e-7)
    assert count


@classes
def test_memory_formats(name: str) -> None:
    """A dense layout is kept, as by exp; torch keeps channels_last too, but where its kernel makes a new layout."""
    for ours, _, sample in samples(name):
        x = sample.forward_input.args[0]
        for format_, dims in ((torch.channels_last, 4), (torch.channels_last_3d, 5)):
            if name == "GLU" or (name == "Softmax2d" and dims == 5) or getattr(ours, "num_parameters", 1) > 1:
                continue
            given = torch.linspace(-3, 3, 6**dims, dtype=x.dtype).reshape((6,) * dims)
            y = ours.to(memory_format=format_)(given.to(memory_format=format_))
            assert y.is_contiguous(memory_format=format_)
            assert_same([y], [ours(given)])


@classes
def test_saving(name: str) -> None:
    for ours, theirs, sample in samples(name):
        expected = run(ours, sample)
        for source, target in ((ours, theirs), (theirs, ours)):
            file = io.BytesIO()
            torch.save(source.state_dict(), file)
            file.seek(0)
            assert target.load_state_dict(torch.load(file, weights_only=True), strict=True).missing_keys == []
        file = io.BytesIO()
        torch.save(ours, file)
        file.seek(0)
        with torch.serialization.safe_globals([type(ours), xact.get(ours.activation.name).__class__]):
            loaded = torch.load(file, weights_only=False)
        for again in (loaded, pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
            assert type(again) is type(ours)
            assert repr(again) == repr(ours)
            assert all(torch.equal(*pair) for pair in zip(run(again, sample), expected, strict=True))


@classes
def test_moved(name: str) -> None:
    for ours, theirs, sample in samples(name):
        x = sample.forward_input.args[0].detach().to("meta", torch.bfloat16)
        y = [module.to("meta", torch.bfloat16)(x) for module in (ours, theirs)]
        assert (y[0].shape, y[0].dtype, y[0].device) == (y[1].shape, y[1].dtype, y[1].device)
        assert [p.device.type for p in ours.parameters()] == ["meta"] * len([*theirs.parameters()])
        assert [p.dtype for p in ours.half().parameters()] == [p.dtype for p in theirs.half().parameters()]


@classes
def test_hooks(name: str) -> None:
    """Hooks see what torch's Module would show them, and may replace it."""
    for ours, theirs, sample in samples(name):
        seen: list[list[Any]] = []
        for module in (ours, theirs):
            note: list[Any] = []
            seen.append(note)
            module.register_forward_pre_hook(lambda module, args, note=note: note.append(len(args)))
            module.register_forward_hook(lambda module, args, y, note=note: note.append(y.shape) or y / 2)
            module.register_full_backward_pre_hook(lambda module, dy, note=note: note.append(dy[0].shape))
            module.register_full_backward_hook(lambda module, dx, dy, note=note: note.append((len(dx), dy[0].shape)))
        assert_same(run(ours, sample), run(theirs, sample))
        assert seen[0] == seen[1]
        assert len(seen[0]) == 4


@classes
def test_called_by_others(name: str) -> None:
    """Through a functional call, DataParallel, and twice in one model."""
    for ours, theirs, sample in samples(name):
        args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
        weights = {key: 2 * value for key, value in theirs.state_dict().items()}
        calls = [torch.func.functional_call(module, weights, args, kwargs) for module in (ours, theirs)]
        assert_same(calls[:1], calls[1:])
        assert_same(run(torch.nn.DataParallel(ours), sample), run(ours, sample), 0)
        if name not in ("GLU", "Softmax2d"):
            pair = [torch.nn.Sequential(module, module) for module in (ours, theirs)]
            assert_same(run(pair[0], sample), run(pair[1], sample))
