"""What a stored measurement says of itself: when, on what, with which versions."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xact


def provenance(libraries: tuple[str, ...] = ("numpy",)) -> dict[str, Any]:
    """Date, processor, and the versions of xact, Python and the libraries."""
    versions = {"xact": xact.__version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in libraries}
    return {"date": datetime.now(UTC).date().isoformat(), "processor": _processor(), "versions": versions}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON; whoever reads meanwhile finds the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(beside, path)


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
