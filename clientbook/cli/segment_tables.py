"""Commands about segments that compare: diff, profile, overlap, backtest."""

from __future__ import annotations

import re
import zoneinfo
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.catching import Shown, caught
from clientbook.cli.common import clean, moment_options, open_book, read_moment, read_time
from clientbook.cli.diagnostics import say, warn
from clientbook.cli.exporting import table_export
from clientbook.cli.listing import param_option
from clientbook.cli.output import print_json, print_pairs, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import N_, _, ngettext
from clientbook.query.labels import event_label
from clientbook.query.text import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientbook.segments.backtest import Backtest, Group, Month
    from clientbook.segments.changes import Changes
    from clientbook.segments.overlap import Overlap
    from clientbook.segments.profile import Level, Profile, Variable

_CAUSES: Final = {
    "event": N_("events of their own"),
    "time": N_("time passed"),
    "rule": N_("the rule was changed"),
    "others": N_("what others did"),
}
FEWEST: Final = 30
"""Of fewer no share is shown."""
_SHOWN_PAIRS: Final = 15
_SHOWN_LEVELS: Final = 4
_SHOWN_VARIABLES: Final = 20


@click.command("diff")
@click.argument("segment", metavar="ID")
@click.option(
    "--from", "first", metavar="T", required=True, help=_("The earlier instant: a date (its end), or a date and time.")
)
@click.option("--to", "last", metavar="T", help=_("The later one; now by default."))
@click.option(
    "--rule",
    "rule_of",
    type=click.Choice(("day", "now")),
    default="day",
    show_default=True,
    help=_("Ask each instant by the rule of its day, or both by the rule of now."),
)
@param_option
@click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many of each."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def diff_command(
    ctx: click.Context,
    segment: str,
    first: str,
    last: str | None,
    rule_of: str,
    params: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """Tell who entered a segment and who left it, and because of what."""
    from clientbook.segments.changes import changes

    book = open_book(ctx)
    zone = zoneinfo.ZoneInfo(book.settings.timezone)
    found = changes(
        book,
        clean(segment),
        read_time(first, zone, end_of_day=True),
        read_time(last, zone, end_of_day=True) if last else None,
        given=given(params),
        rule_of=rule_of,  # type: ignore[arg-type]  # a choice
    )
    if as_json:
        print_json(found.described(limit))
    else:
        _print_changes(found, limit, book.settings.timezone)


