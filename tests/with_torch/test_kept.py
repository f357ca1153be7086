"""C6 on PyTorch: dtype, device, strides, shape, and the input itself are kept."""

from dataclasses import replace

import cases
import numpy as np
import pytest

import xact

torch = pytest.importorskip("torch")

SHAPE = (2, 4, 6, 8)
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
LAYOUTS = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "permuted": lambda x: x.permute(3, 1, 0, 2),
    "transposed": lambda x: x.mT,
    "sliced": lambda x: x[:, 1:, ::2, ::2],
    "expanded": lambda x: x[:, :1].expand(2, 4, 6, 8),
    "expanded_first": lambda x: x[:1].expand(2, 4, 6, 8),
    "offset": lambda x: x.flatten()[8:].unflatten(0, (-1, 4, 2)),
    "empty": lambda x: x[:0],
    "flat": lambda x: x.flatten(),
}
EVERY = cases.every(SHAPE)
every_case = pytest.mark.parametrize("case", EVERY, ids=str)
of_any_shape = pytest.mark.parametrize("case", cases.of_any_shape(EVERY), ids=str)
PARAMETERS = [(case, name) for case in EVERY for name in case.array_parameters if "vector" in case.label]
parameters = pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=str)


def laid(case: cases.Case, layout: str, dtype: torch.dtype = torch.float32) -> cases.Case:
    """Arrays in a memory layout; parameters with an entry per element of the axis shrink to their mean."""
    parameters = dict(case.parameters)
    for name in case.array_parameters:
        value = parameters[name]
        parameters[name] = torch.tensor(value if name in case.activation.vectors else value.mean(), dtype=dtype)
    arrays = tuple(LAYOUTS[layout](torch.tensor(array, dtype=dtype)) for array in case.arrays)
    return replace(case, arrays=arrays, parameters=parameters)


@pytest.mark.by_kind
@of_any_shape
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_strides_and_dtype_are_those_of_exp(case: cases.Case, dtype: torch.dtype) -> None:
    for layout in LAYOUTS:
        given = laid(case, layout, dtype)
        x = given.arrays[0]
        if case.packed and (layout == "transposed" or x.shape[-1] % 2):
            continue
        like = torch.exp(torch.chunk(x, 2, -1)[0] if case.packed else x)
        if case.packed and case.options["layout"] == "interleaved":
            like = torch.exp(x[..., ::2])
        y = given.pure(*given.differentiable)
        assert (y.dtype, y.device, y.shape) == (dtype, x.device, like.shape)
        assert y.stride() == like.stride(), layout


@pytest.mark.by_kind
@of_any_shape
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_do_not_depend_on_the_layout(case: cases.Case, layout: str) -> None:
    given = laid(case, layout, torch.float64)
    dense = given.converted(lambda value: value.clone(memory_format=torch.contiguous_format))
    if case.packed and given.arrays[0].shape[-1] % 2:
        pytest.skip("a packed array of odd length")
    eps = torch.finfo(torch.float64).eps
    torch.testing.assert_close(
        given.pure(*given.differentiable), dense.pure(*dense.differentiable), rtol=4 * eps, atol=4 * eps
    )


@pytest.mark.by_kind(simplest=True)
@every_case
def test_the_input_is_never_written(case: cases.Case) -> None:
    given = case.converted(lambda value: torch.tensor(value).requires_grad_())
    versions = [value._version for value in given.differentiable]
    given.pure(*given.differentiable).sum().backward()
    with torch.no_grad():
        given.pure(*given.differentiable)
    torch.compile(given.pure, backend="aot_eager")(*given.differentiable)
    assert [value._version for value in given.differentiable] == versions
    for value, original in zip(given.differentiable, case.differentiable, strict=True):
        assert np.array_equal(value.detach().numpy(), original)


@pytest.mark.by_kind
@every_case
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_gradients_have_the_dtype_and_shape_of_their_argument(case: cases.Case, dtype: torch.dtype) -> None:
    other = torch.float64 if dtype == torch.float32 else torch.float32
    count = len(case.arrays)
    values = [torch.tensor(value, dtype=dtype) for value in case.differentiable[:count]]
    values += [torch.tensor(value, dtype=other) for value in case.differentiable[count:]]
    y = case.pure(*(value.requires_grad_() for value in values))
    assert y.dtype == dtype
    y.sum().backward()
    for value in values:
        assert (value.grad.dtype, value.grad.shape) == (value.dtype, value.shape)
    _, tangent = torch.func.jvp(
        case.pure, tuple(value.detach() for value in values), tuple(torch.ones_like(value) for value in values)
    )
    assert (tangent.dtype, tangent.shape) == (dtype, y.shape)


@parameters
@pytest.mark.parametrize("shape", [(3,), (2, 1, 1, 1, 1), (3, 4, 6, 8)], ids=str)
def test_a_parameter_never_enlarges_the_result(case: cases.Case, name: str, shape: tuple[int, ...]) -> None:
    x = torch.tensor(case.arrays[0])
    with pytest.raises(xact.ShapeError, match=f"{case.activation.name}: `{name}` of shape .* does not fit"):
        case.call(x, **{name: torch.ones(shape, dtype=x.dtype)})
    with pytest.raises(xact.ShapeError):
        case.call(x.sum(), **{name: torch.ones(2, dtype=x.dtype)})


