"""Commands that keep the book safe: seal, verify, backup, restore, erase, erasures."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.common import clean, ground_option, open_book
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.output import print_json, print_pairs
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

_SHOWN: Final = 20
"""Differences of a certificate that are told one by one."""

if TYPE_CHECKING:
    from clientbook.erasure import Erasure
    from clientbook.log.verifying import Fault, Verification


_REPLAY = click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="BOOK",
    help=_("Replay the erasures that this book, ledger or later backup knows of."),
)


@click.command("seal")
@click.option("--all", "everything", is_flag=True, help=_("Merge earlier seals too, so that all lies in one order."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def seal_command(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """Merge small files of the log into large ones, sorted by customer; nothing it says changes."""
    from dataclasses import asdict

    sealed = open_book(ctx).seal(everything=everything)
    if as_json:
        print_json(asdict(sealed))
    elif sealed.files:
        said = _("sealed {commits} commits, {rows} events, into {files} files")
        say(said.format(commits=sealed.commits, rows=sealed.rows, files=sealed.files))
    else:
        say(_("there is nothing to seal"))


@click.command("verify")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help=_("Only names, footers, counts and links, not every byte and row."))
@click.option("--full", is_flag=True, help=_("Everything; this is the default."))
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help=_("Instead, hold a certificate of `consent certificate` against the book."),
)
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def verify_command(
    ctx: click.Context, folder: Path | None, quick: bool, full: bool, certificate: Path | None, as_json: bool
) -> None:
    """Check that the log is what was written: the book's, or that of the backup in FOLDER. Exit code 3 on any fault."""
    if quick and full:
        raise WrongUse(_("--quick and --full contradict each other"))
    if certificate:
        if folder or quick or full:
            raise WrongUse(_("--certificate checks a certificate against the book, and takes no FOLDER, --quick or --full"))
        ctx.exit(_verify_certificate(ctx, certificate, as_json=as_json))
    found = _verified(folder or ctx.find_root().obj, quick=quick)
    if as_json:
        print_json(_as_json(found))
    else:
        for fault in found.faults:
            warn(_fault_line(fault))
        for number, rows in sorted(found.erased.items()):
            erased = ngettext(
                "{rows} event erased, ledger entry {number}", "{rows} events erased, ledger entry {number}", rows
            )
            say(erased.format(rows=rows, number=number))
        counted = _("files {files}, commits {commits}, events {events}; chain {digest} at position {position}")
        say(counted.format(**_as_json(found)))
        faults = len(found.faults)
        none, some = _("no fault found"), ngettext("{faults} fault found", "{faults} faults found", faults)
        say(some.format(faults=faults) if faults else none)
    ctx.exit(3 if found.faults else 0)


def _verify_certificate(ctx: click.Context, file: Path, *, as_json: bool) -> int:
    """Say whether a certificate is what the book says; the exit code."""
    from dataclasses import asdict

    from clientbook.consent.certificate_text import read

    stated, changed = read(file.read_bytes())
    found = open_book(ctx).certifier.check(stated)
    for line in changed:
        found.differs(f"line {line}", _("it is not what the data at the end of the certificate say"))
    if as_json:
        print_json({"ok": found.is_confirmed, **asdict(found)})
        return 0 if found.is_confirmed else 3
    for difference in found.differences[:_SHOWN]:
        warn(f"{difference.what}: {difference.message}")
    if len(found.differences) > _SHOWN:
        warn(_("… and {count} more").format(count=len(found.differences) - _SHOWN))
    for number in found.erased:
        said = _("erased, ledger entry {number}: what it rests on is no longer in the book, and cannot be shown from it")
        warn(said.format(number=number))
    for remark in found.remarks:
        say(remark)
    if found.is_confirmed:
        said = _("confirmed: the book says the same at position {position}, chain {digest}")
        say(said.format(position=found.position, digest=found.digest))
    else:
        say(_("not confirmed"))
    return 0 if found.is_confirmed else 3


def _verified(folder: Path, *, quick: bool) -> Verification:
    from clientbook import backup
    from clientbook.book import Book, DamagedBook
    from clientbook.log.base import DamagedLog
    from clientbook.log.verifying import Fault, Verification

    try:
        if not backup.is_backup(folder):
            return Book(folder).verify(quick=quick)
        with backup.opened(folder) as copy:
            return Book(copy).verify(quick=quick)
    except (DamagedBook, DamagedLog, backup.DamagedBackup) as error:
        return Verification(faults=[Fault(code="book", message=str(error))])


def _as_json(found: Verification) -> dict[str, Any]:
    from dataclasses import asdict

    counts = {"files": found.files, "commits": found.commits, "events": found.events}
    erased = [{"ledger_entry": number, "events": rows} for number, rows in sorted(found.erased.items())]
    return {
        "ok": not found.faults,
        **counts,
        "position": found.position,
        "digest": found.digest.hex(),
        "erased": erased,
        "faults": [asdict(fault) for fault in found.faults],
    }


