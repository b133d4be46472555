"""`retention`: who is beyond the time that data may be kept, and erasing them."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.common import chosen_format, format_options, open_book
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.exporting import table_export
from clientbook.cli.output import print_json, print_rows
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book


@click.command("retention")
@click.option("--all", "everybody", is_flag=True, help=_("Show everybody, not only those beyond their limit."))
@click.option(
    "--apply", "apply_", is_flag=True, help=_("Erase those who are beyond their limit, after a look at the counts.")
)
@click.option("--yes", is_flag=True, help=_("With --apply: do it without asking."))
@format_options
@table_export
@click.pass_context
def retention_command(
    ctx: click.Context, everybody: bool, apply_: bool, yes: bool, format_: str | None, as_json: bool
) -> None:
    """Show who is beyond the time that data may be kept, and why; --apply erases them, keeping sales without the person."""
    if apply_ and (everybody or format_):
        raise WrongUse(_("--apply erases those beyond their limit: it takes no --all and no --format"))
    if yes and not apply_:
        raise WrongUse(_("--yes goes with --apply"))
    book = open_book(ctx)
    if apply_:
        _apply(book, yes=yes, as_json=as_json)
        return
    retention = book.retention
    people = retention.everybody() if everybody else retention.beyond()
    print_rows(people, chosen_format(format_, as_json), timezone=book.settings.timezone, label=_column)
    _say_classes(people["retention_class"].to_pylist())


def _apply(book: Book, *, yes: bool, as_json: bool) -> None:
    chosen = book.retention.beyond()
    ids: list[str] = chosen["customer_id"].to_pylist()
    _say_classes(chosen["retention_class"].to_pylist())
    say(_("Their sales stay, by month and amount, without the person; everything else of them goes for good."))
    if ids and not yes:
        if not sys.stdin.isatty():
            raise DecisionNeeded(_("erasing cannot be undone: say --yes"))
        click.confirm(_("Erase them for good?"), abort=True, err=True)
    done: dict[str, Any] = {"beyond": len(ids), "erased": 0, "spared": 0, "ledger_entries": [], "backups": []}
    for number, customer_id in enumerate(ids, 1):
        erasure = book.retire(customer_id)
        if erasure is None:
            done["spared"] += 1
            continue
        done["erased"] += 1
        done["ledger_entries"].append(erasure.number)
        done["backups"] = sorted({one["folder"] for one in erasure.backups})
        say(_("{number} of {count}: ledger entry {entry}").format(number=number, count=len(ids), entry=erasure.number))
    if as_json:
        print_json(done)
        return
    for folder in done["backups"]:
        warn(_("the backup in {folder} still holds them until it is made again").format(folder=folder))
    erased = ngettext("{count} person erased", "{count} persons erased", done["erased"])
    say(erased.format(count=done["erased"]))
    if done["spared"]:
        spared = ngettext(
            "{count} person spared: no longer beyond the limit, or erased meanwhile",
            "{count} persons spared: no longer beyond the limit, or erased meanwhile",
            done["spared"],
        )
        say(spared.format(count=done["spared"]))


def _say_classes(classes: list[str]) -> None:
    from clientbook.consent.retention import CLASSES

    counts = Counter(classes)
    for name, why in CLASSES.items():
        if counts[name]:
            say(f"{name}: {counts[name]} – {_(why)}")
    if not counts:
        say(_("nobody is beyond a limit"))


def _column(name: str) -> str:
    from clientbook.query.labels import column_label

    return column_label(name)
