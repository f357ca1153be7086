"""What stands for an array: numbers, `__jax_array__`, masked arrays of NumPy, and NumPy beside JAX."""

import re
from typing import Any

import cases
import ml_dtypes
import numpy as np
import pytest

import xact

pytestmark = pytest.mark.needs("numpy")

SIMPLE = cases.simple()
ELEMENTWISE = [case for case in SIMPLE if case.activation.elementwise]
ALONG = [case for case in SIMPLE if not case.activation.elementwise]
ONE_ARRAY = [case for case in ELEMENTWISE if len(case.arrays) == 1]


class Held:
    """An array that says of itself what JAX may take it for, and nothing else; flax.nnx.Param is one."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __jax_array__(self) -> Any:
        return self.value


class Metres(np.ndarray):
    """A class with rules of its own, as those of physical units are."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        raise TypeError("only dimensionless")


def same(got: Any, expected: Any) -> None:
    np.testing.assert_array_equal(np.asarray(got), np.asarray(expected))


# Numbers


@pytest.mark.parametrize("case", ONE_ARRAY, ids=str)
def test_numbers(case: cases.Case) -> None:
    """A Python float gives a NumPy scalar of float64."""
    for number in (0.75, float("nan")):
        got = case.call(number)
        assert type(got) is np.float64
        same(got, case.call(np.float64(number)))
        slope = xact.derivative(case.activation)(number, **case.parameters, **case.options)
        assert type(slope) is np.float64
    if case.activation.integers:
        assert type(case.call(3)) is type(case.call(np.asarray(3)[()]))
    else:
        with pytest.raises(xact.DtypeError, match="got int64; convert the array first"):
            case.call(3)


def test_numbers_of_gates_and_transforms() -> None:
    assert type(xact.swiglu(0.5, 0.25)) is np.float64
    same(xact.swiglu(0.5, 0.25), xact.swiglu(np.array([0.5]), np.array([0.25]))[0])
    same(xact.swiglu(np.float64(0.5), np.float64(0.25)), xact.swiglu(0.5, 0.25))
    assert type(xact.elu(-1.0, 0.5)) is np.float64
    y, pullback = xact.vjp("mish", 0.5)
    same(pullback(np.float64(1.0))[0], xact.derivative("mish")(0.5))
    y, slope = xact.value_and_derivative("mish")(0.5)
    assert (y, slope) == (xact.mish(0.5), xact.derivative("mish")(0.5))


@pytest.mark.parametrize("case", ONE_ARRAY, ids=str)
def test_scalars_of_ml_dtypes(case: cases.Case) -> None:
    x = ml_dtypes.bfloat16(0.75)
    assert case.call(x).dtype == ml_dtypes.bfloat16
    same(case.call(x), case.call(np.array([x]))[0])


# Subclasses


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_masks_stay(case: cases.Case) -> None:
    """What is hidden stays hidden, in the value and in the derivative, and is not looked at."""
    masks = [np.arange(array.size).reshape(array.shape) % (3 + i) == 0 for i, array in enumerate(case.arrays)]
    masked = [np.ma.masked_array(array, mask) for array, mask in zip(case.arrays, masks, strict=True)]
    hidden = np.logical_or.reduce(masks)
    got = case.call(*masked)
    assert type(got) is np.ma.MaskedArray
    same(np.ma.getmaskarray(got), hidden)
    same(got.data[~hidden], case.call()[~hidden])
    for name in case.activation.rules:
        slope = xact.derivative(case.activation, name)
        given = {**case.parameters, **case.options}
        got = slope(*masked, **given)
        same(np.ma.getmaskarray(got), hidden)
        same(got.data[~hidden], slope(*case.arrays, **given)[~hidden])
    same(np.ma.getmaskarray(masked[0]), masks[0])
    assert case.call(*(np.ma.masked_array(array) for array in case.arrays)).mask is np.ma.nomask
    with pytest.raises(xact.DtypeError, match="takes no masked array"):
        xact.vjp(case.activation, *masked, **case.parameters, **case.options)


@pytest.mark.parametrize("case", ALONG, ids=str)
def test_masks_along_an_axis_are_refused(case: cases.Case) -> None:
    """A sum would count what is hidden."""
    x = np.ma.masked_array(case.arrays[0], case.arrays[0] > 0)
    text = f"{case.activation.name} mixes the elements along an axis, also those that the mask"
    with pytest.raises(xact.DtypeError, match=text):
        case.call(x)
    with pytest.raises(xact.DtypeError, match="takes no masked array"):
        xact.vjp(case.activation, x, **case.parameters, **case.options)


