"""A kernel of the hot path: compiled at its first call, called past Dynamo from then on."""

import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

# A loop that is known to end with a whole vector asks for nothing on the way. The widest vectors have 32 numbers.
ROW = 64


class Kernel:
    """A compiled function of arrays of one shape, whatever it is; some may be without dimensions.

    The first call goes through Dynamo, which has the function built for any shape, on conditions: lengths 0 and 1 are
    apart, from 2^31 elements on indices are wider. Calls with a shape that meets them go to what was built. What else
    Dynamo looks at, for 15 microseconds a call, cannot differ: the arrays are dense, and who asks for a kernel has one
    for every dtype and device.

    rows: whether the arrays consist of rows of `ROW` numbers.
    """

    def __init__(self, name: str, function: Callable[..., Any], rows: bool = False) -> None:
        # What Dynamo does not look into keeps its constants; those it sees become arguments of the graph.
        self._whole = whole = torch.compiler.allow_in_graph(function)

        def kernel(*arrays: Any) -> Any:
            for array in arrays:
                if rows and array.ndim:
                    # What is checked the compiler knows.
                    torch._check(array.shape[-1] == ROW)
            return whole(*arrays)

        # Dynamo counts recompilations per code object: every kernel gets its own.
        code = kernel.__code__.replace(co_name=f"xact_{name}")
        own = types.FunctionType(code, kernel.__globals__, name, None, kernel.__closure__)
        self._through_dynamo = torch.compile(own, backend=self._build, dynamic=True, fullgraph=True)
        self._built: list[Built] = []
        self._of_shape: dict[tuple[int, ...], Built] = {}

    def __call__(self, shape: tuple[int, ...], arrays: list[Any]) -> Any:
        if built := self._of_shape.get(shape):
            return built(shape, arrays)
        # A compiled function is compiled again where the mode of recording differs; of a view Dynamo would ask for the
        # sizes of its base.
        with torch.no_grad():
            result = self._through_dynamo(*[array.detach() for array in arrays])
        for built in self._built:
            if built.takes(shape):
                self._of_shape[shape] = built
        return result

    def _build(self, graph: Any, inputs: list[Any]) -> Any:
        function = inductor(graph, inputs)
        if built := Built.of(function, graph, self._whole):
            self._built.append(built)
        return function


@dataclass(frozen=True)
class Built:
    """What the compiler made of a graph, as a function of the arrays and their shape."""

    function: Callable[..., Any]
    # For each input of the graph, whether it is one of the arrays, and which one, or else which of their lengths.
    inputs: tuple[tuple[bool, int], ...]
    # For each result of the function, which one of the graph's it is; none where the function returns no tuple.
    results: tuple[int, ...]
    # The lengths: numbers, or symbols that stand for any.
    shape: tuple[Any, ...]

    def __call__(self, shape: tuple[int, ...], arrays: list[Any]) -> Any:
        results = self.function(*[arrays[place] if array else shape[place] for array, place in self.inputs])
        return tuple([results[place] for place in self.results]) if self.results else results[0]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether the conditions hold that it was compiled under."""
        if len(shape) != len(self.shape):
            return False
        symbols: dict[Any, tuple[Any, int]] = {}
        for known, length in zip(self.shape, shape, strict=True):
            # Lengths that were equal have one symbol.
            same = symbols.setdefault(known.node.expr, (known, length))[1] if is_symbol(known) else known
            if same != length:
                return False
        if not symbols:
            return True
        given, lengths = zip(*symbols.values(), strict=True)
        conditions = given[0].node.shape_env
        written = conditions.produce_guards_expression(given)
        return written is None or bool(conditions.evaluate_guards_expression(written, lengths))

    @classmethod
    def of(cls, function: Any, graph: Any, whole: Any) -> "Built | None":
        """None where the graph is not one call of the whole function with its inputs; then Dynamo makes all calls."""
        nodes = [*graph.graph.nodes]
        inputs = {node: node.meta["example_value"] for node in nodes if node.op == "placeholder"}
        calls, (returned,) = [node for node in nodes if node.target is whole], nodes[-1].args
        # An array that is given twice is one input of the graph, a result that is returned twice one result.
        arrays = {*inputs} - {node for node, value in inputs.items() if is_symbol(value)}
        if len(calls) != 1 or {*calls[0].args} != arrays or len(calls[0].args) != len(arrays):
            return None
        (call,) = calls
        shape = tuple(max((inputs[node] for node in arrays), key=torch.Tensor.dim).shape)
        lengths = [known.node.expr if is_symbol(known) else None for known in shape]
        places = []
        for node, value in inputs.items():
            wanted, among = (value.node.expr, lengths) if is_symbol(value) else (node, [*call.args])
            if wanted not in among:
                return None
            places.append((not is_symbol(value), among.index(wanted)))
        if returned == (call,):
            return cls(function, tuple(places), (), shape)
        items = [node.args[1] if node.target is operator.getitem and node.args[0] is call else -1 for node in returned]
        if sorted(items) != [*range(len(call.meta["example_value"]))]:
            return None
        return cls(function, tuple(places), tuple(items.index(place) for place in range(len(items))), shape)


def is_symbol(value: Any) -> bool:
    return isinstance(value, torch.SymInt)


def inductor(graph: Any, inputs: list[Any]) -> Any:
    """The compiler, for all sizes: left to itself it uses one thread for all where the first array is small."""
    from torch._dynamo import lookup_backend
    from torch._inductor import config

    with config.patch({"cpp.dynamic_threads": True}):
        return lookup_backend("inductor")(graph, inputs)
