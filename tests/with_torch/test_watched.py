"""A model that xact.nn.monitor watches does what it does unwatched; what cannot be measured has a reason."""

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn
from torch.utils.checkpoint import checkpoint

import xact.nn
from xact._activation import catalogue


class Called(nn.Module):
    """One activation, called as a test says."""

    def __init__(self, call: Callable[[Any, Any], Any], act: Any = None) -> None:
        super().__init__()
        self.act = act or nn.SiLU()
        self.call = call

    def forward(self, x: Any) -> Any:
        return self.call(self.act, x)


class Wrapped(torch.Tensor):
    """A class of arrays whose operations ask Python."""

    @staticmethod
    def __new__(cls, inner: Any) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args = [arg.inner if isinstance(arg, Wrapped) else arg for arg in args]
        return Wrapped(func(*args, **(kwargs or {})))


class Named(torch.Tensor):
    """A class of arrays with nothing but a name."""


def plain(act: Any, x: Any) -> Any:
    return act(x)


X = torch.tensor([[-30.0, 0.5, 2.0], [-1.0, 0.0, 30.0]])


def nested(layout: Any) -> Any:
    return torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=layout)


MEASURED: dict[str, tuple[Any, Callable[[], Any]]] = {
    "keyword": (lambda act, x: act(input=x), lambda: X),
    "inference mode": (torch.inference_mode()(plain), lambda: X),
    "autocast": (torch.autocast("cpu", dtype=torch.bfloat16)(plain), lambda: X),
    "requires grad": (plain, lambda: X.clone().requires_grad_()),
    "class with a name": (plain, lambda: X.as_subclass(Named)),
    "jagged": (plain, lambda: nested(torch.jagged)),
    "nested": (plain, lambda: nested(torch.strided)),
    "channels last": (plain, lambda: torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)),
    "expanded": (plain, lambda: torch.ones(1, 3).expand(4, 3)),
    "one number": (plain, lambda: torch.tensor(1.0)),
    "not finite": (plain, lambda: torch.tensor([[float("nan"), float("inf"), 1.0]])),
    "float64": (plain, lambda: X.double()),
}

NOT_MEASURED: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "empty": (plain, lambda: torch.ones(0, 3), "an empty array"),
    "no channels": (plain, lambda: torch.ones(3, 0), "an empty array"),
    "vmap": (lambda act, x: torch.vmap(act)(x), lambda: X, "inside a transform of torch.func"),
    "grad": (lambda act, x: torch.func.grad(lambda z: act(z).sum())(x), lambda: X, "inside a transform"),
    "jvp": (lambda act, x: torch.func.jvp(act, (x,), (x,)), lambda: X, "inside a transform of torch.func"),
    "complex": (plain, lambda: X.to(torch.complex64), "numbers of torch.complex64"),
    "meta": (plain, lambda: X.to("meta"), "on the meta device"),
    "sparse": (plain, lambda: X.to_sparse(), "a sparse array"),
    "wrapped": (plain, lambda: Wrapped(X), "a Wrapped, whose numbers are not at hand"),
}
TAKES = {"complex": nn.Tanh, "sparse": nn.ReLU}


def quietly(model: Any, x: Any) -> Any:
    torch.manual_seed(0)
    return model(x)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return all(map(same, one, other))
    if isinstance(one, Wrapped):
        return same(one.inner, other.inner)
    if one.is_meta:
        return bool(one.shape == other.shape)
    if one.is_nested:
        return all(map(same, one.unbind(), other.unbind()))
    if one.layout is torch.sparse_coo:
        one, other = one.to_dense(), other.to_dense()
    return bool(torch.allclose(one, other, rtol=0, atol=0, equal_nan=True))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("case", MEASURED)
def test_calls_that_are_measured(case: str) -> None:
    call, make = MEASURED[case]
    model = Called(call)
    expected = quietly(model, make())
    with xact.nn.monitor(model, every=1) as seen:
        for _ in range(2):
            assert same(quietly(model, make()), expected)
    assert not seen.not_measured
    assert seen.layers["act"].calls == 2 and seen.layers["act"].dead is not None


