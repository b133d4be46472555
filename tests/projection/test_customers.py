"""Who customers are: profiles, tags, identifiers, merges, and what is left out."""

from __future__ import annotations

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clientbook.engine.duckdb import Engine
from clientbook.events.registry import Registry
from clientbook.testing.history import History, day, event, order, refund
from clientbook.testing.rows import Row, least_data


def profile(customer_id: str = "anna", *, at: float = 0, **data: Any) -> Row:
    return event("profile_updated", customer_id, at=at, **data)


def merge(into: str, *merged: str, at: float) -> Row:
    return event("customers_merged", into, at=at, into=into, merged=list(merged))


def unmerge(into: str, roots: dict[str, str], *, at: float) -> Row:
    return event("customers_unmerged", into, at=at, into=into, merged=list(roots), roots=list(roots.values()))


def about_batch(type: str, batch: str, *, at: float) -> Row:
    return Row(type=type, data={"batch": batch}, customer_id=None, occurred_at=day(at))


# Profiles.


def test_a_field_of_the_profile_is_the_one_set_last_in_time(history: History):
    history.append(profile(given_name="Anne", family_name="B", at=5))
    history.append(profile(given_name="Anna", at=3, language="fr"))
    assert history.fold().one("given_name, family_name, language, name") == ("Anne", "B", "fr", "Anne B")


def test_of_two_changes_at_one_moment_the_one_recorded_later_stands(history: History):
    history.append(profile(given_name="Zoe", at=5), profile(given_name="Anna", at=5))
    assert history.fold().one("given_name") == "Anna"


def test_a_field_that_was_emptied_is_empty_until_it_is_set_again(history: History):
    history.append(profile(given_name="A", children=0, email="a@example.com", birth_date=date(1980, 1, 1), at=1))
    history.append(profile(cleared=["given_name", "children", "email", "birth_date"], at=2))
    assert history.fold().one("given_name, children, email, birth_date") == (None, None, None, None)
    history.append(profile(given_name="B", at=3))
    assert history.fold().one("given_name, children") == ("B", None)
    history.append(profile(cleared=["given_name"], at=2.5))
    assert history.fold().one("given_name") == "B"


FIELDS = {
    "civility": "Mme", "given_name": "x", "family_name": "x", "sex": "female", "birth_date": date(1980, 2, 29),
    "birth_year": 1980, "email": "a@example.com", "mobile": "+33600000000", "landline": "+33100000000",
    "language": "fr", "occupation": "x", "interests": ["b", "a"], "marital_status": "x", "children": 0,
    "legal_name": "x", "sector": "x", "headcount": 0, "trade": "x", "chain_position": "retailer",
    "siren": "123456789", "vat_id": "FR12345678901", "company_id": "acme",
}  # fmt: skip


def test_every_field_of_a_profile_reaches_the_customer_and_can_be_emptied(history: History):
    history.append(profile(**FIELDS, attributes={"shoe": "38"}, at=1))
    columns = ", ".join(FIELDS)
    assert history.fold().one(columns) == tuple(FIELDS.values())
    assert dict(history.one("attributes")) == {"shoe": "38"}
    history.append(profile(cleared=list(FIELDS), at=2))
    assert history.fold().one(columns) == (None,) * len(FIELDS)


def test_a_move_replaces_the_address_whole(history: History):
    history.append(profile(address={"lines": ["1 rue X", "BP 2"], "postal_code": "01000", "city": "Lyon"}, at=1))
    assert history.fold().one("street, postal_code, city") == ("1 rue X, BP 2", "01000", "Lyon")
    history.append(profile(address={"city": "Metz"}, at=2))
    assert history.fold().one("street, postal_code, city") == (None, None, "Metz")
    history.append(profile(cleared=["address"], at=3))
    assert history.fold().one("street, postal_code, city") == (None, None, None)


