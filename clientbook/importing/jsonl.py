"""JSON Lines of events: each line decoded and checked by its type's Struct, then turned into columns."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa

from clientbook.events.arrow import INSTANT, event_table
from clientbook.events.envelope import CustomerRef, Envelope, InvalidEvent, decode_line
from clientbook.events.registry import Registry
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import DRAFT, ID_KEY, Draft, Reject


def looks_like_events(file: GivenFile) -> bool:
    """Whether the file is JSON Lines: by its name or its first character."""
    return file.suffix in (".jsonl", ".ndjson") or file.data.removeprefix(BOM_UTF8).lstrip()[:1] == b"{"


def draft_lines(lines: Iterable[bytes], registry: Registry) -> Draft:
    """Turn lines of JSON into draft events; a bad line is set aside with its fault."""
    envelopes: list[Envelope] = []
    numbers: list[int] = []
    rejected: list[Reject] = []
    read = empty = 0
    for number, given in enumerate(lines, 1):
        line = given.removeprefix(BOM_UTF8) if number == 1 else given
        read += 1
        if not line.strip():
            empty += 1
            continue
        try:
            envelopes.append(decode_line(line, registry))
            numbers.append(number)
        except InvalidEvent as error:
            text = line.decode("utf-8", "replace").strip()
            rejected.append(Reject(line=number, code="event.invalid", column=error.field, message=str(error), value=text))
    return Draft(
        events=draft_events(envelopes, registry),
        row_units=pa.array(range(len(envelopes)), pa.int64()),
        row_lines=pa.array(numbers, pa.int64()),
        rejects=tuple(rejected),
        rows_read=read,
        rows_skipped=empty,
    )


def with_lines(rejects: Iterable[Reject], lines: Sequence[bytes]) -> tuple[Reject, ...]:
    """The rejects, each with its whole line as its value, so that it can be corrected in the rejects file."""
    return tuple(
        reject if reject.value else replace(reject, value=lines[reject.line - 1].decode("utf-8", "replace").strip())
        for reject in rejects
    )


def draft_events(envelopes: list[Envelope], registry: Registry) -> pa.Table:
    """Checked events as draft columns, one unit each."""
    refs = [one.customer if isinstance(one.customer, CustomerRef) else CustomerRef() for one in envelopes]
    columns = {
        "unit": range(len(envelopes)),
        "key": [_key(one) for one in envelopes],
        "type": [one.type for one in envelopes],
        "occurred_at": pa.array([one.occurred_at for one in envelopes], INSTANT),
        "source": [one.source for one in envelopes],
        "actor": [one.actor for one in envelopes],
        "given_id": [one.customer if isinstance(one.customer, str) else None for one in envelopes],
        "external": [_filled(ref.external) for ref in refs],
        "number_source": [one.number_source for one in envelopes],
        "email": [_filled(ref.email and ref.email.lower()) for ref in refs],
        "phone": [_filled(ref.phone) for ref in refs],
        "only_if_new": [False] * len(envelopes),
    }
    structs = event_table([(one.type, one.event) for one in envelopes], registry)
    table = pa.table({name: pa.array(columns[name], DRAFT.field(name).type) for name in DRAFT.names})
    for name, struct in structs.items():
        table = table.append_column(name, struct)
    return table


def _filled(value: str | None) -> str | None:
    return (value or "").strip() or None


def natural_key(envelope: Envelope) -> str | None:
    """The fields that number such events at their source; None where the type has none, or one is not filled."""
    values = [getattr(envelope.event, field) for field in envelope.event.natural_key]
    return " ".join(map(str, values)) if values and all(value is not None for value in values) else None


def _key(envelope: Envelope) -> str | None:
    """What the source knows the event by: the line's `id`, else the fields that number such events."""
    return f"{ID_KEY}{envelope.id}" if envelope.id is not None else natural_key(envelope)
