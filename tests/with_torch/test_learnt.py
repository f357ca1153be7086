"""Parameters that Modules learn: where they lie, and what they start from."""

import copy
import math
import pickle
from typing import Any

import pytest

import xact

torch = pytest.importorskip("torch")

from learnt import IMAGES, LEARNT, PER_ELEMENT, everything, module_class, numbers, spread

import xact.nn

learnt = pytest.mark.parametrize("activation", LEARNT, ids=str)
per_element = pytest.mark.parametrize("activation", PER_ELEMENT, ids=str)
SEQUENCES, ROWS = (2, 4, 3), (2, 3)


# One axis for all


@per_element
@pytest.mark.parametrize(("shape", "axis"), [(IMAGES, 1), (IMAGES, None), (ROWS, None), (SEQUENCES, -1)], ids=str)
def test_parameters_lie_along_the_axis(activation: xact.Activation, shape: tuple[int, ...], axis: int | None) -> None:
    given = {} if axis is None else {"axis": axis}
    module = spread(module_class(activation)(num_parameters=3, **given).double())
    place, x = 1 if axis is None else axis, numbers(shape)
    y = module(x)
    for channel in range(3):
        chosen = {n: p[channel] if p.numel() > 1 else p.reshape(()) for n, p in module.named_parameters()}
        torch.testing.assert_close(y.select(place, channel), activation(x.select(place, channel), **chosen))
    y.sum().backward()
    assert all(p.grad.shape == p.shape for p in module.parameters())


@per_element
def test_as_the_function_with_an_array_that_broadcasts(activation: xact.Activation) -> None:
    module, x = spread(module_class(activation)(num_parameters=3).double()), numbers(IMAGES)
    shaped = {n: p.reshape(-1, 1, 1) if p.numel() > 1 else p for n, p in module.named_parameters()}
    assert torch.equal(module(x), activation(x, **shaped))
    if "axis" in activation.defaults:
        assert torch.equal(module(x), activation(x, **dict(module.named_parameters())))


@per_element
@pytest.mark.parametrize(
    ("shape", "cure"),
    [
        ((2, 4, 3), r"an array of shape \(2, 4, 3\) has 4; make it with axis=-1 or num_parameters=4"),
        ((2, 4, 3, 5), "has 4; make it with axis=2 or num_parameters=4"),
        ((2, 4, 5), "has 4; make it with num_parameters=4"),
        ((3,), r"an array of shape \(3,\) ends before it; make it with axis=-1"),
        ((5,), "make it with num_parameters=None, one for all elements"),
        ((), r"an array of shape \(\) ends before it"),
    ],
    ids=str,
)
def test_a_misfit_names_the_axis_and_the_cure(activation: xact.Activation, shape: tuple[int, ...], cure: str) -> None:
    module = module_class(activation)(num_parameters=3)
    with pytest.raises(
        xact.ShapeError, match=f"^{activation.module}: its 3 parameters lie along axis 1, where .*{cure}"
    ):
        module(torch.ones(shape))


@per_element
def test_one_parameter_fits_everything(activation: xact.Activation) -> None:
    for shape in ((), (4,), (2, 4), (2, 4, 5)):
        assert module_class(activation)(num_parameters=1)(torch.ones(shape)).shape == shape


@pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 3), (1, 3), (2, 3, 4), (2, 4, 3)], ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_prelu_takes_what_torch_takes(count: int, shape: tuple[int, ...]) -> None:
    ours, theirs = xact.nn.PReLU(count), torch.nn.PReLU(count)
    try:
        expected = theirs(-torch.ones(shape))
    except RuntimeError:
        with pytest.raises(RuntimeError, match="PReLU: its 3 parameters lie along axis 1"):
            ours(-torch.ones(shape))
    else:
        assert torch.equal(ours(-torch.ones(shape)), expected)


@per_element
def test_transforms_of_laid_parameters(activation: xact.Activation) -> None:
    module, x = spread(module_class(activation)(num_parameters=3, axis=-1).double()), numbers(SEQUENCES)
    expected = module(x)
    traced = torch.fx.symbolic_trace(module)
    for again in (traced, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(x), expected)
    torch.testing.assert_close(torch.func.vmap(module)(x), expected)
    again = torch.func.functional_call(module, dict(module.named_parameters()), x)
    assert torch.equal(again, expected)


@pytest.mark.parametrize("activation", [xact.swish, xact.prelu], ids=str)
def test_compiled_and_exported(activation: xact.Activation) -> None:
    module, x = spread(module_class(activation)(num_parameters=3).double()), numbers(IMAGES)
    torch.testing.assert_close(torch.compile(module, backend="aot_eager", fullgraph=True)(x), module(x))
    sizes = ({0: torch.export.Dim("batch"), 3: torch.export.Dim("width")},)
    exported = torch.export.export(module, (x,), dynamic_shapes=sizes).module()
    torch._dynamo.reset()
    dynamic = torch.compile(module, backend="aot_eager", fullgraph=True, dynamic=True)
    for other in (x, torch.cat([x, x, x], 0)[:, :, :, :4]):
        for made in (exported, dynamic):
            torch.testing.assert_close(made(other), module(other))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("activation", [xact.swish, xact.prelu], ids=str)
def test_traced_by_torchscript(activation: xact.Activation) -> None:
    module, x = spread(module_class(activation)(num_parameters=3).double()), numbers(IMAGES)
    traced = torch.jit.trace(module, x)
    for other in (x, torch.cat([x, x], 0)):
        torch.testing.assert_close(traced(other), module(other))


