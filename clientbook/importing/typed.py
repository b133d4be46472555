"""The rows of a table with typed values under their targets' names, and the cells that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.i18n import _
from clientbook.importing.cells import CODES, value_sql
from clientbook.importing.draft import Reject
from clientbook.importing.mapping import ColumnMapping, Mapping, MappingError, column_keys
from clientbook.importing.table import WORKBOOK, TextTable
from clientbook.importing.targets import ATTRIBUTES, OCCURRED_AT, Catalogue, field_of, targets_of
from clientbook.importing.vocabulary import Target

_SQL_TYPES: Final = {
    "text": "varchar",
    "code": "varchar",
    "email": "varchar",
    "amount": "decimal(18, 4)",
    "instant": "timestamptz",
    "date": "date",
    "tags": "varchar[]",
    "flag": "boolean",
    "count": "bigint",
    "word": "varchar",
    "ip": "varchar",
    "answers": "map(varchar, varchar)",
}
_READ_ONCE: Final = ("amount", "instant", "date", "flag", "word")
"""Types of cells whose texts are few, and take regular expressions to read."""
_TYPED_CELLS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
"""How the reader writes the date cells of a workbook, beside dates typed as text."""
_EXAMPLES: Final = {".": "1234.50", ",": "1 234,50"}


@cache
def sql(name: str) -> str:
    """The text of one of the importer's queries."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def register_cells(engine: Engine, file: TextTable) -> None:
    """Make the file's columns visible to SQL: `cells` has row, line and c0, c1, …"""
    rows = pa.array(np.arange(len(file.lines)), pa.int64())
    engine.register("cells", file.columns.append_column("row", rows).append_column("line", file.lines))


def type_rows(engine: Engine, file: TextTable, mapping: Mapping, catalogue: Catalogue) -> None:
    """Make `typed` (row, line, one column for each target) and the table `bad_rows` (row, column, value, code, message).

    Raises:
        MappingError: the mapping names a column that the file does not have.
    """
    values = typed_values(file, mapping, catalogue, read_once=True)
    read, joins = [], []
    for name, value in values.items():
        if value.each_once:
            table = identifier(f"read_{name}")
            engine.execute(
                f"create or replace table {table} as"
                f" select said, {value.sql} as value from (select distinct {value.cell} as said from cells) as once"
            )
            joins.append(f"left join {table} on {value.cell} = {table}.said")
            read.append(f"{value.or_else(f'{table}.value')} as {name}")
        elif value.sql:
            read.append(f"{value.or_else(value.sql)} as {name}")
    nothing = [f"cast(null as {value.kind}) as {name}" for name, value in values.items() if not value.sql]
    engine.execute(
        f"create or replace table typed_rows as select {', '.join(['row', 'line', *read])} from cells {' '.join(joins)}"
    )
    # What the file does not have takes no memory, and DuckDB leaves out what is made of it.
    engine.execute(f"create or replace view typed as select {', '.join(['*', *nothing])} from typed_rows")
    engine.execute(f"create or replace table bad_rows as {_bad_rows(mapping, column_keys(file.header), catalogue)}")


def typed_sql(file: TextTable, mapping: Mapping, catalogue: Catalogue) -> str:
    """The query over `cells` that gives row, line and one typed column for each target, NULL where the file has none.

    Raises:
        MappingError: the mapping names a column that the file does not have.
    """
    values = typed_values(file, mapping, catalogue)
    columns = (f"{value.or_else(value.sql or f'cast(null as {value.kind})')} as {name}" for name, value in values.items())
    return f"select row, line, {', '.join(columns)} from cells"


@dataclass(frozen=True, kw_only=True)
class _Value:
    """How a target is read from a row of `cells`."""

    kind: str
    """Its SQL type."""
    sql: str = ""
    """Its value; empty where the file has none. Over `said` instead of the cell where `each_once`."""
    cell: str = ""
    each_once: bool = False
    """Whether each text that occurs is read once, for it takes longer than looking it up."""
    constant: str = ""
    """What it is where the file does not say."""

    def or_else(self, value: str) -> str:
        return f"coalesce({value}, {self.constant})" if self.constant else value


def typed_values(file: TextTable, mapping: Mapping, catalogue: Catalogue, *, read_once: bool = False) -> dict[str, _Value]:
    """Each target's column in `typed`, and how it is read.

    Raises:
        MappingError: the mapping names a column that the file does not have.
    """
    keys = column_keys(file.header)
    missing = [key for key in mapping.columns if key not in keys]
    if missing:
        raise MappingError(
            _("the file has no column {missing!r}; its columns are {keys}").format(missing=missing[0], keys=", ".join(keys))
        )
    by_target = {chosen.to: (identifier(f"c{keys.index(key)}"), chosen) for key, chosen in mapping.columns.items()}
    stated = {
        to: (quoted(text), ColumnMapping(to=to, decimal=".", formats=["iso", "%Y-%m-%d"]))
        for to, text in mapping.constants.items()
    }
    values = {}
    for target in targets_of(mapping.kind, catalogue).values():
        kind, cell, said, constant, each_once = _SQL_TYPES[target.type], "", "", "", False
        if target.type == "answers":
            said = _answers(target, mapping, keys)
        elif target.name in by_target:
            cell, chosen = by_target[target.name]
            if chosen.formats and file.dialect.encoding == WORKBOOK:
                chosen = msgspec.structs.replace(chosen, formats=[*chosen.formats, *_TYPED_CELLS])
            each_once = read_once and target.type in _READ_ONCE
            said = value_sql("said" if each_once else cell, target, chosen, mapping.timezone)
        if target.name in stated:
            constant = (
                f"cast({value_sql(stated[target.name][0], target, stated[target.name][1], mapping.timezone)} as {kind})"
            )
            said = said or f"cast(null as {kind})"
        values[target.name.replace(".", "_")] = _Value(
            kind=kind, sql=said, cell=cell, each_once=each_once, constant=constant
        )
    fields = {key: field for key, chosen in mapping.columns.items() if (field := field_of(chosen.to))}
    values[ATTRIBUTES] = _Value(kind=_SQL_TYPES["answers"], sql=_pairs(fields, keys))
    return values


