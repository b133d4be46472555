"""What is acknowledged outlives a power cut: bytes are durable before they have a name, names before they are relied on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_scenarios import ANNA, NEW, a_book
from faulty_disk import FaultyDisk
from test_fault_points import SCENARIOS, try_faults

from clientbook.book import Book


def changes(work: Callable[[], object]) -> list[str]:
    """The changes to files that the log, the ledger and backups ask for, one after the other.

    Whatever gets a name among them was made durable before.
    """
    with FaultyDisk("count") as disk:
        work()
    for place, call in enumerate(disk.calls):
        named = re.match(
            r"(?:link|rename|replace) ((?:tmp|ledger|rejects|files|copy|later)/\S+\.tmp) → (?!log/current)", call
        )
        assert not named or f"fsync {named[1]}" in disk.calls[:place], call
    return [call for call in disk.calls if not call.startswith(("open", "write", "chmod"))]


def assert_order(calls: list[str], *patterns: str) -> None:
    """Each of the calls is there, and all that look like one come before all that look like the next."""
    end = -1
    for pattern in patterns:
        places = [place for place, call in enumerate(calls) if re.fullmatch(pattern, call)]
        assert places, f"{pattern!r} is not among {calls}"
        assert places[0] > end, f"{calls[places[0]]!r} comes too early in {calls}"
        end = places[-1]


@pytest.fixture(scope="module")
def shared_book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return a_book(tmp_path_factory.mktemp("durable") / "book")


TMP = r"tmp/\d+-\w+\.tmp"


def test_a_commit_is_durable_then_named_then_its_folder_is_durable(shared_book: Book) -> None:
    calls = changes(lambda: shared_book.append_lines(NEW))
    assert_order(calls, f"pwrite {TMP}", f"fsync {TMP}", rf"link {TMP} → \d+/commit-\d+\.parquet", r"fsync generations/\d+")


def test_a_seal_is_durable_before_it_counts_and_the_old_files_go_after(shared_book: Book) -> None:
    calls = changes(lambda: shared_book.seal(everything=True))
    assert_order(
        calls,
        f"pwrite {TMP}",
        f"fsync {TMP}",
        r"link .* → (\d+)/sealed-.*",
        r"fsync generations/\d+",
        "fsync log/generations",
        r"symlink generations/\d+ → tmp/current-\w+\.tmp",
        r"rename tmp/current-\w+\.tmp → log/current",
        r"fsync book/log",
        r"utime generations/\d+",
        r"unlink (commit|sealed)-.*|rmdir generations/.*",
    )


def test_an_erasure_is_in_the_ledger_first_and_done_last(tmp_path: Path) -> None:
    book = a_book(tmp_path / "book")
    calls = changes(lambda: book.eraser.erase(ANNA, ground="request"))
    marks = (r"link ledger/.* → ledger/000001\.json", r"rename .* → log/current", r"link ledger/.* → ledger/000001\.done")
    entry, swap, done = (next(n for n, call in enumerate(calls) if re.fullmatch(mark, call)) for mark in marks)
    for place in (entry, done):
        name = calls[place].split()[1]
        assert calls[place - 1 : place + 3] == [f"fsync {name}", calls[place], f"unlink {name}", "fsync book/ledger"]
    assert not [call for call in calls[:entry] if not call.startswith(("fsync ledger", "mkdir book/ledger", "utime"))]
    assert_order(
        calls[entry:swap],
        r"fsync rejects/.*",
        r"replace rejects/.*",
        "fsync book/rejects",
        r"rename ledger/.* → ledger/suppression\.txt",
        f"fsync {TMP}",
        rf"link {TMP} → \d+/(sealed|commit)-.*",
        r"fsync generations/\d+",
        "fsync log/generations",
        "symlink .*",
    )
    assert_order(
        calls[swap:done],
        r"rename .* → log/current",
        "fsync book/log",
        r"unlink (commit|sealed)-.*",
        r"rmdir generations/\d+",
        "fsync log/tmp",
        "fsync log/generations",
        "fsync book/state",
        rf"fsync {TMP}",
        rf"link {TMP} → \d+/commit-.*",
        r"fsync generations/\d+",
    )


def test_a_copy_is_durable_before_its_manifest_says_so_and_the_old_one_goes_after(tmp_path: Path) -> None:
    book = a_book(tmp_path / "book")
    book.back_up(tmp_path / "copy")
    book.append_lines(NEW)
    book.seal(everything=True)
    calls = changes(lambda: book.back_up(tmp_path / "copy"))
    assert_order(
        calls,
        r"fsync files/\d+-\w+\.tmp",
        r"rename files/.* → files/[0-9a-f]{64}",
        "fsync copy/files",
        r"fsync copy/\d+-\w+\.tmp",
        r"rename copy/\S+ → copy/backup\.json",
        rf"fsync {tmp_path.name}/copy",
        r"unlink files/[0-9a-f]{64}",
    )


@pytest.mark.parametrize(("scenario", "step"), [("append", 2), ("erase", 20)])
def test_what_a_power_cut_leaves_is_the_book_before_or_after(tmp_path: Path, scenario: str, step: int) -> None:
    try_faults(tmp_path, scenario, "cut", step)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_power_cut(
    tmp_path: Path, scenario: str, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    record_property("counts", try_faults(tmp_path, scenario, "cut", request.config.getoption("--fault-step")))
