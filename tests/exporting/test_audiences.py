"""Who is in an audience: only who may be written to, each address once, and everybody else counted with a reason."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from exporting_books import agreed, event, fill, person, shop, withdrew
from hypothesis import given, settings
from hypothesis import strategies as st
from ticking import TickingClock

from clientbook.book import Book
from clientbook.errors import WrongUse
from clientbook.exporting.audience import OWN_REASONS
from clientbook.exporting.desk import BookMoved, Prepared, Wish

EVERYBODY = "event_count > 0"


def letter(book: Book, **more: Any) -> Prepared:
    wish = {"destination": "csv", "where": EVERYBODY, "channel": "email", "purpose": "newsletter"} | more
    return book.exports.prepare(Wish(**wish))


def addresses(prepared: Prepared, column: str = "email") -> set[str]:
    return set(prepared.audience.table[column].to_pylist())


def test_only_who_may_be_written_to_is_in_and_the_others_have_reasons(book: Book) -> None:
    prepared = letter(shop(book))
    assert addresses(prepared) == {"anna@example.com", "zoe@example.com"}
    assert prepared.manifest.counts == {"members": 4, "included": 2, "CONSENT_WITHDRAWN": 1, "NO_CONSENT": 1}
    assert set(prepared.audience.table["legal_basis"].to_pylist()) == {"A6-1-a"}


def test_a_company_that_unsubscribed_its_general_address_is_left_out(book: Book) -> None:
    at = {"at": "2026-03-01T12:00:00Z", "channel": "email", "method": "link"}
    company = [
        event("customer_registered", "info@hotel.example", kind="company", collected_via="checkout", informed=True),
        event("profile_updated", "info@hotel.example", email="info@hotel.example", legal_name="Hôtel du Lac"),
    ]
    fill(shop(book), company)
    assert "info@hotel.example" in addresses(letter(book))
    fill(book, [event("consent_withdrawn", "info@hotel.example", purposes=["newsletter"], **at)])
    prepared = letter(book)
    assert "info@hotel.example" not in addresses(prepared)
    assert prepared.manifest.counts["CONSENT_WITHDRAWN"] == 2


def test_no_address_a_doubtful_one_and_the_same_one_are_reasons_of_their_own(book: Book) -> None:
    fill(
        shop(book),
        [
            *person("wrong@example", "Wilma", "Blanc"),
            agreed("wrong@example"),
            event("tag_added", "anna@example.com", tag="vip"),
        ],
    )
    by_phone = [
        line.replace(b'{"email": "tel@example.com"}', b'{"external": "77"}').replace(b'"email": "tel@example.com", ', b"")
        for line in [*person("tel@example.com", "Théo", "Noir"), agreed("tel@example.com")]
    ]
    fill(book, by_phone)
    second = [
        line.replace(b'{"email": "anna@example.com"}', b'{"external": "78"}')
        for line in [*person("anna@example.com", "Annie", "Lefèvre"), agreed("anna@example.com")]
    ]
    fill(book, second)
    prepared = letter(book)
    assert (
        {"NO_ADDRESS", "DOUBTFUL_ADDRESS"}
        <= set(prepared.audience.reasons)
        <= {*OWN_REASONS, "NO_CONSENT", "CONSENT_WITHDRAWN"}
    )
    emails = [one.lower() for one in prepared.audience.table["email"].to_pylist()]
    assert len(emails) == len(set(emails))
    assert sum(prepared.audience.reasons.values()) + len(emails) == prepared.audience.members


def test_an_address_is_out_where_somebody_else_who_has_it_said_no(book: Book) -> None:
    """Two entries with one mailbox: one withdrew, the other agreed. The message would reach who withdrew."""
    fill(book, [*person("home@example.com", "Marc", "Vidal"), agreed("home@example.com"), withdrew("home@example.com")])
    other = [
        line.replace(b'{"email": "home@example.com"}', b'{"external": "79"}')
        for line in [*person("home@example.com", "Marie", "Vidal"), agreed("home@example.com")]
    ]
    fill(book, other)
    with book.snapshot() as snapshot:
        assert snapshot.engine.value("select count(*) from customers") == 2
    prepared = letter(book)
    assert len(prepared.audience.table) == 0
    assert prepared.audience.reasons["CONSENT_WITHDRAWN"] >= 1
    assert sum(prepared.audience.reasons.values()) == 2


def test_sending_again_filters_again(book: Book) -> None:
    first = letter(shop(book))
    book.exports.record(first)
    fill(book, [withdrew("anna@example.com", at="2026-06-30T10:00:00Z")])
    assert addresses(letter(book)) == {"zoe@example.com"}


def test_who_says_no_while_an_audience_is_computed_stops_it(book: Book) -> None:
    prepared = letter(shop(book))
    fill(book, [withdrew("anna@example.com")])
    with pytest.raises(BookMoved):
        book.exports.record(prepared)
    assert book.exports.made() == []


def test_phones_are_written_with_the_country_and_landlines_get_no_sms(book: Book) -> None:
    fill(
        book,
        [
            *person("a@example.com", "A", "A", mobile="06 39 98 00 01", address={"country": "FR", "city": "Lyon"}),
            agreed("a@example.com", "sms"),
            *person("b@example.com", "B", "B", landline="+33465710000"),
            agreed("b@example.com", "sms"),
        ],
    )
    prepared = letter(book, destination="brevo", channel="sms")
    assert prepared.data.splitlines()[1].startswith(b"33639980001;")
    assert prepared.audience.reasons == {"DOUBTFUL_ADDRESS": 1}


def test_an_audience_holds_no_more_of_people_than_the_message_needs(book: Book) -> None:
    names = letter(shop(book)).audience.table.schema.names
    assert not {"phone", "mobile", "street", "birth_date", "revenue"} & set(names)
    assert {"mobile", "revenue"} <= set(letter(book, columns=("mobile", "revenue")).audience.table.schema.names)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"destination": "brewo"}, "there is no destination 'brewo'"),
        ({"destination": "mailchimp", "channel": "sms"}, "sends by email, not by sms"),
        ({"where": None}, "either with --segment or with --where"),
        ({"channel": None}, "--channel and --purpose"),
        ({"purpose": "gossip"}, "no purpose 'gossip'"),
        ({"message": "lettre"}, "declares no message 'lettre'"),
        ({"columns": ("shoe_size",)}, "shoe_size"),
    ],
)
def test_what_cannot_be_exported_is_said(book: Book, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        letter(shop(book), **wish)


def test_an_order_message_needs_no_consent_and_a_promotion_in_it_is_stopped(book: Book) -> None:
    assert len(letter(shop(book), purpose="order_service").audience.table) == 4
    settings_file = book.folder / "book.toml"
    settings_file.write_text(
        settings_file.read_text() + '\n[messages.suivi]\nchannel = "email"\npurpose = "order_service"\npromotional = true\n'
    )
    again = Book(book.folder, clock=book.clock)
    prepared = letter(again, channel=None, purpose=None, message="suivi")
    assert prepared.audience.reasons == {"PROMO_IN_SERVICE_MESSAGE": 4}


ACTS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(
            [
                ("consent_given", {"channel": "email", "purposes": ["newsletter"]}),
                ("consent_given", {"channel": "email", "purposes": ["own_offers"]}),
                ("consent_given", {"channel": "sms", "purposes": ["newsletter"]}),
                ("consent_withdrawn", {"channel": "email", "purposes": ["marketing"]}),
                ("consent_refused", {"channel": "email", "purposes": ["newsletter"]}),
                ("objection_raised", {"scope": "channel", "channel": "email"}),
                ("objection_raised", {"scope": "all"}),
                ("message_bounced", {"channel": "email", "kind": "hard"}),
                ("complaint_made", {"channel": "email"}),
                ("processing_restricted", {}),
                ("death_reported", {}),
            ]
        ),
        st.integers(1, 28),
    ),
    min_size=4,
    max_size=24,
)


@settings(max_examples=8, deadline=None)
@given(acts=ACTS, shared=st.integers(0, 7))
def test_nobody_without_permission_ever_gets_in(acts: list[Any], shared: int) -> None:
    """Whatever happened: everybody who is in is allowed when asked about alone; the counts balance; no address twice."""
    with tempfile.TemporaryDirectory() as folder:
        book = Book.create(Path(folder) / "book", clock=TickingClock())
        lines = [line for n in range(8) for line in person(f"p{n}@example.com", f"P{n}", "X")]
        lines.append(event("profile_updated", "p0@example.com", at="2026-03-02T10:00:00Z", email=f"p{shared}@example.com"))
        lines += [
            event(type, f"p{n}@example.com", at=f"2026-04-{day:02}T10:00:00Z", **data) for n, (type, data), day in acts
        ]
        fill(book, lines)
        prepared = letter(book)
        for customer_id in prepared.audience.table["customer_id"].to_pylist():
            decision = book.consent.check(customer_id, channel="email", purpose="newsletter", at=prepared.manifest.as_of)
            assert decision.decision == "allow"
        counts = dict(prepared.manifest.counts)
        assert counts.pop("members") == sum(counts.values()) == 8
        emails = [one.lower() for one in prepared.audience.table["email"].to_pylist()]
        assert len(emails) == len(set(emails))