def test_tags_are_those_added_and_not_taken_off_since(history: History):
    acts = [
        ("tag_added", "vip", 1),
        ("tag_added", "b2b", 1),
        ("tag_removed", "vip", 2),
        ("tag_added", "new", 3),
        ("tag_added", "vip", 4),
    ]
    history.append(
        *(event(type, "anna", tag=tag, at=at) for type, tag, at in acts), event("tag_removed", "anna", tag="b2b", at=5)
    )
    history.append(event("tag_removed", "anna", tag="vip", at=3.5), event("tag_added", "bert", tag="b2b"))
    assert history.fold().one("tags") == ["new", "vip"]
    assert history.one("tags", where="customer_id = 'bert'") == ["b2b"]


# Identifiers.


def test_an_address_is_recognised_however_it_is_written_until_it_is_unlinked(history: History):
    history.append(
        event("identifier_linked", "anna", kind="email", value=" Anna@Example.COM ", at=1),
        profile("bert", email="B@example.com"),
    )
    assert history.fold().rows("select customer_id, kind, source, value, strength from identifiers") == [
        ("anna", "email", None, "anna@example.com", "strong"),
        ("bert", "email", None, "b@example.com", "strong"),
    ]
    history.append(event("identifier_unlinked", "anna", kind="email", value="anna@example.com", at=2))
    assert history.fold().rows("select customer_id from identifiers") == [("bert",)]
    history.append(event("identifier_linked", "anna", kind="email", value="anna@example.com", at=3))
    assert history.fold().rows("select customer_id from identifiers order by 1") == [("anna",), ("bert",)]


def test_a_number_is_recognised_at_its_own_source_only(history: History):
    history.append(
        *(event("identifier_linked", "anna", kind="external", value="7", source=source) for source in ("web", "till"))
    )
    history.append(event("identifier_unlinked", "anna", kind="external", value="7", source="web", at=1))
    assert history.fold().rows("select source, value from identifiers") == [("till", "7")]


# Merges.


def merged_history(history: History) -> None:
    history.append(
        order("1", "10", "anna", at=1), order("2", "20", "bert", at=2), order("3", "40", "carl", at=3),
        profile("bert", given_name="Bert", at=2), profile("anna", given_name="Anna", at=1),
        event("tag_added", "bert", tag="vip", at=2),
    )  # fmt: skip


def revenues(history: History) -> dict[str, Decimal]:
    return dict(history.rows("select customer_id, revenue from customers order by 1"))


def test_a_merge_makes_one_customer_of_several(history: History):
    merged_history(history)
    history.append(merge("anna", "bert", at=5), order("4", "80", "bert", at=6))
    assert revenues(history.fold()) == {"anna": 110, "carl": 40}
    assert history.one("given_name, tags, order_count") == ("Anna", ["vip"], 3)  # anna's own name goes before
    assert {who for (who,) in history.rows("select distinct customer_id from interactions")} == {"anna", "carl"}
    assert history.rows("select distinct recorded_customer_id from events where order_placed.order_id = '2'") == [("bert",)]


def test_a_merge_that_is_undone_gives_each_entry_its_own_again(history: History):
    merged_history(history)
    before = history.fold().rows(
        "select * exclude (event_count, last_event_at) from customers where customer_id <> 'anna' order by customer_id"
    )
    history.append(merge("anna", "bert", at=5), unmerge("anna", {"bert": "bert"}, at=6))
    assert revenues(history.fold()) == {"anna": 10, "bert": 20, "carl": 40}
    again = history.rows(
        "select * exclude (event_count, last_event_at) from customers where customer_id <> 'anna' order by customer_id"
    )
    assert again == before


