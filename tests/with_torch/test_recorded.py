"""The contract of what is recorded: by the compiler, by transforms, and on every device but a CPU.

Plain tensors on a CPU are evaluated with other functions, on which test_contract.py reports.
"""

from collections.abc import Iterator

import pytest

import xact

torch = pytest.importorskip("torch")

from xact.backends import torch_blocks, torch_namespaces
from xact.testing import contract
from xact.testing.case import cases
from xact.testing.finiteness import finiteness
from xact.testing.rounding import rounding

# What bodies call, by the sign of what they give it.
ON_THE_LINE = ("exp", "expm1", "tanh", "erf", "erfc", "sigmoid", "sin", "cos")
ABOVE_ZERO = ("log", "log1p", "sqrt")
ELEMENTWISE = [name for name in xact.names() if xact.get(name).elementwise]


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch_blocks, "unrecorded", lambda values: False)
    contract.results.cache_clear()
    yield
    contract.results.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str, dtype: str, request: pytest.FixtureRequest) -> None:
    if dtype in ("float16", "bfloat16") and not request.config.getoption("--every"):
        pytest.skip("computed in float32: with --every")
    found = []
    for case in cases(xact.get(name), numbers=False):
        found += finiteness(case, "torch", dtype)
        if dtype in ("float32", "float64"):
            found.append(contract.accuracy(case, "torch", dtype))
        else:
            found += rounding(case, "torch", dtype)
    assert [str(one) for one in found if not one.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_functions_of_inductor(dtype: torch.dtype) -> None:
    """Its loops for a CPU have functions of their own, some with fewer digits than those of eager torch."""
    x = torch.cat([sign * torch.logspace(-30, 1.25, 4096, dtype=dtype) for sign in (-1, 1)])
    given = dict.fromkeys(ON_THE_LINE, x) | {name: x.abs() for name in ABOVE_ZERO}

    @torch.compile(fullgraph=True)
    def every(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: getattr(torch_namespaces.xp, name)(value) for name, value in given.items()}

    for name, got in every(given).items():
        exact = getattr(torch, name)(given[name].double())
        smallest = torch.finfo(dtype).smallest_normal
        error = (got.double() - exact).abs() / exact.abs().clamp_min(smallest) / torch.finfo(dtype).eps
        assert error.max() <= contract.ACCURACY, (name, given[name][error.argmax()].item())
