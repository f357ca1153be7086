"""Where there is no C++ compiler, the tests that need one are skipped, with the cure, and nothing fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_without_a_compiler(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    test = f"{HERE / 'test_recorded.py'}::test_functions_of_inductor"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--backends", "numpy,torch", test]
    done = subprocess.run(
        command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " skipped" in done.stdout
    assert "passed" not in done.stdout
    assert "install g++" in done.stdout
