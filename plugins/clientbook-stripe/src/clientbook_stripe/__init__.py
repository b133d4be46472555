"""Customers and payments exported from Stripe. A payment is no order: take payments only where no shop gives orders."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, GivenTable, Importer, TableReading, hookimpl

API_VERSION = 1

CUSTOMERS = {
    "id": "customer.external_id",
    "Email": "customer.email",
    "Name": "customer.name",
    "Created (UTC)": "customer.registered_at",
}
PAYMENTS = {
    "id": "order.id",
    "Created date (UTC)": "order.placed_at",
    "Created (UTC)": "order.placed_at",
    "Amount": "order.total",
    "Amount Refunded": "order.refunded",
    "Currency": "order.currency",
    "Customer ID": "customer.external_id",
    "Customer Email": "customer.email",
    "Description": "line.product",
}
DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "iso")


def paid(given: GivenTable) -> Any:
    """Payments that were made, with a point as decimal mark; failed ones and those that were never captured are left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = given.table
    if "Captured" in given.header:
        table = table.filter(pc.not_equal(pc.fill_null(pc.utf8_lower(table["Captured"]), "true"), "false"))
    status = pc.utf8_lower(table["Status"])
    table = table.filter(pc.is_in(status, value_set=pa.array(["paid", "succeeded", "refunded", "partially refunded"])))
    for name in ("Amount", "Amount Refunded"):
        if name in given.header:
            point = pc.replace_substring_regex(table[name], r"^(-?[0-9]+),([0-9]{1,4})$", r"\1.\2")
            table = table.set_column(table.schema.get_field_index(name), name, point)
    return table


@hookimpl
def register_importers() -> list[Importer]:
    """Customers and unified payments."""
    return [
        Importer(
            id="stripe.customers",
            label=N_("Stripe customers"),
            suffixes=(".csv",),
            emits=("customer_registered", "profile_updated"),
            source="stripe",
            reading=TableReading(
                kind="contacts",
                needs=(("id",), ("Email",), ("Created (UTC)",), ("Delinquent", "Payment Count")),
                columns=CUSTOMERS,
                formats=DATES,
                timezone="UTC",
            ),
        ),
        Importer(
            id="stripe.payments",
            label=N_("Stripe payments"),
            suffixes=(".csv",),
            emits=("order_placed", "order_refunded", "profile_updated"),
            source="stripe",
            reading=TableReading(
                kind="orders",
                needs=(
                    ("id",),
                    ("Amount",),
                    ("Created date (UTC)", "Created (UTC)"),
                    ("Status",),
                    ("Customer Email", "Customer ID"),
                ),
                columns=PAYMENTS,
                formats=DATES,
                timezone="UTC",
                reshape=paid,
            ),
        ),
    ]
