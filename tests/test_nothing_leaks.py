"""A person with unmistakable marks goes through every command and many failures: no error or file name tells of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner

from clientbook.cli.diagnostics import guard
from clientbook.cli.main import cli

EMAIL: Final = "zzmarkmail@zzmarkhost.example"
MARKS: Final = ("zzmark", "0699887766", "699887766", "6 99 88 77 66", "Xylophanes")
"""No other word of a book or of the program holds one of these; all of the person's data hold one."""

ORDERS = f"""N° commande;Date;E-mail;Nom;Téléphone;Adresse;Ville;Article;Qté;PU
1;01/02/2026;{EMAIL};Xylophanes;+33699887766;3 rue zzmarkstreet;zzmarktown;SAV;2;9,90
2;;{EMAIL};Xylophanes;+33699887766;3 rue zzmarkstreet;zzmarktown;SAV;1;9,90
"""
UNSURE = ORDERS + f"3;99/99/2026;{EMAIL};Xylophanes;zzmark;3 rue zzmarkstreet;zzmarktown;zzmark;x zzmark;9,90\n"
CONTACTS = f"E-mail;Nom;Téléphone;Remarque\n{EMAIL};Xylophanes;0699887766;zzmarknote\n{EMAIL};Xylophanes;zzmark;\n"
BAD_LINES = (
    b'{"type": "note_added", "data": {"text": "zzmark"',
    json.dumps({"type": "zzmarktype", "occurred_at": "zzmark", "customer": {"email": EMAIL}, "data": {}}).encode(),
    json.dumps(
        {
            "type": "profile_updated",
            "occurred_at": "2026-03-01T10:00:00Z",
            "customer": {"email": EMAIL},
            "data": {"sex": "zzmark"},
        }
    ).encode(),
    json.dumps(
        {
            "type": "order_placed",
            "occurred_at": "2026-03-01T10:00:00Z",
            "customer": {"email": EMAIL},
            "data": {"total": "zzmark"},
        }
    ).encode(),
    b"\xff\xfe zzmark",
)

AT = ("--channel", "email", "--purpose", "newsletter")
GOOD: Final = (
    ("info",),
    ("customers",),
    ("customers", "--json"),
    ("customers", "--columns", "help"),
    ("show", EMAIL),
    ("show", EMAIL, "--json"),
    ("segments",),
    ("segments", "--json"),
    ("segments", "members", "one_order"),
    ("segments", "define", "zz", "--where", "order_count > 0"),
    ("segments", "freeze", "zz", "--as", "zz-list"),
    ("segments", "why", "zz", EMAIL),
    ("segments", "why-not", "zz", EMAIL),
    ("segments", "diff", "zz", "--from", "2026-01-01"),
    ("segments", "profile", "zz"),
    ("segments", "overlap"),
    ("segments", "backtest", "core.one_order", "--months", "2"),
    ("segments", "retire", "zz"),
    ("events",),
    ("query", "select * from customers"),
    ("consent", "check", EMAIL, *AT),
    ("consent", "history", EMAIL),
    ("consent", "record", EMAIL, "given", *AT, "--without-proof"),
    ("consent", "record", EMAIL, "suppressed", "--channel", "email", "--cause", "bounce", "--address", EMAIL),
    ("consent", "certificate", EMAIL, "--out", "proof.md"),
    ("verify", "--certificate", "proof.md"),
    ("export", "brevo", "--where", "event_count > 0", *AT, "--campaign", "mai", "--excluded", "left.csv"),
    ("export", "csv", "--where", "event_count > 0", *AT, "--json"),
    ("export", "--audit", "mai"),
    ("exports",),
    ("results", "mai", "contacts.csv", "--event", "opened", "--at", "2026-03-02"),
    ("customers", "--export", "all.xlsx"),
    ("show", EMAIL, "--export", "timeline.csv"),
    ("imports", "--export", "imports.xlsx"),
    ("duplicates", "--min-score", "0", "--export", "twice.csv"),
    ("edit", "--where", "true", "--tag", "zz", "--dry-run", "--export", "edit.jsonl"),
    ("consent", "history", EMAIL, "--export", "consents.csv"),
    ("diff", "--from", "0", "--export", "diff.csv"),
    ("consent", "matrix"),
    ("consent", "expiring"),
    ("consent", "notices"),
    ("consent", "lists"),
    ("rights", "receive", EMAIL, "access"),
    ("rights", "due"),
    ("rights", "access", EMAIL, "--out", "bundle.zip"),
    ("rights", "portability", EMAIL, "--out", "moved"),
    ("rights", "rectify", EMAIL, "--city", "Zzmarktown"),
    ("rights", "object", EMAIL, "--channel", "sms"),
    ("rights", "restrict", EMAIL, "--ground", "zzmark"),
    ("rights", "erase", EMAIL, "--dry-run"),
    ("duplicates", "--min-score", "0"),
    ("duplicates", "--merge", "--yes"),
    ("edit", EMAIL, "--set", "occupation=zzmark"),
    ("edit", "--where", "true", "--tag", "zzmark", "--yes"),
    ("retention",),
    ("retention", "--all"),
    ("metrics",),
    ("metrics", "revenue", "--by", "source"),
    ("metrics", "--by", "month", "--months", "2"),
    ("priorities",),
    ("register",),
    ("doctor",),
    ("plugins", "--all"),
    ("new-plugin", "acme", "--metric"),
    ("reports",),
    ("report", "acme.x"),
    ("log", EMAIL, "note", "zzmarknote 0699887766"),
    ("tag", EMAIL, "+vip"),
    ("order", EMAIL, "--total", "5"),
    ("add", "--given-name", "zzmarkson", "--family-name", "Xylophanes", "--email", "zzmark2@zzmarkhost.example"),
    ("merge", EMAIL, "zzmark2@zzmarkhost.example", "--reason", "zzmark"),
    ("unmerge", "zzmark2@zzmarkhost.example"),
    ("imports",),
    ("replay", "--until", "now"),
    ("diff", "--from", "0"),
    ("project", "--out", "tables"),
    ("seal",),
    ("rebuild",),
    ("verify",),
    ("backup", "copy"),
    ("restore", "copy", "again", "--none-later"),
    ("undo", "last", "--dry-run"),
    ("erase", EMAIL, "--dry-run"),
    ("erasures",),
    ("erase", EMAIL, "--yes"),
    ("erase", "zzmark2@zzmarkhost.example", "--yes"),
    ("verify",),
    ("add", "--email", EMAIL),
    ("import", "contacts.csv", "--yes"),
    ("retention", "--apply", "--yes"),
)
"""Commands as a shop runs them, to the end of the person; their exit codes do not matter here."""

