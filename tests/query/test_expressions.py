"""Filters: what they find, what they refuse and how they say it; whatever passes the check runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from clientbook.query.expressions import InvalidExpression, check, looks_like_expression
from clientbook.query.views import ViewSpec, customers_sql, interpret


def found(snapshot: Any, columns: Any, where: str) -> int:
    query, parameters = customers_sql(ViewSpec(columns=("customer_id",), where=where), columns)
    return len(snapshot.engine.table(query, parameters))


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("order_count > 0", 5),
        ("order_count = 1 and city = 'Lyon'", 1),
        ("city = 'Lyon' or city = 'Nice'", 3),
        ("city in ('Lyon', 'Nice')", 3),
        ("not city in ('Lyon', 'Nice')", 3),
        ("city not in ('Lyon') and revenue > 0", 2),
        ("city is null", 1),
        ("city is not null", 6),
        ("lower(city) = 'lyon'", 3),
        ("city ilike 'ly%'", 3),
        ("city like 'Saint-%'", 1),
        ("family_name = 'O''Neil'", 1),
        ("list_contains(tags, 'vip')", 2),
        ("has_account", 0),
        ("not has_account", 7),
        ("revenue between 20 and 150", 3),
        ("revenue = 20.00", 2),
        ("revenue * 2 >= 300", 2),
        ("average_basket > sum(revenue) / sum(order_count)", 1),
        ("revenue > median(revenue)", 2),
        ("revenue >= max(revenue)", 1),
        ("order_count > avg(order_count) and count(*) = 5", 1),
        ("last_order_at < '2026-03-31'", 4),
        ("last_order_at >= '2026-03-31'", 1),
        ("last_order_at between '2026-03-30' and '2026-03-31'", 2),
        ("last_order_at < '2026-03-30T23:00:00+00:00'", 5),
        ("birth_date < '1985-01-01'", 1),
        ("year(birth_date) = 1991", 1),
        ("ORDER_COUNT > 1 AND City = 'Lyon'", 1),
        ("coalesce(city, '?') = '?'", 1),
        ("case when order_count > 1 then true else false end", 1),
        ("cast(external_id as integer) > 104", 2),
        ("cast(name as integer) > 3", 0),
        ("revenue / order_count > 90", 1),
        ("name = '0'", 0),
        ("order_count > 0 -- buyers only", 5),
        ("true", 7),
    ],
)
def test_a_filter_finds_whom_it_means(snapshot: Any, columns: Any, where: str, count: int) -> None:
    assert found(snapshot, columns, where) == count


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("read_text('/etc/passwd') = 'x'", "cannot use 'read_text'"),
        ("getenv('HOME') = 'x'", "cannot use 'getenv'"),
        ("city in (select city from orders)", "no table 'orders' to ask"),
        ("exists (select 1)", "one column from one table"),
        ("revenue > (select 1)", "one column from one table"),
        ("order_count > 1; drop table customers", "one filter"),
        ("select * from customers", "cannot use"),
        ("drop table customers", "cannot use"),
        ("copy customers to 'x'", "cannot"),
        ("attach 'x'", "cannot"),
        ("cast(name as blob) = 'x'", "cannot cast"),
        ("cast(name as json) is null", "cannot cast"),
        ("row_number() over () = 1", "over(avg(revenue)"),
        ("sum(revenue) over () > 1", "over(avg(revenue)"),
        ("sum(sum(revenue)) > 1", "inside another"),
        ("revenu > 3", "did you mean revenue"),
        ("shoesize > 3", "no column 'shoesize'"),
        ('city = "Lyon"', "single quotes"),
        ("city = 'Lyon", "quotation mark is not closed"),
        ("orders.total > 3", "without 'orders'"),
        ("last_order_at < '2026-13-45'", "no date"),
        ("last_order_at < '2026-02-30'", "no date"),
        ("last_order_at between '2026-01-01' and 'soon'", "no date"),
        ("birth_date in ('1980-03-12', 'soon')", "no date"),
        ("tags = 'vip'", "list_contains"),
        ("city = 5", "text is compared with a number"),
        ("order_count > 'abc'", "text is compared with a number"),
        ("order_count + 1", "yes or no"),
        ("city", "yes or no"),
        ("order_count >", "cannot be read"),
        ("", "one filter"),
        ("   ", "one filter"),
        ("*", "cannot use '*'"),
        ("count(*) > $1", "no parameter '1'"),
        ("columns('.*') = 'x'", "cannot use"),
        ("repeat('x', 1000000000) = 'x'", "cannot use"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_the_reason(columns: Any, where: str, words: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        check(where, columns)
    assert words in str(caught.value)


def test_comments_do_not_reach_the_query(columns: Any) -> None:
    assert "buyers" not in check("order_count > 0 /* buyers */", columns).sql


def test_a_filter_knows_where_its_trouble_is(columns: Any) -> None:
    with pytest.raises(InvalidExpression) as caught:
        check("order_count > 1 and revenu > 3", columns)
    assert caught.value.place == len("order_count > 1 and ")


@pytest.mark.parametrize(
    ("text", "is_expression"),
    [
        ("lyon", False),
        ("Zoé Lefèvre", False),
        ("rock and roll", False),
        ("city = 'Lyon'", True),
        ("has_account", True),
        ("order_count is null and city", True),
        ("revenue>3", True),
    ],
)
def test_words_are_told_from_expressions(columns: Any, text: str, is_expression: bool) -> None:
    assert looks_like_expression(text, columns) is is_expression
    if not is_expression:
        assert interpret(text, columns) == (None, text)


def runs(snapshot: Any, columns: Any, text: str) -> None:
    try:
        check(text, columns)
    except InvalidExpression:
        return
    query, parameters = customers_sql(ViewSpec(columns=("customer_id",), where=text), columns)
    snapshot.engine.table(query + " limit 1", parameters)


@for_all(text=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_is_taken_or_refused_and_nothing_else(snapshot: Any, columns: Any, text: str) -> None:
    runs(snapshot, columns, text)


TOKENS = [
    "order_count",
    "revenue",
    "city",
    "tags",
    "name",
    "birth_date",
    "last_order_at",
    "has_account",
    "attributes",
    "interests",
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<",
    ">",
    ">=",
    "and",
    "or",
    "not",
    "is",
    "null",
    "in",
    "between",
    "like",
    "+",
    "-",
    "*",
    "/",
    "1",
    "0",
    "2.5",
    "'Lyon'",
    "'2026-03-31'",
    "''",
    "lower(",
    "upper(",
    "abs(",
    "round(",
    "year(",
    "coalesce(",
    "sum(",
    "avg(",
    "count(",
    "min(",
    "max(",
    "median(",
    "case",
    "when",
    "then",
    "else",
    "end",
    "cast(",
    "as",
    "integer",
    "date",
    "true",
    "list_contains(",
    "starts_with(",
    "length(",
    "::",
    "interval",
]


@for_all(tokens=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=9))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_heap_of_tokens_is_taken_or_refused_and_what_is_taken_runs(
    snapshot: Any, columns: Any, tokens: list[str]
) -> None:
    runs(snapshot, columns, " ".join(tokens))


atom = st.sampled_from(
    [
        "order_count",
        "revenue",
        "city",
        "tags",
        "birth_date",
        "last_order_at",
        "has_account",
        "attributes",
        "interests",
        "name",
        "1",
        "2.5",
        "'x'",
        "'2026-03-31'",
        "null",
        "true",
    ]
)
operand = st.one_of(
    atom,
    st.builds(
        lambda name, one: f"{name}({one})",
        st.sampled_from(
            [
                "lower",
                "upper",
                "length",
                "abs",
                "year",
                "month",
                "sum",
                "avg",
                "min",
                "max",
                "median",
                "count",
                "trim",
                "round",
            ]
        ),
        atom,
    ),
    st.builds(lambda one, other, sign: f"{one} {sign} {other}", atom, atom, st.sampled_from("+-*/")),
)
comparison = st.builds(
    lambda one, sign, other: f"{one} {sign} {other}",
    operand,
    st.sampled_from(["=", "<>", "<", ">=", "like", "is distinct from"]),
    operand,
)


@for_all(where=comparison)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_comparison_is_taken_or_refused_and_what_is_taken_runs(snapshot: Any, columns: Any, where: str) -> None:
    runs(snapshot, columns, where)
