"""DuckDB, in process: the default place where SQL runs.

One in-memory database a snapshot; one cursor a worker, since `interrupt()` stops only its own cursor. Times are UTC.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from clientbook.errors import ClientbookError
from clientbook.i18n import _

_ABOUT_VALUES = (duckdb.DataError, duckdb.InvalidInputException, duckdb.IntegrityError)
"""What DuckDB raises over a value that it met, and quotes it: a customer's name, as likely as not."""


class QueryFailed(ClientbookError):
    """A query could not run; the message is DuckDB's, unless it may quote a value of the book."""

    def __init__(self, error: duckdb.Error) -> None:
        said = str(error).split("\n\nLINE")[0].strip()
        is_about_file = ".parquet'" in said  # a file that is damaged: its name tells nothing of anybody
        if isinstance(error, _ABOUT_VALUES) and not is_about_file and os.environ.get("CLIENTBOOK_DEBUG") != "1":
            told = _(
                "{kind}: a value does not fit; it is not shown, since it may be a customer's. try_cast gives NULL instead"
            )
            said = told.format(kind=said.partition(":")[0] if ":" in said else type(error).__name__)
        super().__init__(said)


class QueryCancelled(ClientbookError):
    """Somebody interrupted the query."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a query may use."""

    memory: str = "2GB"
    threads: int | None = None
    spill: Path | None = None
    """Where what does not fit in memory goes."""


class Engine:
    """One database connection. Not for use by two threads at once: each takes a `cursor()`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    @classmethod
    def open(cls, limits: Limits) -> Engine:
        """A fresh in-memory database."""
        config: dict[str, Any] = {
            "memory_limit": limits.memory,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if limits.threads:
            config["threads"] = limits.threads
        if limits.spill:
            config["temp_directory"] = str(limits.spill)
        connection = duckdb.connect(":memory:", config=config)
        _prepare(connection)
        return cls(connection)

    def cursor(self) -> Engine:
        """Another connection to the same database, for another thread."""
        cursor = self.connection.cursor()
        _prepare(cursor)
        return Engine(cursor)

    def confine(self, folders: Iterable[Path]) -> None:
        """From now on read files in `folders` only, and let no query change that."""
        listed = ", ".join(quoted(str(folder)) for folder in folders)
        self.connection.execute(f"set allowed_directories = [{listed}]")
        self.connection.execute("set enable_external_access = false")
        self.connection.execute("set lock_configuration = true")

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement for its effect."""
        try:
            self.connection.execute(sql, dict(parameters or {}))
        except duckdb.InterruptException:
            raise QueryCancelled from None
        except duckdb.Error as error:
            raise _told(error) from None

    def table(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query; its whole result as an Arrow table.

        Raises:
            QueryFailed: DuckDB refused it.
            QueryCancelled: `interrupt()` was called meanwhile.
            OSError: the disk is full.
        """
        try:
            return self.connection.sql(sql, params=dict(parameters) if parameters else None).to_arrow_table()
        except duckdb.InterruptException:
            raise QueryCancelled from None
        except duckdb.Error as error:
            raise _told(error) from None

    def batches(self, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
        """Run a query whose result may be large; at most so many rows at a time. Raises what `table` raises."""
        try:
            yield from self.connection.sql(sql).to_arrow_reader(rows)
        except duckdb.InterruptException:
            raise QueryCancelled from None
        except duckdb.Error as error:
            raise _told(error) from None

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query whose result is small; one dict a row."""
        rows: list[dict[str, Any]] = self.table(sql, parameters).to_pylist()
        return rows

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        result = self.table(sql, parameters)
        return result.column(0)[0].as_py() if len(result) else None

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table visible to SQL without copying it."""
        self.connection.register(name, table)

    def interrupt(self) -> None:
        """Stop the query that runs on this connection, from another thread."""
        self.connection.interrupt()

    def is_query(self, sql: str) -> bool:
        """Whether the text is exactly one statement, and one that only reads.

        Raises:
            QueryFailed: it cannot be parsed.
        """
        try:
            statements = self.connection.extract_statements(sql)
        except duckdb.Error as error:
            raise QueryFailed(error) from None
        return len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT

    def close(self) -> None:
        self.connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Times are UTC; and nothing is drawn: DuckDB's progress bar goes to stdout, in the midst of what a command prints."""
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar_print = false")


def _told(error: duckdb.Error) -> QueryFailed | OSError:
    """DuckDB's error; that the disk is full is no fault of the query, nor of the tables it reads."""
    full = os.strerror(errno.ENOSPC)
    is_full = isinstance(error, duckdb.IOException) and full in str(error)
    return OSError(errno.ENOSPC, full) if is_full else QueryFailed(error)


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'
