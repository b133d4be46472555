"""What a mailing tool says of a campaign joins it, once, and who said no is not written to again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from exporting_books import shop

from clientbook.book import Book
from clientbook.errors import WrongUse
from clientbook.exporting.desk import Wish
from clientbook.exporting.manifest import NoSuchExport
from clientbook.exporting.results import Layout
from clientbook.importing.decode import GivenFile
from clientbook.intake import ImportResult

TABLE = """E-mail;Statut;Date;Lien
anna@example.com;Délivré;01-07-2026 10:05;
zoe@example.com;Délivré;01-07-2026 10:05;
anna@example.com;Ouvert;01/07/2026 10:06:00;
anna@example.com;Clic;2026-07-01T08:07:00Z;https://shop.example/thes?email=anna@example.com
zoe@example.com;Désinscrit;01-07-2026 10:08;
;Ouvert;01-07-2026 10:08;
nobody@example.com;Ouvert;01-07-2026 10:08;
anna@example.com;Dansé;01-07-2026 10:08;
anna@example.com;Ouvert;hier;
"""


@pytest.fixture
def mailed(book: Book) -> Book:
    shop(book)
    desk = book.exports
    wish = Wish(destination="csv", where="event_count > 0", channel="email", purpose="newsletter", campaign="juillet")
    desk.record(desk.prepare(wish))
    book.clock.next += timedelta(hours=1)  # type: ignore[attr-defined]
    return book


def take(book: Book, text: str, **how: object) -> ImportResult:
    file = GivenFile(name="results.csv", data=text.encode(), sha256="0" * 64)
    return book.take_results("juillet", file, Layout(**how))[1]  # type: ignore[arg-type]


def test_results_join_the_campaign_and_what_fits_nobody_is_set_aside(mailed: Book) -> None:
    outcome = take(mailed, TABLE).outcome
    assert {type: n for type, n in outcome.event_counts.items() if type != "import_completed"} == {
        "message_sent": 2,
        "message_opened": 1,
        "message_clicked": 1,
        "consent_withdrawn": 1,
    }
    assert sorted(reject.code for reject in outcome.rejects) == [
        "address.missing",
        "address.unknown",
        "date.format",
        "event.unknown",
    ]
    ((export, results),) = mailed.exports.made_with_outcomes()
    assert export.campaign == "juillet"
    assert results == {"sent": 2, "opened": 1, "clicked": 1, "unsubscribed": 1}
    urls = mailed.query("select message_clicked.url as url from events where type = 'message_clicked'")["url"].to_pylist()
    assert urls == ["https://shop.example/thes"]


def test_the_same_file_again_adds_nothing_and_undo_takes_it_out(mailed: Book) -> None:
    first = take(mailed, TABLE)
    position = mailed.log.head().position
    again = take(mailed, TABLE)
    assert again.batch is None
    assert mailed.log.head().position == position
    assert first.batch is not None
    mailed.undo(first.batch)
    assert mailed.exports.made_with_outcomes()[0][1] == {}


@pytest.mark.parametrize("word", ["unsubscribed", "hard_bounce", "spam"])
def test_who_unsubscribed_bounced_or_complained_is_not_written_to_again(mailed: Book, word: str) -> None:
    take(mailed, f"email,event,date\nzoe@example.com,{word},2026-07-01 10:08\n")
    wish = Wish(destination="csv", where="event_count > 0", channel="email", purpose="newsletter")
    assert mailed.exports.prepare(wish).audience.table["email"].to_pylist() == ["anna@example.com"]


def test_who_says_no_by_a_clock_that_is_ahead_says_so_now(mailed: Book) -> None:
    take(mailed, "email,event,date\nzoe@example.com,unsubscribed,2026-07-03 10:08\n")
    assert mailed.consent.check("zoe@example.com", channel="email", purpose="newsletter").reason_code == "CONSENT_WITHDRAWN"


def test_a_file_of_one_kind_of_event_and_other_headers_is_said_by_options(mailed: Book) -> None:
    at = mailed.clock() - timedelta(minutes=5)
    table = "Qui;Autre\nanna@example.com;x\n"
    with pytest.raises(WrongUse, match="--column address="):
        take(mailed, table, event="opened", at=at)
    outcome = take(mailed, table, event="opened", at=at, columns={"address": "Qui"}).outcome
    assert outcome.event_counts["message_opened"] == 1


def test_a_campaign_that_was_never_exported_is_none(mailed: Book) -> None:
    with pytest.raises(NoSuchExport):
        mailed.take_results("août", GivenFile(name="x.csv", data=TABLE.encode(), sha256="0" * 64), Layout())


WIDE = {
    "dates": """Campaign Name;Email_ID;Send_Date;Delivered_Date;Open_Date;Click_Date;Unsubscribe_Date;Hard_Bounce_Date
