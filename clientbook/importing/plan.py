"""The plan of an import: the file's table, the mapping it will be read with, and typed rows to look at before saying yes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine
from clientbook.i18n import _
from clientbook.importing.contacts import draft_contacts
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, Reject
from clientbook.importing.mapping import CORE, Layout, Mapping, check, column_keys
from clientbook.importing.orders import draft_orders
from clientbook.importing.postcodes import with_zeros
from clientbook.importing.propose import Fields, Proposal, propose
from clientbook.importing.rejects import REASONS, is_rejects_file
from clientbook.importing.table import TextTable, read_table
from clientbook.importing.targets import ATTRIBUTES, Catalogue, field_of
from clientbook.importing.typed import register_cells, typed_sql

SAMPLE_ROWS = 5
NO_FIELDS: Final[Fields] = {}


@dataclass(frozen=True, kw_only=True)
class FilePlan:
    """How a table would be read."""

    table: TextTable
    mapping: Mapping
    proposal: Proposal | None
    """None where the mapping was given."""
    sample: tuple[dict[str, Any], ...]
    """The first rows, typed, by target."""
    importer: str = ""
    """Id of the plugin's importer whose reading it is; empty where the program reads the file by itself."""
    is_remembered: bool = False
    """Whether the mapping was kept from an earlier file with these columns."""
    shaped: TextTable | None = None
    """The table as the importer shaped it, where that is another than the file's."""

    @property
    def is_sure(self) -> bool:
        return self.proposal is None or self.proposal.is_sure


def plan_file(
    engine: Engine,
    file: GivenFile,
    *,
    mapping: Mapping | None,
    source: str,
    currency: str,
    timezone: str,
    catalogue: Catalogue = CORE,
    fields: Fields = NO_FIELDS,
    remembered: Callable[[tuple[str, ...]], Mapping | None] = lambda _header: None,
) -> FilePlan:
    """Read the file and propose a mapping unless one is given.

    Raises:
        UnreadableFile: it holds no table.
        MappingError: the mapping given does not fit it.

    `fields` are the custom fields that a header may name.
    """
    # A rejects file has the columns of the file it comes from, but a layout of its own.
    dialect = mapping.dialect() if mapping and not is_rejects_file(file) else None
    table = without_reasons(read_table(file, dialect=dialect))
    register_cells(engine, table)
    proposal = None
    kept = remembered(table.header) if mapping is None else None
    if kept is not None and set(kept.columns) <= set(column_keys(table.header)):
        layout = Layout(
            encoding=table.dialect.encoding,
            delimiter=table.dialect.delimiter,
            header_line=table.dialect.header_line,
            sheet=table.dialect.sheet,
        )
        mapping = msgspec.structs.replace(kept, layout=layout)
    if mapping is None:
        proposal = propose(engine, table, source=source, currency=currency, timezone=timezone, name=file.name, fields=fields)
        mapping = proposal.mapping
    return FilePlan(
        table=table,
        mapping=mapping,
        proposal=proposal,
        is_remembered=kept is not None,
        sample=sample(engine, table, mapping, catalogue),
    )


def draft_file(engine: Engine, plan: FilePlan, *, imported_at: datetime, catalogue: Catalogue = CORE) -> Draft:
    """Turn the planned file into draft events. The engine holds the book's tables.

    Raises:
        MappingError: the mapping lacks something that such a file needs.
    """
    check(plan.mapping, _("mapping"), catalogue)
    table = plan.shaped or plan.table
    register_cells(engine, table)
    draft_kind = draft_orders if plan.mapping.kind == "orders" else draft_contacts
    draft = draft_kind(engine, table, plan.mapping, catalogue, imported_at=imported_at)
    draft = with_zeros(draft, timezone=plan.mapping.timezone)
    if plan.shaped:
        draft = by_line(draft, plan.table)
    delimiter = plan.table.dialect.delimiter
    broken = tuple(
        Reject(line=row.line, code=row.code, message=row.message, value=delimiter.join(row.cells))
        for row in plan.table.broken
    )
    return replace(draft, rejects=tuple(sorted(broken + draft.rejects, key=lambda reject: reject.line)))


def by_line(draft: Draft, table: TextTable) -> Draft:
    """The draft of a table that was reshaped, each line of the file counted once; lines that were left out are skipped."""
    rejected = {reject.line: reject for reject in reversed(draft.rejects)}
    spoilt = pc.is_in(draft.row_lines, value_set=pa.array(list(rejected), pa.int64()))
    units = pc.unique(draft.row_units.filter(spoilt))
    gone = pc.is_in(draft.row_units, value_set=units)
    for line in draft.row_lines.filter(gone).to_pylist():
        message = _("another row of this event was set aside")
        rejected.setdefault(line, Reject(line=line, code="event.incomplete", message=message))
    rows = pa.table({"line": draft.row_lines, "unit": draft.row_units, "amount": draft.row_amounts or _no_amounts(draft)})
    sums = rows.filter(pc.invert(gone)).group_by("line", use_threads=False).aggregate([("unit", "min"), ("amount", "sum")])
    lost = pc.sum(rows["amount"].filter(gone), min_count=0).as_py()
    rejects = tuple(sorted(rejected.values(), key=lambda reject: reject.line))
    spoken_of = len(sums) + len(rejects)
    return replace(
        draft,
        events=draft.events.filter(pc.invert(pc.fill_null(pc.is_in(draft.events["unit"], value_set=units), False))),
        row_units=sums["unit_min"].combine_chunks(),
        row_lines=sums["line"].combine_chunks(),
        row_amounts=sums["amount_sum"].combine_chunks() if draft.row_amounts is not None else None,
        rejected_amount=(draft.rejected_amount or Decimal(0)) + Decimal(lost or 0)
        if draft.row_amounts is not None
        else None,
        rejects=rejects,
        rows_read=table.rows_read,
        rows_skipped=table.rows_read - len(table.broken) - spoken_of,
    )


def _no_amounts(draft: Draft) -> pa.Array:
    return pa.nulls(len(draft.row_lines), pa.decimal128(18, 4))


def sample(engine: Engine, table: TextTable, mapping: Mapping, catalogue: Catalogue) -> tuple[dict[str, Any], ...]:
    """The first rows, typed, by target."""
    names = list(
        dict.fromkeys(
            ATTRIBUTES if field_of(chosen.to) else chosen.to.replace(".", "_") for chosen in mapping.columns.values()
        )
    )
    if not names:
        return ()
    first = f"({typed_sql(table, mapping, catalogue)} where row < {SAMPLE_ROWS})"
    return tuple(engine.rows(f"select line, {', '.join(names)} from {first} order by row"))


def without_reasons(table: TextTable) -> TextTable:
    """The table without the columns that a rejects file adds."""
    places = [place for place, name in enumerate(table.header) if name not in REASONS]
    if len(places) == len(table.header):
        return table
    columns = table.columns.select(places).rename_columns([f"c{place}" for place in range(len(places))])
    return replace(table, header=tuple(table.header[place] for place in places), columns=columns)
