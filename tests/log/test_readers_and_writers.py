"""Others read the files while they are written and sealed: every read sees a whole log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from installed_command import clean_environment


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_duckdb_beside_two_writers_and_a_sealer_never_counts_wrong(
    tmp_path: Path, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, str(Path(__file__).with_name("reading_beside.py")), str(tmp_path), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert (counts["wrong"], counts["errors"]) == ([], [])
    assert counts["reads"] >= 20
    assert counts["generations"] >= 5
    record_property("counts", ", ".join(f"{name} {counts[name]}" for name in ("reads", "events", "generations")))
