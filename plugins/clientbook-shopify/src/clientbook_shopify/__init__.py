"""Orders, customers and abandoned checkouts exported from Shopify. A checkout looks like an order and is no sale."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, FileHead, GivenTable, Importer, Match, TableReading, hookimpl

API_VERSION = 1

LINES = {
    "Lineitem sku": "line.sku",
    "Lineitem name": "line.product",
    "Lineitem quantity": "line.quantity",
    "Lineitem price": "line.unit_price",
}
BUYER = {
    "Email": "customer.email",
    "Billing Name": "customer.name",
    "Billing Company": "customer.legal_name",
    "Billing Street": "customer.street",
    "Billing Zip": "customer.postal_code",
    "Billing City": "customer.city",
    "Billing Province": "customer.region",
    "Billing Country": "customer.country",
    "any phone": "customer.phone",
    "Accepts Marketing": "consent.offers",
}
ORDERS = {
    "Name": "order.id",
    "Created at": "order.placed_at",
    "Total": "order.total",
    "Currency": "order.currency",
    "Source": "order.channel",
    "Location": "order.store",
    "Discount Code": "order.voucher_id",
    "called off": "order.cancelled_at",
    "Refunded Amount": "order.refunded",
    **BUYER,
    **LINES,
}
CHECKOUTS = {
    "Name": "event.cart_id",
    "Created at": "event.occurred_at",
    "Total": "event.amount",
    "Currency": "event.currency",
    **BUYER,
    **LINES,
}
CUSTOMERS = {
    "Customer ID": "customer.external_id",
    "First Name": "customer.given_name",
    "Last Name": "customer.family_name",
    "Email": "customer.email",
    "Default Address Company": "customer.legal_name",
    "Company": "customer.legal_name",
    "Default Address Address1": "customer.street",
    "Address1": "customer.street",
    "Default Address City": "customer.city",
    "City": "customer.city",
    "Default Address Province Code": "customer.region",
    "Province": "customer.region",
    "Default Address Country Code": "customer.country",
    "Country Code": "customer.country",
    "Country": "customer.country",
    "Default Address Zip": "customer.postal_code",
    "Zip": "customer.postal_code",
    "any phone": "customer.phone",
    "Note": "customer.note",
    "Tags": "customer.tags",
    "Accepts Email Marketing": "consent.offers",
    "Accepts Marketing": "consent.offers",
    "Accepts SMS Marketing": "consent.sms",
}
PHONES = ("Phone", "Billing Phone", "Shipping Phone", "Default Address Phone")
SALE = ("Name", "Created at", "Lineitem quantity", "Lineitem price", "Total")


def looks_like_checkouts(head: FileHead) -> bool:
    """Checkouts have numbers of 14 digits and were never paid: taken for orders they would invent sales."""
    names = [row.get("Name", "").lstrip("#") for row in head.rows]
    is_long = bool(names) and all(len(name) >= 13 and name.isdigit() for name in names)
    return is_long and not any(row.get("Financial Status") or row.get("Paid at") for row in head.rows)


def _sale(head: FileHead, *, checkouts: bool) -> Match:
    missing = [name for name in SALE if name not in head.header]
    if missing:
        return Match(score=0, reasons=(f"no column {', '.join(missing)}",))
    if looks_like_checkouts(head) != checkouts:
        return Match(score=0, reasons=("these are abandoned checkouts" if not checkouts else "these are orders",))
    return Match(score=95, reasons=(f"it has the columns {', '.join(SALE)}",))


def identify_orders(head: FileHead) -> Match:
    """Orders, by their columns."""
    return _sale(head, checkouts=False)


def identify_checkouts(head: FileHead) -> Match:
    """Abandoned checkouts, which have the columns of orders."""
    return _sale(head, checkouts=True)


def with_phone(given: GivenTable) -> Any:
    """The first phone that the row has, and when an order was called off: a voided payment is one that was."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = given.table
    present = [table[name] for name in PHONES if name in given.header]
    if present:
        table = table.append_column("any phone", pc.coalesce(*present))
    if "Cancelled at" in given.header:
        at = table["Cancelled at"]
        if "Financial Status" in given.header:
            voided = pc.fill_null(pc.equal(table["Financial Status"], "voided"), False)
            at = pc.coalesce(at, pc.if_else(voided, table["Created at"], pa.scalar(None, pa.string())))
        table = table.append_column("called off", at)
    return table


def _reading(kind: str, columns: dict[str, str], needs: tuple[tuple[str, ...], ...]) -> TableReading:
    return TableReading(kind=kind, needs=needs, columns=columns, no="not_subscribed", reshape=with_phone)


@hookimpl
def register_importers() -> list[Importer]:
    """Orders, abandoned checkouts, customers."""
    about_people = ("customer_registered", "profile_updated", "consent_given", "consent_withdrawn")
    sale = tuple((name,) for name in SALE)
    return [
        Importer(
            id="shopify.orders",
            label=N_("Shopify orders"),
            suffixes=(".csv",),
            emits=("order_placed", "order_refunded", "order_cancelled", *about_people),
            source="shopify",
            identify=identify_orders,
            reading=_reading("orders", ORDERS, sale),
        ),
        Importer(
            id="shopify.checkouts",
            label=N_("Shopify abandoned checkouts"),
            suffixes=(".csv",),
            emits=("cart_abandoned", *about_people),
            source="shopify",
            identify=identify_checkouts,
            reading=_reading("cart_abandoned", CHECKOUTS, sale),
        ),
        Importer(
            id="shopify.customers",
            label=N_("Shopify customers"),
            suffixes=(".csv",),
            emits=(*about_people, "tag_added", "note_added"),
            source="shopify",
            reading=_reading(
                "contacts",
                CUSTOMERS,
                (
                    ("First Name",),
                    ("Email",),
                    ("Accepts Email Marketing", "Accepts Marketing"),
                    ("Total Spent", "Tax Exempt"),
                ),
            ),
        ),
    ]