def _answers(target: Target, mapping: Mapping, keys: list[str]) -> str:
    """Question and answer of each column that goes there."""
    return _pairs({key: key for key, chosen in mapping.columns.items() if chosen.to == target.name}, keys)


def _pairs(names: dict[str, str], keys: list[str]) -> str:
    """A map from names to the cells of columns, given by column; the empty ones are left out."""
    pairs = [f"struct_pack(k := {quoted(name)}, v := {identifier(f'c{keys.index(key)}')})" for key, name in names.items()]
    if not pairs:
        return ""
    return f"map_from_entries(list_filter([{', '.join(pairs)}], lambda pair: pair.v is not null))"


def rejects(engine: Engine) -> list[Reject]:
    """The rows that cannot go in, each with its first fault, in the order of the file."""
    return [
        Reject(line=row["line"], code=row["code"], message=row["message"], column=row["column"], value=row["value"])
        for row in engine.rows('select line, code, message, "column", value from bad_rows order by row')
    ]


def reject_faulty(engine: Engine, lines_of: Sequence[tuple[int, str, str]]) -> None:
    """Add rows (row number, column, message) that break a constraint of the event they would become."""
    if lines_of:
        rows, columns, messages = zip(*lines_of, strict=True)
        engine.register("faulty", pa.table({"row": rows, "column": columns, "message": messages}))
        engine.execute(
            "insert into bad_rows select faulty.row, cells.line, faulty.\"column\", '', 'value.limits', faulty.message"
            " from faulty inner join cells using (row)"
        )


def _bad_rows(mapping: Mapping, keys: list[str], catalogue: Catalogue) -> str:
    checks = []
    targets = targets_of(mapping.kind, catalogue)
    for place, (key, chosen) in enumerate(mapping.columns.items()):
        kind = targets[chosen.to].type if chosen.to in targets else "text"
        if kind not in CODES:
            continue
        code, message = CODES[kind]
        if kind == "amount":
            example = _EXAMPLES[chosen.decimal or "."]
        elif kind == "word":
            example = ", ".join(targets[chosen.to].choices) or "own_offers"
        else:
            example = _(" or ").join(map(_date_example, chosen.formats))
        cell, value = identifier(f"c{keys.index(key)}"), chosen.to.replace(".", "_")
        checks.append(
            f'select row, line, {quoted(key)} as "column", {cell} as value, {quoted(code)} as code,'
            f" {quoted(_(message).format(example=example))} as message, {place} as rank"
            f" from cells inner join typed using (row, line) where {cell} is not null and {value} is null"
        )
    checks += [
        f"select row, line, {quoted(column)} as \"column\", '' as value, {quoted(code)} as code,"
        f" {quoted(message)} as message, 1000 as rank from typed where {condition}"
        for column, code, message, condition in _required(mapping, catalogue)
    ]
    union = " union all ".join(checks) or (
        "select 0::bigint as row, 0::bigint as line, '' as \"column\", '' as value, '' as code, '' as message, 0 as rank"
        " where false"
    )
    return (
        'select row, line, "column", value, code, message'
        f" from (with found as ({union}) select * from found) qualify row_number() over (partition by row order by rank) = 1"
    )


def _date_example(format: str) -> str:
    """A date as the format writes it."""
    moment = datetime(2026, 3, 31, 18, 0)
    return f"{moment.isoformat()}+02:00" if format == "iso" else moment.strftime(format)


def _required(mapping: Mapping, catalogue: Catalogue) -> list[tuple[str, str, str, str]]:
    column = {chosen.to: key for key, chosen in mapping.columns.items()}
    named = "coalesce(customer_external_id, customer_email, customer_mobile, customer_phone, customer_landline) is null"
    nobody = ("", "customer.missing", _("nothing in this row identifies a customer: no number, e-mail or phone"), named)
    if mapping.kind == "contacts":
        return [nobody]
    if mapping.kind != "orders":
        checks = [nobody] if catalogue[mapping.kind].customer == "required" else []
        if OCCURRED_AT.name in column:
            where = column[OCCURRED_AT.name]
            checks.append((where, "date.missing", _("the row does not say when it happened"), "event_occurred_at is null"))
        return checks
    checks = [(column["order.placed_at"], "date.missing", _("an order needs a date"), "order_placed_at is null")]
    if "order.id" in column:
        checks.append((column["order.id"], "order.missing", _("the row has no order number"), "order_id is null"))
    if "order.total" not in column:
        amount = "line_amount is null and (line_quantity is null or line_unit_price is null)"
        where = column.get("line.amount") or column["line.unit_price"]
        checks.append((where, "amount.missing", _("the row has no amount"), amount))
        too_much = (
            "line_amount is null and line_quantity is not null and line_unit_price is not null"
            " and try_cast(round(cast(line_quantity as decimal(20, 4)) * line_unit_price, 4) as decimal(18, 4)) is null"
        )
        checks.append((where, "amount.limits", _("quantity times price is more than a book holds"), too_much))
    elif "order.id" not in column:
        checks.append((column["order.total"], "amount.missing", _("the row has no amount"), "order_total is null"))
    return checks
