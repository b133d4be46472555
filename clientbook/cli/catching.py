"""Tables on their way to the terminal, caught where they are to go to a file instead."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

SECTION: Final = "section"
"""Name of the column that tells which of several tables a row stood in."""


@dataclass(frozen=True)
class Shown:
    """A value, and the text that people see of it."""

    value: Any
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(kw_only=True)
class Caught:
    """What would have been printed."""

    tables: list[tuple[str, pa.Table]] = field(default_factory=list)
    """Title and rows of each."""

    def add(self, table: pa.Table, title: str = "") -> None:
        """Keep a table."""
        self.tables.append((title, table))

    def add_rows(self, labels: Sequence[str], rows: Iterable[Mapping[str, Any]], title: str = "") -> None:
        """Keep rows that are alike; columns go by the names of their values, by `labels` where there are no rows."""
        self.add(_table(labels, list(rows)), title)

    def together(self) -> pa.Table | None:
        """All of it as one table; of several each row begins with its table's title. None where there was no table."""
        import pyarrow as pa

        if len(self.tables) < 2:
            return self.tables[0][1] if self.tables else None
        titled = [table.add_column(0, SECTION, pa.array([title] * len(table), pa.string())) for title, table in self.tables]
        try:
            return pa.concat_tables(titled, promote_options="permissive")
        except pa.ArrowTypeError:  # one name, other kinds of values
            return pa.concat_tables([_as_text(table) for table in titled], promote_options="default")


_CAUGHT: Final[ContextVar[Caught | None]] = ContextVar("caught", default=None)


def caught() -> Caught | None:
    """What tables are kept in, where they go to a file; None where they are printed."""
    return _CAUGHT.get()


@contextlib.contextmanager
def catching() -> Iterator[Caught]:
    """Keep the tables that are printed inside the block; what else goes to stdout there is said to nobody."""
    kept = Caught()
    token = _CAUGHT.set(kept)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield kept
    finally:
        _CAUGHT.reset(token)


def _table(labels: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    if not rows:
        return pa.table({name: pa.array([], pa.string()) for name in dict.fromkeys(labels)})
    names = list(rows[0])
    return pa.table({name: _column([_plain(row.get(name)) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        found = pa.array([None if value is None else str(value) for value in values], pa.string())
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found


def _plain(value: Any) -> Any:
    """What a file holds of a value: what is in it, as JSON where it has parts."""
    if isinstance(value, Shown):
        return _plain(value.value)
    if isinstance(value, dict) or (isinstance(value, list | tuple) and not all(isinstance(one, str) for one in value)):
        from clientbook.cli.output import plain

        return json.dumps(plain(value), ensure_ascii=False) if value else None
    return list(value) if isinstance(value, tuple) else value


def _as_text(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: _column([_text(value) for value in table[name].to_pylist()]) for name in table.schema.names})


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
