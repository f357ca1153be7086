"""Activations along an axis against the libraries' own and independent formulas: limits, shapes, gradients."""

import numpy as np
import pytest

import xact
from xact.testing import along, truth
from xact.testing.case import Case
from xact.testing.libraries import pull

INF = float("inf")
LIBRARIES = ("numpy", "jax", "torch")
MASK = np.random.default_rng(0).random((3, 4, 6)) > 0.4
CASES = [
    ("softmin", {}),
    ("softmax2d", {}),
    ("masked_softmax", {"mask": MASK}),
    ("masked_log_softmax", {"mask": np.ones((3, 4, 6), bool)}),
    ("logsumexp", {}),
    ("logsumexp", {"axis": 1, "keepdims": True}),
    ("logmeanexp", {"axis": 0}),
    ("standardize", {}),
    ("standardize", {"axis": 1, "epsilon": 0.5}),
    ("maxout", {}),
    ("maxout", {"pieces": 4, "axis": 1}),
    ("crelu", {}),
    ("crelu", {"axis": 0}),
    ("gumbel_softmax", {"tau": 0.5, "training": False}),
    ("poly_norm", {}),
    ("ab_relu", {"axis": -1}),
    ("ab_relu", {"alpha": 0.75, "axis": 1}),
    ("bipolar_relu", {}),
    ("bipolar_relu", {"axis": 1}),
]
PROJECTIONS = [("sparsemax", {}), ("entmax15", {}), ("entmax", {"alpha": 1.7}), ("hardmax", {})]
PROJECTIONS += [("normmax", {"alpha": 1.7}), ("budget", {"budget": 2.5})]


def label(value):
    return value if isinstance(value, str) else ",".join(value)


def sample(seed=1):
    return np.random.default_rng(seed).normal(size=(3, 4, 6)) * 2


def mapped(options, convert):
    return {name: convert(value) if hasattr(value, "shape") else value for name, value in options.items()}


