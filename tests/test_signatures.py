"""Signatures: what a declaration says wrong is refused, arrays go by name too, and every argument is explained."""

import inspect
from typing import Any, Literal

import numpy as np
import pytest

import xact
from xact._arguments import explained
from xact._register import catalogue

pytestmark = pytest.mark.usefixtures("own_catalogue")

EVERY = sorted({id(activation): activation for activation in catalogue.values()}.values(), key=repr)


# Signatures and what the decorator says beside them


def no_slash(x, *, xp):
    return x


def no_xp(x, /, alpha=1.0, *, kind="a"):
    return x


def nothing():
    return 1.0


def default_of_an_array(x=1.0, /, *, xp):
    return x


def a_list(x, /, weights=[1.0, 2.0], *, xp):  # noqa: B006 (what is refused)
    return x


def a_flag(x, /, hard=False, *, xp):
    return x


def a_text(x, /, kind="a", *, xp):
    return x


def a_dictionary(x, /, *, table={}, xp):  # noqa: B006
    return x


def an_array(x, /, *, table=np.ones(2), xp):  # noqa: B008
    return x


def no_choice(x, /, *, kind: Literal["a", "b"] = "c", xp):
    return x


def result(x, y, /, *, xp):
    return x * y


def tangent(x, dx, /, *, xp):
    return x * dx


def variadic(x, /, *args, xp):
    return x


def plain(x, /, *, xp):
    return x


def scaled(x, /, scale=1.0, *, xp):
    return scale * x


def own_scaled(x, /, scale=1.0, *, xp):
    return scale * x


own_scaled.__name__ = own_scaled.__qualname__ = "own"

SIGNATURES = [
    (no_slash, {}, "no_slash: the body lacks a `/` behind the arrays; write def no_slash(x, /, *, xp)"),
    (
        no_xp,
        {},
        "no_xp: the body lacks `xp`, through which the library's functions come; write def no_xp(x, /, alpha, *",
    ),
    (nothing, {}, "write def nothing(x, /, *, xp)"),
    (default_of_an_array, {}, "default_of_an_array: an array has no default"),
    (a_list, {}, "a_list: the default of `weights` is a list; write the tuple (1.0, 2.0)"),
    (
        a_flag,
        {},
        "a_flag: `hard` stands before `*` and so is a number or an array, but its default is False; a choice ",
    ),
    (a_text, {}, "a_text: `kind` stands before `*` and so is a number or an array, but its default is 'a'"),
    (a_dictionary, {}, "a_dictionary: the default of the option `table` is {}, which can be changed"),
    (an_array, {}, "an_array: the default of the option `table` is array([1., 1.]), which can be changed"),
    (no_choice, {}, "no_choice: the default of `kind` is 'c', which is none of its choices 'a', 'b'"),
    (result, {}, "result: an argument is called `y`, which in a rule is the result"),
    (tangent, {}, "tangent: an argument is called `dx`, which in a rule is"),
    (variadic, {}, "*args and **kwargs say nothing; name every argument"),
    (np.tanh, {}, "an activation is a function written with `def`, whose name it has; got <ufunc 'tanh'>"),
    (lambda x, xp: x, {}, "an activation is a function written with `def`"),
    (scaled, {"learnable": {"b": 1.0}}, "scaled: `learnable` names 'b', but the parameters are scale"),
    (
        scaled,
        {"layout": "gate_last"},
        "scaled: `layout` must be one of 'gate_first', 'value_first', 'interleaved', got",
    ),
    (scaled, {"layout": "gate_first"}, "scaled: with a `layout` the arrays are `gate` and `value`, not ('x',)"),
    (scaled, {"requires": "scale > 0"}, "scaled: `requires` is a tuple, write ('scale > 0',)"),
    (scaled, {"aliases": "other"}, "scaled: `aliases` is a tuple, write ('other',)"),
    (scaled, {"aliases": ("a-b",)}, "scaled: 'a-b' is no name that Python can spell"),
    (scaled, {"module": "My Module"}, "scaled: 'My Module' is no name that Python can spell"),
    (scaled, {"integers": True}, "scaled: `integers` must be one of 'keep', 'float', 'keep, bool', 'float, bool'"),
    (scaled, {"requires": ("scale >= other",)}, "'other' in `requires` is neither a number nor one of the arguments"),
    (
        scaled,
        {"requires": ("scale",)},
        "'scale' in `requires` is no comparison by <=, >=, <, >, != with spaces, such as",
    ),
    (scaled, {"requires": ("scale => 0",)}, "'scale => 0' in `requires` is no comparison"),
    (
        scaled,
        {"requires": ("skale > 0",)},
        "'skale > 0' in `requires` names no argument known so far; the nearest is sc",
    ),
    (scaled, {"requires": ("scale > 1",)}, "scaled: its own defaults break a condition: scaled needs scale > 1, got"),
    (scaled, {"kinks": {"skale": 0}}, "scaled: 'skale' in `kinks` names 'skale'; the nearest argument is scale"),
    (scaled, {"kinks": {0: "1 / skale"}}, "scaled: '1 / skale' in `kinks` names 'skale'"),
    (scaled, {"kinks": {"1 +": 0}}, "scaled: '1 +' in `kinks` is no expression of the arguments"),
    (scaled, {"arguments": {"skale": "a factor"}}, "scaled: `arguments` explains 'skale', which it does not have"),
]


