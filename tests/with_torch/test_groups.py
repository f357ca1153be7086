"""xact.nn.param_groups: activation parameters have no weight decay."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn

import xact.nn


class OwnForward(nn.PReLU):
    def forward(self, input):
        return input


def test_parameters_of_activations_are_apart() -> None:
    learnt = nn.Parameter(torch.tensor(2.0))
    activations = [nn.PReLU(3), xact.nn.PReLU(), xact.nn.Swish(), xact.nn.Activation("softplus", beta=learnt)]
    assert all(list(activation.parameters()) for activation in activations)
    layers = [nn.Linear(3, 3), nn.LayerNorm(3), nn.MultiheadAttention(3, 1), OwnForward()]
    model = nn.ModuleList([nn.Sequential(*layers), *activations])
    others, own = xact.nn.param_groups(model, weight_decay=0.1)
    assert [id(p) for p in own["params"]] == [id(p) for a in activations for p in a.parameters()]
    assert [id(p) for p in others["params"]] == [id(p) for layer in layers for p in layer.parameters()]
    assert (others["weight_decay"], own["weight_decay"]) == (0.1, 0.0)


def test_frozen_parameters_are_left_out_and_shared_ones_come_once() -> None:
    shared = nn.PReLU()
    model = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), shared, shared)
    model.tied = shared.weight
    others, own = xact.nn.param_groups(model, weight_decay=0.1)
    assert others["params"] == [] and len(own["params"]) == 1


def test_an_optimizer_takes_them_and_does_not_shrink_the_activation() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
    optimizer = torch.optim.SGD(xact.nn.param_groups(model, weight_decay=0.5), lr=1.0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer.step()
    after = list(model.parameters())
    assert torch.equal(after[0], before[0] / 2) and torch.equal(after[2], before[2])
