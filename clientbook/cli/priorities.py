"""`clientbook priorities`: what to do first."""

from __future__ import annotations

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import moment_options, open_book, read_moment, reckonable, say_stale
from clientbook.cli.diagnostics import say
from clientbook.cli.exporting import table_export
from clientbook.i18n import _

_COLUMNS = ("id", "kind", "said", "value", "low", "high", "n", "stake", "share_of_revenue", "drill")


@click.command("priorities")
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@moment_options
@table_export
@click.pass_context
def priorities_command(ctx: click.Context, as_json: bool, as_of: str | None, known_at: str | None) -> None:
    """Strengths, weak points and breaking points, those with the most revenue at stake first."""
    from clientbook.cli.output import print_json, print_table
    from clientbook.measuring.priorities import FEW_CUSTOMERS, percent, priorities
    from clientbook.measuring.staleness import stale_since

    book = open_book(ctx)
    currency = book.settings.currency
    with book.reading(reckonable(read_moment(book, as_of, known_at))) as reading:
        found = priorities(reading)
        buyers = reading.engine.value("select count(*) from customers where order_count > 0")
        at, stale = reading.at, stale_since(reading)
    if as_json:
        print_json(
            {
                "as_of": at,
                "currency": currency,
                "customers": buyers,
                "note": "indicative" if buyers < FEW_CUSTOMERS else "",
                "priorities": [one.described() for one in found],
            }
        )
        return
    if caught():
        rows = [one.described() for one in found]
        print_table(_COLUMNS, rows, timezone=book.settings.timezone, numbers=[False] * len(_COLUMNS))
        return
    moment = "".join(f" {name} {value}" for name, value in (("--as-of", as_of), ("--known-at", known_at)) if value)
    kinds = {"strength": _("Strengths"), "weak_point": _("Weak points"), "breaking_point": _("Breaking points")}
    for kind in ("breaking_point", "weak_point", "strength"):
        chosen = [one for one in found if one.kind == kind]
        if not chosen:
            continue
        click.echo(f"\n{kinds[kind]}")
        for one in chosen:
            click.echo(f"  {one.said}")
            said = _("    {stake} at stake, {share} of the revenue of 12 months")
            line = said.format(stake=f"{one.stake:,.0f} {currency}", share=percent(one.share_of_revenue or 0))
            if one.low is not None and one.high is not None:
                between = _("; 19 times in 20 between {low} and {high}, based on {count}")
                line += between.format(low=percent(one.low), high=percent(one.high), count=f"{one.n:,}")
            click.echo(line)
            if one.drill:
                click.echo(f'    clientbook customers --where "{one.drill}"{moment}')
    say_stale(stale)
    if not found:
        click.echo(_("nothing stands out, or the book holds too little to tell"))
    if buyers < FEW_CUSTOMERS:
        said = _("this is drawn from {count} customers who ordered: what it says is a hint, no truth")
        say(said.format(count=buyers))
