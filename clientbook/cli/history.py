"""Commands about the book's past: imports, undo, replay, diff."""

from __future__ import annotations

import sys
import zoneinfo
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import (
    chosen_format,
    clean,
    format_options,
    moment_options,
    open_book,
    read_moment,
    read_time,
    say_erasures,
)
from clientbook.cli.diagnostics import DecisionNeeded, say
from clientbook.cli.exporting import table_export
from clientbook.cli.output import print_json, print_pairs, print_rows, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.importing.undoing import Undoing
    from clientbook.query.differences import Axis
    from clientbook.query.points import Point


@click.command("imports")
@click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many."))
@format_options
@moment_options
@table_export
@click.pass_context
def imports_command(
    ctx: click.Context, limit: int | None, format_: str | None, as_json: bool, as_of: str | None, known_at: str | None
) -> None:
    """List the imports, the newest first: what each file brought, and whether it counts or is undone."""
    book = open_book(ctx)
    found = book.imports(read_moment(book, as_of, known_at))
    found = found if limit is None else found.slice(0, limit)
    format = chosen_format(format_, as_json)
    if format == "table":
        _print_imports(found.to_pylist(), book.settings.timezone)
        say(ngettext("{count} import", "{count} imports", len(found)).format(count=len(found)))
    else:
        print_rows(found, format, timezone=book.settings.timezone)


