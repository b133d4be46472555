"""A book in which two similar people stand in every place where a person can stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from clientbook.book import Book
from clientbook.importing.decode import GivenFile
from clientbook.importing.noting import merged, unmerged
from clientbook.log.digest import row_digests
from clientbook.log.verifying import verify_log

ANA = "ana.lefevre@example.com"
ANNA = "anna.lefevre@example.com"
OTHER_ANA = "ana.old@example.com"
FREED = "freed@example.com"
FIRM, FIRM2 = "contact@savons.example", "contact@savons2.example"

ANAS_WORDS = (
    ANA,
    OTHER_ANA,
    "Ana-Sophie",
    "Lefèvre-Dupont",
    "+33612345678",
    "06 12 34 56 78",
    "C-7700",
    "ORD-1001",
    "ORD-1002",
    "ORD-1003",
    "allée des Tilleuls",
    "dog called Rex",
    "doublon-de-la-cliente",
    "annulée-pour-la-cliente",
    "RF-1",
)
"""Nothing of this may be left when Ana is erased."""

MARCH = "2026-03-09T10:00:00Z"
AT = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)


def created(folder: Path) -> Book:
    """An empty book; a few rows are folded sooner by one thread."""
    Book.create(folder, currency="EUR", timezone="Europe/Paris")
    with (folder / "book.toml").open("a") as settings:
        settings.write("\n[engine]\nthreads = 1\n")
    return Book(folder)


def line(
    type: str, who: str | dict[str, str] | None = None, at: str = "2026-02-10T10:00:00+01:00", **data: Any
) -> dict[str, Any]:
    envelope: dict[str, Any] = {"type": type, "occurred_at": at, "source": "shop", "data": data}
    if who:
        envelope["customer"] = {"email": who} if isinstance(who, str) and "@" in who else who
    return envelope


def as_lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


def append(book: Book, *events: dict[str, Any], refused: int = 0, **options: Any) -> Any:
    done = book.append_lines([json.dumps(one).encode() for one in events], **options)
    assert done.rows_rejected == refused, done.rejects
    return done


def given(text: str | bytes, name: str) -> GivenFile:
    data = text.encode() if isinstance(text, str) else text
    return GivenFile(name=name, data=data, sha256=sha256(data).hexdigest())


def bring(book: Book, text: str | bytes, name: str, **options: Any) -> Any:
    file = given(text, name)
    return book.import_file(file, None if name.endswith(".jsonl") else book.plan(file), **options)


def order(number: str, who: str | None, total: str, at: str, **more: Any) -> dict[str, Any]:
    return line("order_placed", who, at, order_id=number, total=total, currency="EUR", **more)


def person(email: str, given_name: str, family_name: str, mobile: str, number: str) -> list[dict[str, Any]]:
    who = {"email": email, "external": number}
    address = {"lines": ["3 allée des Tilleuls" if given_name == "Ana-Sophie" else "8 quai"], "city": "Lyon"}
    names = {"given_name": given_name, "family_name": family_name}
    return [
        line("customer_registered", who, kind="person", collected_via="account"),
        line("profile_updated", who, email=email, mobile=mobile, address=address, **names),
        line("note_added", who, text="dog called Rex" if given_name == "Ana-Sophie" else "no dog"),
        line("consent_given", who, channel="email", purposes=["newsletter"], address=email),
    ]


def customer(book: Book, text: str) -> str:
    """Who has this e-mail; only the identities are folded."""
    with book.projector.identities() as snapshot:
        found: str = snapshot.engine.value("select customer_id from identifiers where value = $text", {"text": text})
    return found


def fill(book: Book, *, seals: bool) -> dict[str, str]:
    """Put everybody in; customer ids by name. With `seals` the rows lie in several sealed files and commits."""
    ids = _register(book)
    _sell(book, ids)
    if seals:
        book.seal()
    _refund_before_the_order(book)
    ids |= _merge_and_set_free(book)
    members = [ids["ana"], ids["anna"], ids["freed"], ids["second"]]
    frozen = {"friends": members, "alone": [ids["ana"]]}
    append(book, *(line("segment_frozen", None, segment_id=name, members=those) for name, those in frozen.items()))
    if seals:
        book.seal(everything=True)
    _take_back(book)
    if seals:
        book.seal()
    append(book, order("ORD-2002", ANNA, "1", "2026-06-03T10:00:00Z"), line("tag_added", ANA, tag="last"))
    return ids


def _register(book: Book) -> dict[str, str]:
    append(book, *person(ANA, "Ana-Sophie", "Lefèvre-Dupont", "+33 6 12 34 56 78", "C-7700"))
    firms = [line("customer_registered", who, kind="company", collected_via="quote") for who in (FIRM, FIRM2)]
    append(book, *person(ANNA, "Anna-Sophie", "Lefèvre", "+33 6 12 34 56 79", "C-77"), *firms)
    return {name: customer(book, who) for name, who in {"ana": ANA, "anna": ANNA, "firm": FIRM, "firm2": FIRM2}.items()}


def _sell(book: Book, ids: dict[str, str]) -> None:
    append(
        book,
        # Half past midnight on the first of February in Paris, in January by UTC.
        order("ORD-1001", ANA, "100.10", "2026-01-31T23:30:00Z", lines=[{"sku": "A", "quantity": "2"}], voucher_id="V"),
        order("ORD-1002", ANA, "50", "2026-03-05T10:00:00Z"),
        order("ORD-2001", ANNA, "77.70", "2026-03-06T10:00:00Z"),
        order("ORD-3001", None, "12", "2026-03-06T11:00:00Z"),
        line("profile_updated", ANNA, company_id=ids["firm"], email=ANNA),
        line("profile_updated", FREED, company_id=ids["firm2"], family_name="Freed"),
        line(
            "order_refunded", ANA, "2026-03-09T10:00:00Z", order_id="ORD-1001", amount="10", currency="EUR", refund_id="RF-1"
        ),
        line("order_refunded", None, "2026-04-09T10:00:00Z", order_id="ORD-1001", amount="5", currency="EUR"),
        line("order_refunded", ANA, "2026-04-10T10:00:00Z", order_id="ORD-9999", amount="1.5", currency="EUR"),
        line("order_cancelled", ANNA, "2026-04-11T10:00:00Z", order_id="ORD-1002", reason="cancelled by the friend"),
        line("order_refunded", ANNA, "2026-04-12T10:00:00Z", order_id="ORD-3001", amount="2", currency="EUR"),
        line("balance_adjusted", ANA, "2026-04-13T10:00:00Z", amount="-3.25", currency="EUR"),
        line("site_visited", ANA, page="/"),
    )


def _refund_before_the_order(book: Book) -> None:
    append(book, line("order_refunded", ANA, "2026-05-02T10:00:00Z", order_id="ORD-1003", amount="4", currency="EUR"))
    append(book, order("ORD-1003", ANA, "40", "2026-05-01T10:00:00Z"))


def _merge_and_set_free(book: Book) -> dict[str, str]:
    append(
        book,
        line("identifier_linked", ANA, kind="email", value=OTHER_ANA),
        line("address_suppressed", None, channel="email", cause="bounce", address=f"  {ANA.upper()} "),
        line("address_suppressed", None, channel="phone", cause="complaint", address="06 12 34 56 78"),
        line("address_suppressed", None, channel="email", cause="bounce", address=ANNA),
        line("identifier_unlinked", ANA, kind="email", value=OTHER_ANA, at="2026-02-11T10:00:00Z"),
        # Another entry of Ana, merged for good; others, one of them set free again.
        line("tag_added", "ana.second@example.com", tag="second"),
        line("tag_added", FREED, tag="free"),
        line("tag_added", "third@example.com", tag="third"),
    )
    ids = {name: customer(book, f"{who}@example.com") for name, who in {"second": "ana.second", "third": "third"}.items()}
    ids["freed"] = customer(book, FREED)
    book.note(merged(ANA, ["ana.second@example.com"], reason="doublon-de-la-cliente"), occurred_at=AT)
    book.note(merged(ANNA, [FREED, "third@example.com"], reason="a mistake"), occurred_at=AT)
    book.note(unmerged([FREED], reason="freed"), occurred_at=AT)
    book.note(merged(ANA, [FREED], reason="another mistake"), occurred_at=AT)
    book.note(unmerged([FREED], reason="freed again"), occurred_at=AT)
    return ids


def _take_back(book: Book) -> None:
    orders = f"numéro,date,e-mail,total\nORD-5001,01/06/2026,{ANNA},5\nORD-5002,02/06/2026,{ANA},6\n"
    undone = bring(book, orders, "undone.csv").batch
    append(book, line("note_added", ANA, text="a voided note"), line("note_added", ANNA, text="another voided note"))
    last, sold = book.log.head().position, position_of(book, "order_placed", "ORD-1003")
    append(
        book,
        line("import_reverted", None, batch=undone, reason="wrong file"),
        line("event_voided", None, position=last - 1),
        line("event_voided", None, position=last),
        line("event_voided", None, position=sold, reason="annulée-pour-la-cliente"),
        order("ORD-1004", None, "8", "2026-06-01T10:00:00Z"),
        line("order_cancelled", ANA, "2026-06-02T10:00:00Z", order_id="ORD-1004"),
        line("order_cancelled", ANA, "2026-06-02T10:00:00Z", order_id="ORD-8888", reason="of nothing"),
    )


def position_of(book: Book, type: str, number: str) -> int:
    said = (row for batch in book.log.read() for row in batch.to_pylist() if row["type"] == type)
    found: int = next(row["position"] for row in said if row[type]["order_id"] == number)
    return found


def assert_proved(book: Book, erased: dict[int, int] | None = None) -> None:
    found = verify_log(book.log)
    assert found.faults == []
    if erased is not None:
        assert {number: count > 0 for number, count in found.erased.items()} == dict.fromkeys(erased, True)


FIGURES = {
    "orders": "select count(*) as n, sum(revenue) as revenue, sum(gross) as gross, sum(refunded) as refunded,"
    " count(*) filter (where status = 'cancelled') as cancelled from orders",
    "months": "select strftime(order_date, '%Y-%m') as month, count(*) as n, sum(revenue) as revenue, sum(refunded) as back"
    " from orders group by 1 order by 1",
    "refunds": "select strftime(timezone('Europe/Paris', counted_at), '%Y-%m') as month, sum(amount) as amount,"
    " count(*) filter (where is_linked) as linked from refunds group by 1 order by 1",
    "adjusted": "select sum(balance_adjusted.amount) as amount from events where balance_adjusted is not null",
}


def figures(book: Book) -> dict[str, Any]:
    """What the shop earned: it stays what it was when a person is erased."""
    with book.snapshot() as snapshot:
        return {name: snapshot.table(sql).to_pylist() for name, sql in FIGURES.items()}


def rows(book: Book) -> dict[int, tuple[bytes, dict[str, Any]]]:
    """Each row by its position: its digest, computed anew, and what it says."""
    found = {}
    for path in book.log.files():
        table = pq.read_table(path)
        for digest, row in zip(row_digests(table), table.to_pylist(), strict=True):
            found[row["position"]] = (digest, {name: value for name, value in row.items() if value is not None})
    return found


def texts(folder: Path) -> Iterable[tuple[str, str]]:
    """Every file below a folder as text: raw bytes, and each value of each column of Parquet files."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        name = str(path.relative_to(folder))
        yield name, name
        yield name, data.decode("latin-1")
        yield name, data.decode("utf-8", "replace")
        yield name, data.decode("utf-16-le", "replace")
        if path.suffix == ".parquet" or data[:4] == b"PAR1":
            yield name, repr(pq.read_table(path).to_pylist())
            yield name, repr(pq.read_metadata(path).metadata)


def traces(folder: Path, words: Iterable[str]) -> list[tuple[str, str]]:
    """Where one of the words still stands as a word of its own."""
    patterns = {word: re.compile(rf"(?<![\w.]){re.escape(word)}(?!\w)", re.IGNORECASE) for word in words}
    return [(name, word) for name, text in texts(folder) for word, pattern in patterns.items() if pattern.search(text)]
