"""What plugins declare: event types, identifiers, importers, metrics, traits, segments, reports, exporters.

Declarations are frozen and keyword-only, and hold no state. msgspec's constructors do not validate; the manager does, when a
plugin is registered, and reports every error at once. An id starts with the plugin's namespace: `loyalty.points`. Labels
and descriptions are msgids, translated when they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol

import msgspec

from clientbook.errors import ClientbookError
from clientbook.events.base import Event

API_VERSION: Final = 1
"""What `clientbook.api` is; a plugin names the one it was written for as `API_VERSION`."""

Unit = Literal["count", "money", "days", "ratio", "score", "date", "text"]
ValueType = Literal["int", "decimal", "float", "date", "text", "bool"]
Better = Literal["up", "down", "neither"]
Severity = Literal["info", "warning", "error"]
Value = int | float | Decimal | date | str | bool | None


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all declarations have in common."""

    id: str
    """`namespace.name`, in lower case."""
    label: str
    """What people call it, as a msgid."""
    description: str = ""
    """One sentence; of a figure it says the formula."""


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a figure is shown; never the shown text itself."""

    decimals: int = 0
    compact: bool = False
    """12,345 as 12.3k."""
    sign: bool = False
    """A plus before what is greater than nothing."""


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A small book and what the declaration says of it: documentation and test at once."""

    name: str
    """What it shows: empty, typical, edge, …"""
    events: tuple[Mapping[str, Any], ...] = ()
    """As in JSON Lines."""
    as_of: str
    """The day the answer is for, such as 2026-03-31."""
    customer: str | None = None
    """Whose value it is, for traits and segments: an identifier that occurs in the events."""
    value: Any = None
    """The value; of a segment whether the customer is in it."""


class EventType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A type of events. The Struct's docstring is its summary, its fields become Parquet columns."""

    event: type[Event]
    label: str
    """What people call it on a time line, as a msgid."""
    side: Literal["action", "reaction", "profile", "consent", "other"] = "reaction"
    """Where it stands on the time line: what the shop did, or the customer."""


class Identifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of number by which customers are recognised, such as a loyalty card."""

    kind: str
    """`namespace.name`; events name it in `customer`, such as {"loyalty.card": "0042"}."""
    label: str
    normalise: Callable[[str], str | None]
    """The form in which two are the same; None for what is no such number. Doing it twice changes nothing."""
    examples: tuple[tuple[str, str | None], ...] = ()
    """Texts and their form."""


class Relation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SELECT over the read model that several traits share: at most one row per `customer_id`."""

    name: str
    sql: str


class Trait(Declaration, frozen=True, kw_only=True):
    """A computed column of a customer, at an instant. Filters, segments, tables and other traits may name it."""

    column: str
    """The column's name: free, and in lower case."""
    value_type: ValueType
    unit: Unit
    sql: str | None = None
    """An expression over the row of `customers`, other traits' columns, the columns of `relation`, and `book.day`,
    `book.at`, `book.currency`, `book.timezone`. Window functions see all customers."""
    relation: Relation | None = None
    """What `sql` reads besides the row; its columns are named `<relation>.<column>`, NULL where it has no row."""
    compute: Callable[[Context], Any] | None = None
    """Instead of `sql`: gives an Arrow table with `customer_id` and `value`; who is missing has NULL."""
    format: Format = Format()
    values: Mapping[str, str] = {}
    """Of a text that takes a few values: each value and its label, as msgids."""
    events: tuple[str, ...] = ()
    """Types of the events behind the value."""
    better: Better = "neither"
    group: str = ""
    examples: tuple[Example, ...] = ()


