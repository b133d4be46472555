"""How each plugin fared when it was last loaded, kept in the book's `state`, so that it can be told without loading it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from clientbook.hooks.discovery import Found
from clientbook.hooks.states import Plugin, State

MEMORY: Final = "plugins.json"
"""The file, in the book's folder `state`."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """How a plugin fared."""

    distribution: str
    version: str
    state: State
    reason: str = ""
    trace: str = ""

    def is_of(self, found: Found) -> bool:
        """Whether it is this version of this distribution that fared so."""
        return (self.distribution, self.version) == (found.distribution, found.version)


def recall(memory: Path) -> dict[str, Remembered]:
    """What is kept, by name; nothing where nothing readable is there."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Remembered])
    except (OSError, msgspec.MsgspecError):
        return {}


def remember(memory: Path, plugins: Iterable[Plugin], *, fresh: bool = False) -> None:
    """Keep how the plugins fare; what is not installed any more is forgotten.

    `fresh` says that their declarations were not asked for yet: a fault found in those of the same version stays.
    """
    before = recall(memory)
    now = {}
    for plugin in plugins:
        now[plugin.name] = Remembered(
            distribution=plugin.distribution,
            version=plugin.version,
            state=plugin.state,
            reason=plugin.reason,
            trace=plugin.trace,
        )
        known = before.get(plugin.name)
        if fresh and plugin.state == "ok" and known and known.state == "partial" and known.version == plugin.version:
            now[plugin.name] = known
        elif plugin.state == "blocked" and known and plugin.is_passed_over:
            now[plugin.name] = known  # one run without it says nothing about it
    keep(memory, before, now)


def keep(memory: Path, before: Mapping[str, Remembered], now: Mapping[str, Remembered]) -> None:
    """Write what is kept, whole, where it changed and may be written: losing it costs nothing."""
    if before == now:
        return
    temporary = memory.with_name(f".{memory.name}.{os.getpid()}")
    with suppress(OSError):
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(now), indent=1))
            temporary.replace(memory)
        finally:
            temporary.unlink(missing_ok=True)
