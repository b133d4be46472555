"""Commands about segments: who is in, why, who came and went, what sets them apart, what they bought afterwards."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import Shown
from clientbook.cli.common import clean, format_options, moment_options, open_book, read_moment, read_time
from clientbook.cli.diagnostics import say
from clientbook.cli.explained import reason_lines
from clientbook.cli.exporting import table_export
from clientbook.cli.listing import Asked, Output, listing_options, param_option, pointing_at, print_customers, trait_labels
from clientbook.cli.output import print_json, print_table
from clientbook.cli.segment_tables import backtest_command, diff_command, given, overlap_command, profile_command
from clientbook.i18n import _, ngettext
from clientbook.query.text import harmless

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.segments.catalogue import Counted


@click.group("segments", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@param_option
@moment_options
@table_export
@click.pass_context
def segments_command(
    ctx: click.Context, as_json: bool, params: tuple[str, ...], as_of: str | None, known_at: str | None
) -> None:
    """List the segments and count their members."""
    if ctx.invoked_subcommand is not None:
        return
    from clientbook.segments.catalogue import Catalogue, count_all

    book = open_book(ctx)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        counted = count_all(reading, Catalogue(reading).all(given(params)))
    if as_json:
        print_json([_described(one) for one in counted])
    else:
        _print_segments(counted)


@segments_command.command("members")
@click.argument("segment", metavar="ID")
@listing_options
@param_option
@format_options
@moment_options
@click.pass_context
def members_command(
    ctx: click.Context,
    segment: str,
    where: str | None,
    sorts: tuple[str, ...],
    columns: str | None,
    limit: int | None,
    params: tuple[str, ...],
    export_path: Path | None,
    exporter: str | None,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """List the members of a segment."""
    book = open_book(ctx)
    asked = Asked(where=where, sorts=sorts, columns=columns, limit=limit, segment=segment, params=params)
    output = Output.chosen(format_, as_json, export_path, exporter)
    print_customers(book, asked, read_moment(book, as_of, known_at), output)


def _noted(command: Any) -> Any:
    """`--by`, `--at` and `--json`."""
    command = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))(command)
    command = click.option("--at", metavar="T", help=_("When it happened; now by default."))(command)
    return click.option("--by", metavar="SELLER", help=_("Who did it."))(command)


@segments_command.command("define")
@click.argument("name", metavar="ID")
@click.option("--where", metavar="RULE", help=_("The rule, a filter over customers; $name stands for a parameter."))
@click.option("--like", metavar="ID", help=_("The same rule as this segment's, with the parameters given."))
@click.option("--label", help=_("What people call it."))
@param_option
@_noted
@click.pass_context
def define_command(
    ctx: click.Context,
    name: str,
    where: str | None,
    like: str | None,
    label: str | None,
    params: tuple[str, ...],
    by: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Define a segment by a rule, or give it another rule; history keeps the rule of the day."""
    from clientbook.segments.catalogue import Catalogue, count_all
    from clientbook.segments.defining import Definition, define

    book = open_book(ctx)
    asked = Definition(
        id=clean(name),
        where=clean(where) if where is not None else None,
        like=clean(like) if like else None,
        label=clean(label) if label else None,
        params=given(params),
    )
    with book.reading() as reading, pointing_at(asked.where):
        events = define(reading, asked)
    position = _note(book, events, by=by, at=at)
    with book.reading() as reading:
        (counted,) = count_all(reading, [Catalogue(reading).one(asked.id)])
    if as_json:
        print_json(_described(counted) | {"position": position})
    else:
        said = ngettext("{id}: {count} customer", "{id}: {count} customers", counted.count or 0)
        click.echo(said.format(id=asked.id, count=f"{counted.count:,}"))


@segments_command.command("retire")
@click.argument("name", metavar="ID")
@click.option("--reason", help=_("Why."))
@_noted
@click.pass_context
def retire_command(ctx: click.Context, name: str, reason: str | None, by: str | None, at: str | None, as_json: bool) -> None:
    """Take a segment of the shop's own, or a list, out of use; the past still has it."""
    from clientbook.segments.defining import retire

    book = open_book(ctx)
    with book.reading() as reading:
        events = retire(reading, clean(name), reason=clean(reason) if reason else None)
    position = _note(book, events, by=by, at=at)
    if as_json:
        print_json({"id": clean(name), "position": position})
    else:
        click.echo(_("{id} is retired").format(id=clean(name)))


