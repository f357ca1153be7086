"""Parameters in groups for an optimizer: those of activations are not shrunk."""

from typing import Any

import torch

from xact.nn._recognise import is_activation


def param_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for an optimizer: all other parameters, and those of activations, without weight decay.

    Weight decay pulls a parameter towards 0, and 0 is no neutral value for a slope or an exponent: it makes a PReLU a
    ReLU. Parameters that require no gradient are left out; one that an activation shares with another Module counts
    as the activation's.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.PReLU(), torch.nn.Linear(3, 2))
    >>> [(len(group["params"]), group["weight_decay"]) for group in param_groups(model, weight_decay=0.1)]
    [(4, 0.1), (1, 0.0)]
    """
    activations = {
        id(parameter) for module in model.modules() if is_activation(module) for parameter in module.parameters()
    }
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learnt if id(p) not in activations], "weight_decay": weight_decay},
        {"params": [p for p in learnt if id(p) in activations], "weight_decay": 0.0},
    ]
