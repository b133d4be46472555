"""What commands share: the book, the moment, times and formats as options."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from clientbook.cli.diagnostics import say, warn
from clientbook.errors import WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.projection.fold import Moment

_BOOK: Final = "clientbook.book"
FORMATS: Final = ("table", "csv", "json", "jsonl", "parquet")
F = TypeVar("F", bound=Callable[..., Any])


def open_book(ctx: click.Context) -> Book:
    """The book that the command is about, the same all through it. What is wrong with a plugin is said on stderr."""
    from clientbook.book import Book

    root = ctx.find_root()
    if _BOOK in root.meta:
        found: Book = root.meta[_BOOK]
        return found
    folder: Path = root.obj
    book = Book(folder)
    book.plugins.listen(warn)
    root.meta[_BOOK] = book
    return book


def moment_options(command: F) -> F:
    """`--as-of` and `--known-at`."""
    known = click.option("--known-at", metavar="T", help=_("What had been recorded by then."))
    happened = click.option(
        "--as-of", metavar="T", help=_("What had happened by then: a date (its end), or a date and time.")
    )
    return happened(known(command))


def format_options(command: F) -> F:
    """`--format` and `--json`."""
    chosen = click.option("--format", "format_", type=click.Choice(FORMATS), default=None, help=_("How to print it."))
    json = click.option("--json", "as_json", is_flag=True, help=_("Same as --format json."))
    return chosen(json(command))


def ground_option(command: F) -> F:
    """`--ground`: why somebody is erased, one of `erasure.GROUNDS`, which help must not load."""
    grounds = ("request", "objection", "withdrawal", "unlawful", "legal_duty", "child", "retention")
    return click.option(
        "--ground",
        type=click.Choice(grounds),
        default="request",
        show_default=True,
        help=_("Why; it goes into the ledger."),
    )(command)


def chosen_format(format_: str | None, as_json: bool) -> str:
    """What the two options say together."""
    if as_json and format_ not in (None, "json"):
        raise WrongUse(_("--json and --format {format} contradict each other").format(format=format_))
    return "json" if as_json else format_ or "table"


def read_moment(book: Book, as_of: str | None, known_at: str | None) -> Moment:
    """The moment that the options say, in the book's time zone."""
    from clientbook.projection.fold import Moment

    zone = zoneinfo.ZoneInfo(book.settings.timezone)
    moment = Moment(
        as_of=read_time(as_of, zone, end_of_day=True) if as_of else None,
        known_at=read_time(known_at, zone, end_of_day=True) if known_at else None,
    )
    say_erasures(book, moment.known_at)
    return moment


def reckonable(moment: Moment) -> Moment:
    """The moment, refused where years before or after it would leave the calendar.

    Raises:
        WrongUse: it is such a one.
    """
    if moment.as_of and not 1000 <= moment.as_of.year <= 9000:
        raise WrongUse(_("figures are reckoned for the years 1000 to 9000"))
    return moment


def say_erasures(book: Book, known_at: datetime | None) -> None:
    """Tell what makes an answer about the past another one than it was."""
    if erased := book.erased_since(known_at):
        said = _("erasures since then: {count}; what was erased is missing here too")
        say(said.format(count=erased))


def say_stale(stale: tuple[date, int] | None) -> None:
    """Tell that a book is not kept up to date: since which day, and for how many."""
    if stale:
        said = _(
            "nothing has happened in this book for {days} days: figures of the last 12 months count that time too;"
            " `--as-of {day}` gives those of its last day"
        )
        say(said.format(day=stale[0].isoformat(), days=stale[1]))


def read_time(text: str, zone: zoneinfo.ZoneInfo, *, end_of_day: bool = False) -> datetime:
    """A date, or a date and time, in ISO form; without an offset it is in `zone`.

    Raises:
        WrongUse: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(_("{text!r} is no date; write 2026-03-31 or 2026-03-31T18:00").format(text=text)) from None
    if end_of_day and len(text) <= len("2026-03-31"):
        moment = datetime.combine(moment.date(), time.max)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    try:
        moment.astimezone(UTC).astimezone(zone)
    except OverflowError:
        raise WrongUse(_("{text!r} lies outside the calendar").format(text=text)) from None
    return moment


def clean(text: str) -> str:
    """Text from the command line, refused where it holds bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongUse(_("an argument holds bytes that are not UTF-8")) from None
    return text
