"""The stubs editors read are those the catalogue gives, and say what a type checker needs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import xact
from xact import _stubs

HOME = Path(xact.__file__).parent


def test_package_stub_is_fresh():
    assert (HOME / "__init__.pyi").read_text() == _stubs.package_stub(), "run nox -s stubs"


@pytest.mark.needs("torch")
def test_module_stub_is_fresh():
    assert (HOME / "nn" / "__init__.pyi").read_text() == _stubs.module_stub(), "run nox -s stubs"


@pytest.mark.slow
@pytest.mark.needs("numpy")
def test_the_type_of_a_result_is_the_type_of_the_array(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\n"
        "import xact\n"
        "x = np.zeros(3, dtype=np.float32)\n"
        "reveal_type(xact.elu(x, alpha=0.5))\n"
        "reveal_type(xact.softmax(x, dim=0))\n"
        "xact.elu(x, beta=2.0)\n"
        "xact.gelu(x, approximate='exact')\n"
    )
    # The stub alone: mypy would check the whole package, which `nox -s types` does.
    package = tmp_path / "xact"
    package.mkdir()
    for name in ("__init__.pyi", "py.typed"):
        shutil.copy(HOME / name, package)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(program)]
    output = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300).stdout
    revealed = [line for line in output.splitlines() if "Revealed type" in line]
    assert len(revealed) == 2 and all("numpy.ndarray" in line and "floating" in line for line in revealed), output
    assert 'Unexpected keyword argument "beta" for "elu"' in output
    assert "expected \"Literal['none', 'tanh']\"" in output
