"""What every test of PyTorch needs: a compiler that remembers nothing of the test before, and that did not fail."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()
    # All cases of a test share one code object, and Dynamo counts compilations by it.
    with torch._dynamo.config.patch(recompile_limit=64):
        yield
    from xact.backends import hot_path

    # Where a kernel cannot be compiled calls are eager from then on: right, slow, and seen by no other test.
    assert not hot_path._broken