def test_an_own_definition(own_catalogue: None) -> None:
    @xact.activation(learnable={"rate": 2.0, "shift": 0.5}, shared=("shift",))
    def own_rate(x, /, rate=1.0, shift=0.0, *, xp):
        return rate * x + shift

    @own_rate.derivative
    def _(x, rate, xp):
        return rate + 0 * x

    @own_rate.derivative("rate")
    def _(x, xp):
        return x

    @own_rate.derivative("shift")
    def _(x, xp):
        return 1 + 0 * x

    module = xact.nn.OwnRate(num_parameters=3)
    assert {n: tuple(p.shape) for n, p in module.named_parameters()} == {"rate": (3,), "shift": (1,)}
    assert module(torch.ones(IMAGES)).unique().tolist() == [2.5]
    assert spread(module)(torch.ones(IMAGES))[0, :, 0, 0].unique().numel() == 3
    with pytest.raises(xact.ShapeError, match="OwnRate: its 3 parameters lie along axis 1"):
        module(torch.ones(2, 4, 5))
    with pytest.raises(TypeError, match=r"wrong_rate: `shared` names 'bias', but it learns \('rate',\)"):

        @xact.activation(learnable={"rate": 2.0}, shared=("bias",))
        def wrong_rate(x, /, rate=1.0, *, xp):
            return rate * x


def test_the_monitor_lays_parameters_as_the_module_does() -> None:
    modules = [
        xact.nn.Swish(num_parameters=3),
        xact.nn.PReLU(4, axis=2),
        xact.nn.Snake(num_parameters=3, logscale=True),
    ]
    model = torch.nn.Sequential(*modules)
    with xact.nn.monitor(model, every=1) as seen:
        model(torch.randn(2, 3, 4, 5))
    assert [layer.calls for layer in seen.layers.values()] == [1, 1, 1]


# How they start


@learnt
def test_reset_parameters(activation: xact.Activation) -> None:
    for given in everything(activation):
        for make in (module_class(activation), lambda **given: xact.nn.Activation(activation, **given)):
            if activation is xact.prelu and "init" in given and make is not xact.nn.PReLU:
                continue
            module, fresh = make(**given), make(**given)
            assert [*spread(module).parameters()]
            assert all(not torch.equal(*pair) for pair in zip(module.parameters(), fresh.parameters(), strict=True))
            module.reset_parameters()
            assert all(torch.equal(*pair) for pair in zip(module.parameters(), fresh.parameters(), strict=True))


@learnt
def test_made_without_memory(activation: xact.Activation) -> None:
    for given in everything(activation):
        fresh = module_class(activation)(**given)
        with torch.device("meta"):
            deferred = module_class(activation)(**given)
        assert all(p.is_meta for p in deferred.parameters())
        skipped = torch.nn.utils.skip_init(module_class(activation), **given, dtype=torch.float64)
        deferred.to_empty(device="cpu")
        # Where all Modules of a model start again, what is made on the way may be on "meta" still.
        with torch.device("meta"):
            deferred.reset_parameters()
        skipped.reset_parameters()
        for module in (deferred, skipped):
            for one, two in zip(module.parameters(), fresh.parameters(), strict=True):
                torch.testing.assert_close(one, two, check_dtype=False)
        assert all(p.dtype == torch.float64 and p.device.type == "cpu" for p in skipped.parameters())


@learnt
def test_device_and_dtype(activation: xact.Activation) -> None:
    for make in (module_class(activation), lambda **given: xact.nn.Activation(activation, **given)):
        module = make(device="meta", dtype=torch.bfloat16)
        assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.bfloat16)}
        assert len([*module.parameters()]) == len(activation.learnable)


@pytest.mark.parametrize("make", [lambda: xact.nn.FReLU(4), lambda: xact.nn.MetaACON(4, reduction=2)])
def test_spatial_modules_start_again(make: Any) -> None:
    with torch.device("meta"):
        module = make()
    module.to_empty(device="cpu").reset_parameters()
    assert all(value.isfinite().all() for value in module.state_dict().values())
    assert module(torch.randn(2, 4, 6, 6)).isfinite().all()


def test_any_activation_made_without_memory() -> None:
    module = torch.nn.utils.skip_init(xact.nn.Activation, "swish", num_parameters=3, dtype=torch.float64)
    module.reset_parameters()
    assert module.beta.tolist() == [1.0, 1.0, 1.0]
    assert module.beta.dtype == torch.float64
    x = numbers(IMAGES)
    assert torch.equal(module(input=x), module(x))
    traced = torch.fx.symbolic_trace(torch.nn.Sequential(spread(module)))
    assert torch.equal(traced(x), module(x))


def test_a_given_tensor_starts_again() -> None:
    module = xact.nn.Activation("swish", beta=torch.nn.Parameter(torch.tensor([1.0, 2.0])))
    spread(module).reset_parameters()
    assert module.beta.tolist() == [1.0, 2.0]


def test_logarithms_are_learnt() -> None:
    module = xact.nn.SnakeBeta(2.0, 0.5, num_parameters=3, logscale=True).double()
    torch.testing.assert_close(module.alpha.data, torch.full((3,), math.log(2.0), dtype=torch.float64))
    x = numbers(IMAGES)
    torch.testing.assert_close(module(x), xact.snake_beta(x, 2.0, 0.5), rtol=1e-6, atol=1e-6)
    with pytest.raises(xact.ParameterError, match="Snake: the logarithm of `alpha` is learnt, which needs alpha > 0"):
        xact.nn.Snake(-1.0, logscale=True)
