"""Undoing an import: what goes, what stays, and that the file can come again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from clientbook.errors import ClientbookError
from clientbook.importing.noting import happened, merged, unmerged
from clientbook.importing.undoing import AlreadyUndone, BatchNotFound, NotUndone, RecordedAgain

ORDERS = "Order number;Order date;Email;City;Order total\n"
ANNA, BERT, CLEO = (f"{name}@example.com" for name in ("anna", "bert", "cleo"))
FIRST = ORDERS + f"1;05/11/2025;{ANNA};Lyon;20,00\n2;06/11/2025;{BERT};Nice;30,00\n"
SECOND = ORDERS + f"2;06/11/2025;{BERT};Nice;30,00\n3;07/11/2025;{ANNA};Lyon;5,00\n4;08/11/2025;{CLEO};Brest;7,00\n"
CONTACTS = f"Email,First name,City\n{ANNA},Anna,Lyon\n{BERT},Bert,Nice\n"

READ_MODEL = {
    "customers": "select * exclude (customer_id, company_id) from customers order by email, name",
    "orders": "select orders.* exclude (customer_id, position), email from orders left join customers using (customer_id)"
    " order by source, order_id",
    "order_lines": "select * exclude (customer_id) from order_lines order by source, order_id, line_number",
    "identifiers": "select identifiers.kind, identifiers.source, value, strength, linked_at, email"
    " from identifiers inner join customers using (customer_id) order by all",
    "interactions": "select interactions.* exclude (customer_id, position), email"
    " from interactions left join customers using (customer_id) order by all",
}
"""What people see, without the numbers that another recording changes."""


def read_model(shop: Any) -> dict[str, list[dict[str, Any]]]:
    with shop.book.snapshot() as snapshot:
        return {name: snapshot.table(query).to_pylist() for name, query in READ_MODEL.items()}


def orders(shop: Any) -> dict[str, str | None]:
    """Order → e-mail of whose it is."""
    rows = shop.rows("select order_id, email from orders left join customers using (customer_id) order by 1")
    return {row["order_id"]: row["email"] for row in rows}


def emails(shop: Any) -> list[str]:
    """Of all customers: one who is there twice is named twice."""
    return [row["email"] for row in shop.rows("select email from customers order by 1")]


def ids(shop: Any) -> dict[str, str]:
    return {row["email"]: row["customer_id"] for row in shop.rows("select email, customer_id from customers")}


def note(shop: Any, customer: str, type: str = "note_added", **data: Any) -> None:
    events = [(type, data or {"text": "called"})]
    shop.book.note(happened(customer, events), occurred_at=shop.book.clock())


def twice_live(shop: Any) -> list[Any]:
    return shop.rows("select event_id, count(*) as n, list(type) from events group by 1 having n > 1")


def test_what_the_import_brought_goes_and_comes_back(shop: Any) -> None:
    before = read_model(shop)
    batch = shop.bring(FIRST).batch
    full = read_model(shop)
    shop.book.undo(batch)
    assert read_model(shop) == before
    shop.book.undo(batch, restore=True)
    assert read_model(shop) == full
    assert twice_live(shop) == []


def test_the_file_can_be_imported_again_and_nothing_is_lost(shop: Any) -> None:
    first = shop.bring(FIRST)
    full, names = read_model(shop), ids(shop)
    shop.book.undo(first.batch)
    again = shop.bring(FIRST)
    assert (again.outcome.rows_used, again.outcome.rows_duplicate, again.outcome.customers_created) == (2, 0, 2)
    assert again.outcome.events == first.outcome.events
    assert read_model(shop) == full
    assert ids(shop) == names, "a customer who comes back has the id it had"
    assert shop.bring(FIRST).outcome.events == 0


def test_a_corrected_file_goes_in_after_the_undo(shop: Any) -> None:
    shop.bring(FIRST)
    wrong = FIRST.replace("20,00", "99,00")
    assert shop.bring(wrong).outcome.corrections == 1
    shop.book.undo("last")
    outcome = shop.bring(wrong).outcome
    assert (outcome.rows_used, outcome.corrections) == (2, 0)
    assert shop.rows("select sum(revenue) as r from orders") == [{"r": Decimal(129)}]


def test_dates_that_were_misread_are_right_after_the_second_import(shop: Any) -> None:
    """Not only the orders': since when a customer is known, too."""
    shop.bring(FIRST)
    shop.book.undo("last")
    shop.bring(FIRST.replace("05/11/2025", "11/05/2025"))
    (since,) = shop.rows(f"select strftime(registered_at, '%m-%d') as day from customers where email = '{ANNA}'")
    assert since == {"day": "05-10"}, "midnight in Paris"


