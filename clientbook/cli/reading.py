"""Commands that read: customers, show, events, query."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from clientbook.cli.catching import caught
from clientbook.cli.common import chosen_format, clean, format_options, moment_options, open_book, read_moment
from clientbook.cli.diagnostics import warn
from clientbook.cli.exporting import export_options, table_export
from clientbook.cli.listing import Asked, Output, listing_options, param_option, print_customers, print_result
from clientbook.cli.output import print_json, print_pairs, print_rows, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.events.registry import Registry
    from clientbook.projection.snapshots import Snapshot


@click.command("customers")
@listing_options
@click.option("--search", metavar="WORDS", help=_("Words that stand in name, address or numbers."))
@click.option("--segment", metavar="ID", help=_("Only members of this segment; `clientbook segments` lists them."))
@param_option
@format_options
@moment_options
@click.pass_context
def customers_command(
    ctx: click.Context,
    where: str | None,
    search: str | None,
    sorts: tuple[str, ...],
    columns: str | None,
    limit: int | None,
    segment: str | None,
    params: tuple[str, ...],
    export_path: Path | None,
    exporter: str | None,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """List customers, or write them to a file as a plugin's exporter does."""
    book = open_book(ctx)
    asked = Asked(where=where, search=search, sorts=sorts, columns=columns, limit=limit, segment=segment, params=params)
    output = Output.chosen(format_, as_json, export_path, exporter)
    print_customers(book, asked, read_moment(book, as_of, known_at), output)


@click.command("show")
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help=_("Entries of the time line."))
@moment_options
@table_export
@click.pass_context
def show_command(
    ctx: click.Context, customer: str, as_json: bool, limit: int, as_of: str | None, known_at: str | None
) -> None:
    """Show one customer: CUSTOMER is an id, the beginning of one, an e-mail, a phone or a customer number.
    --export writes the time line.
    """
    from clientbook.query import customers

    book = open_book(ctx)
    is_whole = caught() is not None and ctx.get_parameter_source("limit") is ParameterSource.DEFAULT
    with book.snapshot(read_moment(book, as_of, known_at)) as snapshot:
        engine = snapshot.engine
        customer_id = book.find(snapshot, clean(customer))
        shown: dict[str, Any] = {
            "customer": customers.profile(engine, customer_id),
            "identifiers": customers.identifiers(engine, customer_id),
            "orders": customers.orders(engine, customer_id),
            "consent": customers.consent_acts(engine, customer_id),
            "timeline": customers.timeline(engine, customer_id, limit=None if as_json or is_whole else limit),
        }
    if as_json:
        print_json(shown)
    else:
        _print_customer(shown, book.settings.timezone, book.plugins.event_labels)


@click.command("events")
@click.option("--type", "types", multiple=True, metavar="TYPE", help=_("Only events of this type."))
@click.option("--customer", metavar="CUSTOMER", help=_("Only this customer's."))
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="POSITION", help=_("Only events after this position.")
)
@click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many."))
@click.option("--types", "list_types", is_flag=True, help=_("List the types of events there are."))
@format_options
@moment_options
@table_export
@click.pass_context
def events_command(
    ctx: click.Context,
    types: tuple[str, ...],
    customer: str | None,
    after: int,
    limit: int | None,
    list_types: bool,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """List events in the order they were recorded; as JSON Lines they can be imported again."""
    from clientbook.query.events import event_types, list_events, to_lines

    format = chosen_format(format_, as_json)
    if list_types:
        _print_types(event_types(_registry(ctx)), format)
        return
    book = open_book(ctx)
    with book.snapshot(read_moment(book, as_of, known_at)) as snapshot:
        _check_types(book, snapshot, types)
        customer_id = book.find(snapshot, clean(customer)) if customer else None
        found = list_events(snapshot, types=types, customer_id=customer_id, after=after, limit=limit)
    if format == "jsonl":
        for line in to_lines(found):
            click.echo(line)
    elif format == "json":
        print_json([json.loads(line) for line in to_lines(found)])
    elif format == "table":
        _print_events(found, book.settings.timezone)
    else:
        print_rows(found, format, timezone=book.settings.timezone)


@click.command("query")
@click.argument("sql")
@export_options
@format_options
@moment_options
@click.pass_context
def query_command(
    ctx: click.Context,
    sql: str,
    export_path: Path | None,
    exporter: str | None,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Run one SELECT on the tables customers, orders, order_lines, refunds, interactions, consent_history, identifiers,
    customer_roots, batches, segments_defined and the view events. `-` reads the statement from standard input.
    """
    book = open_book(ctx)
    output = Output.chosen(format_, as_json, export_path, exporter)
    statement = sys.stdin.read() if sql == "-" else clean(sql)
    found = book.query(statement, read_moment(book, as_of, known_at))
    print_result(book, found, output)


def _registry(ctx: click.Context) -> Registry:
    """The types of events of the book, or where there is none those that any book would have."""
    from clientbook.events.registry import Registry
    from clientbook.hooks.manager import Plugins
    from clientbook.settings import NoBook

    try:
        return open_book(ctx).registry
    except NoBook:
        registry, plugins = Registry(), Plugins.load()
        plugins.listen(warn)
        plugins.add_event_types(registry)
        return registry


def _check_types(book: Book, snapshot: Snapshot, types: tuple[str, ...]) -> None:
    """Refuse a type that nobody declares, unless the book has such events: their plugin may be gone."""
    for name in types:
        try:
            book.registry[name]
        except LookupError as error:
            if not snapshot.table("select 1 from events where type = $type limit 1", {"type": name}):
                raise WrongUse(str(error)) from None


def _print_events(found: Any, timezone: str) -> None:
    from clientbook.query.labels import column_label

    shown = ("position", "occurred_at", "type", "customer_id", "source", "actor")
    rows = [{name: row[name] for name in shown} | {"data": row[row["type"]]} for row in found.to_pylist()]
    labels = [*map(column_label, shown), _("Data")]
    print_table(labels, rows, timezone=timezone, numbers=[name == "position" for name in (*shown, "data")])


def _print_types(types: list[dict[str, Any]], format: str) -> None:
    if format in ("json", "jsonl"):
        print_json(types)
        return
    for kind in types:
        click.echo(f"{kind['type']:<24}{kind['customer']:<10}{kind['summary']}")


def _print_customer(shown: dict[str, Any], timezone: str, event_labels: dict[str, str]) -> None:
    from clientbook.query.labels import STATUSES, column_label, event_label

    profile = {name: value for name, value in shown["customer"].items() if value not in (None, [], "")}
    print_pairs([(column_label(name), value) for name, value in profile.items()], timezone=timezone)
    sections = (("orders", _("Orders")), ("consent", _("Consent")), ("timeline", _("Time line")))
    for name, title in sections:
        rows = shown[name]
        if not rows or (caught() and name != "timeline"):
            continue
        for row in rows:
            for key in ("type", "act"):
                if key in row:
                    row[key] = event_label(row[key], event_labels)
            if "status" in row:
                row["status"] = _(STATUSES[row["status"]])
        filled = [key for key in rows[0] if key != "position" and any(row[key] is not None for row in rows)]
        kept = [{key: row[key] for key in filled} for row in rows]
        numbers = [key in ("amount", "gross", "refunded", "revenue", "line_count", "score") for key in filled]
        print_table([column_label(key) for key in filled], kept, timezone=timezone, numbers=numbers, title=title)
