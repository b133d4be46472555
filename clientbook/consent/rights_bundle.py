"""What the book holds of one person, as files: for the right of access (GDPR article 15) and of portability (20)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from clientbook.consent.deciding import decide
from clientbook.consent.desk import ConsentDesk
from clientbook.consent.permissions import configured
from clientbook.erasure import rows_of
from clientbook.events.arrow import ENVELOPE
from clientbook.projection.snapshots import Snapshot
from clientbook.query import customers

STAFF: Final = "staff"
"""What stands in the place of the name of somebody who works at the shop."""

SOMEBODY: Final = "another customer"

FREE_TEXTS: Final = ("note_added", "call_made", "meeting_held", "visit_made", "social_interaction")
"""Events whose text somebody at the shop wrote: it may name other people."""

_STAFF_FIELDS: Final = ("actor", "recorded_by")
_ID_FIELDS: Final = ("into", "merged", "roots", "members")
_OTHERS_FIELDS: Final = ("company_id",)
_MESSAGES: Final = ("message_sent", "message_opened", "message_clicked", "message_bounced", "complaint_made")
_PROVIDED: Final = (
    "kind", "civility", "given_name", "family_name", "legal_name", "email", "mobile", "landline", "street", "postal_code",
    "city", "region", "country", "language", "sex", "birth_date", "birth_year", "occupation", "interests", "marital_status",
    "children", "sector", "headcount", "trade", "siren", "vat_id",
)  # fmt: skip
"""What of the profile the person provides. Tags, the shop's own fields and all figures are the shop's."""

_GENERATED: Final = {
    "clicks.csv": ("message_clicked",),
    "surveys.csv": ("survey_answered", "contest_entered", "review_posted"),
    "visits.csv": ("site_visited", "store_visited", "cart_abandoned", "quote_requested", "sample_requested"),
}
"""Which events of the person go into which file of what can be taken elsewhere."""

_ORDERS: Final = """
select
    orders.order_id, orders.source, orders.placed_at, orders.status, orders.currency, orders.gross, orders.refunded,
    orders.revenue, orders.channel, orders.store, lines.line_number, lines.kind, lines.sku, lines.product, lines.category,
    lines.quantity, lines.unit_price, lines.amount
from orders
left join order_lines as lines on orders.source = lines.source and orders.order_id = lines.order_id
where orders.customer_id = $id
order by orders.placed_at, orders.position, lines.line_number
"""

_EXPORTS: Final = """
select
    occurred_at, audience_exported.manifest.manifest_id as manifest_id,
    audience_exported.manifest.destination as destination, position