@pytest.mark.parametrize("case", NOT_MEASURED)
def test_calls_that_are_not_measured_have_a_reason(case: str) -> None:
    call, make, reason = NOT_MEASURED[case]
    model = Called(call, TAKES.get(case, nn.SiLU)())
    expected = quietly(model, make())
    with xact.nn.monitor(model, every=1) as seen:
        for _ in range(2):
            assert same(quietly(model, make()), expected)
        # Nothing of such a call stays: the next is measured.
        model.call = plain
        model(X)
    [(found, count)] = seen.not_measured["act"].items()
    assert reason in found and count == 2 and found in seen.table()
    assert seen.layers["act"].calls == 1 and seen.layers["act"].std > 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_integers(dtype: Any) -> None:
    model = nn.Sequential(nn.Sigmoid())
    with xact.nn.monitor(model, every=1) as seen:
        model(torch.ones(2, 3, dtype=dtype))
    assert seen.layers["0"].mean == pytest.approx(0.7311, rel=1e-3) and not seen.not_measured
    model = nn.Sequential(nn.ReLU())
    if dtype is not torch.bool:
        with xact.nn.monitor(model, every=1) as seen:
            assert model(torch.ones(2, 3, dtype=dtype)).dtype == dtype
        assert seen.layers["0"].mean == 1


def test_fake_tensors() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    model = Called(plain)
    with xact.nn.monitor(model, every=1) as seen, FakeTensorMode():
        assert model(torch.ones(2, 3)).shape == (2, 3)
    assert "FakeTensor" in next(iter(seen.not_measured["act"]))


def test_a_hook_of_the_model_that_returns_a_tuple() -> None:
    model = Called(plain)
    model.act.register_forward_hook(lambda module, inputs, output: (output, 1))
    with xact.nn.monitor(model, every=1) as seen:
        assert len(model(X)) == 2
    assert seen.not_measured["act"] == {"no array but a tuple": 1}


def test_axis_that_is_not_there() -> None:
    model = Called(plain)
    with xact.nn.monitor(model, every=1, axis=2) as seen:
        model(X)
    assert any("IndexError" in reason for reason in seen.not_measured["act"]) and not seen.layers


def test_errors_of_the_model_are_its_own() -> None:
    def fails_first(act: Any, x: Any) -> Any:
        try:
            act(None)
        except TypeError:
            return act(x)

    model = Called(fails_first)
    with xact.nn.monitor(model, every=1) as seen:
        model(X)
        model.call = plain
        with pytest.raises(TypeError, match=r"silu\(\)"):
            model(None)
    assert seen.layers["act"].calls == 1 and not seen.not_measured


class Halved(nn.SiLU):
    """Calls itself on half of its input."""

    def forward(self, input: Any) -> Any:
        return input if len(input) == 1 else torch.cat([self(input[:1]), super().forward(input[1:])])


def test_an_activation_that_calls_itself() -> None:
    model = Called(plain, Halved())
    with xact.nn.monitor(nn.Sequential(model, nn.ReLU()), every=1):
        assert torch.equal(model(X), Halved()(X))
    model = Called(lambda act, x: act(act(x)))
    with xact.nn.monitor(model, every=1) as seen:
        model(X)
    assert seen.layers["act"].calls == 2


def test_two_monitors() -> None:
    model = Called(plain)
    with xact.nn.monitor(model, every=1) as one, xact.nn.monitor(model, every=1) as two:
        model(X)
    assert one.table() == two.table() and one.layers["act"].calls == 1


def hooks(model: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("there", [nn.GELU, nn.SiLU, lambda: xact.nn.Activation("mish")])
def test_what_is_swapped_in_is_looked_at_by_its_own_slopes(there: Callable[[], nn.Module]) -> None:
    model, x = nn.Sequential(there()), torch.tensor([[-2.0, -1.0, 1.0, 2.0]])
    with xact.nn.monitor(model, every=1) as seen:
        report = xact.nn.swap(model, {type(model[0]): functools.partial(xact.nn.Activation, "relu")})
        model(x)
        assert not seen.not_measured and seen.layers["0"].dead == 0.5
        report.undo()
        model(x)
        assert not seen.not_measured and seen.layers["0"].dead == 0.25


def test_copies_are_watched_by_nobody(tmp_path: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.SiLU())
    with xact.nn.monitor(model, every=1) as seen:
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        torch.save(model, tmp_path / "model.pt")
        copies.append(torch.load(tmp_path / "model.pt", weights_only=False))
        for other in copies:
            assert torch.equal(other(X), model(X))
    assert seen.layers["1"].calls == 3 and not hooks(model)
    assert all(torch.equal(other(X), model(X)) for other in copies)


def test_replicas() -> None:
    model = nn.DataParallel(nn.Sequential(nn.SiLU()))
    with xact.nn.monitor(model, every=1) as seen:
        assert torch.equal(model(X), nn.SiLU()(X))
    assert seen.layers["module.0"].calls == 1


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_count_once_and_keep_their_gradients(reentrant: bool) -> None:
    def gradient(watched: bool) -> Any:
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(3, 3), nn.SiLU(), nn.Dropout(), nn.Linear(3, 3), nn.Tanh())
        model = Called(lambda act, x: act(checkpoint(body, x, use_reentrant=reentrant)))
        model.body = body
        x = X.clone().requires_grad_()
        if not watched:
            model(x).sum().backward()
            return x.grad
        with xact.nn.monitor(model, every=1) as seen:
            model(x).sum().backward()
        assert [layer.calls for layer in seen.layers.values()] == [1, 1, 1]
        return x.grad

    assert torch.equal(gradient(True), gradient(False))


