"""The hooks: what a plugin may implement. `register_*` are pure, take no arguments and return declarations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pluggy

from clientbook.hooks.declarations import (
    AppendedBatch,
    EventType,
    Exporter,
    Finding,
    Identifier,
    Importer,
    ImportPlan,
    Metric,
    Report,
    Segment,
    Trait,
)

PROJECT = "clientbook"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def plugin_settings() -> type[msgspec.Struct]:  # type: ignore[empty-body]
    """The Struct that checks the plugin's table `[plugins.<namespace>]` in `book.toml`; every field has a default."""


@hookspec
def register_event_types() -> Iterable[EventType]:  # type: ignore[empty-body]
    """Types of events that the plugin adds to the catalogue."""


@hookspec
def register_identifiers() -> Iterable[Identifier]:  # type: ignore[empty-body]
    """Kinds of numbers by which customers are recognised."""


@hookspec
def register_importers() -> Iterable[Importer]:  # type: ignore[empty-body]
    """What reads the files of a shop or tool."""


@hookspec
def register_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Figures about the customers."""


@hookspec
def register_traits() -> Iterable[Trait]:  # type: ignore[empty-body]
    """Computed columns of a customer."""


@hookspec
def register_segments() -> Iterable[Segment]:  # type: ignore[empty-body]
    """Rules that say which customers are in."""


@hookspec
def register_reports() -> Iterable[Report]:  # type: ignore[empty-body]
    """Tables of figures."""


@hookspec
def register_exporters() -> Iterable[Exporter]:  # type: ignore[empty-body]
    """What writes a table to a file."""


@hookspec
def check_import(plan: ImportPlan, settings: Any) -> Iterable[Finding]:  # type: ignore[empty-body]
    """Look at an import before it is made, and say what the person should know. It can block nothing.

    `settings` is the plugin's own; an implementation may leave either argument out.
    """


@hookspec
def log_appended(batch: AppendedBatch, settings: Any) -> None:
    """Events were appended and are safe on disk. An error here is reported and undoes nothing.

    `settings` is the plugin's own; an implementation may leave either argument out.
    """


REGISTERING: Final = tuple(name for name in list(globals()) if name.startswith("register_"))
"""The hooks that return declarations."""

NAMES: Final = ("plugin_settings", *REGISTERING, "check_import", "log_appended")
"""All hooks."""
