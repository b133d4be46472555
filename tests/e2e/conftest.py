"""A folder of its own for each test of the whole program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from installed_command import Run, run_in


@pytest.fixture
def run_here(tmp_path: Path) -> Run:
    """Run clientbook in a folder of the test's own."""

    def go(*arguments: str | Path, **options: Any) -> Any:
        return run_in(tmp_path, *arguments, **options)

    return go
