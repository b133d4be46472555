"""What a document outside the log can be held against: digests of single rows, and the chain at any commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.log.digest import chain, row_digests
from clientbook.log.generations import Segment
from clientbook.log.ledger import Erased
from clientbook.log.parquet import READ_ROWS, ParquetLog, read_marks
from clientbook.log.verifying import commits_of


def row_digests_at(log: ParquetLog, positions: Iterable[int]) -> dict[int, bytes]:
    """The digest of each of these rows as it is now; a row that is not there has none."""
    wanted = pa.array(sorted(positions), pa.int64())
    found: dict[int, bytes] = {}
    for path in log.files():
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                named = pc.is_in(file.read_row_group(group, columns=["position"])["position"], value_set=wanted)
                if pc.any(named, min_count=0).as_py():
                    rows = file.read_row_group(group).filter(named)
                    found |= dict(zip(rows["position"].to_pylist(), row_digests(rows), strict=True))
    return found


def chain_digest_at(log: ParquetLog, position: int, erased: Erased) -> bytes | None:
    """The whole chain digest of the commit that ends with a position; None where none does.

    A seal keeps only the first bytes of most commits' digests: then it is computed from the rows, erased ones as the ledger
    has them.

    Raises:
        DamagedLog: a file cannot be read.
    """
    for segment in log.segments():
        marks = read_marks(segment.files[0])
        if marks.head.position == position:
            return marks.head.digest
        if marks.first_position <= position < marks.head.position:
            return _computed(segment, position, erased)
    return None


def _computed(segment: Segment, position: int, erased: Erased) -> bytes | None:
    marks = read_marks(segment.files[0])
    first = marks.first_position
    found = {
        place: erased.original[place] for place, now in erased.current.items() if now is None and first <= place <= position
    }
    for rows in _rows(segment, position):
        for place, digest in zip(rows["position"].to_pylist(), row_digests(rows), strict=True):
            found[place] = erased.original[place] if erased.current.get(place) == digest else digest
    digest, start = marks.previous_digest, first
    for commit in commits_of(segment):
        if commit.position > position or any(place not in found for place in range(start, commit.position + 1)):
            return None
        digest = chain(digest, [found[place] for place in range(start, commit.position + 1)])
        if commit.position == position:
            return digest
        start = commit.position + 1
    return None


def _rows(segment: Segment, last: int) -> Iterator[pa.Table]:
    for path in segment.files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(READ_ROWS):
                yield pa.table(batch.filter(pc.less_equal(batch["position"], last)))
