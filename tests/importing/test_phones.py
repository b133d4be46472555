"""Phone numbers: one form for all spellings, what cannot exist identifies nobody, old books go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from clientbook.book import Book
from clientbook.importing.decode import open_file
from clientbook.importing.phones import Normalised, e164, region_of


@pytest.mark.parametrize(
    "text",
    [
        "06 12 34 56 78",
        "06.12.34.56.78",
        "0612345678",
        "+33 6 12 34 56 78",
        "0033612345678",
        "+33(0)6 12 34 56 78",
        "'0612345678",
    ],
)
def test_one_number_has_one_form(text: str) -> None:
    assert e164(text, "FR") == "+33612345678"


@pytest.mark.parametrize("text", ["00 00 00 00 00", "6,12E+08", "6.12E8", "12", "none", "0612345678 / 0612345679"])
def test_what_cannot_be_a_number_is_none(text: str) -> None:
    assert e164(text, "FR") is None


@pytest.mark.parametrize("region", ["FR", "BE", "CH", "DE", "GB", "RE"])
def test_the_quick_way_reads_what_the_library_reads(region: str) -> None:
    dice = random.Random(5)
    for _ in range(1500):
        text = "0" + "".join(dice.choice("0123456789") for _ in range(dice.randrange(8, 11)))
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            assert e164(text, region) is None, text
            continue
        form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert e164(text, region) == (form if phonenumbers.is_valid_number(number) else None), text


def test_the_address_says_where_a_number_is() -> None:
    assert region_of("BE", None, "FR") == "BE"
    assert region_of("Belgique", "1000", "FR") == "BE"
    assert region_of(None, "97400", "FR") == "RE"
    assert region_of("Atlantis", None, "FR") == "FR"
    assert e164("0692 12 34 56", region_of("France", "97400", "FR")) == "+262692123456"


def imported(book: Book, folder: Path, text: str) -> Any:
    path = folder / "contacts.csv"
    path.write_text(text, encoding="utf-8")
    file = open_file(str(path))
    return book.import_file(file, book.plan(file))


def test_two_spellings_in_files_are_one_customer_and_a_file_is_known_again(book: Book, tmp_path: Path) -> None:
    text = "First name;Phone\nZoé;06 12 34 56 78\n"
    imported(book, tmp_path, text)
    imported(book, tmp_path, "First name;Phone\nZoé;+33612345678\n")
    assert book.query("select phone from customers").to_pylist() == [{"phone": "+33612345678"}]
    assert imported(book, tmp_path, text).outcome.events == 0


def test_a_number_that_cannot_exist_is_kept_told_and_identifies_nobody(book: Book, tmp_path: Path) -> None:
    done = imported(book, tmp_path, "First name;Phone\nZoé;00 00 00 00 00\n")
    assert any("00" not in remark and "identifies nobody" in remark for remark in done.outcome.remarks)
    imported(book, tmp_path, "First name;Phone\nPaul;00 00 00 00 00\n")
    rows = book.query("select given_name, phone from customers order by 1").to_pylist()
    assert [row["given_name"] for row in rows] == ["Paul", "Zoé"]
    assert {row["phone"] for row in rows} == {"00 00 00 00 00"}
    assert set(book.query("select strength from identifiers")["strength"].to_pylist()) == {"weak"}


def test_a_raw_number_of_an_old_book_still_identifies(book: Book, lines: Callable[..., list[bytes]], tmp_path: Path) -> None:
    from clientbook.importing import commit

    def as_written(events: Any, *, region: str) -> Any:
        return Normalised(events=events, unread=0)

    who = {"customer": "0000000000000000cafe"}
    with pytest.MonkeyPatch.context() as patch:  # the book as the program before this one wrote it
        patch.setattr(commit, "with_e164", as_written)
        linked = {"kind": "phone", "value": "06 12 34 56 78", "strength": "strong"}
        registered = {"kind": "person", "collected_via": "import"}
        book.append_lines(
            lines(
                who | {"type": "customer_registered", "data": registered},
                who | {"type": "identifier_linked", "data": linked},
            )
        )
    assert book.query("select value from identifiers").to_pylist() == [{"value": "06 12 34 56 78"}]
    imported(book, tmp_path, "First name;Phone\nZoé;+33 6 12 34 56 78\n")
    assert book.query("select customer_id, given_name from customers").to_pylist() == [
        {"customer_id": "0000000000000000cafe", "given_name": "Zoé"}
    ]
