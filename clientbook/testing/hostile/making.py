"""What the broken plugins are made with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from clientbook.api import hookimpl


def plugin(hook: str, *declared: Any) -> ModuleType:
    """A plugin `hostile` with one hook."""
    module: Any = ModuleType("hostile")
    module.NAMESPACE, module.API_VERSION = "hostile", 1
    setattr(module, hook, hookimpl(lambda: declared))
    made: ModuleType = module
    return made


def folder_of(write: Callable[[Path], None]) -> Path:
    """A new temporary folder with what `write` puts there."""
    folder = Path(tempfile.mkdtemp(prefix="clientbook-hostile-"))
    write(folder)
    return folder


def note(day: str, text: str, customer: str = "zoe@example.com") -> dict[str, Any]:
    """A note on a customer."""
    return {
        "type": "note_added",
        "occurred_at": f"{day}T12:00:00Z",
        "source": "shop",
        "customer": {"email": customer},
        "data": {"text": text},
    }


def broken(kind: type, module: ModuleType, id: str, breaks: Iterable[str], **more: Any) -> Any:
    """A test class that runs a kind's checks against a broken plugin."""
    names = frozenset(f"test_{name}" for name in breaks)
    return type(f"Test{'And'.join(sorted(breaks))}", (kind,), {"plugin": module, "id": id, "breaks": names, **more})
