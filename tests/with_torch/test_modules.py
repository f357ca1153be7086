"""xact.nn: the Modules are torch.nn's own where torch has them, and made from the signature where not."""

import copy
import inspect
import math
import pickle
import subprocess
import sys
import warnings
from typing import Any

import cases
import pytest

import xact
from xact._activation import catalogue
from xact._signature import REQUIRED

torch = pytest.importorskip("torch")

import xact.nn
from xact.nn._module import constructor_defaults

# Of a constructor: where its parameters lie, and names that torch deprecates.
UNTRIED = ("device", "dtype", "min_value", "max_value")
# torch computes some of its values and gradients with an error of more than 4 ULP.
TOLERANCE = 1e-12
ACTIVATIONS = [xact.get(name) for name in xact.names()]
TWINS = [activation for activation in ACTIVATIONS if hasattr(torch.nn, activation.module)]
OWN = [activation for activation in ACTIVATIONS if not hasattr(torch.nn, activation.module)]
twins = pytest.mark.parametrize("activation", TWINS, ids=str)
own = pytest.mark.parametrize("activation", OWN, ids=str)
# Those a Sequential of layers of any size can hold.
ONE_ARRAY = cases.of_any_shape([case for case in cases.simple() if len(case.arrays) == 1 or case.activation.layout])
IN_A_MODEL = [case.activation for case in ONE_ARRAY if not case.activation.body.masks]
every = pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)


def ours(activation: xact.Activation) -> type[torch.nn.Module]:
    return getattr(xact.nn, activation.module)


def theirs(activation: xact.Activation) -> type[torch.nn.Module]:
    return getattr(torch.nn, activation.module)


def required(activation: xact.Activation) -> dict[str, Any]:
    """Numbers for the arguments of the constructor that have no default."""
    given = cases.case(activation).parameters
    return {name: given[name] for name, default in constructor_defaults(activation).items() if default is REQUIRED}


def other(name: str, default: Any, activation: xact.Activation) -> Any:
    """Another value for an argument of a constructor."""
    if name in activation.choices:
        return next(choice for choice in activation.choices[name] if choice != default)
    if isinstance(default, bool):
        return not default
    if name in ("dim", "axis"):
        return 1 - default if default in (0, 1) else 1
    if name == "sparsity":
        # Below 1.
        return 0.5
    if isinstance(default, float):
        return 3.0 if math.isinf(default) else default * 0.75 or 0.5
    if isinstance(default, tuple):
        return (*default, 0.5)
    return 3


def constructions(activation: xact.Activation) -> list[dict[str, Any]]:
    """Ways to construct the torch Module: the defaults, each argument changed, all changed."""
    parameters = inspect.signature(theirs(activation)).parameters.values()
    changed = {
        parameter.name: other(parameter.name, parameter.default, activation)
        for parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in UNTRIED
    }
    least = required(activation)
    return [least, *({**least, name: value} for name, value in changed.items()), changed]


CONSTRUCTIONS = [(activation, given) for activation in TWINS for given in constructions(activation)]
constructed = pytest.mark.parametrize(("activation", "given"), CONSTRUCTIONS, ids=str)


def sample(module: torch.nn.Module, activation: xact.Activation) -> torch.Tensor:
    """An array the Module takes: of three channels where it learns one number for each."""
    case = cases.packed(activation, (2, 3, 6)) if activation.layout else cases.case(activation, (2, 3, 6))
    x = torch.tensor(case.arrays[0])
    return x[:, :2] if getattr(module, "dim", None) == 1 and activation.layout else x


