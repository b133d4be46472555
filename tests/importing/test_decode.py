"""From bytes to text: what a shop hands over is read, or refused with the remedy."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from clientbook.importing.decode import GivenFile, UnreadableFile, decode, open_file


def file(data: bytes, name: str = "clients.csv") -> GivenFile:
    return GivenFile(name=name, data=data, sha256="")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_files_are_read_for_sure(encoding: str) -> None:
    text = decode(file("nom;ville\nLefèvre;Orléans\n".encode(encoding)))
    assert text.text.removeprefix("\ufeff") == "nom;ville\nLefèvre;Orléans\n"
    assert not text.is_guess


def test_big_endian_utf_16_is_read_too() -> None:
    assert decode(file(b"\xfe\xff" + "Zoé".encode("utf-16-be"))).text == "Zoé"


def test_what_is_no_utf_8_is_read_as_cp1252_and_said_to_be_a_guess() -> None:
    text = decode(file("Œuvre à 12 €".encode("cp1252")))
    assert (text.text, text.encoding, text.is_guess) == ("Œuvre à 12 €", "cp1252", True)


def test_bytes_that_cp1252_leaves_undefined_do_not_stop_the_file() -> None:
    assert decode(file("é".encode("cp1252") + b"\x81\x8d\x8f\x90\x9d")).text == "é\x81\x8d\x8f\x90\x9d"


def test_a_file_that_was_guessed_to_be_cp1252_is_read_the_same_once_a_mapping_declares_it() -> None:
    data = "é".encode("cp1252") + b"\x81"
    assert decode(file(data), "cp1252").text == decode(file(data)).text


def test_a_declared_encoding_is_followed_without_guessing() -> None:
    text = decode(file("Évry".encode("mac-roman")), "mac-roman")
    assert (text.text, text.is_guess) == ("Évry", False)


def test_a_byte_order_mark_outweighs_the_declared_encoding() -> None:
    assert decode(file("Évry".encode("utf-8-sig")), "cp1252").text == "Évry"


def test_a_file_that_is_not_in_the_declared_encoding_is_refused_with_the_line() -> None:
    with pytest.raises(UnreadableFile, match=r"line 2.*utf-8.*another encoding"):
        decode(file("ville\nOrléans\n".encode("cp1252")), "utf-8")


def test_an_unknown_encoding_is_refused_with_two_that_exist() -> None:
    with pytest.raises(UnreadableFile, match=r"utf-99.*utf-8 or cp1252"):
        decode(file(b"ville"), "utf-99")


def test_a_binary_file_is_refused_with_what_can_be_read() -> None:
    with pytest.raises(UnreadableFile, match=r"photo\.csv.*not a text file.*CSV.*XLSX"):
        decode(file(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "photo.csv"))


def test_gzip_is_recognised_by_its_content_and_the_digest_is_of_the_file_as_given(tmp_path: Path) -> None:
    packed = gzip.compress(b"email\na@example.com\n")
    path = tmp_path / "list.csv"
    path.write_bytes(packed)
    opened = open_file(str(path))
    assert opened.data == b"email\na@example.com\n"
    assert opened.sha256 == sha256(packed).hexdigest()


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:14] + b"\xff\xff\xff" + data[17:]])
def test_broken_gzip_is_refused_with_the_remedy(tmp_path: Path, damage) -> None:
    path = tmp_path / "list.csv.gz"
    path.write_bytes(damage(gzip.compress(b"email\na@example.com\nb@example.com\n")))
    with pytest.raises(UnreadableFile, match=r"damaged or cut short; fetch the file again"):
        open_file(str(path))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"nobody\.csv: there is no such file"):
        open_file(str(tmp_path / "nobody.csv"))
    with pytest.raises(UnreadableFile, match="this is a folder"):
        open_file(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.CSV", ".csv"), ("a.csv.gz", ".csv"), ("a.b.xlsx", ".xlsx"), ("plain", ""), ("x.gz", "")]
)
def test_the_kind_of_a_file_is_its_suffix_without_gz(name: str, suffix: str) -> None:
    assert file(b"", name).suffix == suffix


def test_a_line_in_another_encoding_than_the_rest_is_named(desk: Any) -> None:
    sound = "Prénom;Nom;E-mail\nZoé;Lefèvre;z@example.com\n".encode()
    proposed = desk.plan(sound + "Noël;Petit;n@example.com\n".encode("cp1252")).proposal
    assert any("line 3" in doubt for doubt in proposed.doubts)
    assert not desk.plan("Prénom;Nom;E-mail\nNoël;Petit;n@example.com\n".encode("cp1252")).proposal.doubts


def test_a_device_is_no_file() -> None:
    with pytest.raises(UnreadableFile, match="device"):
        open_file("/dev/zero")
