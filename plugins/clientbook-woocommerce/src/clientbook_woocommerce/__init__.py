"""Orders and customers exported from WooCommerce, by two order-export plugins and by WooCommerce Analytics."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, FileHead, GivenTable, Importer, Match, TableReading, hookimpl

API_VERSION = 1

ADVANCED = {
    "Order Number": "order.id",
    "Order Date": "order.placed_at",
    "Order Total Amount": "order.total",
    "Order Refund Amount": "order.refunded",
    "Order Currency": "order.currency",
    "called off": "order.cancelled_at",
    "Coupon Code": "order.voucher_id",
    "First Name (Billing)": "customer.given_name",
    "Last Name (Billing)": "customer.family_name",
    "Company (Billing)": "customer.legal_name",
    "Address 1&2 (Billing)": "customer.street",
    "City (Billing)": "customer.city",
    "State Code (Billing)": "customer.region",
    "Postcode (Billing)": "customer.postal_code",
    "Country Code (Billing)": "customer.country",
    "Email (Billing)": "customer.email",
    "Phone (Billing)": "customer.phone",
    "SKU": "line.sku",
    "Item Name": "line.product",
    "Quantity (- Refund)": "line.quantity",
    "Quantity": "line.quantity",
    "Item Cost": "line.unit_price",
}
WEBTOFFEE = {
    "order_number": "order.id",
    "order_id": "order.id",
    "order_date": "order.placed_at",
    "order_total": "order.total",
    "order_currency": "order.currency",
    "called off": "order.cancelled_at",
    "billing_first_name": "customer.given_name",
    "billing_last_name": "customer.family_name",
    "billing_company": "customer.legal_name",
    "billing_address_1": "customer.street",
    "billing_city": "customer.city",
    "billing_state": "customer.region",
    "billing_postcode": "customer.postal_code",
    "billing_country": "customer.country",
    "billing_email": "customer.email",
    "customer_email": "customer.email",
    "billing_phone": "customer.phone",
    "sku": "line.sku",
    "product": "line.product",
    "quantity": "line.quantity",
    "line total": "line.amount",
}
CUSTOMERS = {
    "Name": "customer.name",
    "Email": "customer.email",
    "Sign Up": "customer.registered_at",
    "Country / Region": "customer.country",
    "City": "customer.city",
    "Region": "customer.region",
    "Postal Code": "customer.postal_code",
    "Billing Phone": "customer.phone",
}
DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "iso")
NO_SALE = ("pending", "pending payment", "failed", "checkout-draft", "draft", "trash")
"""Statuses of orders that never were any; they are left out."""


def _sales(table: Any, status: str, date: str) -> Any:
    """The rows of real orders, and when one was called off: there is no date of it but the order's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    said = pc.fill_null(pc.utf8_lower(table[status]), "")
    said = pc.replace_substring_regex(said, "^wc-", "")
    kept = pc.invert(pc.is_in(said, value_set=pa.array(NO_SALE)))
    table, said = table.filter(kept), said.filter(kept)
    return table.append_column(
        "called off", pc.if_else(pc.equal(said, "cancelled"), table[date], pa.scalar(None, pa.string()))
    )


def advanced(given: GivenTable) -> Any:
    """One row an item, the order repeated."""
    return _sales(given.table, "Order Status", "Order Date") if "Order Status" in given.header else given.table


def webtoffee(given: GivenTable) -> Any:
    """One row an order: its items, one to a column as `name:X|sku:Y|quantity:1|total:13.00`, become rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = _sales(given.table, "status", "order_date")
    items = [name for name in given.header if name.startswith("line_item_")]
    parts = []
    for place, name in enumerate(items):
        filled = pc.is_valid(table[name])
        rows = table if place == 0 else table.filter(filled)
        for to, key in (("sku", "sku"), ("product", "name"), ("quantity", "quantity"), ("line total", "total")):
            found = pc.extract_regex(rows[name], rf"(?:^|[|]){key}:(?P<it>[^|]*)")
            text = pc.struct_field(found, "it")
            rows = rows.append_column(to, pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
        parts.append(rows.append_column("place", pa.array([place] * len(rows), pa.int64())))
    if not parts:
        return table
    return pa.concat_tables(parts).sort_by([("line", "ascending"), ("place", "ascending")]).drop_columns(["place"])


def identify_webtoffee(head: FileHead) -> Match:
    """By its own column names; how many items there are differs from file to file."""
    missing = [name for name in ("order_id", "order_date", "order_total", "line_item_1") if name not in head.header]
    if missing:
        return Match(score=0, reasons=(f"no column {', '.join(missing)}",))
    return Match(score=95, reasons=("it has the columns order_id, order_date, order_total, line_item_1",))


@hookimpl
def register_importers() -> list[Importer]:
    """Two order exports, and the customers of Analytics."""
    order_events = ("order_placed", "order_refunded", "order_cancelled", "profile_updated")
    suffixes = (".csv", ".tsv", ".xlsx")
    return [
        Importer(
            id="woocommerce.advanced_orders",
            label=N_("WooCommerce orders (Advanced Order Export)"),
            suffixes=suffixes,
            emits=order_events,
            source="woocommerce",
            reading=TableReading(
                kind="orders",
                needs=(("Order Number",), ("Order Date",), ("Order Total Amount",), ("Email (Billing)",)),
                columns=ADVANCED,
                formats=DATES,
                reshape=advanced,
            ),
        ),
        Importer(
            id="woocommerce.webtoffee_orders",
            label=N_("WooCommerce orders (WebToffee)"),
            suffixes=suffixes,
            emits=order_events,
            source="woocommerce",
            identify=identify_webtoffee,
            reading=TableReading(
                kind="orders", needs=(("line_item_1",),), columns=WEBTOFFEE, formats=DATES, reshape=webtoffee
            ),
        ),
        Importer(
            id="woocommerce.customers",
            label=N_("WooCommerce Analytics customers"),
            suffixes=suffixes,
            emits=("customer_registered", "profile_updated"),
            source="woocommerce",
            reading=TableReading(
                kind="contacts",
                needs=(("Username",), ("Email",), ("Sign Up",), ("AOV",)),
                columns=CUSTOMERS,
                formats=DATES,
            ),
        ),
    ]
