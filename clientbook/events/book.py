"""What happened to the book itself: imports, segments, policy, settings, corrections."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from clientbook.events.base import (
    Amount,
    Code,
    Count,
    Currency,
    CustomerId,
    CustomerRule,
    Event,
    LongText,
    Sha256,
    Text,
    doc,
)

Batch = Annotated[Code, doc("The import's number.")]


class BookEvent(Event, frozen=True, kw_only=True):
    """What every event about the book shares. Not an event by itself."""

    customer: ClassVar[CustomerRule] = "none"


class ImportCompleted(BookEvent, frozen=True, kw_only=True):
    """A file went in. The last event of its batch: without it the batch did not happen."""

    batch: Batch
    importer: Annotated[Code, doc("Which importer read it.")]
    importer_version: Annotated[Code, doc("Its version.")]
    source_name: Annotated[Code, doc("The shop or tool the file came from.")]
    file_sha256: Annotated[Sha256, doc("Digest of the file's bytes as given.")]
    mapping_sha256: Annotated[Sha256, doc("Digest of the mapping it was read with.")] | None = None
    rows_read: Annotated[Count, doc("Rows in the file.")]
    rows_used: Annotated[Count, doc("Rows that became events.")]
    rows_duplicate: Annotated[Count, doc("Rows the book held already.")]
    rows_skipped: Annotated[Count, doc("Rows with nothing to import, such as empty ones.")]
    rows_rejected: Annotated[Count, doc("Rows set aside with a reason.")]
    events: Annotated[Count, doc("Events added, this one not counted.")]
    corrections: Annotated[Count, doc("Rows whose number is known with other content; nothing was changed.")] = 0
    amount_read: Annotated[Amount, doc("Control total: signed sum of all readable amounts.")] | None = None
    amount_used: Annotated[Amount, doc("Signed sum of what went in.")] | None = None
    amount_rejected: Annotated[Amount, doc("Signed sum of what was set aside.")] | None = None


class ImportReverted(BookEvent, frozen=True, kw_only=True):
    """An import was undone."""

    batch: Batch
    reason: Annotated[Text, doc("Why.")] | None = None


class ImportRestored(BookEvent, frozen=True, kw_only=True):
    """The undoing was undone."""

    batch: Batch
    reason: Annotated[Text, doc("Why.")] | None = None


class SegmentDefined(BookEvent, frozen=True, kw_only=True):
    """A segment got a rule, or another one."""

    segment_id: Annotated[Code, doc("Its name.")]
    rule: Annotated[LongText, doc("Boolean expression over customers.")]
    label: Annotated[Text, doc("What people call it.")] | None = None
    parameters: Annotated[dict[str, str], doc("Values of the rule's parameters.")] = {}


class SegmentRetired(BookEvent, frozen=True, kw_only=True):
    """A segment is no longer used."""

    segment_id: Annotated[Code, doc("Its name.")]
    reason: Annotated[Text, doc("Why.")] | None = None


class SegmentFrozen(BookEvent, frozen=True, kw_only=True):
    """A segment's members were written down as they stood."""

    segment_id: Annotated[Code, doc("Its name.")]
    members: Annotated[list[CustomerId], doc("Who was in it.")] = []


class PolicyAdopted(BookEvent, frozen=True, kw_only=True):
    """The shop's consent policy changed."""

    policy: Annotated[LongText, doc("The `[consent]` table, as JSON with sorted keys.")]
    digest: Annotated[Sha256, doc("Digest of that text.")]


class SettingsChanged(BookEvent, frozen=True, kw_only=True):
    """Settings that figures depend on changed."""

    currency: Annotated[Currency, doc("The book's reporting currency.")] | None = None
    timezone: Annotated[Text, doc("The book's time zone, an IANA name.")] | None = None
    similar_products: Annotated[LongText, doc("Which categories count as similar, as JSON.")] | None = None
    fields: Annotated[LongText, doc("Custom field definitions, as JSON.")] | None = None


class EventVoided(BookEvent, frozen=True, kw_only=True):
    """An event is to be left out of every computation. It stays in the log."""

    position: Annotated[int, Meta(ge=1, le=2**53), doc("Which event.")]
    reason: Annotated[Text, doc("Why.")] | None = None


EVENTS: tuple[type[Event], ...] = (
    ImportCompleted,
    ImportReverted,
    ImportRestored,
    SegmentDefined,
    SegmentRetired,
    SegmentFrozen,
    PolicyAdopted,
    SettingsChanged,
    EventVoided,
)
