"""Whether two snapshots hold the same rows: a digest of each table."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from clientbook.log.digest import canonical
from clientbook.projection.fold import TABLES
from clientbook.projection.snapshots import Snapshot, ordered

_BATCH_ROWS: Final = 65_536


def tables_digest(snapshot: Snapshot) -> dict[str, str]:
    """SHA-256 over the canonical bytes of each table's rows, in canonical order."""
    return {name: _digest(snapshot, name) for name in TABLES}


def _digest(snapshot: Snapshot, table: str) -> str:
    digest = sha256()
    for batch in snapshot.engine.connection.sql(ordered(table)).to_arrow_reader(_BATCH_ROWS):
        digest.update(b"".join(canonical(batch.to_struct_array()).to_pylist()))
    return digest.hexdigest()
