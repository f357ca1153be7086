"""Normalizing activations with exact zeros: projections onto the simplex, up to the vertex."""

from xact._activation import activation


@activation(
    tex=r"\max(x_i - \tau, 0), \quad \tau \text{ such that } \sum_j \max(x_j - \tau, 0) = 1",
    paper="Martins & Astudillo 2016, From Softmax to Sparsemax, arXiv:1602.02068",
    aliases=("sparsemax_bisect",),
)
def sparsemax(x, /, *, axis=-1, xp):
    """The nearest point of the probability simplex: weights that sum to one, most of them exactly 0."""
    return xp.sparsemax(x, axis)


@sparsemax.pullback
def _(y, dy, axis, xp):
    return xp.centered_by(xp.power_inside(y, 0), dy, y, axis)


@activation(
    tex=r"\max(x_i / 2 - \tau, 0)^2, \quad \tau \text{ such that } \sum_j \max(x_j / 2 - \tau, 0)^2 = 1",
    paper="Peters, Niculae & Martins 2019, Sparse Sequence-to-Sequence Models, arXiv:1905.05702",
)
def entmax15(x, /, *, axis=-1, xp):
    """Between softmax and sparsemax: zeros for entries far below the largest, and no kink where they end."""
    return xp.entmax15(x, axis)


@entmax15.pullback
def _(y, dy, axis, xp):
    return xp.centered_by(xp.power_inside(y, 0.5), dy, y, axis)


@activation(
    tex=r"\max((\alpha - 1) x_i - \tau, 0)^{1 / (\alpha - 1)},"
    r" \quad \tau \text{ such that } \sum_j \max((\alpha - 1) x_j - \tau, 0)^{1 / (\alpha - 1)} = 1",
    paper="Peters, Niculae & Martins 2019, Sparse Sequence-to-Sequence Models, arXiv:1905.05702",
    aliases=("entmax_bisect",),
    requires=("1 <= alpha < inf", "n_iter > 0"),
    arguments={"alpha": "at least 1; the larger, the more entries are 0"},
)
def entmax(x, /, *, alpha=1.5, axis=-1, n_iter=54, xp):
    """The family from softmax (alpha = 1) through entmax15 to sparsemax (alpha = 2); tau by bisection."""
    return xp.entmax(x, alpha, n_iter, axis)


@entmax.pullback
def _(y, dy, alpha, axis, xp):
    return xp.entmax_pullback(y, dy, alpha, axis)


@activation(
    tex=r"\frac{p_i}{\sum_j p_j}, \quad p_i = \max(x_i - \tau, 0)^{1 / (\alpha - 1)},"
    r" \quad \tau \text{ such that } \sum_j p_j^\alpha = 1",
    paper="Santos, Niculae, McNamee & Martins 2024, Hopfield-Fenchel-Young Networks, arXiv:2411.08590",
    aliases=("normmax_bisect",),
    requires=("1 < alpha < inf", "n_iter > 0"),
    arguments={"alpha": "the order of the norm, above 1"},
)
def normmax(x, /, *, alpha=2.0, axis=-1, n_iter=50, xp):
    """The weights p that maximize <x, p> less the alpha-norm of p: sparse, and more even than entmax's."""
    return xp.normmax(x, alpha, n_iter, axis)


@normmax.pullback
def _(y, dy, alpha, axis, xp):
    return xp.normmax_pullback(y, dy, alpha, axis)


@activation(
    tex=r"\min(\max(x_i - \tau, 0), 1), \quad \tau \text{ such that }"
    r" \sum_j \min(\max(x_j - \tau, 0), 1) = \text{budget}",
    paper="Malaviya, Ferreira & Martins 2018, Sparse and Constrained Attention, arXiv:1805.08241",
    aliases=("budget_bisect",),
    requires=("0 < budget < inf", "n_iter > 0"),
    arguments={"budget": "what the weights sum to, between 0 and the number of entries"},
)
def budget(x, /, *, budget=2.0, axis=-1, n_iter=50, xp):
    """Weights of at most 1 that sum to `budget`: a soft choice of that many entries."""
    return xp.budgeted(x, budget, n_iter, axis)


@budget.pullback
def _(y, dy, axis, xp):
    inside = xp.where((y > 0) & (y < 1), xp.ones_like(y), xp.where(xp.isnan(y), y, 0.0))
    size = xp.sum(inside, axis=axis, keepdims=True)
    size = xp.where(size == 0, 1.0, size)
    dy = dy - xp.sum(inside * dy, axis=axis, keepdims=True) / size
    return inside * (dy - xp.sum(inside * dy, axis=axis, keepdims=True) / size)


@activation(
    tex=r"\begin{cases} 1 & i = \min \arg\max_j x_j \\ 0 & \text{otherwise} \end{cases}",
    paper="ONNX 2017, operator Hardmax",
)
def hardmax(x, /, *, axis=-1, xp):
    """1 at the first of the largest entries, 0 elsewhere; its derivative is 0."""
    return xp.first_largest(x, axis)


@hardmax.pullback
def _(dy, xp):
    return 0.0 * dy
