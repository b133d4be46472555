"""Rows for a log, written shortly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from clientbook.events.arrow import EVENT_ID, INSTANT, event_table
from clientbook.events.registry import Registry

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One event as a log takes it."""

    type: str = "tag_added"
    data: Mapping[str, Any] = field(default_factory=lambda: {"tag": "vip"})
    id: bytes | None = None
    customer_id: str | None = "anna"
    occurred_at: datetime = NOON
    source: str = "shop"
    actor: str | None = None
    batch: str | None = None


def event_id(name: str) -> bytes:
    """A 16-byte id that a test can name."""
    return name.encode().ljust(16, b"-")[:16]


def tag(tag: str, **envelope: Any) -> Row:
    """A `tag_added` with the id of its tag."""
    return Row(data={"tag": tag}, **{"id": event_id(tag), **envelope})


def log_rows(rows: Sequence[Row], registry: Registry | None = None) -> pa.Table:
    """The rows as the table that `append` takes, checked against their types.

    Raises:
        msgspec.ValidationError: data that its type refuses.
    """
    registry = registry or Registry()
    events = [(row.type, msgspec.convert(dict(row.data), registry[row.type])) for row in rows]
    columns = {
        "event_id": pa.array([row.id for row in rows], EVENT_ID),
        "type": pa.array([row.type for row in rows], pa.string()),
        "customer_id": pa.array([row.customer_id for row in rows], pa.string()),
        "occurred_at": pa.array([row.occurred_at for row in rows], INSTANT),
        "source": pa.array([row.source for row in rows], pa.string()),
        "actor": pa.array([row.actor for row in rows], pa.string()),
        "batch": pa.array([row.batch for row in rows], pa.string()),
    }
    return pa.table(columns | event_table(events, registry))


def least_data(name: str) -> dict[str, Any]:
    """The least that an event of this type says."""
    digest = "0" * 64
    least: dict[str, dict[str, Any]] = {
        "customer_registered": {"kind": "person", "collected_via": "account"},
        "identifier_linked": {"kind": "email", "value": "a@example.com"},
        "identifier_unlinked": {"kind": "email", "value": "a@example.com"},
        "customers_merged": {"into": "anna", "merged": ["bert"]},
        "customers_unmerged": {"into": "anna", "merged": ["bert"], "roots": ["bert"]},
        "tag_added": {"tag": "vip"},
        "tag_removed": {"tag": "vip"},
        "note_added": {"text": "x"},
        "message_sent": {"channel": "email", "purpose": "newsletter"},
        "social_interaction": {"network": "mastodon"},
        "voucher_issued": {"voucher_id": "V"},
        "voucher_redeemed": {"voucher_id": "V"},
        "audience_exported": {"manifest": {"manifest_id": "M", "destination": "csv", "rule": "true"}},
        "order_placed": {"order_id": "1001", "total": "53.70", "currency": "EUR"},
        "order_cancelled": {"order_id": "1001"},
        "order_refunded": {"amount": "1", "currency": "EUR"},
        "balance_adjusted": {"amount": "-1", "currency": "EUR"},
        "contract_opened": {"contract_id": "C"},
        "contract_closed": {"contract_id": "C"},
        "survey_answered": {"survey": "S"},
        "contest_entered": {"contest": "S"},
        "message_opened": {"channel": "email"},
        "message_clicked": {"channel": "email"},
        "message_bounced": {"channel": "email", "kind": "hard"},
        "complaint_made": {"channel": "email"},
        "store_visited": {"store": "Lyon"},
        "site_visited": {"page": "/"},
        "notice_published": {"notice_id": "N", "version": "1", "language": "fr", "text": "x", "sha256": digest},
        "list_acquired": {"list_id": "L", "supplier": "x"},
        "opt_out_offered": {"channel": "email", "ticked": False},
        "objection_raised": {"scope": "all"},
        "objection_lifted": {"scope": "all"},
        "address_suppressed": {"channel": "email", "cause": "bounce"},
        "suppression_lifted": {"channel": "email"},
        "do_not_call_checked": {"register": "bloctel", "listed": True},
        "customer_erased": {"ledger_number": 1},
        "import_completed": {
            "batch": "B", "importer": "x", "importer_version": "1", "source_name": "shop", "file_sha256": digest,
            "rows_read": 0, "rows_used": 0, "rows_duplicate": 0, "rows_skipped": 0, "rows_rejected": 0, "events": 0,
        },
        "import_reverted": {"batch": "B"},
        "import_restored": {"batch": "B"},
        "segment_defined": {"segment_id": "S", "rule": "true"},
        "segment_retired": {"segment_id": "S"},
        "segment_frozen": {"segment_id": "S"},
        "policy_adopted": {"policy": "{}", "digest": digest},
        "event_voided": {"position": 1},
    }  # fmt: skip
    if name.startswith("consent_"):
        return {"channel": "email", "purposes": ["newsletter"]}
    return least.get(name, {})