def test_checkpoints_that_keep_what_operations_return() -> None:
    from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

    def contexts() -> Any:
        return create_selective_checkpoint_contexts(lambda *_, **__: CheckpointPolicy.MUST_SAVE)

    def gradient(watched: bool) -> Any:
        body = nn.Sequential(nn.Tanh(), nn.Softplus(), nn.Tanh())
        model = Called(lambda act, x: act(checkpoint(body, x, use_reentrant=False, context_fn=contexts)))
        model.body = body
        x = X.clone().requires_grad_()
        with xact.nn.monitor(model, every=1) if watched else torch.enable_grad():
            model(x).square().sum().backward()
        return x.grad

    assert torch.equal(gradient(True), gradient(False))


def test_gradients_twice_and_hooks_of_gradients() -> None:
    model, found = Called(lambda act, x: act(x)), []
    x = X.clone().requires_grad_()
    with xact.nn.monitor(model, every=1):
        y = model(x)
        y.register_hook(found.append)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        [first] = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        torch.autograd.grad(first.sum(), x)
    assert len(found) == 2


def test_modes_see_the_operations_of_the_model_alone() -> None:
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    counts = []
    model = nn.Sequential(nn.SiLU())
    for watched in (False, True):
        seen: list[Any] = []
        with xact.nn.monitor(model, every=1) if watched else torch.enable_grad(), Operations(), Functions():
            model(X)
        counts.append([function for function in seen if "silu" in str(function)])
        if watched:
            assert not [function for function in seen if "mean" in str(function) or "sigmoid" in str(function)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("device", ["meta"])
def test_the_default_device_is_not_asked(device: str) -> None:
    model = Called(plain)
    with xact.nn.monitor(model, every=1) as seen, torch.device(device):
        model(X)
    assert seen.layers["act"].calls == 1 and seen.layers["act"].quantile(0.5) is not None


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
def test_traced_and_exported_models_have_no_part_of_the_monitor() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.SiLU())
    with xact.nn.monitor(model, every=1) as seen:
        traced = torch.jit.trace(model, X, check_trace=False)
        exported = torch.export.export(model, (X,))
    names = [node.name for node in exported.graph.nodes if node.op == "call_function"]
    assert names == ["linear", "silu"]
    assert "var_mean" not in str(traced.inlined_graph)
    assert not seen.layers and "no call seen" in next(iter(seen.not_measured["1"]))


def test_a_step_compiled_around_the_model_runs_and_is_not_seen() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    step = torch.compile(lambda x: model(x).sum(), backend="eager", fullgraph=True)
    with xact.nn.monitor(model, every=1) as seen:
        assert step(torch.ones(3, 2)) == model(torch.ones(3, 2)).sum()
        assert seen.layers["1"].calls == 1
    with xact.nn.monitor(model, every=1) as seen:
        step(torch.ones(3, 2))
    assert "compiled code" in next(iter(seen.not_measured["1"]))


ELEMENTWISE = [name for name, a in catalogue.items() if name == a.name and a.elementwise and len(a.arrays) == 1]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_no_activation_breaks_in_any_of_these(name: str) -> None:
    arguments = {"threshold": (0.1, 20.0), "sigmoid_range": (-1.0, 1.0)}.get(name, ())
    model = Called(plain, getattr(xact.nn, catalogue[name].module)(*arguments)).eval()
    arrays = [torch.ones(0, 3), torch.ones(2, 3, 4, 4), torch.ones(3), X.bfloat16()]
    expected = [model(x) for x in arrays]
    with xact.nn.monitor(model, every=1) as seen:
        assert all(map(same, [model(x) for x in arrays], expected))
        with torch.inference_mode():
            model(X)
        torch.vmap(model)(torch.ones(2, 3, 4))
    assert {"an empty array", "inside a transform of torch.func"} <= {*seen.not_measured["act"]}
    assert seen.layers