@pytest.mark.parametrize(("body", "fields", "text"), SIGNATURES, ids=lambda value: value if type(value) is str else "")
def test_signatures(body: Any, fields: dict[str, Any], text: str) -> None:
    def call() -> None:
        own = xact.activation(**fields)(body)
        own.derivative(lambda x, xp: x)

    with pytest.raises(TypeError) as caught:
        call()
    assert text in str(caught.value)
    assert catalogue.get(getattr(body, "__name__", ""), xact.tanh) is xact.tanh


def test_rules_take_xp() -> None:
    own = xact.activation()(plain)
    with pytest.raises(xact.DefinitionError, match=r"a rule takes `xp`, .*; write def <lambda>\(x, xp\)"):
        own.derivative(lambda x: x)


def test_brackets() -> None:
    with pytest.raises(xact.DefinitionError, match=r"write @activation\(\) with brackets above `scaled`"):
        xact.activation(scaled)  # type: ignore[arg-type]


def test_what_is_learnt_has_a_rule() -> None:
    own = xact.activation(learnable={"scale": 1.0})(own_scaled)
    own.derivative(lambda scale, x, xp: scale + 0 * x)
    with pytest.raises(xact.MissingRuleError) as caught:
        own(np.ones(2))
    assert 'own has no rule for `scale` yet; write `@own.derivative("scale")` above a function' in str(caught.value)
    assert "own" not in catalogue
    own.derivative("scale")(lambda x, xp: x)
    np.testing.assert_array_equal(own(np.ones(2), 2.0), [2.0, 2.0])


@pytest.mark.needs("torch")
def test_what_is_learnt_by_a_module_has_a_rule() -> None:
    import torch

    from xact import nn

    own = xact.activation(learnable={"scale": 1.0})(own_scaled)
    own.derivative(lambda scale, x, xp: scale + 0 * x)
    with pytest.raises(xact.MissingRuleError, match=r"write `@own.derivative\(.scale.\)`"):
        nn.Activation(own)(torch.ones(2))
    with pytest.raises(AttributeError):
        nn.Own  # noqa: B018 (the lookup is what fails)


