"""Importing (C9): `import xact` loads no array library and takes less than 40 ms; its arrays load each one."""

import importlib.util
import os
import subprocess
import sys

import pytest

LIBRARIES = ("numpy", "torch", "jax", "scipy", "array_api_compat", "dask", "matplotlib", "mpmath")
BUDGET = 0.040

LOADED = f"print(*(name for name in {LIBRARIES} if name in sys.modules))"


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    # An installed package has its bytecode.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_no_library() -> None:
    assert run(f"import sys, xact; {LOADED}") == ""


def test_names_specs_and_definitions_load_no_library() -> None:
    code = """
import sys, xact
for name in xact.names():
    activation = xact.get(name)
    xact.get(activation.spec), repr(activation), activation.__doc__, activation.__signature__
@xact.activation()
def own(x, /, *, xp):
    return x
@own.derivative
def _(x, xp):
    return xp.ones_like(x)
"""
    assert run(f"{code}\n{LOADED}") == ""


SUBMODULES = ("analysis", "nn", "plotting", "testing")


def test_submodules_load_at_first_use() -> None:
    loaded = f"[name for name in {SUBMODULES} if f'xact.{{name}}' in sys.modules]"
    before = f"import sys, xact; assert set({SUBMODULES}) < set(dir(xact)); assert not {loaded}"
    assert run(f"{before}; xact.analysis; print({loaded} == ['analysis'])") == "True"


def test_a_submodule_whose_library_is_missing() -> None:
    """It is no attribute, as `inspect` expects, and the error says what is missing."""
    missing = "sys.modules.update(dict.fromkeys(('numpy', 'torch', 'matplotlib', 'mpmath', 'flint')))"
    code = f"import inspect, sys, xact; {missing}; print(len(inspect.getmembers(xact)) > 100, hasattr(xact, 'nn'))"
    assert run(code) == "True False"
    command = [sys.executable, "-c", f"import sys, xact; {missing}; xact.nn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "AttributeError: xact.nn cannot be imported: " in done.stderr


@pytest.mark.needs("torch")
def test_modules_need_no_import_of_their_own() -> None:
    assert run("import xact; print(xact.nn.GELU())") == "GELU(approximate='none')"


def test_import_is_fast() -> None:
    """Processor time, the least of nine, as other work only adds.

    On a slow or shared processor the bound is twice what the standard library's modules take there.
    """
    code = """
import time
times = [time.process_time()]
import ast, dataclasses, functools, inspect, numbers, re, typing
times.append(time.process_time())
import xact
times.append(time.process_time())
print(times[1] - times[0], times[2] - times[1])
"""
    run(code)
    standard, own = (min(times) for times in zip(*(map(float, run(code).split()) for _ in range(9)), strict=True))
    assert own < max(BUDGET, 2 * standard)


@pytest.mark.needs("numpy")
def test_numpy_loads_numpy_alone() -> None:
    code = """
import sys
import numpy as np
rng = np.random.default_rng(0)
before = set(sys.modules)
import xact
for name in xact.names():
    activation = xact.get(name)
    arrays = [np.ones((2, 4, 6))] * len(activation.arrays)
    given = dict.fromkeys((n for n, v in activation.body.parameters.items() if v is xact._signature.REQUIRED), 0.5)
    given |= {"rng": rng} if activation.defaults.get("training") else {}
    y, pullback = xact.vjp(activation, *arrays, **given)
    pullback(y)
"""
    loaded = run(f"{code}\nprint(*(name for name in {LIBRARIES} if name in set(sys.modules) - before))")
    # array-api-compat is a dependency of ours, and its part for NumPy imports nothing else.
    assert set(loaded.split()) <= {"array_api_compat"}


@pytest.mark.needs("numpy", "torch")
def test_loaded_libraries_stay_apart() -> None:
    """An array of a library that comes first finds its backend though others are loaded, and the other way round."""
    code = """
import numpy as np, xact
x = np.ones(3)
xact.relu(x)
import torch
assert type(xact.relu(torch.ones(3))) is torch.Tensor
assert type(xact.relu(x)) is np.ndarray
assert type(xact.relu(torch.nn.Parameter(torch.ones(3)))) is torch.Tensor
"""
    run(code)


@pytest.mark.needs("torch")
def test_torch_loads_no_compiler() -> None:
    """It takes as long to import as torch itself, and who compiles nothing needs none."""
    code = """
import sys, torch, xact.nn
x = torch.ones(3, requires_grad=True)
for module in (xact.nn.GELU(), xact.nn.ReLU(), xact.nn.SiLU(backward_bits=2), xact.nn.Softmax(0)):
    module(x).sum().backward()
print([name for name in ("torch._dynamo", "torch._inductor") if name in sys.modules])
"""
    assert run(code) == "[]"


@pytest.mark.needs("numpy")
@pytest.mark.skipif(importlib.util.find_spec("array_api_strict") is None, reason="array-api-strict is not installed")
def test_unknown_libraries_need_none_of_ours() -> None:
    code = "import sys, array_api_strict, xact; xact.gelu(array_api_strict.asarray([1.0]))"
    assert {"torch", "jax"}.isdisjoint(run(f"{code}; {LOADED}").split())
