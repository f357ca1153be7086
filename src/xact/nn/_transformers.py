"""Our names in the table of activations of the library transformers."""

import functools

from xact._activation import catalogue
from xact.nn._replacement import module_of


def register_transformers() -> list[str]:
    """Enter every activation into transformers' `ACT2FN`, as `"xact.mish"`; returns the names.

    A configuration may then say `hidden_act="xact.mish"`; a process that loads it registers the names too. Each use of
    a name makes a new Module. Activations that need an argument are left out. Call it again after a definition of your
    own. Raises `ImportError` where transformers is not installed.
    """
    try:
        from transformers.activations import ACT2FN
    except ImportError as error:
        raise ImportError("register_transformers needs transformers; pip install transformers") from error
    # transformers calls what it finds under a name.
    entries = {
        f"xact.{name}": functools.partial(module_of, activation)
        for name, activation in catalogue.items()
        if not {*activation.required} - {*activation.learnable}
    }
    ACT2FN.update(entries)
    return sorted(entries)
