"""How each plugin fares, what decides which are loaded, and how a failure is told without a customer's data."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from clientbook.errors import ClientbookError

State = Literal["ok", "disabled", "incompatible", "broken", "blocked", "partial"]


class PluginFailed(ClientbookError):
    """A plugin failed, and CLIENTBOOK_STRICT=1 says that this is an error."""


@dataclass(kw_only=True)
class Plugin:
    """A plugin and how it fares."""

    name: str
    distribution: str
    version: str
    state: State = "ok"
    reason: str = ""
    """Why the state is not ok: one fact a line."""
    trace: str = ""
    """Where a failure happened, without its values."""
    failures: int = 0
    modules: list[Any] = field(default_factory=list)
    settings: Any = None
    """The plugin's Struct, with what `book.toml` says."""

    is_passed_over: bool = False
    """Whether only this run leaves it out."""

    @property
    def is_loaded(self) -> bool:
        return bool(self.modules) and self.state in ("ok", "partial")


@dataclass(frozen=True, kw_only=True)
class Switches:
    """What decides which plugins are loaded, besides `book.toml`."""

    allowed: frozenset[str] | None = None
    """Names that may be loaded; None for all."""
    builtin: bool = True
    strict: bool = False
    """Raise on the first plugin that fails."""

    @classmethod
    def from_environment(cls) -> Self:
        """As CLIENTBOOK_PLUGINS, CLIENTBOOK_NO_BUILTIN and CLIENTBOOK_STRICT say."""
        listed = os.environ.get("CLIENTBOOK_PLUGINS")
        names = None if listed is None else frozenset(name.strip() for name in listed.split(",") if name.strip())
        return cls(
            allowed=names,
            builtin=os.environ.get("CLIENTBOOK_NO_BUILTIN") != "1",
            strict=os.environ.get("CLIENTBOOK_STRICT") == "1",
        )


def trace_of(error: BaseException) -> str:
    """Where an error came from, innermost last: files, lines and functions, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def place_of(error: BaseException) -> str:
    """File and line where an error arose."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def file_of(error: BaseException) -> str:
    """The file in which an error arose."""
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].filename if frames else ""


def with_version(plugin: Plugin) -> str:
    """A plugin's name, and what it comes with."""
    known = f"{plugin.distribution} {plugin.version}".strip()
    return f"{plugin.name} ({known})" if known else plugin.name


def hook_fault(error: Exception) -> str:
    """Pluggy's own words about a hook that it refuses, on one line and without the module's place on the disk."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith("Plugin "))
