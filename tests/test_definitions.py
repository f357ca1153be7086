"""A definition is checked when it is declared: what mixes elements, what not every library has, what is no array."""

import math
from collections.abc import Callable
from typing import Any, Literal

import array_api_strict
import numpy as np
import pytest

import xact
from xact import _check, _recorded, _standard
from xact._register import catalogue

pytestmark = pytest.mark.usefixtures("own_catalogue")

EVERY = sorted({id(activation): activation for activation in catalogue.values()}.values(), key=repr)


def declare(body: Any, rule: Any = None, **given: Any) -> Any:
    """An activation called `own`, complete with a rule that is right."""
    body.__name__ = body.__qualname__ = "own"
    own = xact.activation(**given)(body)
    own.derivative(rule or (lambda x, xp: xp.ones_like(x)))
    return own


def refused(text: str, call: Callable[[], Any]) -> None:
    with pytest.raises(xact.DefinitionError) as caught:
        call()
    message = str(caught.value)
    assert text in message
    assert message.startswith("own: ") and "\n" not in message


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_the_catalogue_passes(activation: xact.Activation) -> None:
    assert _check.check(activation, declared=False)


def test_every_name_of_the_standard_is_known() -> None:
    public = {name for name in dir(array_api_strict) if name[0].islower()}
    strict = {"get_array_api_strict_flags", "set_array_api_strict_flags", "reset_array_api_strict_flags"}
    assert public - strict <= {*_recorded.KNOWN}
    functions = {*_standard.ELEMENTWISE, *_standard.MIXING, *_standard.MADE} - {"fft", "linalg"}
    assert functions <= public
    listed = [*_standard.ELEMENTWISE, *_standard.MIXING, *_standard.MADE]
    assert len(listed) == len({*listed})


# What mixes elements

MIXTURES: dict[str, Callable[[Any, Any], Any]] = {
    "xp.max": lambda x, xp: x - xp.max(x),
    "xp.min": lambda x, xp: x - xp.min(x, axis=-1, keepdims=True),
    "xp.sum": lambda x, xp: x / xp.sum(x),
    "xp.mean": lambda x, xp: x - xp.mean(x),
    "xp.std": lambda x, xp: x / (1 + xp.std(x)),
    "xp.any": lambda x, xp: xp.where(xp.any(x > 0), x, 0.0),
    "xp.sort": lambda x, xp: xp.sort(x),
    "xp.argmax": lambda x, xp: x * xp.argmax(x),
    "xp.cumulative_sum": lambda x, xp: xp.cumulative_sum(x),
    "xp.diff": lambda x, xp: xp.diff(x),
    "xp.reshape": lambda x, xp: xp.reshape(x, (-1,)),
    "xp.concat": lambda x, xp: xp.concat([x, -x]),
    "xp.stack": lambda x, xp: xp.stack([x, -x])[0],
    "xp.roll": lambda x, xp: xp.roll(x, 1),
    "xp.flip": lambda x, xp: x + xp.flip(x),
    "xp.take": lambda x, xp: xp.take(x, xp.argsort(x)),
    "xp.vecdot": lambda x, xp: xp.vecdot(x, x) * x,
    "xp.count_nonzero": lambda x, xp: x / xp.count_nonzero(x),
    "xp.nonzero": lambda x, xp: xp.nonzero(x),
    "xp.unique_values": lambda x, xp: xp.unique_values(x),
    "xp.linalg": lambda x, xp: x / xp.linalg.vector_norm(x),
    "xp.fft": lambda x, xp: xp.fft.fft(x),
    "xp.softmax": lambda x, xp: xp.softmax(x),
    "xp.log_sum_exp": lambda x, xp: x - xp.log_sum_exp(x),
    "xp.at_largest": lambda x, xp: x - xp.at_largest(x, x, -1),
    "xp.halves": lambda x, xp: xp.halves(x, -1)[0],
    "xp.even_places": lambda x, xp: xp.where(xp.even_places(x, -1), x, -x),
    "xp.standardized": lambda x, xp: xp.standardized(x, 1e-5),
    "xact.softmax": lambda x, xp: xact.softmax(x),
    "xact.logsumexp": lambda x, xp: x - xact.logsumexp(x, keepdims=True),
    "xact.glu": lambda x, xp: xact.glu(x),
    "`.sum`": lambda x, xp: x / x.sum(),
    "`.max`": lambda x, xp: x - x.max(),
    "`.T`": lambda x, xp: x.T,
    "`.shape`": lambda x, xp: x / x.shape[-1],
    "`.ndim`": lambda x, xp: x * x.ndim,
    "`.size`": lambda x, xp: x / x.size,
    "by index": lambda x, xp: x[0] * x,
    "by index, reversed": lambda x, xp: x[::-1],
    "by index, a mask": lambda x, xp: x[x > 0],
    "`@`": lambda x, xp: x @ x,
    "as a sequence": lambda x, xp: sum(x) * x,
    "the length": lambda x, xp: x / len(x),
    "numpy.max": lambda x, xp: x - np.max(x),
}