def test_a_customer_of_whom_something_else_is_known_stays(shop: Any) -> None:
    shop.bring(FIRST)
    full, names = read_model(shop), ids(shop)
    note(shop, ANNA)
    noted = read_model(shop)
    shop.book.undo("last")
    assert (emails(shop), orders(shop)) == ([ANNA], {})
    assert ids(shop)[ANNA] == names[ANNA]
    assert shop.bring(FIRST).outcome.customers_matched == 1
    assert read_model(shop) == noted != full
    assert emails(shop) == [ANNA, BERT], "nobody is there twice"


def test_what_was_noted_by_hand_since_stays(shop: Any) -> None:
    shop.bring(CONTACTS, "contacts.csv")
    note(shop, ANNA, "profile_updated", address={"city": "Paris"})
    note(shop, ANNA, "tag_added", tag="vip")
    note(shop, ANNA, "consent_given", channel="email", purposes=["newsletter"])
    noted = read_model(shop)
    shop.book.undo("last")
    (anna,) = shop.rows("select email, given_name, city, tags from customers")
    assert anna == {"email": ANNA, "given_name": None, "city": "Paris", "tags": ["vip"]}
    assert shop.rows("select count(*) as n from consent_history") == [{"n": 1}]
    shop.bring(CONTACTS, "contacts.csv")
    assert read_model(shop) == noted, "the town noted by hand is newer than the file, though the file came in again later"


def test_what_another_file_said_of_the_same_customers_stays(shop: Any) -> None:
    first = shop.bring(FIRST).batch
    shop.bring(SECOND)
    both = read_model(shop)
    shop.book.undo(first)
    assert orders(shop) == {"3": ANNA, "4": CLEO}
    assert emails(shop) == [ANNA, CLEO]
    assert shop.bring(SECOND).outcome.rows_used == 1, "the order that the two files share had come with the undone one"
    assert shop.bring(FIRST).outcome.rows_used == 1
    assert read_model(shop) == both


def test_a_merge_made_since_holds_when_the_file_comes_again(shop: Any) -> None:
    shop.bring(FIRST)
    root, outcome = shop.book.note(merged(ANNA, [BERT], reason=None), occurred_at=shop.book.clock())
    assert outcome.events == 1
    merged_model = read_model(shop)
    shop.book.undo("last")
    assert orders(shop) == {}
    shop.bring(FIRST)
    assert ids(shop) == {ANNA: root}
    assert orders(shop) == {"1": ANNA, "2": ANNA}
    assert read_model(shop) == merged_model
    shop.book.note(unmerged([BERT], reason=None), occurred_at=shop.book.clock())
    assert orders(shop) == {"1": ANNA, "2": BERT}


def test_a_merge_with_somebody_the_undone_file_did_not_know_holds(shop: Any) -> None:
    shop.bring(SECOND)
    batch = shop.bring(FIRST).batch
    shop.book.note(merged(CLEO, [ANNA], reason=None), occurred_at=shop.book.clock())
    shop.book.undo(batch)
    assert orders(shop) == {"2": BERT, "3": CLEO, "4": CLEO}
    shop.bring(FIRST)
    assert orders(shop) == {"1": CLEO, "2": BERT, "3": CLEO, "4": CLEO}


def test_customers_with_ids_of_their_own_are_not_registered_twice(shop: Any) -> None:
    at = "2026-02-01T10:00:00Z"
    registered = {"type": "customer_registered", "occurred_at": at, "customer": "given-1"}
    registered["data"] = {"kind": "person", "collected_via": "fair"}
    noted = {"type": "note_added", "occurred_at": at, "customer": "given-1", "data": {"text": "x"}}
    for _ in range(2):
        assert shop.bring_events(registered, noted).outcome.rows_used == 2
        assert twice_live(shop) == []
        assert shop.rows("select customer_id, event_count from customers") == [{"customer_id": "given-1", "event_count": 2}]
        shop.book.undo("last")
        assert emails(shop) == []


