"""Audiences as mailing tools import them; what each asks for is in docs/reference/destinations.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from clientbook.builtin.exporters.cells import cell, json_text, plain, rows, utc_text
from clientbook.builtin.exporters.tables import write_lines

if TYPE_CHECKING:
    import pyarrow as pa

CONFIRMED: Final = "CONFIRMED_OPT_IN"
BY_CONSENT: Final = "A6-1-a"
Row = dict[str, Any]
Field = tuple[str, Callable[[Row], str]]


def write_brevo(table: pa.Table, file: BinaryIO) -> None:
    """Semicolons, UTF-8 without a mark. SMS is digits with the country's code, without `+`. DOUBLE_OPT-IN: 1 yes, 2 no."""
    sms = _channel(table) == "sms"
    fields: list[Field] = [
        ("SMS", lambda row: row["phone"].removeprefix("+")) if sms else ("EMAIL", _of("email")),
        ("LASTNAME", _family_name),
        ("FIRSTNAME", _of("given_name")),
        ("EXT_ID", _of("customer_id")),
        ("DOUBLE_OPT-IN", lambda row: "1" if row["opt_in_level"] == CONFIRMED else "2"),
    ]
    _write(table, file, [*fields, *_added(table, str.upper)], delimiter=";")


def write_mailchimp(table: pa.Table, file: BinaryIO) -> None:
    """Commas, UTF-8. Times are UTC and stand only where the customer consented; they are never in the future."""
    fields: list[Field] = [
        ("Email Address", _of("email")),
        ("First Name", _of("given_name")),
        ("Last Name", _family_name),
        ("OPTIN_TIME", lambda row: utc_text(_consented(row))),
        ("CONFIRM_TIME", lambda row: utc_text(_consented(row)) if row["opt_in_level"] == CONFIRMED else ""),
    ]
    _write(table, file, [*fields, *_added(table, str.upper)])


def write_klaviyo(table: pa.Table, file: BinaryIO) -> None:
    """Commas, UTF-8, the address first. Who is written to on another ground than consent is not said to have subscribed."""
    sms = _channel(table) == "sms"
    kind = "SMS" if sms else "Email"
    fields: list[Field] = [
        ("Phone Number" if sms else "Email", _of("phone" if sms else "email")),
        ("First Name", _of("given_name")),
        ("Last Name", _family_name),
        ("External ID", _of("customer_id")),
        (f"{kind} Marketing Consent", lambda row: "Subscribe" if row["legal_basis"] == BY_CONSENT else "Never subscribed"),
        (f"{kind} Marketing Consent Timestamp", lambda row: utc_text(_consented(row))),
    ]
    _write(table, file, [*fields, *_added(table)])


def write_listmonk(table: pa.Table, file: BinaryIO) -> None:
    """Commas, UTF-8, exactly `email,name,attributes`; the attributes are JSON."""
    added = [name for name, _text in _added(table)]

    def attributes(row: Row) -> str:
        consent = {"basis": row["legal_basis"], "at": row["consented_at"], "level": row["opt_in_level"]}
        values = {"customer_id": row["customer_id"], "language": row["language"], "purpose": row["purpose"]}
        values |= {"consent": {name: value for name, value in consent.items() if value is not None}}
        values |= {name: row[name] for name in added}
        return json_text({name: plain(value) for name, value in values.items() if value is not None})

    _write(table, file, [("email", _of("email")), ("name", _of("name")), ("attributes", attributes)])


def write_mailjet(table: pa.Table, file: BinaryIO) -> None:
    """Commas, UTF-8, `email` first; the other columns are contact properties, which must be there before."""
    fields: list[Field] = [
        ("email", _of("email")),
        ("firstname", _of("given_name")),
        ("name", _family_name),
        ("customer_id", _of("customer_id")),
        ("consented_at", lambda row: utc_text(_consented(row))),
    ]
    _write(table, file, [*fields, *_added(table)])


def _write(table: pa.Table, file: BinaryIO, fields: Sequence[Field], *, delimiter: str = ",") -> None:
    """Cells are as they are, but in one line: some tools count a broken one as two."""
    fields = list({name.lower(): (name, text) for name, text in reversed(fields)}.values())[::-1]
    lines = ([re.sub(r"[\r\n\t]+", " ", text(row)) for _name, text in fields] for row in rows(table))
    write_lines(file, [name for name, _text in fields], lines, delimiter=delimiter)


def _channel(table: pa.Table) -> str:
    return _said(table, "channel")


def _said(table: pa.Table, name: str) -> str:
    return str((table.schema.metadata or {}).get(name.encode(), b""), "utf-8")


def _added(table: pa.Table, rename: Callable[[str], str] = str) -> list[Field]:
    """The columns that were asked for beside those of every audience."""
    names = [name for name in _said(table, "added").split(",") if name]
    return [(rename(name), _of(name)) for name in names]


def _of(name: str) -> Callable[[Row], str]:
    return lambda row: cell(row[name])


def _family_name(row: Row) -> str:
    """The family name; a company's name where there is none."""
    return str(row["family_name"] or row["legal_name"] or "")


def _consented(row: Row) -> datetime | None:
    found: datetime | None = row["consented_at"] if row["legal_basis"] == BY_CONSENT else None
    return found
