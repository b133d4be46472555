"""A metric, a trait or a segment of a plugin that fails is named, and every other figure, column and list stays."""

from __future__ import annotations

import json

import pytest
from plugin_shop import Shop

ORDERS = (
    "Order number;Order date;Email;Order total\n1;05/01/2026;zoe@example.com;20,00\n2;06/01/2026;paul@example.com;30,00\n"
)
METRIC = 'Metric(id="acme.x", label="X", value_type="float", unit="ratio", {way})'
TRAIT = 'Trait(id="acme.x", label="X", column="{column}", value_type="int", unit="count", {way})'
RAISING = "def compute(ctx):\n    raise ValueError('Zoé')\n"
WRONG = "def compute(ctx):\n    return 'nonsense'\n"


@pytest.fixture
def selling(shop: Shop) -> Shop:
    (shop.folder / "orders.csv").write_text(ORDERS)
    shop.run("import", "orders.csv", "--yes")
    return shop


def declared(hook: str, what: str) -> str:
    return f"@hookimpl\ndef {hook}():\n    return [{what}]\n"


@pytest.mark.parametrize("body", [RAISING, WRONG])
def test_a_metric_that_fails_shows_a_dash_and_names_its_plugin(selling: Shop, body: str) -> None:
    selling.install("acme", body + declared("register_metrics", METRIC.format(way="compute=compute")))
    done = selling.run("metrics", "acme.x", "core.revenue", "--json", "--as-of", "2026-02-01")
    figures = {one["id"]: one for one in json.loads(done.stdout)}
    assert figures["acme.x"]["value"] is None
    assert figures["core.revenue"]["value"] == 50
    assert "plugin acme" in done.stderr
    assert "Zoé" not in done.stderr
    shown = selling.run("metrics", "acme.x", "core.revenue", "--as-of", "2026-02-01").stdout
    assert "—" in shown and "50" in shown


def test_a_metric_with_sql_that_does_not_run_leaves_the_others(selling: Shop) -> None:
    selling.install("acme", declared("register_metrics", METRIC.format(way='sql="sum(no_such_column)"')))
    done = selling.run("metrics", "--json", "--as-of", "2026-02-01")
    figures = {one["id"]: one for one in json.loads(done.stdout)}
    assert figures["acme.x"]["value"] is None
    assert figures["core.revenue"]["value"] == 50
    assert "plugin acme" in done.stderr


@pytest.mark.parametrize(
    ("body", "way"), [(RAISING, "compute=compute"), (WRONG, "compute=compute"), ("", 'sql="no_such_column + 1"')]
)
def test_a_trait_that_fails_is_empty_and_the_others_stay(selling: Shop, body: str, way: str) -> None:
    selling.install("acme", body + declared("register_traits", TRAIT.format(column="points", way=way)))
    arguments = ("customers", "--columns", "email,points,recency_days", "--as-of", "2026-02-01", "--json")
    done = selling.run(*arguments)
    rows = {row["email"]: row for row in json.loads(done.stdout)}
    assert {row["points"] for row in rows.values()} == {None}
    assert rows["zoe@example.com"]["recency_days"] == 27
    assert "plugin acme" in done.stderr
    assert "Zoé" not in done.stderr


def test_a_trait_does_not_take_a_column_of_the_book(selling: Shop) -> None:
    selling.install("acme", declared("register_traits", TRAIT.format(column="email", way='sql="1"')))
    done = selling.run("customers", "--columns", "email", "--where", "recency_days >= 0", "--json")
    assert {row["email"] for row in json.loads(done.stdout)} == {"zoe@example.com", "paul@example.com"}
    assert "acme.x: the column email is one of the book's own" in done.stderr


def test_a_segment_that_fails_shows_its_plugin_in_place_of_a_count(selling: Shop) -> None:
    segments = (
        'Segment(id="acme.raising", label="R", compute=compute), Segment(id="acme.unknown", label="U", sql="no_such > 1")'
    )
    selling.install("acme", RAISING + declared("register_segments", segments))
    done = selling.run("segments", "--json")
    counted = {one["id"]: one["count"] for one in json.loads(done.stdout)}
    assert counted["core.one_order"] == 2
    assert counted["acme.raising"] is None
    assert counted["acme.unknown"] is None
    shown = selling.run("segments").stdout
    assert "no column 'no_such'" in shown
    assert "Zoé" not in shown


def test_what_a_plugin_prints_at_import_does_not_get_into_the_data(selling: Shop) -> None:
    selling.install("acme", "print('hello')\n" + declared("register_metrics", METRIC.format(way='sql="count(*)"')))
    assert json.loads(selling.run("info", "--json").stdout)["customers"] == 2
