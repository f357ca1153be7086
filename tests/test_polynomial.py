"""Vectors of coefficients: their gradients on every library, their shapes and errors; the quotients far from 0."""

from fractions import Fraction

import numpy as np
import pytest

import xact
from xact.testing import truth

X = np.random.default_rng(0).normal(size=(3, 5)) * 3
WEIGHT = np.array([0.5, -0.25, 0.75])
ABOVE, BELOW = np.array([0.1, 0.5, -0.7, 0.2, 0.3]), np.array([0.2, 1.3, 0.1, 0.5])
CASES = [
    ("poly_relu", {"weight": WEIGHT, "bias": 0.5}, {}),
    ("apl", {"a": WEIGHT, "b": np.array([-1.0, 0.25, 2.0])}, {}),
    ("poly_norm", {"weight": WEIGHT, "bias": 0.5}, {"axis": 0}),
    *(("rational", {"numerator": ABOVE, "denominator": BELOW}, {"version": version}) for version in "ABCDN"),
]


def label(case):
    return f"{case[0]}-{'-'.join(map(str, case[2].values()))}"


@pytest.fixture(params=CASES, ids=label)
def case(request):
    return request.param


def function(case):
    name, vectors, options = case
    return lambda x, *given: xact.get(name)(x, **dict(zip(vectors, given, strict=True)), **options)


def test_pullback_is_the_finite_difference(case):
    name, vectors, options = case
    f, primals = function(case), (X, *vectors.values())
    y, pullback = xact.vjp(name, *primals, **options)
    dy = np.random.default_rng(1).normal(size=y.shape)
    pulled = pullback(dy)
    assert [part.shape for part in pulled] == [np.shape(primal) for primal in primals]
    for index, part in enumerate(pulled):
        change = np.random.default_rng(2).normal(size=part.shape)

        def moved(h, index=index, change=change):
            return f(*(primal + h * change if at == index else primal for at, primal in enumerate(primals)))

        h = 1e-5
        difference = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
        np.testing.assert_allclose(np.sum(part * change), np.sum(dy * difference), rtol=1e-7)


