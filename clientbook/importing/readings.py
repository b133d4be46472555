"""Files that the program reads as an importer of a plugin declares: recognised by their columns, reshaped, mapped."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from clientbook.engine.duckdb import Engine
from clientbook.hooks.declarations import GivenTable, Importer, RefusedFile, TableReading
from clientbook.hooks.manager import Plugins
from clientbook.i18n import _
from clientbook.importing.decode import GivenFile, UnreadableFile
from clientbook.importing.extracting import ImporterFailed
from clientbook.importing.mapping import ColumnMapping, ContactRules, Layout, Mapping, check, column_keys
from clientbook.importing.plan import FilePlan, sample, without_reasons
from clientbook.importing.table import TextTable, read_table
from clientbook.importing.targets import Catalogue, targets_of
from clientbook.importing.typed import register_cells


def plan_reading(
    engine: Engine,
    plugins: Plugins,
    importer: Importer,
    file: GivenFile,
    *,
    currency: str,
    timezone: str,
    catalogue: Catalogue,
) -> FilePlan:
    """Read the file as the importer declares.

    Raises:
        UnreadableFile: it holds no table.
        RefusedFile: the importer refuses the file.
        ImporterFailed: its `reshape` failed, or gave no such table.
        MappingError: a target does not exist.
    """
    reading = importer.reading
    assert reading is not None
    table = without_reasons(read_table(file))
    shaped = None if reading.reshape is None else _reshaped(plugins, importer, file, table)
    mapping = _mapping(importer.source, reading, shaped or table, currency, timezone, catalogue)
    check(mapping, importer.id, catalogue)
    register_cells(engine, shaped or table)
    return FilePlan(
        table=table,
        mapping=mapping,
        proposal=None,
        sample=sample(engine, shaped or table, mapping, catalogue),
        importer=importer.id,
        shaped=shaped,
    )


def _reshaped(plugins: Plugins, importer: Importer, file: GivenFile, table: TextTable) -> TextTable:
    reshape = importer.reading.reshape if importer.reading else None
    keys = column_keys(table.header)
    columns = table.columns.rename_columns(keys).add_column(0, "line", table.lines)
    given = GivenTable(name=file.name, header=tuple(keys), table=columns, settings=plugins.settings(importer.id))

    def made() -> object:
        try:
            return reshape(given) if reshape else None
        except RefusedFile as error:
            return error

    found, fault = plugins.call(importer.id, made)
    if fault is not None:
        raise ImporterFailed(_("{file}: {fault}; nothing was imported").format(file=file.name, fault=fault))
    if isinstance(found, RefusedFile):
        raise UnreadableFile(f"{file.name}: {found}")
    names = [name for name in found.schema.names if name != "line"] if isinstance(found, pa.Table) else []
    if not names or "line" not in found.schema.names or any(found.schema.field(name).type != pa.string() for name in names):
        said = _("importer {importer}: reshape gives an Arrow table of `line` and columns of strings; nothing was imported")
        raise ImporterFailed(said.format(importer=importer.id))
    found = found.combine_chunks()
    return replace(
        table,
        header=tuple(names),
        columns=found.select(names).rename_columns([f"c{place}" for place in range(len(names))]),
        lines=found["line"].combine_chunks().cast(pa.int64()),
        broken=(),
        empty_rows=0,
    )


def _mapping(
    source: str, reading: TableReading, table: TextTable, currency: str, timezone: str, catalogue: Catalogue
) -> Mapping:
    targets = targets_of(reading.kind, catalogue)
    taken: set[str] = set()
    columns: dict[str, ColumnMapping] = {}
    present = set(column_keys(table.header))
    for name, to in reading.columns.items():
        kind = targets[to].type if to in targets else "text"
        if name not in present or (to in taken and kind != "answers"):
            continue
        taken.add(to)
        columns[name] = ColumnMapping(
            to=to,
            decimal=reading.decimal if kind == "amount" else None,
            formats=list(reading.formats) if kind in ("instant", "date") else [],
            values=dict(reading.values.get(to, {})),
        )
    dialect = table.dialect
    return Mapping(
        kind=reading.kind,
        source=source,
        timezone=reading.timezone or timezone,
        currency=reading.currency or currency,
        layout=Layout(
            encoding=dialect.encoding, delimiter=dialect.delimiter, header_line=dialect.header_line, sheet=dialect.sheet
        ),
        columns=columns,
        constants=dict(reading.constants),
        contacts=ContactRules(no=reading.no, collected_via=reading.collected_via),  # type: ignore[arg-type]  # checked next
    )
