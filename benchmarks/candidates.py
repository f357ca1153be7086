"""The functions that are compared, and their forward and backward passes."""

import functools
import types

import numpy as np
import torch
from composed import composed
from device import SETS
from peers import of_torch

import xact

# How far a result may be off before it counts as not computed: enough for the composed formula in 16 bits.
TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 0.1, torch.float64: 1e-9}


def compiled(function, name):
    """The function compiled for every size; of one code object Dynamo compiles 8 and no more, so each gets its own."""

    def call(*arrays):
        return function(*arrays)

    code = call.__code__.replace(co_name=name)
    own = types.FunctionType(code, call.__globals__, name, None, call.__closure__)
    return torch.compile(own, dynamic=True, fullgraph=True)


def numbers(activation, device, dtype):
    """Those without a default; a learnt one as the Module holds it."""
    found = {}
    for index, name in enumerate(activation.required):
        initial = activation.learnable.get(name)
        one = functools.partial(torch.full, (1,), dtype=dtype, device=device.torch)
        found[name] = 0.25 + 0.5 * index if initial is None else one(initial)
    return found


def candidates(activation, device, dtype):
    """The functions that are compared, by name: of arrays alone."""
    given = numbers(activation, device, dtype)
    found = {"xact": functools.partial(activation, **given)}
    if peer := of_torch(activation.name):
        found["torch"] = lambda *arrays: peer(*arrays, *given.values())
    found |= {f"{name} compiled": compiled(function, activation.name) for name, function in found.items()}
    if formula := composed(activation, given):
        found["composed"] = formula
    return found


def floors(activation):
    """Arrays that must be read or written: by a forward pass, and by forward and backward together."""
    count = len(activation.arrays)
    saved = {name for rule in map(activation.rules.get, activation.arrays) for name in rule.names}
    saved &= {*activation.arrays, "y"}
    return {"forward": count + 1, "training": (count + 1) + (len(saved) + 1 + count)}


def passes(function, leaves, cotangents):
    """The forward pass, and forward and backward, each of the input set of a number."""

    def forward(index):
        with torch.no_grad():
            return (function(*leaves[index]),)

    def training(index):
        y = function(*leaves[index])
        return y.detach(), *torch.autograd.grad(y, leaves[index], cotangents[index])

    return {"forward": forward, "training": training}


def sets(device, size, dtype, count):
    """Input sets of `count` arrays, and cotangents."""
    seeds = iter(range(SETS * (count + 1)))
    leaves = [[device.random(size, dtype, next(seeds)).requires_grad_() for _ in range(count)] for _ in range(SETS)]
    return leaves, [device.random(size, dtype, next(seeds)) for _ in range(SETS)]


def wrong(activation, results, leaves, cotangent, given):
    """Whether the results at a thousand elements are not those of NumPy in float64."""
    step = max(1, cotangent.numel() // 1000)
    arrays = [leaf.detach()[::step].double().cpu().numpy() for leaf in leaves]
    plain = {name: float(value) for name, value in given.items()}
    with np.errstate(all="ignore"):
        y, pullback = xact.vjp(activation, *arrays, **plain)
        exact = (y, *pullback(cotangent[::step].double().cpu().numpy()))
    for got, expected in zip(results, exact, strict=False):
        near = got.detach()[::step].double().cpu().numpy()
        allowed = TOLERANCE[got.dtype] * (1 + np.abs(expected))
        if not np.all((np.abs(near - expected) <= allowed) | np.isnan(expected)):
            return True
    return False
