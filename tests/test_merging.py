"""Merging two entries and parting them again: nothing of their history is lost, and who said no stays one who said no."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ticking import TickingClock

from clientbook.book import Book
from clientbook.importing.noting import merged, unmerged

AT: Final = datetime(2026, 7, 15, 10, tzinfo=UTC)
NO: Final = ("OBJECTED_", "SUPPRESSED_", "CONSENT_WITHDRAWN", "CONSENT_REFUSED", "RESTRICTED", "DECEASED")
"""Beginnings of reasons that a merge must not lift."""

CHANNELS = st.sampled_from(("email", "sms", "post"))
PURPOSES = st.sampled_from(("newsletter", "own_offers", "marketing"))
ACTS = st.one_of(
    st.builds(
        lambda act, channel, purpose: (f"consent_{act}", {"channel": channel, "purposes": [purpose]}),
        st.sampled_from(("given", "refused", "withdrawn")),
        CHANNELS,
        PURPOSES,
    ),
    st.builds(lambda channel: ("objection_raised", {"scope": "channel", "channel": channel}), CHANNELS),
    st.just(("objection_raised", {"scope": "all"})),
    st.just(("processing_restricted", {"ground": "accuracy"})),
    st.builds(lambda amount: ("order_placed", {"total": str(amount), "currency": "EUR"}), st.integers(1, 99)),
    st.builds(lambda tag: ("tag_added", {"tag": tag}), st.sampled_from(("vip", "press"))),
    st.builds(lambda city: ("profile_updated", {"address": {"city": city}}), st.sampled_from(("Lyon", "Nice"))),
    st.just(("address_suppressed", {"channel": "email", "cause": "bounce"})),
)
HISTORIES = st.lists(st.tuples(st.booleans(), st.integers(0, 20), ACTS), max_size=8)


def filled(folder: Path, history: list[Any]) -> tuple[Book, str, str]:
    """A book in which two people did these things, and their ids."""
    book = Book.create(folder / "book", currency="EUR", timezone="Europe/Paris", clock=TickingClock())
    lines = []
    for name in ("ann", "bob"):
        email = f"{name}@example.com"
        registered = {"kind": "person", "collected_via": "checkout", "from_person": True, "informed": True}
        lines += [
            line("customer_registered", email, 0, registered),
            line("profile_updated", email, 0, {"email": email, "given_name": name, "mobile": f"+3361234567{len(lines)}"}),
        ]
    for number, (is_first, day, (type, data)) in enumerate(history):
        email = "ann@example.com" if is_first else "bob@example.com"
        named = {"order_id": str(number)} if type == "order_placed" else {}
        address = {"address": email} if type == "address_suppressed" else {}
        lines.append(line(type, email, day, data | named | address))
    outcome = book.append_lines(lines)
    assert not outcome.rejects, outcome.rejects
    with book.snapshot() as snapshot:
        return book, *(book.find(snapshot, f"{name}@example.com") for name in ("ann", "bob"))


def line(type: str, email: str, day: int, data: dict[str, Any]) -> bytes:
    at = f"2026-05-{day + 1:02}T10:00:00Z"
    return json.dumps({"type": type, "occurred_at": at, "customer": {"email": email}, "data": data}).encode()


def state(book: Book) -> list[Any]:
    """All that the book says of people, but for the merge and its end, which count as events too."""
    queries = (
        "select * exclude (event_count, last_event_at) from customers order by customer_id",
        "select * from orders order by order_id",
        "select * from identifiers order by all",
        "select * from consent_history order by all",
        "select * from interactions where type not in ('customers_merged', 'customers_unmerged') order by all",
    )
    return [book.query(query).to_pylist() for query in queries]


def reasons(book: Book) -> dict[str, dict[tuple[str, str], str]]:
    """The reason code of each customer for each channel and purpose of the policy."""
    with book.snapshot() as snapshot:
        book.consent.open_tables(snapshot, AT)
        rows = snapshot.engine.rows("select customer_id, channel, purpose, reason_code from permissions")
    found: dict[str, dict[tuple[str, str], str]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], {})[row["channel"], row["purpose"]] = row["reason_code"]
    return found


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(history=HISTORIES, into_first=st.booleans())
def test_a_merge_keeps_all_history_and_every_no_and_parting_gives_back_what_was(history: Any, into_first: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        book, ann, bob = filled(Path(name), history)
        into, other = (ann, bob) if into_first else (bob, ann)
        before, separate = state(book), reasons(book)
        book.note(merged(into, [other], reason=None), occurred_at=book.clock())
        ((kept,), orders, identifiers, acts, interactions) = state(book)
        assert kept["customer_id"] == into
        assert (len(orders), len(acts), len(interactions)) == (len(before[1]), len(before[3]), len(before[4]))
        assert {row["value"] for row in identifiers} == {row["value"] for row in before[2]}
        assert kept["order_count"] == sum(row["order_count"] for row in before[0])
        assert set(kept["tags"]) == {tag for row in before[0] for tag in row["tags"]}
        together = reasons(book)[into]
        for pair, reason in together.items():
            if any(one[pair].startswith(NO) for one in separate.values()):
                assert not reason.startswith("OK_"), (pair, separate, together)
        book.note(unmerged([other], reason=None), occurred_at=book.clock())
        assert state(book) == before
        assert reasons(book) == separate
