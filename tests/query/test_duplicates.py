"""Finding entries that are one person: found and not too many found, families left alone, nothing asked twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from people_twice import ALIKE, Person, people_twice

from clientbook.book import Book
from clientbook.importing.noting import merged, unmerged
from clientbook.query.duplicates import REASONS, WEIGHTS, reason


def filled(book: Book, rows: Iterable[Person]) -> Book:
    """The rows as customers whose ids are their numbers."""
    lines = []
    for number, row in enumerate(rows):
        data = {name: value for name, value in row.items() if value is not None}
        kind = data.pop("kind", "person")
        who = {"customer": id_of(number), "occurred_at": "2026-01-05T10:00:00Z"}
        lines.append(who | {"type": "customer_registered", "data": {"kind": kind, "collected_via": "import"}})
        lines.append(who | {"type": "profile_updated", "data": data})
    outcome = book.append_lines(json.dumps(line).encode() for line in lines)
    assert not outcome.rejects
    return book


def id_of(number: int) -> str:
    return f"{number:020x}"


def found(book: Book, min_score: float = 0.9) -> set[tuple[int, int]]:
    return {(int(pair.a, 16), int(pair.b, 16)) for pair in book.duplicates(min_score=min_score)}


@pytest.mark.parametrize("seed", [11, 12])
def test_most_of_who_stands_twice_is_found_and_little_else(book: Book, seed: int, record_property: Any) -> None:
    file = people_twice(people=1200, seed=seed)
    pairs = found(filled(book, file.rows))
    recall = len(pairs & file.same) / len(file.same)
    precision = len(pairs & file.same) / len(pairs)
    record_property("counts", f"recall {recall:.3f}, precision {precision:.3f}")
    assert recall >= 0.95
    assert precision >= 0.95
    surest = found(book, 0.99)
    assert len(surest & file.same) / len(surest) >= 0.97
    alike = {pair for pair, kind in file.kinds.items() if kind in ALIKE}
    assert len(pairs & alike) <= len(alike) / 50  # spouses, twins, fathers and sons, namesakes


HOME = {"lines": ["3 rue des Lilas"], "postal_code": "69003", "city": "Lyon"}
ANNE: Person = {"given_name": "Anne", "family_name": "Lefèvre", "address": HOME, "landline": "+33472000001"}


@pytest.mark.parametrize(
    "other",
    [
        {"family_name": "LEFEVRE", "given_name": "anne", "landline": None},
        {"family_name": "Lefèbvre", "landline": "04 72 00 00 01"},
        {"family_name": "Anne", "given_name": "Lefèvre"},
        {"family_name": "LEFEVRE Anne", "given_name": None},
    ],
)
def test_one_person_written_another_way(book: Book, other: Person) -> None:
    assert found(filled(book, [ANNE, ANNE | other])) == {(0, 1)}


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Paul", "email": "anne@example.com"},
        {"given_name": "Annie", "birth_date": "1990-04-05"},
        {"birth_date": "2001-04-05"},
        {"given_name": "Anne", "family_name": "Lefèvre fils"},
        {"kind": "company", "legal_name": "Anne Lefèvre"},
    ],
)
def test_others_of_the_household_are_left_alone(book: Book, other: Person) -> None:
    first = ANNE | {"email": "anne@example.com", "birth_date": "1961-04-05"}
    assert (0, 1) not in found(filled(book, [first, ANNE | {"landline": None} | other]))


def test_a_shared_phone_of_a_whole_town_makes_nobody_one(book: Book) -> None:
    rows = [{"family_name": f"N{number}", "landline": "+33472000001"} for number in range(100)]
    assert found(filled(book, rows), 0) == set()


def test_pairs_are_told_with_reasons_and_groups(book: Book) -> None:
    filled(book, [ANNE, ANNE, ANNE | {"given_name": "A"}])
    pairs = book.duplicates(min_score=0.9)
    assert {pair.group for pair in pairs} == {1}
    assert pairs[0].score >= pairs[-1].score
    assert "given.same" in pairs[0].reasons
    assert all(reason(code) for pair in pairs for code in pair.reasons + pair.against)


def test_every_weighed_way_to_agree_has_its_words() -> None:
    silent = {("sex", "same")}
    assert {(field, level) for field, levels in WEIGHTS.items() for level in levels} - silent <= set(REASONS)


def test_who_was_merged_unmerged_or_told_apart_is_not_proposed_again(book: Book) -> None:
    filled(book, [ANNE, ANNE])
    at = book.clock()
    book.note(merged(id_of(0), [id_of(1)], reason=None), occurred_at=at)
    assert found(book) == set()
    book.note(unmerged([id_of(1)], reason=None), occurred_at=book.clock())
    assert found(book) == set()


def test_two_people_said_to_be_two_stay_two_and_whole(book: Book) -> None:
    filled(book, [ANNE, ANNE])
    before = book.query("select * from customers order by customer_id").num_rows
    book.tell_apart(id_of(0), id_of(1))
    assert found(book) == set()
    assert book.query("select * from customers order by customer_id").num_rows == before == 2


def test_merging_a_pair_keeps_the_older_entry_and_both_histories(book: Book) -> None:
    filled(book, [ANNE, ANNE | {"mobile": "+33612345678"}])
    assert book.merge_pair(id_of(1), id_of(0), reason="test")
    assert not book.merge_pair(id_of(1), id_of(0), reason="test")
    rows = book.query("select customer_id, mobile, event_count from customers").to_pylist()
    assert rows == [{"customer_id": id_of(0), "mobile": "+33612345678", "event_count": 5}]
