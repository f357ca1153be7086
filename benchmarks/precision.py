"""Values and gradients on a device beside NumPy in float64, which the test-suite holds against the exact result.

The same three ways as a user's: eager, the compiled kernels of eager calls, and `torch.compile`. An error is what an
input 1 ULP away does not explain, as in clause C1; in 16 bits 1 ULP of the float32 that is computed in.
"""

import functools
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed

import ml_dtypes
import numpy as np
import torch
import torch._inductor.config
from candidates import compiled
from device import said

import xact
import xact.nn
from xact.testing import contract, ulp
from xact.testing.along import rows
from xact.testing.case import Case, cases, declared
from xact.testing.case import inputs as every_input
from xact.testing.libraries import evaluate
from xact.testing.rounding import ROUNDING

WAYS = ("eager", "hot path", "compiled")
# Two results in float64, each of which may be off by 4.
DOUBLE = 8.0
# Along an axis: ULP of the largest entry of the row. A sum over a row is rounded in another order on every device.
ALONG = 32.0
# Random directions in which the entries of a row are moved by 1 ULP.
SHIFTS = 4


def accuracy(run):
    """Values and gradients of everything; in parallel processes, whose compiled kernels stay in Inductor's cache."""
    jobs = [(name, str(dtype).removeprefix("torch.")) for dtype in run.dtypes for name in run.names]
    measured = functools.partial(_measured, device=run.device.torch.type)
    workers = min(run.workers or max(1, os.cpu_count() - 2), len(jobs))
    if workers == 1:
        for name, dtype in jobs:
            if run.late():
                yield {"left out": name, "dtype": dtype}
            else:
                yield from measured(name, dtype)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _alone) as pool:
        waiting = {pool.submit(measured, *job): job for job in jobs}
        try:
            for future in as_completed(waiting, timeout=run.seconds_left()):
                waiting.pop(future)
                yield from future.result()
        except TimeoutError:
            pool.shutdown(wait=False, cancel_futures=True)
        for name, dtype in waiting.values():
            yield {"left out": name, "dtype": dtype}


def _alone():
    """The processes are the parallel part."""
    torch._inductor.config.compile_threads = 1


def _measured(name, dtype, device):
    try:
        return measure(name, dtype, device)
    except Exception as error:
        return [{"activation": name, "dtype": dtype, "failed": said(error)}]


def measure(name, dtype, device):
    """One row for each way and quantity: the largest error in ULP, the bound, the input where it was found."""
    activation = xact.get(name)
    found = []
    for case in cases(activation, quantities=False, numbers=False):
        fixed = case.parameters | ({"training": False} if activation.sampled else {})
        function = functools.partial(activation, **fixed)
        ways = dict.fromkeys(WAYS[:2], function) | {"compiled": compiled(function, name)}
        for way, called in ways.items():
            with xact.nn.hot_path("compile" if way == "hot path" else "eager"):
                part = elementwise if activation.elementwise else along
                for quantity, error, bound, where in part(case, called, dtype, device):
                    label = ", ".join(f"{key}={value}" for key, value in case.parameters.items())
                    row = {"activation": name, "dtype": dtype, "way": way, "case": label, "quantity": quantity}
                    found.append(row | {"ulp": float(error), "bound": bound, "where": where})
    return found


def elementwise(case, function, dtype, device):
    given = inputs(case, dtype)
    names = case.activation.rules
    leaves = {name: to_torch(array, device).requires_grad_(name in names) for name, array in given.items()}
    y = function(*leaves.values())
    wanted = [name for name in given if name in names]
    gradients = torch.autograd.grad(y, [leaves[name] for name in wanted], torch.ones_like(y))
    with torch.no_grad():
        results = {"": function(*leaves.values())} | dict(zip(wanted, gradients, strict=True))
    for wrt, result in results.items():
        quantity = Case(case.activation, case.parameters, wrt)
        yield wrt or "value", *worst(quantity, given, from_torch(result), dtype)


def inputs(case, dtype):
    """Those of the contract; of all 65,536 numbers of a 16-bit type the zeros, the infinities and one in five."""
    given = every_input(case, dtype)
    if dtype in ("float32", "float64"):
        return given
    index = np.arange(1 << 16)
    return {name: array[(index % 8 == 0) | (index % 7 == 0)] for name, array in given.items()}


def worst(case, given, got, dtype):
    """The largest error of a value or a derivative, its bound, and the input."""
    exact = reference(case, given, dtype)
    first = next(iter(given.values()))
    unit = ulp.ulp(ulp.double(first), dtype)
    skip = contract.skipped(case, given, exact, "torch", dtype)
    skip |= np.isinf(exact.high) & (ulp.double(first) == 0)  # a pole, where the sign of zero decides
    if "\\sin" in case.activation.tex:
        skip |= np.abs(ulp.double(first)) > 2.0**12  # 1 ULP is no small part of a period
    with np.errstate(all="ignore"):
        slope = explained(case, given, exact.high, dtype) / np.where(np.isfinite(unit), unit, 1.0)
    error = np.where(skip, 0.0, ulp.excess(got, exact, slope, first, dtype))
    if dtype in ("float32", "float64"):
        bound = declared(case, f"C1 {dtype}", contract.ACCURACY)
        bound = max(bound, DOUBLE) if dtype == "float64" else bound
    else:
        bound = declared(case, f"error {dtype}", ROUNDING)
    at = int(np.argmax(error))
    return error[at], bound, ", ".join(f"{name}={array[at]}" for name, array in given.items())


