"""The sections of the benchmark on a GPU; each yields rows, and stops at its deadline."""

import functools
import statistics
import time

import torch
import torch._inductor.config
import torch.nn.functional as F
from candidates import candidates, compiled, floors, numbers, passes, sets, wrong
from device import FEWEST, SETS, said
from peers import CORE
from precision import accuracy

import xact
from xact.backends import hot_path as kernels_of_eager_calls

# Tensors of the size of an input that the largest composed formula keeps, with the input sets.
ROOM = 40
LARGEST = 1 << 28
SMALL = (1 << 6, 1 << 10, 1 << 13, 1 << 16)
# Rows, width and hidden width of the linear layers around a gate, those of a model with 7 billion parameters.
BLOCK = (8192, 4096, 11008)
BLOCK_TRIED = (64, 64, 128)


def large(run):
    """Time at a size beyond the cache, as a share of what copying the same bytes takes."""
    given = {}
    for dtype in run.dtypes:
        size = run.elements or LARGEST
        while not run.elements and ROOM * size * dtype.itemsize > run.device.free():
            size //= 2
        bandwidth = run.device.bandwidth(size, dtype, 0.5)
        yield {"copy": bandwidth, "dtype": str(dtype), "elements": size}
        given[dtype] = *sets(run.device, size, dtype, 2), bandwidth
    # The core and the gates in every dtype, then the others in one after the other.
    jobs = [(activation, dtype) for dtype in run.dtypes for activation in run.pointwise()]
    for activation, dtype in sorted(jobs, key=lambda job: job[0].name not in CORE and job[0].layout is None):
        if run.late():
            yield {"left out": activation.name, "dtype": str(dtype)}
            continue
        leaves, cotangents, bandwidth = given[dtype]
        own = [leaf[: len(activation.arrays)] for leaf in leaves]
        try:
            yield from timed(run, activation, dtype, own, cotangents, bandwidth)
        except Exception as error:
            yield {"activation": activation.name, "dtype": str(dtype), "failed": said(error)}


def timed(run, activation, dtype, leaves, cotangents, bandwidth):
    """The rows of one activation: seconds and shares of the copy's bandwidth of every candidate, by pass."""
    size, floor = cotangents[0].numel(), floors(activation)
    functions = candidates(activation, run.device, dtype)
    ways = {name: passes(function, leaves, cotangents) for name, function in functions.items()}
    for kind, arrays in floor.items():
        failed, calls = {}, {}
        for name, way in ways.items():
            try:
                way[kind](0)
                calls[name] = way[kind]
            except Exception as error:
                failed[name] = said(error)
        outputs = 1 if kind == "forward" else 1 + len(leaves[0])
        poison = functools.partial(run.device.poison, size, dtype, outputs)
        seconds, last, index = run.device.alternate(calls, run.seconds, poison)
        given = numbers(activation, run.device, dtype)
        bad = [
            name
            for name, results in last.items()
            if wrong(activation, results, leaves[index], cotangents[index], given)
        ]
        bytes_moved = arrays * size * dtype.itemsize
        yield {
            "activation": activation.name,
            "gate": activation.layout is not None,
            "dtype": str(dtype),
            "elements": size,
            "pass": kind,
            "seconds": seconds,
            "share": {name: bytes_moved / time / bandwidth for name, time in seconds.items()},
            "wrong": bad,
            "failed": failed,
        }


def small(run):
    """Microseconds of a call where launches and Python are all there is."""
    dtype = run.dtypes[0]
    for activation in (one for one in run.pointwise() if one.name in (*CORE, "swiglu", "geglu")):
        functions = candidates(activation, run.device, dtype)
        for size in SMALL:
            if run.late():
                yield {"left out": activation.name, "elements": size}
                continue
            leaves, cotangents = sets(run.device, size, dtype, len(activation.arrays))
            ways = {name: passes(function, leaves, cotangents) for name, function in functions.items()}
            for kind in ("forward", "training"):
                found = {name: [] for name in ways}
                repeats = {name: run.device.repeat(way[kind]) for name, way in ways.items()}
                for _ in range(FEWEST):
                    for name, way in ways.items():
                        found[name].append(run.device.per_call(way[kind], repeats[name]))
                seconds = {name: statistics.median(times) for name, times in found.items()}
                yield {"activation": activation.name, "elements": size, "pass": kind, "seconds": seconds}


