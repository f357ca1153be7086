"""What torch itself offers for an activation, and the functions most networks are made of."""

import torch
import torch.nn.functional as F

# The core.
CORE = ("relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softplus", "sigmoid", "tanh")
CORE += ("hardswish", "softsign", "logsigmoid")

# What torch writes differently, or composes of two functions.
TORCH = {
    "swish": lambda x, beta: x * torch.sigmoid(beta * x),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "softmin": lambda x: F.softmin(x, -1),
    "glu": lambda value, gate: value * torch.sigmoid(gate),
    "bilinear": lambda gate, value: gate * value,
    "reglu": lambda gate, value: F.relu(gate) * value,
    "geglu": lambda gate, value: F.gelu(gate) * value,
    "swiglu": lambda gate, value: F.silu(gate) * value,
    "seglu": lambda gate, value: F.selu(gate) * value,
}


def of_torch(name):
    """The function of torch by this name of the catalogue, or None."""
    return TORCH.get(name) or getattr(F, name, None)
