"""Activations as objects (C10): pickle, copy, repr, JSON, equality, spellings; and redefinition in a notebook."""

import copy
import json
import multiprocessing
import pickle
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import cases
import pytest

import xact
from xact._activation import catalogue
from xact._signature import REQUIRED


def bindings(activation: xact.Activation) -> dict[str, Any]:
    """Another value for every name that a spec may carry."""
    values: dict[str, Any] = {}
    for name, default in activation.defaults.items():
        if name in activation.choices:
            values[name] = next(choice for choice in activation.choices[name] if choice != default)
        elif isinstance(default, bool):
            values[name] = not default
        elif isinstance(default, int):
            values[name] = default - 1
        elif isinstance(default, float) or default is REQUIRED:
            # entmax and normmax need an alpha of 1 or more.
            values[name] = (
                1.3125 if name == "alpha" and default in (1.5, 2.0) and not activation.elementwise else 0.3125
            )
    return values


EVERY = [xact.get(name) for name in xact.names()]
BOUND = [activation.replace(**{name: value}) for activation in EVERY for name, value in bindings(activation).items()]
BOUND += [activation.replace(**values) for activation in EVERY if len(values := bindings(activation)) > 1]
ALL = EVERY + BOUND


def test_some_are_bound() -> None:
    assert len(BOUND) > len(EVERY) / 2
    assert all(activation.replaced for activation in BOUND)


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_pickle(activation: xact.Activation) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        copied = pickle.loads(pickle.dumps(activation, protocol))
        assert copied == activation
        assert activation.replaced or copied is activation


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_pickled_by_qualified_name(activation: xact.Activation) -> None:
    """A name and no code: a pickle of today finds the activation of tomorrow."""
    written = pickle.dumps(activation)
    assert activation.__module__.encode() in written
    assert activation.__qualname__.encode() in written
    assert len(written) < 100


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_copy(activation: xact.Activation) -> None:
    for copied in (copy.copy(activation), copy.deepcopy(activation), copy.deepcopy({"f": [activation]})["f"][0]):
        assert copied == activation
        assert hash(copied) == hash(activation)


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_repr_and_spec_lead_back(activation: xact.Activation) -> None:
    written = repr(activation)
    assert written.startswith(f"xact.{activation.name}")
    assert xact.get(written.removeprefix("xact.")) == activation
    spec = json.loads(json.dumps(activation.spec))
    assert xact.get(spec) == activation
    assert xact.get(spec).spec == activation.spec
    assert next(iter(spec)) == "name"
    if not activation.replaced:
        assert eval(written, {"xact": xact}) is activation


def test_equality() -> None:
    """Each is equal to itself and, where it is bound to the same values, to its like; and to nothing else."""
    again = EVERY + [xact.get(activation.spec) for activation in BOUND]
    for i, activation in enumerate(ALL):
        for j, other in enumerate(again):
            assert (activation == other) == (i == j)
            assert i != j or hash(activation) == hash(other)
    assert len(set(ALL) | set(again)) == len(ALL)
    assert xact.relu != "relu"
    assert xact.get("elu(1.0)") is xact.elu
    assert xact.get("elu(0.5)").replace(alpha=1.0) is xact.elu
    assert xact.get(xact.get("elu(0.5)"), alpha=0.25) == xact.get("elu(0.25)")


@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_spellings(activation: xact.Activation) -> None:
    for name in (activation.name, *activation.aliases, activation.module):
        camel = "".join(part.capitalize() for part in name.split("_"))
        for spelled in (name, name.upper(), name.replace("_", "-"), name.replace("_", ""), camel, f" {name} "):
            assert xact.get(spelled) is activation
        assert xact.get(f"{name}()") is activation
    for alias in activation.aliases:
        assert getattr(xact, alias) is activation
    assert getattr(xact, activation.name) is activation


def numbers_of(value: float) -> list[Any]:
    """The same number in every type that has it."""
    import ml_dtypes
    import numpy as np

    kinds = [
        Fraction(value),
        np.float64(value),
        np.float32(value),
        np.float16(value),
        np.array(value),
        np.array([value])[0],
    ]
    return [*kinds, ml_dtypes.bfloat16(value), np.array(value, ml_dtypes.bfloat16)]


@pytest.mark.needs("numpy")
@pytest.mark.parametrize("activation", EVERY, ids=repr)
def test_numbers_of_every_type_have_a_spec(activation: xact.Activation) -> None:
    """JSON, and the same activation as with the Python number."""
    import numpy as np

    for name, value in bindings(activation).items():
        known = activation.replace(**{name: value})
        if isinstance(value, bool):
            kinds = [np.bool_(value), np.array(value)]
        elif isinstance(value, int):
            kinds = [np.int64(value), np.int8(value), np.array(value)]
        else:
            kinds = numbers_of(value) if isinstance(value, float) else []
        for kind in kinds:
            bound = activation.replace(**{name: kind})
            assert bound == known and hash(bound) == hash(known) and repr(bound) == repr(known)
            assert xact.get(json.loads(json.dumps(bound.spec))) == bound
    for name in activation.vectors:
        values = [*map(float, activation.defaults[name][:-1]), 0.125]
        for kind in (
            values,
            tuple(values),
            np.array(values),
            [np.float32(one) for one in values],
            tuple(map(Fraction, values)),
        ):
            bound = activation.replace(**{name: kind})
            assert bound == activation.replace(**{name: tuple(np.array(kind, float).tolist())})
            assert xact.get(json.loads(json.dumps(bound.spec))) == bound


