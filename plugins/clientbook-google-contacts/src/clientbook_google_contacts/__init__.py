"""Contacts exported from Google Contacts as Google CSV. Labels and notes are no consent."""

from __future__ import annotations

from typing import Any

from clientbook.api import N_, GivenTable, Importer, TableReading, hookimpl

API_VERSION = 1

COLUMNS = {
    "First Name": "customer.given_name",
    "Given Name": "customer.given_name",
    "Last Name": "customer.family_name",
    "Family Name": "customer.family_name",
    "Name Prefix": "customer.civility",
    "Organization Name": "customer.legal_name",
    "Organization 1 - Name": "customer.legal_name",
    "Birthday": "customer.birth_date",
    "Notes": "customer.note",
    "Labels": "customer.tags",
    "Group Membership": "customer.tags",
    "E-mail 1 - Value": "customer.email",
    "mobile": "customer.mobile",
    "landline": "customer.landline",
    "Address 1 - Street": "customer.street",
    "Address 1 - City": "customer.city",
    "Address 1 - Region": "customer.region",
    "Address 1 - Postal Code": "customer.postal_code",
    "Address 1 - Country": "customer.country",
}


def first_of_several(given: GivenTable) -> Any:
    """Of several values in one cell the first; labels set apart by commas, Google's own left out; phones by their label."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = given.table
    for name in ("E-mail 1 - Value", "Phone 1 - Value", "Address 1 - Street"):
        if name in given.header:
            first = pc.list_element(pc.split_pattern(table[name], " ::: "), 0)
            table = table.set_column(table.schema.get_field_index(name), name, first)
    for name in ("Labels", "Group Membership"):
        if name in given.header:
            tags = pc.replace_substring(table[name], " ::: ", ",")
            tags = pc.replace_substring_regex(tags, r"\* ?[^,]*,?", "")
            tags = pc.utf8_trim(tags, ", ")
            empty = pc.equal(tags, "")
            tags = pc.if_else(empty, pa.scalar(None, pa.string()), tags)
            table = table.set_column(table.schema.get_field_index(name), name, tags)
    if "Birthday" in given.header:  # `--04-12` says no year
        has_year = pc.match_substring_regex(table["Birthday"], r"^[0-9]{4}-")
        days = pc.if_else(has_year, table["Birthday"], pa.scalar(None, pa.string()))
        table = table.set_column(table.schema.get_field_index("Birthday"), "Birthday", days)
    if "Phone 1 - Value" in given.header:
        phone = table["Phone 1 - Value"]
        label = table["Phone 1 - Label"] if "Phone 1 - Label" in given.header else table["Phone 1 - Type"]
        is_mobile = pc.fill_null(pc.match_substring(label, "mobile", ignore_case=True), False)
        nothing = pa.scalar(None, pa.string())
        table = table.append_column("mobile", pc.if_else(is_mobile, phone, nothing))
        table = table.append_column("landline", pc.if_else(is_mobile, nothing, phone))
    return table


@hookimpl
def register_importers() -> list[Importer]:
    """The one file that Google Contacts exports as CSV."""
    return [
        Importer(
            id="google_contacts.contacts",
            label=N_("Google Contacts"),
            suffixes=(".csv",),
            emits=("customer_registered", "profile_updated", "tag_added", "note_added"),
            source="google contacts",
            reading=TableReading(
                kind="contacts",
                needs=(
                    ("First Name", "Given Name"),
                    ("Labels", "Group Membership"),
                    ("E-mail 1 - Value", "Phone 1 - Value"),
                ),
                columns=COLUMNS,
                reshape=first_of_several,
            ),
        )
    ]
