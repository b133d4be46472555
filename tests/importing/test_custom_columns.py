"""A column of a file goes to a field of the shop's own: proposed by its label, or named in the mapping; its values fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from ticking import TickingClock

from clientbook.book import Book
from clientbook.importing.decode import GivenFile
from clientbook.importing.mapping import MappingError, load_mapping, to_toml

FIELDS = """
[fields.size]
label = "Taille"
choices = ["S", "M", "L"]

[fields.fitted_on]
label = "Essayé le"
type = "date"

[fields.points]
type = "decimal"

[fields.city_of_birth]
label = "Ville"
"""
PEOPLE = """E-mail;Nom;TAILLE;essaye le;Points;Ville;Humeur
anna@example.com;Lefèvre;M;31/03/2026;1 234,5;Lyon;gaie
zoe@example.com;Petit;;;;;
bruno@example.com;Roux;XL;;;;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Book:
    book = Book.create(tmp_path / "book", name="Test", currency="EUR", timezone="Europe/Paris", clock=TickingClock())
    with (book.folder / "book.toml").open("a", encoding="utf-8") as settings:
        settings.write(FIELDS)
    return Book(book.folder, clock=TickingClock())


def given(text: str) -> GivenFile:
    return GivenFile(name="people.csv", data=text.encode(), sha256="0" * 64)


def test_a_column_with_the_label_or_name_of_a_field_is_proposed_for_it(shop: Book) -> None:
    plan = shop.plan(given(PEOPLE))
    assert plan.is_sure
    assert {key: column.to for key, column in plan.mapping.columns.items()} == {
        "E-mail": "customer.email",
        "Nom": "customer.family_name",
        "TAILLE": "field.size",
        "essaye le": "field.fitted_on",
        "Points": "field.points",
        "Ville": "customer.city",
    }


def test_values_are_kept_as_the_field_says_and_a_row_with_a_misfit_is_set_aside(shop: Book) -> None:
    outcome = shop.import_file(given(PEOPLE), shop.plan(given(PEOPLE))).outcome
    assert [(one.line, one.code) for one in outcome.rejects] == [(4, "field.value")]
    rule = "size = 'M' and fitted_on = date '2026-03-31' and points > 1234 and email = 'anna@example.com'"
    with shop.reading() as reading:
        expression = reading.expression(rule)
        assert reading.engine.value(f"select count(*) from customers where {expression.condition}") == 1
    kept = shop.query("select profile_updated.attributes as a from events where profile_updated.email = 'anna@example.com'")
    assert dict(kept["a"][0].as_py()) == {"size": "M", "fitted_on": "2026-03-31", "points": "1234.5"}


def test_a_mapping_may_name_a_field_that_nobody_declared(shop: Book, tmp_path: Path) -> None:
    path = tmp_path / "people.mapping.toml"
    path.write_text(to_toml(shop.plan(given(PEOPLE)).mapping) + '\n[columns.Humeur]\nto = "field.mood"\n', encoding="utf-8")
    shop.import_file(given(PEOPLE), shop.plan(given(PEOPLE), mapping=load_mapping(path)))
    asked = "select attributes from customers where email = 'anna@example.com'"
    assert dict(shop.query(asked)["attributes"][0].as_py())["mood"] == "gaie"
    path.write_text(path.read_text(encoding="utf-8").replace("field.mood", "field.Mood!"), encoding="utf-8")
    with pytest.raises(MappingError, match=r"field\.NAME"):
        load_mapping(path)
