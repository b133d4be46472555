"""Whole books: the sample shop, and real sales files beside the repository."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
QUARTERS = Path(__file__).parents[2] / "sample_events"


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {path}, which is not there")
    return path


@pytest.mark.slow
def test_the_sample_shop_opens_headless_and_is_kept(run_here: Any, tmp_path: Path) -> None:
    first = run_here("demo", "--headless", "--dir", "demo", "--json")
    summary = json.loads(first.stdout)
    assert "making the sample book" in first.stderr
    assert summary["customers"] > 1500
    assert summary["events"] > 30_000
    again = run_here("demo", "--dir", "demo", "--json")
    assert "making" not in again.stderr
    assert json.loads(again.stdout) == summary
    text = run_here("demo", "--headless", "--dir", "demo")
    assert summary["name"] in text.stdout
    assert "tui" in text.stderr
    assert {path.stat().st_mode & 0o77 for path in (tmp_path / "demo").rglob("*")} == {0}


@pytest.mark.slow
def test_the_sample_shop_quarter_by_quarter_is_the_same_shop(run_here: Any) -> None:
    files = sorted(QUARTERS.glob("*.jsonl"))
    whole = json.loads(run_here("demo", "--headless", "--dir", "demo", "--json").stdout)
    run_here("init", "b", "--currency", whole["currency"], "--timezone", whole["timezone"])
    for file in files:
        result = json.loads(run_here("--book", "b", "import", file, "--json").stdout)
        assert result["rows_rejected"] == 0, file
    parts = json.loads(run_here("--book", "b", "info", "--json").stdout)
    # Not the customers: an address that somebody takes on is known to the next file, not to the one that says so.
    for name in ("revenue", "orders", "guest_orders"):
        assert parts[name] == whole[name], name
    assert parts["event_counts"]["order_placed"] == whole["event_counts"]["order_placed"]


@pytest.mark.shared
@pytest.mark.slow
def test_online_retail_imports_with_yes_alone(run_here: Any) -> None:
    path = real("online_retail.csv.gz")
    run_here("init", "b", "--currency", "GBP", "--timezone", "Europe/London")
    done = run_here("--book", "b", "import", path, "--yes", "--json")
    result = json.loads(done.stdout, parse_float=Decimal)
    assert result["rows_read"] == 541_909
    assert result["rows_read"] == sum(result[f"rows_{fate}"] for fate in ("used", "duplicate", "skipped", "rejected"))
    assert Decimal(result["amount_used"]) + Decimal(result["amount_rejected"]) == Decimal("9747747.934")
    info = json.loads(run_here("--book", "b", "info", "--json").stdout)
    counts = info["event_counts"]
    kinds = {name: counts[name] for name in ("order_placed", "order_refunded", "balance_adjusted")}
    assert kinds == {"order_placed": 22_061, "order_refunded": 3_836, "balance_adjusted": 3}
    assert info["customers"] == 4_372
    best = json.loads(
        run_here(
            "--book", "b", "customers", "--sort", "-revenue", "--limit", "5", "--columns", "external_id", "--json"
        ).stdout
    )
    assert [row["external_id"] for row in best] == ["14646", "18102", "17450", "14911", "12415"]
    again = json.loads(run_here("--book", "b", "import", path, "--yes", "--json").stdout)
    assert (again["events"], again["rows_rejected"]) == (0, result["rows_rejected"])


CDNOW = """
kind = "orders"
source = "cdnow"
timezone = "America/New_York"
currency = "USD"
[layout]
delimiter = "spaces"
[columns.customer_id]
to = "customer.external_id"
[columns.date]
to = "order.placed_at"
formats = ["%Y%m%d"]
[columns.dollar_value]
to = "order.total"
decimal = "."
"""


@pytest.mark.shared
@pytest.mark.slow
def test_cdnow_imports_with_a_mapping(run_here: Any, tmp_path: Path) -> None:
    path = real("CDNOW_master.txt")
    (tmp_path / "cdnow.toml").write_text(CDNOW)
    run_here("init", "b", "--currency", "USD", "--timezone", "America/New_York")
    arguments = ("--book", "b", "import", path, "--mapping", "cdnow.toml", "--json")
    result = json.loads(run_here(*arguments).stdout)
    assert (result["rows_read"], result["rows_used"], result["customers_created"]) == (69_659, 69_659, 23_570)
    assert result["amount_used"] == 2_500_315.63
    info = json.loads(run_here("--book", "b", "info", "--json").stdout)
    assert (info["orders"], info["customers"], info["revenue"]) == (69_659, 23_570, 2_500_315.63)
    assert json.loads(run_here(*arguments).stdout)["events"] == 0