class Param(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number or text that people may set: named, with a default and bounds."""

    name: str
    label: str
    value_type: ValueType = "int"
    default: Value
    minimum: int | float | Decimal | None = None
    maximum: int | float | Decimal | None = None
    choices: tuple[str, ...] = ()


class Metric(Declaration, frozen=True, kw_only=True):
    """A figure about the customers, at an instant.

    Either `sql` (one aggregate over a table), `numerator` and `denominator` (per row of a table; the figure is the ratio of
    their sums), or `compute`.
    """

    value_type: ValueType
    unit: Unit
    table: Literal["customers", "orders", "order_lines", "interactions"] = "customers"
    sql: str | None = None
    """An aggregate over `table`, without an interval: sums and counts."""
    numerator: str | None = None
    denominator: str | None = None
    """Per row. Both boolean over `customers`: a share, with Wilson's interval. Else a ratio of sums, with an interval by
    bootstrap over customers."""
    compute: Callable[[Context], Estimate | Iterable[Estimate]] | None = None
    where: str | None = None
    """Which rows of the table count."""
    params: tuple[Param, ...] = ()
    interval: str = ""
    """How the interval is made: wilson, greenwood, bootstrap, none."""
    minimum: int = 30
    """With fewer no figure is given (note `too_few`)."""
    indicative: int = 100
    """With fewer it is indicative only (note `indicative`)."""
    format: Format = Format()
    drill: str | None = None
    """The customers behind the figure, as a filter."""
    better: Better = "neither"
    group: str = ""
    parts: Mapping[str, str] = {}
    """Of a figure in parts that are known beforehand: each part and its label, as msgids."""
    layout: Literal["list", "columns", "matrix"] = "list"
    """How many parts are shown: one under the other (`columns`: each a column of customers), or `row/column` in a grid."""
    trend: bool = True
    """Whether the figure can be told for an earlier day."""
    breakdown: bool = True
    """Whether the figure can be told of some of the customers."""
    rank: int = 1000
    """Where it stands in its group, the smallest first."""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with what is known of its certainty."""

    value: Value
    n: int
    """How many observations it rests on."""
    low: float | Decimal | None = None
    high: float | Decimal | None = None
    """The 95 % interval."""
    method: str = ""
    """How the interval was made."""
    note: str = ""
    """A code that says what to mind: too_few, indicative, beyond_history, …"""
    part: str | None = None
    """Of a figure in parts (by class, by channel, by month): which."""


class Context(Protocol):
    """What `compute` is given."""

    at: datetime
    day: date
    """The instant's day in the book's time zone."""
    currency: str
    timezone: str
    params: Mapping[str, Value]
    settings: Any
    """The plugin's own Struct with what `[plugins.<namespace>]` of book.toml says; None where it declares none."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The rows of a SELECT over the read model as it is at the instant, as an Arrow table."""

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives; asked again in the same run, the same."""


class Segment(Declaration, frozen=True, kw_only=True):
    """A rule that says which customers are in."""

    sql: str | None = None
    """A boolean expression over `customers`, as in a filter; parameters as `$name`."""
    compute: Callable[[Context], Any] | None = None
    """Instead of `sql`: gives an Arrow table with `customer_id`. It has no parameters and no explanation."""
    params: tuple[Param, ...] = ()
    exclusive_group: str = ""
    """Segments of one group share nobody."""
    group: str = ""
    examples: tuple[Example, ...] = ()


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sure an importer is that a file is its own."""

    score: int
    """0 to 100."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileHead:
    """The beginning of a file, which is all that recognising it may look at."""

    name: str
    data: bytes
    """The first 64 KiB."""
    encoding: str
    delimiter: str | None
    header: tuple[str, ...]
    """The cells of the first line of a table."""
    rows: tuple[Mapping[str, str], ...] = ()
    """The first rows of a table, by header; a repeated header is `name#2`."""


@dataclass(frozen=True, kw_only=True)
class GivenSource:
    """A whole file, given to an importer."""

    name: str
    data: bytes

    rows: Callable[[], Iterator[tuple[int, dict[str, str]]]]
    """Line number and cells by header of each row of a table (CSV, TSV, XLSX), whatever its encoding and delimiter."""

    settings: Any = None
    """The plugin's own Struct with what `[plugins.<namespace>]` of book.toml says; None where it declares none."""


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event that an importer found."""

    type: str
    data: Mapping[str, Any]
    occurred_at: datetime
    customer: Mapping[str, str] | None = None
    """Identifiers: {"email": …, "phone": …, "external": …}, and kinds that plugins declare."""
    line: int
    """Where in the file."""
    key: str | None = None
    """The source's own number of it, where its type has no natural key; else what it says tells it from others."""


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A row that could not be taken."""

    line: int
    code: str
    """Stable, such as `amount.format`."""
    message: str
    column: str | None = None


@dataclass(frozen=True, kw_only=True)
class GivenTable:
    """A whole file as a table of texts, given to a `reshape`."""

    name: str
    header: tuple[str, ...]
    """The column names; a repeated one is `name#2`."""
    table: Any
    """An Arrow table: `line`, and a string column for each name of the header, NULL where the cell is empty."""
    settings: Any = None
    """The plugin's own Struct with what `[plugins.<namespace>]` of book.toml says; None where it declares none."""


class RefusedFile(ClientbookError, ValueError):
    """Raised by a `reshape` for a file that must not be taken; the message says why and what to do."""


class TableReading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a table is read by the program itself: types, rejects, identity, consent and plan are as for any other table."""

    kind: str
    """`orders`, `contacts`, or a type of events of which each row is one."""
    needs: tuple[tuple[str, ...], ...]
    """Columns by which the file is recognised: of each group one name has to be there."""
    columns: Mapping[str, str]
    """Column name and target. Names that the file lacks are passed over; of several for one target the first counts."""
    formats: tuple[str, ...] = ("iso", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
    """Of its dates."""
    decimal: Literal[".", ","] = "."
    """Of its amounts."""
    values: Mapping[str, Mapping[str, str]] = {}
    """By target: what cells say, and what that means."""
    constants: Mapping[str, str] = {}
    """Targets that have one value in every row."""
    timezone: str = ""
    """Of dates without an offset; the book's where it is empty."""
    currency: str = ""
    """Of amounts without a currency; the book's where it is empty."""
    no: Literal["refused", "not_subscribed"] = "refused"
    """What a "no" means: the person said no, or the tool has no consent, which takes back one that the book has."""
    collected_via: str = "import"
    """How the people's data were first collected."""
    reshape: Callable[[GivenTable], Any] | None = None
    """Makes the table that `columns` speak of: an Arrow table of strings with the `line` each row stands on."""


class Importer(Declaration, frozen=True, kw_only=True):
    """Reads a kind of file: by a `reading`, or by an `extract` that makes the events itself."""

    suffixes: tuple[str, ...]
    """Such as .csv."""
    emits: tuple[str, ...]
    """Types of the events it makes."""
    source: str
    """The name of the shop or tool the files come from."""
    identify: Callable[[FileHead], Match | None] | None = None
    """Tells how sure the importer is; without it a reading is recognised by the columns it needs."""
    extract: Callable[[GivenSource], Iterable[NewEvent | Reject]] | None = None
    reading: TableReading | None = None


class Exporter(Declaration, frozen=True, kw_only=True):
    """Writes a table to a file."""

    suffixes: tuple[str, ...]
    """What its files are called; the first by default."""
    write: Callable[[Any, BinaryIO], None]
    """Given an Arrow table and a file open for writing."""
    takes: Literal["table", "audience"] = "table"
    """Any table as it is shown, or only an audience, whose columns docs/reference/destinations.md lists."""
    channels: tuple[str, ...] = ()
    """Of a mailing tool: the channels it sends by. Empty: any."""
    needs: tuple[str, ...] = ()
    """Columns of which the table has to have one."""
    most_rows: int | None = None
    """What a file holds at most."""
    for_people: bool = False
    """Whether its files are opened by people, in a spreadsheet: no cell of theirs is a formula."""


class Report(Declaration, frozen=True, kw_only=True):
    """A table of figures."""

    compute: Callable[[Context], Any]
    """Gives an Arrow table."""
    params: tuple[Param, ...] = ()
    columns: Mapping[str, str] = {}
    """Labels of its columns, as msgids."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plugin has to say about an import before it is made."""

    severity: Severity
    code: str
    message: str
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """An import that is about to be made, as `check_import` sees it. Nothing in it can be changed."""

    importer: str
    source: str
    file: Path
    events: Any
    """An Arrow table: type, occurred_at and a struct column per event type."""


@dataclass(frozen=True, kw_only=True)
class AppendedBatch:
    """Events that were appended, as `log_appended` sees them."""

    first_position: int
    last_position: int
    types: Mapping[str, int]
    """How many of each type."""


__all__ = [
    "API_VERSION",
    "AppendedBatch",
    "Context",
    "Declaration",
    "Estimate",
    "EventType",
    "Example",
    "Exporter",
    "FileHead",
    "Finding",
    "Format",
    "GivenSource",
    "GivenTable",
    "Identifier",
    "ImportPlan",
    "Importer",
    "Match",
    "Metric",
    "NewEvent",
    "Param",
    "RefusedFile",
    "Reject",
    "Relation",
    "Report",
    "Segment",
    "TableReading",
    "Trait",
]
