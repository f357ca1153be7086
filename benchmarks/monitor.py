"""What `xact.nn.monitor` adds to a training step: paired blocks of steps, alternating, the median of their ratios.

A block is `--every` steps, so that each one with the monitor has exactly one step that is looked at. What is counted is
processor time of one thread, which other work on the machine disturbs less than the clock.

    python benchmarks/monitor.py [--pairs 9] [--every 100]
"""

import argparse
import statistics
import time

import torch
from torch import nn

import xact.nn


def perceptron():
    layers = [layer for _ in range(4) for layer in (nn.Linear(256, 256), nn.GELU())]
    return nn.Sequential(*layers), torch.randn(128, 256)


def transformer():
    layer = nn.TransformerEncoderLayer(128, 4, 512, activation=nn.GELU(), batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(4, 64, 128)


def convolutional():
    layers = [
        layer
        for _ in range(4)
        for layer in (nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
    ]
    return nn.Sequential(*layers), torch.randn(4, 32, 28, 28)


def seconds(model, x, optimizer, steps):
    start = time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return time.process_time() - start


def added(make, pairs, every):
    """Seconds of a plain step, and by how much of it a monitored one is longer."""
    torch.manual_seed(0)
    model, x = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    seconds(model, x, optimizer, every)
    plain, ratios = [], []
    for pair in range(pairs):

        def watched():
            with xact.nn.monitor(model, every=every):
                return seconds(model, x, optimizer, every)

        def bare():
            return seconds(model, x, optimizer, every)

        first, second = (watched, bare) if pair % 2 else (bare, watched)
        times = {first: first(), second: second()}
        plain.append(times[bare] / every)
        ratios.append(times[watched] / times[bare] - 1)
    return statistics.median(plain), statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--every", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, one step in {options.every} looked at", flush=True)
    for make in (perceptron, transformer, convolutional):
        step, more = added(make, options.pairs, options.every)
        print(f"{make.__name__:14} step {1e3 * step:7.2f} ms, monitored {100 * more:+5.1f} %", flush=True)


if __name__ == "__main__":
    main()
