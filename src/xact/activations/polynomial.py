"""Polynomials and quotients of polynomials, whose vectors of coefficients are learnt."""

from typing import Literal

from xact._activation import activation
from xact.special.polynomial import entries, horner, powers
from xact.special.power_norm import PowerNorm, descending
from xact.special.rational import dot, quotient

# The fit of leaky_relu in the package rational_activations for versions B and D, degrees 5 and 4.
NUMERATOR = (
    0.03355815733452378,
    0.5050059186781659,
    1.6534697310952233,
    2.0100501552600014,
    0.9319195586484518,
    0.15242646398275836,
)
DENOMINATOR = (4.812831860534153e-05, 3.9802479055059194, 1.5837587665720168e-05, 0.30183382839661377)


@activation(
    tex=r"\sum_{k=1}^n \text{weight}_k \max(x, 0)^k + \text{bias}",
    paper="Zhuo et al. 2024, Polynomial Composition Activations, arXiv:2411.03884",
    module="PolyReLU",
    learnable={"weight": (1 / 3, 1 / 3, 1 / 3), "bias": 0.0},
    requires=("-inf < bias < inf",),
    kinks={0: 0},
    budget={
        "misrounded float16": (32, "where x + x^2 + x^3 is three times a tie, a third in float32 is a hair off it"),
        "misrounded bfloat16": (160, "as in float16"),
    },
    arguments={"weight": "the coefficients of the powers, from the first on", "bias": "what is added everywhere"},
)
def poly_relu(x, /, weight=(1 / 3, 1 / 3, 1 / 3), bias=0.0, *, xp):
    """A polynomial of the rectifier: `weight` holds the coefficients from the first power on."""
    return horner(xp.maximum(x, 0.0), (bias, *entries(weight)))


@poly_relu.derivative
def _(x, weight, xp):
    slopes = [k * one for k, one in enumerate(entries(weight), 1)]
    return xp.where(x > 0, horner(xp.maximum(x, 0.0), slopes), xp.where(x <= 0, 0.0, x))


@poly_relu.pullback("weight")
def _(x, weight, dy, xp):
    return xp.stack([xp.sum(dy * power) for power in powers(xp.maximum(x, 0.0), len(entries(weight)))])


@poly_relu.pushforward("weight")
def _(x, dweight, xp):
    return horner(xp.maximum(x, 0.0), (0.0, *entries(dweight)))


@poly_relu.derivative("bias")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"\sum_{k=1}^n \text{weight}_k \frac{x_i^{n + 1 - k}}{\sqrt{\frac{1}{d} \sum_j x_j^{2 (n + 1 - k)} + \epsilon}}"
    r" + \text{bias}, \quad n = \sum_k (1 + 0 \cdot \text{weight}_k), d = \sum_j (1 + 0 \cdot x_j)",
    paper="Zhuo et al. 2024, Polynomial Composition Activations, arXiv:2411.03884",
    learnable={"weight": (1 / 3, 1 / 3, 1 / 3), "bias": 0.0},
    requires=("-inf < bias < inf", "0 < epsilon < inf"),
    budget={
        "C1 row": (1.0, "the three terms and the bias may cancel; XLA fuses their sum in another order"),
        "C1 pullback row": (1.0, "what is left of dy without its part along the row may cancel"),
    },
    arguments={
        "weight": "the coefficients of the powers, the highest first",
        "bias": "what is added everywhere",
        "epsilon": "what is added to the mean square of each power, so that none is 0",
    },
)
def poly_norm(x, /, weight=(1 / 3, 1 / 3, 1 / 3), bias=0.0, *, axis=-1, epsilon=1e-6, xp):
    """A polynomial whose powers are divided by their root mean square along `axis`; the highest power comes first."""
    r = PowerNorm(x, len(entries(weight)), epsilon, axis, xp)
    return dot(entries(weight), reversed(r.normalized)) + bias


@poly_norm.pullback
def _(x, weight, dy, axis, epsilon, xp):
    r = PowerNorm(x, len(entries(weight)), epsilon, axis, xp)
    return sum(one * (r.slope(k) * r.project(dy, k)) for k, one in descending(weight))


