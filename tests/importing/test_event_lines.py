"""JSON Lines of events: good lines go in, bad ones are set aside to be corrected; whose they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from clientbook.events.registry import Registry
from clientbook.importing.identity import resolve
from clientbook.importing.jsonl import draft_lines

T = "2026-02-01T10:00:00+01:00"


def order(number: str, customer: Any = None, *, source: str = "web", at: str = T, **more: Any) -> dict[str, Any]:
    named = {} if customer is None else {"customer": customer}
    data = {"order_id": number, "total": "5.00", "currency": "EUR"}
    return {"type": "order_placed", "occurred_at": at, "source": source, "data": data} | named | more


def note(text: str, customer: Any, *, source: str = "web", at: str = T) -> dict[str, Any]:
    return {"type": "note_added", "occurred_at": at, "customer": customer, "source": source, "data": {"text": text}}


def text_of(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


BAD = [
    pytest.param("{broken", "$", id="no JSON"),
    pytest.param(json.dumps(order("1") | {"type": "order_eaten"}), "type", id="unknown type"),
    pytest.param(json.dumps(order("1") | {"colour": "red"}), "$", id="unknown field"),
    pytest.param(
        json.dumps(order("1") | {"data": {"order_id": "1", "total": "x", "currency": "EUR"}}), "$.data.total", id="amount"
    ),
    pytest.param(json.dumps(order("1") | {"occurred_at": "2026-02-01T10:00:00"}), "$.occurred_at", id="no offset"),
    pytest.param(json.dumps({"type": "note_added", "occurred_at": T, "data": {"text": "x"}}), "customer", id="nobody"),
]


@pytest.mark.parametrize(("line", "field"), BAD)
def test_a_bad_line_is_set_aside_with_its_number_and_field(line: str, field: str) -> None:
    good = text_of(order("9")).encode()
    draft = draft_lines([good, b"", line.encode(), good], Registry())
    assert [(reject.line, reject.column) for reject in draft.rejects] == [(3, field)]
    assert (draft.rows_read, draft.rows_skipped, len(draft.row_units)) == (4, 1, 2)


def test_the_lines_set_aside_are_corrected_in_their_file_and_go_in(shop: Any) -> None:
    ghost = order("3", "nobody-has-this-id")
    result = shop.bring_events(order("1", {"email": "a@example.com"}), order("2") | {"source": ""}, ghost)
    assert (result.outcome.rows_used, result.outcome.rows_rejected) == (1, 2)
    lines = [json.loads(line) for line in result.rejects_file.read_text(encoding="utf-8").splitlines()]
    assert [line["_reject"]["line"] for line in lines] == [2, 3]
    assert [line["data"]["order_id"] for line in lines] == ["2", "3"]
    corrected = [lines[0] | {"source": "web"}, lines[1] | {"customer": {"email": "a@example.com"}}]
    assert shop.bring_events(*corrected).outcome.rows_used == 2
    assert shop.rows("select count(*) as n from orders") == [{"n": 3}]


def test_a_line_that_is_no_json_is_kept_as_it_stood(shop: Any) -> None:
    path = shop.bring(text_of(order("1")) + '{"type": "note', "events.jsonl").rejects_file
    assert json.loads(path.read_text(encoding="utf-8"))["_reject"]["text"] == '{"type": "note'


def test_an_unknown_customer_id_is_refused_unless_the_file_registers_it(shop: Any) -> None:
    registered = {
        "type": "customer_registered",
        "occurred_at": T,
        "customer": "given-id-1",
        "data": {"kind": "person", "collected_via": "fair"},
    }
    outcome = shop.bring_events(note("a", "given-id-1"), registered, note("b", "given-id-2")).outcome
    assert (outcome.rows_used, [reject.code for reject in outcome.rejects]) == (2, ["customer.unknown"])
    assert shop.rows("select customer_id, note_count from customers") == [{"customer_id": "given-id-1", "note_count": 1}]


def test_a_line_with_an_id_of_its_own_goes_in_once_whatever_it_says(shop: Any) -> None:
    first = note("x", {"email": "a@example.com"}) | {"id": "n-1"}
    outcome = shop.bring_events(first, first).outcome
    assert (outcome.rows_used, outcome.rows_duplicate) in ((2, 0), (1, 1))
    assert shop.rows("select note_count from customers") == [{"note_count": 1}]
    other = shop.bring_events(first | {"data": {"text": "y"}}).outcome
    assert (other.events, other.corrections) == (0, 1)


def test_two_equal_lines_without_an_id_are_two_events_and_stay_two(shop: Any) -> None:
    line = note("called again", {"email": "a@example.com"})
    assert shop.bring_events(line, line).outcome.rows_used == 2
    assert shop.bring_events(line, line).outcome.events == 0
    assert shop.rows("select note_count from customers") == [{"note_count": 2}]


def test_a_byte_order_mark_does_not_spoil_the_first_line(shop: Any) -> None:
    assert shop.bring(b"\xef\xbb\xbf" + text_of(order("1")).encode(), "events.jsonl").outcome.rows_used == 1


def customers(shop: Any) -> list[tuple[int, str | None]]:
    return [
        (row["note_count"], row["external_id"])
        for row in shop.rows("select * from customers order by note_count, external_id")
    ]


def test_the_same_address_at_two_sources_is_one_customer(shop: Any) -> None:
    shop.bring_events(
        note("1", {"email": "A@example.com"}, source="web"), note("2", {"email": "a@example.com"}, source="till")
    )
    assert customers(shop) == [(2, None)]


def test_an_address_first_and_its_number_later_is_one_customer(shop: Any) -> None:
    shop.bring_events(note("1", {"email": "a@example.com"}))
    shop.bring_events(note("2", {"email": "a@example.com", "external": "7"}))
    shop.bring_events(note("3", {"external": "7"}))
    assert customers(shop) == [(3, "7")]


def test_the_number_decides_before_the_address_and_the_clash_is_said(shop: Any) -> None:
    shop.bring_events(
        note("1", {"email": "a@example.com", "external": "7"}), note("2", {"email": "b@example.com", "external": "8"})
    )
    outcome = shop.bring_events(note("3", {"email": "b@example.com", "external": "7"})).outcome
    assert customers(shop) == [(1, "8"), (2, "7")]
    assert any("e-mail address belongs to another customer" in remark for remark in outcome.remarks)
    assert not any("b@example.com" in remark for remark in outcome.remarks)


def test_two_numbers_with_one_address_stay_two_customers(shop: Any) -> None:
    shop.bring_events(
        note("1", {"email": "a@example.com", "external": "7"}), note("2", {"email": "a@example.com", "external": "8"})
    )
    shop.bring_events(note("3", {"email": "a@example.com", "external": "8"}))
    assert customers(shop) == [(1, "7"), (2, "8")]


def test_a_customer_known_by_phone_only_is_found_again(shop: Any) -> None:
    for text in "12":
        shop.bring_events(note(text, {"phone": "+33612345678"}))
    assert [count for count, _ in customers(shop)] == [2]


ref = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@example.com", "b@example.com", "c@example.com"]),
        "external": st.sampled_from(["1", "2", "3"]),
        "phone": st.sampled_from(["0611", "0622"]),
    },
).filter(bool)


@for_all(
    named=st.lists(st.tuples(ref, st.sampled_from(["web", "till"]), st.integers(1, 4)), min_size=2, max_size=7),
    data=st.data(),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_of_lines_in_a_file_does_not_decide_who_is_who(desk: Any, named: list[Any], data: st.DataObject) -> None:
    lines = [
        json.dumps(note(str(place), customer, source=source, at=f"2026-02-0{day}T10:00:00Z")).encode()
        for place, (customer, source, day) in enumerate(named)
    ]

    def partition(order_: list[int]) -> set[frozenset[int]]:
        draft = draft_lines([lines[place] for place in order_], Registry())
        owners: dict[str, set[int]] = {}
        for place, owner in zip(order_, resolve(desk.engine, draft.events).customer_ids.to_pylist(), strict=True):
            owners.setdefault(owner, set()).add(place)
        return {frozenset(places) for places in owners.values()}

    places = list(range(len(lines)))
    assert partition(places) == partition(data.draw(st.permutations(places)))
