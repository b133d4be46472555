"""Whether two snapshots hold the same rows: a digest of each table."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from clientbook.projection.fold import ORDERS, RESOLUTION, TABLES
from clientbook.projection.snapshots import Snapshot

_BATCH_ROWS: Final = 65_536


def tables_digest(snapshot: Snapshot) -> dict[str, str]:
    """SHA-256 over the rows of each table, in canonical order, as text: the same however the files are cut or packed.

    Raises:
        QueryFailed: a table's file is damaged.
    """
    return {name: table_digest(snapshot, name) for name in (*TABLES, *RESOLUTION)}


def table_digest(snapshot: Snapshot, table: str) -> str:
    """The same of one table."""
    digest = sha256()
    # Each row's own digest has one length, so that no row can pass for a part of another.
    rows = f"select sha256(cast(one as varchar)) as digest from {table} as one order by {ORDERS[table]}"
    for batch in snapshot.engine.batches(rows, _BATCH_ROWS):
        digest.update("".join(batch.column(0).to_pylist()).encode())
    return digest.hexdigest()