@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_classes_with_rules_of_their_own_are_refused(case: cases.Case) -> None:
    """Their unit would be lost."""
    metres = case.arrays[0].view(Metres)
    with pytest.raises(xact.DtypeError, match=f"{case.activation.name} takes arrays of numbers, got a .*Metres"):
        case.call(metres, *case.arrays[1:])
    with pytest.raises(xact.DtypeError, match=f"{case.activation.name} takes arrays of numbers, got a .*Metres"):
        xact.vjp(case.activation, metres, *case.arrays[1:], **case.parameters, **case.options)


def test_other_classes(tmp_path: Any) -> None:
    stored = np.memmap(tmp_path / "stored", float, "w+", shape=(2,))
    for array in (stored, np.ones(2).view(np.recarray)):
        assert type(xact.relu(array)) is np.ndarray
    assert xact.relu(np.ma.masked) is np.ma.masked
    kept = np.ma.masked_array([1.0, 2.0], fill_value=7.0)
    assert xact.relu(kept).fill_value == 7.0
    hidden = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(xact.DtypeError, match="swiglu splits no masked array; give its 2 arrays apart"):
        xact.swiglu(hidden)
    with pytest.raises(xact.DtypeError, match=r"`alpha` is a numpy.ma.MaskedArray, the first array a numpy.ndarray"):
        xact.elu(np.ones(2), alpha=hidden)


def test_what_can_be_converted_says_so() -> None:
    class Table:
        def __array__(self) -> Any:
            return np.ones(2)

        def __repr__(self) -> str:
            return "many lines"

    with pytest.raises(xact.DtypeError, match=r"got an object of type .*Table; convert it with numpy.asarray"):
        xact.relu(Table())


# JAX


@pytest.mark.by_kind(together=1)
@pytest.mark.needs("jax")
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_jax_takes_what_jnp_takes(case: cases.Case) -> None:
    """NumPy's arrays and objects with `__jax_array__` in any place but all NumPy."""
    import jax
    import jax.numpy as jnp

    converted = case.converted(jnp.asarray)
    expected = converted.call()
    given = {**case.parameters, **case.options}
    slots: list[tuple[list[Any], dict[str, Any]]] = [([Held(a) for a in converted.arrays], {})]
    if len(case.arrays) > 1:
        slots += [
            ([case.arrays[0], *converted.arrays[1:]], {}),
            ([converted.arrays[0], *case.arrays[1:]], {}),
            ([case.arrays[0], *map(Held, converted.arrays[1:])], {}),
        ]
    for name in case.activation.body.parameters:
        if name in case.activation.vectors or name in case.activation.body.masks:
            continue
        number = case.parameters.get(name, case.activation.body.parameters[name])
        for x, value in (
            (converted.arrays, np.asarray(number)),
            (converted.arrays, np.float64(number)),
            (converted.arrays, Held(jnp.asarray(number))),
            (case.arrays, jnp.asarray(number)),
            (case.arrays, Held(jnp.asarray(number))),
        ):
            slots.append(([*x], {name: value}))
    for arrays, parameters in slots:
        got = case.activation(*arrays, **{**given, **parameters})
        assert isinstance(got, jax.Array)
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)
    arrays, parameters = slots[-1]
    got = jax.jit(lambda: case.activation(*arrays, **{**given, **parameters}))()
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)


@pytest.mark.needs("jax")
def test_derivatives_take_what_jnp_takes() -> None:
    import jax.numpy as jnp

    x, weight = np.array([[-1.0, 2.0]]), jnp.array([0.25, 0.5])
    expected = xact.vjp("prelu", jnp.asarray(x), weight)[1](jnp.ones((1, 2)))
    for first, second, dy in ((x, weight, np.ones((1, 2))), (Held(jnp.asarray(x)), Held(weight), jnp.ones((1, 2)))):
        _, pullback = xact.vjp("prelu", first, second)
        for got, known in zip(pullback(dy), expected, strict=True):
            same(got, known)
        same(xact.derivative("prelu", "weight")(first, second), jnp.minimum(x, 0.0))
    same(xact.derivative("mish")(Held(jnp.asarray(x))), xact.derivative("mish")(jnp.asarray(x)))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_torch_and_numpy_stay_apart(case: cases.Case) -> None:
    import torch

    for label in [*case.activation.arrays[1:], *case.activation.body.parameters]:
        x, other = torch.ones(case.arrays[0].shape), np.ones(())
        arrays, text = (
            [x] * len(case.arrays),
            f"{case.activation.name}: `{label}` is a numpy.ndarray, the first array a torch.",
        )
        if label in case.activation.arrays:
            call = lambda arrays=arrays, other=other: case.call(*arrays[:-1], other)
        else:
            call = lambda arrays=arrays, other=other, label=label: case.call(*arrays, **{label: other})
        with pytest.raises(xact.DtypeError, match=re.escape(text)):
            call()
