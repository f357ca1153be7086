"""Self-gated activations with parameters that are learnt along with the weights: the input times a gate of itself."""

from xact._activation import activation


@activation(
    tex=r"x\,(1 + e^{-\beta x})^{-\alpha}",
    paper="Patwardhan, Ingalhalikar & Walambe 2018, ARiA: Utilizing Richard's Curve for Controlling the "
    "Non-monotonicity of the Activation Function in Deep Neural Nets, arXiv:1805.08878",
    module="ARiA2",
    requires=("1e-6 <= alpha <= 1e6", "-1e15 < beta < 1e15"),
    budget={
        "parameters": (1, "the slope crosses 0 on the left, where terms with a parameter each cancel"),
        "error float16 by x": (0.504, "next to this zero the float32 rounding of the exponential counts"),
    },
    arguments={"alpha": "the power of the sigmoid", "beta": "the rate of the sigmoid"},
)
def aria2(x, /, alpha=1.5, beta=2.0, *, xp):
    """Swish with its sigmoid to the power alpha. Echo-AI and activations-plus give the name to the gate, `richards`."""
    y = xp.sigmoid_power(x, beta, alpha)
    return xp.where(y == 0, 0.0, x) * y


@aria2.derivative
def _(x, alpha, beta, xp):
    return xp.x_sigmoid_power_derivative(x, beta, alpha)


@aria2.derivative("alpha")
def _(x, alpha, beta, xp):
    y = xp.sigmoid_power(x, beta, alpha)
    slope = y * xp.where(y == 0, 0.0, xp.log_sigmoid(xp.times(beta, x)))
    return xp.where(slope == 0, 0.0, x) * slope


@aria2.derivative("beta")
def _(x, alpha, beta, xp):
    slope = alpha * xp.sigmoid_power_slope(x, beta, alpha)
    x = xp.where(slope == 0, 0.0, x)
    return x * (x * slope)


@activation(
    tex=r"x \operatorname{erf}(\alpha e^{\beta x})",
    paper="Biswas et al. 2021, ErfAct and Pserf: Non-monotonic Smooth Trainable Activation Functions, arXiv:2109.04386",
    learnable={"alpha": 0.75, "beta": 0.75},
    requires=("-inf < alpha < inf", "-1e30 < beta < 1e30"),
    budget={
        "parameters": (1, "the slope crosses 0 on the left, where terms with a parameter each cancel"),
        "C1 float32 by x": (4.5, "the error of e^(beta x) counts in both terms; dense: 4.2"),
    },
    arguments={"alpha": "what the exponential is multiplied by", "beta": "the rate of the exponential"},
)
def erf_act(x, /, alpha=0.75, beta=0.75, *, xp):
    """The input times the error function of an exponential; beta says how soon it is x itself on the right."""
    gate = xp.erf(xp.times(alpha, xp.exp(xp.times(beta, x))))
    return xp.where(gate == 0, 0.0, x) * gate


@erf_act.derivative
def _(x, alpha, beta, xp):
    return xp.x_erf_exp_derivative(x, alpha, beta)


@erf_act.derivative("alpha")
def _(x, alpha, beta, xp):
    z = xp.where(xp.isinf(x), 0.0, x)
    e = xp.exp(xp.times(beta, x))
    slope = xp.erf_derivative(xp.times(alpha, e))
    return z * (xp.where(slope == 0, 0.0, e) * slope)


@erf_act.derivative("beta")
def _(x, alpha, beta, xp):
    z = xp.where(xp.isinf(x), 0.0, x)
    u = xp.times(alpha, xp.exp(xp.times(beta, x)))
    slope = xp.erf_derivative(u)
    return z * (z * (xp.where(slope == 0, 0.0, u) * slope))


@activation(
    tex=r"x \operatorname{erf}(\gamma \log(1 + e^{\delta x}))",
    paper="Biswas et al. 2021, ErfAct and Pserf: Non-monotonic Smooth Trainable Activation Functions, arXiv:2109.04386",
    learnable={"gamma": 1.25, "delta": 0.85},
    requires=("-inf < gamma < inf", "-1e30 < delta < 1e30"),
    budget={
        "parameters": (1, "the slope crosses 0 on the left, where terms with a parameter each cancel"),
        "C1 float64 by x": (4.5, "e^(-v^2) takes 2 v^2 times the error of softplus; dense: 4.4"),
        "C1 float32 by gamma": (4.5, "as by x; dense: 4.3"),
        "C1 float64 by gamma": (5, "as by x; dense: 4.6"),
        "C1 float32 by delta": (8.5, "as by gamma, with two factors more; dense: 8.0"),
        "C1 float64 by delta": (7, "as in float32; dense: 6.3"),
        "error float16 by gamma": (0.503, "e^(-v^2) takes 2 v^2 times the error of softplus in float32"),
        "error float16 by x": (0.52, "next to the zero of the slope the float32 rounding of the exponential counts"),
    },
    arguments={
        "gamma": "what softplus is multiplied by inside erf",
        "delta": "what x is multiplied by inside softplus",
    },
)
def pserf(x, /, gamma=1.25, delta=0.85, *, xp):
    """The input times the error function of softplus, with two learnt scales; Serf where both are 1."""
    gate = xp.erf(xp.times(gamma, xp.softplus(xp.times(delta, x))))
    return xp.where(gate == 0, 0.0, x) * gate


@pserf.derivative
def _(x, gamma, delta, xp):
    return xp.x_erf_softplus_derivative(x, gamma, delta)


@pserf.derivative("gamma")
def _(x, gamma, delta, xp):
    z = xp.where(xp.isinf(x), 0.0, x)
    s = xp.softplus(xp.times(delta, x))
    slope = xp.erf_derivative(xp.times(gamma, s))
    return z * (xp.where(slope == 0, 0.0, s) * slope)


@pserf.derivative("delta")
def _(x, gamma, delta, xp):
    z = xp.where(xp.isinf(x), 0.0, x)
    slope = gamma * xp.sigmoid(xp.times(delta, x)) * xp.erf_derivative(xp.times(gamma, xp.softplus(xp.times(delta, x))))
    return xp.where(slope == 0, 0.0, z) * (z * slope)
