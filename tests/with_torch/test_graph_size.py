"""How much a compiler is given at each call, which is what compiling a model takes time for."""

import pytest

import xact

torch = pytest.importorskip("torch")

from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd

# Inductor gives the result of an exponential a name; any other value it writes out once for each of its uses.
NAMED = ("exp", "sigmoid")
# The operations of a call, forward and backward, and how many they are written out. At each of 16 calls 10 operations
# more take about half a second, so do 130 written out.
SIZES = {
    "elu": (31, 120),
    "gelu": (78, 610),
    "hardswish": (17, 50),
    "leaky_relu": (9, 30),
    "mish": (40, 125),
    "relu": (8, 20),
    "selu": (31, 120),
    "sigmoid": (11, 35),
    "silu": (24, 70),
    "softplus": (20, 65),
    "tanh": (13, 40),
}


def written(graph: torch.fx.Graph) -> int:
    """The operations and numbers of a graph, where a value is computed anew for each use."""
    sizes: dict[torch.fx.Node, int] = {}
    total = 0
    for node in graph.nodes:
        given = node.all_input_nodes
        numbers = sum(isinstance(value, (int, float)) for value in node.args)
        size = 1 + numbers + sum(sizes[value] for value in node.args if isinstance(value, torch.fx.Node))
        if node.op == "output":
            return total + sum(sizes[value] for value in given)
        if getattr(node.target, "_opname", None) in NAMED and len(node.users) > 1:
            total, size = total + size, 1
        sizes[node] = size
    return total


@pytest.mark.parametrize("name", SIZES)
def test_size(name: str) -> None:
    graphs = []

    def keep(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        graphs.append(graph.graph)
        return make_boxed_func(graph)

    compiled = torch.compile(getattr(xact, name), backend=aot_autograd(fw_compiler=keep, bw_compiler=keep))
    compiled(torch.randn(4, 8, requires_grad=True)).sum().backward()
    operations = sum(node.op == "call_function" for graph in graphs for node in graph.nodes)
    assert len(graphs) == 2
    assert operations <= SIZES[name][0]
    assert sum(written(graph) for graph in graphs) <= SIZES[name][1]
