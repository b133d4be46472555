"""Between any two changes to files the disk fails or the process dies: the book is as before or as after, and goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from installed_command import clean_environment

SCENARIOS = ("append", "import", "seal", "erase", "finish_erasure", "first_backup", "next_backup", "restore", "init")
SAMPLED = (("append", "kill", 6), ("seal", "error", 20), ("erase", "kill", 30))
"""What is tried without `-m slow`: every so many fault points."""


def try_faults(folder: Path, scenario: str, how: str, step: int) -> str:
    """Try fault points; what was counted.

    Raises:
        AssertionError: after one of them the book was not as it should be.
    """
    script = Path(__file__).with_name("fault_scenarios.py")
    command = [sys.executable, str(script), scenario, how, str(step), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    first, *tried = map(json.loads, done.stdout.splitlines())
    assert len(tried) >= first["calls"] // step >= 1
    problems = [f"call {one['at']} ({one['call']}): {one['problem']}" for one in tried if one["problem"]]
    assert not problems, "\n".join([f"{len(problems)} of {len(tried)} fault points", *problems[:5]])
    ended = Counter(one["ended"] or "killed" for one in tried)
    return f"{first['calls']} changes to files, {len(tried)} fault points tried: {dict(ended)}"


@pytest.mark.parametrize(("scenario", "how", "step"), SAMPLED)
def test_some_fault_points(tmp_path: Path, scenario: str, how: str, step: int) -> None:
    try_faults(tmp_path, scenario, how, step)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "error"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_fault_point(
    tmp_path: Path, scenario: str, how: str, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    record_property("counts", try_faults(tmp_path, scenario, how, request.config.getoption("--fault-step")))
