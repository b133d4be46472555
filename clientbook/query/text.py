"""Values as people read them, harmless to a terminal."""

from __future__ import annotations

import re
import zoneinfo
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""C0, DEL, C1 and bidirectional controls: they move the cursor, write to the clipboard, or turn text around."""


def harmless(text: str) -> str:
    """The text with control characters shown as `�`, line breaks and tabs as blanks."""
    return _CONTROLS.sub(lambda match: " " if match[0] in "\t\n\r" else "\ufffd", text)


def display(value: Any, timezone: str) -> str:
    """A value for a table: amounts with two decimals, instants in the book's time zone, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, Decimal):
        return f"{value:,.2f}" if not value or abs(value) >= Decimal("0.01") else f"{value.normalize():,f}"
    if isinstance(value, datetime) and value.tzinfo is not None and not 1 < value.year < 9999:
        return value.isoformat(sep=" ", timespec="minutes")  # a time zone could carry it out of the calendar
    if isinstance(value, datetime):
        shown = value.astimezone(zoneinfo.ZoneInfo(timezone)) if value.tzinfo else value
        return shown.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(display(item, timezone) for item in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{harmless(str(key))}: {display(item, timezone)}" for key, item in value.items() if item is not None
        )
    return harmless(str(value))