@segments_command.command("freeze")
@click.argument("name", metavar="ID")
@click.option("--as", "as_name", metavar="NEW", help=_("The list's name; ID@day by default."))
@param_option
@_noted
@click.pass_context
def freeze_command(
    ctx: click.Context,
    name: str,
    as_name: str | None,
    params: tuple[str, ...],
    by: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Write the members of a segment down as a list that is a segment of its own."""
    from clientbook.segments.defining import freeze

    book = open_book(ctx)
    with book.reading() as reading:
        events, list_name, count = freeze(
            reading, clean(name), name=clean(as_name) if as_name else None, params=given(params)
        )
    position = _note(book, events, by=by, at=at)
    if as_json:
        print_json({"id": list_name, "count": count, "position": position})
    else:
        said = ngettext("{id}: a list of {count} customer", "{id}: a list of {count} customers", count)
        click.echo(said.format(id=list_name, count=f"{count:,}"))


def _explaining(command: Any) -> Any:
    for option in (
        moment_options,
        click.option("--json", "as_json", is_flag=True, help=_("Print JSON.")),
        param_option,
        click.argument("customer"),
        click.argument("segment", metavar="ID"),
    ):
        command = option(command)
    return command


@segments_command.command("why")
@_explaining
@click.pass_context
def why_command(ctx: click.Context, /, **options: Any) -> None:
    """Tell why CUSTOMER is in the segment: each condition, its value, what would turn it, and the events behind."""
    _explain(ctx, expects=True, **options)


@segments_command.command("why-not")
@_explaining
@click.pass_context
def why_not_command(ctx: click.Context, /, **options: Any) -> None:
    """Tell why CUSTOMER is not in the segment: each condition, its value, what would turn it, and the events behind."""
    _explain(ctx, expects=False, **options)


def _explain(
    ctx: click.Context,
    *,
    expects: bool,
    segment: str,
    customer: str,
    params: tuple[str, ...],
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    from clientbook.segments.catalogue import Catalogue
    from clientbook.segments.why import why

    book = open_book(ctx)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        listed = Catalogue(reading).one(clean(segment), given(params))
        answer = why(reading, listed, clean(customer))
        labels = trait_labels(reading)
    if as_json:
        print_json(answer.described())
        return
    if answer.is_member is not expects:
        say(_("it is the other way round:"))
    said = _("{name} is in {label} ({id})") if answer.is_member else _("{name} is not in {label} ({id})")
    click.echo(harmless(said.format(name=answer.name, label=answer.segment.label, id=answer.segment.id)))
    for line in reason_lines(answer.reason, labels=labels, timezone=book.settings.timezone):
        click.echo(harmless(line))


def _note(book: Book, events: list[tuple[str, dict[str, Any]]], *, by: str | None, at: str | None) -> int:
    """Note what was decided; the position it was noted at."""
    from clientbook.importing.noting import happened

    occurred_at = read_time(at, zoneinfo.ZoneInfo(book.settings.timezone)) if at else book.clock()
    return book.note(happened(None, events), occurred_at=occurred_at, actor=clean(by) if by else None)[1].position


for _command in (diff_command, profile_command, overlap_command, backtest_command):
    segments_command.add_command(_command)


def _described(one: Counted) -> dict[str, Any]:
    segment = one.segment
    return {
        "id": segment.id,
        "label": segment.label,
        "count": one.count,
        "share": one.share,
        "rule": segment.rule,
        "description": segment.description,
        "group": segment.group,
        "params": dict(segment.params),
        "origin": segment.origin,
        "problem": segment.problem or None,
    }


def _print_segments(counted: list[Counted]) -> None:
    rows = [
        {
            "id": one.segment.id,
            "label": one.segment.label,
            "count": None if one.count is None else Shown(one.count, f"{one.count:,}"),
            "share": None if one.share is None else Shown(one.share, f"{one.share:.1%}"),
            "group": one.segment.group,
            "params": ", ".join(f"{name}={value}" for name, value in one.segment.params.items() if value != ""),
            "problem": one.segment.problem,
        }
        for one in sorted(counted, key=lambda one: one.segment.group)
    ]
    names = ["id", "label", "count", "share", "group", "params", "problem"]
    kept = [name for name in names if name not in ("params", "problem") or any(row[name] for row in rows)]
    titles = {
        "id": _("Id"),
        "label": _("Segment"),
        "count": _("Customers"),
        "share": _("Share"),
        "group": _("Group"),
        "params": _("Parameters"),
        "problem": _("Not counted because"),
    }
    print_table(
        [titles[name] for name in kept],
        [{name: row[name] for name in kept} for row in rows],
        timezone="UTC",
        numbers=[name in ("count", "share") for name in kept],
    )
    if counted:
        total = counted[0].total
        say(ngettext("of {count} customer", "of {count} customers", total).format(count=f"{total:,}"))
