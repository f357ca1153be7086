"""Handwritten digits on three libraries: one network, one set of weights, the same answer everywhere.

For each activation the script trains a network with one hidden layer on the 1,797 digits of scikit-learn, once in
PyTorch with the modules of `xact.nn`, once in NumPy with a backward pass made of `xact.vjp`, from the same initial
weights and on the same batches. Then it gives the weights PyTorch found to NumPy and to JAX, and compares logits and
weight gradients on the test images. It ends with exit status 1 if any two libraries differ by more than BARS.

    python docs/examples/digits.py [--epochs 30] [--figure digits.png]
"""

import argparse
import copy
import itertools
import sys
import time
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import xact
from xact import nn

HIDDEN, CLASSES = 128, 10
BATCH, RATE, MOMENTUM = 64, 0.05, 0.9

# The largest relative difference allowed between two libraries.
BARS = {"float32": 1e-5, "float64": 1e-12}

# On the left what `xact.get` makes a function of, for NumPy and JAX; on the right the module, for PyTorch.
MODULES = {
    "relu": nn.ReLU(),
    "leaky_relu(0.1)": nn.LeakyReLU(0.1),
    "prelu": nn.PReLU(HIDDEN),
    "elu": nn.ELU(),
    "celu(0.5)": nn.CELU(0.5),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu(approximate='tanh')": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "swish": nn.Swish(),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "hardswish": nn.Hardswish(),
    "tanh": nn.Tanh(),
    "swiglu": nn.SwiGLU(),
}


# ---- PyTorch: a module like any other ----------------------------------------------------------------------


class Network(torch.nn.Module):
    def __init__(self, activation):
        super().__init__()
        kept = HIDDEN // 2 if activation.activation.layout else HIDDEN  # a gate takes two numbers, gives one
        self.hidden = torch.nn.Linear(64, HIDDEN)
        self.activation = activation
        self.output = torch.nn.Linear(kept, CLASSES)

    def forward(self, images):
        return self.output(self.activation(self.hidden(images)))


def torch_loss(network, images, targets):
    return -(targets * nn.LogSoftmax(dim=-1)(network(images))).sum() / len(images)


def torch_gradients(network, images, targets):
    network.zero_grad()
    torch_loss(network, images, targets).backward()
    return {name: weight.grad.numpy() for name, weight in network.named_parameters()}


# ---- NumPy and JAX: the same network as a function of its weights ------------------------------------------


def learnt(weights):
    """The parameters the activation itself learns: PReLU's `weight`, Swish's `beta`."""
    return [weight for name, weight in weights.items() if name.startswith("activation.")]


def logits(activation, weights, images):
    hidden = images @ weights["hidden.weight"].T + weights["hidden.bias"]
    return activation(hidden, *learnt(weights)) @ weights["output.weight"].T + weights["output.bias"]


def jax_gradients(activation, weights, images, targets):
    def loss(weights):
        return -jnp.sum(targets * xact.log_softmax(logits(activation, weights, images))) / len(images)

    return jax.jit(jax.grad(loss))(weights)


def numpy_gradients(activation, weights, images, targets):
    """Backpropagation by hand: what has no matrix in it is pulled back by `xact.vjp`."""
    hidden = images @ weights["hidden.weight"].T + weights["hidden.bias"]
    active, pull_activation = xact.vjp(activation, hidden, *learnt(weights))
    _, pull_loss = xact.vjp(xact.log_softmax, active @ weights["output.weight"].T + weights["output.bias"])

    (d_logits,) = pull_loss(-targets / len(images))
    d_hidden, *d_learnt = pull_activation(d_logits @ weights["output.weight"])
    gradients = {
        "hidden.weight": d_hidden.T @ images,
        "hidden.bias": d_hidden.sum(axis=0),
        "output.weight": d_logits.T @ active,
        "output.bias": d_logits.sum(axis=0),
    }
    own = [name for name in weights if name.startswith("activation.")]
    return gradients | dict(zip(own, d_learnt, strict=True))


# ---- Training ----------------------------------------------------------------------------------------------


