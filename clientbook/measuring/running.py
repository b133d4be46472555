"""Figures of a book at an instant: those that SQL can tell in one scan of their table, the others one by one.

A figure that fails is told as failed, with its plugin's name, and the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from clientbook.engine.duckdb import QueryCancelled, QueryFailed, quoted
from clientbook.hooks.checks import columns_named
from clientbook.hooks.declarations import Estimate, Metric, Value
from clientbook.i18n import _
from clientbook.measuring import params as parameters
from clientbook.measuring.figures import FAILED, Figure, weighed
from clientbook.query.labels import column_label
from clientbook.reading import Reading, RunContext
from clientbook.statistics.wilson import wilson

_OWNERS: Final = {
    "customers": "customer_id",
    "orders": "coalesce(customer_id, source || ' ' || order_id)",
    "order_lines": "coalesce(customer_id, source || ' ' || order_id)",
    "interactions": "customer_id",
}
"""Whose a row is, for resampling; each order of a guest is of somebody else."""


@dataclass(kw_only=True)
class Run:
    """Figures asked of one reading of the book, or of a schema that stands in for its tables."""

    reading: Reading
    context: RunContext
    by: str | None = None
    failures: dict[str, str] = field(default_factory=dict)
    """Why a figure could not be computed, by id, with the plugin's name; no value of the book is in it."""

    @classmethod
    def of(cls, reading: Reading) -> Run:
        """Of the whole book."""
        return cls(reading=reading, context=reading.context())

    @classmethod
    def then(cls, reading: Reading, metrics: Sequence[Metric], *, schema: str, at: datetime) -> Run:
        """Of a schema with the tables as they were at an earlier instant; traits that the metrics name are made in it."""
        if named := traits_named(reading, metrics):
            reading.open_traits(named, at=at, schema=schema)
        return cls(reading=reading, context=reading.context(schema=schema, at=at))

    def figures(self, metrics: Sequence[Metric], given: Mapping[str, Value] | None = None) -> list[Figure]:
        """The figures of the metrics, in their order, each with all its parts."""
        if self.context.schema == "main":
            self.reading.open(columns=traits_named(self.reading, metrics))
        told: dict[str, list[Estimate]] = {}
        simple = [one for one in metrics if one.compute is None]
        for table in sorted({one.table for one in simple}):
            told |= self._together([one for one in simple if one.table == table], given or {})
        for metric in metrics:
            if metric.compute is not None:
                told[metric.id] = self._computed(metric, given or {})
        return [
            self._figure(metric, estimate, parameters.of(metric, given or {}))
            for metric in metrics
            for estimate in told[metric.id]
        ]

    def _computed(self, metric: Metric, given: Mapping[str, Value]) -> list[Estimate]:
        assert metric.compute is not None
        context = replace(
            self.context, params=parameters.of(metric, given), settings=self.reading.plugins.settings(metric.id)
        )
        found = self._guarded(metric, lambda: _estimates(metric, context))
        return [Estimate(value=None, n=0, note=FAILED)] if found is None else found

    def _guarded(self, metric: Metric, work: Callable[[], list[Estimate]]) -> list[Estimate] | None:
        """What a plugin's declaration gives; None where it fails. A query that somebody stopped is no failure."""
        stopped: list[QueryCancelled] = []

        def tried() -> list[Estimate]:
            try:
                return work()
            except QueryCancelled as cancelled:
                stopped.append(cancelled)
                return []

        found, failure = self.reading.plugins.call(metric.id, tried)
        if stopped:
            raise stopped[0]
        if failure is not None:
            self.failures[metric.id] = failure
        return None if failure is not None else found

    def _together(self, metrics: Sequence[Metric], given: Mapping[str, Value]) -> dict[str, list[Estimate]]:
        """Metrics of one table in one SELECT; where that fails, each alone, so that only the one at fault has no figure."""
        if len(metrics) == 1:
            metric = metrics[0]
            found = self._guarded(metric, lambda: self._scanned(metrics, given)[metric.id])
            return {metric.id: [Estimate(value=None, n=0, note=FAILED)] if found is None else found}
        try:
            return self._scanned(metrics, given)
        except QueryFailed:
            return {metric.id: self._together([metric], given)[metric.id] for metric in metrics}

    def _scanned(self, metrics: Sequence[Metric], given: Mapping[str, Value]) -> dict[str, list[Estimate]]:
        bound: dict[str, Value] = {}
        columns = [column for number, metric in enumerate(metrics) for column in _columns(number, metric, given, bound)]
        table = metrics[0].table
        rows = self.context.query(f"select {', '.join(columns)} from {table} cross join {self._facts()} as book", bound)
        row = rows.to_pylist()[0]
        return {
            metric.id: [weighed(metric, self._estimate(number, metric, row, given))] for number, metric in enumerate(metrics)
        }

    def _estimate(self, number: int, metric: Metric, row: Mapping[str, Any], given: Mapping[str, Value]) -> Estimate:
        n = row[f"n{number}"]
        if metric.sql is not None:
            value = row[f"v{number}"]
            is_whole = metric.value_type == "int" and value is not None  # DuckDB's sums of whole numbers come as decimals
            return Estimate(value=int(value) if is_whole else value, n=n, method="none")
        below = row[f"d{number}"]
        if not n or not below:
            return Estimate(value=None, n=n)
        if row[f"t{number}"] == "BOOLEAN BOOLEAN" and metric.table == "customers":
            low, high = wilson(row[f"v{number}"], n)
            return Estimate(value=row[f"v{number}"] / n, n=n, low=low, high=high, method="wilson")
        low_, high_ = self._resampled(metric, given) or (None, None)
        return Estimate(value=row[f"v{number}"] / below, n=n, low=low_, high=high_, method="bootstrap")

    def _resampled(self, metric: Metric, given: Mapping[str, Value]) -> tuple[float, float] | None:
        """The interval of a ratio of sums, by resampling whoever the rows belong to."""
        from clientbook.builtin.figures.shared import column, ratio_interval, sample_of

        bound: dict[str, Value] = {}
        above, below, condition = _of_row(0, metric, given, bound)
        rows = self.context.query(
            f"select hash({_OWNERS[metric.table]}) as owner, sum({above}) as above, sum({below}) as below"
            f" from {metric.table} cross join {self._facts()} as book where {condition} group by 1",
            bound,
        )
        sample = sample_of(rows["owner"].to_numpy())
        return ratio_interval(sample, column(rows, "above"), column(rows, "below"))

    def _facts(self) -> str:
        """One row with what SQL may ask of the book and the instant."""
        context = self.context
        return (
            f"(select timestamptz {quoted(context.at.isoformat())} as at, date {quoted(context.day.isoformat())} as day,"
            f" {quoted(context.currency)} as currency, {quoted(context.timezone)} as timezone)"
        )

    def _figure(self, metric: Metric, estimate: Estimate, params: Mapping[str, Value]) -> Figure:
        part = estimate.part
        return Figure(
            id=metric.id,
            label=parameters.label_of(metric, params),
            group=metric.group,
            part=part,
            part_label=part_label(metric, part),
            value=estimate.value,
            unit=metric.unit,
            low=None if estimate.low is None else float(estimate.low),
            high=None if estimate.high is None else float(estimate.high),
            method=estimate.method,
            n=estimate.n,
            note=estimate.note,
            as_of=self.context.at,
            by=self.by,
            plugin=metric.id.partition(".")[0],
            format=metric.format,
            layout=metric.layout,
            drill=parameters.drill_of(metric, params, self.context.day, part),
        )


