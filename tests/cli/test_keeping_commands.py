"""Commands that keep a book safe: what they print, their exit codes, and the shape of their JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

ANA, ANNA = "ana@example.com", "anna@example.com"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with two people in three commits, to be copied."""
    from clientbook.book import Book

    folder = tmp_path_factory.mktemp("kept") / "b"
    Book.create(folder, currency="EUR", timezone="Europe/Paris")
    settings = folder / "book.toml"
    settings.write_text(settings.read_text() + ("" if "[engine]" in settings.read_text() else "\n[engine]\nthreads = 1\n"))
    book = Book(folder)
    for number, who in enumerate((ANA, ANNA, None)):
        said = {"type": "order_placed", "occurred_at": "2026-03-01T10:00:00Z", "customer": {"email": who}}
        said["data"] = {"order_id": f"N-{number}", "total": "9.90", "currency": "EUR"}
        if not who:
            del said["customer"]
        assert book.append_lines([json.dumps(said).encode()]).rows_used == 1
    book.snapshot().close()
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run clientbook beside a copy of the book named `b`, without a new process."""

    from clientbook.cli.diagnostics import guard
    from clientbook.cli.main import cli

    shutil.copytree(made, tmp_path / "b", symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")

    def go(*arguments: str | Path, code: int = 0, book: str = "b") -> tuple[Any, str]:
        given = ["--book", book, *map(str, arguments)]
        with CliRunner().isolation() as (out, err, _both):
            ended = guard(lambda: cli.main(given, prog_name="clientbook", standalone_mode=False))
        printed, said = out.getvalue().decode(), err.getvalue().decode()
        assert ended == code, (arguments, printed, said)
        return (json.loads(printed) if "--json" in given and printed else printed), said

    return go


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


def commits(folder: Path = Path("b")) -> list[Path]:
    return sorted((folder / "log" / "current").resolve().glob("*.parquet"))


def test_verify_says_what_it_looked_at(run: Any) -> None:
    found, said = run("verify", "--json")
    assert {name: found[name] for name in ("ok", "files", "commits", "erased", "faults")} == {
        "ok": True, "files": 3, "commits": 3, "erased": [], "faults": [],
    }  # fmt: skip
    assert set(found) == {"ok", "files", "commits", "events", "position", "digest", "erased", "faults"}
    assert found["events"] == found["position"] > 3
    assert len(found["digest"]) == 64
    assert said == ""
    printed, said = run("verify")
    assert printed == ""
    assert "files 3, commits 3" in said
    assert "no fault found" in said
    assert run("verify", "--quick", "--json")[0] == found
    assert "contradict" in run("verify", "--quick", "--full", code=2)[1]


def test_verify_names_the_file_and_exits_with_3(run: Any) -> None:
    path = commits()[1]
    damage(path)
    found, _said = run("verify", "--json", code=3)
    (fault,) = found["faults"]
    assert found["ok"] is False
    assert set(fault) == {"code", "message", "file", "position"}
    assert fault["code"] == "file.digest"
    assert fault["file"] == f"log/generations/000001/{path.name}"
    assert fault["position"] > 1
    _printed, said = run("verify", code=3)
    assert f"{fault['file']}, position {fault['position']}: " in said
    assert "1 fault found" in said
    path.unlink()
    assert run("verify", "--quick", "--json", code=3)[0]["faults"][0]["code"] == "file.missing"


def test_verify_of_what_cannot_be_opened(run: Any) -> None:
    Path("b/log/key").write_text("no key")
    found, _said = run("verify", "--json", code=3)
    assert [fault["code"] for fault in found["faults"]] == ["book"]
    assert "log/key" in found["faults"][0]["message"]
    run("verify", "nowhere", code=1)


def test_seal(run: Any) -> None:
    found, _said = run("seal", "--json")
    assert set(found) == {"commits", "rows", "files", "generations_removed"}
    assert (found["commits"], found["files"]) == (3, 1)
    assert "nothing to seal" in run("seal")[1]
    assert run("seal", "--all", "--json")[0]["files"] == 0
    assert run("verify", "--json")[0]["ok"]
    assert [path.name.split("-")[0] for path in commits()] == ["sealed"]


def test_seal_refuses_what_is_damaged(run: Any) -> None:
    damage(commits()[0])
    assert commits()[0].name in run("seal", code=1)[1]
    assert len(commits()) == 3


def test_backup_and_restore(run: Any, tmp_path: Path) -> None:
    found, _said = run("backup", "copy", "--json")
    assert set(found) == {"folder", "made_at", "position", "files", "files_copied", "bytes_copied", "files_removed"}
    assert found["files_copied"] == 6
    assert "0 of 6 files copied" in run("backup", "copy")[1]
    assert run("verify", "copy", "--json")[0] == run("verify", "--json")[0]
    assert "neither empty nor a backup" in run("backup", "b/..", code=1)[1]
    _printed, said = run("restore", "copy", "back")
    assert "erasures --none-later" in said
    assert "put back from a backup" in run("info", book="back", code=4)[1]
    assert "erasures replayed: 0" in run("erasures", "--none-later", book="back")[1]
    assert run("verify", "--json", book="back")[0] == run("verify", "--json")[0]
    assert "not empty" in run("restore", "copy", "back", code=1)[1]
    assert "contradict" in run("restore", "copy", "c", "--replay", "b", "--none-later", code=2)[1]
    found, _said = run("restore", "copy", "again", "--none-later", "--json")
    assert (found["opens"], found["erasures_replayed"]) == (True, 0)


def test_a_damaged_backup(run: Any) -> None:
    run("backup", "copy")
    damage(max(Path("copy/files").iterdir(), key=lambda path: path.stat().st_size))
    found, _said = run("verify", "copy", "--json", code=3)
    assert "damaged" in found["faults"][0]["message"]
    assert "damaged" in run("restore", "copy", "back", "--none-later", code=1)[1]
    run("info", book="back", code=1)


def test_erase(run: Any) -> None:
    run("backup", "copy")
    before = run("info", "--json")[0]
    planned, _said = run("erase", ANA, "--dry-run", "--json")
    assert set(planned) == {"number", "rows", "files", "backups"}
    assert planned["number"] is None
    assert run("info", "--json")[0] == before
    assert "--yes" in run("erase", ANA, code=4)[1]
    assert run("info", "--json")[0] == before
    _printed, said = run("erase", ANA, "--yes", "--ground", "objection")
    assert "erased: ledger entry 1" in said
    assert "still holds the person" in said
    after = run("info", "--json")[0]
    assert (after["orders"], after["revenue"], after["customers"]) == (before["orders"], before["revenue"], 1)
    found, _said = run("verify", "--json")
    assert found["ok"]
    assert found["erased"] == [{"ledger_entry": 1, "events": sum(planned["rows"].values())}]
    assert "erased, ledger entry 1" in run("verify")[1]
    entries, _said = run("erasures", "--json")
    assert [set(entry) for entry in entries] == [{"number", "erased_at", "ground", "removed", "changed", "position"}]
    assert entries[0]["ground"] == "objection"
    assert "objection" in run("erasures")[0]
    run("erase", ANA, "--yes", code=1)


@pytest.mark.slow
def test_an_erasure_is_replayed_on_a_restored_backup(run: Any) -> None:
    run("backup", "copy")
    run("erase", ANA, "--yes", "--ground", "objection")
    entries, _said = run("erasures", "--json")
    run("restore", "copy", "told", "--none-later")  # the copy was within reach and knows of it
    assert run("info", "--json", book="told")[0]["customers"] == 1
    shutil.rmtree("copy/later")
    found, _said = run("restore", "copy", "back", "--replay", "b", "--json")
    assert (found["opens"], found["erasures_replayed"]) == (True, 1)
    assert run("erasures", "--json", book="back")[0] == entries
    assert run("verify", "--json", book="back")[0]["ok"]
    assert not [path for path in Path("back").rglob("*") if path.is_file() and ANA.encode() in path.read_bytes()]


def test_somebody_erased_is_set_aside_and_may_come_back(run: Any) -> None:
    Path("again.csv").write_text(f"N° commande,date,e-mail,total\nN-0,01/03/2026,{ANA},9.90\nN-7,01/03/2026,{ANNA},1\n")
    run("erase", ANA, "--yes")
    found, _said = run("import", "again.csv", "--yes", "--json")
    assert (found["rows_used"], found["rows_rejected"]) == (1, 1), found
    assert list(Path("b/rejects").iterdir()) == []
    run("append", "--help")
    found, _said = run("import", "again.csv", "--yes", "--allow-erased", "--json")
    assert (found["rows_used"], found["rows_rejected"], found["rows_duplicate"]) == (0, 1, 1), "kept without the person"
    Path("again.csv").write_text(f"N° commande,date,e-mail,total\nN-9,01/03/2099,{ANA},9.90\n")
    found, _said = run("import", "again.csv", "--yes", "--allow-erased", "--json")
    assert (found["rows_used"], found["rows_rejected"], found["rows_duplicate"]) == (1, 0, 0)


def test_a_folder_that_is_no_book_is_told_apart(run: Any) -> None:
    """A backup, a book that lost its settings, anything else: each has another remedy."""
    run("init", "my shop")
    run("backup", "copy", book="my shop")
    assert "is a backup; `clientbook restore" in run("info", book="copy", code=1)[1]
    Path("my shop/book.toml").unlink()
    assert "has lost its book.toml; put it back from a backup" in run("info", book="my shop", code=1)[1]
    assert "`clientbook init 'no book'` makes one" in run("info", book="no book", code=1)[1]


def test_the_grounds_on_offer_are_those_of_the_ledger() -> None:
    from clientbook.cli.keeping import erase_command
    from clientbook.cli.rights import rights_command
    from clientbook.erasure import GROUNDS

    for command in (erase_command, rights_command.commands["erase"]):
        ground = next(one for one in command.params if one.name == "ground")
        assert tuple(ground.type.to_info_dict()["choices"]) == GROUNDS
