"""Quotients of polynomials with vectors of coefficients, for any number: beyond 1 the powers are those of 1 / x."""

from typing import Any, NamedTuple

from xact.special.polynomial import entries, powers

# What the denominators add to their polynomials, and the power these begin with.
CONSTANT = {"A": 1.0, "B": 1.0, "C": 0.1, "D": 1.0, "N": 1.0}
FIRST = {"A": 1, "B": 1, "C": 0, "D": 1, "N": 1}


class Quotient(NamedTuple):
    """P(x) / Q(x) as p / q where |x| <= 1; beyond, p is P / x^m and q is Q / |x|^n (Q / x^n in version N)."""

    p: Any
    q: Any
    # What multiplies the coefficients in p and q.
    by_numerator: list[Any]
    by_denominator: list[Any]
    # The derivatives of p and q; beyond 1 times x.
    p_slope: Any
    q_slope: Any
    # What takes the place of x, or of 1 / x, in x^(m - n), and the sign of x^n / |x|^n; 1 where |x| <= 1.
    factor: Any
    inverse: Any
    sign: Any
    excess: int

    @property
    def value(self) -> Any:
        return self.scaled(self.p / self.q)

    @property
    def slope(self) -> Any:
        return self.scaled((self.p_slope - self.p / self.q * self.q_slope) / self.q, -1)

    def scaled(self, ratio: Any, more: int = 0) -> Any:
        """ratio x^(m - n + more): factor by factor, so that it overflows where the product does."""
        exponent = self.excess + more
        for _ in range(abs(exponent)):
            ratio = ratio * (self.factor if exponent > 0 else self.inverse)
        return self.sign * ratio


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

    tops, bottoms = [term(k, m) for k in range(m + 1)], [term(k, n) for k in range(first, n + 1)]
    constant = CONSTANT[version] * term(0, n)
    signs = [1.0] * len(bottoms)
    if version == "A":
        # Products with x would be 0 below the smallest number.
        signs = [xp.sign(one * xp.sign(bottom)) for one, bottom in zip(below, bottoms, strict=True)]
    elif version != "N":
        # The sign of the sum, taken without the factor x that all terms may have.
        lowered = [xp.where(far, rising[n - k], rising[k - first]) for k in range(first, n + 1)]
        signs = [xp.sign(dot(below, lowered)) * (xp.where(far, 1.0, xp.sign(x)) if first else 1.0)] * len(bottoms)
    signed = [sign * bottom for sign, bottom in zip(signs, bottoms, strict=True)]
    odd = version != "N" and n % 2
    return Quotient(
        p=dot(above, tops),
        q=(constant if version == "N" else xp.abs(constant)) + dot(below, signed),
        by_numerator=tops,
        by_denominator=signed,
        p_slope=dot(above, [slope(k, m) for k in range(m + 1)]),
        q_slope=dot(below, [sign * slope(k, n) for k, sign in enumerate(signs, first)]),
        factor=xp.where(far, x, 1.0),
        inverse=xp.where(far, base, 1.0),
        sign=xp.where(far, xp.sign(x), 1.0) if odd else 1.0,
        excess=m - n,
    )


def dot(coefficients, terms):
    """The sum of the products, the smallest power first."""
    first, *rest = (one * term for one, term in zip(coefficients, terms, strict=True))
    return sum(rest, start=first)