def quietly(module: torch.nn.Module, *arrays: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Implicit dimension choice")
        return module(*arrays)


def tolerance_of(activation: xact.Activation) -> float:
    # torch's slope is 1/6 rounded to float32, in float64 too.
    return 1e-7 if activation is xact.hardsigmoid else TOLERANCE


# torch.nn's own


@twins
def test_class(activation: xact.Activation) -> None:
    cls, twin = ours(activation), theirs(activation)
    assert issubclass(cls, twin)
    signature = inspect.signature(cls)
    # What ours adds.
    added = ("backward_bits", "axis") if activation.learnable else ("backward_bits",)
    parameters = [one for name, one in signature.parameters.items() if name not in added]
    assert signature.replace(parameters=parameters) == inspect.signature(twin)
    assert (cls.__name__, cls.__qualname__, cls.__module__) == (twin.__name__, twin.__qualname__, "xact.nn")
    assert f"xact.{activation.name}" in cls.__doc__
    # The forward pass of Identity needs no other.
    assert (cls.forward is twin.forward) == (twin is torch.nn.Identity)


@constructed
def test_object(activation: xact.Activation, given: dict[str, Any]) -> None:
    module, twin = ours(activation)(**given), theirs(activation)(**given)
    assert repr(module) == repr(twin)
    assert vars(module).keys() == vars(twin).keys()
    for name in [name for name in vars(twin) if not name.startswith("_")]:
        assert getattr(module, name) == getattr(twin, name)
    if [*given] == [*inspect.signature(twin.__init__).parameters][: len(given)]:
        assert repr(ours(activation)(*given.values())) == repr(twin)


@constructed
def test_values_and_gradients(activation: xact.Activation, given: dict[str, Any]) -> None:
    module, twin = ours(activation)(**given).double().eval(), theirs(activation)(**given).double().eval()
    x = sample(module, activation)
    results = []
    for one in (module, twin):
        leaf = x.clone().requires_grad_()
        y = quietly(one, 1 * leaf)
        dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
        results.append((y.detach(), *torch.autograd.grad(y, (leaf, *one.parameters()), dy)))
    assert activation is xact.identity or not torch.equal(results[0][0], x)
    tolerance = tolerance_of(activation)
    torch.testing.assert_close(*results, rtol=tolerance, atol=tolerance)
    again = quietly(lambda x: module(input=x), x.clone())
    torch.testing.assert_close(again, results[1][0], rtol=tolerance, atol=tolerance)


@constructed
def test_state_dict(activation: xact.Activation, given: dict[str, Any]) -> None:
    module, twin = ours(activation)(**given), theirs(activation)(**given)
    for source, target in ((module, twin), (twin, module)):
        with torch.no_grad():
            for value in source.parameters():
                value.uniform_()
        target.load_state_dict(source.state_dict(), strict=True)
        for one, two in zip(source.parameters(), target.parameters(), strict=True):
            assert torch.equal(one, two)


@pytest.mark.parametrize(
    "activation", [a for a in TWINS if "inplace" in inspect.signature(theirs(a)).parameters], ids=str
)
def test_in_place(activation: xact.Activation) -> None:
    given, tolerance = required(activation), tolerance_of(activation)
    module, x = ours(activation)(**given, inplace=True).eval(), cases.case(activation).converted(torch.tensor).arrays[0]
    leaf = x.clone().requires_grad_()
    hidden = 2 * leaf
    y = module(hidden)
    assert y.data_ptr() == hidden.data_ptr()
    reference = torch.autograd.grad(theirs(activation)(**given).eval()(2 * leaf).sum(), leaf)[0]
    torch.testing.assert_close(torch.autograd.grad(y.sum(), leaf)[0], reference, rtol=tolerance, atol=tolerance)
    with torch.no_grad():
        y = module(x)
    assert y.data_ptr() == x.data_ptr()
    assert activation.inplace


@twins
def test_implicit_dimension_warns_as_torch(activation: xact.Activation) -> None:
    if inspect.signature(theirs(activation)).parameters.get("dim", inspect.Parameter).default is not None:
        assert activation.elementwise or activation is xact.softmax2d
        return
    for shape in ((4,), (2, 4), (2, 3, 4), (2, 3, 4, 5)):
        x = torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float64)).reshape(shape)
        with pytest.warns(UserWarning, match="Implicit dimension choice") as seen:
            y, expected = ours(activation)()(x), theirs(activation)()(x)
        assert [str(one.message) for one in seen] == [str(seen[1].message)] * 2
        torch.testing.assert_close(y, expected, rtol=TOLERANCE, atol=TOLERANCE)
    compiled = torch.compile(ours(activation)(), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_positional_arguments_as_torch() -> None:
    module = xact.nn.LeakyReLU(0.1, True)
    assert (module.negative_slope, module.inplace) == (0.1, True)
    assert xact.nn.Softmax(1).dim == 1
    assert xact.nn.PReLU(3, 0.5).weight.tolist() == [0.5] * 3
    assert xact.nn.PReLU(3, dtype=torch.float64).weight.dtype == torch.float64
    with pytest.raises(TypeError, match="unexpected keyword argument 'alpha'"):
        xact.nn.LeakyReLU(alpha=0.1)


# The Modules torch lacks


@own
def test_constructor_from_the_signature(activation: xact.Activation) -> None:
    cls, defaults = ours(activation), constructor_defaults(activation)
    parameters = dict(inspect.signature(cls).parameters)
    keyword = [name for name in ("device", "dtype", "backward_bits") if name in parameters]
    assert [parameters.pop(name).kind for name in keyword] == [inspect.Parameter.KEYWORD_ONLY] * len(keyword)
    assert {name: parameter.default for name, parameter in parameters.items()} == defaults
    assert set(defaults) - {"num_parameters", "learnable", "axis", "logscale"} <= set(activation.defaults)
    least = required(activation)
    module = cls(**least)
    assert repr(module) == f"{activation.module}({', '.join(f'{name}={value!r}' for name, value in least.items())})"
    for name, default in defaults.items():
        value = other(name, default, activation)
        changed = cls(**{**least, name: value})
        if name not in activation.learnable:
            assert getattr(changed, name) == value
        assert f"{name}={value!r}" in repr(changed)
    with pytest.raises(TypeError, match=f"{activation.module} has no argument 'nonsense'"):
        cls(**least, nonsense=1)
    with pytest.raises(TypeError, match=f"{activation.module} takes at most"):
        cls(*range(9))


@own
def test_own_values(activation: xact.Activation) -> None:
    case = cases.case(activation).converted(torch.tensor)
    module = ours(activation)(**required(activation)).double().eval()
    leaves = [array.clone().requires_grad_() for array in case.arrays]
    masks = {name: case.parameters[name] for name in activation.body.masks}
    y = module(*leaves, **masks)
    # What is learnt starts as float32, where the Module starts it.
    expected, tolerance = case.call(*leaves, **activation.learnable), 1e-6 if activation.learnable else 0
    torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)
    dy = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
    gradients = [torch.autograd.grad(result, leaves, dy) for result in (y, expected)]
    torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance)
    if activation.layout:
        packed = cases.packed(activation).converted(torch.tensor)
        assert torch.equal(module(*packed.arrays), packed.call())
        assert torch.equal(ours(activation)(axis=0)(*packed.arrays), activation(*packed.arrays, axis=0))


