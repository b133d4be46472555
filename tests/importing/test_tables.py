"""How a table lies in its file: delimiters, headers, quotes, line numbers, workbooks."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from clientbook.importing.decode import UnreadableFile
from clientbook.importing.mapping import column_keys
from clientbook.importing.table import SPACES, Dialect, plain_words


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_found(desk: Any, cells: Any, delimiter: str) -> None:
    lines = [["nom", "ville", "cp"], ["Lefèvre", "Lyon", "69001"], ["Martin", "Nice", "06000"]]
    table = desk.table("\n".join(delimiter.join(line) for line in lines) + "\n")
    assert table.dialect.delimiter == delimiter
    assert cells(table, "cp") == ["69001", "06000"]


def test_decimal_commas_do_not_pass_for_delimiters(desk: Any) -> None:
    assert desk.table("id;total\nA1;9,90\nA2;12,50\nA3;1,00\n").dialect.delimiter == ";"


def test_columns_set_apart_by_blanks_are_found(desk: Any, cells: Any) -> None:
    table = desk.table(" id   date  amount\n 0001 19970101  11.77\n 0002 19970112    9.00\n")
    assert table.dialect.delimiter == SPACES
    assert cells(table, "amount") == ["11.77", "9.00"]
    assert table.lines.to_pylist() == [2, 3]


def test_a_list_of_one_column_is_a_table(desk: Any, cells: Any) -> None:
    table = desk.table("email\na@example.com\nb@example.com\n")
    assert cells(table, "email") == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    "title",
    [
        "Export des ventes;;\n\n",
        "Export des ventes\n\n",
        "Export des ventes\nBoutique de Lyon\n\n",
        "Export des ventes\nle 1 février\n",
    ],
)
def test_title_lines_before_the_header_are_passed_over(desk: Any, cells: Any, title: str) -> None:
    table = desk.table(title + "id;date;total\nA1;01/02/2026;9,90\nA2;02/02/2026;5,00\n")
    assert table.header == ("id", "date", "total")
    assert cells(table, "id") == ["A1", "A2"]
    assert table.dialect.header_line == title.count("\n") + 1
    assert table.lines.to_pylist() == [title.count("\n") + 2, title.count("\n") + 3]


def test_a_stated_header_line_is_followed(desk: Any) -> None:
    table = desk.table("made;by;me\nid;date;total\nA1;x;y\n", dialect=Dialect(delimiter=";", header_line=2))
    assert table.header == ("id", "date", "total")
    assert table.rows_read == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(desk: Any, cells: Any, end: str) -> None:
    table = desk.table(end.join(["id;ville", "1;Lyon", '2;"Nice', 'Ouest"', "3;Brest", ""]))
    assert cells(table, "ville") == ["Lyon", "Nice\nOuest", "Brest"]
    assert table.lines.to_pylist() == [2, 3, 5]


def test_a_header_that_ends_in_a_delimiter_has_a_column_that_rows_need_not_have(desk: Any, cells: Any) -> None:
    table = desk.table("id;ville;\n1;Lyon\n2;Nice;\n")
    assert cells(table, "ville") == ["Lyon", "Nice"]
    assert table.broken == ()


def test_rows_that_end_in_empty_cells_beyond_the_header_are_whole(desk: Any, cells: Any) -> None:
    assert cells(desk.table("id;ville\n1;Lyon;;\n2;Nice;\n"), "ville") == ["Lyon", "Nice"]


def test_repeated_and_nameless_columns_have_names_a_mapping_can_use() -> None:
    assert column_keys(["Titre", "Nom", "Titre", "", ""]) == ["Titre", "Nom", "Titre#2", "#4", "#5"]


def test_repeated_columns_keep_their_own_cells(desk: Any) -> None:
    table = desk.table("Titre;Nom;Titre\nMme;Lefèvre;Gérante\n")
    assert [table.column(place).to_pylist() for place in range(3)] == [["Mme"], ["Lefèvre"], ["Gérante"]]


def test_an_unclosed_quote_spoils_its_own_line_only(desk: Any, cells: Any) -> None:
    table = desk.table('id;ville\n1;Lyon\n2;"Nice\n3;Brest\n4;"Saint;Malo"\n5;Lille\n')
    assert cells(table, "id") == ["1", "3", "4", "5"]
    assert [(row.line, row.code) for row in table.broken] == [(3, "row.quotes")]
    assert table.lines.to_pylist() == [2, 4, 5, 6]


def test_every_unclosed_quote_is_named(desk: Any, cells: Any) -> None:
    table = desk.table('id;ville\n1;"Lyon\n2;Nice\n3;"Brest\n4;Lille\n')
    assert [row.line for row in table.broken] == [2, 4]
    assert cells(table, "id") == ["2", "4"]
    assert table.rows_read == 4


def test_ragged_rows_are_set_aside_and_the_others_go_on(desk: Any, cells: Any) -> None:
    table = desk.table("id;nom;ville\n1;a;Lyon\n2;b\n3;c;Nice;surplus\n4;d;Brest\n")
    assert cells(table, "id") == ["1", "4"]
    assert [(row.line, row.code) for row in table.broken] == [(3, "row.ragged"), (4, "row.ragged")]
    assert "2 cells" in table.broken[0].message
    assert "3" in table.broken[0].message


def test_empty_rows_are_counted_and_carry_nothing(desk: Any) -> None:
    table = desk.table("id;ville\n1;Lyon\n;\n\n  ; \n2;Nice\n")
    assert (table.empty_rows, len(table.lines), table.rows_read) == (3, 2, 5)


def test_blanks_around_a_value_are_gone_and_blank_cells_are_empty(desk: Any, cells: Any) -> None:
    assert cells(desk.table("id;ville\n1 ;  Lyon \n2;   \n"), "ville") == ["Lyon", None]


@pytest.mark.parametrize("text", ["", "\n\n \n", "\ufeff"])
def test_an_empty_file_is_refused(desk: Any, text: str) -> None:
    with pytest.raises(UnreadableFile, match="empty"):
        desk.table(text)


def test_a_file_of_delimiters_has_no_header(desk: Any) -> None:
    with pytest.raises(UnreadableFile, match="no line with column names"):
        desk.table(";;;\n;;;\n")


def test_a_header_alone_is_a_table_without_rows(desk: Any) -> None:
    table = desk.table("id;ville\n")
    assert (table.header, table.rows_read) == (("id", "ville"), 0)


@for_all(rows=st.lists(st.lists(st.text(alphabet='a;,"\n\r é', max_size=6), min_size=3, max_size=3), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_csv_writes_is_read_back(desk: Any, rows: list[list[str]]) -> None:
    import csv

    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerows([["x", "y", "z"], *rows])
    table = desk.table(text.getvalue(), dialect=Dialect(delimiter=";", header_line=1))
    plain = [[cell.replace("\r\n", "\n").replace("\r", "\n").strip() or None for cell in row] for row in rows]
    assert [list(row.values()) for row in table.columns.to_pylist()] == [row for row in plain if any(row)]
    assert table.broken == ()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("InvoiceNo", "invoice no"),
        ("Prénom", "prenom"),
        ("N° client", "n client"),
        ("E-mail :", "e mail"),
        ("customer_id", "customer id"),
    ],
)
def test_headers_are_compared_as_plain_words(header: str, words: str) -> None:
    assert plain_words(header) == words


def workbook(rows: list[list[Any]], *, sheet: str = "Feuille1") -> bytes:
    """A small XLSX, made by hand: strings inline, numbers as numbers."""

    def cell(value: Any) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        if isinstance(value, tuple):
            return f'<c s="1"><v>{value[0]}</v></c>'
        return f"<c><v>{value}</v></c>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    body = "".join("<row>" + "".join(map(cell, row)) + "</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{kinds}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets>'
        f'<sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">'
        f'<Relationship Id="r1" Type="{kinds}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{kinds}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def test_a_workbook_is_read_as_people_see_it(desk: Any, cells: Any) -> None:
    rows = [["N° client", "Date", "Total"], [1042, (46054,), 9.9], ["B7", "03/02/2026", "12,50"]]
    table = desk.table(workbook(rows), "clients.xlsx")
    assert cells(table, "N° client") == ["1042", "B7"]
    assert cells(table, "Date") == ["2026-02-01", "03/02/2026"]
    assert cells(table, "Total") == ["9.9", "12,50"]
    assert table.lines.to_pylist() == [2, 3]


def test_a_workbook_without_its_suffix_is_recognised_and_its_sheet_can_be_named(desk: Any) -> None:
    data = workbook([["id", "ville"], ["1", "Lyon"]], sheet="Clients")
    assert desk.table(data, "clients").dialect.sheet == "Clients"
    with pytest.raises(UnreadableFile, match=r"no sheet 'Ventes'; there are Clients"):
        desk.table(data, "clients.xlsx", Dialect(sheet="Ventes"))


@pytest.mark.parametrize("data", [b"PK\x03\x04 not a zip", b"\xd0\xcf\x11\xe0 not a workbook", b"id;ville\n1;Lyon\n"])
def test_a_damaged_workbook_is_refused_with_the_remedy(desk: Any, data: bytes) -> None:
    with pytest.raises(UnreadableFile, match="save it again as XLSX or CSV"):
        desk.table(data, "clients.xlsx")


@pytest.mark.shared
def test_the_same_customers_come_out_of_every_kind_of_french_spreadsheet(desk: Any, samples: Path) -> None:
    folder = samples / "french_spreadsheet"
    tables = {path.suffix + path.stem: desk.table(path.read_bytes(), path.name) for path in sorted(folder.iterdir())}
    one, other = (tables[f".csvreplica_clients_{name}"] for name in ("cp1252", "utf8bom"))
    assert one.columns.equals(other.columns)
    assert "E-mail" in tables[".xlsxreplica_clients"].header or "e mail" in map(
        plain_words, tables[".xlsxreplica_clients"].header
    )
    assert tables[".xlsreplica_clients"].rows_read > 0
