"""Truths are kept on disk, in `XACT_CACHE` or ~/.cache/xact: proving one takes longer than measuring against it."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .ulp import Truth

_MODULES = ("tokens", "tex", "fields", "series", "intervals", "formula", "truth")
_SOURCES = [Path(__file__).with_name(f"{name}.py") for name in _MODULES]


def cached(key: tuple[Any, ...], points: np.ndarray, compute: Callable[[], Truth]) -> Truth:
    """The results of an earlier call; they are found under a name made of everything that they depend on."""
    digest = hashlib.sha256(repr((key, points.shape)).encode())
    digest.update(np.ascontiguousarray(points).tobytes())
    for source in _SOURCES:
        digest.update(source.read_bytes())
    folder = Path(os.environ.get("XACT_CACHE") or Path.home() / ".cache" / "xact")
    path = folder / f"{digest.hexdigest()}.npz"
    if path.exists():
        with np.load(path) as stored:
            return Truth(stored["high"], stored["low"])
    truth = compute()
    folder.mkdir(parents=True, exist_ok=True)
    # Several test workers compute the same file: each writes its own and moves it, which is atomic.
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as temporary:
        np.savez(temporary, high=truth.high, low=truth.low)
    os.replace(temporary.name, path)
    return truth
