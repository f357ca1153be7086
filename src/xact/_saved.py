"""How Keras writes an activation into a saved model, and reads it back."""

import sys
from collections.abc import Mapping
from typing import Any


class Saved:
    """Keras finds what is not its own by a class that is registered, and by the two methods here.

    The class is registered when an activation is written; where one is only read, by `import xact` after `import keras`
    or by `xact.compat.register_keras`.
    """

    def get_config(self) -> dict[str, Any]:
        """The spec; called when a model of Keras is saved."""
        register()
        activation: Any = self
        return dict(activation.spec)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The activation of a spec; called when a model of Keras is loaded."""
        from xact._catalogue import get

        return get(config)


def register() -> None:
    """Make the classes of activations known to Keras, where it is loaded."""
    saving: Any = sys.modules.get("keras.saving")
    activation, gated = (sys.modules.get(f"xact.{name}") for name in ("_activation", "_gated"))
    if saving is None:
        return
    for module, name in ((activation, "Activation"), (gated, "Gated")):
        cls = getattr(module, name, None)
        if cls is not None and saving.get_registered_object(f"xact>{name}") is not cls:
            saving.register_keras_serializable("xact")(cls)
