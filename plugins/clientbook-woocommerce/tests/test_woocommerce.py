from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_woocommerce as plugin

SAMPLES = Path(__file__).parents[1] / "samples"


def orders(shop: Any) -> list[tuple[Any, ...]]:
    rows = shop.rows("select order_id, gross, refunded, status, line_count from orders order by order_id")
    return [(one["order_id"], float(one["gross"]), float(one["refunded"]), one["status"], one["line_count"]) for one in rows]


def test_an_order_that_is_repeated_on_each_item_counts_once(bring: Any) -> None:
    shop = bring(plugin, "woocommerce", SAMPLES / "advanced_orders.csv")
    assert shop.importer == "woocommerce.advanced_orders"
    assert (shop.outcome.rows_read, shop.outcome.rows_used, shop.outcome.rows_skipped) == (5, 4, 1)
    assert orders(shop) == [
        ("1001", 53.7, 0, "placed", 2),
        ("1002", 9.9, 9.9, "refunded", 1),
        ("1003", 5, 0, "cancelled", 1),
    ]
    assert shop.again(SAMPLES / "advanced_orders.csv").events == 0


def test_items_in_columns_are_lines_of_one_order(bring: Any) -> None:
    shop = bring(plugin, "woocommerce", SAMPLES / "webtoffee_orders.csv")
    assert (shop.importer, shop.outcome.rows_read, shop.outcome.rows_used) == ("woocommerce.webtoffee_orders", 2, 2)
    assert orders(shop) == [("37", 22.9, 0, "placed", 2), ("38", 13, 0, "placed", 1)]
    products = shop.rows("select sku, product from order_lines order by product")
    assert [tuple(one.values()) for one in products] == [("B-1", "Box"), (None, "Soap"), (None, "Soap")]
    assert shop.again(SAMPLES / "webtoffee_orders.csv").events == 0


def test_customers_of_analytics_come_in_without_consent(bring: Any) -> None:
    header = "Name,Username,Last Active,Sign Up,Email,Orders,Total Spend,AOV\n"
    text = header + "Ada Morel,ada,2024-03-28T18:04:11,2023-01-02 10:00:00,ada@example.com,3,153.7,51.23\n"
    shop = bring(plugin, "woocommerce", text.encode())
    assert (shop.importer, shop.outcome.rows_used) == ("woocommerce.customers", 1)
    assert shop.rows("select * from consent_history") == []
