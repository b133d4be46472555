"""A mapping that somebody gave is used for the next file with the same columns, whatever their order."""

from __future__ import annotations

from typing import Any

from clientbook.importing.mapping import ColumnMapping, Mapping

GIVEN = Mapping(
    kind="contacts",
    source="fair",
    timezone="Europe/Paris",
    currency="EUR",
    columns={"Qui": ColumnMapping(to="customer.family_name"), "Courrier": ColumnMapping(to="customer.email")},
)


def plan(shop: Any, text: str, **options: Any) -> Any:
    from hashlib import sha256

    from clientbook.importing.decode import GivenFile

    return shop.book.plan(GivenFile(name="f.csv", data=text.encode(), sha256=sha256(text.encode()).hexdigest()), **options)


def test_the_next_file_with_these_columns_is_read_the_same_way(shop: Any) -> None:
    first = plan(shop, "Qui,Courrier\nZ,z@example.com\n", mapping=GIVEN)
    shop.book.remember(first)
    (kept,) = (shop.book.folder / "mappings").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    again = plan(shop, "Courrier;Qui\nm@example.com;M\n")
    assert again.is_remembered and again.is_sure
    assert (again.mapping.source, again.mapping.layout.delimiter) == ("fair", ";")
    assert again.sample == ({"line": 2, "customer_family_name": "M", "customer_email": "m@example.com"},)
    assert plan(shop, "Courrier;Qui\nm@example.com;M\n", source="market").mapping.source == "market"


def test_other_columns_and_a_deleted_or_broken_mapping_are_proposed_anew(shop: Any) -> None:
    shop.book.remember(plan(shop, "Qui,Courrier\nZ,z@example.com\n", mapping=GIVEN))
    assert not plan(shop, "Qui,Courrier,Ville\nZ,z@example.com,Lyon\n").is_remembered
    (kept,) = (shop.book.folder / "mappings").iterdir()
    kept.write_text("kind = 3")
    assert not plan(shop, "Qui,Courrier\nZ,z@example.com\n").is_remembered