@pytest.mark.parametrize("activation", [a for a in OWN if a.learnable and not a.vectors], ids=str)
def test_learnable_parameters(activation: xact.Activation) -> None:
    cls = ours(activation)
    case = cases.case(activation).converted(torch.tensor)
    for count in (None, case.arrays[0].shape[1]):
        module = cls(num_parameters=count).double()
        assert {name: value.shape for name, value in module.named_parameters()} == {
            name: torch.Size(([1] if name in activation.shared else [count]) if count else [])
            for name in activation.learnable
        }
        assert set(module.state_dict()) == set(activation.learnable)
        for name, initial in activation.learnable.items():
            assert torch.equal(getattr(module, name), torch.full_like(getattr(module, name), initial).float().double())
        module(*case.arrays).sum().backward()
        before = module(*case.arrays).detach()
        torch.optim.SGD(module.parameters(), lr=1e-3).step()
        assert not torch.equal(module(*case.arrays), before)
        again = cls(num_parameters=count).double()
        again.load_state_dict(module.state_dict(), strict=True)
        assert torch.equal(again(*case.arrays), module(*case.arrays))
    name, initial = next(iter(activation.learnable.items()))
    fixed = cls(**{name: 1.5 * initial}, learnable=False)
    assert not [*fixed.parameters()]
    assert not fixed.state_dict()
    assert torch.equal(fixed(*case.arrays), case.call(**{name: 1.5 * initial}))
    assert cls(dtype=torch.bfloat16, device="meta").state_dict()[name].dtype == torch.bfloat16


