"""Segments of the shop's own: defined, redefined, nested, written down, retired; history knows the rule of the day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from segment_books import members, order, people, reading_of, tell

from clientbook.book import Book
from clientbook.importing.noting import happened as noted
from clientbook.importing.noting import merged
from clientbook.query.expressions import InvalidExpression
from clientbook.query.parameters import BadParameter, free_value, stored
from clientbook.segments.catalogue import BrokenSegment, Catalogue, NoSuchSegment, count_all
from clientbook.segments.defining import BadSegment, Definition, define, freeze, member_ids, retire

Told = Callable[..., Book]


@pytest.fixture
def shop(told: Told) -> Book:
    return told(
        *(order("zoe", day) for day in ("2026-01-01", "2026-02-01", "2026-03-01")),
        *(order("max", day) for day in ("2026-01-01", "2026-02-01")),
        order("ann", "2026-01-01"),
    )


def note(book: Book, events: Any, day: str | None = None) -> None:
    from segment_books import at

    book.note(noted(None, events), occurred_at=at(day) if day else book.clock())


def new(book: Book, id: str, where: str | None, *, day: str | None = None, like: str | None = None, **params: str) -> None:
    with book.reading() as reading:
        events = define(reading, Definition(id=id, where=where, like=like, label=None, params=params))
    note(book, events, day)


def test_history_knows_the_rule_of_the_day(shop: Book) -> None:
    new(shop, "good", "order_count >= 3", day="2026-04-01")
    new(shop, "good", "order_count >= 2", day="2026-05-01")
    with reading_of(shop, "2026-03-31") as reading, pytest.raises(NoSuchSegment):
        Catalogue(reading).one("good")
    assert members(shop, "good", "2026-04-30") == {"zoe"}
    assert members(shop, "good", "2026-05-31") == {"zoe", "max"}
    with shop.reading() as reading:
        events = retire(reading, "good", reason=None)
    note(shop, events, "2026-06-01")
    with reading_of(shop, "2026-06-30") as reading, pytest.raises(NoSuchSegment):
        Catalogue(reading).one("good")
    assert members(shop, "good", "2026-05-31") == {"zoe", "max"}


def test_parameters_are_stored_with_the_rule_and_may_be_set_again(shop: Book) -> None:
    new(shop, "often", "order_count >= $n", n="3")
    assert members(shop, "often") == {"zoe"}
    assert members(shop, "often", n=2) == {"zoe", "max"}
    with shop.reading() as reading, pytest.raises(BadParameter, match="a number is expected"):
        Catalogue(reading).one("often", {"n": "many"})


def test_a_segment_like_another_keeps_all_values_of_its_parameters(shop: Book) -> None:
    new(shop, "my-inactive", None, like="core.inactive", months="4")
    assert members(shop, "my-inactive", "2026-07-01") == {"zoe", "max", "ann"}
    with shop.reading() as reading:
        listed = Catalogue(reading).one("my-inactive")
        assert dict(listed.params) == {"months": 4}
        assert "months 4" in listed.label


def test_segments_may_be_made_of_others_but_not_of_themselves(shop: Book) -> None:
    new(shop, "twice", "order_count >= 2")
    new(shop, "exactly-twice", "in_segment('twice') and not order_count > 2")
    assert members(shop, "exactly-twice") == {"max"}
    with pytest.raises(InvalidExpression, match="cannot be part of itself"):
        new(shop, "twice", "in_segment('exactly-twice')")
    with pytest.raises(InvalidExpression, match="cannot be part of itself"):
        new(shop, "twice", "in_segment('twice')")
    with shop.reading() as reading, pytest.raises(BadSegment, match="exactly-twice"):
        retire(reading, "twice", reason=None)


@pytest.mark.parametrize(
    ("id", "where", "like", "params", "error", "words"),
    [
        ("core.one_order", "true", None, {}, BadSegment, "program's own"),
        ("one_order", "true", None, {}, BadSegment, "program's own"),
        ("core.mine", "true", None, {}, BadSegment, "program's own"),
        ("my segment", "true", None, {}, BadSegment, "no name"),
        ("mine@home", "true", None, {}, BadSegment, "no name"),
        ("mine", None, None, {}, BadSegment, "either"),
        ("mine", "true", "one_order", {}, BadSegment, "either"),
        ("mine", "in_segment('nobody')", None, {}, InvalidExpression, "no segment"),
        ("mine", "revenu > 3", None, {}, InvalidExpression, "did you mean revenue"),
        ("mine", "revenue > $least", None, {}, InvalidExpression, "no parameter"),
        ("mine", "revenue > 3", None, {"least": "3"}, BadParameter, r"no \$least"),
        ("mine", None, "inactive", {"months": "500"}, BadParameter, "1 to 120"),
        ("mine", None, "product_buyers", {}, BadSegment, "product"),
    ],
)
def test_what_cannot_be_defined_is_refused_with_the_reason(
    shop: Book, id: str, where: str | None, like: str | None, params: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        new(shop, id, where, like=like, **params)


def test_a_list_keeps_who_was_in_and_follows_merges(shop: Book) -> None:
    with shop.reading() as reading:
        events, name, count = freeze(reading, "core.orders_above_mean", name="spring", params={})
    assert (name, count) == ("spring", 1)
    note(shop, events)
    tell(shop, *(order("ann", f"2026-06-{day:02d}") for day in range(1, 10)))
    assert members(shop, "orders_above_mean") == {"ann"}
    assert members(shop, "spring") == {"zoe"}
    with shop.reading() as reading:
        (ann,) = member_ids(reading, "email = 'ann@example.com'")
    shop.note(merged("ann@example.com", ["zoe@example.com"], reason=None), occurred_at=shop.clock())
    with shop.reading() as reading:
        assert member_ids(reading, "in_segment('spring')") == [ann]
    with pytest.raises(BadSegment, match="already"), shop.reading() as reading:
        freeze(reading, "core.orders_above_mean", name="spring", params={})
    with shop.reading() as reading:
        note(shop, retire(reading, "spring", reason="done"))
    with shop.reading() as reading, pytest.raises(NoSuchSegment):
        Catalogue(reading).one("spring")


def test_a_list_of_a_segment_that_lives_goes_by_its_name_and_day(shop: Book) -> None:
    new(shop, "good", "order_count >= 3", day="2026-04-01")
    with shop.reading() as reading:
        ids = member_ids(reading, "order_count = 1")
    note(shop, [("segment_frozen", {"segment_id": "good", "members": ids})], "2026-04-05")
    assert members(shop, "good", "2026-04-30") == {"zoe"}
    assert members(shop, "good@2026-04-05", "2026-04-30") == {"ann"}


def test_an_empty_list_is_a_segment_too(shop: Book) -> None:
    note(shop, [("segment_frozen", {"segment_id": "nobody", "members": []})])
    assert members(shop, "nobody") == set()


def test_an_erased_person_is_no_longer_on_a_list(shop: Book) -> None:
    with shop.reading() as reading:
        events, _name, count = freeze(reading, "one_order", name="once", params={})
        (id,) = member_ids(reading, "order_count = 1")
    assert count == 1
    note(shop, events)
    shop.eraser.erase(id, ground="request")
    assert members(shop, "once") == set()
    with shop.snapshot() as snapshot:
        assert id not in str(snapshot.table("select members from segments_defined").to_pylist())


def test_a_list_is_the_same_after_a_refresh_and_a_rebuild(shop: Book) -> None:
    new(shop, "good", "order_count >= 2")
    with shop.reading() as reading:
        events, _name, _count = freeze(reading, "good", name="list", params={})
    note(shop, events)
    before = members(shop, "list")
    shop.rebuild().close()
    assert members(shop, "list") == before == {"zoe", "max"}


def test_a_rule_whose_column_is_gone_is_shown_with_the_reason(shop: Book) -> None:
    rules = (("broken", "shoesize > 3"), ("nested", "in_segment('broken')"), ("sound", "order_count = 3"))
    note(shop, [("segment_defined", {"segment_id": id, "rule": rule}) for id, rule in rules])
    with shop.reading() as reading:
        counted = {one.segment.id: one for one in count_all(reading, Catalogue(reading).all())}
        assert counted["broken"].count is None
        assert "shoesize" in counted["broken"].segment.problem
        assert counted["nested"].count is None
        assert counted["sound"].count == 1
        assert counted["core.one_order"].count == 1
        with pytest.raises(BrokenSegment, match="shoesize"):
            assert Catalogue(reading).one("broken").sound


def test_a_filter_may_name_segments_and_traits(shop: Book) -> None:
    new(shop, "good", "order_count >= 2")
    with reading_of(shop, None) as reading:
        assert people(reading, member_ids(reading, "in_segment('good') and recency_days > 100")) == {"max", "zoe"}
        assert people(reading, member_ids(reading, "in_segment('good') and in_segment('core.orders_above_mean')")) == {"zoe"}


@pytest.mark.parametrize("value", [3, True, "text", "12", "true", "'", "it's", "2026-01-01", "", "'q'"])
def test_a_stored_parameter_reads_back_as_it_was(value: Any) -> None:
    assert free_value(stored(value)) == value
    assert type(free_value(stored(value))) is type(value)