def kernels(run):
    """How many kernels a gate is: by an eager call, and as `activation(a) * b` under torch.compile."""
    dtype = run.dtypes[0]
    size = run.elements or 1 << 20
    for activation in run.pointwise():
        gate = activation.layout is not None
        if not gate and activation.name not in CORE:
            continue
        if run.late():
            yield {"left out": activation.name}
            continue
        with torch._inductor.config.patch({"cpp.enable_kernel_profile": True}):
            if gate:
                kernels_of_eager_calls._kernel.cache_clear()  # built without the profile
                function, label = activation, activation.name
            else:
                function = compiled(lambda a, b, f=activation: f(a) * b, activation.name)
                label = f"{activation.name}(a) * b"
            leaves, cotangents = sets(run.device, size, dtype, 2)
            way = passes(function, leaves, cotangents)
            for call in (*way.values(), *way.values()):
                call(0)
            counts = {kind: run.device.kernels(functools.partial(call, 0)) for kind, call in way.items()}
        counts["backward"] = counts.pop("training") - counts["forward"]
        yield {"what": label, "way": "hot path" if gate else "compiled", "elements": size, "kernels": counts}


def memory(run):
    """What is kept for the backward pass, and the peak of both passes, in inputs."""
    dtype = run.dtypes[0]
    size = run.elements or 1 << 24
    leaves, cotangents = sets(run.device, size, dtype, 2)
    for activation in run.pointwise():
        if run.late():
            yield {"left out": activation.name}
            continue
        own, found = leaves[0][: len(activation.arrays)], {}
        for name, function in candidates(activation, run.device, dtype).items():
            if name.endswith("compiled"):
                continue
            kept = {}
            with torch.autograd.graph.saved_tensors_hooks(
                lambda tensor, kept=kept: kept.setdefault(tensor.data_ptr(), tensor), lambda tensor: tensor
            ):
                function(*own)
            inputs = sum(tensor.nbytes for tensor in kept.values()) / own[0].nbytes
            peak = run.device.peak(functools.partial(passes(function, [own], cotangents)["training"], 0))
            found[name] = {"kept": inputs, "peak": peak and peak / own[0].nbytes}
        yield {"activation": activation.name, "elements": size, "arrays": len(own), "inputs": found}


def block(run):
    """A gate between two linear layers, forward and backward: the whole of what a transformer's feed-forward does."""
    dtype = torch.bfloat16 if run.device.cuda else torch.float32
    rows, width, hidden = BLOCK if run.device.cuda else BLOCK_TRIED
    first = (run.device.random(2 * hidden * width, dtype, 0) * width**-0.5).view(2 * hidden, width).requires_grad_()
    second = (run.device.random(hidden * width, dtype, 1) * hidden**-0.5).view(width, hidden).requires_grad_()
    inputs = [run.device.random(rows * width, dtype, seed).view(rows, width).requires_grad_() for seed in range(SETS)]
    for name, act in {"swiglu": F.silu, "geglu": F.gelu}.items():
        if name not in run.names:
            continue
        gates = {"xact": xact.get(name), "torch": lambda packed, act=act: _packed(packed, act)}
        blocks = {
            way: lambda x, up, down, gate=gate: F.linear(gate(F.linear(x, up)), down) for way, gate in gates.items()
        }
        blocks |= {f"{way} compiled": compiled(function, name) for way, function in blocks.items()}
        leaves = [[x, first, second] for x in inputs]
        calls = {way: passes(function, leaves, inputs)["training"] for way, function in blocks.items()}
        for call in calls.values():
            call(0)
        seconds, last, _ = run.device.alternate(calls, run.seconds, lambda: None)
        apart = {way: float((results[0] - last["torch"][0]).abs().max()) for way, results in last.items()}
        yield {
            "activation": name,
            "shape": [rows, width, hidden],
            "dtype": str(dtype),
            "seconds": seconds,
            "apart": apart,
        }


def _packed(packed, act):
    gate, value = packed.chunk(2, -1)
    return act(gate) * value


SECTIONS = {section.__name__: section for section in (accuracy, large, small, kernels, memory, block)}
# Seconds at most; all of it is under 8 minutes.
BUDGET = {"accuracy": 150.0, "large": 200.0, "small": 25.0, "kernels": 35.0, "memory": 15.0, "block": 25.0}


class Run:
    """What is asked for, and the deadline of the section at work."""

    def __init__(self, device, names, dtypes, elements=None, seconds=0.15, workers=None):
        self.device, self.names, self.dtypes, self.elements = device, names, dtypes, elements
        self.seconds, self.workers = seconds, workers
        self.deadline = float("inf")

    def start(self, section):
        self.deadline = time.perf_counter() + BUDGET[section]

    def late(self):
        return time.perf_counter() > self.deadline

    def seconds_left(self):
        return self.deadline - time.perf_counter()

    def pointwise(self):
        """Activations without an axis or a vector of coefficients, the core first."""
        chosen = [activation for activation in map(xact.get, self.names) if activation.elementwise]
        plain = [one for one in chosen if not one.vectors and len(one.arrays) <= 2]
        return sorted(plain, key=lambda one: (one.name not in CORE, one.layout is None))