@pytest.mark.parametrize("what", MIXTURES)
def test_mixtures_are_refused(what: str) -> None:
    text = what.partition(",")[0]

    def body(x, /, *, xp):
        return MIXTURES[what](x, xp)

    refused(text, lambda: declare(body))
    refused("give @own.pullback in the place of @own.derivative", lambda: declare(body))
    assert "own" not in catalogue

    def plain(x, /, *, xp):
        return x

    def rule(x, xp):
        return MIXTURES[what](x, xp)

    refused("own: the derivative by `x` uses ", lambda: declare(plain, rule))
    refused("give @own.pullback in the place of @own.derivative", lambda: declare(plain, rule))


def test_a_rule_of_order_two_does_not_mix() -> None:
    own = declare(lambda_body(lambda x, xp: x * x), lambda x, xp: 2 * x)
    refused(
        "own: the second derivative by `x` uses xp.max, ",
        lambda: own.derivative(order=2)(lambda x, xp: 2.0 + 0 * xp.max(x)),
    )
    own.derivative(order=2)(lambda x, xp: 2.0 + 0 * x)
    np.testing.assert_array_equal(xact.derivative(own, order=2)(np.ones(2)), [2.0, 2.0])


def lambda_body(function: Callable[[Any, Any], Any]) -> Any:
    def body(x, /, *, xp):
        return function(x, xp)

    return body


def test_along_an_axis_elements_are_mixed() -> None:
    def body(x, /, *, axis=-1, xp):
        return x - xp.max(x, axis=axis, keepdims=True) / x.shape[axis]

    body.__name__ = body.__qualname__ = "own"
    own = xact.activation()(body)
    own.pullback(lambda dy, axis, xp: dy - xp.sum(dy, axis=axis, keepdims=True))
    np.testing.assert_array_equal(own(np.array([1.0, 2.0])), [0.0, 1.0])


def test_along_an_axis_rows_are_not_mixed() -> None:
    def body(x, /, *, axis=-1, xp):
        return x - xp.max(x)

    own = xact.activation()(named(body))
    refused("own: the body uses xp.max without an axis, which mixes all ", lambda: own.pullback(lambda dy, xp: dy))
    own = xact.activation()(named(lambda_body(lambda x, xp: x - xp.max(x))))
    own.pullback(lambda dy, xp: dy - xp.sum(dy))
    x = np.arange(200_000.0).reshape(2, -1)
    np.testing.assert_array_equal(own(x), x - x.max())


def test_every_choice_is_looked_at() -> None:
    def body(x, /, *, kind: Literal["plain", "shifted"] = "plain", squared=False, xp):
        if squared:
            return x * x
        return x if kind == "plain" else x - xp.max(x)

    refused("xp.max", lambda: declare(body))

    def other(x, /, *, squared=False, xp):
        return x.sum() if squared else x

    refused("`.sum`", lambda: declare(other))

    def numbered(x, /, *, power=1, xp):
        return xp.mean(x) if power == 2 else x

    refused("xp.mean", lambda: declare(numbered))


