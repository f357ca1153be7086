"""Powers of an array, each divided by its root mean square along an axis."""

from xact.special.polynomial import entries, powers


class PowerNorm:
    """r_k = x^k / sqrt(mean(x^(2 k)) + epsilon) for k = 1 to `count`, and the products with their Jacobians.

    x is taken in units of the largest entry of its row where that is more than 1, so that no power overflows.
    """

    def __init__(self, x, count, epsilon, axis, xp):
        self.axis, self.xp, self.count = axis, xp, max(x.shape[axis], 1)
        self.size = xp.maximum(xp.max(xp.abs(x), axis=axis, keepdims=True), 1.0) if x.shape[axis] else xp.ones_like(x)
        unit = xp.where(x == xp.inf, 1.0, xp.where(x == -xp.inf, -1.0, x / self.size))
        self.powers = [xp.ones_like(x), *powers(unit, count)]
        self.constants = [epsilon * inverse * inverse for inverse in powers(1 / self.size, count)]
        self.roots = [
            xp.sqrt(self.mean(power * power) + constant)
            for power, constant in zip(self.powers[1:], self.constants, strict=True)
        ]
        self.normalized = [power / root for power, root in zip(self.powers[1:], self.roots, strict=True)]

    def mean(self, values):
        return self.xp.sum(values, axis=self.axis, keepdims=True) / self.count

    def project(self, dy, k):
        """The product with the Jacobian of u / sqrt(mean(u^2) + epsilon) at u = x^k, which is symmetric: dy without its
        part along u, and the share of epsilon of that part. Where one entry has more than half of the squares, its
        own dy would cancel, and what is left of it are the products with the others.
        """
        u, constant, root = self.powers[k], self.constants[k - 1], self.roots[k - 1]
        square = self.mean(u * u)
        divisor = self.xp.where(square == 0, 1.0, square)
        along = self.mean(dy * u) / divisor
        most = u * u > square * (self.count / 2)
        others, products = (self.mean(self.xp.where(most, 0.0, values)) for values in (u * u, dy * u))
        rest = self.xp.where(most, (dy * others - u * products) / divisor, dy - along * u)
        return (rest + u * along * (constant / (square + constant))) / root

    def slope(self, k):
        """The derivative of x^k, in the units of `project`."""
        return k * self.powers[k - 1] / self.size


def descending(weight):
    """The coefficients with the powers they belong to: the first with the highest."""
    held = entries(weight)
    return [(len(held) - k, one) for k, one in enumerate(held)]
