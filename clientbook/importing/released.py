"""What undone imports leave behind: ids that may be recorded again, whose the events were and when."""

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


def as_before(snapshot: Snapshot, events: pa.Table) -> pa.Table:
    """The events as they were in the undone import that brought them first, where the file itself does not say.

    Whose: the entry that was merged into another since, if the event is of that customer now; an undone merge gives each
    entry its own again. When: a row of a contact file without a date counts from its import, and dated anew it would hide
    what was noted by hand between the two.
    """
    rows = pa.array(range(len(events)), pa.int64())
    snapshot.prepare("all_events")
    snapshot.engine.register(
        "coming",
        pa.table({"row": rows, "event_id": events["event_id"].cast(pa.binary()), "customer_id": events["customer_id"]}),
    )
    found = snapshot.engine.table(
        "select coming.row, max_by(before.customer_id, before.position)"
        " filter (where coalesce(roots.root_id, before.customer_id) = coming.customer_id) as customer_id,"
        " min(before.occurred_at) as occurred_at"
        " from coming inner join all_events as before on coming.event_id = before.event_id"
        " left join customer_roots as roots on before.customer_id = roots.customer_id"
        " where before.batch in (select batch from undone_batches) group by coming.row"
    )
    place = pc.index_in(rows, value_set=found["row"].combine_chunks())
    whose, when = events["customer_id"].combine_chunks(), events["occurred_at"].combine_chunks()
    whose = pc.coalesce(found["customer_id"].combine_chunks().take(place), whose)
    first = found["occurred_at"].combine_chunks().cast(when.type).take(place)
    when = pc.if_else(_without_date(events), pc.coalesce(first, when), when)
    events = events.set_column(events.schema.get_field_index("customer_id"), "customer_id", whose)
    return events.set_column(events.schema.get_field_index("occurred_at"), "occurred_at", when)


def _without_date(events: pa.Table) -> pa.BooleanArray:
    """Which events are dated by the import itself, for want of a date in the file."""
    by_content = pc.starts_with(pc.fill_null(events["key"], ""), CONTENT_KEY)
    undated = pc.or_(by_content, pc.fill_null(events["only_if_new"], False)).combine_chunks()
    when = events["occurred_at"].combine_chunks()
    return pc.is_in(when, value_set=pc.unique(when.filter(undated)))
