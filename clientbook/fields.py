"""Custom fields: what a shop notes of its customers beside the profile, declared under `[fields]` in `book.toml`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

import msgspec

from clientbook.errors import WrongUse
from clientbook.i18n import _

FieldType = Literal["text", "int", "decimal", "date", "bool"]

_YES: Final = frozenset({"true", "yes", "oui", "o", "y", "1", "vrai", "x"})
_NO: Final = frozenset({"false", "no", "non", "n", "0", "faux"})


class FieldMisfit(WrongUse, ValueError):
    """A value is not what its field was declared to hold; the message does not repeat it."""


class CustomField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field, by its name a column of `customers`."""

    label: str = ""
    """What people call it; its name where it is empty."""
    type: FieldType = "text"
    choices: tuple[str, ...] = ()
    """The values it may have; any where there are none."""

    def __post_init__(self) -> None:
        for choice in self.choices:
            written(self.type, choice)

    def text(self, name: str, given: str) -> str:
        """The value as the log keeps it: 1234.5, 2026-03-31, true. An empty text empties the field.

        Raises:
            FieldMisfit: it is none of the choices, or not of the type.
        """
        if not given.strip():
            return ""
        try:
            value = written(self.type, given.strip())
        except ValueError:
            said = _("{name}: expected {type}").format(name=name, type=_EXPECTED[self.type]())
            raise FieldMisfit(said) from None
        if self.choices and value not in {written(self.type, choice) for choice in self.choices}:
            raise FieldMisfit(_("{name}: expected one of {choices}").format(name=name, choices=", ".join(self.choices)))
        return value


_EXPECTED: Final = {
    "text": lambda: _("a text"),
    "int": lambda: _("a whole number, such as 42"),
    "decimal": lambda: _("a number, such as 12.50"),
    "date": lambda: _("a date, such as 2026-03-31"),
    "bool": lambda: _("yes or no"),
}


def written(type: FieldType, text: str) -> str:
    """A value's one form as text.

    Raises:
        ValueError: it is not of the type.
    """
    if type == "int":
        return str(int(text))
    if type == "decimal":
        try:
            value = Decimal(text.replace(" ", "").replace(",", "."))
        except InvalidOperation:
            raise ValueError from None
        if not value.is_finite():
            raise ValueError
        return f"{value:f}"
    if type == "date":
        return (datetime.strptime(text, "%d/%m/%Y").date() if "/" in text else date.fromisoformat(text)).isoformat()
    if type == "bool":
        if text.lower() not in _YES | _NO:
            raise ValueError
        return "true" if text.lower() in _YES else "false"
    return text


def declared(fields: Mapping[str, CustomField]) -> str:
    """The declarations as JSON with sorted keys: what `settings_changed` records."""
    return json.dumps(msgspec.to_builtins(fields), sort_keys=True, ensure_ascii=False)
