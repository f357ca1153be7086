"""The exact values and derivatives of a printed formula, as pairs of float64 numbers.

Every number is enclosed in a ball (Arb, by python-flint) and the precision doubled until the ball is narrow enough:
the result is proved, not estimated. An infinite input means the limit: the formula is evaluated at two huge numbers,
and what they agree on counts.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from flint import arb, ctx

from .cache import cached
from .fields import Balls, Mpmath, Undecided, Undefined, constant, exact
from .formula import Formula, index_key
from .intervals import by_intervals, close
from .series import Series
from .tokens import cure
from .ulp import Truth

Arrays = Mapping[str, Any]
Parameters = Mapping[str, float | int | str | Fraction | tuple[float, ...] | None]
_NOTHING: Parameters = MappingProxyType({})
# Bits that a truth has: as two float64 numbers, where one is more than enough, and for a type of up to 11 bits.
EXACT, CLOSE, COARSE = 106, 40, 34
_FIRST, _LAST = 200, 20_000
_ACCURACY = 130
_TINY = -1300
_HUGE = (3000, 6000)


def values(tex: str, inputs: Arrays, parameters: Parameters = _NOTHING, bits: int = EXACT, ties: int = 0) -> Truth:
    """The formula at every entry of the inputs, which are broadcast and taken as exact.

    bits: that the result must have; up to `CLOSE` of them float64 intervals give where they can.
    ties: bits of the type it is to be rounded to, so that it is certain on which side of a middle it is.
    """
    return _elementwise(tex, inputs, parameters, "", 0, bits, ties)


def derivatives(
    tex: str, inputs: Arrays, parameters: Parameters, wrt: str, order: int = 1, bits: int = EXACT, ties: int = 0
) -> Truth:
    """The derivative of the formula by the input or parameter `wrt`; of the branch that the condition chooses.

    At a tie of max, min, |.| or sign it is NaN.
    """
    return _elementwise(tex, inputs, parameters, wrt, order, bits, ties)


def values_along(tex: str, rows: Arrays, parameters: Parameters = _NOTHING) -> Truth:
    """The formula of each row, a vector; shaped as the rows, or one number per row without a free index."""
    return _along(tex, rows, parameters, "", None)


def jacobian_along(tex: str, rows: Arrays, parameters: Parameters, wrt: str) -> Truth:
    """dy_i/dx_k as [row, i, k]; as [row, k] without a free index."""
    return _along(tex, rows, parameters, wrt, None)


def pullback_along(tex: str, rows: Arrays, parameters: Parameters, cotangent: Any, wrt: str) -> Truth:
    """The sum over i of cotangent_i dy_i/dx_k as [row, k]; with `wrt` a parameter one number per row."""
    return _along(tex, rows, parameters, wrt, np.asarray(cotangent, dtype=np.float64))


def mpmath_values(
    tex: str,
    inputs: Arrays,
    parameters: Parameters = _NOTHING,
    wrt: str = "",
    order: int = 0,
    bits: int = 300,
) -> list[Any]:
    """The same by mpmath, without error bounds, with numerical differentiation: a check of the balls."""
    expression, field = Formula(tex), Mpmath(bits)
    arrays, constants = _arguments(expression, inputs, parameters)
    columns = {name: array.ravel().tolist() for name, array in arrays.items()}
    run, results = expression.compile(field), []
    for point in range(len(next(iter(columns.values())))):
        env = {name: constant(value, field) for name, value in constants.items()}
        env |= {name: field.number(column[point]) for name, column in columns.items()}
        if order:
            results.append(field.context.diff(lambda t, env=env: run(env | {wrt: t}), env[wrt], order))
        else:
            results.append(run(env))
    return results


def _arguments(
    expression: Formula, inputs: Arrays, parameters: Parameters
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The inputs as float64 arrays of one shape, and the parameters of the formula as exact numbers."""
    for name in sorted(expression.names - inputs.keys() - parameters.keys()):
        cured = f"; {advice}" if (advice := cure(expression.tex)) else ""
        raise ValueError(f"the formula {expression.tex!r} needs {name}, which is neither input nor parameter{cured}")
    for name in sorted(expression.definitions.keys() & (inputs.keys() | parameters.keys())):
        raise ValueError(f"the formula {expression.tex!r} defines {name}, which is also an argument")
    with np.errstate(invalid="ignore"):  # signalling NaNs among the 65,536 inputs of a 16-bit type
        arrays = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in inputs.values()))
    constants: dict[str, Any] = {}
    for name in expression.names & parameters.keys() - inputs.keys():
        value = parameters[name]
        if name in expression.options:
            constants[name] = str(value)
        elif isinstance(value, tuple):
            constants[name] = tuple(map(exact, value))
        elif value is None or isinstance(value, str):
            raise ValueError(f"the formula {expression.tex!r} needs a number for {name}, not {value!r}")
        else:
            constants[name] = exact(value)
    return dict(zip(inputs, arrays, strict=True)), constants