# What not every library has

FOREIGN = {
    "uses xp.softpluss, which neither the array API standard nor xact has; the nearest names are softplus, ": (
        lambda x, xp: xp.softpluss(x)
    ),
    "uses xp.relu, which neither the array API standard nor xact has; write xact.relu(x), activations can be called": (
        lambda x, xp: xp.relu(x)
    ),
    "uses xp.Tanh, ": lambda x, xp: xp.Tanh(x),
    "uses xp.clamp, ": lambda x, xp: xp.clamp(x, 0.0, 1.0),
    "uses `.clip` of an array, which not every library has; write xp.clip": lambda x, xp: x.clip(0, 1),
    "uses `.astype` of an array": lambda x, xp: x.astype("float32"),
    "uses `.numpy` of an array": lambda x, xp: x.numpy(),
    "calls numpy.tanh, which takes arrays of one library; write xp.tanh": lambda x, xp: np.tanh(x),
    "calls numpy.where, which takes arrays of one library": lambda x, xp: np.where(x > 0, x, 0.0),
    "converts its array to that of one library": lambda x, xp: np.asarray(x),
    "makes a Python number of an array, as functions of `math` do; write those of xp": lambda x, xp: math.exp(x),
    "decides by the numbers in an array (`if`, `and`, `max`); write xp.where": lambda x, xp: x if x > 0 else 0 * x,
    "decides by the numbers": lambda x, xp: max(x, 0),
    "decides by": lambda x, xp: xp.where(0 < x < 1, x, 0.0),
    "writes into its argument with an operator such as `+=`": lambda x, xp: x.__iadd__(1.0),
    "makes an array of its own shape, xp.zeros; write xp.zeros_like": lambda x, xp: x + xp.zeros((3,)),
    "draws at random": lambda x, xp: x + xp.gumbel(None, x),
    "calls xp.exp without an array": lambda x, xp: x * xp.exp(0.5),
    "calls xp.exp with other arguments than one array": lambda x, xp: xp.exp(x, x),
    "calls xp.maximum with other arguments than two arrays": lambda x, xp: xp.maximum(x),
    "calls xp.where with a condition that is no mask": lambda x, xp: xp.where(x, x, 0.0),
    "fails on an array of the standard: TypeError: sigmoid() takes 1 positional": lambda x, xp: xp.sigmoid(x, x),
    "fails on an array of the standard: TypeError: swish has no argument 'betaa'": lambda x, xp: xact.swish(x, betaa=1),
    "computes with ['a']; write a number": lambda x, xp: x + list("a"),
}


@pytest.mark.parametrize("text", FOREIGN)
def test_what_is_not_of_every_library_is_refused(text: str) -> None:
    refused(text, lambda: declare(lambda_body(FOREIGN[text])))


@pytest.mark.needs("torch")
def test_functions_of_torch_are_refused() -> None:
    import torch

    refused(
        "calls torch.tanh, which takes arrays of one library; write xp.tanh",
        lambda: declare(lambda_body(lambda x, xp: torch.tanh(x))),
    )


@pytest.mark.needs("jax")
def test_functions_of_jax_are_refused() -> None:
    import jax.numpy as jnp

    refused("fails on an array of the standard: TypeError: ", lambda: declare(lambda_body(lambda x, xp: jnp.tanh(x))))


def test_an_unknown_name_along_an_axis() -> None:
    def body(x, /, *, axis=-1, xp):
        return xp.softmaxx(x, axis)

    body.__name__ = body.__qualname__ = "own"
    own = xact.activation()(body)
    refused("uses xp.softmaxx, ", lambda: own.pullback(lambda dy, xp: dy))


def test_a_parameter_may_be_an_array() -> None:
    def body(x, /, slope=1.0, *, xp):
        return x if slope > 1 else slope * x

    refused("decides by the numbers in an array", lambda: declare(body))

    def other(x, /, slope=1.0, *, xp):
        return xp.exp(slope) * x

    refused("a parameter may be a number", lambda: declare(other))


