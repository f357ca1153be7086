"""torch.jit.trace of every Module, with gradients and without, as torch.nn.PReLU traces; the result can be saved."""

import io
import warnings

import cases
import pytest

import xact

torch = pytest.importorskip("torch")

import xact.nn
from xact._signature import REQUIRED
from xact.nn._module import constructor_defaults

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*deprecated:DeprecationWarning", "ignore:Implicit dimension choice:UserWarning"
)
SIMPLE = [case.converted(torch.tensor) for case in cases.simple()]
# Its body at alpha = 0 is a constant in alpha to who differentiates it.
BY_THE_BODY_ALONE = {"soft_exponential"}


@pytest.fixture(autouse=True)
def as_installed():
    """The filter that the backend sets at its import, which pytest has removed."""
    with warnings.catch_warnings():
        torch.jit.TracerWarning.ignore_lib_warnings()
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning, module=r"xact\.")
        yield


@pytest.mark.by_kind
@pytest.mark.parametrize("case", SIMPLE, ids=str)
def test_module(case: cases.Case) -> None:
    activation = case.activation
    defaults = constructor_defaults(activation)
    arguments = {name: case.parameters[name] for name, value in defaults.items() if value is REQUIRED}
    module = getattr(xact.nn, activation.module)(**arguments).double().eval()
    masks = [torch.ones_like(case.arrays[0], dtype=torch.bool) for _ in activation.body.masks]
    for grad in (False, True):
        given = (*(x.clone().requires_grad_(grad) for x in case.arrays), *masks)
        traced = torch.jit.trace(module, given)
        file = io.BytesIO()
        torch.jit.save(traced, file)
        file.seek(0)
        expected = module(*given)
        for one in (traced, torch.jit.load(file)):
            torch.testing.assert_close(one(*given), expected, rtol=1e-13, atol=1e-13)
        if grad and activation.name not in BY_THE_BODY_ALONE:
            results = [
                torch.autograd.grad(one(*given).sum(), [*(x for x in given if x.requires_grad), *one.parameters()])
                for one in (traced, module)
            ]
            torch.testing.assert_close(*results, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["gelu", "swish", "prelu"])
def test_function(name: str) -> None:
    case = next(case for case in SIMPLE if case.activation.name == name)
    x = case.arrays[0].clone().requires_grad_()
    traced = torch.jit.trace(lambda x: case.call(x) * 2, x)
    torch.testing.assert_close(traced(x), 2 * case.call(x))
