"""Values of a rule's parameters: as people type them, within their bounds, and as an event stores them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from clientbook.errors import WrongUse
from clientbook.hooks.declarations import Param, Value
from clientbook.i18n import _
from clientbook.query.expressions.names import nearest

_NUMBER: Final = re.compile(r"[+-]?\d{1,18}(\.\d{1,9})?", re.ASCII)


class BadParameter(WrongUse):
    """A parameter that a rule does not have, or a value that it cannot take."""


def given_params(texts: Iterable[str]) -> dict[str, str]:
    """`months=9` as name and text.

    Raises:
        BadParameter: there is no `=` in it.
    """
    found = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise BadParameter(_("{text!r} is no parameter; write --param months=9").format(text=text))
        found[name.strip()] = value.strip()
    return found


def chosen(params: Iterable[Param], given: Mapping[str, str]) -> dict[str, Value]:
    """The values of a declaration's parameters: as given, else by default.

    Raises:
        BadParameter: it has no such parameter, or the value is of another type or beyond the bounds.
    """
    known = {param.name: param for param in params}
    for name in given:
        if name not in known:
            raise BadParameter(_unknown(name, known))
    return {name: _read(param, given[name]) if name in given else param.default for name, param in known.items()}


def replaced(stored: Mapping[str, Value], given: Mapping[str, str]) -> dict[str, Value]:
    """The values of a shop's own rule: as given now, else as stored with it.

    Raises:
        BadParameter: the rule has no such parameter, or the value is of another type than the stored one.
    """
    values = dict(stored)
    for name, text in given.items():
        if name not in stored:
            raise BadParameter(_unknown(name, stored))
        values[name] = free_value(text) if not isinstance(stored[name], str) else text
        if isinstance(values[name], str) is not isinstance(stored[name], str):
            said = _("{name}: a number is expected, such as {example}; found {text!r}")
            raise BadParameter(said.format(name=name, example=stored[name], text=text))
    return values


def free_value(text: str) -> Value:
    """What a text means where no declaration says: a number, true or false, else a text; 'quoted' is a text."""
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _NUMBER.fullmatch(text):
        return Decimal(text) if "." in text else int(text)
    return text


def stored(value: Value) -> str:
    """A value as `free_value` reads it back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if free_value(value) == value and not value.startswith("'") else "'" + value.replace("'", "''") + "'"
    return str(Decimal(repr(value)) if isinstance(value, float) else value)


def described(param: Param) -> str:
    """What may be given for a parameter, in words."""
    if param.choices:
        return ", ".join(param.choices)
    if param.minimum is not None and param.maximum is not None:
        return _("{low} to {high}").format(low=param.minimum, high=param.maximum)
    return {"int": _("a whole number"), "date": _("a date such as 2026-03-31"), "text": _("a text")}.get(
        param.value_type, _("a number")
    )


def _read(param: Param, text: str) -> Value:
    value = _typed(param, text)
    if value is None or (param.choices and value not in param.choices) or not _is_within(param, value):
        said = _("{name} ({label}): expected {expected}; found {text!r}")
        raise BadParameter(said.format(name=param.name, label=_(param.label), expected=described(param), text=text))
    return value


def _typed(param: Param, text: str) -> Value:
    match param.value_type:
        case "text":
            return text
        case "bool":
            return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())
        case "date":
            try:
                return date.fromisoformat(text)
            except ValueError:
                return None
        case "int":
            return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else None
    try:
        number = Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text.replace(",", ".")) else None
    except InvalidOperation:
        return None
    return number if param.value_type == "decimal" or number is None else float(number)


def _is_within(param: Param, value: Any) -> bool:
    if isinstance(value, str | bool | date):
        return True
    low, high = param.minimum, param.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    if not known:
        return _("{name}: this segment has no parameters").format(name=name)
    said = _("there is no parameter {name!r}{hint}; it has: {known}")
    return said.format(name=name, hint=nearest(name, known), known=", ".join(known))
