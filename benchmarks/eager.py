"""Calls of xact beside those of the libraries: paired, alternating, the median of many.

For each activation and library the peer is the function the library itself offers (torch.nn.functional, jax.nn) or, on
NumPy, which offers none, the formula as one would type it. Each is timed in turn with ours, in one process; a ratio
above 1 means that xact takes longer. "backward" is the forward and the backward pass together.

For PyTorch, the mode `hot_path` times eager calls under `xact.nn.hot_path("compile")`, `compile` both sides under
torch.compile. The geometric means over the fourteen functions that most networks are made of are held against BARS.

    python benchmarks/eager.py [--only gelu mish] [--libraries numpy torch] [--modes hot_path compile] [--json FILE]
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from peers import CORE, of_torch

import xact
import xact.nn
from xact.testing import record

SIZES = {64: "64", 1 << 22: "2^22", 1 << 24: "2^24"}
# Those of the core whose native kernel meets the contract, value and derivative, and the value alone.
NATIVE = {"backward": {"relu", "leaky_relu", "softplus"}}
NATIVE["forward"] = NATIVE["backward"] | {"elu", "selu", "sigmoid", "tanh", "logsigmoid"}
# What torch is to be at most: the geometric mean over the core, by mode; and any native kernel, small and large.
BARS = {"eager": 4.0, "hot_path": 1.02, "compile": 1.02}
NATIVE_BARS = {True: 2.5, False: 1.1}
# Pairs timed for one ratio, and the seconds after which fewer will do.
PAIRS, SECONDS, FEWEST = 200, 1.0, 7


def numpy_sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# The formula as typed, for NumPy; functions named here are compared there. NumPy has no erf: gelu's peer is the
# approximation with tanh.
NUMPY = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "prelu": lambda x, w: np.where(x > 0, x, w * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))),
    "silu": lambda x: x * numpy_sigmoid(x),
    "swish": lambda x, beta: x * numpy_sigmoid(beta * x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "sigmoid": numpy_sigmoid,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "tanhshrink": lambda x: x - np.tanh(x),
    "softmax": numpy_softmax,
    "log_softmax": lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True)),
    "glu": lambda value, gate: value * numpy_sigmoid(gate),
    "swiglu": lambda gate, value: gate * numpy_sigmoid(gate) * value,
}

# What JAX calls or writes differently.
JAX = {
    "hardswish": jax.nn.hard_swish,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "swish": lambda x, beta: x * jax.nn.sigmoid(beta * x),
    "swiglu": lambda gate, value: jax.nn.silu(gate) * value,
    "glu": lambda value, gate: value * jax.nn.sigmoid(gate),
    "tanh": jnp.tanh,
    "prelu": lambda x, w: jnp.where(x > 0, x, w * x),
    "tanhshrink": lambda x: x - jnp.tanh(x),
}


def peer(library, name):
    if library == "torch":
        return of_torch(name)
    return NUMPY.get(name) if library == "numpy" else JAX.get(name) or getattr(jax.nn, name, None)


def inputs(activation, size):
    """float32 arrays for the arguments without a default; rows of at most 1,024 where there is an axis."""
    rng = np.random.default_rng(0)
    shape = (size,) if activation.elementwise else (max(1, size // 1024), min(size, 1024))
    arrays = [2 * rng.standard_normal(shape).astype(np.float32) for _ in activation.arrays]
    return [*arrays, *(np.full(1, value, np.float32) for value in activation.learnable.values())]


def calls(library, function, arrays, backward):
    """A function without arguments that computes the value, or value and gradients, and waits for them."""
    if library == "numpy":
        if not backward:
            return lambda: function(*arrays)
        cotangent = np.ones_like(arrays[0])
        return lambda: xact.vjp(function, *arrays)[1](cotangent)
    if library == "jax":
        given = [jnp.asarray(array) for array in arrays]
        if not backward:
            return lambda: jax.block_until_ready(function(*given))
        # The sum of a softmax is constant, which a compiler could see; the weights are not.
        weights = jnp.asarray(
            np.random.default_rng(1).standard_normal(jax.eval_shape(function, *given).shape, np.float32)
        )
        gradient = jax.jit(jax.grad(lambda *a: jnp.vdot(weights, function(*a)), argnums=tuple(range(len(given)))))
        return lambda: jax.block_until_ready(gradient(*given))
    given = [torch.from_numpy(array) for array in arrays]
    if not backward:
        return lambda: function(*given)
    given = [tensor.requires_grad_() for tensor in given]
    cotangent = torch.ones_like(function(*given))
    return lambda: torch.autograd.grad(function(*given), given, cotangent)


def compare(ours, theirs):
    """Median seconds of both, and the median ratio of pairs timed one after the other, in changing order."""
    ours(), theirs()  # compiled, allocated
    pair, times = (ours, theirs), []
    start = time.perf_counter()
    repeat = 1
    while elapsed(ours, repeat) < 1e-4:
        repeat *= 2
    while len(times) < PAIRS and (len(times) < FEWEST or time.perf_counter() - start < SECONDS):
        order = (0, 1) if len(times) % 2 else (1, 0)
        spent = {index: elapsed(pair[index], repeat) / repeat for index in order}
        times.append((spent[0], spent[1]))
    ratio = statistics.median(a / b for a, b in times)
    return {
        "xact": statistics.median(a for a, _ in times),
        "peer": statistics.median(b for _, b in times),
        "ratio": ratio,
        "pairs": len(times),
    }


def elapsed(function, repeat):
    start = time.perf_counter()
    for _ in range(repeat):
        function()
    return time.perf_counter() - start


def measure(activation, library, mode):
    """The rows of one activation on one library; only PyTorch has modes other than eager."""
    theirs = peer(library, activation.name)
    if theirs is None or set(activation.required) - set(activation.learnable):
        return
    called = activation
    if library == "torch" and mode == "compile":
        torch.compiler.reset()  # a function compiled more than 8 times runs eagerly
        called, theirs = torch.compile(lambda *a: activation(*a)), torch.compile(lambda *a, f=theirs: f(*a))
    for size in SIZES:
        arrays = inputs(activation, size)
        for backward in (False, True):
            if library == "numpy" and backward:
                continue  # NumPy has no peer with a derivative
            ours = calls(library, called, arrays, backward)
            found = compare(ours, calls(library, theirs, arrays, backward))
            yield {
                "activation": activation.name,
                "library": library,
                "mode": mode,
                "size": size,
                "pass": "backward" if backward else "forward",
                **found,
            }


def against_bars(rows, mode):
    """The core on PyTorch: geometric means, and the largest ratio where the native kernel meets the contract."""
    for size, label in SIZES.items():
        for kind in ("forward", "backward"):
            here = [row for row in rows if (row["mode"], row["size"], row["pass"]) == (mode, size, kind)]
            here = [row for row in here if row["library"] == "torch"]
            core = [row["ratio"] for row in here if row["activation"] in CORE]
            native = [row["ratio"] for row in here if row["activation"] in NATIVE[kind]]
            if core and size > 64:
                mean, worst = statistics.geometric_mean(core), max(core)
                print(f"{mode:<9}{label:>5}  {kind:<9} core: {mean:.2f} (at most {BARS[mode]}), largest {worst:.2f}")
            if native and mode == "eager":
                bar = NATIVE_BARS[size == 64]
                print(f"{mode:<9}{label:>5}  {kind:<9} native kernels: largest {max(native):.2f} (at most {bar})")


def duration(seconds):
    return f"{1e6 * seconds:.1f} us" if seconds < 1e-3 else f"{1e3 * seconds:.1f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=xact.names(), metavar="NAME")
    parser.add_argument("--libraries", nargs="*", default=["numpy", "jax", "torch"])
    parser.add_argument("--modes", nargs="*", choices=BARS, default=["eager"], metavar="MODE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    threads = torch.get_num_threads()
    about = record.provenance(options.libraries)
    versions = ", ".join(" ".join(item) for item in about["versions"].items())
    print(f"{about['processor']}, {threads} threads of {os.cpu_count()}; {versions}; float32")
    print(
        f"{'activation':<14}{'library':<9}{'mode':<9}{'elements':>9}  {'pass':<10}{'xact':>11}{'peer':>11}{'ratio':>8}"
    )
    rows = []
    for mode in options.modes:
        xact.nn.hot_path("compile" if mode == "hot_path" else "auto")
        for name in options.only:
            for library in options.libraries if mode == "eager" else ["torch"]:
                for row in measure(xact.get(name), library, mode):
                    rows.append(row)
                    print(
                        f"{name:<14}{library:<9}{mode:<9}{SIZES[row['size']]:>9}  {row['pass']:<10}"
                        f"{duration(row['xact']):>11}{duration(row['peer']):>11}{row['ratio']:>8.2f}",
                        flush=True,
                    )
    print()
    for library, mode in dict.fromkeys((row["library"], row["mode"]) for row in rows):
        for size, label in SIZES.items():
            for kind in ("forward", "backward"):
                ratios = [
                    row["ratio"]
                    for row in rows
                    if (row["library"], row["mode"], row["size"], row["pass"]) == (library, mode, size, kind)
                ]
                if ratios:
                    middle, worst = statistics.median(ratios), max(ratios)
                    print(f"{library:<6}{mode:<9}{label:>6}  {kind:<9} ratio: median {middle:.2f}, largest {worst:.2f}")
    for mode in options.modes:
        against_bars(rows, mode)
    if options.json:
        for row in rows:
            row |= {key: float(f"{row[key]:.4g}") for key in ("xact", "peer", "ratio")}
        record.write(options.json, {**about, "threads": threads, "rows": rows})
        print(f"rows: {options.json}")


if __name__ == "__main__":
    sys.exit(main())
