"""Contacts exported from Brevo (formerly Sendinblue). A blocklisted address is not to be written to."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, GivenTable, Importer, TableReading, hookimpl

API_VERSION = 1

COLUMNS = {
    "EMAIL": "customer.email",
    "EXT_ID": "customer.external_id",
    "LASTNAME": "customer.family_name",
    "NOM": "customer.family_name",
    "FIRSTNAME": "customer.given_name",
    "PRENOM": "customer.given_name",
    "SMS": "customer.mobile",
    "LANDLINE_NUMBER": "customer.landline",
    "ADDED_TIME": "customer.registered_at",
    "OPT_IN": "consent.newsletter",
    "DOUBLE_OPT-IN": "consent.newsletter_confirmed",
    "EMAIL_BLACKLISTED": "suppression.email",
    "SMS_BLACKLISTED": "suppression.sms",
}


def with_plus(given: GivenTable) -> Any:
    """Mobile numbers with the plus that Brevo leaves out; a double opt-in is an opt-in."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = given.table
    if "SMS" in given.header:
        bare = pc.fill_null(pc.match_substring_regex(table["SMS"], "^[1-9][0-9]{9,14}$"), False)
        plus = pc.binary_join_element_wise("+", table["SMS"], "")
        table = table.set_column(table.schema.get_field_index("SMS"), "SMS", pc.if_else(bare, plus, table["SMS"]))
    if "DOUBLE_OPT-IN" in given.header:
        confirmed = pc.is_in(pc.utf8_lower(table["DOUBLE_OPT-IN"]), value_set=pa.array(["yes", "1", "true", "oui"]))
        told = table["OPT_IN"] if "OPT_IN" in given.header else pa.nulls(len(table), pa.string())
        told = pc.if_else(confirmed, pa.scalar("yes"), told)
        place = table.schema.get_field_index("OPT_IN")
        table = table.set_column(place, "OPT_IN", told) if place >= 0 else table.append_column("OPT_IN", told)
    return table


@hookimpl
def register_importers() -> list[Importer]:
    """Exports with and without the columns of the blocklist."""
    return [
        Importer(
            id="brevo.contacts",
            label=N_("Brevo contacts"),
            suffixes=(".csv", ".txt", ".xlsx"),
            emits=("customer_registered", "profile_updated", "consent_given", "consent_withdrawn", "address_suppressed"),
            source="brevo",
            reading=TableReading(
                kind="contacts",
                needs=(("EMAIL",), ("LASTNAME", "NOM"), ("SMS", "WHATSAPP", "DOUBLE_OPT-IN", "EXT_ID")),
                columns=COLUMNS,
                formats=("%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%Y-%m-%d %H:%M:%S"),
                values={"consent.newsletter_confirmed": {"2": "no"}},
                no="not_subscribed",
                reshape=with_plus,
            ),
        )
    ]
