"""`xp` for recorded arrays: the functions of the standard and the special ones, and a sentence for all else."""

import numbers
from typing import Any

from xact._recorded import Recorded, Trace, combined, instead_of, promoted
from xact._standard import (
    DTYPES,
    ELEMENTWISE,
    LIKE,
    MADE,
    MASKS_OF_ONE,
    MASKS_OF_TWO,
    MIXING,
    NUMBERS,
    ONE,
    OTHERS,
    OVER_ALL,
)
from xact.special.namespace import GENERIC


class Names:
    """`xp` for recorded arrays."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        trace = self._trace
        if name in NUMBERS:
            return NUMBERS[name]
        if name in DTYPES:
            return name
        if name in GENERIC:
            return lambda *given, **named: self._special(name, given, named)
        if name in OTHERS:
            return getattr(self, f"_{name}")
        if name in ELEMENTWISE:
            return lambda *given, **named: self._elementwise(name, given, named)
        if name not in (*MIXING, *MADE, "uniform"):
            raise trace.refused(
                f"uses xp.{name}, which neither the array API standard nor xact has; {instead_of(name)}"
            )
        if trace.cure is None:
            return Anything(trace, name)
        if name in MADE:
            raise trace.refused(f"makes an array of its own shape, xp.{name}; write xp.zeros_like(x), xp.ones_like(x)")
        if name == "uniform":
            raise trace.refused("draws at random; a function declared with .sample does that")
        raise trace.mixed(f"xp.{name}")

    def _special(self, name: str, given: Any, named: Any) -> Any:
        trace = self._trace
        outer, trace.inside = trace.inside, trace.inside or name
        try:
            return GENERIC[name](*given, **named, xp=self)
        finally:
            trace.inside = outer

    def _elementwise(self, name: str, given: Any, named: Any) -> Any:
        trace = self._trace
        if name in LIKE:
            return trace.array(named.get("dtype") or given[0].dtype, given[0]._whole)
        count = 1 if name in (*ONE, *MASKS_OF_ONE) else 2
        if trace.cure is not None and (len(given) != count or named):
            arrays = "one array" if count == 1 else "two arrays"
            raise trace.refused(f"calls xp.{name} with other arguments than {arrays}, which is all it takes")
        self._arrays(name, given)
        return combined(trace, given, name in (*MASKS_OF_ONE, *MASKS_OF_TWO))

    def _arrays(self, name: str, given: Any) -> None:
        if self._trace.cure is not None and not any(isinstance(value, Recorded) for value in given):
            raise self._trace.refused(
                f"calls xp.{name} without an array; a parameter may be a number: write xp.{name}(alpha * "
                f"xp.ones_like(x)) for one, and `math` for constants"
            )

    def _where(self, condition: Any, a: Any, b: Any, /) -> Any:
        mask = isinstance(condition, Recorded) and condition.dtype == "bool"
        if self._trace.cure is not None and not mask:
            raise self._trace.refused(
                "calls xp.where with a condition that is no mask of an array; compare, such as x > 0"
            )
        return self._trace.array(promoted((a, b)), combined(self._trace, (condition, a, b))._whole)

    def _clip(self, x: Any, min: Any = None, max: Any = None) -> Any:
        self._arrays("clip", (x,))
        return combined(self._trace, [value for value in (x, min, max) if value is not None])

    def _astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return x if dtype == x.dtype else self._trace.array(dtype, x._whole)

    def _asarray(self, value: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
        if isinstance(value, Recorded):
            return self._astype(value, dtype or value.dtype)
        if self._trace.cure is not None and not isinstance(value, numbers.Number):
            raise self._trace.refused(
                "makes an array of its own shape, xp.asarray; write numbers, or a vector of coefficients"
            )
        return self._trace.array(dtype or "float32", whole=False)

    def _isdtype(self, dtype: Any, kind: Any) -> bool:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        number = "floating" if "float" in dtype else "integer" if "int" in dtype else dtype
        return any(one in (dtype, "numeric") or number in one for one in kinds)

    def _finfo(self, dtype: Any, /) -> Any:
        return Limits()

    def _iinfo(self, dtype: Any, /) -> Any:
        return Limits()

    def _result_type(self, *given: Any) -> str:
        return promoted(given)

    def _can_cast(self, *given: Any) -> bool:
        return True


class Limits:
    """Those of float32."""

    bits, dtype = 32, "float32"
    eps, smallest_normal = 2.0**-23, 2.0**-126
    max, min = 2.0**128 - 2.0**104, 2.0**104 - 2.0**128


class Anything:
    """A function that mixes elements, or a namespace of such."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace, self._name = trace, name

    def __getattr__(self, name: str) -> "Anything":
        return Anything(self._trace, f"{self._name}.{name}")

    def __call__(self, *given: Any, **named: Any) -> Recorded:
        if self._trace.rows and self._name in OVER_ALL and len(given) == 1 and named.get("axis") is None:
            raise self._trace.refused(
                f"uses xp.{self._name} without an axis, which mixes all elements, and of a large array some rows are "
                f"evaluated after others; write xp.{self._name}(x, axis=axis, ...)"
            )
        return self._trace.array("float32")
