"""Whether a book is whole: its log, where the log ends, that events count once, and the kept tables against new ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from clientbook.backup import known_backups
from clientbook.engine.duckdb import QueryFailed
from clientbook.i18n import _
from clientbook.log.ledger import SUPPRESSION
from clientbook.log.parquet import ParquetLog
from clientbook.log.verifying import Fault, Verification, verify_log
from clientbook.projection.digest import table_digest, tables_digest
from clientbook.projection.moment import Moment
from clientbook.projection.snapshots import Projector, Snapshot


def verify_book(
    folder: Path, log: ParquetLog, projector: Projector, projector_in: Callable[[Path], Projector], *, quick: bool
) -> Verification:
    """Check the log; unless `quick` also every row, that ids are given once, and the kept tables.

    `projector_in` makes a projector that keeps its tables in another folder.
    """
    found = verify_log(log, quick=quick)
    _verify_end(folder, log, found)
    if not quick and not found.faults:
        _verify_ids(projector, found)
        _verify_state(folder / "state", log, projector, projector_in, found)
    return found


def _verify_end(folder: Path, log: ParquetLog, found: Verification) -> None:
    """Whether the newest commits are there: erasures and backups know positions that the log had reached."""
    reached = [entry.position for entry in log.ledger.entries() if not log.ledger.is_foreign(entry.number)]
    known = max([*reached, *(one["position"] for one in known_backups(folder))], default=0)
    if found.position < known and not found.faults:
        said = _("the log ends at position {found}, and had reached {known}: put its newest files back from a backup")
        message = said.format(found=found.position, known=known)
        found.faults.append(Fault(code="log.short", message=message, file="log/current", position=found.position + 1))
    if reached and not (log.ledger.folder / SUPPRESSION).exists():
        message = _("the suppression list is missing; put it back from a backup")
        found.faults.append(Fault(code="ledger", message=message, file=f"ledger/{SUPPRESSION}"))


def _verify_ids(projector: Projector, found: Verification) -> None:
    with projector.snapshot() as snapshot:
        position = snapshot.table(
            "select min(position) as position from events group by event_id having count(*) > 1 order by 1 limit 1"
        )
    if len(position):
        message = _("an event counts twice: its id was recorded before")
        found.faults.append(Fault(code="ids.repeated", message=message, position=position["position"][0].as_py()))


def _verify_state(
    state: Path, log: ParquetLog, projector: Projector, projector_in: Callable[[Path], Projector], found: Verification
) -> None:
    """The tables that are kept, and refreshed as events come, against tables folded anew."""
    inside = state if os.access(state, os.W_OK) else None
    with (
        log.computing(),
        projector.snapshot() as snapshot,
        tempfile.TemporaryDirectory(prefix="verify-", dir=inside) as folder,
        projector_in(Path(folder) / "tables").snapshot(Moment(position=snapshot.position)) as folded,
    ):
        wrong = [name for name, digest in tables_digest(folded).items() if _kept_digest(snapshot, name) != digest]
    if wrong:
        message = _("the kept table {table} is not what the log says; `clientbook rebuild` makes it anew")
        file = f"state/tables/{wrong[0]}"
        found.faults.append(Fault(code="state.differs", message=message.format(table=wrong[0]), file=file))


def _kept_digest(snapshot: Snapshot, table: str) -> str | None:
    """The digest of a table that is kept; None where it cannot be read."""
    try:
        return table_digest(snapshot, table)
    except QueryFailed:
        return None
