"""The installed command, run as people and programs run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import clientbook

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def installed() -> str:
    beside = Path(sys.executable).with_name("clientbook")
    found = str(beside) if beside.exists() else shutil.which("clientbook")
    return found or pytest.skip("clientbook is not installed")


def clean_environment() -> dict[str, str]:
    """The environment without what concerns clientbook, for a script that imports the package under test."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTBOOK")}
    return clean | {"PYTHONPATH": str(Path(clientbook.__file__).parents[1]), "CLIENTBOOK_LANG": "en"}


def run_in(folder: Path, *arguments: str | Path, input: str | bytes | None = None, code: int = 0, **env: str) -> Any:
    """Run clientbook in a folder; its exit code is asserted."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTBOOK")}
    is_bytes = isinstance(input, bytes)
    done = subprocess.run(
        [installed(), *map(str, arguments)],
        cwd=folder,
        input=input,
        capture_output=True,
        text=not is_bytes,
        timeout=120,
        env=clean | {"CLIENTBOOK_LANG": "en", "TERM": "dumb"} | env,
    )
    assert done.returncode == code, (arguments, done.stdout[-2000:], done.stderr[-2000:])
    return done
