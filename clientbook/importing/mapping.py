"""A mapping states how a file is read: its layout, what each column is, the formats. It is a TOML file people can edit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import tomli_w
from msgspec import Meta

from clientbook.errors import ClientbookError
from clientbook.events.personal import CollectedVia
from clientbook.events.registry import Registry
from clientbook.i18n import _
from clientbook.importing.table import SPACES, Dialect
from clientbook.importing.targets import FIELD, TABLES, Catalogue, field_of, targets_of
from clientbook.importing.vocabulary import CONTACT_ONLY, DATE_PARTS, Target
from clientbook.settings import InvalidSettings, check_timezone


class MappingError(ClientbookError, ValueError):
    """A mapping that cannot be used; the message names the entry and what is allowed."""


class ColumnMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one column is."""

    to: str
    """A target of the vocabulary, such as `line.unit_price`."""
    decimal: Literal[".", ","] | None = None
    """Amounts: the decimal mark."""
    formats: list[str] = []
    """Dates: the formats that occur, as strftime spells them; `iso` is ISO 8601 with an offset."""
    values: dict[str, str] = {}
    """What cells say, and what that means: `"Répondu" = "reached"`."""


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the file is laid out."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header_line: Annotated[int, Meta(ge=1)] = 1
    sheet: str | None = None


class OrderRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which documents of an order file are no orders."""

    credit_prefixes: list[str] = []
    """Letters that the numbers of credit notes begin with; they become refunds."""
    adjustment_prefixes: list[str] = []
    """Letters that the numbers of bookkeeping entries begin with."""


class ContactRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the people in the file came to the shop, and what their answers mean."""

    collected_via: CollectedVia = "import"
    """How their data were first collected. Of a rented or bought list, `list_id` names the list that the book knows."""
    list_id: str | None = None
    notice_id: str | None = None
    """The wording they were shown."""
    informed: bool | None = None
    """Whether they were told at collection what the data are for."""
    from_person: bool | None = None
    """Whether the data came from themselves."""
    no: Literal["refused", "not_subscribed"] = "refused"
    """What a "no" about permission means: a person said no, or only that there is no consent, which takes back one given."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a file is read."""

    kind: str
    """`orders`, `contacts`, or the type of events of which each row is one."""
    source: Annotated[str, Meta(min_length=1, max_length=120)]
    """The shop or tool the file comes from, not the file's name."""
    timezone: str
    """Of dates without an offset."""
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    """Of amounts without a currency column."""
    layout: Layout = Layout()
    columns: dict[str, ColumnMapping]
    """By header; the second column of the same name is `name#2`."""
    constants: dict[str, str] = {}
    """Targets that have one value in all rows, written as a cell would say it."""
    orders: OrderRules = OrderRules()
    contacts: ContactRules = ContactRules()

    def dialect(self) -> Dialect:
        """The layout as the reader takes it."""
        layout = self.layout
        return Dialect(
            encoding=layout.encoding, delimiter=layout.delimiter, header_line=layout.header_line, sheet=layout.sheet
        )

    def digest(self) -> str:
        """Identifies the mapping in the log."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def column_keys(header: Sequence[str]) -> list[str]:
    """A name for each column that a mapping can use: repeated names are numbered, nameless ones get their place."""
    seen: dict[str, int] = {}
    keys = []
    for place, name in enumerate(header, 1):
        key = name or f"#{place}"
        seen[key] = seen.get(key, 0) + 1
        keys.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return keys


CORE: Final = Registry()
"""The catalogue without plugins."""


def load_mapping(path: Path, catalogue: Catalogue = CORE) -> Mapping:
    """Read a mapping file.

    Raises:
        MappingError: it is missing, no TOML, or says something a mapping cannot say.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        mapping = msgspec.convert(data, Mapping)
    except FileNotFoundError:
        raise MappingError(_("{path}: there is no such mapping file").format(path=path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise MappingError(f"{path}: {error}") from None
    check(mapping, str(path), catalogue)
    return mapping


def check(mapping: Mapping, where: str, catalogue: Catalogue = CORE) -> None:
    """Raise `MappingError` when a column goes nowhere, two go to one place, or an entry cannot be followed."""
    _check_layout(mapping, where)
    if mapping.kind not in TABLES and mapping.kind not in catalogue:
        said = _("{where}: kind: expected orders, contacts or a type of events, found {kind!r}")
        raise MappingError(said.format(where=where, kind=mapping.kind))
    targets = targets_of(mapping.kind, catalogue)
    used: dict[str, str] = {}
    for column, chosen in [*mapping.columns.items(), *((None, ColumnMapping(to=to)) for to in mapping.constants)]:
        if chosen.to not in targets and (field_of(chosen.to) is None or column is None):
            known = ", ".join([*targets, f"{FIELD}NAME"])
            raise MappingError(
                _("{where}: column {column!r} goes to {to!r}; the targets are {known}").format(
                    where=where, column=column or "constants", to=chosen.to, known=known
                )
            )
        if column is None:
            used.setdefault(chosen.to, "constants")
            continue
        if chosen.to in targets and targets[chosen.to].type == "answers":
            continue
        if chosen.to in used:
            raise MappingError(
                _("{where}: columns {to!r} and {column!r} both go to {to2}").format(
                    where=where, to=used[chosen.to], column=column, to2=chosen.to
                )
            )
        used[chosen.to] = column
        if chosen.to in targets:
            _check_formats(column, chosen, targets[chosen.to], where)
    if mapping.kind == "orders":
        unfit = sorted(to for to in used if to in CONTACT_ONLY or field_of(to))
        if unfit:
            raise MappingError(_("{where}: an order file does not fill {target}").format(where=where, target=unfit[0]))
        if "order.placed_at" not in used:
            raise MappingError(_("{where}: an order file needs a column for order.placed_at").format(where=where))
        if "order.total" not in used and "line.amount" not in used and not {"line.quantity", "line.unit_price"} <= set(used):
            raise MappingError(
                _("{where}: an order file needs order.total, line.amount, or line.quantity and line.unit_price").format(
                    where=where
                )
            )
    elif (mapping.kind == "contacts" or catalogue[mapping.kind].customer == "required") and not used.keys() & {
        "customer.email",
        "customer.external_id",
        "customer.phone",
        "customer.mobile",
    }:
        raise MappingError(
            _("{where}: a contact file needs customer.email, customer.external_id or a phone").format(where=where)
        )


def _check_layout(mapping: Mapping, where: str) -> None:
    try:
        check_timezone(mapping.timezone)
    except InvalidSettings as error:
        raise MappingError(f"{where}: {error}") from None
    delimiter = mapping.layout.delimiter
    # A workbook has no delimiter; its mapping may say so.
    if len(delimiter) > 1 and delimiter != SPACES:
        raise MappingError(
            _("{where}: the delimiter {delimiter!r} is not one character, nor {spaces!r} for runs of blanks").format(
                where=where, delimiter=delimiter, spaces=SPACES
            )
        )


def _check_formats(column: str, chosen: ColumnMapping, target: Target, where: str) -> None:
    if target.type not in ("instant", "date"):
        return
    if not chosen.formats:
        raise MappingError(
            _('{where}: column {column!r} holds dates; say how they are written: formats = ["%d/%m/%Y"]').format(
                where=where, column=column
            )
        )
    for format in chosen.formats:
        unknown = [part for part in re.findall("%.?", format) if part not in DATE_PARTS]
        if unknown or (format != "iso" and "%" not in format):
            known = ", ".join(DATE_PARTS)
            raise MappingError(
                _("{where}: column {column!r}: {format!r} is no part of a date; use iso, or {known}").format(
                    where=where, column=column, format=unknown[0] if unknown else format, known=known
                )
            )


def to_toml(mapping: Mapping, comments: Sequence[str] = ()) -> str:
    """The mapping as a file to edit, `comments` at its top."""
    body = tomli_w.dumps(_without_none(msgspec.to_builtins(mapping)))
    return "".join(f"# {line}\n" for line in comments) + ("\n" if comments else "") + body


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if value is not None and value != {}
    }
