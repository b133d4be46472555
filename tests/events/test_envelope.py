"""JSON Lines: what a line may say, and what the reader is told when it says something else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from clientbook.events.consent import ConsentGiven
from clientbook.events.envelope import CustomerRef, Envelope, InvalidEvent, decode_line, encode_line, make
from clientbook.events.personal import Address, ProfileUpdated
from clientbook.events.reactions import Line, OrderPlaced
from clientbook.events.registry import Registry
from clientbook.testing.rows import least_data

REGISTRY = Registry()
ORDER = {"order_id": "1001", "total": "53.70", "currency": "EUR"}
SECRET = "Xanthippe"


def decoded(type: str = "order_placed", **changes: Any) -> Envelope:
    line = {"type": type, "occurred_at": "2026-03-01T10:00:00+01:00", "data": ORDER, **changes}
    return decode_line(json.dumps({key: value for key, value in line.items() if value is not ...}), REGISTRY)


def refused(*args: Any, **changes: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decoded(*args, **changes)
    return caught.value


def order(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (ORDER | changes).items() if value is not ...}


def test_a_line_becomes_an_event_with_its_values_as_given():
    read = decoded(
        customer={"email": "a@example.com", "external": "77"},
        source="shop",
        id="A-1",
        actor="till 2",
        data=order(lines=[{"sku": "B1", "quantity": "2", "unit_price": 26.85, "kind": "product"}]),
    )
    assert read == Envelope(
        type="order_placed",
        occurred_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        event=OrderPlaced(
            order_id="1001",
            total=Decimal("53.70"),
            currency="EUR",
            lines=[Line(sku="B1", quantity=Decimal(2), unit_price=Decimal("26.85"), kind="product")],
        ),
        customer=CustomerRef(email="a@example.com", external="77"),
        source="shop",
        id="A-1",
        actor="till 2",
    )


def test_nested_records_dates_and_lists_are_read():
    read = decoded(
        "profile_updated",
        customer="anna",
        data={
            "birth_date": "1980-02-29",
            "address": {"lines": ["1 rue X", "BP 2"], "postal_code": "01000"},
            "attributes": {"shoe": "38"},
            "cleared": ["mobile"],
        },
    )
    assert read.customer == "anna"
    assert read.event == ProfileUpdated(
        birth_date=date(1980, 2, 29),
        address=Address(lines=["1 rue X", "BP 2"], postal_code="01000"),
        attributes={"shoe": "38"},
        cleared=["mobile"],
    )


def test_an_event_without_a_stated_source_was_entered_by_hand():
    assert decoded().source == "hand"


def test_what_a_line_says_is_written_the_way_it_is_read():
    line = encode_line({"type": "order_placed", "occurred_at": datetime(2026, 3, 1, 9, tzinfo=UTC), "data": decoded().event})
    assert b'"total":"53.70"' in line
    assert decode_line(line, REGISTRY).event == decoded().event


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (order(total="much"), "$.data.total"),
        (order(currency="eur"), "$.data.currency"),
        (order(order_id=""), "$.data.order_id"),
        (order(order_id=17), "$.data.order_id"),
        (order(lines=[{}, {"quantity": "lots"}]), "$.data.lines[1].quantity"),
        (order(lines=[{"kind": "gift"}]), "$.data.lines[0].kind"),
        (order(total="-0.01"), "$.data.total"),
        (order(total="1.00001"), "$.data.total"),
        (order(lines=[{}, {"amount": "1.00001"}]), "$.data.lines[1].amount"),
    ],
)
def test_a_bad_value_is_answered_with_the_path_of_its_field(data: dict[str, Any], field: str):
    assert refused(data=data).field == field


def test_a_missing_field_is_named():
    assert str(refused(data=order(total=...))) == "the field total is missing"


def test_a_bad_value_of_the_envelope_is_answered_with_its_path():
    assert refused(occurred_at="yesterday").field == "$.occurred_at"
    assert refused(customer={"email": "x"}).field == "$.customer.email"
    assert refused(source="").field == "$.source"


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("profile_updated", {"sex": SECRET}),
        ("profile_updated", {"email": SECRET}),
        ("profile_updated", {"birth_date": SECRET}),
        ("profile_updated", {"birth_year": SECRET}),
        ("profile_updated", {"children": SECRET}),
        ("profile_updated", {"siren": SECRET}),
        ("profile_updated", {"family_name": SECRET * 100}),
        ("profile_updated", {"interests": [SECRET * 100]}),
        ("profile_updated", {"interests": SECRET}),
        ("profile_updated", {"address": SECRET}),
        ("profile_updated", {"address": {"lines": [SECRET * 100]}}),
        ("profile_updated", {"attributes": {"shoe": [SECRET]}}),
        ("profile_updated", {"attributes": {SECRET: 1}}),
        ("profile_updated", {"cleared": ["mobile", SECRET]}),
        ("order_placed", ORDER | {"lines": [{"kind": SECRET}]}),
        ("identifier_linked", {"kind": "email", "value": SECRET * 100}),
        ("identifier_linked", {"kind": SECRET, "value": "x"}),
        ("note_added", {"text": [SECRET]}),
        ("survey_answered", {"survey": "x", "answers": {"q": {"a": SECRET}}}),
        ("consent_given", {"channel": "email", "purposes": ["newsletter"], "address": SECRET * 100}),
        ("consent_given", {"channel": SECRET, "purposes": ["newsletter"]}),
    ],
)
def test_an_error_never_repeats_a_value_that_may_be_personal(type: str, data: dict[str, Any]):
    error = refused(type, customer="anna", data=data)
    assert error.field.startswith("$.data.")
    assert SECRET not in str(error)
    assert SECRET not in error.field


def test_an_error_never_repeats_how_a_source_names_a_customer():
    for customer in (
        {"email": SECRET * 100},
        {"phone": [SECRET]},
        {"external": SECRET * 100},
        SECRET,
        [SECRET],
    ):
        error = refused(customer=customer)
        assert error.field.startswith("$.customer")
        assert SECRET not in str(error)


def test_an_error_about_a_broken_line_does_not_repeat_it():
    with pytest.raises(InvalidEvent) as caught:
        decode_line(f'{{"type": "note_added", "data": {{"text": "{SECRET}', REGISTRY)
    assert SECRET not in str(caught.value)


def test_a_line_that_is_no_text_is_refused():
    with pytest.raises(InvalidEvent):
        decode_line(b'{"type": "note_added", "occurred_at": "2026-03-01T10:00:00Z", "source": "\xff"}', REGISTRY)
    with pytest.raises(InvalidEvent):
        decode_line(b"\xff\xfe", REGISTRY)


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"3", b'"order_placed"', b"{}", b'{"type": "order_placed"}'])
def test_a_line_that_is_no_event_is_refused(line: bytes):
    with pytest.raises(InvalidEvent):
        decode_line(line, REGISTRY)


@pytest.mark.parametrize("name", sorted(name for name, event in REGISTRY.items() if event.customer == "required"))
def test_an_event_about_a_customer_needs_one(name: str):
    with pytest.raises(InvalidEvent) as caught:
        decode_line(encode_line({"type": name, "occurred_at": "2026-03-01T10:00:00Z", "data": least_data(name)}), REGISTRY)
    assert caught.value.field == "customer"
    assert name in str(caught.value)


@pytest.mark.parametrize("name", sorted(name for name, event in REGISTRY.items() if event.customer == "none"))
def test_an_event_about_the_book_names_no_customer(name: str):
    line = {"type": name, "occurred_at": "2026-03-01T10:00:00Z", "data": least_data(name)}
    assert decode_line(encode_line(line), REGISTRY).customer is None
    with pytest.raises(InvalidEvent) as caught:
        decode_line(encode_line(line | {"customer": "anna"}), REGISTRY)
    assert caught.value.field == "customer"


@pytest.mark.parametrize("name", sorted(name for name, event in REGISTRY.items() if event.customer == "optional"))
def test_an_event_of_a_guest_or_a_customer_may_be_either(name: str):
    line = {"type": name, "occurred_at": "2026-03-01T10:00:00Z", "data": least_data(name)}
    assert decode_line(encode_line(line), REGISTRY).customer is None
    assert decode_line(encode_line(line | {"customer": "anna"}), REGISTRY).customer == "anna"


def test_a_customer_with_no_identifier_is_no_customer():
    assert decoded(customer={}).customer is None
    assert refused("note_added", customer={}, data={"text": "x"}).field == "customer"


@pytest.mark.parametrize("customer", ["An", "anna!", "Anna", "anna\n", "-anna", "a" * 65])
def test_a_customer_id_has_a_fixed_form(customer: str):
    assert refused(customer=customer).field == "$.customer"


@pytest.mark.parametrize("moment", ["2026-03-01T10:00:00", "2026-03-01", "10:00", 1767225600])
def test_a_moment_without_its_time_zone_is_refused(moment: Any):
    assert refused(occurred_at=moment).field == "$.occurred_at"


def test_a_moment_inside_an_event_needs_its_time_zone_too():
    error = refused("voucher_issued", customer="anna", data={"voucher_id": "V", "expires_at": "2026-03-01T10:00:00"})
    assert error.field == "$.data.expires_at"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_that_has_no_utc_form_is_refused(moment: str):
    assert refused(occurred_at=moment).field == "$.occurred_at"


def test_unknown_fields_are_refused_and_named():
    assert "gift_wrap" in str(refused(data=order(gift_wrap=True)))
    assert "colour" in str(refused(data=order(lines=[{"colour": "red"}])))
    assert "shop" in str(refused(shop="x"))
    assert "fax" in str(refused(customer={"fax": "1"}))


@pytest.mark.parametrize(
    "total",
    [
        "1.00001", "0.000000000001", "100000000000000", "1e14", "1E+400", "1e-400", "NaN", "sNaN", "Infinity",
        "-1", "-0.0001", 1.00001, 100000000000000, -1, 1e15,
    ],
)  # fmt: skip
def test_an_amount_that_would_be_rounded_or_cut_is_refused(total: Any):
    assert refused(data=order(total=total)).field.startswith("$.data")


@pytest.mark.parametrize(
    ("total", "value"),
    [
        ("0", "0"),
        ("99999999999999.9999", "99999999999999.9999"),
        ("1.50000000", "1.5"),
        ("1e3", "1000"),
        (0.1, "0.1"),
        (12, "12"),
    ],
)
def test_an_amount_that_fits_is_kept_exactly(total: Any, value: str):
    event = decoded(data=order(total=total)).event
    assert isinstance(event, OrderPlaced)
    assert event.total == Decimal(value)


def test_a_percentage_stays_between_0_and_100():
    assert decoded("voucher_issued", customer="anna", data={"voucher_id": "V", "percent": "100"})
    assert "at most 100" in str(refused("voucher_issued", customer="anna", data={"voucher_id": "V", "percent": "100.1"}))


def test_the_reason_in_a_rejects_file_is_ignored_when_the_line_is_read_again():
    assert decoded(_reject={"code": "event.invalid", "message": "x", "line": 3}) == decoded()
    assert decoded(_reject=None) == decoded()


def test_an_unknown_type_is_refused_with_the_nearest():
    error = refused("order_plcaed")
    assert error.field == "type"
    assert "did you mean order_placed?" in str(error)


def test_a_consent_without_a_purpose_is_refused():
    given = {"channel": "email", "purposes": ["newsletter"]}
    assert decoded("consent_given", customer="anna", data=given).event == ConsentGiven(
        channel="email", purposes=["newsletter"]
    )
    assert refused("consent_given", customer="anna", data=given | {"purposes": []}).field == "$.data.purposes"
    assert (
        refused("consent_given", customer="anna", data=given | {"purposes": ["News letter"]}).field == "$.data.purposes[0]"
    )


def test_a_field_with_a_list_of_values_is_answered_with_that_list():
    assert "female, male, other" in str(refused("profile_updated", customer="anna", data={"sex": SECRET}))


def test_an_event_noted_by_hand_is_checked_like_a_line():
    def note(type: str, data: dict[str, Any], occurred_at: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> Envelope:
        return make(type, data, REGISTRY, occurred_at=occurred_at, customer="anna")

    made = note("order_placed", {"order_id": "1", "total": Decimal("2.5"), "currency": "EUR", "store": None})
    assert made.event == OrderPlaced(order_id="1", total=Decimal("2.5"), currency="EUR")
    for type, data, expected in (
        ("order_placed", {"order_id": "1", "total": Decimal(-1), "currency": "EUR"}, "total: expected at least 0"),
        ("order_placed", {"order_id": "1", "total": Decimal(1), "currency": "eur"}, "currency: "),
        ("profile_updated", {"sex": SECRET}, "sex: expected one of female, male, other"),
    ):
        with pytest.raises(InvalidEvent) as caught:
            note(type, data)
        assert str(caught.value).startswith(expected)
        assert SECRET not in str(caught.value)
    with pytest.raises(InvalidEvent):
        note("note_added", {"text": "x"}, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))