def arrays(library: str, values: Any) -> Any:
    if library == "numpy":
        return pytest.importorskip("numpy").array(values)
    if library == "jax":
        return pytest.importorskip("jax").numpy.array(values)
    return pytest.importorskip("torch").tensor(values)


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("activation", [one for one in EVERY if set(one.body.parameters) - set(one.vectors)], ids=repr)
def test_bound_arrays(activation: xact.Activation, library: str) -> None:
    """They compute, compare, hash and pickle; JSON has no place for them."""
    for name in set(activation.body.parameters) - set(activation.vectors) - set(activation.body.masks):
        bound, same, other, number = (
            activation.replace(**{name: arrays(library, values)})
            for values in ([0.25, 0.5], [0.25, 0.5], [0.25, 0.75], 0.375)
        )
        assert bound == same and bound != other and bound != activation and bound != number
        assert hash(bound) == hash(same)
        assert len({bound, same, other, number}) == 3
        for copied in (copy.deepcopy(bound), pickle.loads(pickle.dumps(bound))):
            assert copied == bound
        with pytest.raises(TypeError, match=rf"{activation.name}: `{name}` is bound to an array of shape \(2,\)"):
            bound.spec  # noqa: B018 (the lookup is what fails)
        assert json.loads(json.dumps(number.spec))[name] == 0.375


def test_a_bound_array_computes() -> None:
    np = pytest.importorskip("numpy")
    x, alpha = np.array([[-1.0, -2.0]]), np.array([1.0, 2.0])
    bound = xact.get("elu", alpha=alpha)
    np.testing.assert_array_equal(bound(x), xact.elu(x, alpha))
    np.testing.assert_array_equal(xact.derivative(bound)(x), xact.derivative("elu")(x, alpha))
    assert xact.get(bound, alpha=1.0) is xact.elu
    assert "alpha=array([1., 2.])" in repr(bound)


def test_get_passes_callables_on() -> None:
    own = lambda x: x
    assert xact.get(own) is own
    assert xact.get(xact.relu) is xact.relu


def test_no_name_means_two_things() -> None:
    meanings: dict[str, xact.Activation] = {}
    for name, activation in catalogue.items():
        for spelled in (name, activation.module):
            bare = spelled.lower().replace("_", "")
            assert meanings.setdefault(bare, activation) is activation
    assert xact.names() == sorted(xact.names())
    assert set(xact.names()) <= set(catalogue)


def _roundtrip(activation: xact.Activation) -> tuple[xact.Activation, str]:
    return activation, repr(activation)


@pytest.mark.needs("numpy")
def test_spawned_process() -> None:
    """A process that has imported nothing receives the activations and sends them back."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for sent, (received, written) in zip(ALL, pool.map(_roundtrip, ALL), strict=True):
            assert received == sent
            assert written == repr(sent)


CELL = """
import xact

@xact.activation(aliases=("also_own",))
def own(x, /, *, xp):
    return {value}

@own.derivative
def _(x, xp):
    return {slope}
"""


@pytest.mark.needs("numpy")
@pytest.mark.usefixtures("own_catalogue")
def test_a_cell_run_again_replaces() -> None:
    import numpy as np

    notebook = types.ModuleType("notebook")
    x = np.array([3.0])
    exec(CELL.format(value="2 * x", slope="0 * x + 2"), notebook.__dict__)
    first = notebook.own
    assert xact.get("own") is first
    assert xact.names().count("own") == 1
    exec(CELL.format(value="x * x", slope="2 * x"), notebook.__dict__)
    second = notebook.own
    assert xact.get("own") is xact.get("also_own") is second
    assert xact.names().count("own") == 1
    assert second != first
    # The old one, where it is still held, stays what it was.
    assert (first(x), second(x), xact.derivative(first)(x), xact.derivative(second)(x)) == (6, 9, 2, 6)


SCRIPT = """
import pickle, sys
from pathlib import Path
import xact

@xact.activation()
def own(x, /, scale=1.0, *, xp):
    return scale * x

@own.derivative
def _(x, scale, xp):
    return 0 * x + scale

if sys.argv[1] == "write":
    Path(sys.argv[2]).write_bytes(pickle.dumps([own, own.replace(scale=2.0)]))
else:
    plain, bound = pickle.loads(Path(sys.argv[2]).read_bytes())
    assert plain is own and bound == own.replace(scale=2.0)
    assert repr(bound) == "__main__.own(scale=2.0)"
"""


def test_own_activation_of_a_script(tmp_path: Path) -> None:
    script, written = tmp_path / "script.py", tmp_path / "written"
    script.write_text(SCRIPT)
    for mode in ("write", "read"):
        done = subprocess.run([sys.executable, script, mode, written], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", cases.simple(), ids=str)
def test_bound_activation_computes(case: cases.Case) -> None:
    """A value bound beforehand does what it does when given in the call."""
    import numpy as np

    for name in case.activation.body.parameters:
        if name in case.activation.vectors:
            continue
        bound = case.activation.replace(**{name: 0.75})
        rest = {key: value for key, value in {**case.parameters, **case.options}.items() if key != name}
        np.testing.assert_array_equal(bound(*case.arrays, **rest), case.call(**{name: 0.75}))
        np.testing.assert_array_equal(bound(*case.arrays, **{**rest, name: 0.25}), case.call(**{name: 0.25}))
    for name, choices in case.activation.choices.items():
        for choice in choices:
            bound = case.activation.replace(**{name: choice})
            expected = case.activation(*case.arrays, **{**case.parameters, **case.options, name: choice})
            np.testing.assert_array_equal(bound(*case.arrays, **case.parameters, **case.options), expected)


def test_objects_are_immutable() -> None:
    with pytest.raises(AttributeError):
        xact.relu.name = "other"
