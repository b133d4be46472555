"""The read model at an instant, with everything that an expression may name: columns, traits, permissions, segments."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, partial
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from clientbook.consent.desk import ConsentDesk
from clientbook.engine.duckdb import Engine, QueryFailed, quoted
from clientbook.errors import ClientbookError
from clientbook.hooks.declarations import Trait, Unit, Value
from clientbook.hooks.discovery import CORE
from clientbook.hooks.manager import Plugins
from clientbook.i18n import _
from clientbook.projection.fold import names_from, sql
from clientbook.projection.snapshots import Snapshot
from clientbook.query.everything import CONSENT_TYPES, everything
from clientbook.query.expressions import Columns, Expression, Rule, check
from clientbook.query.parameters import free_value
from clientbook.query.traits import TYPES, Traits, computed, open_traits
from clientbook.settings import InvalidSettings, Settings

_UNITS: Final[dict[str, Unit]] = {"int": "count", "decimal": "score", "date": "date", "text": "text", "bool": "text"}


class SegmentFailed(ClientbookError):
    """The function that computes a segment failed."""


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
    make_ready: Callable[[str], None]
    """Makes tables that a query names and that are not there at first."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        self.make_ready(sql)
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
    consent: ConsentDesk
    _opened: set[str] = field(default_factory=set)
    _has_consents: bool = False
    _computed: list[str] = field(default_factory=list)
    _pairs: set[tuple[str, str]] = field(default_factory=set)

    @property
    def day(self) -> date:
        """The instant's day in the book's time zone."""
        return self.local_day(self.at)

    @property
    def engine(self) -> Engine:
        return self.snapshot.engine

    def local_day(self, at: datetime) -> date:
        """An instant's day in the book's time zone."""
        return at.astimezone(zoneinfo.ZoneInfo(self.settings.timezone)).date()

    @cached_property
    def traits(self) -> Traits:
        """The computed columns that plugins declare, and the custom fields of the book.

        Raises:
            InvalidSettings: a custom field has the name of another column.
        """
        taken = {row["column_name"] for row in self.engine.rows("describe customers")}
        usable = []
        for trait in self.plugins.traits.values():
            if trait.column in taken:
                said = _("{id}: the column {column} is one of the book's own; the trait is left out")
                self.plugins.tell(said.format(id=trait.id, column=trait.column))
            else:
                usable.append(trait)
        return Traits.of([*usable, *self._fields(taken | {trait.column for trait in usable})])

    def _fields(self, taken: Set[str]) -> Iterable[Trait]:
        """The custom fields as columns."""
        for name, field_ in self.settings.fields.items():
            if name in taken:
                raise InvalidSettings(_("fields.{name}: customers have a column of this name already").format(name=name))
            yield Trait(
                id=f"fields.{name}",
                label=field_.label or name,
                column=name,
                value_type=field_.type,
                unit=_UNITS[field_.type],
                sql=f"try_cast(attributes[{quoted(name)}] as {TYPES[field_.type]})",
            )

    @cached_property
    def columns(self) -> Columns:
        """What an expression may name."""
        return everything(
            self.engine, self.traits, at=self.at, segments=self.rules, pairs=self.consent.pairs(self.snapshot, self.at)
        )

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The segments by id, as `in_segment` names them; those of the program also without their namespace."""
        rules: dict[str, Rule] = {}
        for id, segment in self.plugins.segments.items():
            defaults = {param.name: param.default for param in segment.params}
            rule = Rule(text=segment.sql, params=defaults)
            rules |= {id: rule, id.removeprefix("core."): rule}
        for row in self.engine.rows("select segment_id, rule, parameters from segments_defined order by segment_id"):
            rules[row["segment_id"]] = Rule(text=row["rule"], params=_read_back(row["parameters"]))
        return rules

    def expression(self, text: str, params: Mapping[str, Value] | None = None) -> Expression:
        """Check a filter or rule, and make ready what it reads.

        Raises:
            InvalidExpression: it cannot run.
        """
        expression = check(text, self.columns, params or {})
        self.open(expression)
        return expression

    def open(self, *expressions: Expression, columns: Iterable[str] = ()) -> None:
        """Make ready what expressions read, and trait columns that are to be shown."""
        named = {*columns, *(name for one in expressions for name in one.columns)} & set(self.traits.by_column)
        if named - self._opened:
            self._opened |= named
            self.open_traits(self._opened)
        pairs = {pair for one in expressions for pair in one.pairs}
        tables = {table for one in expressions for table in one.tables} & set(CONSENT_TYPES)
        if pairs - self._pairs or (tables and not self._has_consents):
            self._pairs |= pairs
            self._has_consents = True
            self.consent.open_tables(self.snapshot, self.at, pairs=self._pairs)
        self._open_computed({segment for one in expressions for segment in one.segments})

    def customers(self, columns: Iterable[str]) -> str:
        """The table to read these columns of customers from: without computed ones it need not join them."""
        return "plain_customers" if self._opened and not set(columns) & set(self.traits.by_column) else "customers"

    def _open_computed(self, named: Iterable[str]) -> None:
        """Write the members of segments that a function computes into `segment_members`."""
        for id, segment in self.plugins.segments.items():
            if segment.compute is None or id not in named or id in self._computed:
                continue
            found, fault = self.plugins.call(id, segment.compute, self.context(owner=id))
            if fault is not None:
                raise SegmentFailed(fault)
            self._computed.append(id)
            self.engine.register(f"computed_segment_{len(self._computed)}", found.select(["customer_id"]))
        if self._computed:
            listed = "".join(
                f" union all by name select {quoted(id)} as segment_id, customer_id from computed_segment_{number}"
                for number, id in enumerate(self._computed, 1)
            )
            self.engine.execute(f"create or replace view segment_members as {sql('segment_members')}{listed}")

    def open_traits(self, columns: Iterable[str], *, at: datetime | None = None, schema: str = "main") -> None:
        """Join trait columns to a schema's customers, at this instant or an earlier one; one that fails is NULL."""
        instant, wanted = at or self.at, tuple(columns)
        for name in self.traits.with_needed(wanted):
            if relation := self.traits.by_column[name].relation:
                self._make_ready(relation.sql, schema=schema, at=instant)
        shared: dict[str, Any] = {}

        def opened(traits: Traits, columns: Iterable[str]) -> None:
            open_traits(self.engine, traits, columns, at=instant, day=self.local_day(instant), compute=given, schema=schema)

        def given(trait: Trait) -> pa.Table | None:
            context = replace(self.context(schema=schema, at=at, owner=trait.id), shared=shared)
            table, fault = self.plugins.call(trait.id, computed, trait, context)
            if fault is not None:
                self.plugins.tell(fault)
            return table

        try:
            opened(self.traits, wanted)
        except QueryFailed:
            traits = self.traits
            for column in traits.with_needed(wanted):
                _none, fault = self.plugins.call(traits.by_column[column].id, opened, traits, [column])
                if fault is not None:
                    self.plugins.tell(fault)
                    traits = traits.without(column)
            opened(traits, wanted)

    def context(
        self,
        params: Mapping[str, Value] | None = None,
        *,
        schema: str = "main",
        at: datetime | None = None,
        owner: str = CORE,
    ) -> RunContext:
        """What the `compute` of a declaration is given, for this instant or an earlier one; `owner` is its id."""
        return RunContext(
            snapshot=self.snapshot,
            at=at or self.at,
            day=self.local_day(at or self.at),
            currency=self.settings.currency,
            timezone=self.settings.timezone,
            params=params or {},
            settings=self.plugins.settings(owner),
            schema=schema,
            make_ready=partial(self._make_ready, schema=schema, at=at or self.at),
        )

    def _make_ready(self, sql: str, *, schema: str, at: datetime) -> None:
        """Open what a query names and is not there at first: events, and `consents` and `permissions` of all pairs."""
        self.snapshot.prepare(sql)
        if schema != "main" and re.search(r"\bevents\b", sql, re.IGNORECASE):
            until = f"select * from main.events where occurred_at <= timestamptz {quoted(at.isoformat())}"
            self.engine.execute(f"create or replace view {schema}.events as {until}")
        if not re.search(r"\b(consents|permissions)\b", sql, re.IGNORECASE):
            return
        pairs = self.consent.pairs(self.snapshot, self.at)
        if pairs - self._pairs:
            self._pairs |= pairs
            self.consent.open_tables(self.snapshot, self.at, pairs=self._pairs)

    def close(self) -> None:
        self.snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _read_back(parameters: Any) -> dict[str, Value]:
    """The values that were stored with a rule."""
    return {name: free_value(text) for name, text in dict(parameters or {}).items()}
