"""Where the plugin is found when it is not installed: installing it would change what clientbook's own tests see."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))