@click.command("undo")
@click.argument("batch")
@click.option("--restore", is_flag=True, help=_("Bring back an import that was undone."))
@click.option("--reason", metavar="TEXT", help=_("Why."))
@click.option("--dry-run", is_flag=True, help=_("Show what it comes to and write nothing."))
@click.option("--yes", is_flag=True, help=_("Do it without asking."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def undo_command(
    ctx: click.Context, batch: str, restore: bool, reason: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Undo an import: what it brought counts no more. BATCH is its number, the beginning of one, or `last`.

    Nothing is deleted: --restore brings it back, and the file can be imported again. What was noted by hand and what other
    imports brought stays.
    """
    book = open_book(ctx)
    foreseen = book.foresee_undo(clean(batch), restore=restore)
    number = foreseen.batch["batch"]
    is_asked = not yes and not dry_run and not as_json
    if is_asked:
        _print_undoing(foreseen, book.settings.timezone, restore=restore)
    position = None
    if not dry_run:
        _confirm(number, restore=restore, yes=yes)
        position = book.undo(number, reason=clean(reason) if reason else None, restore=restore)
    if not is_asked and not as_json:  # after the deed: a reader that goes away does not keep it from being done
        _print_undoing(foreseen, book.settings.timezone, restore=restore)
    if as_json:
        counts = {name: getattr(foreseen, name) for name in ("events", "customers", "customers_kept", "orders", "revenue")}
        state = "in_force" if restore is not dry_run else "undone"
        print_json({"batch": number, "state": state, "dry_run": dry_run, "position": position, **counts})
    elif restore and not dry_run:
        say(_("import {batch} counts again; undo it with: clientbook undo {batch}").format(batch=number))
    elif not dry_run:
        say(_("import {batch} is undone; bring it back with: clientbook undo {batch} --restore").format(batch=number))


@click.command("replay")
@click.option(
    "--until",
    required=True,
    metavar="T|POSITION",
    help=_("What had been recorded by a date, a time or a position, or `now`."),
)
@click.option("--as-of", metavar="T", help=_("Of that, what had happened by then."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def replay_command(ctx: click.Context, until: str, as_of: str | None, as_json: bool) -> None:
    """Compute the book as it was, in figures. Two books with equal digests hold the same."""
    book = open_book(ctx)
    moment = read_moment(book, as_of, None)
    point = _read_point(book, until, "recorded").as_of(moment.as_of)
    replayed = book.replay(point)
    if as_json:
        print_json(replayed)
        return
    _say_rounded(point)
    say_erasures(book, point.recorded_at)
    timezone = book.settings.timezone
    pairs = [
        (_("Position"), point.position),
        (_("Commit"), point.commit),
        (_("Recorded"), point.recorded_at),
        (_("Events"), replayed["events"]),
        (_("Customers"), replayed["customers"]),
        (_("Orders"), replayed["orders"]),
        (_("Orders without a customer"), replayed["guest_orders"]),
        (_("Revenue"), replayed["revenue"]),
    ]
    print_pairs(pairs, timezone=timezone)
    click.echo()
    print_pairs([(f"  {name}", count) for name, count in replayed["event_counts"].items()], timezone=timezone)
    click.echo()
    print_pairs([(f"  {name}", digest) for name, digest in replayed["tables"].items()], timezone=timezone)


@click.command("diff")
@click.option(
    "--from", "first", required=True, metavar="T|POSITION", help=_("The earlier state: a date, a time, a position.")
)
@click.option("--to", "last", default="now", show_default=True, metavar="T|POSITION", help=_("The later state."))
@click.option(
    "--axis",
    type=click.Choice(("recorded", "occurred")),
    default="recorded",
    show_default=True,
    help=_("What had been recorded by then, or what had happened."),
)
@click.option("--customer", metavar="CUSTOMER", help=_("Only this customer."))
@click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many of each (default: 20; with --json all)."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def diff_command(
    ctx: click.Context, first: str, last: str, axis: Axis, customer: str | None, limit: int | None, as_json: bool
) -> None:
    """Tell what differs between two states of the book, and which events did it."""
    from clientbook.cli.differences import print_differences

    book = open_book(ctx)
    points = (_read_point(book, first, axis), _read_point(book, last, axis))
    limit = 20 if limit is None and not as_json and caught() is None else limit
    found = book.differences(*points, axis=axis, customer=clean(customer) if customer else None, limit=limit)
    if as_json:
        print_json(found)
        return
    for point in points:
        _say_rounded(point)
    say_erasures(book, points[0].recorded_at)
    print_differences(found, book.settings.timezone)


def _read_point(book: Book, text: str, axis: Axis) -> Point:
    """A state as a person names it: `now`, digits for a position, else a date (its end) or a time in the book's zone."""
    text = text.strip()
    if text == "now":
        return book.point()
    if text.isdecimal():
        if axis == "occurred":
            said = _("{text} is a position; what had happened goes by dates, such as 2026-03-31")
            raise WrongUse(said.format(text=text))
        return book.point(int(text))
    instant = read_time(clean(text), zoneinfo.ZoneInfo(book.settings.timezone), end_of_day=True)
    return book.point().as_of(instant) if axis == "occurred" else book.point(instant)


def _say_rounded(point: Point) -> None:
    if point.asked_position is not None:
        said = _("position {asked} is inside a commit; shown is the end of the commit before, position {position}")
        say(said.format(asked=point.asked_position, position=point.position))


def _confirm(number: str, *, restore: bool, yes: bool) -> None:
    """Go on, ask, or stop where nobody can be asked."""
    if yes:
        return
    if not _can_ask():
        said = _("import {batch}: nothing was changed, since nobody said yes; --yes does it without asking")
        raise DecisionNeeded(said.format(batch=number))
    question = _("Restore import {batch}?") if restore else _("Undo import {batch}?")
    if not click.confirm(question.format(batch=number), err=True, default=False):
        raise click.Abort


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _print_imports(rows: list[dict[str, Any]], timezone: str) -> None:
    from clientbook.query.text import display

    shown = [
        {
            "batch": row["batch"],
            "imported_at": row["imported_at"],
            "importer": f"{row['importer']} {row['importer_version']}",
            "source": row["source"],
            "file": row["file_sha256"][:12],
            "read": row["rows_read"],
            "used": row["rows_used"],
            "duplicate": row["rows_duplicate"],
            "skipped": row["rows_skipped"],
            "rejected": row["rows_rejected"],
            "events": row["event_count"],
            "state": _("undone {when}").format(when=display(row["undone_at"], timezone))
            if row["undone_at"]
            else _("in force"),
        }
        for row in rows
    ]
    labels = [
        _("Import"),
        _("When"),
        _("Importer"),
        _("Source"),
        _("File"),
        _("Rows"),
        _("Used"),
        _("Known"),
        _("Empty"),
        _("Set aside"),
        _("Events"),
        _("State"),
    ]
    print_table(labels, shown, timezone=timezone, numbers=[5 <= place <= 10 for place in range(len(labels))])


def _print_undoing(foreseen: Undoing, timezone: str, *, restore: bool) -> None:
    batch = foreseen.batch
    pairs: list[tuple[str, Any]] = [
        (_("Import"), batch["batch"]),
        (_("When"), batch["imported_at"]),
        (_("Importer"), f"{batch['importer']} {batch['importer_version']}"),
        (_("Source"), batch["source"]),
        (_("Rows"), batch["rows_read"]),
        (_("Orders that come back") if restore else _("Orders that go"), foreseen.orders),
        (_("Revenue that comes back") if restore else _("Revenue that goes"), foreseen.revenue),
        (_("Customers that come back") if restore else _("Customers that leave"), foreseen.customers),
        (_("Customers that stay"), foreseen.customers_kept),
        (_("Events that come back") if restore else _("Events that go"), sum(foreseen.events.values())),
    ]
    print_pairs(pairs, timezone=timezone)
    print_pairs([(f"  {type}", count) for type, count in foreseen.events.items()], timezone=timezone)