@pytest.mark.needs("jax", "torch")
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_rules(name, options):
    """Pullback and pushforward agree with each other, with finite differences, and on the libraries."""
    import jax
    import jax.numpy as jnp
    import torch

    f, x = xact.get(name), sample()
    y, pullback = xact.vjp(f, x, **options)
    dy, dx = np.random.default_rng(2).normal(size=y.shape), np.random.default_rng(3).normal(size=x.shape)
    (back,) = pullback(dy)
    h = 1e-6
    forward = (f(x + h * dx, **options) - f(x - h * dx, **options)) / (2 * h)
    np.testing.assert_allclose(np.sum(dy * forward), np.sum(back * dx), rtol=1e-6, atol=1e-8)

    def on_jax(a):
        return f(a, **mapped(options, jnp.asarray))

    @jax.jit
    def both(a, dy, dx):
        value, pulled = jax.vjp(on_jax, a)
        return value, pulled(dy)[0], jax.jvp(on_jax, (a,), (dx,))[1]

    value, pulled, pushed = both(*map(jnp.asarray, (x, dy, dx)))
    np.testing.assert_allclose(value, y, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(pulled, back, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(pushed, forward, rtol=1e-6, atol=1e-8)

    def on_torch(t):
        return f(t, **mapped(options, torch.tensor))

    leaf = torch.tensor(x, requires_grad=True)
    on_torch(leaf).backward(torch.tensor(dy))
    np.testing.assert_allclose(leaf.grad, back, rtol=1e-12, atol=1e-14)
    _, pushed = torch.func.jvp(on_torch, (torch.tensor(x),), (torch.tensor(dx),))
    np.testing.assert_allclose(pushed, forward, rtol=1e-6, atol=1e-8)
    assert torch.autograd.gradgradcheck(on_torch, leaf, fast_mode=True)


# Of one entry, or of both, nearly all of dy cancels.
CANCELLING = [
    ("log_softmax", [[-9.5, 8.5]], [[0.001, 1.5]]),
    ("poly_norm", [[0.3, -16.1]], [[0.9, 0.4]]),
    ("standardize", [[-4.0, 10.5]], [[1.5, -0.75]]),
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("name", "x", "dy"), CANCELLING, ids=str)
def test_cotangents_that_cancel(name, x, dy, library):
    case, x, dy = Case(xact.get(name)), np.array(x), np.array(dy)
    exact = truth.pullback_along(case.activation.tex, {"x": x}, case.environment("float64"), dy, "x").high
    np.testing.assert_allclose(pull(library, case.activation, x, {"axis": -1}, dy), exact, rtol=4e-15)


@pytest.mark.needs("torch")
def test_torch_equals():
    import torch
    from torch.nn import functional as F

    x = torch.tensor(sample())
    torch.testing.assert_close(xact.softmin(x, 1), F.softmin(x, 1))
    torch.testing.assert_close(xact.softmax2d(x), torch.nn.Softmax2d()(x))
    torch.testing.assert_close(xact.logsumexp(x, dim=0), torch.logsumexp(x, 0))
    torch.testing.assert_close(xact.standardize(x), F.layer_norm(x, (6,)))
    torch.testing.assert_close(xact.gumbel_softmax(x, 2.0, training=False), F.softmax(x / 2, -1))
    torch.testing.assert_close(xact.crelu(x), torch.cat([F.relu(x), F.relu(-x)], -1))
    torch.testing.assert_close(xact.maxout(x, pieces=3), x.unflatten(-1, (2, 3)).amax(-1))
    hidden = x.masked_fill(~torch.tensor(MASK), -INF)
    torch.testing.assert_close(xact.masked_softmax(x, torch.tensor(MASK)), F.softmax(hidden, -1).nan_to_num(0.0))


@pytest.mark.needs("jax")
def test_jax_equals():
    import jax
    import jax.numpy as jnp

    x = jnp.asarray(sample())
    np.testing.assert_allclose(xact.logsumexp(x), jax.nn.logsumexp(x, axis=-1), rtol=1e-13)
    expected = jnp.log(jnp.mean(jnp.exp(x), axis=1, keepdims=True))
    np.testing.assert_allclose(xact.logmeanexp(x, axis=1, keepdims=True), expected, rtol=1e-12)
    np.testing.assert_allclose(xact.standardize(x), jax.nn.standardize(x), rtol=1e-11)


def test_limits_of_reductions():
    x = np.array([[INF, 0], [-INF, -INF], [-INF, 3], [np.nan, INF], [2, 2]])
    np.testing.assert_allclose(xact.logsumexp(x), [INF, -INF, 3, np.nan, 2 + np.log(2)])
    np.testing.assert_allclose(xact.logmeanexp(x), [INF, -INF, 3 - np.log(2), np.nan, 2])
    back = xact.vjp("logsumexp", x)[1](np.ones(5))[0]
    np.testing.assert_allclose(back[[0, 2, 4]], [[1, 0], [0, 1], [0.5, 0.5]])
    assert xact.logsumexp(np.ones((2, 0))).tolist() == [-INF, -INF]
    huge = np.array([3e38, 3e38], np.float32)
    assert np.isfinite(xact.logsumexp(huge))
    assert xact.logsumexp(np.zeros((2, 3), np.float16)).dtype == np.float16


def test_logmeanexp_of_small_entries_is_their_mean():
    x = np.array([[1e-9, 2e-9, 6e-9]])
    np.testing.assert_allclose(xact.logmeanexp(x), 3e-9, rtol=1e-7)


def test_limits_of_standardize():
    one = np.sqrt(3)
    x = np.array([[INF, 0, 1, 2], [-INF, 0, 1, 2], [5, 5, 5, 5], [np.nan, 1, 2, 3]])
    expected = [[one, *[-one / 3] * 3], [-one, *[one / 3] * 3], [0] * 4, [np.nan] * 4]
    np.testing.assert_allclose(xact.standardize(x), expected, rtol=1e-14)
    back = xact.vjp("standardize", x)[1](np.arange(16.0).reshape(4, 4))[0]
    np.testing.assert_array_equal(back[:2], 0.0)
    assert np.all(np.isfinite(back[2]))
    huge = np.array([[3e38, -3e38, 3e38, -3e38]], np.float32)
    np.testing.assert_allclose(xact.standardize(huge), [[1, -1, 1, -1]], rtol=1e-6)
    half = np.array([[256.0, 512, 1024, 2048]], np.float16)
    wide = half.astype(np.float64)
    np.testing.assert_allclose(xact.standardize(half), (wide - wide.mean()) / wide.std(), rtol=1e-3)
    shifted = np.array([[1e8, 1e8 + 8, 1e8 + 16]], np.float32)
    np.testing.assert_allclose(xact.standardize(shifted), [[-np.sqrt(1.5), 0, np.sqrt(1.5)]], rtol=1e-6)
    np.testing.assert_array_equal(xact.standardize(np.ones((2, 1))), 0.0)


def test_masked_softmax():
    x = np.array([[1.0, 2, 3], [1, 2, 3], [np.nan, 2, 2], [INF, 0, 1]])
    mask = np.array([[True, True, False], [False] * 3, [False, True, True], [True] * 3])
    e = np.exp(-1.0)
    expected = [[e / (1 + e), 1 / (1 + e), 0], [0, 0, 0], [0, 0.5, 0.5], [1, 0, 0]]
    np.testing.assert_allclose(xact.masked_softmax(x, mask), expected, rtol=1e-14)
    _, pullback = xact.vjp("masked_softmax", x, mask=mask)
    back = pullback(np.ones((4, 3)))[0]
    np.testing.assert_allclose(back, 0.0, atol=1e-15)
    np.testing.assert_array_equal(xact.masked_softmax(x[:2], mask[0]), xact.masked_softmax(x[:2], mask[[0, 0]]))
    with pytest.raises(xact.ShapeError):
        xact.masked_softmax(x[0], mask)


def test_maxout_shares_ties():
    x = np.array([1.0, 1, 2, -1, np.nan, 0])
    np.testing.assert_array_equal(xact.maxout(x), [1, 2, np.nan])
    back = xact.vjp("maxout", x[:4])[1](np.array([3.0, 5.0]))[0]
    np.testing.assert_array_equal(back, [1.5, 1.5, 5, 0])
    with pytest.raises(xact.ShapeError, match="multiple of `pieces`"):
        xact.maxout(np.ones(5))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ab_relu_is_its_formula(dtype, library):
    pytest.importorskip(library)
    case = Case(xact.ab_relu, {"alpha": 1.0})
    found = along.accuracy_along(case, library, dtype)
    assert all(one.passed for one in found), "\n".join(map(str, found))
    assert len(found) == 2 * len(along.rows(dtype))


def test_ab_relu_of_a_whole_array():
    x = sample()
    np.testing.assert_allclose(xact.ab_relu(x), np.maximum(x - x.mean(), 0), rtol=1e-13)
    y, pullback = xact.vjp("ab_relu", x)
    kept = np.where(y > 0, 1.0, 0.0)
    np.testing.assert_allclose(pullback(np.ones_like(x))[0], kept - kept.mean(), rtol=1e-13)
    np.testing.assert_array_equal(xact.ab_relu(np.full((2, 2), 3e38, np.float32)), 0)
    assert xact.ab_relu(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(TypeError, match="softmax: `axis` must be an integer"):
        xact.softmax(x, axis=None)


def test_bipolar_relu_alternates():
    x = np.array([[1.0, 1.0, -1.0, -1.0, 0.0, -0.0, np.nan]])
    np.testing.assert_array_equal(xact.bipolar_relu(x), [[1, 0, 0, -1, 0, 0, np.nan]])
    back = xact.vjp("bipolar_relu", x[:, :6])[1](np.arange(1.0, 7.0)[None])[0]
    np.testing.assert_array_equal(back, [[1, 0, 0, 4, 0, 0]])
    np.testing.assert_array_equal(xact.bipolar_relu(x.T, axis=0), xact.bipolar_relu(x).T)


def test_crelu_at_zero():
    x = np.array([0.0, -2.0, 3.0, -INF])
    np.testing.assert_array_equal(xact.crelu(x), [0, 0, 3, 0, 0, 2, 0, INF])
    np.testing.assert_array_equal(xact.vjp("crelu", x)[1](np.arange(1.0, 9.0))[0], [0, -6, 3, -8])


def drawn(library, x, **options):
    if library == "numpy":
        return xact.gumbel_softmax(x, rng=np.random.default_rng(0), **options)
    if library == "jax":
        import jax

        return np.asarray(xact.gumbel_softmax(jax.numpy.asarray(x), rng=jax.random.key(0), **options))
    import torch

    return xact.gumbel_softmax(torch.tensor(x), rng=torch.Generator().manual_seed(0), **options).numpy()


@pytest.mark.parametrize("library", LIBRARIES)
def test_gumbel_softmax(library):
    """Hard draws are distributed as softmax says."""
    x = np.tile([0.0, 1.0, 2.0], (20_000, 1))
    soft, hard = drawn(library, x, tau=0.7), drawn(library, x, tau=0.7, hard=True)
    np.testing.assert_allclose(soft.sum(-1), 1, rtol=1e-14)
    np.testing.assert_array_equal(hard.argmax(-1), soft.argmax(-1))
    np.testing.assert_array_equal(np.sort(hard, -1), np.tile([0, 0, 1], (20_000, 1)))
    np.testing.assert_allclose(hard.mean(0), xact.softmax(x[0]), atol=0.015)
    assert drawn(library, x[:4].astype(np.float32)).dtype == np.float32


@pytest.mark.needs("torch")
def test_hard_gumbel_softmax_has_the_soft_gradient():
    import torch

    grads = []
    for hard in (False, True):
        x = torch.tensor(sample(), requires_grad=True)
        y = xact.gumbel_softmax(x, 0.5, hard=hard, rng=torch.Generator().manual_seed(1))
        y.backward(torch.tensor(sample(2)))
        grads.append(x.grad)
    torch.testing.assert_close(*grads)
    with pytest.raises(TypeError, match="rng"):
        xact.gumbel_softmax(sample())


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("name", "options"), [*CASES, *PROJECTIONS], ids=label)
def test_compiled_and_batched(name, options):
    import torch

    f = xact.get(name)
    options = mapped(options, torch.tensor)
    x = torch.tensor(sample(), requires_grad=True)
    expected = f(x, **options)
    (grad,) = torch.autograd.grad(expected.sum() + (expected**2).sum(), x)
    torch._dynamo.reset()
    # Of every length, and of the axis a compiler then makes a symbol too.
    compiled = torch.compile(lambda t: f(t, **options), backend="aot_eager", fullgraph=True, dynamic=True)
    y = compiled(x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(torch.autograd.grad(y.sum() + (y**2).sum(), x)[0], grad)
    if options.get("axis", -1) == -1 and not name.startswith("masked") and name != "softmax2d":
        torch.testing.assert_close(torch.func.vmap(lambda t: f(t, **options))(x), expected)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(("name", "options"), [*CASES, *PROJECTIONS], ids=label)
def test_the_standard_is_enough(name, options):
    strict = pytest.importorskip("array_api_strict")
    f, x = xact.get(name), sample()
    y = f(strict.asarray(x), **mapped(options, strict.asarray))
    np.testing.assert_allclose(np.asarray(y), f(x, **options), rtol=1e-12, atol=1e-14)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(("name", "options"), [*CASES, *PROJECTIONS], ids=label)
def test_dask_computes_nothing(name, options):
    dask = pytest.importorskip("dask")
    import dask.array as da

    def refuse(*args, **kwargs):
        raise AssertionError("something was computed")

    f, x = xact.get(name), sample()
    with dask.config.set(scheduler=refuse):
        y = f(da.from_array(x, chunks=(2, 4, 6)), **mapped(options, da.from_array))
    np.testing.assert_allclose(y.compute(), f(x, **options), rtol=1e-12, atol=1e-14)