def test_merges_of_merges_name_what_everyone_resolves_to(history: History):
    merged_history(history)
    history.append(merge("bert", "carl", at=5), merge("anna", "bert", "carl", at=6))
    assert revenues(history.fold()) == {"anna": 70}
    assert revenues(history.fold(as_of=4)) == {"anna": 10, "bert": 20, "carl": 40}
    assert revenues(history.fold(as_of=5.5)) == {"anna": 10, "bert": 60}
    assert revenues(history.fold(as_of=6.5)) == {"anna": 70}
    history.append(unmerge("anna", {"bert": "bert", "carl": "bert"}, at=7))
    assert revenues(history.fold()) == {"anna": 10, "bert": 60}
    assert revenues(history.fold(as_of=6.5)) == {"anna": 70}


# What is left out.


def test_a_voided_event_is_left_out_everywhere(history: History):
    position = history.append(order("1", "10", at=1), order("2", "30", at=2, lines=[{"sku": "a"}]))
    history.append(event("event_voided", position=position, at=9))
    history.fold()
    assert history.rows("select order_id from orders") == [("1",)]
    assert history.one("revenue, order_count, event_count") == (10, 1, 1)
    assert (
        history.rows("select count(*) from order_lines")
        == history.rows("select count(*) from interactions where position = 2")
        == [(0,)]
    )


def test_an_undone_import_is_left_out_until_it_is_restored(history: History):
    history.append(order("1", "10", batch="A", at=1), order("2", "30", "bert", batch="B", at=2), order("3", "5", at=3))
    history.append(about_batch("import_reverted", "B", at=9))
    assert revenues(history.fold()) == {"anna": 15}
    history.append(about_batch("import_restored", "B", at=10))
    assert revenues(history.fold()) == {"anna": 15, "bert": 30}
    history.append(about_batch("import_reverted", "A", at=11))
    assert revenues(history.fold()) == {"anna": 5, "bert": 30}


# Two kinds of time.


def test_as_of_and_known_at_each_alone_and_both_together(history: History):
    history.append(order("1", "1", at=1))
    first = history.recorded
    history.append(order("2", "2", at=10))
    second = history.recorded
    history.append(order("3", "4", at=5))

    def seen(**moment: Any) -> set[str]:
        return {number for (number,) in history.fold(**moment).rows("select order_id from orders")}

    assert seen() == {"1", "2", "3"}
    assert seen(as_of=5) == {"1", "3"}
    assert seen(as_of=4.9) == {"1"}
    assert seen(as_of=0.5) == set()
    assert seen(known_at=first) == {"1"}
    assert seen(known_at=second) == {"1", "2"}
    assert seen(as_of=9, known_at=second) == {"1"}
    assert seen(as_of=10, known_at=second) == {"1", "2"}


def test_what_was_known_then_does_not_know_of_a_later_correction(history: History):
    position = history.append(order("1", "10", batch="A", at=1))
    then = history.recorded
    history.append(event("event_voided", position=position, at=2))
    assert history.fold().rows("select order_id from orders") == []
    assert history.fold(known_at=then).rows("select order_id from orders") == [("1",)]
    assert history.fold(as_of=1.5).rows("select order_id from orders") == []


# The other tables.


def test_consent_history_has_a_row_for_each_act_and_purpose(history: History):
    history.append(
        event(
            "consent_given", "anna", channel="email", purposes=["newsletter", "own_offers"], address="a@example.com", at=1
        ),
        event("consent_withdrawn", "anna", channel="email", purposes=["own_offers"], at=2),
        event("objection_raised", "anna", scope="purpose", purpose="own_offers", at=3),
        event("objection_raised", "anna", scope="all", at=4),
        event("address_suppressed", "anna", channel="email", cause="bounce", address="a@example.com", at=5),
        event("call_refused", "anna", at=6, reason="busy"),
        event("death_reported", "bert", at=7, ground="family"),
        event("opt_out_offered", "anna", channel="sms", ticked=True, at=8),
    )
    columns = "customer_id, act, channel, purpose, scope, cause"
    acts = history.fold().rows(f"select {columns} from consent_history order by occurred_at, purpose")
    assert acts == [
        ("anna", "consent_given", "email", "newsletter", None, None),
        ("anna", "consent_given", "email", "own_offers", None, None),
        ("anna", "consent_withdrawn", "email", "own_offers", None, None),
        ("anna", "objection_raised", None, "own_offers", "purpose", None),
        ("anna", "objection_raised", None, None, "all", None),
        ("anna", "address_suppressed", "email", None, None, "bounce"),
        ("anna", "call_refused", "phone", None, None, None),
        ("bert", "death_reported", None, None, None, None),
        ("anna", "opt_out_offered", "sms", None, None, None),
    ]  # fmt: skip