def test_an_event_that_was_voided_does_not_come_back(shop: Any) -> None:
    shop.bring(FIRST)
    position = shop.rows("select position from orders where order_id = '1'")[0]["position"]
    shop.book.append_lines(
        [
            json.dumps(
                {"type": "event_voided", "occurred_at": "2026-03-01T10:00:00Z", "data": {"position": position}}
            ).encode()
        ]
    )
    voided = orders(shop)
    shop.book.undo("last")
    assert shop.bring(FIRST).outcome.rows_duplicate == 1
    assert orders(shop) == voided == {"2": BERT}


def test_which_import_is_meant(shop: Any) -> None:
    with pytest.raises(BatchNotFound, match="no import to undo"):
        shop.book.undo("last")
    one, two = shop.bring(FIRST).batch, shop.bring(SECOND).batch
    for text in ("", "x", one + "x"):
        with pytest.raises(BatchNotFound, match="no import"):
            shop.book.undo(text)
    with pytest.raises(BatchNotFound, match=f"{two}, {one}"):
        shop.book.undo(one[:8])
    with pytest.raises(NotUndone, match=one):
        shop.book.undo(one, restore=True)
    with pytest.raises(BatchNotFound, match="no import is undone"):
        shop.book.undo("last", restore=True)
    shop.book.undo(one[:-2])
    with pytest.raises(AlreadyUndone, match=f"undo {one} --restore"):
        shop.book.undo(one)
    shop.book.undo("last")
    assert orders(shop) == {}
    shop.book.undo("last", restore=True)
    assert [row["state"] for row in shop.book.imports().to_pylist()] == ["in_force", "undone"]


def test_what_came_again_another_way_stands_in_the_way_of_restoring(shop: Any) -> None:
    one = shop.bring(FIRST).batch
    shop.book.undo(one)
    two = shop.bring(SECOND).batch
    for attempt in (shop.book.undo, shop.book.foresee_undo):
        with pytest.raises(RecordedAgain, match=f"{two}.*undo {two}"):
            attempt(one, restore=True)
    shop.book.undo(two)
    shop.book.undo(one, restore=True)
    with pytest.raises(RecordedAgain, match=one):
        shop.book.undo(two, restore=True)
    assert orders(shop) == {"1": ANNA, "2": BERT}


def test_what_was_appended_by_hand_stands_in_the_way_too(shop: Any) -> None:
    order = {"type": "order_placed", "occurred_at": "2026-02-01T10:00:00Z", "source": "shop", "customer": {"email": ANNA}}
    order["data"] = {"order_id": "1", "total": "20", "currency": "EUR"}
    one = shop.bring(FIRST).batch
    line = json.dumps(order).encode()
    assert shop.book.append_lines([line]).corrections == 1
    shop.book.undo(one)
    assert shop.book.append_lines([line]).events > 0
    with pytest.raises(RecordedAgain, match="by hand"):
        shop.book.undo(one, restore=True)


def test_what_is_foreseen_is_what_happens(shop: Any) -> None:
    shop.bring(FIRST)
    shop.bring(SECOND)
    note(shop, CLEO)
    before = shop.book.info()
    foreseen = shop.book.foresee_undo("last")
    assert shop.book.info() == before, "nothing was written"
    shop.book.undo("last")
    after = shop.book.info()
    assert (foreseen.orders, foreseen.revenue) == (2, Decimal(12))
    assert (foreseen.customers, foreseen.customers_kept) == (0, 2)
    assert foreseen.events == {
        type: count - after["event_counts"].get(type, 0)
        for type, count in before["event_counts"].items()
        if count != after["event_counts"].get(type, 0)
    }
    back = shop.book.foresee_undo("last", restore=True)
    assert (back.events, back.orders, back.revenue) == (foreseen.events, 2, Decimal(12))
    shop.book.undo("last", restore=True)
    assert {**shop.book.info(), "event_counts": None}["revenue"] == before["revenue"]


