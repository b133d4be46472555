"""What an expression may name: columns of customers, other tables, labels, segments, and what else it depends on."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from clientbook.errors import WrongUse
from clientbook.i18n import _

Value = int | float | Decimal | date | str | bool | None


class InvalidExpression(WrongUse, ValueError):
    """A filter or rule that cannot run. `place` is the offset of the trouble in the text, where it is known."""

    def __init__(self, message: str, *, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A segment as an expression sees it: its rule, or None where its members are in the table `segment_members`."""

    text: str | None
    params: Mapping[str, Value]


class Columns(dict[str, str]):
    """What an expression may name: the columns of `customers` with their DuckDB types, and everything else.

    Dates in an expression are in `timezone`; `as_of` is `at`.
    """

    def __init__(
        self,
        types: Mapping[str, str],
        timezone: str,
        *,
        at: datetime | None = None,
        tables: Mapping[str, Mapping[str, str]] | None = None,
        labels: Mapping[str, str] | None = None,
        segments: Mapping[str, Rule] | None = None,
        pairs: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(types)
        self.timezone = timezone
        self.at = at
        self.tables = dict(tables or {})
        """Tables that a sub-query may name, each with its columns and types."""
        self.labels = {folded(label): name for label, name in (labels or {}).items()}
        """What people call columns, and the columns."""
        self.segments = dict(segments or {})
        self.pairs = frozenset(pairs)
        """Channels and purposes that `allowed` may ask about."""

    def column(self, name: str) -> str | None:
        """The column meant by its name or its label, in whatever capitals and accents."""
        return name.lower() if name.lower() in self else self.labels.get(folded(name))

    def unknown(self, name: str, *, place: int | None = None, is_quoted: bool = False) -> InvalidExpression:
        """The error that says so and names the nearest."""
        by_label = {**{label: label for label in self.labels}, **{column: column for column in self}}
        near = difflib.get_close_matches(folded(name), list(by_label), n=1)
        if is_quoted:
            hint = _("; text goes in single quotes")
        elif near:
            hint = _("; did you mean {near}?").format(near=near[0])
        else:
            hint = _("; `clientbook customers --columns help` lists them")
        return InvalidExpression(_("there is no column {node!r}{hint}").format(node=name, hint=hint), place=place)


def folded(text: str) -> str:
    """A text without capitals and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, where something is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return _("; did you mean {near}?").format(near=near[0]) if near else ""