BAD: Final = (
    ("import", "orders.csv", "--yes", "--mapping", "contacts.csv"),
    ("import", "unsure.csv", "--yes"),
    ("import", "bad.xlsx", "bad.jsonl", "--yes"),
    ("import", "bad.xlsx", "--yes"),
    ("append", "bad.jsonl"),
    ("query", "select zzmark from customers where email = 'zzmarkmail@zzmarkhost.example'"),
    ("query", f"select cast(email as integer) from customers where email = '{EMAIL}'"),
    ("query", "select cast(name as date) from customers"),
    ("query", "select error(email) from customers"),
    ("show", "zzmark-nobody"),
    ("segments", "why", "one_order", "zzmark-nobody"),
    ("segments", "members", "one_order", "--where", "email > 5"),
    ("consent", "check", "zzmark-nobody", *AT),
    ("consent", "check", EMAIL, "--channel", "email", "--purpose", "newsletter", "--at", "2026-99-99"),
    ("consent", "certificate", "zzmark-nobody"),
    ("consent", "record", "zzmark-nobody", "withdrawn", *AT),
    ("consent", "record", EMAIL, "given", "--channel", "email"),
    ("rights", "access", "zzmark-nobody", "--out", "nobody.zip"),
    ("rights", "access", EMAIL, "--out", "orders.csv"),
    ("rights", "rectify", EMAIL, "--email", "zzmark no address"),
    ("consent", "notices", "--publish", "bad.jsonl", "--id", "n", "--version", "1"),
    ("log", "zzmark-nobody", "note", "zzmark"),
    ("log", EMAIL, "note", "zzmark" * 5000),
    ("order", "zzmark-nobody", "--total", "5"),
    ("tag", "zzmark-nobody", "+x"),
    ("merge", EMAIL, "zzmark-nobody"),
    ("unmerge", "zzmark-nobody"),
    ("erase", "zzmark-nobody", "--yes"),
    ("add", "--email", "zzmark no address"),
    ("add", "--family-name", "Xylophanes", "--phone", "zzmark", "--birth-date", "zzmark"),
    ("verify", "--certificate", "bad.jsonl"),
    ("verify", "--certificate", "forged.md"),
)
"""What goes wrong."""