# Arrays by name


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_arrays_by_name(activation: xact.Activation) -> None:
    x = np.linspace(-1.0, 1.0, 24).reshape(1, 6, 2, 2)
    required = {name: 0.5 + i for i, name in enumerate(activation.required)}
    if activation.body.masks:
        required = dict.fromkeys(activation.body.masks, x > 0)
    arrays = [x] if activation.layout else [x] * len(activation.arrays)
    axis = {"axis": 1} if activation.layout else {}
    expected = activation(*arrays, **required, **axis, **training(activation))
    first = activation.shown[0]
    for name in (first, "input"):
        given = {name: arrays[0], **dict(zip(activation.arrays[1:], arrays[1:], strict=False))}
        np.testing.assert_array_equal(activation(**given, **required, **axis, **training(activation)), expected)
    assert first in inspect.signature(activation).parameters
    if activation.layout:
        both = dict(zip(activation.arrays, (x, x), strict=True))
        expected = activation(x, x)
        for call in (
            lambda: activation(**both),
            lambda: activation(x, other=x),
            lambda: activation(x=x, other=x),
            lambda: activation(x, **{activation.arrays[1]: x}),
        ):
            np.testing.assert_array_equal(call(), expected)
        with pytest.raises(TypeError, match="needs both arrays or one packed"):
            activation(**{activation.arrays[0]: x})
    with pytest.raises(TypeError, match="twice"):
        activation(*arrays, input=x, **required)
    with pytest.raises(TypeError, match="twice"):
        activation(**{first: x, "input": x}, **required)


def training(activation: xact.Activation) -> dict[str, bool]:
    return {"training": False} if "training" in activation.defaults else {}


def test_derivatives_by_name() -> None:
    x = np.ones(3)
    for f in (xact.derivative("gelu"), xact.value_and_derivative("gelu")):
        np.testing.assert_array_equal(f(x=x), f(x))
        np.testing.assert_array_equal(f(input=x), f(x))


# What an argument is


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_every_argument_is_explained(activation: xact.Activation) -> None:
    arrays = (*activation.shown, "other") if activation.layout else activation.shown
    names = [*arrays, *activation.defaults]
    lines = explained(activation.arguments, names)
    assert [*lines] == names
    assert all(line == line.strip().rstrip(".") and "\n" not in line for line in lines.values())
    text = activation.__doc__ or ""
    assert all(f"{name}: {line}" in text for name, line in lines.items())
    assert activation.tex in text and f"``{activation.name}({activation.shown[0]}" in text
    assert not {*activation.arguments} - {*names}


def test_help_is_short() -> None:
    import pydoc

    shown = pydoc.render_doc(xact.elu, renderer=pydoc.plaintext)
    assert len(shown.splitlines()) < 20
    assert "elu(x, alpha=1.0, inplace=False)" in shown and "alpha: " in shown


@pytest.mark.needs("torch")
@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_every_argument_of_a_module_is_explained(activation: xact.Activation) -> None:
    from xact import nn

    module = getattr(nn, activation.module)
    text = module.__doc__
    for name, parameter in inspect.signature(module).parameters.items():
        # torch.nn.Softmax2d has no constructor of its own.
        assert f"\n{name}: " in text or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    assert activation.tex in text and text.endswith(f"The Module of `xact.{activation.name}`.")


@pytest.mark.needs("torch")
def test_help_on_a_module_starts_with_what_it_takes() -> None:
    """Below stands what torch.nn.Module has, as for torch's own classes."""
    import pydoc

    from xact import nn

    head = pydoc.render_doc(nn.Swish, renderer=pydoc.plaintext).splitlines()[:24]
    for line in ("Swish(beta=1.0, num_parameters=None, ", " |  beta: what x is multiplied by", " |  Formula: x\\,"):
        assert any(line in one for one in head)


@pytest.mark.needs("torch")
def test_modules_by_name() -> None:
    import torch

    from xact import nn

    x = torch.linspace(-1, 1, 4)
    for module in (nn.Swish(), nn.GELU(), nn.Activation("gelu"), nn.SwiGLU(), nn.Activation("swiglu"), nn.Softmax(0)):
        torch.testing.assert_close(module(input=x), module(x), rtol=0, atol=0)
    gated = nn.Activation("swiglu")
    torch.testing.assert_close(gated(gate=x, value=x), gated(x, x), rtol=0, atol=0)
    torch.testing.assert_close(nn.SwiGLU()(input=x, other=x), gated(x, x), rtol=0, atol=0)
    few = nn.Activation("gelu", backward_bits=4)
    torch.testing.assert_close(few(input=x), few(x), rtol=0, atol=0)
