"""Values of a table as text: for a cell of a delimited file, and as JSON has them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""What a spreadsheet takes for the beginning of a formula, also in its full-width forms and after blanks."""

_BREAKS: Final = re.compile(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow table, a few thousand at a time."""
    for batch in table.to_batches(max_chunksize=8192):
        yield from batch.to_pylist()


def cell(value: Any) -> str:
    """A value as a machine reads it back: a point in decimals, instants in UTC, lists joined by `; `, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "; ".join(value)
    if isinstance(value, list | dict | tuple | bytes):
        return json_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return str(value)


def people_cell(value: Any) -> str:
    """A value for a spreadsheet: a comma in decimals, and an apostrophe before a text that would be a formula."""
    if isinstance(value, Decimal | float) and not isinstance(value, bool):
        return cell(value).replace(".", ",")
    text = cell(value)
    return harmless(text) if isinstance(value, str | list | dict | tuple) else text


def harmless(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def one_line(text: str) -> str:
    """The text without tabs and line breaks."""
    return _BREAKS.sub(" ", text)


def decimal_text(value: Decimal) -> str:
    """Digits without an exponent, with two decimals at least where there are any."""
    text = f"{value:f}"
    if "." not in text:
        return text
    whole, _point, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction:0<2}" if fraction else whole


def instant(value: datetime) -> str:
    """`2026-03-31T10:00:00Z`; a time without a zone stays without."""
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc_text(value: datetime | None) -> str:
    """`2026-03-31 10:00:00` in UTC, as mailing tools write it; nothing for None."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else ""


def json_text(value: Any) -> str:
    """One line of JSON; keys in their own order."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A value as JSON has it: amounts are numbers, instants ISO 8601 in UTC, bytes hexadecimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(key): plain(item) for key, item in value}
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
