"""The plan of an import: the file's table, the mapping it will be read with, and typed rows to look at before saying yes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clientbook.engine.duckdb import Engine
from clientbook.i18n import _
from clientbook.importing.contacts import draft_contacts
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, Reject
from clientbook.importing.mapping import Mapping, check
from clientbook.importing.orders import draft_orders
from clientbook.importing.propose import Proposal, propose
from clientbook.importing.rejects import REASONS, is_rejects_file
from clientbook.importing.table import TextTable, read_table
from clientbook.importing.typed import register_cells, typed_sql

SAMPLE_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class FilePlan:
    """How a table would be read."""

    table: TextTable
    mapping: Mapping
    proposal: Proposal | None
    """None where the mapping was given."""
    sample: tuple[dict[str, Any], ...]
    """The first rows, typed, by target."""

    @property
    def is_sure(self) -> bool:
        return self.proposal is None or self.proposal.is_sure


def plan_file(
    engine: Engine, file: GivenFile, *, mapping: Mapping | None, source: str, currency: str, timezone: str
) -> FilePlan:
    """Read the file and propose a mapping unless one is given.

    Raises:
        UnreadableFile: it holds no table.
        MappingError: the mapping given does not fit it.
    """
    # A rejects file has the columns of the file it comes from, but a layout of its own.
    dialect = mapping.dialect() if mapping and not is_rejects_file(file) else None
    table = without_reasons(read_table(file, dialect=dialect))
    register_cells(engine, table)
    proposal = None
    if mapping is None:
        proposal = propose(engine, table, source=source, currency=currency, timezone=timezone)
        mapping = proposal.mapping
    return FilePlan(table=table, mapping=mapping, proposal=proposal, sample=_sample(engine, table, mapping))


def draft_file(engine: Engine, plan: FilePlan, *, imported_at: datetime) -> Draft:
    """Turn the planned file into draft events.

    Raises:
        MappingError: the mapping lacks something that such a file needs.
    """
    check(plan.mapping, _("mapping"))
    register_cells(engine, plan.table)
    if plan.mapping.kind == "orders":
        draft = draft_orders(engine, plan.table, plan.mapping)
    else:
        draft = draft_contacts(engine, plan.table, plan.mapping, imported_at=imported_at)
    delimiter = plan.table.dialect.delimiter
    broken = tuple(
        Reject(line=row.line, code=row.code, message=row.message, value=delimiter.join(row.cells))
        for row in plan.table.broken
    )
    return replace(draft, rejects=tuple(sorted(broken + draft.rejects, key=lambda reject: reject.line)))


def _sample(engine: Engine, table: TextTable, mapping: Mapping) -> tuple[dict[str, Any], ...]:
    names = [chosen.to.replace(".", "_") for chosen in mapping.columns.values()]
    if not names:
        return ()
    first = f"({typed_sql(table, mapping)} where row < {SAMPLE_ROWS})"
    return tuple(engine.rows(f"select line, {', '.join(names)} from {first} order by row"))


def without_reasons(table: TextTable) -> TextTable:
    """The table without the columns that a rejects file adds."""
    places = [place for place, name in enumerate(table.header) if name not in REASONS]
    if len(places) == len(table.header):
        return table
    columns = table.columns.select(places).rename_columns([f"c{place}" for place in range(len(places))])
    return replace(table, header=tuple(table.header[place] for place in places), columns=columns)