juillet;anna@example.com;01-07-2026 10:04;01-07-2026 10:05;01-07-2026 10:06;01-07-2026 10:07;;
juillet;zoe@example.com;01-07-2026 10:04;01-07-2026 10:05;01-07-2026 10:08;;01-07-2026 10:09;
juillet;nobody@example.com;01-07-2026 10:04;;;;;01-07-2026 10:04
""",
    "numbers": """"Email Address","First Name",Opens,Clicks,Delivered,Unsubscribed
anna@example.com,Anna,2,1,1,0
zoe@example.com,Zoé,1,0,1,1
nobody@example.com,,0,0,1,0
""",
    "answers": """Contact,Envoyé,Ouvert,Cliqué,Désinscrit,Spam
anna@example.com,oui,oui,oui,non,non
zoe@example.com,oui,oui,non,oui,non
nobody@example.com,oui,non,non,non,non
""",
}


@pytest.mark.parametrize("layout", WIDE)
def test_a_row_a_recipient_says_the_same_as_a_row_an_event(mailed: Book, layout: str) -> None:
    at = mailed.clock() - timedelta(minutes=5)
    first = take(mailed, WIDE[layout], at=at)
    assert mailed.exports.made_with_outcomes()[0][1] == {"sent": 2, "opened": 2, "clicked": 1, "unsubscribed": 1}
    assert [reject.code for reject in first.outcome.rejects] == ["address.unknown"]
    assert take(mailed, WIDE[layout], at=at).batch is None
    wish = Wish(destination="csv", where="event_count > 0", channel="email", purpose="newsletter")
    assert mailed.exports.prepare(wish).audience.table["email"].to_pylist() == ["anna@example.com"]


def test_sent_and_delivered_are_one_message(mailed: Book) -> None:
    take(mailed, "email,event,date\nanna@example.com,sent,2026-07-01 10:04\n")
    take(mailed, "email,event,date\nanna@example.com,delivered,2026-07-01 10:05\n")
    assert mailed.query("select count(*) as n from events where type = 'message_sent'")["n"].to_pylist() == [1]


def test_a_row_that_says_nothing_is_skipped_and_a_cell_that_is_no_date_sets_the_row_aside(mailed: Book) -> None:
    table = "Email,Opened,Clicked\nanna@example.com,,0\nzoe@example.com,perhaps,1\nanna@example.com,1,0\n"
    outcome = take(mailed, table, at=mailed.clock()).outcome
    assert (outcome.rows_read, outcome.rows_used, outcome.rows_skipped) == (3, 1, 1)
    assert [(reject.code, reject.column, reject.line) for reject in outcome.rejects] == [("cell.format", "Opened", 3)]


def test_a_bounce_column_tells_hard_from_soft(mailed: Book) -> None:
    take(mailed, "Email,Opened,Bounce type\nanna@example.com,1,Soft\nzoe@example.com,,Hard\n", at=mailed.clock())
    asked = "select message_bounced.kind as kind from events where type = 'message_bounced' order by kind"
    assert mailed.query(asked)["kind"].to_pylist() == ["hard", "soft"]


def test_who_unsubscribed_by_a_clock_that_is_behind_is_not_outdone_by_the_consent_before(mailed: Book) -> None:
    take(mailed, "email,event,date\nzoe@example.com,unsubscribed,2026-02-01 10:08\n")
    assert mailed.consent.check("zoe@example.com", channel="email", purpose="newsletter").reason_code == "CONSENT_WITHDRAWN"
