"""The segments that every book has: who is in, who is not, and who stands on the border."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from segment_books import happened, line, members, order, reading_of, tell

from clientbook.book import Book
from clientbook.query.expressions import InvalidExpression
from clientbook.query.parameters import BadParameter
from clientbook.segments.catalogue import Catalogue, count_all

DAY = "2026-06-30"
Told = Callable[..., Book]


def registered(who: str, **data: Any) -> dict[str, Any]:
    return happened(who, "customer_registered", "2025-01-01", **{"kind": "person", "collected_via": "checkout"} | data)


def test_one_order_only_is_split_by_how_long_ago_it_was(told: Told) -> None:
    book = told(
        *(order("old", "2025-06-30"), order("young", "2025-07-01"), registered("none")),
        *(order("twice", "2026-01-01"), order("twice", "2026-02-01")),
        *(order("undone", "2026-01-01"), happened("undone", "order_cancelled", "2026-01-02", order_id="undone-2026-01-01")),
    )
    assert members(book, "one_order", DAY) == {"old", "young"}
    assert members(book, "one_order_matured", DAY) == {"old"}
    assert members(book, "one_order_recent", DAY) == {"young"}
    assert members(book, "one_order_matured", DAY, days=364) == {"old", "young"}


def test_inactive_begins_on_the_day_that_the_last_order_is_so_many_calendar_months_ago(told: Told) -> None:
    book = told(order("border", "2025-06-30"), order("later", "2025-07-01"), registered("none"))
    assert members(book, "inactive", DAY) == {"border"}
    assert members(book, "inactive", "2026-06-29") == set()
    assert members(book, "inactive", DAY, months=11) == {"border", "later"}
    with reading_of(book, DAY) as reading:
        reading.open(columns=["orders_12m"])
        assert reading.engine.value("select count(*) from customers where orders_12m = 0") == 1


def test_who_has_exactly_the_average_number_of_orders_is_neither_above_nor_below(told: Told) -> None:
    days = ("2026-01-01", "2026-02-01", "2026-03-01")
    book = told(order("one", days[0]), *(order("two", day) for day in days[:2]), *(order("three", day) for day in days))
    assert members(book, "orders_above_mean", DAY) == {"three"}
    assert members(book, "orders_below_mean", DAY) == {"one"}


def test_baskets_are_compared_with_revenue_divided_by_orders(told: Told) -> None:
    book = told(
        order("small", "2026-01-01", "10.00"),
        *(order("often", day, "10.00") for day in ("2026-01-01", "2026-02-01", "2026-03-01")),
        order("exact", "2026-01-01", "20.00"),
        order("great", "2026-01-01", "60.00"),
        registered("none"),
    )
    assert members(book, "basket_above_mean", DAY) == {"great"}  # the mean is 120 / 6
    assert members(book, "basket_below_mean", DAY) == {"small", "often"}
    assert members(book, "basket_above_median", DAY) == {"exact", "great"}  # of 10, 10, 20, 60: 15
    assert members(book, "basket_below_median", DAY) == {"small", "often"}


def test_a_basket_that_is_the_average_to_the_last_digit_is_neither(told: Told) -> None:
    days = ("2026-01-01", "2026-02-01", "2026-03-01")
    book = told(*(order("alone", day, total) for day, total in zip(days, ("10.00", "10.00", "10.01"), strict=True)))
    assert members(book, "basket_above_mean", DAY) | members(book, "basket_below_mean", DAY) == set()


def test_clearly_gone_falls_back_on_months_where_too_few_compare(told: Told) -> None:
    book = told(
        *(order("gone", day) for day in ("2024-01-01", "2025-06-30")),
        *(order("here", day) for day in ("2024-01-01", "2025-07-01")),
        order("once", "2023-01-01"),
    )
    assert members(book, "gone", DAY) == {"gone"}
    assert members(book, "gone", DAY, orders=1) == {"gone", "once"}


def test_new_counts_calendar_months_from_the_first_order(told: Told) -> None:
    book = told(
        order("border", "2026-03-30"), order("new", "2026-03-31"), order("old", "2024-01-01"), order("old", "2026-06-01")
    )
    assert members(book, "new", DAY) == {"new"}


def test_who_came_back_had_no_order_for_months_before_a_recent_one(told: Told) -> None:
    book = told(
        *(order("back", day) for day in ("2025-01-01", "2026-06-01")),
        *(order("loyal", day) for day in ("2025-01-01", "2025-12-01", "2026-06-01")),
        *(order("longago", day) for day in ("2024-01-01", "2026-01-01")),
        order("first", "2026-06-01"),
    )
    assert members(book, "reactivated", DAY) == {"back"}
    assert members(book, "reactivated", DAY, months=6) == {"back", "loyal"}


def test_buyers_of_a_product_are_net_of_what_came_back_and_of_an_accessory(told: Told) -> None:
    book = told(
        order("both", "2026-01-01", lines=[line("TEAPOT"), line("CUP")]),
        order("pot", "2026-01-02", lines=[line("TEAPOT")]),
        order("returned", "2026-01-03", lines=[line("TEAPOT"), line("TEAPOT", "-1", "-10.00")]),
        order("cancelled", "2026-01-04", lines=[line("TEAPOT")]),
        happened("cancelled", "order_cancelled", "2026-01-05", order_id="cancelled-2026-01-04"),
        order("cup", "2026-01-06", lines=[line("CUP")]),
    )
    assert members(book, "product_buyers", DAY, product="teapot") == {"both", "pot"}
    assert members(book, "product_buyers", DAY, product="Product TEAPOT", without="cup") == {"pot"}
    assert members(book, "product_buyers", DAY, product="nothing") == set()


def test_a_cart_is_abandoned_until_the_next_order_and_for_so_many_days(told: Told) -> None:
    cart = {"amount": "10.00", "currency": "EUR"}
    book = told(
        happened("left", "cart_abandoned", "2026-06-10", **cart),
        *(order("bought", "2026-06-11"), happened("bought", "cart_abandoned", "2026-06-10", **cart)),
        *(order("before", "2026-06-09"), happened("before", "cart_abandoned", "2026-06-10", **cart)),
        happened("old", "cart_abandoned", "2026-05-01", **cart),
    )
    assert members(book, "abandoned_cart", DAY) == {"left", "before"}
    assert members(book, "abandoned_cart", DAY, days=90) == {"left", "before", "old"}


def test_prospects_and_those_who_asked(told: Told) -> None:
    book = told(
        registered("quiet"),
        happened("asked", "quote_requested", "2026-01-01"),
        happened("sampled", "sample_requested", "2026-01-01"),
        *(happened("buyer", "quote_requested", "2026-01-01"), order("buyer", "2026-01-02")),
    )
    assert members(book, "prospects", DAY) == {"quiet", "asked", "sampled"}
    assert members(book, "asking_prospects", DAY) == {"asked", "sampled"}


def test_companies_birthdays_and_who_was_never_contacted(told: Told) -> None:
    book = told(
        registered("firm", kind="company"),
        happened("june", "profile_updated", "2025-01-01", birth_date="1980-06-01"),
        happened("july", "profile_updated", "2025-01-01", birth_date="1980-07-01"),
        happened("written", "message_sent", "2026-01-01", channel="email", purpose="own_offers"),
    )
    assert members(book, "companies", DAY) == {"firm"}
    assert members(book, "birthday_this_month", DAY) == {"june"}
    assert members(book, "birthday_this_month", "2026-07-01") == {"july"}
    assert members(book, "never_contacted", DAY) == {"firm", "june", "july"}


def test_a_consent_expires_by_the_policy_or_by_itself(told: Told) -> None:
    given = {"channel": "email", "purposes": ["newsletter"], "opt_in_level": "SINGLE_OPT_IN"}
    book = told(
        happened("stale", "consent_given", "2025-07-15", address="stale@example.com", **given),
        happened("fresh", "consent_given", "2026-01-15", address="fresh@example.com", **given),
        happened("gone", "consent_given", "2025-07-15", address="gone@example.com", **given),
        happened(
            "gone", "consent_withdrawn", "2026-01-01", channel="email", purposes=["newsletter"], address="gone@example.com"
        ),
    )
    assert book.settings.consent.reconfirm_months == 12
    assert members(book, "consent_expiring", DAY) == {"stale"}
    assert members(book, "consent_expiring", DAY, days=7) == set()


def test_a_rented_list_about_to_end_names_those_who_never_ordered(told: Told) -> None:
    def acquired(name: str, kind: str, until: str) -> dict[str, Any]:
        data = {"list_id": name, "supplier": "S", "kind": kind, "licence_until": until}
        return happened(None, "list_acquired", "2025-01-01", **data)

    book = told(
        acquired("soon", "rented", "2026-08-29"),
        acquired("late", "rented", "2026-08-30"),
        acquired("ours", "bought", "2026-08-01"),
        *(registered("a", list_id="soon", collected_via="rented_list"), registered("b", list_id="late")),
        *(registered("c", list_id="ours"), registered("d", list_id="soon"), order("d", "2026-01-01")),
    )
    assert members(book, "list_ending", DAY) == {"a"}


def test_about_to_reach_the_usual_lifetime_and_gap_alerts_need_enough_who_compare(told: Told) -> None:
    gone = [order(f"gone{number:02d}", f"2023-01-{1 + number % 28:02d}") for number in range(60)]
    days = ("2024-01-01", "2024-06-01", "2025-12-01", "2026-06-01")
    back = [order(f"back{number:02d}", day) for number in range(40) for day in days]
    book = told(*gone, *back)
    with reading_of(book, DAY) as reading:
        reading.open(columns=["lifetime_share", "activity", "tenure_days"])
        usual = reading.engine.value("select median(tenure_days / lifetime_share) from customers where lifetime_share > 0")
        assert 300 < usual < 450  # 60 stayed a day, 40 are still there after 911 days
        wanted = reading.engine.value(
            "select count(*) from customers where lifetime_share between 0.8 and 1 and activity <> 'ex'"
        )
    assert len(members(book, "lifetime_due", DAY)) == wanted
    tell(book, *(order(f"due{number}", day) for number in range(3) for day in ("2025-07-15", "2025-12-01", "2026-06-20")))
    assert {"due0", "due1", "due2"} <= members(book, "lifetime_due", DAY)
    assert members(book, "gap_alert", DAY, low=0, high=1).isdisjoint(members(book, "prospects", DAY))


def test_big_and_small_by_the_revenue_of_twelve_months(told: Told) -> None:
    book = told(
        order("giant", "2026-01-01", "800.00"),
        order("middle", "2026-01-02", "150.00"),
        *(order(f"tiny{number}", "2026-01-03", f"{number}.00") for number in range(1, 10)),
        order("past", "2020-01-01", "9000.00"),
    )
    assert members(book, "big", DAY) == {"giant"}
    assert members(book, "small", DAY) == {f"tiny{number}" for number in range(1, 10)} - members(book, "big", DAY) - (
        {"tiny9", "tiny8"} - members(book, "small", DAY)
    )
    assert "past" not in members(book, "small", DAY)


def test_small_with_potential_is_the_top_of_the_small(mixed_book: Any) -> None:
    book = Book(mixed_book)
    small, chosen = members(book, "small", DAY), members(book, "small_with_potential", DAY)
    assert chosen <= small
    assert len(members(book, "small_with_potential", DAY, quantile=0)) >= len(chosen)


def test_every_segment_of_the_program_counts_on_an_empty_book(book: Book) -> None:
    with reading_of(book, DAY) as reading:
        counted = count_all(reading, Catalogue(reading).all())
    assert [one.segment.id for one in counted if one.count not in (0, None)] == []
    assert [one.segment.id for one in counted if one.count is None] == ["core.product_buyers"]


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("inactive", {"months": "0"}, "1 to 120"),
        ("inactive", {"months": "121"}, "1 to 120"),
        ("inactive", {"months": "many"}, "1 to 120"),
        ("inactive", {"months": "1.5"}, "1 to 120"),
        ("inactive", {"month": "3"}, "did you mean months"),
        ("one_order", {"months": "3"}, "has no parameters"),
        ("gap_alert", {"low": "2"}, "0 to 1"),
    ],
)
def test_a_parameter_out_of_its_bounds_is_refused(book: Book, name: str, params: dict[str, str], words: str) -> None:
    with reading_of(book, DAY) as reading, pytest.raises(BadParameter, match=words):
        Catalogue(reading).one(name, params)


def test_tables_of_consents_have_the_columns_that_rules_may_name(mixed_book: Any) -> None:
    from clientbook.query.everything import CONSENT_TYPES

    with reading_of(Book(mixed_book), DAY) as reading:
        reading.expression("customer_id in (select consents.customer_id from consents)")
        for table, columns in CONSENT_TYPES.items():
            types = {row["column_name"]: row["column_type"] for row in reading.engine.rows(f"describe {table}")}
            assert {name: types.get(name) for name in columns} == columns
        with pytest.raises(InvalidExpression):
            reading.expression("customer_id in (select decision.at from decision)")
