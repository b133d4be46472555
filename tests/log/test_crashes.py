"""Writers and a sealer that are killed: what was acknowledged is there once, and what they leave behind harms nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed_command import clean_environment


def crash(folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Run the loop; its counts.

    Raises:
        AssertionError: something was lost, or is there twice or in part.
    """
    command = [sys.executable, str(Path(__file__).with_name("crash_loop.py")), str(folder), str(seconds), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=30 * seconds + 300)
    assert done.returncode == 0, done.stderr[-3000:]
    counts: dict[str, Any] = json.loads(done.stdout)
    wanted = dict.fromkeys(("lost", "moved", "halves", "repeated", "gaps", "orphans_left"), 0)
    wanted |= {"faults": [], "faults_after": [], "generations_left": []}
    assert {name: counts[name] for name in wanted} == wanted, counts
    return counts


def test_writers_and_a_sealer_that_are_killed_lose_nothing_they_were_told_is_kept(tmp_path: Path) -> None:
    counts = crash(tmp_path, 3, seed=7)
    assert min(counts["kills"], counts["acknowledged"]) > 10


@pytest.mark.slow
def test_a_long_crash_loop(
    tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    counts = crash(tmp_path, request.config.getoption("--crash-seconds"), seed=11)
    shown = ("kills", "commits", "acknowledged", "events", "lost", "gaps", "repeated", "orphans", "generations", "seals")
    record_property("counts", ", ".join(f"{name} {counts[name]}" for name in (*shown, "orphan_generations")))
