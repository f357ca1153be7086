"""`backward_bits` in training: bytes kept and loss of a small transformer, with the exact gradient and with few bits.

It learns to sum digits that are marked. Each seed starts all of them from the same weights and data; the loss is on
data that none has seen, mean and standard deviation over the seeds. The bytes are those of one forward pass.

    python benchmarks/few_bits.py [--seeds 5] [--steps 400]
"""

import argparse
import statistics

import torch
from torch import nn

import xact.nn

LENGTH, WIDTH = 12, 32


def transformer(bits):
    def layer():
        activation = xact.nn.GELU(backward_bits=bits)
        return nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, activation=activation, batch_first=True)

    return nn.Sequential(nn.Linear(11, WIDTH), layer(), layer(), nn.Linear(WIDTH, 1))


def loss(model, count, generator):
    digits = torch.randint(10, (count, LENGTH), generator=generator)
    marked = torch.rand(count, LENGTH, generator=generator) < 0.5
    x = torch.cat([nn.functional.one_hot(digits, 10).float(), marked[..., None].float()], dim=-1)
    target = (digits * marked).sum(1) / LENGTH
    return ((model(x)[..., 0].mean(1) - target) ** 2).mean()


def bytes_kept(model):
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.update({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()}) or tensor,
        lambda tensor: tensor,
    ):
        loss(model, 128, torch.Generator().manual_seed(0))
    return sum(kept.values()) - sum(parameter.nbytes for parameter in model.parameters())


def trained(bits, seed, steps):
    torch.manual_seed(seed)
    model, generator = transformer(bits), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model, 128, generator).backward()
        optimizer.step()
    kept = bytes_kept(model)
    with torch.no_grad():
        return kept, float(loss(model, 4096, generator))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    print("bits   kept MiB   loss (mean, standard deviation)")
    for bits in (None, 4, 2, 1):
        runs = [trained(bits, seed, given.steps) for seed in range(given.seeds)]
        losses = [end for _, end in runs]
        spread = f"{statistics.mean(losses):.4f}, {statistics.stdev(losses):.4f}"
        print(f"{'exact' if bits is None else bits:<6} {runs[0][0] / 2**20:8.2f}   {spread}")
