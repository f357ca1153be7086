"""The package entmax: projections onto the simplex."""

import pytest

entmax = pytest.importorskip("entmax")

from comparison import assert_same, by_torch

import xact
from xact.compat import FRAMEWORKS


@pytest.mark.parametrize("key", FRAMEWORKS["entmax"])
def test_function(key):
    assert_same(xact.get(key, like="entmax"), by_torch(getattr(entmax, key)))
