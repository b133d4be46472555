"""The command `edit`: fields and tags of one customer, or of all that an expression tells."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.catching import Shown, caught
from clientbook.cli.common import clean, open_book
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.exporting import table_export
from clientbook.cli.output import print_json, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.importing.editing import Change

_SHOWN: Final = 10


@click.command("edit")
@click.argument("customer", required=False)
@click.option("--where", metavar="FILTER", help=_("Instead of one customer: all that it tells, such as: city = 'Lyon'"))
@click.option("--set", "sets", multiple=True, metavar="FIELD=VALUE", help=_("Set a field, such as city=Lyon."))
@click.option("--clear", "clears", multiple=True, metavar="FIELD", help=_("Empty a field."))
@click.option("--tag", "tags", multiple=True, metavar="TAG", help=_("Put a tag on."))
@click.option("--untag", "untags", multiple=True, metavar="TAG", help=_("Take a tag off."))
@click.option("--by", metavar="SELLER", help=_("Who did it."))
@click.option("--dry-run", is_flag=True, help=_("Show what it comes to and write nothing."))
@click.option("--yes", is_flag=True, help=_("Do it without asking."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def edit_command(
    ctx: click.Context,
    customer: str | None,
    where: str | None,
    sets: tuple[str, ...],
    clears: tuple[str, ...],
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    by: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Change fields and tags of CUSTOMER, or of all that --where tells; `clientbook undo` takes it back.

    Fields are those of the profile, of the address (street, postal_code, city, region, country) and your own
    (attributes.size, or size where book.toml declares it).
    """
    from clientbook.importing.editing import read_edit

    if (customer is None) == (where is None):
        raise WrongUse(_("say who: a customer, or --where"))
    book = open_book(ctx)
    edit = read_edit(
        [clean(one) for one in sets],
        [clean(one) for one in clears],
        tags=[clean(one) for one in tags],
        untags=[clean(one) for one in untags],
        fields=book.settings.fields,
    )
    named, told = (clean(text) if text is not None else None for text in (customer, where))
    found = book.foresee_edit(edit, customer=named, where=told)
    if not as_json:
        _preview(book, found)
    batch = None
    if found and not dry_run:
        if where is not None and not yes:
            _confirm(len(found))
        batch, outcome = book.edit(found, actor=by)
        for remark in outcome.remarks:
            warn(remark)
    if as_json:
        print_json({"customers": len(found), "dry_run": dry_run, "batch": batch, "changes": list(map(_described, found))})
    elif batch:
        say(_("done; undo it with: clientbook undo {batch}").format(batch=batch))


def _described(change: Change) -> dict[str, Any]:
    return {"customer_id": change.customer_id, "before": dict(change.before), "after": dict(change.after)}


def _preview(book: Book, found: Sequence[Change]) -> None:
    from clientbook.query.labels import column_label
    from clientbook.query.text import display

    zone = book.settings.timezone
    rows = [
        {
            "id": Shown(change.customer_id, change.customer_id[:8]),
            "name": change.name,
            "field": book.settings.fields[name].label or name if name in book.settings.fields else column_label(name),
            "before": display(change.before[name], zone),
            "after": display(change.after[name], zone),
        }
        for change in (found if caught() else found[:_SHOWN])
        for name in change.before
    ]
    if rows or caught():
        labels = [_("Id"), _("Name"), _("Field"), _("Before"), _("After")]
        print_table(labels, rows, timezone=zone, numbers=[False] * len(labels))
    if len(found) > _SHOWN and not caught():
        say(_("… and {count} more").format(count=len(found) - _SHOWN))
    said = ngettext("{count} customer changes", "{count} customers change", len(found))
    say(said.format(count=len(found)))


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise DecisionNeeded(_("nothing was changed, since nobody said yes; --yes does it without asking"))
    question = ngettext("Change {count} customer?", "Change {count} customers?", count).format(count=count)
    if not click.confirm(question, err=True, default=False):
        raise click.Abort
