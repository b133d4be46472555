"""Metrics of plugins together: what fails alone, what SQL gives, what stands in for the book's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from measuring_books import ask, order

from clientbook.book import Book
from clientbook.hooks.declarations import Context, Estimate, Metric, Param
from clientbook.measuring import asking
from clientbook.measuring.dividing import CannotDivide, by_column
from clientbook.measuring.figures import Figure
from clientbook.measuring.params import drill_of, of
from clientbook.measuring.running import Run
from clientbook.measuring.trend import by_month
from clientbook.projection.moment import Moment
from clientbook.query.expressions import InvalidExpression
from clientbook.reading import Reading

DAY = datetime(2026, 6, 30, 21, 0, tzinfo=UTC)
TOWNS = ("Lyon", "Nice", None)


def metric(id: str, **given: Any) -> Metric:
    shape = {"label": id, "value_type": "float", "unit": "count", "minimum": 0} | given
    return Metric(id=f"acme.{id}", **shape)


@pytest.fixture
def reading(filled: Callable[[Any], Book]) -> Iterator[Reading]:
    """240 customers: of Lyon, of Nice, of nowhere; each third with one order of 10, each sixth with three more of 30."""
    people = [
        {
            "type": "profile_updated",
            "source": "web",
            "occurred_at": "2025-01-01T12:00:00+01:00",
            "customer": {"external": f"c{number}"},
            "data": {"language": "fr"} | ({"address": {"city": TOWNS[number % 3]}} if TOWNS[number % 3] else {}),
        }
        for number in range(240)
    ]
    orders = [order(f"c{number}", "2025-05-01") for number in range(240)]
    more = [order(f"c{number}", f"2026-0{month}-01", "30") for number in range(0, 240, 2) for month in (2, 4, 6)]
    with filled([*people, *orders, *more, order(None, "2026-06-01", "500")]).reading(Moment(as_of=DAY)) as reading:
        yield reading


def figures(reading: Reading, *metrics: Metric, **given: Any) -> dict[str, Figure]:
    return {figure.id: figure for figure in Run.of(reading).figures(metrics, given)}


def test_what_a_plugin_writes_in_sql(reading: Reading) -> None:
    told = figures(
        reading,
        metric("customers", sql="count(*)"),
        metric("lyon", sql="count(*)", where="city = 'Lyon'"),
        metric("taken", table="orders", sql="sum(revenue)", unit="money", value_type="decimal"),
        metric("today", sql="max(book.day)", value_type="date", unit="date"),
    )
    assert told["acme.customers"].value == 240
    assert (told["acme.lyon"].value, told["acme.lyon"].n) == (80, 80)
    assert told["acme.taken"].value == Decimal(240 * 10 + 360 * 30 + 500)
    assert str(told["acme.today"].value) == "2026-06-30"


def test_sql_may_name_traits_in_the_book_by_month_and_by_column(reading: Reading) -> None:
    recent = metric("recent", sql="sum(orders_12m)", value_type="int")
    assert figures(reading, recent)["acme.recent"].value == 360
    told, failures = by_month(reading, [recent], {}, months=3)
    assert ([figure.value for figure in told], failures) == ([360, 480, 240, 360], {})
    divided, failures = by_column(reading, [recent], "city", {})
    assert ({figure.by: figure.value for figure in divided}, failures) == ({"Lyon": 120, "Nice": 120, "unknown": 120}, {})


def test_a_share_has_wilsons_interval_and_a_ratio_of_sums_a_bootstrap(reading: Reading) -> None:
    told = figures(
        reading,
        metric("share", numerator="order_count > 1", denominator="order_count > 0", unit="ratio"),
        metric("basket", table="orders", numerator="revenue", denominator="1", unit="money"),
    )
    share, basket = told["acme.share"], told["acme.basket"]
    assert (share.value, share.n, share.method) == (0.5, 240, "wilson")
    assert basket.value == pytest.approx((240 * 10 + 360 * 30 + 500) / 601)
    assert basket.method == "bootstrap"
    assert basket.low is not None and basket.high is not None and basket.low < basket.value < basket.high  # type: ignore[operator]


def test_parameters_of_one_name_are_each_metrics_own(reading: Reading) -> None:
    def least(id: str, default: int) -> Metric:
        param = Param(name="least", label="least", default=default, minimum=0)
        return metric(id, sql="count(*)", where="order_count >= $least", params=(param,))

    told = figures(reading, least("one", 1), least("two", 2))
    assert (told["acme.one"].value, told["acme.two"].value) == (240, 120)
    assert figures(reading, least("one", 1), least=4)["acme.one"].value == 120


def broken(_ctx: Context) -> Estimate:
    raise RuntimeError("ana@example.com")


def lazily_broken(_ctx: Context) -> Iterator[Estimate]:
    yield Estimate(value=1, n=1)
    raise RuntimeError("ana@example.com")


@pytest.mark.parametrize("fault", [{"compute": broken}, {"compute": lazily_broken}, {"sql": "sum(no_such_column)"}])
def test_a_figure_that_fails_is_told_as_failed_and_the_others_go_on(reading: Reading, fault: dict[str, Any]) -> None:
    run = Run.of(reading)
    told = {one.id: one for one in run.figures([metric("bad", **fault), metric("good", sql="count(*)")])}
    assert (told["acme.bad"].value, told["acme.bad"].note, told["acme.bad"].plugin) == (None, "failed", "acme")
    assert told["acme.good"].value == 240
    assert list(run.failures) == ["acme.bad"]
    assert "acme" in run.failures["acme.bad"]
    assert "ana@" not in run.failures["acme.bad"]


def test_by_town(reading: Reading) -> None:
    metrics = asking.chosen(reading.plugins.metrics, ["revenue", "repeat_rate", "guest_share", "cohort_retention"])
    told, failures = by_column(reading, metrics, "city", {})
    assert failures == {}
    assert {figure.id for figure in told} == {"core.revenue", "core.repeat_rate"}
    revenue = {figure.by: figure.value for figure in told if figure.id == "core.revenue"}
    assert revenue == {"Lyon": 40 * 90, "Nice": 40 * 90, "unknown": 40 * 90}
    assert {figure.n for figure in told if figure.id == "core.repeat_rate"} == {80}


def test_groups_beyond_the_twentieth_are_told_together(filled: Callable[[Any], Book]) -> None:
    book = filled([order(f"c{town}-{number}", "2026-01-01", channel="web") for town in range(25) for number in range(4)])
    tags = [
        {
            "type": "tag_added",
            "source": "web",
            "occurred_at": "2026-01-02T12:00:00Z",
            "customer": {"external": f"c{town}-{number}"},
            "data": {"tag": f"t{town:02}"},
        }
        for town in range(25)
        for number in range(4)
    ]
    filled(tags)
    with book.reading(Moment(as_of=DAY)) as reading:
        told, _failures = by_column(reading, asking.chosen(reading.plugins.metrics, ["revenue"]), "tags", {})
    assert len(told) == 21
    assert {figure.by: figure.value for figure in told}["other"] == 5 * 4 * 10


@pytest.mark.parametrize(
    ("column", "error"), [("revenue", CannotDivide), ("name", CannotDivide), ("cty", InvalidExpression)]
)
def test_columns_that_divide_nothing_are_refused(reading: Reading, column: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        by_column(reading, asking.chosen(reading.plugins.metrics, ["revenue"]), column, {})


def test_by_segment_and_by_a_trait(reading: Reading) -> None:
    metrics = asking.chosen(reading.plugins.metrics, ["repeat_rate"])
    told, _failures = by_column(reading, metrics, "orders_12m", {})
    assert {figure.by: (figure.n, figure.value) for figure in told} == {"0": (120, 0), "3": (120, 1)}


def test_a_month_back_is_what_as_of_says(reading: Reading) -> None:
    ids = ["revenue", "repeat_rate", "frequency", "median_gap", "average_basket", "new_share", "abc", "standing"]
    metrics = asking.chosen(reading.plugins.metrics, ids)
    told, failures = by_month(reading, metrics, {}, months=3)
    assert failures == {}
    assert len({figure.as_of for figure in told}) == 4
    april = sorted({figure.as_of for figure in told})[1]
    assert april.isoformat().startswith("2026-04-30T23:59:59")
    with Book(reading.consent.projector._log.folder.parent).reading(Moment(as_of=april)) as then:
        whole = Run.of(then).figures(metrics)
    assert [one.described() for one in told if one.as_of == april] == [
        replace(one, as_of=april).described() for one in whole
    ]


def test_standing_counts_whom_the_trait_names(reading: Reading) -> None:
    figures_told = {
        one.part: round(float(str(one.value)) * one.n)
        for one in Run.of(reading).figures(asking.chosen(reading.plugins.metrics, ["standing"]))
    }
    reading.open(columns=["activity"])
    rows = reading.engine.rows("select activity, count(*) as n from customers where activity is not null group by 1")
    assert {part: n for part, n in figures_told.items() if n} == {row["activity"]: row["n"] for row in rows}


def test_every_drill_is_a_filter(reading: Reading) -> None:
    for one in reading.plugins.metrics.values():
        for part in (*one.parts, "web", "it's"):
            drill = drill_of(one, of(one, {}), reading.day, part)
            if drill:
                reading.expression(drill)


def test_figures_are_chosen_by_id_with_or_without_namespace_and_by_group(book: Book) -> None:
    metrics = book.plugins.metrics
    assert [one.id for one in asking.chosen(metrics, ["core.gini", "revenue"])] == ["core.revenue", "core.gini"]
    assert {one.group for one in asking.chosen(metrics, groups=["contact"])} == {"contact"}
    assert len(asking.chosen(metrics)) == len(metrics)
    with pytest.raises(asking.NoSuchFigure, match="did you mean"):
        asking.chosen(metrics, ["revenu"])
    with pytest.raises(asking.NoSuchFigure):
        asking.chosen(metrics, groups=["nothing"])


def test_a_metric_of_every_kind_is_declared_once_with_its_formula(book: Book) -> None:
    for one in book.plugins.metrics.values():
        assert one.description, one.id
        assert one.interval, one.id
        assert one.group, one.id


def test_asked_again_nothing_changes(book: Book) -> None:
    assert ask(book, "2026-01-01", "core.revenue")[0].value == 0
