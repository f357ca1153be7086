"""An array that stands for any: what a definition does with it is noted, and nothing is computed.

It has what arrays of the standard have, and no more, so that no library is needed. Where a definition is elementwise
it refuses what looks at other elements than its own: a large array is evaluated in parts.
"""

import numbers
from collections.abc import Callable
from typing import Any

from xact._catalogue import get
from xact._errors import DefinitionError, nearest
from xact._register import catalogue
from xact._standard import DTYPES, ELEMENTWISE, MADE, MIXING, NUMBERS
from xact.special.namespace import GENERIC

KNOWN = tuple(dict.fromkeys((*ELEMENTWISE, *MIXING, *MADE, *NUMBERS, *DTYPES, *GENERIC)))
# What an array has beside its operators. The shape of a part is not that of the whole.
OWN = ("T", "mT", "ndim", "shape", "size")
SHAPE = (2, 6, 4)


class Trace:
    """One evaluation: whose it is, and how it is refused.

    title: the function and its part, the start of every sentence.
    cure: what is written instead where elements are mixed; None where they may be, of which little is known here.
    rows: whether they may be along an axis alone.
    """

    def __init__(self, title: str, cure: str | None, rows: bool = False) -> None:
        self.title, self.cure, self.rows = title, cure, rows
        # The special function that the definition called, and that calls others.
        self.inside: str | None = None

    def refused(self, what: str) -> Exception:
        return DefinitionError(f"{self.title} {what}")

    def mixed(self, what: str) -> Exception:
        if self.cure is None:
            return NotImplementedError()
        what = f"xp.{self.inside}" if self.inside else what
        return self.refused(
            f"uses {what}, which mixes elements or depends on how many there are, and of a large array parts are "
            f"evaluated one by one; {self.cure}"
        )

    def array(self, dtype: str, whole: bool = True, given: bool = False) -> "Recorded":
        return Recorded(self, dtype, whole, given)


class Recorded:
    """An array of a trace.

    whole: whether it has the shape of the first array, and is not a single number.
    given: whether it is an argument, which no one may overwrite.
    """

    def __init__(self, trace: Trace, dtype: str, whole: bool, given: bool) -> None:
        self._trace, self.dtype, self._whole, self._given = trace, dtype, whole, given
        self.device = "cpu"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._trace.cure is None and name in OWN:
            return {"shape": SHAPE, "ndim": len(SHAPE), "size": 48}.get(name, self)
        if name in (*OWN, *MIXING):
            raise self._trace.mixed(f"the `.{name}` of an array")
        raise self._trace.refused(f"uses `.{name}` of an array, which not every library has; {instead_of(name)}")

    def __getitem__(self, key: Any) -> "Recorded":
        if self._trace.cure is None:
            return self
        raise self._trace.mixed("an array by index")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self._trace.refused("writes into an array, which not every library can; write xp.where(mask, new, old)")

    def __bool__(self) -> bool:
        raise self._trace.refused(
            "decides by the numbers in an array (`if`, `and`, `max`); write xp.where, `&`, xp.maximum"
        )

    def __float__(self) -> float:
        raise self._trace.refused("makes a Python number of an array, as functions of `math` do; write those of xp")

    __int__ = __index__ = __complex__ = __float__

    def __len__(self) -> int:
        if self._trace.cure is None:
            return SHAPE[0]
        raise self._trace.mixed("the length of an array")

    def __iter__(self) -> Any:
        raise self._trace.mixed("an array as a sequence")

    def __matmul__(self, other: Any) -> "Recorded":
        if self._trace.cure is None:
            return self
        raise self._trace.mixed("`@`")

    __rmatmul__ = __matmul__
    __hash__ = object.__hash__

    def to_device(self, device: Any, /, *, stream: Any = None) -> "Recorded":
        return self

    # Functions of libraries

    def _foreign(self, function: Any) -> Exception:
        name = getattr(function, "__name__", "")
        # A ufunc has no module.
        what = f"{getattr(function, '__module__', None) or 'numpy'}.{name}"
        if name in MIXING:
            return self._trace.mixed(what)
        return self._trace.refused(f"calls {what}, which takes arrays of one library; {instead_of(name)}")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **given: Any) -> Any:
        if method == "__call__" and any(isinstance(value, numbers.Number) for value in inputs):
            # An operator, with a scalar of NumPy on the left.
            return combined(self._trace, inputs)
        raise self._foreign(function)

    def __array_function__(self, function: Any, *rest: Any) -> Any:
        raise self._foreign(function)

    def __array__(self, *given: Any, **named: Any) -> Any:
        raise self._trace.refused("converts its array to that of one library; write functions of xp")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Of an activation or its derivative, as of a tracer's proxy."""
        recorded = next(value for value in (*args, *(kwargs or {}).values()) if isinstance(value, Recorded))
        trace, activation, given = recorded._trace, getattr(function, "activation", function), dict(kwargs or {})
        if "of" in given:
            # A derivative, as a tracer notes it.
            activation = get(given.pop("of"))
        pulls = "dy" in given
        for label in ("wrt", "order", "dy"):
            given.pop(label, None)
        if not hasattr(activation, "elementwise"):
            raise recorded._foreign(function)
        activation.bind(args, given)
        if trace.cure is not None and (not activation.elementwise or (activation.layout and len(args) == 1)):
            raise trace.mixed(repr(activation))
        result = combined(trace, [value for value in args if isinstance(value, Recorded)])
        return (result,) * len(args) if pulls else result


def _operator(mask: bool) -> Callable[..., Any]:
    def operate(*operands: Any) -> Any:
        return combined(operands[0]._trace, operands, mask)

    return operate


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
    setattr(Recorded, f"__{_name}__", _operator(False))
    setattr(Recorded, f"__r{_name}__", _operator(False))

    def _inplace(self: Recorded, other: Any) -> Any:
        if self._given:
            raise self._trace.refused("writes into its argument with an operator such as `+=`; write x = x + ...")
        return combined(self._trace, (self, other))

    setattr(Recorded, f"__i{_name}__", _inplace)
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Recorded, f"__{_name}__", _operator(False))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Recorded, f"__{_name}__", _operator(True))


def instead_of(name: str) -> str:
    """What a definition writes for a function that `xp` does not have, or has under its own name."""
    if name in KNOWN:
        return f"write xp.{name}"
    if name in catalogue:
        return f"write {catalogue[name]!r}(x), activations can be called"
    return f"the nearest names are {nearest(name, KNOWN)}"


def combined(trace: Trace, operands: Any, mask: bool = False) -> Any:
    """What an operation makes of arrays and numbers."""
    for value in operands:
        if not isinstance(value, (Recorded, numbers.Number)):
            raise trace.refused(f"computes with {value!r}; write a number or an array")
    whole = any(value._whole for value in operands if isinstance(value, Recorded))
    return trace.array("bool" if mask else promoted(operands), whole)


def promoted(values: Any) -> str:
    """The dtype of a result, for arrays, dtypes and numbers."""
    found = [getattr(value, "dtype", value) for value in values]
    dtypes = [value for value in found if isinstance(value, str)]
    kinds = {bool: "bool", int: "int8" if dtypes else "int64", float: "float32", complex: "complex64"}
    dtypes += [kinds[kind] for kind in kinds if any(type(value) is kind for value in found)]
    return max([*dtypes, "bool"], key=DTYPES.index)