def traits_named(reading: Reading, metrics: Sequence[Metric]) -> set[str]:
    """The trait columns that the SQL of metrics names."""
    written = [sql for one in metrics for sql in (one.sql, one.numerator, one.denominator, one.where) if sql]
    return {name for sql in written for name in columns_named(sql)} & set(reading.traits.by_column)


def _estimates(metric: Metric, context: RunContext) -> list[Estimate]:
    assert metric.compute is not None
    found = metric.compute(context)
    return [weighed(metric, one) for one in ([found] if isinstance(found, Estimate) else found)]


def part_label(metric: Metric, part: str | None) -> str:
    """A part as people call it: as the metric says, or as the column is called, else as it is."""
    if part is None:
        return ""
    if metric.layout == "columns":
        return column_label(part.removeprefix("attributes."))
    return _(metric.parts[part]) if part in metric.parts else part


def _columns(number: int, metric: Metric, given: Mapping[str, Value], bound: dict[str, Value]) -> Iterable[str]:
    """What to select for one metric of many: value, count, and for ratios the denominator and the types."""
    if metric.sql is not None:
        condition = f" filter (where {_own(number, metric, metric.where, given, bound)})" if metric.where else ""
        return (
            f"{_own(number, metric, metric.sql, given, bound)}{condition} as v{number}",
            f"count(*){condition} as n{number}",
        )
    above, below, condition = _of_row(number, metric, given, bound)
    counted = "count(*)" if metric.table == "customers" else f"count(distinct {_OWNERS[metric.table]})"
    return (
        f"sum({above}) filter (where {condition}) as v{number}",
        f"sum({below}) filter (where {condition}) as d{number}",
        f"{counted} filter (where {condition}) as n{number}",
        f"any_value(typeof({_own(number, metric, metric.numerator, given, bound)})) || ' ' ||"
        f" any_value(typeof({_own(number, metric, metric.denominator, given, bound)})) as t{number}",
    )


def _of_row(number: int, metric: Metric, given: Mapping[str, Value], bound: dict[str, Value]) -> tuple[str, str, str]:
    """Numerator and denominator of a row as numbers, and which rows count: those with a denominator."""
    above, below, where = (
        _own(number, metric, sql, given, bound) for sql in (metric.numerator, metric.denominator, metric.where or "true")
    )
    number_of = "coalesce(cast(({}) as double), 0)"
    return number_of.format(above), number_of.format(below), f"({where}) and {number_of.format(below)} <> 0"


def _own(number: int, metric: Metric, sql: str | None, given: Mapping[str, Value], bound: dict[str, Value]) -> str:
    """The SQL with its parameters called apart from those of other metrics, and these bound."""
    found = sql or ""
    for name, value in parameters.of(metric, given).items():
        found, times = re.subn(rf"\${name}\b", f"$p{number}_{name}", found)
        if times:
            bound[f"p{number}_{name}"] = value
    return found
