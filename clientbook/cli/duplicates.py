"""The command `duplicates`: entries that are probably one person, and merging them one by one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import Shown, caught
from clientbook.cli.common import open_book
from clientbook.cli.diagnostics import DecisionNeeded, say
from clientbook.cli.exporting import table_export
from clientbook.cli.output import print_json, print_pairs, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.query.duplicates import Pair

_COMPARED = (
    "civility",
    "given_name",
    "family_name",
    "legal_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "postal_code",
    "city",
    "external_id",
    "order_count",
    "registered_at",
)


@click.command("duplicates")
@click.option(
    "--min-score",
    type=click.FloatRange(min=0, max=1),
    default=0.9,
    show_default=True,
    help=_("Only pairs at least so probably one person."),
)
@click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many pairs, the surest first."))
@click.option("--merge", is_flag=True, help=_("Show each pair and ask whether it is one person."))
@click.option("--yes", is_flag=True, help=_("With --merge: merge all of them without asking."))
@click.option("--by", metavar="SELLER", help=_("Who did it."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def duplicates_command(
    ctx: click.Context, min_score: float, limit: int | None, merge: bool, yes: bool, by: str | None, as_json: bool
) -> None:
    """List entries that are probably one person, with what speaks for it and against it.

    Nothing is merged unless you say so. Pairs that were unmerged, or that you said are two people, are not shown again.
    """
    if yes and not merge:
        raise WrongUse(_("--yes goes with --merge"))
    if merge and as_json:
        raise WrongUse(_("--merge asks; it goes without --json"))
    book = open_book(ctx)
    pairs = book.duplicates(min_score=min_score, limit=limit)
    if merge:
        if not yes and not sys.stdin.isatty():
            raise DecisionNeeded(_("nothing was merged, since nobody can be asked; --merge --yes merges without asking"))
        _merge(book, pairs, yes=yes, by=by)
        return
    if as_json:
        print_json([_described(pair) for pair in pairs])
        return
    _print(book, pairs)


def _described(pair: Pair) -> dict[str, Any]:
    return {
        "group": pair.group,
        "score": pair.score,
        "customer_ids": [pair.a, pair.b],
        "reasons": list(pair.reasons),
        "against": list(pair.against),
    }


def _print(book: Book, pairs: Sequence[Pair]) -> None:
    from clientbook.query.duplicates import told

    names = book.names({id for pair in pairs for id in (pair.a, pair.b)})
    shown = [
        {
            "group": pair.group,
            "score": Shown(pair.score, f"{pair.score:.3f}"),
            "a": Shown(pair.a, pair.a[:8]),
            "name_a": names.get(pair.a, ""),
            "b": Shown(pair.b, pair.b[:8]),
            "name_b": names.get(pair.b, ""),
            "reasons": told(pair.reasons, _),
            "against": told(pair.against, _),
        }
        for pair in pairs
    ]
    labels = [_("Group"), _("Score"), _("Id"), _("Name"), _("Id"), _("Name"), _("For"), _("Against")]
    if shown or caught():
        print_table(labels, shown, timezone=book.settings.timezone, numbers=[place < 2 for place in range(len(labels))])
    groups = max((pair.group for pair in pairs), default=0)
    said = ngettext("{count} pair in {groups} groups", "{count} pairs in {groups} groups", len(pairs))
    say(said.format(count=len(pairs), groups=groups))


def _merge(book: Book, pairs: Sequence[Pair], *, yes: bool, by: str | None) -> None:
    """Merge each pair that somebody agrees to; `n` is remembered, `s` is not."""
    merged = apart = 0
    for place, pair in enumerate(pairs, 1):
        answer = "y" if yes else _asked(book, pair, place, len(pairs))
        if answer == "q":
            break
        if answer == "y":
            merged += book.merge_pair(pair.a, pair.b, reason=f"duplicates {pair.score:.3f}", actor=by)
        elif answer == "n":
            apart += book.tell_apart(pair.a, pair.b, actor=by)
    say(_("merged: {merged}; said to be two: {apart}").format(merged=merged, apart=apart))
    if merged:
        say(_("undo one with: clientbook unmerge ID; `clientbook events --type customers_merged` lists them"))


def _asked(book: Book, pair: Pair, place: int, count: int) -> str:
    from clientbook.query.duplicates import told
    from clientbook.query.labels import column_label
    from clientbook.query.text import display

    zone = book.settings.timezone
    first, second = book.profiles([pair.a, pair.b])
    click.echo(f"\n{place}/{count}  {pair.score:.3f}  {told(pair.reasons, _)}")
    if pair.against:
        click.echo(_("but: {against}").format(against=told(pair.against, _)))
    rows = [(name, display(first.get(name), zone), display(second.get(name), zone)) for name in _COMPARED]
    rows = [(name, one, other) for name, one, other in rows if one or other]
    width = max(len(one) for _name, one, _other in rows)
    print_pairs([(column_label(name), f"{one:<{width}}  {other}") for name, one, other in rows], timezone=zone)
    choice = click.Choice(("y", "n", "s", "q"))
    text = _("One person? (y: merge, n: two people, s: later, q: stop)")
    answer: str = click.prompt(text, type=choice, default="s", show_choices=False, err=True)
    return answer
