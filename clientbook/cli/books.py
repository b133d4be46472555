"""Commands about the book itself: init, info, project, rebuild."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from clientbook.cli.common import moment_options, open_book, read_moment
from clientbook.cli.diagnostics import say
from clientbook.cli.output import print_json, print_pairs
from clientbook.i18n import _


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--currency", default="EUR", show_default=True, help=_("The book's currency, an ISO 4217 code."))
@click.option("--timezone", default="Europe/Paris", show_default=True, help=_("Where the shop's days begin, an IANA name."))
@click.option("--name", default="", help=_("What the shop is called."))
def init_command(folder: Path, currency: str, timezone: str, name: str) -> None:
    """Make an empty book in FOLDER."""
    from clientbook.book import Book
    from clientbook.errors import WrongUse
    from clientbook.settings import InvalidSettings

    try:
        Book.create(folder, currency=currency.upper(), timezone=timezone, name=name)
    except InvalidSettings as error:
        raise WrongUse(str(error)) from None
    say(
        _("made an empty book in {folder}; next: clientbook --book {name} import FILE").format(
            folder=folder, name=quote(str(folder))
        )
    )


@click.command("info")
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@moment_options
@click.pass_context
def info_command(ctx: click.Context, as_json: bool, as_of: str | None, known_at: str | None) -> None:
    """Show what the book holds."""
    book = open_book(ctx)
    info = book.info(read_moment(book, as_of, known_at))
    if as_json:
        print_json(info)
        return
    counts = info.pop("event_counts")
    labels = {
        "name": _("Name"),
        "events": _("Events"),
        "customers": _("Customers"),
        "orders": _("Orders"),
        "guest_orders": _("Orders without a customer"),
        "revenue": _("Revenue"),
        "first_occurred_at": _("First event"),
        "last_occurred_at": _("Last event"),
        "commits": _("Commits"),
        "position": _("Position"),
        "currency": _("Currency"),
        "timezone": _("Time zone"),
    }
    print_pairs([(labels[name], value) for name, value in info.items()], timezone=book.settings.timezone)
    click.echo()
    print_pairs([(f"  {name}", count) for name, count in counts.items()], timezone=book.settings.timezone)


@click.command("project")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help=_("Folder to write to."))
@click.option("--tables", default=None, metavar="A,B", help=_("Only these tables; else all."))
@click.option("--format", "format_", type=click.Choice(("parquet", "csv", "jsonl")), default="parquet", show_default=True)
@click.option("--json", "as_json", is_flag=True, help=_("Print the files and their row counts as JSON."))
@moment_options
@click.pass_context
def project_command(
    ctx: click.Context, out: Path, tables: str | None, format_: str, as_json: bool, as_of: str | None, known_at: str | None
) -> None:
    """Write the read model's tables to files, one each."""
    book = open_book(ctx)
    names = tuple(name.strip() for name in tables.split(",")) if tables else None
    written = book.project(out, tables=names, format=format_, moment=read_moment(book, as_of, known_at))
    if as_json:
        print_json({"folder": str(out), "tables": written})
        return
    for name, count in written.items():
        say(_("{file}: {count} rows").format(file=out / f"{name}.{format_}", count=count))


@click.command("rebuild")
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def rebuild_command(ctx: click.Context, as_json: bool) -> None:
    """Throw the kept tables away and compute them from the log."""
    book = open_book(ctx)
    with book.rebuild() as snapshot:
        counts = {
            name: snapshot.engine.value(f"select count(*) from {name}") for name in ("customers", "orders", "interactions")
        }
        position = snapshot.position
    if as_json:
        print_json({"position": position, "tables": counts})
    else:
        said = _("rebuilt at position {position}: {customers} customers, {orders} orders")
        say(said.format(position=position, customers=counts["customers"], orders=counts["orders"]))