# What is allowed

FINE = {
    "activations": lambda x, xp: xact.sigmoid(x) * xact.swish(x, 2.0) + xact.get("elu", alpha=0.5)(x),
    "a gate": lambda x, xp: xact.swiglu(x, x),
    "a derivative": lambda x, xp: xact.derivative(xact.mish)(x) + xact.value_and_derivative("gelu")(x)[1],
    "a cotangent": lambda x, xp: xact.vjp("mish", x)[1](x)[0] * xact.derivative("elu", "alpha")(x, alpha=2.0),
    "special functions": lambda x, xp: xp.softplus(x) + xp.erf(x) + xp.sigmoid(x),
    "numbers": lambda x, xp: np.float64(2.0) * x + np.float32(1.0) + math.pi * xp.asarray(1.0, dtype=x.dtype),
    "limits": lambda x, xp: xp.clip(x, -xp.finfo(x.dtype).max, xp.inf),
    "dtypes": lambda x, xp: xp.astype(xp.astype(x, xp.float64), x.dtype) if xp.isdtype(x.dtype, "real floating") else x,
    "masks": lambda x, xp: xp.where((x > 0) & ~(x == 1) | xp.isnan(x), x, xp.astype(x > 0, x.dtype)),
    "operators": lambda x, xp: abs(-x) ** 2 % 3.0 // 1 + 2.0**x + 1 / (2 + x * x) - (+x),
    "a temporary written": lambda x, xp: temporary(x, xp),
}


def temporary(x: Any, xp: Any) -> Any:
    y = xp.exp(x)
    y += 1.0
    return y


@pytest.mark.parametrize("what", FINE)
def test_what_is_allowed(what: str) -> None:
    own = declare(lambda_body(FINE[what]))
    x = np.linspace(-2.0, 2.0, 5)
    assert own(x).shape == x.shape


def test_a_rule_may_call_its_function() -> None:
    own = declare(lambda_body(lambda x, xp: xp.exp(x)), lambda x, xp: catalogue_or(x, xp))
    np.testing.assert_allclose(xact.derivative(own)(np.ones(2)), math.e)


def catalogue_or(x: Any, xp: Any) -> Any:
    return xact.exponential(x)


def test_what_is_written_further_down_is_checked_at_the_first_call() -> None:
    own = declare(lambda_body(lambda x, xp: written_below(x, xp)))  # noqa: F821 (not yet)
    assert own.name in catalogue
    globals()["written_below"] = lambda x, xp: x - xp.max(x)
    try:
        refused("uses xp.max", lambda: own(np.ones(2)))
        globals()["written_below"] = lambda x, xp: 2 * x
        np.testing.assert_array_equal(own(np.ones(2)), [2.0, 2.0])
        np.testing.assert_array_equal(xact.derivative(own)(np.ones(2)), [1.0, 1.0])
    finally:
        del globals()["written_below"]


# Results

RESULTS = {
    "returns None; end it with `return`": lambda x, xp: None,
    "returns a tuple where one array is due": lambda x, xp: (x, x),
    "returns the number 1.0 where one array is due; xp.where(xp.isnan(x), x, 1.0)": lambda x, xp: 1.0,
    "returns what has not the shape of x": lambda x, xp: xp.asarray(1.0),
    "returns an array of int32, where the dtype of x is due": lambda x, xp: xp.astype(x, xp.int32),
    "returns an array of complex64": lambda x, xp: 1j * x,
    "returns a str where one array is due": lambda x, xp: "x",
}


@pytest.mark.parametrize("text", RESULTS)
def test_results(text: str) -> None:
    refused(f"own: the body {text}", lambda: declare(lambda_body(RESULTS[text])))
    refused(f"own: the derivative by `x` {text}", lambda: declare(lambda_body(lambda x, xp: x), RESULTS[text]))


