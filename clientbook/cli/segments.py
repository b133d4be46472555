"""Commands about segments: who is in, why, who came and went, what sets them apart, what they bought afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.common import chosen_format, clean, format_options, moment_options, open_book, read_moment
from clientbook.cli.diagnostics import say
from clientbook.cli.listing import Asked, listing_options, param_option, print_customers
from clientbook.cli.output import print_json, print_table
from clientbook.i18n import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientbook.segments.catalogue import Counted


@click.group("segments", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@param_option
@moment_options
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
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """List the members of a segment."""
    book = open_book(ctx)
    asked = Asked(where=where, sorts=sorts, columns=columns, limit=limit, segment=segment, params=params)
    print_customers(book, asked, read_moment(book, as_of, known_at), chosen_format(format_, as_json))


def given(params: tuple[str, ...]) -> Mapping[str, str]:
    """What `--param` says, by name."""
    from clientbook.query.parameters import given_params

    return given_params(map(clean, params))


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
            "count": None if one.count is None else f"{one.count:,}",
            "share": None if one.share is None else f"{one.share:.1%}",
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
        say(_("of {count} customers").format(count=f"{counted[0].total:,}"))
