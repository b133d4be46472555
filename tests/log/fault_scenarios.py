"""What is done to a book while its disk fails, and what must hold afterwards: run as a script, it tries every fault point.

    python fault_scenarios.py SCENARIO error|kill|cut STEP FOLDER

`error` and `kill` are those of `faulty_disk`, `cut` is that of `power_cut`.

A process that never started a thread forks the ones that fail. It prints a line of JSON a fault point.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow.dataset
import pyarrow.parquet  # imported before forking
from faulty_disk import FaultyDisk, How, fresh_copy, in_child, tell
from power_cut import PowerCuts, put

from clientbook.backup import BackupFailed, no_later_erasures, restore
from clientbook.book import Book, BookExists, RestoredBook
from clientbook.erasure import rows_of
from clientbook.importing.decode import GivenFile
from clientbook.log.erasing import held, plan_entry
from clientbook.log.verifying import verify_log
from clientbook.settings import NoBook

ANNA, BERT = "a1" * 10, "b2" * 10
FAR = "2026-05-01T10:00:00+00:00"


def line(type: str, customer: str | None, **data: Any) -> bytes:
    said = {"type": type, "occurred_at": FAR, "data": data, "source": "shop"}
    return json.dumps(said | ({"customer": customer} if customer else {})).encode()


def customer(id: str, name: str, email: str) -> list[bytes]:
    return [
        line("customer_registered", id, kind="person", collected_via="account"),
        line("profile_updated", id, given_name=name, family_name="Martin", email=email),
    ]


def order(id: str, number: str, total: str) -> bytes:
    return line("order_placed", id, order_id=number, total=total, currency="EUR")


FIRST = [
    *customer(ANNA, "Anna", "anna@example.com"),
    *customer(BERT, "Bert", "bert@example.com"),
    order(ANNA, "1", "10"),
    order(BERT, "2", "20"),
]
SECOND = [line("note_added", ANNA, text="Anna has a dog"), order(BERT, "3", "30")]
THIRD = [line("note_added", BERT, text="Bert has a cat"), order(ANNA, "4", "40"), line("tag_added", BERT, tag="vip")]
NEW = [line("note_added", BERT, text="new"), order(ANNA, "5", "50")]
BAD = [
    b'{"type": "order_placed", "data": {"order_id": "x", "note": "anna@example.com"}}',
    b'{"type": "order_placed", "data": {"order_id": "y", "note": "carl@example.com"}}',
]


def given(lines: list[bytes], name: str = "events.jsonl") -> GivenFile:
    data = b"\n".join(lines) + b"\n"
    return GivenFile(name=name, data=data, sha256="0" * 64)


def a_book(folder: Path) -> Book:
    """A seal of two commits, commits after it, a rejects file that names Anna, and computed tables."""
    book = Book.create(folder)
    settings = folder / "book.toml"
    text = settings.read_text().replace("keep_hours = 24", "keep_hours = 0")
    settings.write_text(f"{text}\n[engine]\nthreads = 1\n")
    book = Book(folder)
    assert book.settings.log.keep_hours == 0
    book.append_lines(FIRST)
    book.append_lines(SECOND)
    book.seal()
    book.import_file(given([*THIRD, *BAD]))
    book.snapshot().close()
    (folder / "log" / "tmp" / "1-0123456789abcdef.tmp").write_text("of a killed writer: anna@example.com")
    return book


def rows(folder: Path) -> list[list[Any]]:
    """What the log says, without what is random or depends on the hour."""
    found = []
    for batch in Book(folder).log.read():
        for row in batch.to_pylist():
            struct = dict(row[row["type"]])
            struct.pop("batch", None)
            event_id = "" if row["type"] == "import_completed" else row["event_id"].hex()
            found.append([row["position"], row["type"], event_id, row["customer_id"], str(struct)])
    return found


def sound(folder: Path) -> None:
    """The book opens and nothing is wrong with its log."""
    found = verify_log(Book(folder).log)
    assert not found.faults, found.faults
    assert found.position == Book(folder).log.head().position


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Something that is done in a folder."""

    prepare: Callable[[Path], None]
    operate: Callable[[Path], object]
    check: Callable[[Path, Any, Any], None]
    """Given the folder, and what `state` was before and after an operation that went well."""
    state: Callable[[Path], Any] = lambda folder: rows(folder / "book")
    again: Callable[[Path], object] | None = None
    """How to do it once more where that is not `operate`."""


def _append(folder: Path) -> None:
    Book(folder / "book").append_lines(NEW)


def _import(folder: Path) -> None:
    Book(folder / "book").import_file(given([*NEW, *BAD]))


def _seal(folder: Path) -> None:
    Book(folder / "book").seal(everything=True)


def _erase(folder: Path) -> None:
    Book(folder / "book").eraser.erase(ANNA, ground="request")


