"""The libraries that are optional, and the sentence on how to install those that are missing."""

from collections.abc import Iterator
from contextlib import contextmanager

DISTRIBUTION = "xact-activations"
# What an extra brings: the name to import, and where it is another, that of the distribution.
EXTRAS = {
    "numpy": {"numpy": "numpy"},
    "jax": {"jax": "jax"},
    "torch": {"torch": "torch"},
    "plot": {"numpy": "numpy", "matplotlib": "matplotlib"},
    "testing": {"numpy": "numpy", "mpmath": "mpmath", "flint": "python-flint", "ml_dtypes": "ml_dtypes"},
}


@contextmanager
def needs(what: str, extra: str) -> Iterator[None]:
    """Raise `ImportError` with a sentence where an import of these lines fails for want of the extra.

    >>> with needs("xact.plotting", "plot"):
    ...     raise ModuleNotFoundError(name="matplotlib.figure")
    Traceback (most recent call last):
    ImportError: xact.plotting needs matplotlib: pip install "xact-activations[plot]"
    """
    try:
        yield
    except ImportError as error:
        import importlib.util

        failed = (error.name or "").partition(".")[0]
        missing = [
            distribution
            for module, distribution in EXTRAS[extra].items()
            if module == failed or importlib.util.find_spec(module) is None
        ]
        if not missing:
            # It is there, and broken: what it says of itself is the cure.
            raise
        listed = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        raise ImportError(f'{what} needs {listed}: pip install "{DISTRIBUTION}[{extra}]"') from error
