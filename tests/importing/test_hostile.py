"""Files that are broken or made to do harm: each ends in a message or in rejects, the book untouched or balanced."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientbook.errors import ClientbookError
from clientbook.importing.commit import RejectLimit, TooManyRejects
from clientbook.importing.decode import GivenFile
from clientbook.importing.mapping import ColumnMapping, Mapping

ORDERS = Mapping(
    kind="orders",
    source="web",
    timezone="Europe/Paris",
    currency="EUR",
    columns={
        "id": ColumnMapping(to="order.id"),
        "date": ColumnMapping(to="order.placed_at", formats=["%d/%m/%Y"]),
        "email": ColumnMapping(to="customer.email"),
        "total": ColumnMapping(to="order.total", decimal="."),
        "product": ColumnMapping(to="line.product"),
    },
)
HEAD = "id,date,email,total,product\n"
SOUND = "1,01/02/2026,a@example.com,5.00,tea\n"

ROWS = [
    ("an unclosed quote", '2,01/02/2026,"b@example.com,5.00,tea\n', ["row.quotes"]),
    ("a quote inside a cell", '2,01/02/2026,b@example.com,5.00,"te"a\n', ["row.quotes"]),
    ("too few cells", "2,01/02/2026\n", ["row.ragged"]),
    ("too many cells", "2,01/02/2026,b@example.com,5.00,tea,x,y\n", ["row.ragged"]),
    ("a day that does not exist", "2,30/02/2026,b@example.com,5.00,tea\n", ["date.impossible"]),
    ("the year 26", "2,01/02/26,b@example.com,5.00,tea\n", ["date.impossible"]),
    ("an amount of 1e308", "2,01/02/2026,b@example.com,1e308,tea\n", ["amount.format"]),
    ("an amount that no column holds", "2,01/02/2026,b@example.com,999999999999999999,tea\n", ["amount.format"]),
    ("NaN", "2,01/02/2026,b@example.com,NaN,tea\n", ["amount.format"]),
    ("an underscore in an amount", "2,01/02/2026,b@example.com,1_000,tea\n", ["amount.format"]),
    ("Arabic digits", "2,01/02/2026,b@example.com,١٢,tea\n", ["amount.format"]),
    ("no e-mail address", "2,01/02/2026,b at example,5.00,tea\n", ["email.format"]),
    ("a cell of 10 MB", "2,01/02/2026,b@example.com,5.00," + "x" * 10_000_000 + "\n", ["cell.size"]),
    ("a product of 600 characters", "2,01/02/2026,b@example.com,5.00," + "x" * 600 + "\n", ["value.limits"]),
    ("a formula", "2,01/02/2026,b@example.com,5.00,=HYPERLINK(1)\n", []),
    ("emoji", "2,01/02/2026,b@example.com,5.00,👩‍👩‍👧 🍵\n", []),
    ("right-to-left", "2,01/02/2026,b@example.com,5.00,\u202eeta\u202c שלום\n", []),
    ("escape sequences", "2,01/02/2026,b@example.com,5.00,\x1b[31mred\x1b[0m\n", []),
    ("a NUL", "2,01/02/2026,b@example.com,5.00,te\0a\n", None),
]


@pytest.mark.parametrize(("row", "codes"), [one[1:] for one in ROWS], ids=[one[0] for one in ROWS])
def test_a_hostile_row_is_set_aside_and_the_others_go_in(shop: Any, row: str, codes: list[str] | None) -> None:
    text = HEAD + row + SOUND
    if codes is None:
        with pytest.raises(ClientbookError, match="not a text file"):
            shop.bring(text, mapping=ORDERS)
        assert shop.rows("select * from events") == []
        return
    result = shop.bring(text, mapping=ORDERS)
    outcome = result.outcome
    assert [one.code for one in outcome.rejects] == codes
    balanced = outcome.rows_used + outcome.rows_duplicate + outcome.rows_skipped + outcome.rows_rejected
    assert outcome.rows_read == balanced
    assert shop.rows("select count(*) as n from orders where order_id = '1'") == [{"n": 1}]
    if codes:
        assert result.rejects_file.stat().st_size < 100_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (b"\x00\x01\x02\x03", "not a text file"),
        (b"PK\x03\x04 no zip at all", "no readable workbook"),
        (b"\xd0\xcf\x11\xe0 no workbook", "no readable workbook"),
        (b"PAR1 no parquet", "no readable Parquet"),
        (b"1,01/02/2026,a@example.com,5.00,tea\n", "no column 'id'"),
        (b"id;date;email;total;product\n1;01/02/2026;a@example.com;5.00;tea\n", "no column 'id'"),
        ("id,date,email,total,product\n".encode("utf-16-le"), "not a text file"),
    ],
    ids=[
        "empty",
        "blank",
        "binary",
        "zip",
        "old workbook",
        "parquet",
        "no header",
        "other delimiter",
        "utf-16 without mark",
    ],
)
def test_a_hostile_file_is_refused_and_the_book_untouched(shop: Any, data: bytes, said: str) -> None:
    with pytest.raises(ClientbookError, match=said):
        shop.bring(data, mapping=ORDERS)
    assert shop.rows("select * from events") == []


def test_a_header_that_comes_twice_is_a_row_set_aside(shop: Any) -> None:
    outcome = shop.bring(HEAD + HEAD + SOUND, mapping=ORDERS).outcome
    assert (outcome.rows_used, [one.code for one in outcome.rejects]) == (1, ["date.impossible"])


def test_too_many_rejects_import_nothing(shop: Any) -> None:
    text = HEAD + SOUND + "2,30/02/2026,b@example.com,5.00,tea\n"
    book = shop.book
    file = GivenFile(name="f.csv", data=text.encode(), sha256=sha256(text.encode()).hexdigest())
    plan = book.plan(file, mapping=ORDERS)
    for limit in ("0", "49%"):
        with pytest.raises(TooManyRejects, match="1 of 2 rows"):
            book.import_file(file, plan, limit=RejectLimit.parse(limit))
    assert shop.rows("select * from events") == []
    assert book.import_file(file, plan, limit=RejectLimit.parse("50%")).outcome.rows_used == 1


CELLS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["1", "01/02/2026", "30/02/2026", "5.00", "a@example.com", '"', '""', "=1+1", "\x1b[0m", "'0", "1e308", ",", "\n"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=7), max_size=8))
def test_whatever_the_rows_say_they_are_counted_once(desk: Any, rows: list[list[str]]) -> None:
    text = HEAD + "".join(",".join(row) + "\n" for row in rows)
    try:
        draft = desk.draft(text, mapping=ORDERS)
    except ClientbookError as error:
        assert str(error)
        return
    assert draft.rows_read == len(draft.row_lines) + draft.rows_skipped + len(draft.rejects)
    spoken_of = [*draft.row_lines.to_pylist(), *(reject.line for reject in draft.rejects)]
    assert len(set(spoken_of)) == len(spoken_of)