def test_every_event_of_a_customer_is_one_interaction(history: History):
    types = [name for name, kind in Registry().items() if kind.customer != "none" and least_data(name)]
    history.append(
        *(event(name, "anna", at=number, **least_data(name)) for number, name in enumerate(types)), order("guest", 1, None)
    )
    sides = dict(history.fold().rows("select type, side from interactions where customer_id is not null"))
    assert sides.keys() == set(types)
    assert {name for name, side in sides.items() if side == "other"} == set()
    assert history.rows("select count(*) from interactions") == [(len(types),)]


def test_a_segment_is_as_defined_last(history: History):
    history.append(
        event("segment_defined", segment_id="s", rule="revenue > 1", label="Old", at=1),
        event("segment_defined", segment_id="t", rule="true"),
    )
    history.append(
        event("segment_defined", segment_id="s", rule="revenue > 2", at=2), event("segment_retired", segment_id="t", at=1)
    )
    assert history.fold().rows("select segment_id, rule, label from segments_defined") == [("s", "revenue > 2", None)]


# Late events.

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: a fold takes a good part of a second."""

STORY = [
    event("customer_registered", "anna", at=0.5, kind="person", collected_via="checkout"),
    profile(given_name="A", email="a@example.com", at=1),
    profile(given_name="Anna", cleared=["email"], at=2),
    event("identifier_linked", "anna", kind="external", value="7", at=2.2, source="web"),
    event("identifier_linked", "anna", kind="external", value="3", at=2.4, source="till"),
    event("tag_added", "anna", tag="vip", at=2.5),
    event("tag_removed", "anna", tag="vip", at=3),
    order("1", "10", at=4),
    refund("4", order_id="1", at=5),
    order("2", "7", "bert", at=6),
    event("order_cancelled", "bert", order_id="2", at=7),
    event("account_opened", "bert", external_id="9", at=7.5),
    event("account_closed", "bert", at=8),
    merge("anna", "bert", at=9),
    order("3", "2.5", "bert", at=10),
    unmerge("anna", {"bert": "bert"}, at=11),
    merge("bert", "carl", at=12),
    order("4", "3", "carl", at=13),
]


def tables(history: History) -> list[list[tuple[Any, ...]]]:
    history.fold()
    return [
        history.rows("select * from customers order by customer_id"),
        history.rows("select * exclude (position) from orders order by source, order_id"),
        history.rows("select * exclude (position) from identifiers order by all"),
    ]


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> list[list[tuple[Any, ...]]]:
    history = History(tmp_path_factory.mktemp("in_order"), engine)
    history.append(*STORY)
    return tables(history)


@settings(max_examples=6, deadline=None, phases=QUICK)
@given(rows=st.permutations(STORY), cut=st.integers(1, len(STORY) - 1))
def test_events_that_arrive_late_give_the_same_tables(
    in_order: list[list[tuple[Any, ...]]], engine: Engine, rows: list[Row], cut: int
):
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), engine)
        history.append(*rows[:cut])
        history.append(*rows[cut:])
        assert tables(history) == in_order


def test_the_story_of_the_test_above_is_one_worth_telling(in_order: list[list[tuple[Any, ...]]]):
    customers, orders, identifiers = in_order
    assert [row[0] for row in customers] == ["anna", "bert"]
    assert len(orders) == 4
    assert len(identifiers) == 4
    assert day(1) > day(0)