def _back_up(folder: Path) -> None:
    Book(folder / "book").back_up(folder / "copy")


def _restore(folder: Path) -> None:
    restore(folder / "copy", folder / "restored")
    no_later_erasures(folder / "restored")


def _create(folder: Path) -> None:
    Book.create(folder / "new")


def _book_only(folder: Path) -> None:
    a_book(folder / "book")


def _book_with_backup(folder: Path) -> None:
    a_book(folder / "book").back_up(folder / "copy")


def _book_past_backup(folder: Path) -> None:
    book = a_book(folder / "book")
    book.back_up(folder / "copy")
    book.append_lines(NEW)
    book.eraser.erase(ANNA, ground="request")


def _book_with_unfinished_erasure(folder: Path) -> None:
    book = a_book(folder / "book")
    with held(book.log):
        with book.snapshot() as snapshot:
            actions = rows_of(snapshot, ANNA)
        book.log.ledger.write(plan_entry(book.log, actions, ground="request", timezone="Europe/Paris"))


def one_of_both(folder: Path, before: Any, after: Any) -> None:
    sound(folder / "book")
    now = rows(folder / "book")
    assert now in (before, after), (now, before, after)


def same_rows(folder: Path, before: Any, after: Any) -> None:
    sound(folder / "book")
    assert rows(folder / "book") == before == after


def erased_or_not(folder: Path, before: Any, after: Any) -> None:
    """Where the ledger has it the person is gone, else all is as it was."""
    book = folder / "book"
    written = (book / "ledger" / "000001.json").exists()
    Book(book)
    assert (book / "ledger" / "000001.done").exists() == written
    sound(book)
    assert rows(book) == (after if written else before)
    if written:
        assert not traces(book), traces(book)
        assert Book(book).log.ledger.suppressed(), "an import would bring her back unnoticed"
    else:
        assert "anna@example.com" in next(iter((book / "rejects").iterdir())).read_text()