@parameters
def test_a_parameter_is_broadcast_and_its_gradient_summed(case: cases.Case, name: str) -> None:
    """As the same activation with the parameter written out for every element."""
    x, given = torch.tensor(case.arrays[0]), torch.tensor(case.parameters[name], requires_grad=True)
    axis = case.activation.defaults.get("axis", -1)
    shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
    whole = given.detach().reshape(shape).expand(x.shape).clone().requires_grad_()
    y, expected = case.call(x, **{name: given}), case.call(x, **{name: whole})
    assert torch.equal(y, expected)
    dy = torch.linspace(-1, 2, x.numel(), dtype=x.dtype).reshape(x.shape)
    (pulled,), (parts,) = torch.autograd.grad(y, given, dy), torch.autograd.grad(expected, whole, dy)
    over = [i for i in range(x.ndim) if i != axis % x.ndim]
    torch.testing.assert_close(pulled, parts.sum(over), rtol=x.numel() * torch.finfo(x.dtype).eps, atol=0)


@pytest.mark.parametrize("case", [case for case in EVERY if not case.array_parameters], ids=str)
def test_a_parameter_without_a_rule_has_no_gradient(case: cases.Case) -> None:
    # A mask of floats is added to the array.
    others = [name for name in case.activation.body.parameters if name not in case.activation.body.masks]
    for name in (name for name in others if not case.activation.rules_for(name)):
        number = case.parameters.get(name, case.activation.defaults[name])
        value = torch.tensor(float(number), dtype=torch.float64, requires_grad=True)
        y = case.call(torch.tensor(case.arrays[0]), **{name: value})
        with pytest.raises(xact.MissingRuleError, match=f"{case.activation.name} has no derivative by `{name}`"):
            y.sum().backward()
        with pytest.raises(xact.MissingRuleError, match=f"{case.activation.name} has no derivative by `{name}`"):
            torch.func.jvp(
                lambda value, name=name: case.call(torch.tensor(case.arrays[0]), **{name: value}),
                (value.detach(),),
                (torch.ones_like(value).detach(),),
            )
        assert not case.call(torch.tensor(case.arrays[0]), **{name: value.detach()}).requires_grad


@pytest.mark.parametrize("name", [name for name in xact.names() if xact.get(name).inplace])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_in_place(name: str, dtype: torch.dtype) -> None:
    case = cases.case(xact.get(name), SHAPE).converted(lambda value: torch.tensor(value, dtype=dtype))
    for layout in ("contiguous", "channels_last", "sliced"):
        leaf = LAYOUTS[layout](case.arrays[0]).clone().requires_grad_()
        dy = torch.linspace(-1, 2, leaf.numel(), dtype=dtype).reshape(leaf.shape)
        expected = case.call(2 * leaf)
        x = 2 * leaf
        y = case.call(x, inplace=True)
        assert y.data_ptr() == x.data_ptr()
        assert torch.equal(y, expected)
        assert torch.equal(*(torch.autograd.grad(value, leaf, dy)[0] for value in (y, expected)))
        with torch.no_grad():
            x = LAYOUTS[layout](case.arrays[0].clone())
            y = case.call(x, inplace=True)
        assert y.data_ptr() == x.data_ptr()
        assert torch.equal(y, case.call(LAYOUTS[layout](case.arrays[0])))
    with pytest.raises(RuntimeError, match="leaf Variable"):
        case.call(leaf, inplace=True)


@pytest.mark.parametrize("name", [name for name in xact.names() if xact.get(name).inplace])
def test_in_place_inside_transforms(name: str) -> None:
    case = cases.case(xact.get(name)).converted(torch.tensor)

    def twice(x, inplace):
        return case.call(2 * x, inplace=inplace)

    def slopes(function, x):
        return torch.func.vjp(function, x)[1](torch.ones_like(x))[0]

    x = case.arrays[0]
    expected = twice(x, False), slopes(lambda x: twice(x, False), x)
    compiled = torch.compile(lambda x: twice(x, True), backend="aot_eager", fullgraph=True)
    leaf = x.clone().requires_grad_()
    y = compiled(leaf)
    got = y.detach(), torch.autograd.grad(y.sum(), leaf)[0]
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close((twice(x, True), slopes(lambda x: twice(x, True), x)), expected)
    torch.testing.assert_close(torch.vmap(lambda x: twice(x, True))(x), expected[0])


# Dynamo looks at the gradient of every tensor it is given, and torch warns of one that is no leaf.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", [name for name in xact.names() if xact.get(name).inplace])
def test_in_place_on_an_argument_of_a_compiled_function(name: str) -> None:
    case = cases.case(xact.get(name)).converted(torch.tensor)
    leaf = case.arrays[0].clone().requires_grad_()
    given = leaf.clone()
    with torch.no_grad():
        expected = case.call(leaf)
    function = torch.compile(lambda x: case.call(x, inplace=True) * 2, backend="aot_eager", fullgraph=True)
    y = function(given)
    torch.testing.assert_close(given.detach(), expected)
    slope = torch.autograd.grad(y.sum(), leaf)[0]
    torch.testing.assert_close(slope, 2 * torch.autograd.grad(case.call(leaf).sum(), leaf)[0])


@pytest.mark.parametrize("name", [n for n in xact.names() if hasattr(torch.nn.functional, n) and n != "bilinear"])
def test_integers_as_torch(name: str) -> None:
    activation, x = xact.get(name), torch.arange(-3, 5)
    case = cases.case(activation).converted(torch.tensor)
    options = {} if activation.elementwise else {"dim": -1}
    parameters = [torch.full((1,), value) for value in case.parameters.values()]
    if activation is xact.threshold:
        parameters = [*case.parameters.values()]
    try:
        expected = getattr(torch.nn.functional, name)(x, *parameters, **options)
    except (RuntimeError, NotImplementedError):
        with pytest.raises(xact.DtypeError, match=f"{name} takes .*, got int64"):
            activation(x, *parameters, **options)
        return
    y = activation(x, *parameters, **options)
    assert y.dtype == expected.dtype
    torch.testing.assert_close(y, expected)
