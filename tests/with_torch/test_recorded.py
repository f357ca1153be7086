"""The contract of what is recorded: by the compiler, by transforms, and on every device but a CPU.

Plain tensors on a CPU are evaluated with other functions, on which test_contract.py reports.
"""

from collections.abc import Iterator

import pytest

import xact

torch = pytest.importorskip("torch")

from xact.backends import torch_blocks  # noqa: E402
from xact.testing import contract  # noqa: E402
from xact.testing.case import cases  # noqa: E402
from xact.testing.finiteness import finiteness  # noqa: E402
from xact.testing.rounding import rounding  # noqa: E402

ELEMENTWISE = [name for name in xact.names() if xact.get(name).elementwise]


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch_blocks, "plain", lambda values: False)
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
