from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_stripe as plugin

SAMPLES = Path(__file__).parents[1] / "samples"


def test_customers_come_in(bring: Any) -> None:
    shop = bring(plugin, "stripe", SAMPLES / "customers.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("stripe.customers", 2)
    assert shop.rows("select external_id from customers order by 1") == [{"external_id": "cus_1"}, {"external_id": "cus_2"}]
    assert shop.again(SAMPLES / "customers.csv").events == 0


def test_only_what_was_paid_counts(bring: Any) -> None:
    shop = bring(plugin, "stripe", SAMPLES / "unified_payments.csv")
    assert shop.importer == "stripe.payments"
    assert (shop.outcome.rows_read, shop.outcome.rows_used, shop.outcome.rows_skipped) == (4, 2, 2)
    orders = shop.rows("select order_id, gross, refunded, currency from orders order by order_id")
    assert [(one["order_id"], float(one["gross"]), float(one["refunded"]), one["currency"]) for one in orders] == [
        ("ch_1", 20.25, 0, "EUR"),
        ("ch_2", 30, 30, "EUR"),
    ]
    assert shop.again(SAMPLES / "unified_payments.csv").events == 0