def test_the_past_is_told_as_it_was_known(shop: Any) -> None:
    from clientbook.projection.moment import Moment

    shop.bring(FIRST)
    known = shop.book.clock()
    shop.book.undo("last")
    (now,) = shop.book.imports().to_pylist()
    (then,) = shop.book.imports(Moment(known_at=known)).to_pylist()
    assert (then["state"], then["undone_at"]) == ("in_force", None)
    assert now["state"] == "undone"
    assert now["undone_at"] > known
    assert len(shop.book.imports(Moment(as_of=now["imported_at"]))) == 1
    assert len(shop.book.imports(Moment(as_of=now["imported_at"].replace(year=2020)))) == 0


# Chains of imports, undos and restores, held against sets of order numbers.

FILES = {"first": {"1": ANNA, "2": BERT}, "second": {"2": BERT, "3": ANNA, "4": CLEO}}
TEXTS = {"first": FIRST, "second": SECOND}


@dataclass
class Model:
    """Which orders each import brought, and which imports are in force."""

    brought: list[set[str]] = field(default_factory=list)
    in_force: list[bool] = field(default_factory=list)

    def live(self) -> set[str]:
        return set().union(*(own for own, counts in zip(self.brought, self.in_force, strict=True) if counts))


step = st.one_of(
    st.sampled_from([("import", "first"), ("import", "second")]),
    st.tuples(st.sampled_from(["undo", "restore"]), st.integers(0, 3)),
)


@for_all(chain=st.lists(step, min_size=3, max_size=7))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_any_chain_of_imports_and_undos_counts_each_event_once(new_shop: Callable[[], Any], chain: list[Any]) -> None:
    check_chain(new_shop(), chain)


@pytest.mark.parametrize(
    "chain",
    [
        # Anna's first import goes, her second goes, the first file comes again, the second is restored: one Anna.
        [("import", "first"), ("import", "second"), ("undo", 0), ("undo", 1), ("import", "first"), ("restore", 1)],
        # Two undone imports both say who Anna is, of whom a third still tells: she is registered once.
        [("import", "first"), ("undo", 0), ("import", "first"), ("import", "second"), ("undo", 1)],
        # Undone, imported, undone, restored, undone, imported.
        [
            ("import", "first"),
            ("undo", 0),
            ("import", "first"),
            ("undo", 1),
            ("restore", 0),
            ("undo", 0),
            ("import", "first"),
        ],
        # The shared order comes back with the second file, which stands in the way of the first.
        [
            ("import", "first"),
            ("undo", 0),
            ("import", "second"),
            ("restore", 0),
            ("undo", 1),
            ("restore", 0),
            ("restore", 1),
        ],
    ],
)
def test_chains_that_once_went_wrong_or_might(new_shop: Callable[[], Any], chain: list[Any]) -> None:
    check_chain(new_shop(), chain)


def check_chain(shop: Any, chain: list[Any]) -> None:
    model, batches = Model(), []
    for action, argument in chain:
        if action == "import":
            new = set(FILES[argument]) - model.live()
            done = shop.bring(TEXTS[argument])
            assert (done.outcome.rows_used, done.outcome.rows_duplicate) == (len(new), len(FILES[argument]) - len(new))
            assert (done.outcome.rows_rejected, done.outcome.corrections) == (0, 0)
            if new:
                batches.append(done.batch)
                model.brought.append(new)
                model.in_force.append(True)
            else:
                assert done.batch is None
        elif batches:
            number = argument % len(batches)
            restore = action == "restore"
            possible = model.in_force[number] != restore and not (restore and model.brought[number] & model.live())
            if possible:
                shop.book.undo(batches[number], restore=restore)
                model.in_force[number] = restore
            else:
                with pytest.raises(ClientbookError):
                    shop.book.undo(batches[number], restore=restore)
        everything = {order: email for orders_ in FILES.values() for order, email in orders_.items()}
        expected = {order: everything[order] for order in sorted(model.live())}
        assert orders(shop) == expected, chain
        assert twice_live(shop) == [], chain
        assert emails(shop) == sorted(set(expected.values())), chain
