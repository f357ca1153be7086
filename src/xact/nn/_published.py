"""Checkpoints of the layers that papers and libraries publish: their names and shapes, made those of our Modules.

Names and shapes are facts about other people's classes: those of jiachenzhu/DyT, NVIDIA/BigVGAN, EdwardDixon/snake,
nmaac/acon, timm, transformers and Echo-AI. A name that is one of our own means what it means here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

# By class, from the name there to ours.
NAMES: Mapping[str, Mapping[str, str]] = {
    "DyT": {"weight": "gamma", "bias": "beta"},
    "PELU": {"alpha": "a", "beta": "b"},
    "SinLU": {"alpha": "a", "beta": "b"},
    "SReLU": {"tr": "t_r", "ar": "a_r", "tl": "t_l", "al": "a_l"},
    "APA": {"lambd": "lam", "lambda_param": "lam", "kappa_param": "kappa"},
}


def fit(module: Any, names: Iterable[str], state: dict[str, Any], prefix: str) -> list[str]:
    """Rename and reshape the entries of a checkpoint for a Module, in place; returns why some do not fit."""
    cls = module.activation.module
    for theirs, ours in NAMES.get(cls, {}).items():
        if ours in names and prefix + ours not in state and prefix + theirs in state:
            state[prefix + ours] = state.pop(prefix + theirs)
    errors = _xielu(module, state, prefix) if cls == "XIELU" else []
    for name in names:
        given, own = state.get(prefix + name), getattr(module, name, None)
        if not isinstance(given, torch.Tensor) or not isinstance(own, torch.Tensor) or given.shape == own.shape:
            continue
        reason = _misfit(module, given, own)
        if reason:
            errors.append(f"{type(module).__name__}: `{prefix}{name}` of the checkpoint has {reason}")
            # Said once, not again as a size mismatch.
            state[prefix + name] = own.detach()
        else:
            state[prefix + name] = given.reshape(own.shape)
    return errors


def _misfit(module: Any, given: torch.Tensor, own: torch.Tensor) -> str:
    shape, axis = tuple(given.shape), module.axis
    if [n for n in shape if n != 1] != [n for n in own.shape if n != 1]:
        if module.activation.vectors:
            return f"the shape {shape}, the Module {tuple(own.shape)}; make it with as many coefficients"
        count = given.numel() if given.ndim else None
        return f"the shape {shape}, the Module {tuple(own.shape)}; make it with num_parameters={count}"
    if given.ndim < 2 or given.numel() == 1 or axis is None:
        return ""
    place = max(range(given.ndim), key=lambda i: shape[i])
    last = place == given.ndim - 1
    if (axis == -1 and not last) or (axis == 1 and last and given.ndim > 2):
        return (
            f"the shape {shape}, which lies along another axis than {axis}; make it with axis={-1 if last else place}"
        )
    return ""


def _xielu(module: Any, state: dict[str, Any], prefix: str) -> list[str]:
    """Published layers keep what softplus makes alpha_p and alpha_n - beta of; ours keeps the two themselves."""
    keys = [prefix + name for name in ("alpha_p", "alpha_n")]
    if not all(key in state for key in keys):
        return []
    if prefix + "eps" in state and prefix + "beta" in state:
        module.beta = float(state.pop(prefix + "beta"))
        del state[prefix + "eps"]
        p, n = (torch.nn.functional.softplus(state[key].double()) for key in keys)
        state.update(zip(keys, (p, n + module.beta), strict=True))
    elif module.alpha_p.ndim == 0 and state[keys[0]].ndim == 1:
        for key in keys:
            state[key] = getattr(module, key.removeprefix(prefix)).detach()
        return [
            f"{type(module).__name__}: a checkpoint whose `{prefix}alpha_p` has the shape (1,), without `eps`, is of a "
            "layer that keeps what softplus makes it of, or of ours; for the former give softplus(alpha_p) and "
            "beta + softplus(alpha_n), of shape (), for the latter make it with num_parameters=1"
        ]
    return []