from events
where audience_exported is not null and occurred_at >= $since
order by occurred_at, position
"""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Everything that the book holds of one person, masked."""

    customer_id: str
    profile: dict[str, Any]
    identifiers: list[dict[str, Any]]
    merged_entries: list[str]
    """Ids of entries that were merged into this one."""
    segments: list[str]
    """Segments of which a list was kept that has the person on it."""
    events: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    """One row a line; the order's own columns repeat."""
    consents: dict[str, Any]
    """states, acts, notices."""
    decisions: list[dict[str, Any]]
    exports: list[dict[str, Any]]
    """Lists that left the book while the person was in it."""

    @property
    def free_texts(self) -> int:
        """Entries that somebody at the shop worded."""
        return sum(event["type"] in FREE_TEXTS for event in self.events)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was sent, and what became of it; one row an event."""
        names = ("channel", "purpose", "campaign", "subject", "address", "url", "kind")
        found = (event for event in self.events if event["type"] in _MESSAGES)
        return [
            {"occurred_at": event["occurred_at"], "what": event["type"]} | {name: event["data"].get(name) for name in names}
            for event in found
        ]


def gather(snapshot: Snapshot, desk: ConsentDesk, customer_id: str) -> Held:
    """Everything that the book holds of a customer, with names of others masked.

    Raises:
        CustomerNotFound: there is none with this id.
    """
    engine = snapshot.engine
    entries = engine.rows(
        "select customer_id from customer_roots where root_id = $id and customer_id <> $id order by 1", {"id": customer_id}
    )
    own = {customer_id, *(row["customer_id"] for row in entries)}
    profile = {name: value for name, value in customers.profile(engine, customer_id).items() if name not in _OTHERS_FIELDS}
    events = events_of(snapshot, customer_id, own)
    return Held(
        customer_id=customer_id,
        profile=profile,
        identifiers=customers.identifiers(engine, customer_id),
        merged_entries=sorted(own - {customer_id}),
        segments=_segments(snapshot, own),
        events=events,
        timeline=[_masked(row, own) for row in customers.timeline(engine, customer_id)],
        orders=engine.rows(_ORDERS, {"id": customer_id}),
        consents=_consents(desk, customer_id, events, own),
        decisions=_decisions(snapshot, desk, customer_id),
        exports=exports_since(snapshot, own),
    )


def events_of(snapshot: Snapshot, customer_id: str, own: set[str]) -> list[dict[str, Any]]:
    """Every row of the log that an erasure would take or keep without the person: also what does not count any more."""
    fates = rows_of(snapshot, customer_id)
    positions = sorted(position for position, fate in fates.items() if fate.action in ("removed", "kept"))
    if not positions:
        return []
    listed = ", ".join(map(str, positions))
    found = snapshot.table(f"select * from all_events where position in ({listed}) order by position")
    counting = set(snapshot.table(f"select position from live_events where position in ({listed})")["position"].to_pylist())
    used = set(found["type"].unique().to_pylist())
    chosen = found.select([name for name in found.schema.names if name in ENVELOPE.names or name in used])
    return [_event(row, own, counts=row["position"] in counting) for row in chosen.to_pylist()]


def access_files(held: Held, page: str) -> dict[str, bytes]:
    """The bundle for the right of access: file name → bytes."""
    about = {
        "customer": held.profile,
        "identifiers": held.identifiers,
        "merged_entries": held.merged_entries,
        "segments": held.segments,
    }
    return {
        "index.html": page.encode(),
        "profile.json": as_json(about),
        "events.jsonl": b"".join(_encode(event) + b"\n" for event in held.events),
        "consents.json": as_json(held.consents),
        "messages.csv": as_csv(
            held.messages, ("occurred_at", "what", "channel", "purpose", "campaign", "subject", "address", "url", "kind")
        ),
        "decisions.json": as_json(held.decisions),
        "orders.csv": as_csv(held.orders, _ORDER_COLUMNS),
    }


def portable_files(held: Held) -> dict[str, bytes]:
    """What the person provided or brought about, to be taken elsewhere: file name → bytes. The JSON has all of it."""
    profile = {name: held.profile[name] for name in _PROVIDED if held.profile[name] not in (None, [], "")}
    linked = [{name: row[name] for name in ("kind", "source", "value")} for row in held.identifiers]
    acts = [{name: act[name] for name in _ACT_COLUMNS} for act in held.consents["acts"]]
    tables = {name: _happened(held, types) for name, types in _GENERATED.items()}
    whole = {"profile": profile, "identifiers": linked, "consents": acts, "orders": held.orders}
    whole |= {name.removesuffix(".csv"): rows for name, rows in tables.items()}
    files = {
        "data.json": as_json(whole),
        "profile.csv": as_csv([profile], tuple(profile)),
        "consents.csv": as_csv(acts, _ACT_COLUMNS),
        "orders.csv": as_csv(held.orders, _ORDER_COLUMNS),
    }
    columns = ("occurred_at", "type", "source", "data")
    return files | {name: as_csv(rows, columns) for name, rows in tables.items()}


def exports_since(snapshot: Snapshot, own: Iterable[str]) -> list[dict[str, Any]]:
    """Lists that left the book since the first thing that is known of the person. Who was on a list is not kept.

    `message_sent`: whether a message of that list is recorded as sent to the person.
    """
    listed = ", ".join(f"'{one}'" for one in own)
    since = snapshot.table(f"select min(occurred_at) as at from all_events where customer_id in ({listed})")["at"][0].as_py()
    if since is None:
        return []
    sent = snapshot.table(
        "select distinct message_sent.manifest as manifest_id from all_events"
        f" where message_sent.manifest is not null and customer_id in ({listed})"
    )["manifest_id"].to_pylist()
    rows = snapshot.table(_EXPORTS, {"since": since}).to_pylist()
    return [row | {"message_sent": row["manifest_id"] in sent} for row in rows]


def as_json(value: Any) -> bytes:
    """A document, indented: amounts are numbers, instants ISO 8601."""
    return msgspec.json.format(_encode(value), indent=2) + b"\n"


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """A table with a header, UTF-8 with a mark at the beginning, so that spreadsheet programs read accents."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([[_cell(row[name]) for name in columns] for row in rows])
    return text.getvalue().encode("utf-8-sig")


