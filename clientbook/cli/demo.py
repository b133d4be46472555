"""`clientbook demo`: the sample shop, ready to browse."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import Any

import click

from clientbook.cli.diagnostics import say
from clientbook.cli.output import print_json, print_pairs
from clientbook.i18n import _


@click.command("demo")
@click.option("--headless", is_flag=True, help=_("Print a summary instead of opening the application."))
@click.option("--fresh", is_flag=True, help=_("Make the sample book anew."))
@click.option("--json", "as_json", is_flag=True, help=_("Print the summary as JSON."))
@click.option("--dir", "folder", type=click.Path(path_type=Path), help=_("Where to keep the sample book."))
def demo_command(headless: bool, fresh: bool, as_json: bool, folder: Path | None) -> None:
    """Open the sample shop: a fictional maker of soap and tea near Lyon, three years of it."""
    folder = folder or _default_folder()
    _prepare(folder, fresh=fresh)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if is_terminal and not headless and not as_json:
        from clientbook.cli.tui import leave, open_application

        leave(open_application(folder))
    from clientbook.book import Book

    book = Book(folder)
    summary = book.summary()
    if as_json:
        print_json(summary)
        return
    _print_summary(summary, book.settings.timezone)
    say(
        _("The book is in {folder}; browse it with: clientbook --book {name} tui").format(
            folder=folder, name=quote(str(folder))
        )
    )


def _default_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "clientbook" / "demo"


def _prepare(folder: Path, *, fresh: bool) -> None:
    """Make the sample book unless it is there; a half-made one is made anew."""
    from clientbook.sample import is_sample_book, make_sample_book

    if fresh and is_sample_book(folder):
        shutil.rmtree(folder)
    if is_sample_book(folder):
        return
    say(_("making the sample book in {folder} …").format(folder=folder))
    make_sample_book(folder)


def _print_summary(summary: dict[str, Any], timezone: str) -> None:
    click.echo(summary["name"] + "\n")
    labels = {
        "first_occurred_at": _("From"),
        "last_occurred_at": _("To"),
        "events": _("Events"),
        "customers": _("Customers"),
        "companies": _("of which companies"),
        "orders": _("Orders"),
        "guest_orders": _("of which without a customer"),
        "revenue": _("Revenue ({currency})").format(currency=summary["currency"]),
        "average_basket": _("Average basket"),
        "median_basket": _("Median basket"),
        "buyers": _("Customers who ordered"),
        "one_time_buyers": _("of which once only"),
    }
    print_pairs([(label, summary[name]) for name, label in labels.items()], timezone=timezone)
    click.echo("\n" + _("Best customers"))
    print_pairs([(row["name"], row["revenue"]) for row in summary["best_customers"]], timezone=timezone)
    click.echo("\n" + _("Revenue by year"))
    print_pairs([(str(row["year"]), row["revenue"]) for row in summary["revenue_by_year"]], timezone=timezone)
