"""What a stored measurement says of itself: when, on what, with which versions."""

import errno
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xact


def provenance(libraries: Iterable[str] = ("numpy",)) -> dict[str, Any]:
    """Date, processor, and the versions of xact, Python and the libraries."""
    versions = {"xact": xact.__version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in libraries}
    return {"date": datetime.now(UTC).date().isoformat(), "processor": _processor(), "versions": versions}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON; whoever reads meanwhile finds the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(_text(_plain(content)) + "\n")
    os.replace(beside, path)


def check_writable(path: Path) -> None:
    """Raise `OSError` now where `write` would after hours of measurements."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.touch()
    beside.unlink()


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _plain(content: Any) -> Any:
    """JSON knows no infinity."""
    if isinstance(content, Mapping):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content


def _text(content: dict[str, Any]) -> str:
    """A line for each key, and for each row of a table: small, and a change shows as the lines that changed."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n ]"
        else:
            text = json.dumps(value)
        parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"
