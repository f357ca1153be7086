"""Second and third derivatives: one answer for all orders of forward and reverse mode."""

from collections.abc import Callable
from itertools import product
from typing import Any

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

from torch.func import grad, jacfwd, jacrev, jvp, vmap

# Of one array, whose elements stay apart: a sum has the same derivatives.
ELEMENTWISE = [
    case for case in cases.simple((6,)) if case.activation.elementwise and len(case.activation.body.arrays) == 1
]
# -ln(0) has no derivative at all.
OUTSIDE = {"log1mexp": [0.0]}
ULPS = 64


def forward(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jvp(function, (x,), (torch.ones_like(x),))[1]


def reverse(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: grad(lambda z: function(z).sum())(x)


def inputs(case: cases.Case, dtype: torch.dtype) -> torch.Tensor:
    """Generic points, points that libraries treat apart, and the kinks."""
    activation = case.activation
    kinks = [kink for kink in activation.kinks_at({**activation.defaults, **case.parameters}) if abs(kink) < 1e6]
    special = [x for x in (0.0, 6.0, -3.0, 3.0, 1.0, -1.0, *kinks) if x not in OUTSIDE.get(activation.name, [])]
    return torch.cat([torch.tensor(case.arrays[0]).flatten(), torch.tensor(special)]).to(dtype)


def assert_alike(found: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
    expected = found[min(found, key=lambda order: order.count("f"))]
    bound = ULPS * torch.finfo(dtype).eps
    for order, got in found.items():
        said = lambda text, order=order: f"{order}: {text}"
        torch.testing.assert_close(got, expected, rtol=bound, atol=bound, equal_nan=True, msg=said)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_second_derivative(case: cases.Case, dtype: torch.dtype) -> None:
    x, modes = inputs(case, dtype), {"f": forward, "r": reverse}
    function = lambda x: case.activation(x, **case.parameters, **case.options)
    found = {a + b: modes[a](modes[b](function))(x) for a, b in product("fr", repeat=2)}
    assert_alike(found, dtype)


@pytest.mark.by_kind
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_third_derivative(case: cases.Case) -> None:
    x, modes = inputs(case, torch.float64), {"f": forward, "r": reverse}
    function = lambda x: case.activation(x, **case.parameters, **case.options)
    assert_alike(
        {"".join(o): modes[o[0]](modes[o[1]](modes[o[2]](function)))(x) for o in product("fr", repeat=3)}, torch.float64
    )


@pytest.mark.by_kind
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_inside_and_between_vmap(case: cases.Case) -> None:
    x, modes = inputs(case, torch.float64), {"f": forward, "r": reverse, "v": vmap}
    function = lambda x: case.activation(x, **case.parameters, **case.options)
    for orders in (("rr", "ffv", "fvf", "vff", "frv"), ("rrr", "fffv", "frfv", "vffr", "fvfr")):
        found = {}
        for order in orders:
            found[order] = function
            for mode in reversed(order):
                found[order] = modes[mode](found[order])
        assert_alike({order: derivative(x) for order, derivative in found.items()}, torch.float64)


@pytest.mark.parametrize("case", [case for case in ELEMENTWISE if case.activation.slopes], ids=str)
def test_derivative_of_the_derivative(case: cases.Case) -> None:
    x, slope = inputs(case, torch.float64), xact.derivative(case.activation)
    function = lambda x: case.activation(x, **case.parameters, **case.options)
    once = lambda x: slope(x, **case.parameters, **case.options)
    found = {"rr": reverse(reverse(function)), "f": forward(once), "r": reverse(once), "vf": vmap(forward(once))}
    assert_alike({order: derivative(x) for order, derivative in found.items()}, torch.float64)


@pytest.mark.parametrize("inner", [(0, 0), (0, None), (None, 0)])
def test_batches_of_parameters(inner: tuple[int | None, int | None]) -> None:
    x, beta = torch.tensor([-1.5, 0.0, 0.7], dtype=torch.float64), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    x, beta = (x if inner[0] == 0 else x[1]), (beta if inner[1] == 0 else beta[1])
    swish = vmap(lambda x, beta: xact.swish(x * torch.ones(2, 1, dtype=torch.float64), beta), in_dims=inner)
    function = lambda x: swish(x, beta).sum()
    ones = torch.ones_like(x)
    once = lambda x: jvp(function, (x,), (ones,))[1]
    torch.testing.assert_close(jvp(once, (x,), (ones,))[1], grad(lambda x: grad(function)(x).sum())(x).sum())


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_softplus_at_zero(beta: float) -> None:
    zero, function = torch.tensor(0.0), lambda x: xact.softplus(x, beta=beta)
    for modes in product((jacfwd, jacrev), repeat=2):
        assert modes[0](modes[1](function))(zero) == beta / 4
    assert jvp(lambda x: jvp(function, (x,), (x * 0 + 1,))[1], (zero,), (zero + 1,)) == (0.5, beta / 4)


@pytest.mark.parametrize("name", ["swish", "elu", "prelu", "pelu", "snake", "acon_c"])
def test_by_parameters(name: str) -> None:
    """Mixed derivatives, and twice by a parameter."""
    activation, x = xact.get(name), torch.tensor([-1.5, -0.3, 0.7, 2.0], dtype=torch.float64)
    label = next(name for name in activation.body.parameters if name in activation.rules)
    start = torch.tensor([0.8], dtype=torch.float64)

    def total(x: Any, parameter: Any) -> Any:
        return (activation(x, **{label: parameter}) ** 2).sum()

    for argnums in (0, 1, (0, 1)):
        expected = jacrev(jacrev(total, argnums), argnums)(x, start)
        for modes in ((jacfwd, jacfwd), (jacfwd, jacrev), (jacrev, jacfwd)):
            got = modes[0](modes[1](total, argnums), argnums)(x, start)
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_over_and_under_vmap() -> None:
    """Coefficients that are numbers are one argument to every transform."""
    x = torch.tensor([-1.5, -0.3, 0.7], dtype=torch.float64)
    for name in ("poly_relu", "rational", "apl", "gelu"):
        function = xact.get(name)
        torch.testing.assert_close(jacfwd(vmap(function))(x), torch.diag_embed(xact.derivative(function)(x)))
        second = vmap(jacfwd(jacfwd(function)))(x)
        torch.testing.assert_close(second, vmap(jacrev(jacrev(function)))(x), rtol=1e-12, atol=1e-12)