def reference(case, given, dtype, **moved):
    """The quantity in float64, with the numbers that the dtype is computed with, or those given in their place."""
    held = case.environment(dtype) | moved
    parameters = {name: held[name] for name in case.activation.body.parameters if name in held}
    parameters |= {name: value for name, value in case.parameters.items() if name not in parameters}
    if case.activation.sampled:
        parameters |= {"lower": held["a"], "upper": held["a"]}
    doubles = {name: moved.get(name, ulp.double(array)) for name, array in given.items()}
    with np.errstate(all="ignore"):
        high = evaluate("numpy", case.activation, doubles, parameters, case.wrt)
    return ulp.Truth(high, np.zeros_like(high))


def explained(case, given, here, dtype):
    """How far the quantity moves when the arrays move by 1 ULP of the dtype that is computed in; for a definition that
    asks for it, its numbers too.
    """
    compute = "float64" if dtype == "float64" else "float32"
    total = np.zeros(here.shape)
    for name, array in given.items():
        wide = ulp.double(array)
        step = np.where(np.isfinite(wide), ulp.ulp(wide, compute), 0.0)
        total += moved(case, given, here, dtype, name, wide, step)
    asked = declared(case, "parameters", 0)
    for name in case.activation.body.parameters if asked else ():
        value = case.environment(dtype)[name]
        numbers = np.atleast_1d(value)
        for k, step in enumerate(ulp.ulp(numbers, compute)):
            total += asked * moved(case, given, here, dtype, name, value, step * (np.arange(numbers.size) == k))
    return total


def moved(case, given, here, dtype, name, value, step):
    """How far the quantity moves with one argument, up or down."""
    far = []
    for there in (value + step, value - step):
        if isinstance(value, (float, tuple)):
            there = tuple(there.tolist()) if isinstance(value, tuple) else float(there[0])
        far.append(np.abs(reference(case, given, dtype, **{name: there}).high - here))
    return np.nan_to_num(np.maximum(*far), nan=0.0, posinf=0.0)


def along(case, function, dtype, device):
    """Rows: the value and the cotangent, in ULP of the largest entry of the row, enlarged by what it moves when the
    arrays move by 1 ULP: what exceeds a cut of geglu_sparse may be the rest of a difference.
    """
    activation = case.activation
    worst = {"value": (0.0, ""), activation.arrays[0]: (0.0, "")}
    parameters = case.parameters | ({"training": False} if activation.sampled else {})
    for index, x in enumerate(rows("float32")):
        if x.shape[-1] % activation.defaults.get("pieces", 1):
            continue
        axes = -(activation.defaults["axis"] or -1)  # None: all of them
        x = x.reshape(*x.shape, *[1] * (axes - 1)).astype(ulp.dtype_of(dtype))
        others = [x[::-1].copy() for _ in activation.arrays[1:]]
        given = [to_torch(array, device) for array in (x, *others)]
        leaf = given[0].requires_grad_()
        y = function(*given)
        dy = np.random.default_rng(index).standard_normal(y.shape).astype(ulp.dtype_of(dtype))
        (gradient,) = torch.autograd.grad(y, leaf, to_torch(dy, device))
        doubles = [ulp.double(array) for array in (x, *others)]
        exact = quantities(activation, doubles, dy, parameters)
        moves = moved_rows(activation, doubles, exact, dy, parameters, dtype)
        for (quantity, known), got in zip(exact.items(), (y, gradient), strict=True):
            largest, move = (np.max(np.abs(of), axis=-axes, keepdims=True) for of in (known, moves[quantity]))
            most = float(torch.finfo(got.dtype).max)
            result, known = (np.clip(values, -most, most) for values in (ulp.double(from_torch(got)), known))
            error = np.max(np.abs(result - known) / (ulp.ulp(largest, dtype) + move))
            if not error <= worst[quantity][0]:
                worst[quantity] = (error, f"rows of {x.shape[-axes]}")
    for quantity, (error, where) in worst.items():
        yield quantity, error, ALONG, where


def quantities(activation, arrays, dy, parameters):
    """The value and the cotangent of the first array in float64."""
    value, pullback = xact.vjp(activation, *arrays, **parameters)
    return {"value": value, activation.arrays[0]: pullback(ulp.double(dy))[0]}


def moved_rows(activation, arrays, exact, dy, parameters, dtype):
    """How far the quantities move when every entry does by 1 ULP of the dtype that is computed in, either way."""
    rng = np.random.default_rng(0)
    compute = "float64" if dtype == "float64" else "float32"
    most = dict.fromkeys(exact, 0.0)
    for _ in range(SHIFTS):
        shifted = [array + rng.choice((-1, 1), array.shape) * ulp.ulp(array, compute) for array in arrays]
        for quantity, there in quantities(activation, shifted, dy, parameters).items():
            most[quantity] = np.maximum(most[quantity], np.abs(there - exact[quantity]))
    return most


def to_torch(array, device):
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16).to(device)
    return torch.from_numpy(array.copy()).to(device)


def from_torch(tensor):
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()