@poly_norm.pushforward
def _(x, weight, dx, axis, epsilon, xp):
    r = PowerNorm(x, len(entries(weight)), epsilon, axis, xp)
    return sum(one * r.project(r.slope(k) * dx, k) for k, one in descending(weight))


@poly_norm.pullback("weight")
def _(x, weight, dy, axis, epsilon, xp):
    r = PowerNorm(x, len(entries(weight)), epsilon, axis, xp)
    return xp.stack([xp.sum(dy * one) for one in reversed(r.normalized)])


@poly_norm.pushforward("weight")
def _(x, dweight, axis, epsilon, xp):
    r = PowerNorm(x, len(entries(dweight)), epsilon, axis, xp)
    return dot(entries(dweight), reversed(r.normalized))


@poly_norm.derivative("bias")
def _(x, xp):
    return xp.where(xp.isnan(x), x, 1.0)


@activation(
    tex=r"\frac{\sum_{k=0}^n \text{numerator}_k x^k}{q}, \quad q = \begin{cases}"
    r" 1 + \sum_{k=1}^n |\text{denominator}_k x^k| & \text{version} = \texttt{A} \\"
    r" 0.1 + |\sum_{k=0}^n \text{denominator}_k x^k| & \text{version} = \texttt{C} \\"
    r" 1 + \sum_{k=1}^n \text{denominator}_k x^k & \text{version} = \texttt{N} \\"
    r" 1 + |\sum_{k=1}^n \text{denominator}_k x^k| & \text{otherwise} \end{cases}",
    paper="Molina, Schramowski & Kersting 2020, Pade Activation Units, arXiv:1907.06732",
    aliases=("pau",),
    learnable={"numerator": NUMERATOR, "denominator": DENOMINATOR},
    kinks={0: NUMERATOR[1]},
    budget={
        "parameters": (6, "value and slope cross 0 where terms cancel, each with up to twelve roundings"),
        "C1 float32 by x": (5, "far out the slope is the difference of 5 a and 4 a"),
        "error float16": (4, "next to these zeros the roundings in float32 count"),
        "error bfloat16": (4, "as in float16"),
        "misrounded float16": (64, "as in float16"),
        "identity float16": (80, "as in float16"),
    },
    arguments={
        "numerator": "the coefficients above the line, from the constant on",
        "denominator": "those below, from the first power on, for version C from the constant on",
        "version": "how the denominator is kept from 0, as in rational_activations",
    },
)
def rational(
    x, /, numerator=NUMERATOR, denominator=DENOMINATOR, *, version: Literal["A", "B", "C", "D", "N"] = "A", xp
):
    """A quotient of polynomials, which starts as leaky_relu to within 0.034 on [-3, 3]; for C give a constant first.

    The versions are those of the package rational_activations; D is B, without the noise of its training.
    """
    return quotient(x, numerator, denominator, version, xp).value


@rational.derivative
def _(x, numerator, denominator, version, xp):
    return quotient(x, numerator, denominator, version, xp).slope


@rational.pullback("numerator")
def _(x, numerator, denominator, dy, version, xp):
    r = quotient(x, numerator, denominator, version, xp)
    return xp.stack([xp.sum(dy * r.scaled(term / r.q)) for term in r.by_numerator])


@rational.pushforward("numerator")
def _(x, numerator, denominator, dnumerator, version, xp):
    r = quotient(x, numerator, denominator, version, xp)
    return r.scaled(dot(entries(dnumerator), r.by_numerator) / r.q)


@rational.pullback("denominator")
def _(x, numerator, denominator, dy, version, xp):
    r = quotient(x, numerator, denominator, version, xp)
    change = -dy * r.value
    return xp.stack([xp.sum(change * (term / r.q)) for term in r.by_denominator])


@rational.pushforward("denominator")
def _(x, numerator, denominator, ddenominator, version, xp):
    r = quotient(x, numerator, denominator, version, xp)
    return -r.value * (dot(entries(ddenominator), r.by_denominator) / r.q)