@dataclass
class Digits:
    """Images as 64 numbers in [0, 1], labels, and labels as rows of the identity; a fifth kept for the test."""

    train_images: np.ndarray
    train_targets: np.ndarray
    test_images: np.ndarray
    test_targets: np.ndarray

    @classmethod
    def load(cls):
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        images = (images[order] / 16).astype(np.float32)
        targets = np.eye(CLASSES, dtype=np.float32)[labels[order]]
        kept = len(images) // 5
        return cls(images[kept:], targets[kept:], images[:kept], targets[:kept])

    def batches(self, epoch):
        order = np.random.default_rng(epoch).permutation(len(self.train_images))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            yield self.train_images[rows], self.train_targets[rows]

    def accuracy(self, scores):
        return float(np.mean(np.argmax(scores, axis=1) == np.argmax(self.test_targets, axis=1)))


def train_torch(network, digits, epochs, report):
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)
    curve = []
    for epoch in range(epochs):
        for images, targets in digits.batches(epoch):
            optimizer.zero_grad()
            torch_loss(network, torch.from_numpy(images), torch.from_numpy(targets)).backward()
            optimizer.step()
        with torch.no_grad():
            curve.append(digits.accuracy(network(torch.from_numpy(digits.test_images)).numpy()))
        report("PyTorch", epoch + 1, curve[-1])
    return curve


def train_numpy(activation, weights, digits, epochs, report):
    velocity = {name: np.zeros_like(weight) for name, weight in weights.items()}
    curve = []
    for epoch in range(epochs):
        for images, targets in digits.batches(epoch):
            for name, gradient in numpy_gradients(activation, weights, images, targets).items():
                velocity[name] = MOMENTUM * velocity[name] + gradient
                weights[name] = weights[name] - RATE * velocity[name]
        curve.append(digits.accuracy(logits(activation, weights, digits.test_images)))
        report("NumPy", epoch + 1, curve[-1])
    return curve


# ---- Comparison --------------------------------------------------------------------------------------------


@dataclass
class Result:
    spec: str
    curves: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)
    differences: dict = field(default_factory=dict)
    learnt: list = field(default_factory=list)

    @property
    def passed(self):
        return all(value <= BARS[dtype] for (_, dtype), value in self.differences.items())

    def cells(self):
        accuracy = [f"{100 * curve[-1]:.1f} %" for curve in self.curves.values()]
        seconds = [f"{value:.1f} s" for value in self.seconds.values()]
        return [*accuracy, *(f"{value:.1e}" for value in self.differences.values()), *seconds]


HEADS = (
    ["accuracy,\nPyTorch", "accuracy,\nNumPy"]
    + [f"{what},\n{dtype}" for what in ("logits", "gradients") for dtype in BARS]
    + ["time,\nPyTorch", "time,\nNumPy"]
)


def difference(answers):
    """The largest relative difference of any array between any two libraries."""
    return max(
        float(np.max(np.abs(a[name] - b[name])) / np.max(np.abs(b[name])))
        for a, b in itertools.permutations(answers, 2)
        for name in a
    )


def compare(activation, network, digits, dtype):
    """Differences of logits and of weight gradients between the libraries, all given the weights of `network`."""
    images, targets = digits.test_images.astype(dtype), digits.test_targets.astype(dtype)
    network = copy.deepcopy(network).to(getattr(torch, dtype))
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    jax_weights = jax.tree.map(jnp.asarray, weights)

    scores = [
        network(torch.from_numpy(images)).detach().numpy(),
        logits(activation, weights, images),
        np.asarray(logits(activation, jax_weights, jnp.asarray(images))),
    ]
    gradients = [
        torch_gradients(network, torch.from_numpy(images), torch.from_numpy(targets)),
        numpy_gradients(activation, weights, images, targets),
        jax.tree.map(np.asarray, jax_gradients(activation, jax_weights, images, targets)),
    ]
    assert all(array.dtype == dtype for array in scores)
    return difference([{"logits": array} for array in scores]), difference(gradients)


