"""One call of an activation on each library, from NumPy arrays to NumPy arrays."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import array_api_compat
import ml_dtypes
import numpy as np

import xact

Evaluate = Callable[[Any, Mapping[str, np.ndarray], Mapping[str, Any], str], np.ndarray]


def installed() -> list[str]:
    """The libraries of the contract that can be imported here."""
    return [name for name in LIBRARIES if importlib.util.find_spec(name)]


def evaluate(
    library: str, activation: Any, arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Any], wrt: str = ""
) -> np.ndarray:
    """The value, or with `wrt` the derivative that the library's own differentiation gives, at every element."""
    with _evaluating(activation, library):
        return LIBRARIES[library](activation, arrays, parameters, wrt)


def pull(
    library: str, activation: Any, x: np.ndarray, parameters: Mapping[str, Any], cotangent: np.ndarray
) -> np.ndarray:
    """The cotangent of `x`, for an activation along an axis."""
    with _evaluating(activation, library):
        return PULLS[library](activation, x, parameters, cotangent)


@contextmanager
def _evaluating(activation: Any, library: str) -> Iterator[None]:
    """What a definition raises is no error of the measurement."""
    try:
        yield
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"{getattr(activation, 'name', 'it')} cannot be evaluated on {library}: {what}") from error


def peer(library: str, activation: Any) -> Any:
    """The library's own function of this name, or None: torch.nn.functional's, jax.nn's."""
    homes = {"torch": "torch.nn.functional", "jax": "jax.nn"}
    if library not in homes or not importlib.util.find_spec(library):
        return None
    home = importlib.import_module(homes[library])
    for name in (activation.name, *activation.aliases):
        function = getattr(home, name, None)
        if callable(function):
            return Peer(activation, library, function)
    return None


@dataclass(frozen=True)
class Peer:
    """A library's own function in the place of an activation."""

    activation: Any
    library: str
    function: Any

    def __call__(self, *arrays: Any, **parameters: Any) -> Any:
        if self.library == "jax" and "approximate" in self.activation.defaults:
            parameters = {"approximate": parameters.get("approximate", "none") == "tanh"}
        if self.library == "torch" and "axis" in parameters:
            parameters["dim"] = parameters.pop("axis")
        if len(arrays) == 1:
            return self.function(*arrays, **parameters)
        # Gates of the libraries take one array, halved along an axis.
        packed = array_api_compat.array_namespace(*arrays).stack(arrays, axis=-1)
        return self.function(packed, -1, **parameters)[..., 0]

    @property
    def defaults(self) -> Mapping[str, Any]:
        return self.activation.defaults


def _numpy(activation: Any, arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Any], wrt: str) -> np.ndarray:
    f = xact.derivative(activation, wrt) if wrt else activation
    return np.asarray(f(*arrays.values(), **parameters))


def _jax(activation: Any, arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Any], wrt: str) -> np.ndarray:
    with _float64():
        return _jax_in_float64(activation, arrays, parameters, wrt)


def _float64() -> Any:
    """JAX computes in float32 what it is given in float64, unless it is told otherwise."""
    import jax

    return jax.enable_x64(True)


def _jax_in_float64(
    activation: Any, arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Any], wrt: str
) -> np.ndarray:
    import jax
    import jax.numpy as jnp

    given = {name: jnp.asarray(array) for name, array in arrays.items()}
    if not wrt:
        return np.asarray(activation(*given.values(), **parameters))
    if wrt in given:

        def by_array(*arrays: Any) -> Any:
            y, pullback = jax.vjp(lambda *arrays: activation(*arrays, **parameters), *arrays)
            return pullback(jnp.ones_like(y))[list(given).index(wrt)]

        # One program, as in a training step; without jit the value and what is kept for the pullback are another.
        return np.asarray(jax.jit(by_array)(*given.values()))

    def by_parameter(number: Any, *arrays: Any) -> Any:
        evaluated = lambda number: activation(*arrays, **{**parameters, wrt: number})
        return jax.jvp(evaluated, (number,), (jnp.ones_like(number),))[1]

    first = next(iter(given.values()))
    wide = jnp.float64 if first.dtype == jnp.float64 else jnp.float32
    number = jnp.full(first.shape, _number(activation, parameters, wrt), wide)
    return np.asarray(jax.jit(by_parameter)(number, *given.values()))


def _torch(activation: Any, arrays: Mapping[str, np.ndarray], parameters: Mapping[str, Any], wrt: str) -> np.ndarray:
    import torch

    given = {name: _to_torch(array) for name, array in arrays.items()}
    if not wrt:
        return _from_torch(activation(*given.values(), **parameters))
    if wrt not in given:
        first = next(iter(given.values()))
        wide = torch.float64 if first.dtype == torch.float64 else torch.float32
        parameters = {**parameters, wrt: torch.full(first.shape, _number(activation, parameters, wrt), dtype=wide)}
    leaf = given[wrt] if wrt in given else parameters[wrt]
    leaf.requires_grad_()
    y = activation(*given.values(), **parameters)
    y.backward(torch.ones_like(y))
    # A parameter's gradient has the parameter's dtype; the clause speaks of the array's.
    return _from_torch(leaf.grad.to(y.dtype))


def _number(activation: Any, parameters: Mapping[str, Any], name: str) -> float:
    return float(parameters.get(name, activation.defaults[name]))


def _to_torch(array: np.ndarray) -> Any:
    import torch

    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def _from_torch(tensor: Any) -> np.ndarray:
    import torch

    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _pull_numpy(activation: Any, x: np.ndarray, parameters: Mapping[str, Any], cotangent: np.ndarray) -> np.ndarray:
    return np.asarray(xact.vjp(activation, x, **parameters)[1](cotangent)[0])


def _pull_jax(activation: Any, x: np.ndarray, parameters: Mapping[str, Any], cotangent: np.ndarray) -> np.ndarray:
    import jax
    import jax.numpy as jnp

    def pulled(x: Any, cotangent: Any) -> Any:
        return jax.vjp(lambda array: activation(array, **parameters), x)[1](cotangent)[0]

    with _float64():
        return np.asarray(jax.jit(pulled)(jnp.asarray(x), jnp.asarray(cotangent)))


def _pull_torch(activation: Any, x: np.ndarray, parameters: Mapping[str, Any], cotangent: np.ndarray) -> np.ndarray:
    leaf = _to_torch(x).requires_grad_()
    activation(leaf, **parameters).backward(_to_torch(cotangent))
    return _from_torch(leaf.grad)


LIBRARIES: dict[str, Evaluate] = {"numpy": _numpy, "jax": _jax, "torch": _torch}
PULLS: dict[str, Any] = {"numpy": _pull_numpy, "jax": _pull_jax, "torch": _pull_torch}