def test_a_mask_is_a_rule_and_no_value() -> None:
    refused("the body returns an array of bool", lambda: declare(lambda_body(lambda x, xp: x > 0)))
    own = declare(lambda_body(lambda x, xp: xp.maximum(x, 0.0)), lambda x, xp: x > 0)
    np.testing.assert_array_equal(xact.derivative(own)(np.array([-1.0, 1.0])), [0.0, 1.0])


def test_a_rule_of_a_parameter_alone() -> None:
    def body(x, /, slope=1.0, *, xp):
        return slope * x

    refused("returns the number", lambda: declare(body, lambda slope, xp: slope))


def test_a_parameter_may_become_a_vector() -> None:
    def body(x, /, weights, *, xp):
        return weights[0] * x + weights[1]

    own = xact.activation()(named(body))
    own.derivative(lambda x, weights, xp: weights[0] + 0 * x)
    own.pullback("weights")(lambda x, dy, xp: xp.stack([xp.sum(dy * x), xp.sum(dy)]))
    np.testing.assert_array_equal(own(np.ones(2), (2.0, 3.0)), [5.0, 5.0])

    def other(x, /, weights=(1.0, 2.0), *, xp):
        return weights[0] * x + weights[1]

    own = xact.activation()(named(other))
    own.derivative(lambda x, weights, xp: weights[0] + 0 * x)
    own.pullback("weights")(lambda x, dy, xp: xp.stack([xp.sum(dy * x), xp.sum(dy)]))
    np.testing.assert_array_equal(own(np.ones(2)), [3.0, 3.0])


def test_a_parameter_without_default_and_rule() -> None:
    def body(x, /, scale, *, xp):
        return scale * x - xp.max(x)

    own = xact.activation()(named(body))
    own.derivative(lambda x, scale, xp: scale + 0 * x)
    refused("uses xp.max", lambda: own(np.ones(2), 2.0))
    refused("uses xp.max", lambda: xact.derivative(own)(np.ones(2), 2.0))
    refused("uses xp.max", lambda: own.derivative("scale")(lambda x, xp: x))


def test_a_refused_rule_can_be_declared_again() -> None:
    own = xact.activation()(named(lambda_body(lambda x, xp: x * x)))
    refused("xp.max", lambda: own.derivative(lambda x, xp: 2 * xp.max(x)))
    own.derivative(lambda x, xp: 2 * x)
    np.testing.assert_array_equal(xact.derivative(own)(np.ones(2)), [2.0, 2.0])


def named(body: Any) -> Any:
    body.__name__ = body.__qualname__ = "own"
    return body


# Samplers


def noisy(x, noise, /, *, xp):
    return x + noise


def drawn(x, size=0.0, *, training=False, rng, xp):
    return xp.uniform(rng, x, -size, size) if training else 0 * x


@pytest.mark.parametrize("first", ["sampler", "rule"])
def test_a_sampler_before_or_after_the_rule(first: str) -> None:
    own = xact.activation()(noisy)
    if first == "sampler":
        own.sample(drawn)
    own.derivative(lambda x, xp: xp.ones_like(x))
    if first == "rule":
        with pytest.raises(xact.MissingRuleError, match="no rule for `noise` yet"):
            own(np.ones(2), np.ones(2))
        own.sample(drawn)
    np.testing.assert_array_equal(own(np.ones(2)), [1.0, 1.0])
    assert np.ptp(own(np.ones(9), size=1.0, training=True, rng=np.random.default_rng(0))) > 0


def test_wrong_samplers() -> None:
    own = xact.activation()(noisy)
    with pytest.raises(xact.DefinitionError, match=r"noisy: the rule takes \['z'\], but it may name"):
        own.sample(lambda z, /, *, rng, xp: z)
    with pytest.raises(xact.DefinitionError, match="a rule takes `xp`"):
        own.sample(lambda x, rng: x)
    own.sample(drawn)
    another = xact.activation()(noisy)
    another.sample(lambda x, *, rng, xp: xp.unifrom(rng, x, 0.0, 1.0))
    with pytest.raises(xact.DefinitionError, match=r"noisy: the sampler uses xp\.unifrom, "):
        another.derivative(lambda x, xp: xp.ones_like(x))