def study(spec, module, digits, epochs, report):
    activation = xact.get(spec)
    torch.manual_seed(0)
    network = Network(module)
    weights = {name: weight.detach().numpy().copy() for name, weight in network.named_parameters()}
    result = Result(spec)

    for library, train in (
        ("PyTorch", lambda: train_torch(network, digits, epochs, report)),
        ("NumPy", lambda: train_numpy(activation, weights, digits, epochs, report)),
    ):
        start = time.perf_counter()
        result.curves[library] = train()
        result.seconds[library] = time.perf_counter() - start

    found = {dtype: compare(activation, network, digits, dtype) for dtype in BARS}
    for index, what in enumerate(("logits", "gradients")):
        for dtype in BARS:
            result.differences[what, dtype] = found[dtype][index]
    result.learnt = [float(value.detach().mean()) for value in module.parameters()]
    return result


# ---- What is shown -----------------------------------------------------------------------------------------

INK, MUTED, RULE = "#1f2933", "#7b8794", "#d8dde3"
VALUE, PALE, SLOPE, BAD = "#2563a8", "#a9cbea", "#d9722e", "#b3261e"


class Progress:
    """The table as it grows; on a terminal its last line counts the epochs of the network in training."""

    def __init__(self, epochs):
        self.epochs = epochs
        self.live = sys.stdout.isatty()
        self.width = max(map(len, MODULES)) + 2
        for line in zip(*(head.split("\n") for head in HEADS), strict=True):
            print(" " * self.width + "".join(f"{part:>12}" for part in line), flush=True)

    def counter(self, spec):
        def report(library, epoch, accuracy):
            if self.live:
                text = f"{library}, epoch {epoch:>2} of {self.epochs}, {100 * accuracy:.1f} %"
                print(f"\r\x1b[K{spec:<{self.width}}{text}", end="", flush=True)

        return report

    def silent(self, library, epoch, accuracy):
        pass

    def row(self, result):
        cells = "".join(f"{cell:>12}" for cell in result.cells())
        verdict = "" if result.passed else "  over the bar"
        print(f"{chr(13) + chr(27) + '[K' if self.live else ''}{result.spec:<{self.width}}{cells}{verdict}", flush=True)


def draw(results, path):
    plt.rcParams.update({"font.size": 9, "text.color": INK, "axes.edgecolor": RULE, "axes.linewidth": 0.8})
    columns = 5
    rows = -(-len(results) // columns)
    figure = plt.figure(figsize=(15, 3.5 * rows + 0.36 * len(results) + 2.2), facecolor="white")
    top, bottom = figure.subfigures(2, 1, height_ratios=[3.5 * rows + 0.8, 0.36 * len(results) + 1.4])
    top.suptitle(
        "One hidden layer, 1,797 handwritten digits: each activation on PyTorch and NumPy",
        x=0.04, y=0.985, ha="left", fontsize=15, weight="bold",
    )  # fmt: skip
    grid = top.add_gridspec(rows, columns, left=0.04, right=0.985, top=0.92, bottom=0.04, hspace=0.32, wspace=0.22)
    for place, result in zip(grid, results, strict=False):
        upper, lower = place.subgridspec(2, 1, hspace=0.28).subplots()
        draw_function(upper, result)
        draw_curves(lower, result, results)
        if place.colspan.start == 0:
            lower.set_ylabel("test accuracy, %", color=MUTED)
    draw_table(bottom.add_axes((0.04, 0.03, 0.945, 0.9)), results)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_function(axes, result):
    """The activation and its derivative, with the parameters that were learnt."""
    activation = xact.get(result.spec)
    x = np.linspace(-4, 4, 801)
    arrays = (x, np.ones_like(x)) if activation.layout else (x,)
    value, slope = xact.value_and_derivative(activation)(*arrays, *result.learnt)
    axes.axhline(0, color=RULE, linewidth=0.8)
    axes.axvline(0, color=RULE, linewidth=0.8)
    axes.plot(x, slope, color=SLOPE, linewidth=1.4, label="derivative")
    axes.plot(x, value, color=VALUE, linewidth=1.8, label="value")
    names = [name for name in activation.learnable if result.learnt]
    found = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, result.learnt, strict=True))
    axes.set_title(result.spec, loc="left", weight="bold", fontsize=10.5)
    axes.text(0.98, 0.06, found and f"learnt, in the mean: {found}", transform=axes.transAxes, ha="right", color=MUTED)
    axes.set(xlim=(-4, 4), ylim=(-2.2, 3.2), xticks=(-4, 0, 4), yticks=(-2, -1, 0, 1, 2, 3))
    if result.spec == next(iter(MODULES)):
        axes.legend(loc="upper left", frameon=False, handlelength=1.4, borderaxespad=0.1)
    finish(axes)