def _fault_line(fault: Fault) -> str:
    place = fault.file or ""
    if fault.position is not None:
        place += _(", position {position}").format(position=fault.position)
    return f"{place}: {fault.message} [{fault.code}]" if place else f"{fault.message} [{fault.code}]"


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def backup_command(ctx: click.Context, target: Path, as_json: bool) -> None:
    """Copy the book to TARGET, or bring the copy there up to date: only new files are copied."""
    import msgspec

    done = open_book(ctx).back_up(target)
    if as_json:
        print_json(msgspec.to_builtins(done))
        return
    said = _("backed up to position {position} in {folder}: {copied} of {files} files copied ({size} kB), {removed} removed")
    say(
        said.format(
            position=done.position,
            folder=done.folder,
            copied=done.files_copied,
            files=done.files,
            size=-(-done.bytes_copied // 1000),
            removed=done.files_removed,
        )
    )


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@_REPLAY
@click.option("--none-later", is_flag=True, help=_("Nobody was erased since the backup."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
def restore_command(backup: Path, folder: Path, replay: Path | None, none_later: bool, as_json: bool) -> None:
    """Put a BACKUP back as a book in FOLDER, which must be empty or not exist."""
    from clientbook import backup as copies

    if replay and none_later:
        raise WrongUse(_("--replay and --none-later contradict each other"))
    manifest = copies.restore(backup, folder)
    replayed = _settle(folder, replay, none_later=none_later) if replay or none_later else None
    if as_json:
        about = {"folder": str(folder), "made_at": manifest.made_at, "position": manifest.position}
        print_json(about | {"opens": replayed is not None, "erasures_replayed": replayed})
        return
    said = _("put back {folder} as of {made_at}, position {position}")
    say(said.format(folder=folder, made_at=manifest.made_at.isoformat(timespec="minutes"), position=manifest.position))
    if replayed is None:
        opens = _(
            "it opens when you say what became of erasures made since: clientbook --book {name} erasures --replay BOOK,"
            " or, if there were none: clientbook --book {name} erasures --none-later"
        )
        warn(opens.format(name=quote(str(folder))))
    else:
        say(_("erasures replayed: {count}").format(count=replayed))


def _settle(folder: Path, replay: Path | None, *, none_later: bool) -> int:
    """Take in what another ledger knows, open the book, and carry it out; how many erasures that were."""
    from clientbook import backup
    from clientbook.book import Book

    unfinished = backup.unfinished_erasures(folder)
    if replay:
        unfinished += backup.replay_erasures(folder, replay)
    if none_later:
        backup.no_later_erasures(folder)
    Book(folder)
    return unfinished


@click.command("erasures")
@_REPLAY
@click.option("--none-later", is_flag=True, help=_("Say that nobody was erased since the backup that this book comes from."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def erasures_command(ctx: click.Context, replay: Path | None, none_later: bool, as_json: bool) -> None:
    """List the erasures, or replay those that another ledger of this book knows of."""
    if replay and none_later:
        raise WrongUse(_("--replay and --none-later contradict each other"))
    if replay or none_later:
        count = _settle(ctx.find_root().obj, replay, none_later=none_later)
        say(_("erasures replayed: {count}").format(count=count))
    book = open_book(ctx)
    entries: list[dict[str, Any]] = [
        {
            "number": entry.number,
            "erased_at": entry.erased_at,
            "ground": entry.ground,
            "removed": sum(row.new is None for row in entry.rows),
            "changed": sum(row.new is not None for row in entry.rows),
            "position": entry.position,
        }
        for entry in book.log.ledger.entries()
    ]
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        said = _("{ground}, {removed} events removed, {changed} kept without the person, at position {position}")
        label = f"{entry['number']}  {entry['erased_at'].isoformat(timespec='minutes')}"
        print_pairs([(label, said.format(**entry))], timezone=book.settings.timezone)


@click.command("erase")
@click.argument("customer")
@ground_option
@click.option("--dry-run", is_flag=True, help=_("Only say what would be done."))
@click.option("--yes", is_flag=True, help=_("Do it without asking."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def erase_command(ctx: click.Context, customer: str, ground: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase a CUSTOMER for good: rewrite the log without them, keep their sales without a person."""
    from dataclasses import asdict

    book = open_book(ctx)
    customer_id = book.eraser.find(clean(customer))
    planned = book.eraser.preview(customer_id)
    if dry_run:
        print_json(asdict(planned)) if as_json else _say_erasure(planned)
        return
    if not yes:
        _say_erasure(planned)
        if not sys.stdin.isatty():
            raise DecisionNeeded(_("erasing cannot be undone: say --yes"))
        click.confirm(_("Erase this customer for good?"), abort=True, err=True)
    done = book.eraser.erase(customer_id, ground=ground)
    if as_json:
        print_json(asdict(done))
        return
    _say_erasure(done)
    say(_("erased: ledger entry {number}").format(number=done.number))


def _say_erasure(erasure: Erasure) -> None:
    rows = erasure.rows
    said = _("{removed} events removed, {kept} sales kept without a person, {stripped} of others changed, {files} files")
    say(said.format(**rows, files=erasure.files))
    for backup in erasure.backups:
        held = _("the backup in {folder} of {made_at} still holds the person until it is made again")
        warn(held.format(folder=backup["folder"], made_at=backup["made_at"]))
