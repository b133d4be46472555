"""Published and recomputed figures of real shops: `docs/reference/metrics.md` says where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clientbook.book import Book
from clientbook.builtin.figures import leaving, portfolio, shared
from clientbook.engine.duckdb import Engine, Limits, quoted
from clientbook.importing.decode import open_file
from clientbook.projection.moment import Moment
from clientbook.reading import Reading, RunContext
from clientbook.statistics.survival import kaplan_meier

pytestmark = [pytest.mark.shared, pytest.mark.slow]

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RETAIL, CDNOW = DATA / "online_retail.csv.gz", DATA / "CDNOW_master.txt"
COHORT = [948, 362, 317, 367, 341, 376, 360, 336, 336, 374, 354, 474, 260]
"""Customers of December 2010 by month, UCI Online Retail with cancellations."""
WITHOUT_CANCELLATIONS = [885, 324, 286]


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    if not RETAIL.exists():
        pytest.skip(f"{RETAIL.name} is not there")
    book = Book.create(tmp_path_factory.mktemp("retail") / "book", currency="GBP", timezone="Europe/London")
    file = open_file(str(RETAIL))
    book.import_file(file, book.plan(file))
    with book.reading(Moment(as_of=datetime(2011, 12, 9, 23, 59, 59, tzinfo=UTC))) as reading:
        yield reading


def test_the_rows_of_online_retail(retail: Reading) -> None:
    engine = retail.engine
    with EngineOn(RETAIL) as raw:
        told = raw.rows(
            "select count(*) as rows, count(distinct InvoiceNo) as invoices, count(distinct StockCode) as skus,"
            " count(distinct CustomerID) as customers, count(distinct Country) as countries,"
            " count(*) - count(CustomerID) as without_customer, count(*) - count(Description) as without_description"
            " from file"
        )[0]
    assert list(told.values()) == [541_909, 25_900, 4_070, 4_372, 38, 135_080, 1_454]
    assert engine.value("select count(*) from customers") == 4_372
    documents = (
        engine.value("select count(*) from orders")
        + engine.value("select count(*) from refunds")
        + len(retail.snapshot.table("select 1 from events where type = 'balance_adjusted'"))
    )
    assert documents == 25_900


def test_the_cohort_of_december_2010(retail: Reading) -> None:
    """With cancellations, as it was published: each invoice with a customer is a visit, also one that takes back."""
    engine = retail.engine
    engine.execute("create schema if not exists visits")
    engine.execute(
        "create or replace view visits.orders as"
        " select customer_id, order_date, 'placed' as status, currency, gross, revenue, is_guest from main.orders"
        " union all select customer_id, cast(timezone('Europe/London', refunded_at) as date), 'placed', currency, 0, 0,"
        " customer_id is null from main.refunds"
    )
    cells = cohort_counts(retail.context({"cohorts": 0}, schema="visits"))
    assert [cells[f"2010-12/{age}"] for age in range(13)] == COHORT


def test_the_cohort_without_cancellations(retail: Reading) -> None:
    cells = cohort_counts(retail.context({"cohorts": 0}))
    assert [cells[f"2010-12/{age}"] for age in range(3)] == WITHOUT_CANCELLATIONS


def cohort_counts(context: RunContext) -> dict[str, int]:
    return {str(one.part): round(float(str(one.value)) * one.n) for one in portfolio.cohorts(context)}


@pytest.fixture(scope="module")
def cdnow() -> Iterator[Engine]:
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW.name} is not there")
    lines = CDNOW.read_text(encoding="ascii").splitlines()[1:]
    rows = [line.split() for line in lines if line.strip()]
    with EngineOn(None) as engine:
        columns: dict[str, Any] = {
            name: [row[place] for row in rows] for place, name in enumerate(("customer_id", "day", "pieces", "amount"))
        }
        engine.register("given", pa.table(columns))
        engine.execute("create table log as select * from given")
        engine.execute("create table book as select 'USD' as currency, 'America/New_York' as timezone")
        engine.execute(
            "create table orders as select customer_id, cast(row_number() over () as varchar) as order_id, 'log' as source,"
            " cast(strptime(day, '%Y%m%d') as date) as order_date, 'placed' as status, 'USD' as currency,"
            " cast(amount as decimal(18, 4)) as gross, cast(amount as decimal(38, 4)) as revenue, false as is_guest from log"
        )
        engine.execute(
            "create table refunds (customer_id varchar, is_linked boolean, currency varchar, counted_at timestamptz,"
            " amount decimal(18, 4))"
        )
        yield engine


def context_of(engine: Engine, day: date, **params: Any) -> RunContext:
    snapshot: Any = SimpleNamespace(engine=engine, prepare=lambda _sql: None)
    at = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
    return RunContext(snapshot=snapshot, at=at, day=day, currency="USD", timezone="UTC", params=params)


def test_how_revenue_is_spread_in_cdnow(cdnow: Engine) -> None:
    """The whole log: A 32.6 %, A and B 66.8 % of the customers, 67.8 % of the revenue from a fifth, Gini .635."""
    context = context_of(cdnow, date(1998, 6, 30), window="all")
    assert shared.buyers(context).has_ordered.sum() == 23_570
    classes = {one.part: float(str(one.value)) for one in portfolio.abc(context)}
    assert classes["A"] == pytest.approx(0.326, abs=1e-3)
    assert classes["A"] + classes["B"] == pytest.approx(0.668, abs=1e-3)
    assert portfolio.top_share(context).value == pytest.approx(0.678, abs=1e-3)
    assert portfolio.gini(context).value == pytest.approx(0.635, abs=1e-3)


def test_closed_gaps_of_cdnow_are_shorter_than_gaps_are(cdnow: Engine) -> None:
    """To the end of September 1997 nine in ten closed gaps are of 125 days or less, and 52 % of all gaps are longer."""
    gaps = shared.buyers(context_of(cdnow, date(1997, 9, 30))).gaps
    assert np.quantile(gaps.days[gaps.closed], 0.9) == pytest.approx(125, abs=1)
    assert kaplan_meier(gaps.days, gaps.closed).at(125) == pytest.approx(0.52, abs=0.005)


def test_orders_of_a_day_are_one_visit_in_cdnow(cdnow: Engine) -> None:
    book = shared.buyers(context_of(cdnow, date(1998, 6, 30)))
    assert int(book.orders.sum()) == 69_659
    same_day = int(book.orders.sum()) - len(book.visits_day)
    assert same_day == 69_659 - cdnow.value("select count(*) from (select distinct customer_id, order_date from orders)")


def test_the_return_of_cdnow_customers_is_calibrated(cdnow: Engine) -> None:
    """Predicted at the end of September 1997 for 90 days: .151 on average against .177 that came; Brier .122."""
    context = context_of(cdnow, date(1997, 9, 30), horizon_months=90 / leaving.MONTH_DAYS)
    book, found = shared.buyers(context), leaving.return_probability(context)
    came = cdnow.table(
        "select hash(customer_id) as owner from orders where order_date > date '1997-09-30'"
        " and order_date <= date '1997-12-29' group by customer_id"
    )["owner"].to_numpy()
    returned = np.isin(book.owner, came)
    known = np.isfinite(found.probability)
    assert returned.mean() == pytest.approx(0.177, abs=0.002)
    assert found.probability[known].mean() == pytest.approx(0.151, abs=0.004)
    assert np.mean((found.probability[known] - returned[known]) ** 2) == pytest.approx(0.122, abs=0.003)


class EngineOn:
    """A bare engine, with a file's rows as text in the view `file`."""

    def __init__(self, path: Path | None) -> None:
        self.engine = Engine.open(Limits())
        if path:
            listed = f"read_csv({quoted(str(path))}, all_varchar = true, header = true)"
            self.engine.execute(f"create view file as select * from {listed}")

    def __enter__(self) -> Engine:
        return self.engine

    def __exit__(self, *_raised: object) -> None:
        self.engine.close()