_ORDER_COLUMNS: Final = (
    "order_id", "source", "placed_at", "status", "currency", "gross", "refunded", "revenue", "channel", "store",
    "line_number", "kind", "sku", "product", "category", "quantity", "unit_price", "amount",
)  # fmt: skip
_ACT_COLUMNS: Final = (
    "occurred_at", "act", "channel", "purpose", "address", "scope", "opt_in_level", "notice_id", "notice_version", "method",
    "surface", "source",
)  # fmt: skip
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def _encode(value: Any) -> bytes:
    return _encoder.encode(_plain(value))


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it: maps are objects, amounts without needless zeros."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(name): _plain(item) for name, item in value}
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    return value.hex() if isinstance(value, bytes) else value


def _cell(value: Any) -> str:
    shown = _plain(value)
    if shown is None or isinstance(shown, str):
        return shown or ""
    if isinstance(shown, datetime):
        return shown.isoformat()
    return _encode(shown).decode() if isinstance(shown, dict | list) else str(shown)


def _filled(value: Any) -> Any:
    """A struct without what it does not say."""
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item not in (None, [])}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value


def _masked(row: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """What a row says, without other people: staff, the company, other customers."""
    found = {}
    for name, value in row.items():
        if name in _OTHERS_FIELDS:
            continue
        if name in _STAFF_FIELDS and value is not None:
            value = STAFF
        if name in _ID_FIELDS and value is not None:
            value = (
                [one if one in own else SOMEBODY for one in value]
                if isinstance(value, list)
                else (value if value in own else SOMEBODY)
            )
        found[name] = value
    return found


def _event(row: dict[str, Any], own: set[str], *, counts: bool) -> dict[str, Any]:
    event = {
        "position": row["position"],
        "type": row["type"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "customer": row["customer_id"],
        "source": row["source"],
        "actor": row["actor"],
        "import": row["batch"],
        "counts": counts,
        "data": _masked(_filled(row[row["type"]]), own),
    }
    return _masked({name: value for name, value in event.items() if value is not None}, own)


def _happened(held: Held, types: tuple[str, ...]) -> list[dict[str, Any]]:
    found = (event for event in held.events if event["type"] in types and event["counts"])
    return [{name: event[name] for name in ("occurred_at", "type", "source", "data")} for event in found]


def _segments(snapshot: Snapshot, own: set[str]) -> list[str]:
    listed = ", ".join(f"'{one}'" for one in sorted(own))
    found = snapshot.table(
        "select distinct segment_frozen.segment_id as segment_id from all_events"
        f" where list_has_any(segment_frozen.members, [{listed}]) order by 1"
    )
    names: list[str] = found["segment_id"].to_pylist()
    return names


def _consents(desk: ConsentDesk, customer_id: str, events: list[dict[str, Any]], own: set[str]) -> dict[str, Any]:
    """The states, the acts, and the full text of each wording that some event says the person was shown."""
    found = desk.states(customer_id)
    acts = [_masked(row, own) for row in found["acts"]]
    states = [_masked(row, own) for row in found["states"]]
    shown = {event["data"].get("notice_id") for event in events}
    notices = [row for row in desk.notices(with_text=True).to_pylist() if row["notice_id"] in shown]
    return {"at": found["at"], "states": states, "acts": acts, "notices": notices}


def _decisions(snapshot: Snapshot, desk: ConsentDesk, customer_id: str) -> list[dict[str, Any]]:
    """For each pair of channel and purpose that the policy names: may the shop write now?"""
    setting = desk.setting(snapshot, desk.now)
    asks = configured(setting.policy, desk.settings.messages)
    return [vars(decide(snapshot, setting, customer_id, ask, until=False)) for ask in asks]
