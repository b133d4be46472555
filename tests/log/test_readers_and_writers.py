"""Others read the files while they are written and sealed: every read sees a whole log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from installed_command import clean_environment

from clientbook.log.parquet import ParquetLog
from clientbook.testing.rows import log_rows, tag


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


def test_a_commit_that_a_long_listing_skips_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`readdir` of hundreds of files shows some that came after others that it does not show."""
    log = ParquetLog.create(tmp_path / "log")
    for number in range(4):
        log.append(log_rows([tag(str(number))]))
    files = log.files()
    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter([files[3], files[1], files[0]]))
    assert log.files() == files
    assert log.pin().head.position == 4
