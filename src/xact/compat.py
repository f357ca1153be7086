"""What other frameworks mean by a name: their spelling, their defaults, our exact function.

`xact.get("leaky_relu", like="keras")` is leaky_relu with Keras's slope; `explain("leaky_relu")` prints who means what.
A name chooses the function and its defaults; arguments that are given beside it are ours, by our names, in our order.
"""

import importlib

from xact._activation import catalogue
from xact._catalogue import bare, get, nearest
from xact._errors import UnknownActivationError
from xact._frameworks import FRAMEWORKS, LEFT_OUT
from xact._saved import register

__all__ = ["FRAMEWORKS", "LEFT_OUT", "explain", "register_keras", "variant"]


def variant(name: str, like: str) -> str:
    """The spec of what a framework means by a name.

    >>> variant("hard_sigmoid", like="keras"), variant("HardSigmoid", like="onnx")
    ('hard_sigmoid', 'hard_sigmoid_general(alpha=0.2, beta=0.5)')

    Raises ValueError for a framework that is not listed, `UnknownActivationError` for a name it does not have.
    """
    if like not in FRAMEWORKS:
        raise ValueError(f"`like` must be one of {', '.join(FRAMEWORKS)}, got {like!r}")
    table = FRAMEWORKS[like]
    spelled = {_bare(key): spec for key, spec in reversed(list(table.items()))}
    found = table.get(name) or spelled.get(_bare(name))
    if found is None:
        raise UnknownActivationError(_unknown(name, like))
    return found


def _bare(key: str) -> str:
    """As `bare`, but for the underscore at the end, which says that torch works in place."""
    return bare(key) + "_" * key.endswith("_")


def _unknown(name: str, like: str) -> str:
    left_out = {_bare(key): f"{key} of {like} {reason}" for key, reason in LEFT_OUT.get(like, {}).items()}
    if _bare(name) in left_out:
        return f"{left_out[_bare(name)]}; there is no function for it here"
    return f"{like} has no activation {name!r}; its nearest names are {nearest(name, FRAMEWORKS[like])}"


def explain(name: str) -> str:
    """Who means what by a name, a framework a line; the frameworks without it are left out.

    >>> print(explain("leaky_relu"))
    xact               xact.leaky_relu
    torch              LeakyReLU: xact.leaky_relu
    jax                leaky_relu: xact.leaky_relu
    flax               leaky_relu: xact.leaky_relu
    keras              leaky_relu: xact.leaky_relu(negative_slope=0.2)
    keras              LeakyReLU: xact.leaky_relu(negative_slope=0.3)
    transformers       leaky_relu: xact.leaky_relu
    timm               leaky_relu: xact.leaky_relu
    onnx               LeakyRelu: xact.leaky_relu
    mlx                leaky_relu: xact.leaky_relu
    nnlib              leakyrelu: xact.leaky_relu
    mmcv               LeakyReLU: xact.leaky_relu
    torchact           LeakyReLU: xact.leaky_relu

    Raises `UnknownActivationError` for a name that neither the catalogue nor any framework has.
    """
    lines = []
    if bare(name) in {bare(known) for known in catalogue}:
        lines.append(f"{'xact':<18} {get(name)!r}")
    for framework, table in FRAMEWORKS.items():
        same = (key for key in table if _bare(key) == _bare(name))
        lines += [f"{framework:<18} {key}: {get(key, like=framework)!r}" for key in same]
    if not lines:
        known = dict.fromkeys(key for table in FRAMEWORKS.values() for key in table)
        near = nearest(name, known)
        raise UnknownActivationError(f"nobody has an activation {name!r}; the nearest names are {near}")
    return "\n".join(lines)


def register_keras() -> None:
    """Let `keras.models.load_model` find activations, without `custom_objects`.

    Needed where Keras is imported after this package and a model is loaded before one was saved.
    """
    try:
        importlib.import_module("keras")
    except ModuleNotFoundError as error:
        raise ImportError("register_keras needs keras; pip install keras") from error
    importlib.import_module("keras.saving")
    register()
