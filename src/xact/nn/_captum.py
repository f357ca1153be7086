"""Our Modules in the table of captum's DeepLift, which looks exact classes up."""

from typing import Any

import xact.nn
from xact._activation import Activation, catalogue


def register_captum() -> list[str]:
    """Enter our Modules into the table of captum's `DeepLift`; returns the names of their classes.

    DeepLift has a rule for exact classes of torch.nn, and takes every other Module, a subclass too, for a linear one:
    without a word its attributions do not add up. Here come Modules of elementwise functions of one array and
    Softmax; gates and other activations along an axis have no rule in captum. Call it again after a definition of your
    own. Raises `ImportError` where captum is not installed.
    """
    try:
        from captum.attr._core import deep_lift
    except ImportError as error:
        raise ImportError("register_captum needs captum; pip install captum") from error
    rules = {"softmax": deep_lift.softmax}
    rules |= {name: deep_lift.nonlinear for name, activation in catalogue.items() if _elementwise(activation)}
    entries: dict[type, Any] = {getattr(xact.nn, catalogue[name].module): rule for name, rule in rules.items()}

    def of_any(module: Any, inputs: Any, outputs: Any, into: Any, out: Any, eps: float = 1e-10) -> Any:
        activation = module.activation
        rule = rules.get(activation.name) or (deep_lift.nonlinear if _elementwise(activation) else None)
        return into if rule is None else rule(module, inputs, outputs, into, out, eps)

    deep_lift.SUPPORTED_NON_LINEAR.update(entries | {xact.nn.Activation: of_any})
    return sorted(cls.__name__ for cls in entries)


def _elementwise(activation: Activation) -> bool:
    return activation.elementwise and len(activation.body.arrays) == 1 and not activation.body.masks
