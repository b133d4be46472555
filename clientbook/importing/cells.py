"""From cells to values: each mapped column typed as a whole, by SQL, with the rows that do not fit marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.i18n import N_
from clientbook.importing.mapping import ColumnMapping
from clientbook.importing.table import unaccented
from clientbook.importing.vocabulary import DATE_PARTS, CellType, Target

DATE_FORMATS: Final = (
    "iso",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
)
"""Formats that are tried on a column as a whole, never on a cell."""

_ISO: Final = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)? ?(Z|[+-]\d{2}:?\d{2})"
_BLANKS: Final = r"[\s\x{00A0}\x{202F}\x{2009}'’]"
_MONEY: Final = r"(?:€|£|\$|EUR|GBP|USD|CHF)"
_EMAIL: Final = r"[^@\s,;<>()\"]{1,64}@[^@\s,;<>()\".]+(\.[^@\s,;<>()\".]+)+"
_TRIED_FIRST: Final = 2000
_YEARS: Final = "between 1850 and 2200"

CODES: Final = {
    "amount": ("amount.format", N_("expected an amount such as {example}")),
    "email": ("email.format", N_("expected an e-mail address")),
    "instant": ("date.impossible", N_("expected a date that exists, as {example}")),
    "date": ("date.impossible", N_("expected a date that exists, as {example}")),
    "flag": ("flag.unknown", N_("expected yes or no; what else it says, the mapping's `values` tell")),
    "count": ("count.format", N_("expected a whole number")),
    "word": ("value.unknown", N_("expected one of {example}; what else it says, the mapping's `values` tell")),
}
"""Reject code and message of each type that a cell can fail."""

_YES: Final = ("yes", "y", "oui", "o", "1", "true", "vrai", "x", "on", "subscribed", "abonne", "inscrit", "inscrite")
_NO: Final = ("no", "n", "non", "0", "false", "faux", "off", "unsubscribed", "desabonne", "desinscrit")


def value_sql(cell: str, target: Target, chosen: ColumnMapping, timezone: str) -> str:
    """SQL that turns the text that `cell` (SQL) gives into its value; NULL where it is empty or does not fit."""
    kind = target.type
    if chosen.values:
        pairs = " ".join(f"when {quoted(_plain(said))} then {quoted(meant)}" for said, meant in chosen.values.items())
        cell = f"(case {_plain_sql(cell)} {pairs} else {cell} end)"
    if kind == "flag":
        said = _plain_sql(cell)
        return f"case when {said} in ({_listed(_YES)}) then true when {said} in ({_listed(_NO)}) then false end"
    if kind == "word":
        word = f"nullif(trim(regexp_replace({_plain_sql(cell)}, '[^a-z0-9]+', '_', 'g'), '_'), '')"
        if target.choices:
            return f"case when {word} in ({_listed(target.choices)}) then {word} end"
        return f"case when {word} similar to '[a-z][a-z0-9_]{{0,59}}' then {word} end"
    if kind == "count":
        return f"case when regexp_full_match(trim({cell}), '[0-9]{{1,15}}') then cast(trim({cell}) as bigint) end"
    if kind == "ip":
        return (
            f"case when regexp_full_match({cell}, '[0-9]+([.][0-9]+){{3}}') then regexp_replace({cell}, '[0-9]+$', '0')"
            f" when contains({cell}, ':') then array_to_string(list_slice(string_split({cell}, ':'), 1, 3), ':') || '::' end"
        )
    if kind == "amount":
        return amount_sql(cell, chosen.decimal or ".")
    if kind in ("instant", "date"):
        moments = [_moment_value(cell, format, kind, timezone) for format in chosen.formats]
        return moments[0] if len(moments) == 1 else f"coalesce({', '.join(moments)})"
    # Some shops put an apostrophe before numbers, to stop spreadsheets from eating their zeros.
    unquoted = f"case when starts_with({cell}, chr(39)) then substr({cell}, 2) else {cell} end"
    if kind == "email":
        bare = f"trim({unquoted})"
        return f"case when regexp_full_match({bare}, {quoted(_EMAIL)}) then {bare} end"
    if kind == "code":
        return f"nullif(trim({unquoted}), '')"
    if kind == "tags":
        return f"[trim(tag) for tag in string_split({unquoted}, ',') if trim(tag) <> '']"
    return f"nullif(trim({unquoted}), '')"


def _plain(text: str) -> str:
    return " ".join(unaccented(text).lower().split())


def _plain_sql(cell: str) -> str:
    return rf"lower(strip_accents(trim(regexp_replace({cell}, '\s+', ' ', 'g'))))"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(quoted, texts))


def _moment_value(cell: str, format: str, kind: CellType, timezone: str) -> str:
    moment = moment_sql(cell, format)
    if kind == "date":
        return f"cast({moment} as date)"
    return moment if format == "iso" else f"timezone({quoted(timezone)}, {moment})"


def amount_sql(cell: str, decimal: str) -> str:
    """SQL for an amount with this decimal mark, spaces, currency signs and thousands marks set aside."""
    # `12€50` would become 1250 if the sign were dropped wherever it stands.
    unsigned = quoted(rf"^([+-]?){_MONEY}|{_MONEY}$")
    bare = f"regexp_replace(regexp_replace({cell}, {quoted(_BLANKS)}, '', 'g'), {unsigned}, '\\1')"
    mark, thousands = (r"\.", ",") if decimal == "." else (",", r"\.")
    grouped = quoted(rf"[+-]?\d{{1,3}}({thousands}\d{{3}})+({mark}\d+)?")
    plain = (
        f"case when regexp_full_match({bare}, {grouped}) then replace({bare}, {quoted(thousands[-1])}, '') else {bare} end"
    )
    shaped = quoted(rf"[+-]?\d{{1,14}}({mark}\d{{0,4}}0*)?")
    point = f"replace({plain}, ',', '.')" if decimal == "," else plain
    return f"case when regexp_full_match({plain}, {shaped}) then try_cast({point} as decimal(18, 4)) end"


def moment_sql(cell: str, format: str) -> str:
    """SQL for a date in this format: the shape is checked first, since parsers read `1/2/26` as the year 26."""
    if format == "iso":
        spaced = f"regexp_replace({cell}, ' ?([+-]\\d\\d):?(\\d\\d)$', '\\1:\\2')"
        parsed = f"try_cast({spaced} as timestamptz)"
        return f"case when regexp_full_match({cell}, {quoted(_ISO)}) and year({parsed}) {_YEARS} then {parsed} end"
    shape = re.escape(format)
    for part, digits in DATE_PARTS.items():
        shape = shape.replace(part, digits)
    parsed = f"try_strptime({cell}, {quoted(format)})"
    return f"case when regexp_full_match({cell}, {quoted(shape)}) and year({parsed}) {_YEARS} then {parsed} end"


def best_decimal(engine: Engine, table: str, column: str, *, comma_first: bool) -> tuple[str, float]:
    """The decimal mark that reads most cells of the column, and the share it reads."""
    marks = (",", ".") if comma_first else (".", ",")
    return _best(engine, table, column, {mark: amount_sql(identifier(column), mark) for mark in marks})


def best_formats(engine: Engine, table: str, column: str, *, day_first: bool) -> tuple[list[str], float, bool]:
    """The date formats of a column, the most common first, the share of cells they read, and whether day and month
    could be the other way round.

    Day and month keep one order in the whole column; a cell never decides for itself.
    """
    formats = sorted(DATE_FORMATS, key=lambda format: format.startswith("%m/") if day_first else format.startswith("%d/"))
    readings = {format: moment_sql(identifier(column), format) for format in formats}
    shares = _shares(engine, table, column, readings)
    best = max(shares, key=lambda format: shares[format])
    twin = best.replace("%d/%m/", "%m/%d/") if best.startswith("%d/") else best.replace("%m/%d/", "%d/%m/")
    is_day_first = day_first if twin == best else best.startswith("%d/")
    other_order = "%m/" if is_day_first else "%d/"
    if shares[best] == 1:
        return [best], 1.0, twin != best and shares[twin] == 1
    chosen = [format for format in formats if shares[format] and not format.startswith(other_order)]
    chosen.sort(key=lambda format: -shares[format])
    together = f"coalesce({', '.join(f'cast({readings[format]} as timestamp)' for format in chosen)})"
    share = _shares(engine, table, column, {"": together})[""] if chosen else 0.0
    return chosen or [best], share, twin != best and shares[twin] == shares[best]


def fit(engine: Engine, table: str, column: str, kind: CellType) -> float:
    """The share of non-empty cells that have the type, for types without a format."""
    if kind not in ("email", "flag", "count"):
        return 1.0
    target = Target(name="", type=kind, words=())
    return _best(engine, table, column, {"": value_sql(identifier(column), target, ColumnMapping(to=""), "UTC")})[1]


def _best(engine: Engine, table: str, column: str, readings: dict[str, str]) -> tuple[str, float]:
    shares = _shares(engine, table, column, readings)
    best = max(shares, key=lambda name: shares[name])
    return best, shares[best]


def _shares(engine: Engine, table: str, column: str, readings: dict[str, str]) -> dict[str, float]:
    """For each reading, the share of non-empty cells it can read (1 where all are empty).

    Readings that fit none of the first cells are not tried on the whole column.
    """
    cell = identifier(column)
    filled = f"{table} where {cell} is not null"
    first = _count(engine, f"(select {cell}, 1 as times from {filled} limit {_TRIED_FIRST})", readings)
    total = engine.value(f"select count({cell}) from {table}")
    promising = {name: sql for name, sql in readings.items() if first[name]}
    if not total:
        return dict.fromkeys(readings, 1.0)
    # The same dates and prices come again and again, and each is read once.
    tally = f"(select {cell}, count(*) as times from {filled} group by 1)"
    counts = _count(engine, tally, promising) if promising else {}
    return {name: counts.get(name, 0) / total for name in readings}


def _count(engine: Engine, tally: str, readings: dict[str, str]) -> dict[str, int]:
    """How many cells each reading can read; `tally` has the cell's column and how many `times` it stands there."""
    counts = ", ".join(f"coalesce(sum(times) filter (where ({sql}) is not null), 0)" for sql in readings.values())
    row = engine.table(f"select {counts} from {tally}")
    return {name: int(row.column(place)[0].as_py()) for place, name in enumerate(readings)}