def _elementwise(tex: str, inputs: Arrays, parameters: Parameters, wrt: str, order: int, bits: int, ties: int) -> Truth:
    expression = Formula(tex)
    arrays, constants = _arguments(expression, inputs, parameters)
    if order and wrt not in arrays and wrt not in parameters:
        raise ValueError(f"the formula {tex!r} has no argument {wrt!r} to differentiate by")
    used = [(name, array.ravel().tolist()) for name, array in arrays.items() if name in expression.names]
    factor = math.factorial(order)

    def prepare() -> Callable[[int, int], list[Any]]:
        if not order:
            run = expression.compile(Balls())
            fixed = {name: constant(value, Balls) for name, value in constants.items()}

            def value(point: int, huge: int) -> list[Any]:
                env = fixed.copy()
                for name, column in used:
                    env[name] = _number(column[point], huge)
                return [run(env)]

            return value
        series, one, zero = Series(order), arb(1), arb(0)
        run = expression.compile(series)
        fixed = {name: constant(value, series) for name, value in constants.items()}
        if wrt in fixed:
            fixed[wrt] = (*fixed[wrt], one)

        def derivative(point: int, huge: int) -> list[Any]:
            env = fixed.copy()
            for name, column in used:
                number = _number(column[point], huge)
                env[name] = (number, one) if name == wrt else (number,)
            result = run(env)
            return [result[order] * factor if len(result) > order else zero]

        return derivative

    points = np.stack([array.ravel() for array in arrays.values()], axis=1)

    def compute() -> Truth:
        if bits > CLOSE:
            return enclose(tex, points, prepare, 1)
        near = by_intervals(expression, arrays, constants, wrt, order)
        return enclose(tex, points, prepare, 1, np.where(close(near, bits, ties), near.middle, np.nan))

    key = (tex, wrt, order, bits, ties, sorted(constants.items()), list(arrays))
    truth = cached(key, points, compute)
    shape = next(iter(arrays.values())).shape
    return Truth(truth.high.reshape(shape), truth.low.reshape(shape))


def _along(tex: str, rows: Arrays, parameters: Parameters, wrt: str, cotangent: np.ndarray | None) -> Truth:
    expression = Formula(tex)
    if "n" not in expression.definitions:
        # The length of a row, unless an argument has the name.
        parameters = {"n": np.shape(next(iter(rows.values())))[-1], **parameters}
    arrays, constants = _arguments(expression, rows, parameters)
    shape = next(iter(arrays.values())).shape
    if len(shape) != 2 or not expression.vectors:
        raise ValueError(f"the formula {tex!r} along an axis needs a subscript and two-dimensional rows")
    count, length = shape
    points = np.concatenate(list(arrays.values()), axis=1)
    columns = {name: array.tolist() for name, array in arrays.items()}
    outputs = length if expression.free else 1
    directions = 0 if not wrt else length if wrt in columns else 1
    if wrt and wrt not in columns and wrt not in constants:
        raise ValueError(f"the formula {tex!r} has no argument {wrt!r} to differentiate by")
    weights = None if cotangent is None else np.broadcast_to(cotangent.reshape(count, -1), (count, outputs)).tolist()

    def prepare() -> Callable[[int, int], list[Any]]:
        field: Any = Series(1) if wrt else Balls()
        run, one = expression.compile(field), arb(1)
        fixed = {name: constant(value, field) for name, value in constants.items()}

        def outcome(row: int, huge: int, direction: int) -> list[Any]:
            env: dict[str, Any] = fixed.copy()
            for name, column in columns.items():
                numbers = [_number(item, huge) for item in column[row]]
                env[name] = [(number,) for number in numbers] if wrt else numbers
            if wrt in columns:
                env[wrt][direction] += (one,)
            elif wrt:
                env[wrt] += (one,)
            results = []
            for index in range(outputs):
                if expression.free:
                    env[index_key(expression.free)] = index
                results.append(run(env))
            return [y[1] if len(y) > 1 else arb(0) for y in results] if wrt else results

        def solve(row: int, huge: int) -> list[Any]:
            if not wrt:
                return outcome(row, huge, 0)
            slopes = [outcome(row, huge, direction) for direction in range(directions)]
            if weights is None:
                return [column[index] for index in range(outputs) for column in slopes]
            return [sum(map(arb.__mul__, column, map(arb, weights[row])), arb(0)) for column in slopes]

        return solve

    size = directions * (outputs if weights is None else 1) if wrt else outputs
    key = (tex, "along", wrt, sorted(constants.items()), list(arrays), weights)
    truth = cached(key, points, lambda: enclose(tex, points, prepare, size))
    tail = ((outputs,) if expression.free and (not wrt or weights is None) else ()) + (
        (directions,) if wrt in columns else ()
    )
    return Truth(truth.high.reshape(count, *tail), truth.low.reshape(count, *tail))


