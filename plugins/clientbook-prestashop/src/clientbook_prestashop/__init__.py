"""Customers and newsletter subscribers exported from PrestaShop. Its order grid names nobody by e-mail and is refused."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, FileHead, GivenTable, Importer, Match, RefusedFile, TableReading, hookimpl

API_VERSION = 1

CUSTOMERS = {
    "ID": "customer.external_id",
    "Social title": "customer.civility",
    "Titre": "customer.civility",
    "First name": "customer.given_name",
    "Prénom": "customer.given_name",
    "Last name": "customer.family_name",
    "Nom": "customer.family_name",
    "Email address": "customer.email",
    "Adresse e-mail": "customer.email",
    "Company": "customer.legal_name",
    "Société": "customer.legal_name",
    "Newsletter": "consent.newsletter",
    "Partner offers": "consent.partners",
    "Offres partenaires": "consent.partners",
    "Registration": "customer.registered_at",
    "Inscription": "customer.registered_at",
}
SUBSCRIBERS = {
    "account": "customer.external_id",
    "gender": "customer.civility",
    "lastname": "customer.family_name",
    "firstname": "customer.given_name",
    "email": "customer.email",
    "subscribed": "consent.newsletter",
    "subscribed_on": "consent.newsletter_at",
}
FIRST, LAST, EMAIL = ("First name", "Prénom"), ("Last name", "Nom"), ("Email address", "Adresse e-mail")
ORDER_HEADERS = ({"ID", "Reference", "Customer", "Total", "Payment"}, {"ID", "Référence", "Client", "Total", "Paiement"})


def checked_names(given: GivenTable) -> Any:
    """The table, unless names and e-mail are the same in every row: one version wrote the first name thrice."""
    import pyarrow.compute as pc

    table = given.table
    first, last, email = (
        next((table[name] for name in names if name in given.header), None) for names in (FIRST, LAST, EMAIL)
    )
    if len(table) and first is not None and last is not None and email is not None:
        same = pc.and_(pc.equal(first, last), pc.equal(last, email))
        if pc.all(pc.fill_null(same, True)).as_py() and pc.any(same).as_py():
            raise RefusedFile("first name, last name and e-mail are the same in every row: export it with another version")
    return table


def with_account(given: GivenTable) -> Any:
    """The customer's number; one that begins with N is a visitor's without an account."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = given.table
    is_visitor = pc.fill_null(pc.starts_with(table["id"], "N"), True)
    return table.append_column("account", pc.if_else(is_visitor, pa.scalar(None, pa.string()), table["id"]))


def identify_orders(head: FileHead) -> Match | None:
    """The order grid, so that it is refused with its reason."""
    if any(names <= set(head.header) for names in ORDER_HEADERS) and not any("mail" in name.lower() for name in head.header):
        return Match(score=85, reasons=("it is the order grid",))
    return Match(score=0, reasons=("it is not the order grid",))


def refuse(_given: GivenTable) -> Any:
    """Say why orders of the grid cannot come in."""
    raise RefusedFile(
        "the order grid names customers as `Z. Lefèvre`, without e-mail: orders would go to the wrong people. Export orders"
        " with the e-mail by the SQL Manager (orders joined with customer) and import that file"
    )


@hookimpl
def register_importers() -> list[Importer]:
    """The customer grid, the newsletter module's export, and the order grid, which is refused."""
    about_people = ("customer_registered", "profile_updated", "consent_given", "consent_withdrawn")
    return [
        Importer(
            id="prestashop.customers",
            label=N_("PrestaShop customers"),
            suffixes=(".csv",),
            emits=about_people,
            source="prestashop",
            reading=TableReading(
                kind="contacts",
                needs=(("ID",), EMAIL, ("Newsletter",), ("Partner offers", "Offres partenaires")),
                columns=CUSTOMERS,
                no="not_subscribed",
                reshape=checked_names,
            ),
        ),
        Importer(
            id="prestashop.newsletter",
            label=N_("PrestaShop newsletter subscribers"),
            suffixes=(".csv",),
            emits=about_people,
            source="prestashop",
            reading=TableReading(
                kind="contacts",
                needs=(("id",), ("email",), ("subscribed",), ("subscribed_on",)),
                columns=SUBSCRIBERS,
                no="not_subscribed",
                collected_via="newsletter_form",
                reshape=with_account,
            ),
        ),
        Importer(
            id="prestashop.orders",
            label=N_("PrestaShop order grid"),
            suffixes=(".csv",),
            emits=("order_placed",),
            source="prestashop",
            identify=identify_orders,
            reading=TableReading(kind="orders", needs=(("ID",),), columns={}, reshape=refuse),
        ),
    ]