@pytest.mark.slow
@pytest.mark.needs("torch")
def test_torch(case):
    import torch

    _, vectors, _ = case
    values = [torch.tensor(np.asarray(value)).requires_grad_() for value in (X, *vectors.values())]
    batched = {"check_batched_grad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(function(case), values, check_forward_ad=True, **batched)
    assert torch.autograd.gradgradcheck(function(case), values)


@pytest.mark.slow
@pytest.mark.needs("torch")
@pytest.mark.parametrize("case", CASES[:4], ids=label)
def test_torch_compiled(case):
    """One version of `rational` for all: they differ in a sign, and Dynamo follows each term."""
    import torch

    values = [torch.tensor(np.asarray(value)).requires_grad_() for value in (X, *case[1].values())]
    whole = torch.compile(function(case), fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(function(case)(*values).sum(), values)
    for got, exact in zip(torch.autograd.grad(whole(*values).sum(), values), expected, strict=True):
        torch.testing.assert_close(got, exact, rtol=1e-13, atol=1e-13)


@pytest.mark.slow
@pytest.mark.needs("jax")
def test_jax(case):
    """Both modes give what the rules give on NumPy, which are compared with difference quotients above."""
    import jax
    import jax.numpy as jnp

    name, vectors, options = case
    primals = (X, *vectors.values())
    y, pullback = xact.vjp(name, *primals, **options)
    dy = np.random.default_rng(1).normal(size=y.shape)
    moved = [np.random.default_rng(2).normal(size=np.shape(primal)) for primal in primals]

    @jax.jit
    def both(values, moved, dy):
        return jax.vjp(function(case), *values)[1](dy), jax.jvp(function(case), values, moved)

    with jax.enable_x64(True):
        given = [tuple(map(jnp.asarray, arrays)) for arrays in (primals, moved)]
        pulled, (value, pushed) = both(*given, jnp.asarray(dy))
    np.testing.assert_allclose(value, y, rtol=1e-13, atol=1e-13)
    expected = pullback(dy)
    for got, exact in zip(pulled, expected, strict=True):
        np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-12)
    along = sum(np.sum(part * change) for part, change in zip(expected, moved, strict=True))
    np.testing.assert_allclose(np.sum(dy * np.asarray(pushed)), along, rtol=1e-12)


@pytest.mark.needs("torch", "jax")
def test_a_tuple_is_an_array(case):
    import jax.numpy as jnp
    import torch

    _, vectors, _ = case
    f, arrays = function(case), list(vectors.values())
    tuples = [tuple(value.tolist()) if np.ndim(value) else value for value in arrays]
    expected = f(X, *arrays)
    np.testing.assert_array_equal(f(X, *tuples), expected)
    for convert in (torch.tensor, lambda value: jnp.asarray(value, jnp.float32)):
        one = f(convert(X), *tuples)
        np.testing.assert_allclose(
            np.asarray(one), np.asarray(f(convert(X), *map(convert, map(np.asarray, arrays)))), 1e-6
        )


def test_many_elements_are_evaluated_alike(case):
    name, vectors, options = case
    if not xact.get(name).elementwise:
        pytest.skip("not cut in blocks")
    x = np.random.default_rng(3).normal(size=100_003).astype(np.float32)
    whole = function(case)(x, *vectors.values())
    np.testing.assert_array_equal(whole[-7:], function(case)(x[-7:], *vectors.values()))
    slope = xact.derivative(name)(x, **vectors, **options)
    np.testing.assert_array_equal(slope[-7:], xact.derivative(name)(x[-7:], **vectors, **options))


def test_bound_by_name():
    bound = xact.get("poly_relu((1, 2))")
    assert bound == xact.get({"name": "poly_relu", "weight": [1, 2]}) == xact.poly_relu.replace(weight=(1, 2))
    assert hash(bound) == hash(xact.get(bound.spec))
    np.testing.assert_array_equal(bound(np.array([-1.0, 3.0])), [0, 21])


def test_errors():
    x = np.ones(3)
    with pytest.raises(xact.ShapeError, match="poly_relu: `weight` is a vector of coefficients"):
        xact.poly_relu(x, np.ones((2, 2)))
    with pytest.raises(xact.DtypeError, match="must be a tuple of numbers or an array, got"):
        xact.poly_relu(x, 0.5)
    with pytest.raises(xact.DtypeError, match="must be a tuple of numbers or an array, got"):
        xact.poly_relu.replace(weight=0.5)
    with pytest.raises(xact.DtypeError, match="of real numbers"):
        xact.poly_relu(x, np.ones(2, complex))
    with pytest.raises(xact.MissingRuleError, match="`weight` is a vector of coefficients"):
        xact.derivative("poly_relu", "weight")


@pytest.mark.parametrize("version", "ABCDN")
@pytest.mark.parametrize("degrees", [(5, 4), (4, 4), (2, 4), (5, 2)])
def test_rational_of_any_number(version, degrees):
    """Exact fractions; the powers of the largest inputs overflow, the quotient does not before it has to."""
    random = np.random.default_rng(4)
    above, below = (random.uniform(0.2, 1, degree + 1) for degree in degrees)
    below = below if version == "C" else below[1:]
    x = np.concatenate(
        [random.normal(size=20) * 3, 10.0 ** np.arange(-300, 301, 60), -(10.0 ** np.arange(-300, 301, 60))]
    )
    if version == "N":
        x = np.abs(x)
    got = xact.rational(x, above, below, version=version)
    for value, at in zip(got, map(Fraction, x.tolist()), strict=True):
        top = sum(Fraction(a) * at**k for k, a in enumerate(above.tolist()))
        terms = [Fraction(b) * at**k for k, b in enumerate(below.tolist(), version != "C")]
        bottom = Fraction(1) + (
            sum(map(abs, terms)) if version == "A" else sum(terms) if version == "N" else abs(sum(terms))
        )
        bottom -= Fraction(9, 10) if version == "C" else 0
        # What 8 ULP of each term explain.
        size = sum(abs(Fraction(a) * at**k) for k, a in enumerate(above.tolist())) / bottom
        size += abs(top / bottom) * sum(map(abs, terms)) / bottom
        exact = top / bottom
        if abs(exact) > Fraction(np.finfo(float).max):
            assert np.isinf(value)
            assert (value > 0) == (exact > 0)
        else:
            assert abs(Fraction(float(value)) - exact) <= 8 * size * Fraction(2) ** -52 + Fraction(2) ** -1060


def test_rational_starts_as_leaky_relu():
    x = np.linspace(-3, 3, 601)
    for version in "ABDN":
        np.testing.assert_allclose(xact.rational(x, version=version), np.where(x > 0, x, 0.01 * x), atol=0.034)


def test_poly_norm_of_short_rows():
    """The formula, by the truth, of rows of one and three; its powers neither overflow nor vanish."""
    for rows in (X[:, :1], X[:, :3], X[:, :3] * 1e100, X[:, :3] * 1e-3):
        given = {"weight": (0.5, -0.25, 0.75), "bias": 0.5, "epsilon": 1e-6}
        exact = truth.values_along(xact.poly_norm.tex, {"x": rows}, given).high
        np.testing.assert_allclose(xact.poly_norm(rows, **given), exact, rtol=1e-14, atol=1e-15)
        dy = np.random.default_rng(5).normal(size=rows.shape)
        pulled = truth.pullback_along(xact.poly_norm.tex, {"x": rows}, given, dy, "x").high
        got = xact.vjp("poly_norm", rows, **given)[1](dy)[0]
        np.testing.assert_allclose(got, pulled, rtol=1e-11, atol=1e-14 * np.abs(pulled).max())
    x = np.array([[np.inf, 0, 1], [np.nan, 1, 2]])
    np.testing.assert_allclose(xact.poly_norm(x)[0], [np.sqrt(3), 0, 0])
    assert np.isnan(xact.poly_norm(x)[1]).all()


@pytest.mark.needs("torch")
def test_modules_learn_vectors():
    import torch

    for name, shapes in (("PolyReLU", [3, ()]), ("PolyNorm", [3, ()]), ("Rational", [6, 4])):
        module = getattr(__import__("xact.nn").nn, name)()
        assert [tuple(value.shape) for value in module.parameters()] == [(s,) if s else () for s in shapes]
        before = module(torch.tensor(X, dtype=torch.float32))
        before.sum().backward()
        torch.optim.SGD(module.parameters(), lr=0.1).step()
        assert not torch.equal(module(torch.tensor(X, dtype=torch.float32)), before)
        assert all(value.grad.count_nonzero() for value in module.parameters())


def test_cotangents_of_coefficients_of_large_arrays() -> None:
    x = np.random.default_rng(0).standard_normal((4000, 64))
    pull = lambda part: xact.vjp("poly_norm", part, (0.25, 0.5, 0.25))[1](np.ones_like(part))[1]
    np.testing.assert_allclose(pull(x), sum(map(pull, np.split(x, 80))), rtol=1e-12)