# Every Module


def given(activation: xact.Activation) -> list[torch.Tensor]:
    """What a call of the Module takes."""
    case = cases.packed(activation) if activation.layout else cases.case(activation)
    return [
        *map(torch.tensor, case.arrays),
        *(torch.tensor(case.parameters[name] > 0) for name in activation.body.masks),
    ]


@every
def test_pickle_and_copies(activation: xact.Activation) -> None:
    module = ours(activation)(**required(activation)).double().eval()
    arrays = given(activation)
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module), copy.copy(module)):
        assert type(again) is ours(activation)
        assert again is not module
        assert repr(again) == repr(module)
        assert torch.equal(quietly(again, *arrays), quietly(module, *arrays))
    assert all(one is not two for one, two in zip(copy.deepcopy(module).parameters(), module.parameters(), strict=True))


@every
def test_symbolic_trace_of_the_module_alone(activation: xact.Activation) -> None:
    module = ours(activation)(**required(activation)).double().eval()
    if getattr(module, "dim", 0) is None:
        module.dim = 1
    if activation.body.arrays == ("x", "t"):
        pytest.skip("the second array of a call is optional to a tracer")
    traced, arrays = torch.fx.symbolic_trace(module), given(activation)
    for again in (traced, copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert torch.equal(again(*arrays), module(*arrays))


@pytest.mark.by_kind
@pytest.mark.parametrize("activation", IN_A_MODEL, ids=str)
def test_inside_a_model(activation: xact.Activation) -> None:
    """Conversion, compilation and tracing of a model with the Module in it."""
    module, out = ours(activation)(**required(activation)), 2 if activation.layout else 1
    model = torch.nn.Sequential(torch.nn.Linear(6, 4 * out), module, torch.nn.Linear(4, 2)).eval()
    x = torch.sin(torch.arange(30.0)).reshape(5, 6)
    for dtype in (torch.bfloat16, torch.float64):
        assert quietly(model.to(dtype), x.to(dtype)).dtype == dtype
        assert all(value.dtype == dtype for value in model.state_dict().values())
    x = x.double()
    expected = quietly(model, x)
    traced = torch.fx.symbolic_trace(model)
    assert all(node.op != "call_module" or "1" not in node.target for node in traced.graph.nodes)
    models = [torch.compile(model, backend="aot_eager", fullgraph=True), torch.export.export(model, (x,)).module()]
    for again in (*models, traced, copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        torch.testing.assert_close(quietly(again, x), expected, equal_nan=True)


@pytest.mark.parametrize("activation", [activation for activation in ACTIVATIONS if activation.sampled], ids=str)
def test_training_and_evaluation(activation: xact.Activation) -> None:
    for module in (ours(activation)(), xact.nn.Activation(activation), xact.nn.Activation(activation.name)):
        x = -torch.ones(4, 16)
        torch.manual_seed(1)
        drawn = module(x)
        assert len(drawn.unique()) > 1
        torch.manual_seed(1)
        assert torch.equal(module(x), drawn)
        assert len(module.eval()(x).unique()) == 1
        assert len(module.train()(x).unique()) > 1


def test_names() -> None:
    assert {activation.module for activation in catalogue.values()} | {*xact.nn.TOOLS} == set(dir(xact.nn))
    for name, instead in {
        "Gelu": "the nearest of its Modules are GELU, ",
        "gelu": "the function is xact.gelu, its Module xact.nn.GELU",
        "Linear": "it holds activations: take torch.nn.Linear",
    }.items():
        with pytest.raises(AttributeError, match=f"module 'xact.nn' has no attribute '{name}'; {instead}"):
            getattr(xact.nn, name)
    with pytest.raises(AttributeError, match=r"module 'xact' has no attribute 'GELU'; the Module is xact\.nn\.GELU"):
        _ = xact.GELU
    assert not hasattr(xact, "Gelu")


def test_an_activation_named_as_another_torch_module() -> None:
    """Neither a layer's name, nor a torch activation that lacks a parameter, lends its class."""
    before = dict(catalogue)
    try:

        @xact.activation()
        def flatten(x, /, *, xp):
            return 3 * x

        @flatten.derivative
        def _(x, xp):
            return 3 * xp.ones_like(x)

        for name in ("softsign", *xact.softsign.aliases):
            del catalogue[name]  # whose Module it is

        @xact.activation(module="Softsign")
        def sharper_softsign(x, /, sharpness=2.0, *, xp):
            return x / (1 + xp.abs(sharpness * x))

        @sharper_softsign.derivative
        def _(x, sharpness, xp):
            return 1 / (1 + xp.abs(sharpness * x)) ** 2

        x = torch.tensor([1.0, -2.0])
        assert not isinstance(xact.nn.Flatten(), torch.nn.Flatten)
        assert xact.nn.Flatten()(x).tolist() == [3.0, -6.0]
        assert not isinstance(xact.nn.Softsign(0.5), torch.nn.Softsign)
        assert xact.nn.Softsign(1.0)(x.double()).tolist() == [1 / 2, -2 / 3]
    finally:
        catalogue.clear()
        catalogue.update(before)


# xact.nn.Activation


@every
def test_activation_of_any_name_or_function(activation: xact.Activation) -> None:
    case = cases.case(activation).converted(torch.tensor)
    given = dict(case.parameters)
    # What is learnt starts where the Module of its own class starts it.
    learnt = {"dtype": torch.float64} if activation.learnable else {}
    expected = case.call(**{name: start for name, start in activation.learnable.items() if name not in given})
    for spec in (activation, activation.name, {"name": activation.name}, activation.module):
        module = xact.nn.Activation(spec, **given, **learnt).eval()
        assert torch.equal(module(*case.arrays), expected)
        assert activation.name in repr(module)
        again = pickle.loads(pickle.dumps(module))
        assert again.activation == module.activation
        assert torch.equal(again(*case.arrays), expected)
        assert torch.equal(copy.deepcopy(module)(*case.arrays), expected)


# A jump that is moved, and, of srelu, a corner between two lines of one slope, changes nothing elsewhere.
UNFELT = {("hardshrink", "lambd"), ("srelu", "t_r"), ("threshold", "threshold"), ("thresholded_relu", "alpha")}


@pytest.mark.parametrize(
    "case",
    [case for case in cases.every() if "vector" in case.label and len(case.arrays) == 1],
    ids=str,
)
def test_activation_with_parameters(case: cases.Case) -> None:
    given, name = case.converted(torch.tensor), case.array_parameters[0]
    rest = {key: value for key, value in case.parameters.items() if key != name}
    learnt = xact.nn.Activation(case.activation, **{name: torch.nn.Parameter(given.parameters[name])}, **rest)
    buffered = xact.nn.Activation(case.activation, **{name: given.parameters[name]}, **rest)
    assert [*dict(learnt.named_parameters())] == [*dict(buffered.named_buffers())] == [name]
    assert f"{name}: ({given.parameters[name].numel()},)" in repr(learnt)
    for module in (learnt, buffered):
        assert [*module.state_dict()] == [name]
        assert torch.equal(module(*given.arrays), given.call())
    learnt(*given.arrays).sum().backward()
    leaf = given.parameters[name].clone().requires_grad_()
    given.call(**{name: leaf}).sum().backward()
    assert torch.equal(getattr(learnt, name).grad, leaf.grad)
    assert bool(leaf.grad.count_nonzero()) == ((case.activation.name, name) not in UNFELT)
    assert not [*buffered.parameters()]
    traced = torch.fx.symbolic_trace(torch.nn.Sequential(learnt))
    for module in (
        pickle.loads(pickle.dumps(learnt)),
        copy.deepcopy(learnt),
        traced,
        pickle.loads(pickle.dumps(traced)),
    ):
        assert torch.equal(module(*given.arrays), given.call())


def test_activation_refuses() -> None:
    with pytest.raises(xact.UnknownActivationError, match="nearest names are gelu"):
        xact.nn.Activation("gelo")
    with pytest.raises(TypeError, match=r"gelu takes no tensor 'weight'; its signature is gelu\("):
        xact.nn.Activation("gelu", weight=torch.ones(1))
    with pytest.raises(TypeError, match="elu has no argument 'beta'"):
        xact.nn.Activation("elu", beta=1.0)
    with pytest.raises(TypeError, match="Activation needs an activation or its name, got <built-in method relu"):
        xact.nn.Activation(torch.relu)


@pytest.mark.parametrize("name", ["ELU", "CELU", "LeakyReLU", "Softplus", "Softshrink", "Hardshrink", "Threshold"])
def test_a_tensor_is_a_number_of_a_module(name: str) -> None:
    """One for each feature, which broadcasts as in the function; torch's own Modules take some of them."""
    per_feature = torch.tensor([0.25, 0.5, 0.75])
    given = (per_feature, 1.0) if name == "Threshold" else (per_feature,)
    x = torch.linspace(-2, 2, 6).reshape(2, 3)
    module = getattr(xact.nn, name)(*given)
    assert torch.equal(module(x), module.activation(x, *given))
    assert not torch.equal(module(x)[:, :1], module.activation(x[:, :1], 1.5, *given[1:]))


# What torch's Modules take and refuse


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.bool, torch.complex64], ids=str)
def test_identity_returns_its_input(dtype: torch.dtype) -> None:
    x = torch.ones(3, dtype=dtype)
    assert xact.nn.Identity(54, unused=0.1)(x) is x
    if dtype not in (torch.bool, torch.complex64):
        assert xact.identity(x) is x
    if dtype.is_floating_point:
        leaf = x.clone().requires_grad_()
        assert xact.identity(leaf) is leaf


@pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning")
@pytest.mark.parametrize("name", [name for name in torch.nn.modules.activation.__all__ if name in dir(xact.nn)])
def test_inputs_as_torch(name: str) -> None:
    """Dimensions and dtypes, but for complex numbers and for empty arrays of integers."""
    arguments = (0.1, 2.0) if name == "Threshold" else ()
    ours, theirs = (getattr(home, name)(*arguments) for home in (xact.nn, torch.nn))
    for dimensions in range(7):
        for dtype in (torch.float32, torch.int64, torch.bool):
            x = torch.ones([2] * dimensions, dtype=dtype)
            results = []
            for module in (ours, theirs):
                try:
                    y = module(x)
                    results.append((y.dtype, y.shape))
                except Exception as error:
                    results.append(error)
            if isinstance(results[1], Exception):
                assert isinstance(results[0], (type(results[1]), NotImplementedError)), (x.shape, dtype, results)
            else:
                assert results[0] == results[1], (x.shape, dtype, results)


def test_meta_as_the_default_device() -> None:
    """Nothing is made on the default device, at import or at a first call."""
    code = (
        "import torch\n"
        "with torch.device('meta'):\n"
        "    import xact, xact.nn\n"
        "    assert abs(xact.nn.init.gain('relu') - 2**0.5) < 1e-12\n"
        "    x = torch.linspace(-3, 3, 10_000, device='cpu')\n"
        "    y, module = xact.elu(x), xact.nn.GELU(backward_bits=2)\n"
        "    gradient, = torch.autograd.grad(module(x.requires_grad_()).sum(), x)\n"
        "    model = torch.nn.Sequential(torch.nn.ReLU())\n"
        "    with xact.nn.monitor(model) as seen:\n"
        "        model(x.detach()[None])\n"
        "    str(seen)\n"
        "assert torch.equal(y, xact.elu(x)) and gradient.is_cpu\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
