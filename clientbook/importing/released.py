"""What undone imports leave behind: ids that may be recorded again, and the dates that events had there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.importing.draft import CONTENT_KEY
from clientbook.log.base import Released
from clientbook.projection.snapshots import Snapshot


def released_by(snapshot: Snapshot) -> Released | None:
    """Which rows of the log are there no more for an import, since theirs was undone; None where no import is undone.

    Events that still count (who a kept customer is) and events that were voided stay known.
    """
    undone = snapshot.engine.table("select batch from undone_batches")["batch"].combine_chunks()
    if not len(undone):
        return None
    kept = snapshot.table(
        "select position from events where batch in (select batch from undone_batches) union all select position from voided"
    )["position"].combine_chunks()

    def released(known: pa.Table) -> pa.BooleanArray:
        is_undone = pc.is_in(known["batch"], value_set=undone)
        is_kept = pc.is_in(known["position"], value_set=kept)
        return pc.and_(is_undone, pc.invert(is_kept)).combine_chunks()

    return released


def with_first_dates(snapshot: Snapshot, events: pa.Table) -> pa.Table:
    """The events, those without a date of their own dated as in the undone import that brought them first.

    A row of a contact file without a date counts from its import. Were it dated anew after an undo, it would hide what
    was noted by hand between the two.
    """
    by_content = pc.starts_with(pc.fill_null(events["key"], ""), CONTENT_KEY)
    undated = pc.or_(by_content, pc.fill_null(events["only_if_new"], False))
    own = events["occurred_at"].combine_chunks()
    without_date = pc.is_in(own, value_set=pc.unique(own.filter(undated.combine_chunks())))
    if not pc.any(without_date, min_count=0).as_py():
        return events
    ids = pa.table({"event_id": events["event_id"].cast(pa.binary()), "row": range(len(events))})
    snapshot.prepare("all_events")
    snapshot.engine.register("undated", ids.filter(without_date))
    found = snapshot.engine.table(
        "select undated.row, min(all_events.occurred_at) as occurred_at from undated"
        " inner join all_events on undated.event_id = all_events.event_id"
        " where all_events.batch in (select batch from undone_batches) group by undated.row"
    )
    place = pc.index_in(pa.array(range(len(events)), pa.int64()), value_set=found["row"].combine_chunks())
    first = found["occurred_at"].combine_chunks().cast(own.type).take(place)
    return events.set_column(events.schema.get_field_index("occurred_at"), "occurred_at", pc.coalesce(first, own))
