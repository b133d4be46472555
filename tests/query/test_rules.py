"""What an expression may say beyond single columns: tables, populations, segments, permissions, labels, the moment."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientbook.query.expressions import Columns, InvalidExpression, Rule, check, explain, inlined, whole_file
from clientbook.reading import Reading


def members(reading: Reading, text: str, params: dict[str, Any] | None = None) -> set[str]:
    """The first names, or else numbers, of whom a rule means."""
    expression = reading.expression(text, params)
    source = "customers cross join whole" if expression.aggregates else "customers"
    rows = reading.engine.rows(
        f"{whole_file(expression)}select coalesce(given_name, external_id) as who from {source} where {expression.condition}"
    )
    return {row["who"] for row in rows}


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ("customer_id in (select customer_id from orders where total_ is null)", None),
        ("customer_id in (select customer_id from orders where gross > 90)", {"Zoé", "Anna"}),
        ("not customer_id in (select customer_id from orders)", {"Bob", "Chloé"}),
        ("customer_id not in (select customer_id from orders)", {"Bob", "Chloé"}),
        (
            "exists (select 1 from orders where orders.customer_id = customers.customer_id and gross = 0)",
            {"[red]Mallory[/red]"},
        ),
        ("(select sum(gross) from orders o where o.customer_id = customers.customer_id) > 100", {"Zoé", "Anna"}),
        ("customer_id in (select customer_id from orders group by customer_id having count(*) > 1)", {"Zoé"}),
        ("revenue > avg(revenue)", {"Zoé", "Anna"}),
        ("revenue > over(avg(revenue), city = 'Nice')", set()),
        ("revenue >= over(avg(revenue), city = 'Nice')", {"Anna"}),
        ("revenue > over(avg(revenue), true) and revenue < over(max(revenue), true)", {"Zoé"}),
        ("order_count > 0 and last_order_at < as_of - interval 1 month", {"Anna", "[red]Mallory[/red]", "Dan"}),
        ("order_count > 0 and last_order_at < as_of - to_months(3)", {"Anna"}),
        ("month(birth_date) = month(as_of) - 1", {"Zoé"}),
        ("Ville = 'Lyon'", {"Zoé", "Émile"}),
        ('"Town" = \'Lyon\' and "Panier moyen" > 50', {"Zoé"}),
        ("ORDERS > 1", {"Zoé"}),
        ("recency_days <= 2", {"Zoé", "Émile"}),
        ('"Jours depuis la dernière commande" <= 2', {"Zoé", "Émile"}),
        ("cast(last_order_at as date) = '2026-03-31'", {"Zoé"}),
        ("list_has_any(tags, ['thé', 'bio'])", {"Zoé", "Chloé"}),
        ("date_diff('day', last_order_at, as_of) > 60", {"Anna"}),
        ("regexp_matches(city, '^L')", {"Zoé", "Émile"}),
        ("order_count % 2 = 0 and order_count > 0", {"Zoé"}),
    ],
)
def test_a_rule_finds_whom_it_means(reading: Reading, rule: str, who: set[str] | None) -> None:
    if who is None:
        with pytest.raises(InvalidExpression, match="no column 'total_'"):
            members(reading, rule)
    else:
        assert members(reading, rule) == who


def test_an_instant_is_a_day_of_the_shop(reading: Reading) -> None:
    """Zoé's order of 31 March at midnight in Paris is one of 30 March in UTC."""
    assert "Zoé" in members(reading, "day(last_order_at) = 31")


