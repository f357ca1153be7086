"""Quotients of polynomials with vectors of coefficients, for any number: beyond 1 the powers are those of 1 / x."""

from typing import Any, NamedTuple

from xact.special.polynomial import entries, powers

# What the denominators add to their polynomials, and the power these begin with.
CONSTANT = {"A": 1.0, "B": 1.0, "C": 0.1, "D": 1.0, "N": 1.0}
FIRST = {"A": 1, "B": 1, "C": 0, "D": 1, "N": 1}


class Quotient(NamedTuple):
    """P(x) / Q(x) = scale p / q. Where |x| <= 1 the scale is 1; beyond p is P / x^m and q is Q / |x|^n."""

    p: Any
    q: Any
    scale: Any
    # What p and q are as linear functions of the coefficients.
    by_numerator: list[Any]
    by_denominator: list[Any]
    # The derivatives of p and q, in the units of p / x and q / x beyond 1, and the scale of their quotient.
    p_slope: Any
    q_slope: Any
    slope_scale: Any


def quotient(x, numerator, denominator, version, xp):
    above, below = entries(numerator), entries(denominator)
    m, first = len(above) - 1, FIRST[version]
    n = len(below) - 1 + first
    far = xp.abs(x) > 1
    base = xp.where(far, 1 / xp.where(far, x, 1.0), x)
    rising = [xp.ones_like(x), *powers(base, max(m, n, 1))]

    def term(k, last):
        return xp.where(far, rising[last - k], rising[k])

    def slope(k, last):
        return k * xp.where(far, rising[last - k], rising[max(k - 1, 0)])

    tops = [term(k, m) for k in range(m + 1)]
    bottoms = [term(k, n) for k in range(first, n + 1)]
    products = [one * bottom for one, bottom in zip(below, bottoms, strict=True)]
    constant = CONSTANT[version] * term(0, n)
    if version == "N":
        signs = [1.0 for _ in products]
    elif version == "A":
        signs = [xp.sign(product) for product in products]
    else:
        signs = [xp.sign(sum(products[1:], start=products[0]))] * len(products)
    flip = 1.0 if version == "N" or n % 2 == 0 else xp.where(x < 0, -xp.ones_like(x), 1.0)
    signed = [sign * bottom for sign, bottom in zip(signs, bottoms, strict=True)]
    q = (constant if version == "N" else xp.abs(constant)) + dot(below, signed)
    slopes = [sign * slope(k, n) for k, sign in enumerate(signs, first)]
    return Quotient(
        p=dot(above, tops),
        q=q,
        scale=xp.where(far, flip * power(x, base, m - n, xp), 1.0),
        by_numerator=tops,
        by_denominator=signed,
        p_slope=dot(above, [slope(k, m) for k in range(m + 1)]),
        q_slope=dot(below, slopes),
        slope_scale=xp.where(far, flip * power(x, base, m - n - 1, xp), 1.0),
    )


def power(x, inverse, exponent, xp):
    if exponent == 0:
        return xp.ones_like(x)
    return powers(x if exponent > 0 else inverse, abs(exponent))[-1]


def dot(coefficients, terms):
    """The sum of the products, the smallest power first."""
    first, *rest = (one * term for one, term in zip(coefficients, terms, strict=True))
    return sum(rest, start=first)
