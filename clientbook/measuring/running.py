"""Figures of a book at an instant: those that SQL can tell in one scan of their table, the others one by one.

A figure that fails is told as failed, with its plugin's name, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clientbook.engine.duckdb import QueryCancelled, identifier, quoted
from clientbook.hooks.declarations import Estimate, Metric, Value
from clientbook.i18n import _
from clientbook.measuring import params as parameters
from clientbook.measuring.figures import FAILED, Figure, weighed
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
    """Why a figure could not be computed, by id; no value of the book is in it."""

    @classmethod
    def of(cls, reading: Reading) -> Run:
        """Of the whole book."""
        return cls(reading=reading, context=reading.context())

    def figures(self, metrics: Sequence[Metric], given: Mapping[str, Value] | None = None) -> list[Figure]:
        """The figures of the metrics, in their order, each with all its parts."""
        told: dict[str, list[Estimate]] = {}
        simple = [one for one in metrics if one.compute is None]
        for table in sorted({one.table for one in simple}):
            told |= self._together([one for one in simple if one.table == table], given or {})
        for metric in metrics:
            if metric.compute is not None:
                told[metric.id] = self._computed(metric, given or {})
        return [
            self._figure(metric, estimate, parameters.of(metric, given or {})) for metric in metrics for estimate in told[metric.id]
        ]

    def _computed(self, metric: Metric, given: Mapping[str, Value]) -> list[Estimate]:
        assert metric.compute is not None
        context = replace(self.context, params=parameters.of(metric, given))
        try:
            found = metric.compute(context)
            estimates = [found] if isinstance(found, Estimate) else list(found)
            return [weighed(metric, one) for one in estimates]
        except QueryCancelled:
            raise
        except Exception as error:  # a plugin may raise anything, and must not take the others down
            return self._failed(metric, error)

    def _failed(self, metric: Metric, error: Exception) -> list[Estimate]:
        self.failures[metric.id] = type(error).__name__
        return [Estimate(value=None, n=0, note=FAILED)]

    def _together(self, metrics: Sequence[Metric], given: Mapping[str, Value]) -> dict[str, list[Estimate]]:
        """Metrics of one table in one SELECT; where that fails, each alone, so that only the one at fault has no figure."""
        try:
            return self._scanned(metrics, given)
        except QueryCancelled:
            raise
        except Exception as error:
            if len(metrics) == 1:
                return {metrics[0].id: self._failed(metrics[0], error)}
        return {metric.id: self._together([metric], given)[metric.id] for metric in metrics}

    def _scanned(self, metrics: Sequence[Metric], given: Mapping[str, Value]) -> dict[str, list[Estimate]]:
        columns, bound = [], {}
        for number, metric in enumerate(metrics):
            condition = f"({metric.where})" if metric.where else "true"
            for name, value in parameters.of(metric, given).items():
                bound[f"p{number}_{name}"] = value
            if metric.sql is not None:
                columns += [f"{metric.sql} filter (where {condition}) as v{number}" if metric.where else f"{metric.sql} as v{number}"]
                columns += [f"count(*) filter (where {condition}) as n{number}"]
            else:
                above, below = f"({metric.numerator})", f"({metric.denominator})"
                counted = f"{condition} and cast({below} as double) <> 0"
                columns += [
                    f"sum(cast({above} as double)) filter (where {counted}) as v{number}",
                    f"sum(cast({below} as double)) filter (where {counted}) as d{number}",
                    f"count(distinct {_OWNERS[metric.table]}) filter (where {counted}) as n{number}"
                    if metric.table != "customers"
                    else f"count(*) filter (where {counted}) as n{number}",
                    f"any_value(typeof({above})) || ' ' || any_value(typeof({below})) as t{number}",
                ]
            columns = [_with_numbers(column, number, metric) for column in columns[:0]] + columns
        table = metrics[0].table
        query = f"select {', '.join(columns)} from {table} cross join {self._facts()} as book"
        row = self._ask(query, metrics, given)
        return {metric.id: [weighed(metric, self._estimate(metric, number, row, given))] for number, metric in enumerate(metrics)}

    def _facts(self) -> str:
        """One row with what SQL may ask of the book and the instant."""
        context = self.context
        return (
            f"(select timestamptz {quoted(context.at.isoformat())} as at, date {quoted(context.day.isoformat())} as day,"
            f" {quoted(context.currency)} as currency, {quoted(context.timezone)} as timezone)"
        )