class Shop:
    """Runs commands in a folder and keeps what they said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[tuple[tuple[str, ...], str]] = []
        self.told: dict[str, int] = {}

    def run(self, *arguments: str, book: str = "book") -> int:
        with CliRunner().isolation() as (_out, err, _both):
            code = guard(lambda: cli.main(["--book", book, *arguments], prog_name="clientbook", standalone_mode=False))
        self.said.append((arguments, err.getvalue().decode("utf-8", "replace")))
        return code


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Everything was run once, all of it remembered."""
    folder = tmp_path_factory.mktemp("leaks")
    shop = Shop(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CLIENTBOOK_LANG", "en")
        patch.delenv("CLIENTBOOK_DEBUG", raising=False)
        (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
        (folder / "contacts.csv").write_text(CONTACTS, encoding="utf-8")
        (folder / "unsure.csv").write_text(UNSURE, encoding="utf-8")
        (folder / "bad.jsonl").write_bytes(b"\n".join(BAD_LINES))
        (folder / "bad.xlsx").write_bytes(b"PK\x03\x04 zzmark")
        assert shop.run("init", "book") == 0
        (folder / "book" / "book.toml").open("a").write("\n[engine]\nthreads = 1\n")
        assert shop.run("import", "orders.csv", "--yes") == 0
        shop.run("import", "contacts.csv", "--yes")
        assert shop.run("consent", "certificate", EMAIL, "--out", "forged.md") == 0
        forged = (folder / "forged.md").read_text(encoding="utf-8").replace("Xylophanes", "Xylophanes zzmark")
        (folder / "forged.md").write_text(forged, encoding="utf-8")
        for arguments in BAD:
            assert shop.run(*arguments) != 0, arguments
        shutil.copytree(folder / "book", folder / "damaged", symlinks=True)
        path = sorted((folder / "damaged" / "log" / "current").glob("*.parquet"))[0]
        data = bytearray(path.read_bytes())
        data[100:400] = bytes(300)
        path.write_bytes(data)
        shutil.rmtree(folder / "damaged" / "state")
        for arguments in (*GOOD[:12], ("verify",), ("doctor",), ("seal",), ("erase", EMAIL, "--yes"), ("backup", "copy2")):
            shop.run(*arguments, book="damaged")
        for arguments in GOOD:
            shop.run(*arguments)
        yield shop


def traces(text: str) -> list[str]:
    return [mark for mark in MARKS if mark.lower() in text.lower()]


def test_no_error_and_no_narration_tells_of_the_person(shop: Shop) -> None:
    leaks = []
    for arguments, said in shop.said:
        # What somebody typed may be said back on their own screen; what the book or a file holds may not.
        typed = [word for one in arguments for word in re.findall(r"[\w.@-]+", one)]
        for word in sorted(typed, key=len, reverse=True):
            said = said.replace(word, "")
        if traces(said):
            leaks.append((arguments[:2], said[:300]))
    assert leaks == [], json.dumps(leaks)


def test_no_file_is_named_after_the_person_and_no_log_of_errors_speaks_of_them(shop: Shop) -> None:
    names = [str(path.relative_to(shop.folder)) for path in shop.folder.rglob("*")]
    assert [name for name in names if traces(name)] == []
    texts = [path for path in shop.folder.rglob("*") if path.is_file() and path.suffix in (".log", ".json", ".txt", ".done")]
    assert texts
    assert [path for path in texts if traces(path.read_text(encoding="utf-8", errors="replace"))] == []


def test_after_the_erasure_the_book_holds_no_mark(shop: Shop) -> None:
    left = []
    for path in (shop.folder / "book").rglob("*"):
        if path.is_file() and not path.is_symlink() and traces(path.read_bytes().decode("latin-1")):
            left.append(path.name)
    assert left == []


def test_every_command_was_run(shop: Shop) -> None:
    context = click.Context(cli)
    wanted = {name for name in cli.list_commands(context) if name not in ("demo", "tui")}  # a screen, and a shop of its own
    assert wanted <= {arguments[0] for arguments, _said in shop.said}
    group: Any = cli.get_command(context, "consent")
    assert set(group.commands) <= {arguments[1] for arguments, _said in shop.said if arguments[0] == "consent"}
