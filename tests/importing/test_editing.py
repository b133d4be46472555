"""Editing customers: what changes is shown first, only that is written, all of it can be undone; custom fields fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.errors import WrongUse
from clientbook.fields import CustomField, FieldMisfit
from clientbook.importing.editing import read_edit
from clientbook.settings import InvalidSettings

FIELDS = """
[fields.size]
label = "Taille"
choices = ["S", "M"]

[fields.fitted_on]
type = "date"

[fields.points]
type = "int"
"""


@pytest.fixture
def shop(book: Book, lines: Callable[..., list[bytes]]) -> Book:
    with (book.folder / "book.toml").open("a") as settings:
        settings.write(FIELDS)
    shop = Book(book.folder, clock=book.clock)
    people = [("Zoé", "Lyon"), ("Paul", "Lyon"), ("Nora", "Nice")]
    events = [
        {
            "type": "profile_updated",
            "customer": {"email": f"{name[0]}@example.com"},
            "data": {"given_name": name, "address": {"lines": ["3 rue des Lilas"], "postal_code": "69003", "city": city}},
        }
        for name, city in people
    ]
    assert not shop.append_lines(lines(*events)).rejects
    return shop


def edited(
    shop: Book, *sets: str, clears: tuple[str, ...] = (), customer: str | None = None, where: str | None = None
) -> Any:
    edit = read_edit(sets, clears, tags=(), untags=(), fields=shop.settings.fields)
    found = shop.foresee_edit(edit, customer=customer, where=where)
    return found, shop.edit(found)[0] if found else None


def rows(shop: Book, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in shop.query(sql).to_pylist()]


def test_one_part_of_an_address_changes_and_the_rest_stays(shop: Book) -> None:
    edited(shop, "city=Villeurbanne", "tag=vip", "tag=thé", customer="Z@example.com")
    found = rows(shop, "select street, postal_code, city, tags from customers where given_name = 'Zoé'")
    assert found == [("3 rue des Lilas", "69003", "Villeurbanne", ["thé", "vip"])]


def test_many_change_at_once_and_undoing_puts_all_back(shop: Book) -> None:
    found, batch = edited(shop, "country=FR", "size=M", where="city = 'Lyon'")
    assert [(change.name, change.before, change.after) for change in found] == [
        ("Paul", {"country": None, "size": None}, {"country": "FR", "size": "M"}),
        ("Zoé", {"country": None, "size": None}, {"country": "FR", "size": "M"}),
    ]
    assert rows(shop, "select count(*) from customers where country = 'FR'") == [(2,)]
    shop.undo(batch, reason=None)
    assert rows(shop, "select count(*), count(country), count(attributes) from customers") == [(3, 0, 0)]


def test_who_is_as_wanted_already_is_left_alone(shop: Book) -> None:
    edited(shop, "city=Nice", where="city = 'Lyon'")
    before = shop.log.head().position
    assert edited(shop, "city=Nice", where="true") == ([], None)
    assert shop.log.head().position == before


def test_fields_are_emptied(shop: Book) -> None:
    edited(shop, "occupation=cook", "size=M", "points=3", customer="Z@example.com")
    edited(shop, clears=("occupation", "size", "address"), customer="Z@example.com")
    found = rows(
        shop, "select occupation, city, attributes['size'], attributes['points'] from customers where given_name = 'Zoé'"
    )
    assert found == [(None, None, None, "3")]


@pytest.mark.parametrize("sets", [("sise=M",), ("size=XXL",), ("points=many",), ("city",), ("children=x",), ()])
def test_what_cannot_be_set_is_refused(shop: Book, sets: tuple[str, ...]) -> None:
    with pytest.raises(WrongUse):
        read_edit(sets, (), tags=(), untags=(), fields=shop.settings.fields)


def test_what_belongs_to_one_customer_is_not_given_to_many(shop: Book) -> None:
    with pytest.raises(WrongUse, match="email"):
        edited(shop, "email=all@example.com", where="city = 'Lyon'")


def test_custom_fields_are_typed_columns_by_name_and_label(shop: Book) -> None:
    edited(shop, "size=M", "fitted_on=31/03/2026", "points=12", customer="Z@example.com")
    for text in ("size = 'M'", "Taille = 'M'", "fitted_on = date '2026-03-31'", "points > 9", "points is not null"):
        with shop.reading() as reading:
            expression = reading.expression(text)
            count = reading.engine.value(f"select count(*) from customers where {expression.condition}")
        assert count == 1, text


def test_files_with_values_a_field_cannot_hold_are_set_aside(shop: Book, lines: Callable[..., list[bytes]]) -> None:
    given = [
        {"type": "profile_updated", "customer": {"email": "z@example.com"}, "data": {"attributes": {"size": size}}}
        for size in ("M", "XXL", "S")
    ]
    outcome = shop.append_lines(lines(*given))
    assert [(reject.line, "XXL" in reject.message) for reject in outcome.rejects] == [(2, False)]
    assert outcome.rows_used == 2


def test_a_change_of_the_declarations_is_recorded_once(shop: Book) -> None:
    for size in ("S", "M"):
        edited(shop, f"size={size}", customer="Z@example.com")
    assert rows(shop, "select count(*) from events where type = 'settings_changed'") == [(1,)]


def test_a_field_may_not_be_called_as_a_column_is(book: Book) -> None:
    with (book.folder / "book.toml").open("a") as settings:
        settings.write("\n[fields.city]\n")
    with pytest.raises(InvalidSettings, match="city"), Book(book.folder).reading() as reading:
        reading.expression("city = 'Lyon'")


def test_values_have_one_form() -> None:
    assert CustomField(type="decimal").text("n", "1 234,50") == "1234.50"
    assert CustomField(type="bool").text("n", "Oui") == "true"
    assert CustomField(type="date").text("n", "31/03/2026") == "2026-03-31"
    with pytest.raises(FieldMisfit):
        CustomField(type="int").text("n", "1.5")


def test_a_misdeclared_choice_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"):
        CustomField(type="int", choices=("x",))
