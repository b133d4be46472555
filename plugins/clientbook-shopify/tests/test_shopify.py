from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_shopify as plugin

SAMPLES = Path(__file__).parents[1] / "samples"


def test_rows_with_one_name_are_one_order(bring: Any) -> None:
    shop = bring(plugin, "shopify", SAMPLES / "orders_export.csv")
    assert shop.importer == "shopify.orders"
    assert (shop.outcome.rows_read, shop.outcome.rows_used) == (4, 4)
    orders = shop.rows("select order_id, gross, refunded, status, line_count from orders order by order_id")
    assert [
        (one["order_id"], float(one["gross"]), float(one["refunded"]), one["status"], one["line_count"]) for one in orders
    ] == [
        ("#1001", 53.7, 0, "placed", 2),
        ("#1002", 9.9, 9.9, "cancelled", 1),
        ("#1003", 5, 0, "cancelled", 1),
    ]
    (ada,) = shop.rows("select name, phone, postal_code from customers where email = 'ada@example.com'")
    assert ada == {"name": "Ada Morel", "phone": "+33600000001", "postal_code": "01000"}
    acts = shop.rows("select act, subject_address as who, undated from consent_history where purpose = 'own_offers'")
    assert acts == [{"act": "consent_given", "who": "ada@example.com", "undated": True}]
    assert shop.again(SAMPLES / "orders_export.csv").events == 0


def test_checkouts_are_carts_and_no_sales(bring: Any) -> None:
    shop = bring(plugin, "shopify", SAMPLES / "checkouts_export.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("shopify.checkouts", 2)
    assert shop.rows("select count(*) as n from orders") == [{"n": 0}]
    (cart,) = shop.rows("select cart_abandoned as cart from events where cart_abandoned is not null")
    assert (float(cart["cart"]["amount"]), len(cart["cart"]["lines"])) == (38.9, 2)
    assert shop.again(SAMPLES / "checkouts_export.csv").events == 0


def test_customers_by_either_template(bring: Any) -> None:
    shop = bring(plugin, "shopify", SAMPLES / "customers_export.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("shopify.customers", 2)
    customers = shop.rows("select external_id, email, phone, tags from customers order by external_id")
    assert [(one["external_id"], one["email"], one["phone"]) for one in customers] == [
        ("7001", "ada@example.com", "+33600000001"),
        ("7002", None, "+33600000002"),
    ]
    assert customers[0]["tags"] == ["gift", "vip"]
    given = shop.rows("select channel, undated from consent_history where purpose = 'own_offers' order by channel")
    assert given == [{"channel": "email", "undated": True}, {"channel": "sms", "undated": True}]
    header = b"First Name,Last Name,Email,Accepts Email Marketing,Address1,City,Zip,Phone,Total Spent,Tags\n"
    old = header + b"Eve,Blanc,eve@example.com,no,1 rue A,Lyon,69001,,0,\n"
    assert shop.again(old, "old.csv").rows_used == 1


def test_why_checkouts_are_no_orders_is_said(why: Any) -> None:
    answers = why(plugin, "shopify", (SAMPLES / "checkouts_export.csv").read_bytes())
    assert answers["shopify.orders"] == (0, ("these are abandoned checkouts",))
    assert answers["shopify.checkouts"][0] == 95