@click.command("profile")
@click.argument("segment", metavar="ID")
@click.option("--all", "is_all", is_flag=True, help=_("Everything that was compared."))
@param_option
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@moment_options
@table_export
@click.pass_context
def profile_command(
    ctx: click.Context,
    segment: str,
    is_all: bool,
    params: tuple[str, ...],
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Tell what sets the members of a segment apart from everybody else."""
    from clientbook.segments.catalogue import Catalogue
    from clientbook.segments.profile import profile

    book = open_book(ctx)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        made = profile(reading, Catalogue(reading).one(clean(segment), given(params)))
    if as_json:
        print_json(made.described())
    else:
        _print_profile(made, is_all=is_all)


@click.command("overlap")
@click.argument("segments", metavar="[ID]...", nargs=-1)
@param_option
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@moment_options
@table_export
@click.pass_context
def overlap_command(
    ctx: click.Context,
    segments: tuple[str, ...],
    params: tuple[str, ...],
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Tell how many customers segments share; without names, which of all share most."""
    from clientbook.segments.catalogue import Catalogue
    from clientbook.segments.overlap import overlap

    book = open_book(ctx)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        catalogue = Catalogue(reading)
        values = given(params)
        if segments:
            chosen = [one for one in catalogue.all(values) if one.id in {catalogue.full_id(clean(id)) for id in segments}]
            for one in chosen:
                assert one.sound
        else:
            chosen = catalogue.all(values)
        found = overlap(reading, chosen)
    if as_json:
        _print_overlap_json(found)
    else:
        _print_overlap(found, is_chosen=bool(segments))


@click.command("backtest")
@click.argument("segment", metavar="ID")
@click.option("--months", type=click.IntRange(min=1, max=120), default=12, show_default=True, help=_("Months looked back."))
@click.option("--horizon", default="90d", show_default=True, metavar="90d", help=_("Days looked ahead of each month's end."))
@param_option
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@moment_options
@table_export
@click.pass_context
def backtest_command(
    ctx: click.Context,
    segment: str,
    months: int,
    horizon: str,
    params: tuple[str, ...],
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Ask the rule of past months, and what its members bought afterwards."""
    from clientbook.segments.backtest import backtest
    from clientbook.segments.catalogue import Catalogue

    days = re.fullmatch(r"([1-9]\d{0,3})d?", horizon, re.ASCII)
    if days is None:
        raise WrongUse(_("{text!r} is no number of days; write 90d").format(text=horizon))
    book = open_book(ctx)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        listed = Catalogue(reading).one(clean(segment), given(params))
        found = backtest(reading, listed, months=months, horizon_days=int(days[1]))
    if as_json:
        print_json(found.described())
    else:
        _print_backtest(found, book.settings.currency)


def given(params: tuple[str, ...]) -> Mapping[str, str]:
    """What `--param` says, by name."""
    from clientbook.query.parameters import given_params

    return given_params(map(clean, params))


def _print_changes(found: Changes, limit: int | None, timezone: str) -> None:
    pairs: list[tuple[str, Any]] = [
        (_("Segment"), f"{found.label} ({found.id})"),
        (_("From"), found.first),
        (_("To"), found.last),
        (_("Members before"), found.before),
        (_("Members after"), found.after),
    ]
    if found.rules[0] != found.rules[1]:
        pairs += [(_("Rule before"), found.rules[0] or _("none")), (_("Rule after"), found.rules[1] or _("none"))]
    print_pairs(pairs, timezone=timezone)
    for title, entered in ((_("Entered"), True), (_("Left"), False)):
        chosen = [one for one in found.changes if one.entered is entered]
        by_cause = found.counts()["entered" if entered else "left"]
        told = ", ".join(f"{_(_CAUSES[cause])}: {count}" for cause, count in by_cause.items())
        heading = f"{title}: {len(chosen)}{f' ({told})' if told else ''}"
        rows = [
            {
                "id": one.customer_id,
                "name": one.name,
                "cause": _(_CAUSES[one.cause]),
                "events": ", ".join(f"{event_label(event['type'])} {event['position']}" for event in one.events),
            }
            for one in chosen[:limit]
        ]
        if rows:
            labels = [_("Id"), _("Name"), _("Because"), _("Events")]
            shown = title if caught() else heading
            print_table(labels, rows, timezone=timezone, numbers=[False] * 4, title=shown)
        else:
            click.echo(f"\n{heading}")


def _print_profile(made: Profile, *, is_all: bool) -> None:
    said = _("{label} ({id}): {members} customers beside {rest} others")
    click.echo(harmless(said.format(label=made.label, id=made.segment, members=f"{made.members:,}", rest=f"{made.rest:,}")))
    if made.note == "too_few":
        warn(_("With fewer than 30 customers in the segment, or out of it, chance says more than a profile could."))
        return
    differing = sum(one.differs for one in made.variables)
    said = _("{tests} variables compared, {differing} differ (Benjamini-Hochberg, q = 0.05)")
    click.echo(said.format(tests=made.tests, differing=differing) + "\n")
    chosen = [one for one in made.variables if one.differs or is_all]
    shown = chosen if is_all else [one for one in chosen if not one.in_rule][:_SHOWN_VARIABLES]
    rows = [row for one in shown for row in _profile_rows(one)]
    labels = [_("Variable"), _("Value"), _("Segment"), _("Others"), _("Index"), _("Strength"), _("q"), ""]
    numbers = [False, False, True, True, True, True, True, False]
    print_table(labels, rows, timezone="UTC", numbers=numbers)
    click.echo("\n" + _("Index: the share in the segment for 100 elsewhere. Strength: from 0 (no difference) to 1."))
    if len(shown) < len(chosen):
        said = _("{count} more differ, or are part of the rule; --all shows them")
        click.echo(said.format(count=len(chosen) - len(shown)))
    if any(one.in_rule for one in shown):
        click.echo(_("* part of the segment's rule, so it differs by definition"))


def _profile_rows(one: Variable) -> list[dict[str, str]]:
    ending = {
        "strength": f"{one.result.strength:+.2f}"
        if one.kind == "number" and not one.levels
        else f"{one.result.strength:.2f}",
        "q": "<0.001" if one.q < 0.001 else f"{one.q:.3f}",
        "mark": "*" if one.in_rule else "",
    }
    if not one.levels:
        values = {"segment": _number(one.median), "others": _number(one.median_of_rest), "index": ""}
        return [{"variable": one.label, "value": _("median"), **values, **ending}]
    chosen = (one.telling() or list(one.levels))[: 1 if one.kind == "list" or len(one.levels) == 2 else _SHOWN_LEVELS]
    rows = []
    for place, level in enumerate(chosen):
        name = {"variable": one.label if place == 0 else "", "value": _value(level)}
        shares = {"segment": f"{level.share:.1%}", "others": f"{level.share_of_rest:.1%}"}
        index = {"index": "" if level.index is None else f"{level.index:,.0f}"}
        rows.append({**name, **shares, **index, **(ending if place == 0 else dict.fromkeys(ending, ""))})
    return rows


def _value(level: Level) -> str:
    return {"∅": _("not known"), "…": _("all others")}.get(level.value, level.value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")


def _print_overlap_json(found: Overlap) -> None:
    print_json(
        {
            "segments": list(found.segments),
            "customers": found.total,
            "pairs": [pair.described() for pair in found.pairs],
            "exclusive_groups": [
                {"group": one.group, "segments": list(one.segments), "in_several": one.in_several} for one in found.exclusive
            ],
        }
    )


def _print_overlap(found: Overlap, *, is_chosen: bool) -> None:
    if is_chosen:
        pairs = list(found.pairs)
    else:
        shared = [pair for pair in found.pairs if pair.both]
        pairs = sorted(shared, key=lambda pair: (-(pair.jaccard or 0), -pair.both))[:_SHOWN_PAIRS]
    rows = [
        {
            "first": pair.first,
            "second": pair.second,
            "first_count": _count(pair.first_count),
            "second_count": _count(pair.second_count),
            "both": _count(pair.both),
            "of_first": _share(pair.both, pair.first_count),
            "of_second": _share(pair.both, pair.second_count),
            "jaccard": None if pair.jaccard is None else Shown(pair.jaccard, f"{pair.jaccard:.2f}"),
        }
        for pair in pairs
    ]
    labels = [_("First"), _("Second"), _("In the first"), _("In the second"), _("In both")]
    labels += [_("Of the first"), _("Of the second"), _("Jaccard")]
    print_table(labels, rows, timezone="UTC", numbers=[False, False, *[True] * 6])
    for one in found.exclusive:
        if one.in_several:
            said = ngettext(
                "{group}: {count} customer is in several of these, which should share nobody: {segments}",
                "{group}: {count} customers are in several of these, which should share nobody: {segments}",
                one.in_several,
            )
            warn(said.format(group=one.group, count=one.in_several, segments=", ".join(one.segments)))
        elif not is_chosen:
            say(_("{group}: nobody is in two of its {count} segments").format(group=one.group, count=len(one.segments)))


def _print_backtest(found: Backtest, currency: str) -> None:
    said = _("{label} ({id}): who ordered within {days} days of each month's end")
    click.echo(harmless(said.format(label=found.label, id=found.segment, days=found.horizon_days)) + "\n")
    rows = [_backtest_row(month, month.day.isoformat() if month.day else "") for month in found.months]
    if any(not month.is_partial for month in found.months):
        rows.append(_backtest_row(found.total, _("together")))
    labels = [_("End of"), _("Members"), _("Ordered"), _("95 %"), _("Others"), _("Ordered"), _("Lift"), _("95 %")]
    labels += [_("{currency} a member").format(currency=currency), _("{currency} another").format(currency=currency), ""]
    print_table(labels, rows, timezone="UTC", numbers=[False, *[True] * 9, False])
    if any(month.is_partial for month in found.months):
        click.echo("\n" + _("partial: the days after it are not over; together counts whole months only"))


def _backtest_row(month: Month, name: str) -> dict[str, Any]:
    members, others = month.members, month.others
    is_telling = min(members.n, others.n) >= FEWEST
    interval = members.interval if members.n >= FEWEST else None
    lift_interval = month.lift_interval if is_telling else None
    return {
        "day": name,
        "members": _count(members.n),
        "share": _rate(members),
        "interval": "" if interval is None else "{:.1%}-{:.1%}".format(*interval),
        "others": _count(others.n),
        "others_share": _rate(others),
        "lift": f"{month.lift:.2f}" if month.lift is not None and is_telling else "",
        "lift_interval": "" if lift_interval is None else "{:.2f}-{:.2f}".format(*lift_interval),
        "revenue": f"{members.revenue / members.n:,.2f}" if members.n else "",
        "others_revenue": f"{others.revenue / others.n:,.2f}" if others.n else "",
        "partial": _("partial") if month.is_partial else "",
    }


def _rate(group: Group) -> str:
    """The share who ordered; of a few the bare numbers."""
    if group.n < FEWEST:
        return _("{count} of {total}").format(count=group.ordered, total=group.n) if group.n else ""
    return _percent(group.ordered, group.n)


def _count(number: int) -> Shown:
    return Shown(number, f"{number:,}")


def _share(part: int, whole: int) -> Shown | None:
    return Shown(part / whole, _percent(part, whole)) if whole else None


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
