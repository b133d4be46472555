"""The read model at an instant, with everything that an expression may name: columns, traits, permissions, segments."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from clientbook.hooks.declarations import Value
from clientbook.hooks.discovery import CORE
from clientbook.hooks.manager import Plugins
from clientbook.projection.fold import names_from
from clientbook.projection.snapshots import Snapshot
from clientbook.query.expressions import Columns
from clientbook.query.views import column_types
from clientbook.settings import Settings


@dataclass(kw_only=True)
class RunContext:
    """What `compute` of a metric, trait, segment or report is given: `hooks.declarations.Context`."""

    snapshot: Snapshot
    at: datetime
    day: date
    currency: str
    timezone: str
    params: Mapping[str, Value] = field(default_factory=dict)
    settings: Any = None
    """The settings of the plugin whose declaration it is."""
    schema: str = "main"
    """Where tables are looked for first; the main one comes second."""
    shared: dict[str, Any] = field(default_factory=dict)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        self.snapshot.prepare(sql)
        with names_from(self.snapshot.engine, self.schema):
            return self.snapshot.engine.table(sql, parameters)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.shared:
            self.shared[name] = make()
        return self.shared[name]


@dataclass(kw_only=True)
class Reading:
    """A snapshot of a book and the instant that its answers are for. Close it, or use it as a context manager."""

    snapshot: Snapshot
    at: datetime
    settings: Settings
    plugins: Plugins

    @property
    def day(self) -> date:
        """The instant's day in the book's time zone."""
        return self.at.astimezone(zoneinfo.ZoneInfo(self.settings.timezone)).date()

    @cached_property
    def columns(self) -> Columns:
        """What an expression may name of a customer."""
        return column_types(self.snapshot.engine)

    def context(self, params: Mapping[str, Value] | None = None, *, schema: str = "main", owner: str = CORE) -> RunContext:
        """What the `compute` of a declaration is given; `owner` is its id."""
        return RunContext(
            snapshot=self.snapshot,
            at=self.at,
            day=self.day,
            currency=self.settings.currency,
            timezone=self.settings.timezone,
            params=params or {},
            settings=self.plugins.settings(owner),
            schema=schema,
        )

    def close(self) -> None:
        self.snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