def traces(book: Path) -> list[str]:
    """Files of the book that say something of Anna."""
    found = []
    for path in (path for path in book.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix != ".parquet":
            texts = data.decode("utf-8", "replace")
        elif data[-4:] == b"PAR1":
            texts = str(pyarrow.parquet.read_table(path).to_pylist())
        else:
            texts = f"{ANNA} perhaps: a file that was being written"
        if any(word in texts for word in (ANNA, "anna@example.com", "Anna")):
            found.append(str(path.relative_to(book)))
    return found


def target_state(folder: Path) -> Any:
    """What a book restored from the copy holds; None where there is no copy yet."""
    if not (folder / "copy" / "backup.json").exists():
        return None
    restore(folder / "copy", folder / "probe")
    no_later_erasures(folder / "probe")
    sound(folder / "probe")
    return rows(folder / "probe")


def copy_is_old_or_new(folder: Path, before: Any, after: Any) -> None:
    sound(folder / "book")
    now = target_state(folder)
    assert now in (before, after), (now, before, after)


def restored_or_refused(folder: Path, before: Any, after: Any) -> None:
    """A half-restored folder is no book, and the copy is as good as before."""
    try:
        Book(folder / "restored")
    except (NoBook, RestoredBook):
        pass
    else:
        sound(folder / "restored")
        assert rows(folder / "restored") == after
    assert target_state(folder) == after


def made_or_no_book(folder: Path, before: Any, after: Any) -> None:
    try:
        book = Book(folder / "new")
    except NoBook:
        return
    assert book.append_lines(FIRST).rows_used == len(FIRST)
    sound(folder / "new")


def _restored_state(folder: Path) -> Any:
    return rows(folder / "restored") if (folder / "restored" / "book.toml").exists() else None


def _made_anew(folder: Path) -> None:
    """What an interrupted `restore` or `init` left has to go first; the message says so."""
    for name, operate in (("restored", _restore), ("new", _create)):
        if (folder / name).exists():
            try:
                operate(folder)
            except (BackupFailed, BookExists) as error:
                assert "not empty" in str(error), error
                if any((folder / name).iterdir()) and not (folder / name / "book.toml").exists():
                    assert "interrupted" in str(error), error
            else:
                return
            shutil.rmtree(folder / name)
            operate(folder)


SCENARIOS = {
    "append": Scenario(prepare=_book_only, operate=_append, check=one_of_both),
    "import": Scenario(prepare=_book_only, operate=_import, check=one_of_both),
    "seal": Scenario(prepare=_book_only, operate=_seal, check=same_rows),
    "erase": Scenario(
        prepare=_book_with_backup,
        operate=_erase,
        check=erased_or_not,
        again=lambda folder: (folder / "book/ledger/000001.json").exists() or _erase(folder),
    ),
    "finish_erasure": Scenario(
        prepare=_book_with_unfinished_erasure,
        operate=lambda folder: Book(folder / "book"),
        check=erased_or_not,
        # Nobody may look before: opening the book is what finishes the erasure.
        state=lambda folder: rows(folder / "book") if (folder / "book/ledger/000001.done").exists() else None,
    ),
    "first_backup": Scenario(prepare=_book_only, operate=_back_up, check=copy_is_old_or_new, state=target_state),
    "next_backup": Scenario(prepare=_book_past_backup, operate=_back_up, check=copy_is_old_or_new, state=target_state),
    "restore": Scenario(
        prepare=_book_with_backup,
        operate=_restore,
        check=restored_or_refused,
        state=_restored_state,
        again=_made_anew,
    ),
    "init": Scenario(
        prepare=lambda folder: folder.mkdir(exist_ok=True),
        operate=_create,
        check=made_or_no_book,
        state=lambda folder: rows(folder / "new") if (folder / "new" / "book.toml").exists() else None,
        again=_made_anew,
    ),
}


def fail(scenario: Scenario, folder: Path, how: How, at: int) -> str:
    """Operate on a disk that fails at one call; how it ended."""
    with FaultyDisk(how, at) as disk:
        try:
            scenario.operate(folder)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            ended = "raised"
        except BookExists as error:
            assert "No space left" in str(error), error
            ended = "raised"
        else:
            ended = "done"
    assert len(disk.calls) >= at, "the operation made fewer calls than it did before"
    return ended


def cut(scenario: Scenario, folder: Path, before: Any, after: Any, step: int) -> None:
    """Cut the power after every change, and after the last one, when the operation has said that it is done."""
    pristine, place = folder / "pristine", folder / "place"
    fresh_copy(pristine, place)

    def collected() -> int:
        with PowerCuts(place) as power:
            scenario.operate(place)
        for number, (after_what, tree) in enumerate(power.cuts):
            put(tree, folder / f"cut-{number}")
            (folder / f"cut-{number}.txt").write_text(after_what)
        return len(power.cuts)

    cuts = in_child(collected)[1]
    tell({"calls": cuts})
    for number in [*range(0, cuts - 1, step), cuts - 1]:
        is_last = number == cuts - 1
        said = {"at": number, "call": (folder / f"cut-{number}.txt").read_text(), "problem": None, "ended": "cut"}
        shutil.rmtree(place)
        shutil.copytree(folder / f"cut-{number}", place, symlinks=True)
        try:
            in_child(lambda is_last=is_last: scenario.check(place, after if is_last else before, after))
            if is_last:
                shutil.rmtree(place)
                os.rename(folder / f"cut-{number}", place)
                now = in_child(lambda: scenario.state(place))[1]
                assert now == after, f"acknowledged, and gone: {now}"
        except AssertionError as error:
            said["problem"] = str(error)[-3000:]
        tell(said)


def run(name: str, how: How | Literal["cut"], step: int, folder: Path) -> None:
    """Try every fault point of a scenario, or each `step`-th one."""
    scenario, pristine, place = SCENARIOS[name], folder / "pristine", folder / "place"
    place.mkdir()
    in_child(lambda: scenario.prepare(place))  # in its final place: backups are known by their path
    os.rename(place, pristine)

    def on_copy(work: Callable[[], Any]) -> Any:
        fresh_copy(pristine, place)
        return in_child(work)[1]

    def counted() -> list[str]:
        with FaultyDisk("count") as disk:
            scenario.operate(place)
        return disk.calls

    def done() -> Any:
        scenario.operate(place)
        return scenario.state(place)

    before = on_copy(lambda: scenario.state(place))
    after = on_copy(done)
    if how == "cut":
        cut(scenario, folder, before, after, step)
        return
    calls = on_copy(counted)
    tell({"calls": len(calls)})
    for at in range(1 + (len(name) + len(how)) % step, len(calls) + 1, step):
        fresh_copy(pristine, place)
        said = {"at": at, "call": calls[at - 1], "problem": None}
        try:
            status, ended = in_child(lambda at=at: fail(scenario, place, how, at))
            if how == "kill":
                assert os.WIFSIGNALED(status), f"it was to be killed and ended: {ended}"
                assert os.WTERMSIG(status) == signal.SIGKILL
            said["ended"] = ended
            fresh_copy(place, folder / "kept")
            in_child(lambda: scenario.check(place, before, after))
            fresh_copy(folder / "kept", place)
            in_child(lambda: (scenario.again or scenario.operate)(place) and None)
            in_child(lambda: scenario.check(place, after, after))
        except AssertionError as error:
            said["problem"] = str(error)[-3000:]
        tell(said)


if __name__ == "__main__":
    run(sys.argv[1], cast("How", sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
