"""Customers as vCards 4.0 (S. Perreault, RFC 6350, 2011)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from clientbook.builtin.exporters.cells import rows

if TYPE_CHECKING:
    import pyarrow as pa

_LINE_BYTES: Final = 75
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ADDRESS: Final = ("street", "city", "region", "postal_code", "country")


def write_vcard(table: pa.Table, file: BinaryIO) -> None:
    """One card a row: UTF-8, CRLF, lines folded at 75 bytes. What the table does not show is not in the card."""
    for row in rows(table):
        for line in _card(row):
            file.write(folded(line))


def _card(row: Mapping[str, Any]) -> Iterator[str]:
    given, family = row.get("given_name") or "", row.get("family_name") or ""
    full = row.get("name") or f"{given} {family}".strip() or row.get("legal_name") or row.get("email") or "?"
    yield "BEGIN:VCARD"
    yield "VERSION:4.0"
    yield f"FN:{escaped(full)}"
    if given or family:
        yield f"N:{escaped(family)};{escaped(given)};;{escaped(row.get('civility') or '')};"
    if row.get("legal_name"):
        yield f"ORG:{escaped(row['legal_name'])}"
    if row.get("email"):
        yield f"EMAIL:{escaped(row['email'])}"
    for name, kind in (("phone", "voice"), ("mobile", "cell"), ("landline", "voice")):
        number = row.get(name)
        if number and not (name == "phone" and number in (row.get("mobile"), row.get("landline"))):
            uri = re.sub(r"[^0-9+]", "", number)
            yield f"TEL;VALUE=uri;TYPE={kind}:tel:{uri}" if uri.startswith("+") else f"TEL;TYPE={kind}:{escaped(number)}"
    if any(row.get(part) for part in _ADDRESS):
        yield "ADR:;;" + ";".join(escaped(row.get(part) or "") for part in _ADDRESS)
    if isinstance(row.get("birth_date"), date):
        yield f"BDAY:{row['birth_date']:%Y%m%d}"
    if row.get("tags"):
        yield "CATEGORIES:" + ",".join(escaped(tag) for tag in row["tags"])
    if row.get("customer_id"):
        yield f"UID:{escaped(row['customer_id'])}"
    yield "END:VCARD"


def escaped(text: str) -> str:
    """A value in which separators and line breaks mean themselves (RFC 6350, 3.4)."""
    text = _CONTROLS.sub("", text).replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return re.sub(r"\r\n|\r|\n", r"\\n", text)


def folded(line: str) -> bytes:
    """The line in pieces of 75 bytes at most, no character cut (RFC 6350, 3.2)."""
    pieces, piece, size = [], "", 0
    for character in line:
        width = len(character.encode())
        if size + width > _LINE_BYTES:
            pieces.append(piece)
            piece, size = " ", 1
        piece, size = piece + character, size + width
    return "".join(f"{one}\r\n" for one in (*pieces, piece)).encode()