def _number(value: float, huge: int) -> Any:
    if math.isinf(value):
        return math.copysign(1.0, value) * arb(2) ** huge
    return arb(value)


def enclose(
    tex: str,
    points: np.ndarray,
    prepare: Callable[[], Callable[[int, int], list[Any]]],
    size: int,
    known: np.ndarray | None = None,
) -> Truth:
    """Ziv's loop: every point with as many bits as it needs. `known` has the results that are no NaN."""
    finite = np.isfinite(points).all(axis=1)
    infinite = ~finite & ~np.isnan(points).any(axis=1)
    open = finite if known is None else finite & np.isnan(known)
    tasks = [(index, 0) for index in np.flatnonzero(open).tolist()]
    tasks += [(index, huge) for index in np.flatnonzero(infinite).tolist() for huge in _HUGE]
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    bits, before = _FIRST, ctx.prec
    try:
        while tasks:
            ctx.prec = bits
            solve, again = prepare(), []
            tiny = arb(2) ** _TINY
            for task in tasks:
                try:
                    found[task] = [_rounded(ball, tiny) for ball in solve(*task)]
                except Undecided:
                    again.append(task)
                except Undefined:
                    found[task] = [(math.nan, math.nan)] * size
            if again and bits >= _LAST:
                point = tuple(points[again[0][0]].tolist())
                raise ArithmeticError(f"the formula {tex!r} has no certain value at {point} with {bits} bits")
            tasks, bits = again, min(2 * bits, _LAST)
    finally:
        ctx.prec = before
    for index in np.flatnonzero(infinite).tolist():
        found[index, 0] = list(map(_limit, found[index, _HUGE[0]], found[index, _HUGE[1]]))
    high, low = np.full((2, len(points), size), math.nan)
    if known is not None:
        high[:, 0], low[:, 0] = known, np.where(np.isnan(known), math.nan, 0.0)
    for (index, huge), pairs in found.items():
        if not huge:
            high[index], low[index] = zip(*pairs, strict=True)
    return Truth(high, low)


def _rounded(ball: Any, tiny: Any) -> tuple[float, float]:
    if ball.rel_accuracy_bits() >= _ACCURACY:
        high = float(ball)
        return high, (float(ball - high) if math.isfinite(high) else 0.0)
    if ball.abs_upper() < tiny:
        return 0.0, 0.0
    raise Undecided


def _limit(near: tuple[float, float], far: tuple[float, float]) -> tuple[float, float]:
    """What the values at the two huge numbers say about the limit."""
    first, second = near[0], far[0]
    if first == second:
        return first, 0.0
    # Logarithms double where the exponent of their argument does, and reach no float64 infinity by themselves.
    if abs(first) > 100 and second / first > 1.9:
        return math.copysign(math.inf, first), 0.0
    return math.nan, math.nan
