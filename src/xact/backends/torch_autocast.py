"""What autocast makes of a function: torch's own choice of dtype, for every function that torch has."""

from typing import Any

import torch

# In its low precision on every device; in float32, except on a CPU. torch's lists are of its own operators
# (ATen/autocast_mode.h): softmin, softmax2d and gumbel_softmax are composed of those, all others of none.
CASTS = {
    "prelu": "low",
    "exponential": "float32",
    "gumbel_softmax": "float32",
    "log_softmax": "float32",
    "logsumexp": "float32",
    "softmax": "float32",
    "softmax2d": "float32",
    "softmin": "float32",
    "softplus": "float32",
}
# Devices that have it, asked for here because the compiler of torch 2.11 cannot look up one.
DEVICES = ("cpu", "cuda", "hpu", "maia", "mps", "mtia", "xla", "xpu", torch._C._get_privateuse1_backend_name())
AUTOCAST = frozenset(device for device in DEVICES if torch.amp.is_autocast_available(device))


def cast(name: str, x: Any) -> Any:
    """The array in the dtype that autocast computes this function of the table in."""
    device = x.device.type
    if x.dtype == torch.float64 or device not in AUTOCAST or not torch.is_autocast_enabled(device):
        return x
    if CASTS[name] == "low":
        return x.to(torch.get_autocast_dtype(device))
    return x if device == "cpu" else x.float()