def draw_curves(axes, result, results):
    """Test accuracy over the epochs, in front of that of the other activations."""
    epochs = np.arange(1, len(result.curves["PyTorch"]) + 1)
    for other in results:
        axes.plot(epochs, 100 * np.array(other.curves["PyTorch"]), color=RULE, linewidth=0.7)
    for (library, curve), (colour, width) in zip(result.curves.items(), ((PALE, 3.6), (VALUE, 1.1)), strict=True):
        axes.plot(epochs, 100 * np.array(curve), color=colour, linewidth=width, label=library)
    axes.set(xlim=(1, epochs[-1]), ylim=(80, 100), yticks=(80, 90, 100))
    axes.text(
        0.98, 0.08, f"{100 * result.curves['PyTorch'][-1]:.1f} %", transform=axes.transAxes, ha="right", color=VALUE
    )
    if result.spec == next(iter(MODULES)):
        axes.legend(loc="lower center", frameon=False, handlelength=1.4, borderaxespad=0.1)
    finish(axes)


def finish(axes):
    axes.tick_params(colors=MUTED, length=0, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def draw_table(axes, results):
    axes.axis("off")
    lefts = [0.0, *np.linspace(0.27, 1.0, len(HEADS))]
    axes.set(xlim=(0, 1), ylim=(-len(results) - 0.3, 2.6))
    axes.text(
        0, 2.15, "Largest relative difference between NumPy, JAX and PyTorch, given the same weights",
        fontsize=13, weight="bold",
    )  # fmt: skip
    for left, head in zip(lefts[1:], HEADS, strict=True):
        axes.text(left, 0.35, head, ha="right", va="bottom", color=MUTED, linespacing=1.3)
    axes.text(0, 0.35, "activation", color=MUTED, va="bottom")
    for row, result in enumerate(results):
        axes.axhline(-row + 0.12, color=RULE, linewidth=0.7)
        axes.text(0, -row - 0.4, result.spec, va="center", weight="bold")
        marks = [INK] * 2 + [INK if v <= BARS[d] else BAD for (_, d), v in result.differences.items()] + [MUTED] * 2
        for left, cell, colour in zip(lefts[1:], result.cells(), marks, strict=True):
            axes.text(left, -row - 0.4, cell, ha="right", va="center", color=colour)
    axes.axhline(-len(results) + 0.12, color=RULE, linewidth=0.7)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--figure", default="digits.png")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    # Libraries are compared, not devices.
    jax.config.update("jax_platforms", "cpu")
    # Matrices of this size are multiplied faster than a second thread is woken.
    torch.set_num_threads(1)
    threadpool_limits(1)

    start = time.perf_counter()
    digits = Digits.load()
    progress = Progress(options.epochs)
    # The first step imports what torch.optim needs, which is no part of any activation's time.
    train_torch(Network(nn.ReLU()), digits, 1, progress.silent)
    results = []
    for spec, module in MODULES.items():
        results.append(study(spec, module, digits, options.epochs, progress.counter(spec)))
        progress.row(results[-1])
    draw(results, options.figure)

    print(f"\nfigure: {options.figure}")
    print(f"time: {time.perf_counter() - start:.0f} s")
    for what, dtype in results[0].differences:
        worst = max(result.differences[what, dtype] for result in results)
        print(f"{what}, {dtype}: libraries differ by at most {worst:.1e}; allowed {BARS[dtype]:.0e}")
    failed = [result.spec for result in results if not result.passed]
    if failed:
        print(f"FAILED: the libraries differ by more than the bar for {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