@pytest.mark.parametrize(
    ("rule", "words", "place"),
    [
        ("order_count > 1 and revenu > 3", "did you mean revenue", 20),
        ("city = 'Lyon' and customer_id in (select customer_id from ordres)", "did you mean orders", 58),
        ("customer_id in (select customer_id from orders where shop = 'x')", "no column 'shop'", 53),
        ("customer_id in (select customer_id from orders limit 3)", "cannot use 'limit'", 53),
        ("customer_id in (select customer_id, source from orders)", "one column from one table", 23),
        ("customer_id in (select customer_id from read_csv('x'))", "cannot use 'readcsv'", None),
        ("customer_id in (select customer_id from 'orders.parquet')", "no table", None),
        ("customer_id in (select o.customer_id from orders o, orders p)", "joins tables", None),
        ("customer_id in (select customer_id from main.orders)", "no table", None),
        ("customer_id in (with x as (select 1) select customer_id from orders)", "cannot use", None),
        ("stripaccents(city) = 'a'", "did you mean strip_accents", 0),
        ("in_segment('nobody')", "no segment 'nobody'", 0),
        ("in_segment(city)", "names in single quotes", 0),
        ("allowed('email', 'nonsense')", "knows no 'nonsense'", 0),
        ("allowed('email')", "takes 2 values", 0),
        ("over(revenue, true) > 3", "over names the customers of an aggregate", 0),
        ("revenue > over(avg(revenue), city)", "condition on single customers", 10),
        ("revenue > over(avg(revenue), revenue > avg(revenue))", "condition on single customers", None),
        ("revenue > $limit", "no parameter 'limit'", None),
        ("current_date > birth_date", "called as_of", None),
        ("now() > last_order_at", "cannot use 'now'", 0),
        ("last_order_at > 3", "a date is compared with a number", 0),
        ("has_account = 3", "yes or no is compared", 0),
        ("city * 2 > 3", "a text cannot be reckoned with", 0),
        ("order_count and has_account", "stand between conditions", 0),
        ("city in (1, 2)", "text is compared with a number", 0),
        ("order_count between 'a' and 'b'", "text is compared with a number", 0),
        ("attributes[name] = 'x'", r"read as attributes\['name'\]", 0),
        ("date_trunc('fortnight', last_order_at) = last_order_at", "no unit of time", None),
        ("(" * 2000 + "true" + ")" * 2000, "too deeply", None),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_reason_and_place(
    reading: Reading, rule: str, words: str, place: int | None
) -> None:
    with pytest.raises(InvalidExpression, match=words) as caught:
        check(rule, reading.columns)
    if place is not None:
        assert caught.value.place == place


def with_segments(reading: Reading, **rules: str) -> Columns:
    columns = reading.columns
    segments = {name: Rule(text=text, params={}) for name, text in rules.items()}
    return Columns(dict(columns), columns.timezone, at=columns.at, tables=columns.tables, segments=segments)


def test_segments_are_made_of_segments(reading: Reading) -> None:
    columns = with_segments(
        reading, big="revenue > 100", lyon="city = 'Lyon'", both="in_segment('big') and in_segment('lyon')"
    )
    expression = check("in_segment('both') and order_count > 1", columns)
    assert expression.segments == ("big", "both", "lyon")
    assert reading.engine.value(f"select count(*) from customers where {expression.condition}") == 1


def test_a_segment_that_nobody_can_tell_is_not_in(reading: Reading) -> None:
    """Where a rule is unknown for somebody, `not in_segment` holds."""
    columns = with_segments(reading, young="birth_date > '1985-01-01'")
    outside = check("not in_segment('young')", columns)
    assert reading.engine.value(f"select count(*) from customers where {outside.condition}") == 6


def test_a_ring_of_segments_is_named(reading: Reading) -> None:
    columns = with_segments(reading, a="in_segment('b')", b="in_segment('c')", c="in_segment('a')")
    with pytest.raises(InvalidExpression, match="a → b → c → a"):
        check("in_segment('a')", columns)


def test_parameters_are_bound_and_never_pasted(reading: Reading) -> None:
    assert members(reading, "revenue > $least and city <> $town", {"least": 100, "town": "Nice' or true or city='"}) == {
        "Zoé",
        "Anna",
    }
    assert members(reading, "last_order_at < as_of - interval $months month", {"months": 3}) == {"Anna"}


def test_several_rules_share_one_look_at_the_averages(reading: Reading) -> None:
    rules = ["revenue > avg(revenue)", "revenue < avg(revenue)", "order_count > avg(order_count)", "revenue > 10"]
    expressions = [reading.expression(rule) for rule in rules]
    conditions = inlined(reading.engine, expressions)
    assert not any("whole" in condition for condition in conditions)
    counts = [reading.engine.value(f"select count(*) from customers where {condition}") for condition in conditions]
    assert counts == [len(members(reading, rule)) for rule in rules]


def test_permission_is_asked_of_the_consent_rules(reading: Reading) -> None:
    assert members(reading, "allowed('email', 'newsletter')") == set()
    assert len(members(reading, "not allowed('email', 'newsletter')")) == 7


def test_a_rule_is_explained_part_by_part(reading: Reading) -> None:
    rule = "order_count > 1 and (revenue > avg(revenue) or city = 'Nice') and not last_order_at < '2026-01-01'"
    expression = reading.expression(rule)
    zoe = reading.engine.value("select customer_id from customers where given_name = 'Zoé'")
    told = explain(reading.engine, expression, zoe)
    assert told is not None
    assert (told.kind, told.truth, len(told.children)) == ("all", True, 3)
    count, either, late = told.children
    assert (count.actual, count.operator, count.limit, count.flips_at) == (2, ">", 1, "<= 1")
    assert [part.truth for part in either.children] == [True, False]
    assert float(str(either.children[0].limit)) == 98.0
    assert late.kind == "not"
    assert late.children[0].truth is False
    assert late.children[0].text == "last_order_at < '2026-01-01'"
    assert explain(reading.engine, expression, "nobody") is None


def test_the_explanation_agrees_with_the_rule(reading: Reading) -> None:
    rules = ["revenue > avg(revenue) or tags is null", "not (city = 'Lyon' and order_count > 1)", "3 < order_count + 1"]
    for rule in rules:
        expression = reading.expression(rule)
        condition = inlined(reading.engine, [expression])[0]
        for row in reading.engine.rows(f"select customer_id, {condition} as truth from customers"):
            told = explain(reading.engine, expression, row["customer_id"])
            assert told is not None
            assert bool(told.truth) == row["truth"], rule


PIECES = [
    *("order_count", "revenue", "city", "tags", "last_order_at", "recency_days", "rfm_segment", "as_of", "customer_id"),
    *("(", ")", ",", "=", "<", "and", "or", "not", "in", "+", "*", "1", "'x'", "'2026-01-01'", "true", "null", "interval"),
    *("select", "from", "where", "group by", "having", "exists", "orders", "order_lines", "customers", "orders.", "month"),
    *("customers.", "over(", "in_segment(", "allowed(", "avg(", "count(*)", "sum(", "strip_accents(", "date_diff('day',"),
    *("join", "on", "using", "union", "limit", "$x", "distinct", "case when", "then", "end", "attributes['a']", "[", "]"),
    *("read_csv(", "getenv(", "attach", "copy", ";", "--", "/*", "pragma", "current_setting(", "'/etc/passwd'"),
]


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_heap_of_pieces_is_taken_or_refused(reading: Reading, pieces: list[str]) -> None:
    taken_or_refused(reading, " ".join(pieces))


operands = st.sampled_from(["order_count", "revenue", "city", "last_order_at", "as_of", "1", "'x'", "avg(revenue)", "age"])
wheres = st.sampled_from(["gross > 1", "orders.customer_id = customers.customer_id", "store = city", "status in ('placed')"])
conditions = st.recursive(
    st.one_of(
        st.builds(
            lambda a, b, sign: f"{a} {sign} {b}", operands, operands, st.sampled_from(["<", "=", "<>", "is distinct from"])
        ),
        st.builds("customer_id in (select customer_id from orders where {})".format, wheres),
        st.builds("exists (select 1 from order_lines l join orders using (customer_id) where {})".format, wheres),
        st.builds("(select count(*) from orders where {}) > 1".format, wheres),
        st.just("allowed('email', 'newsletter')"),
    ),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("revenue > over(avg(revenue), {})".format, inner),
        st.builds("case when {} then true else false end".format, inner),
    ),
    max_leaves=5,
)


@given(rule=conditions)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_well_formed_rule_is_refused_or_runs_and_is_explained(reading: Reading, rule: str) -> None:
    taken_or_refused(reading, rule)


@given(text=st.text(alphabet=string.printable + "éàœ€‚\u202e\x00", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_taken_or_refused(reading: Reading, text: str) -> None:
    taken_or_refused(reading, text)


def taken_or_refused(reading: Reading, rule: str) -> None:
    try:
        expression = reading.expression(rule)
    except InvalidExpression:
        return
    assert set(expression.tables) <= {*reading.columns.tables, "permissions", "segment_members"}
    condition = inlined(reading.engine, [expression])[0]
    rows = reading.engine.rows(f"select customer_id, {condition} as truth from customers")
    told = explain(reading.engine, expression, rows[0]["customer_id"])
    assert told is not None
    assert bool(told.truth) == rows[0]["truth"]