def test_a_module_of_another_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^own: xact\.nn\.GELU is the Module of xact\.gelu; give another `module`$"):
        declare(lambda x, /, *, xp: xp.tanh(x), module="GELU")
    assert declare(lambda x, /, *, xp: xp.tanh(x), module="Own").module == "Own"


@pytest.mark.parametrize(("label", "given"), [("learnable", ["a"]), ("kinks", [0.0]), ("arguments", "a")])
def test_what_is_a_mapping(label: str, given: Any) -> None:
    text = f"`{label}` is a mapping such as {{"
    refused(text, lambda: declare(lambda x, /, a=1.0, *, xp: xp.tanh(a * x), **{label: given}))


def test_a_rule_is_declared_without_brackets() -> None:
    with pytest.raises(xact.DefinitionError, match=r"^write @gelu\.derivative without brackets, or with the name"):
        xact.gelu.derivative()
    refused("a rule takes `xp`", lambda: declare(lambda x, /, *, xp: xp.tanh(x), lambda x: x))


def test_a_definition_outside_a_module() -> None:
    """As in a program that is run by `exec`."""
    text = """
@activation()
def own(x, /, *, xp):
    return xp.tanh(x)

@own.derivative
def _(x, xp):
    return 1 - xp.tanh(x) ** 2
"""
    space: dict[str, Any] = {"activation": xact.activation}
    exec(text, space)
    assert space["own"](np.zeros(1)) == 0
    assert "own" in repr(space["own"])


def test_a_taken_name_leaves_no_half_entry() -> None:
    def relu(x, /, *, xp):
        return xp.maximum(x, 0.0)

    own = xact.activation()(relu)
    with pytest.raises(ValueError, match=r"the name 'relu' is taken by xact\.relu"):
        own.derivative(lambda x, xp: x > 0)
    with pytest.raises(xact.MissingRuleError, match="relu has no rule for `x` yet"):
        own(np.ones(2))


# First calls under transforms


def fresh() -> Any:
    return declare(lambda_body(lambda x, xp: x * xp.sigmoid(x)), lambda x, xp: xp.x_sigmoid_derivative(x, x))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("late", [False, True], ids=["declared", "written further down"])
@pytest.mark.parametrize("way", ["compile", "vmap", "fake", "grad", "jvp"])
def test_the_first_call_is_a_transform_of_torch(way: str, late: bool) -> None:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    own = declare(lambda_body(lambda x, xp: below(x, xp)), lambda x, xp: xp.x_sigmoid_derivative(x, x))  # noqa: F821
    if not late:
        own = fresh()
    globals()["below"] = lambda x, xp: x * xp.sigmoid(x)
    try:
        x = torch.linspace(-1, 1, 4, requires_grad=way == "compile")
        expected = torch.nn.functional.silu(x)
        if way == "compile":
            y = torch.compile(own, fullgraph=True, backend="aot_eager")(x)
            y.sum().backward()
        elif way == "vmap":
            y = torch.vmap(own)(x)
        elif way == "fake":
            with FakeTensorMode():
                assert own(torch.empty(4)).shape == (4,)
            return
        elif way == "grad":
            y = torch.vmap(torch.func.grad_and_value(own))(x)[1]
        else:
            y = torch.func.jvp(own, (x,), (x,))[0]
        torch.testing.assert_close(y, expected)
    finally:
        del globals()["below"]


@pytest.mark.needs("jax")
def test_the_first_call_is_a_transform_of_jax() -> None:
    import jax

    x = jax.numpy.linspace(-1, 1, 4)
    for way in (jax.jit, jax.vmap, lambda f: jax.vmap(jax.grad(f)), lambda f: jax.jit(jax.vmap(jax.grad(f)))):
        assert way(fresh())(x).shape == (4,)
