"""`clientbook metrics`: the figures of the book, with how sure they are."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import (
    chosen_format,
    format_options,
    moment_options,
    open_book,
    read_moment,
    reckonable,
    say_stale,
)
from clientbook.cli.diagnostics import say
from clientbook.cli.exporting import table_export
from clientbook.errors import WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clientbook.hooks.declarations import Metric
    from clientbook.measuring.figures import Figure


@click.command("metrics")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--group", "groups", multiple=True, metavar="G", help=_("A group of figures, such as loyalty."))
@click.option("--by", metavar="WHAT", help=_("By month, by the values of a column, or by segment:NAME."))
@click.option("--months", type=click.IntRange(1, 120), default=12, show_default=True, help=_("With --by month: how many."))
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help=_("Set a parameter of the figures."))
@click.option("--explain", is_flag=True, help=_("Say how the figures are made, without computing them."))
@format_options
@moment_options
@table_export
@click.pass_context
def metrics_command(
    ctx: click.Context,
    ids: tuple[str, ...],
    groups: tuple[str, ...],
    by: str | None,
    months: int,
    params: tuple[str, ...],
    explain: bool,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Figures about the customers, with their intervals: all of them, or those of IDs and groups."""
    from clientbook.measuring import asking
    from clientbook.measuring import params as parameters
    from clientbook.measuring.dividing import by_column
    from clientbook.measuring.running import Run
    from clientbook.measuring.staleness import stale_since
    from clientbook.measuring.trend import by_month

    book = open_book(ctx)
    format = chosen_format(format_, as_json)
    metrics = asking.chosen(book.plugins.metrics, ids, groups, headlines=by is not None)
    if explain:
        _explain(metrics, format, book.today())
        return
    given = parameters.chosen(metrics, _pairs(params))
    with book.reading(reckonable(read_moment(book, as_of, known_at))) as reading:
        if by is None:
            run = Run.of(reading)
            figures, failures = run.figures(metrics, given), run.failures
        elif by == "month":
            figures, failures = by_month(reading, metrics, given, months=months)
        else:
            figures, failures = by_column(reading, metrics, by, given)
        stale = stale_since(reading)
        trait = reading.traits.by_column.get(by or "")
        labels = dict(trait.values) if trait else {}
    if format == "table" and caught() is None:
        _print_figures(
            figures,
            book.settings.currency,
            by=by,
            timezone=book.settings.timezone,
            detailed=bool(ids or groups),
            labels=labels,
        )
    else:
        _print_rows(figures, format, book.settings.timezone)
    for message in failures.values():
        say(message)
    say_stale(stale)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in params:
        name, is_there, value = text.partition("=")
        if not is_there:
            raise WrongUse(_("{text!r} is no parameter; write NAME=VALUE").format(text=text))
        pairs[name.strip()] = value.strip()
    return pairs


def _print_rows(figures: Sequence[Figure], format: str, timezone: str) -> None:
    from clientbook.cli.output import print_json, print_rows

    rows = [figure.described() for figure in figures]
    if format == "json":
        print_json(rows)
        return
    import pyarrow as pa

    for row in rows:
        value = row["value"]
        row["value"] = float(value) if value is not None and not isinstance(value, str) else None
    names = ("id", "label", "part", "by", "value", "unit", "low", "high", "method", "n", "note", "as_of")
    numbers = {"value": pa.float64(), "low": pa.float64(), "high": pa.float64(), "n": pa.int64()}
    schema = pa.schema([(name, numbers.get(name, pa.string())) for name in names if name != "as_of"])
    schema = schema.append(pa.field("as_of", pa.timestamp("us", "UTC")))
    print_rows(pa.Table.from_pylist(rows, schema), format, timezone=timezone)


def _print_figures(
    figures: Sequence[Figure], currency: str, *, by: str | None, timezone: str, detailed: bool, labels: Mapping[str, str]
) -> None:
    """Print the figures in their groups; those in many parts only where they were asked for."""
    import zoneinfo
    from itertools import groupby

    from clientbook.measuring.words import group_label

    for group, members in groupby(figures, key=lambda figure: figure.group) if by is None else ():
        inside = list(members)
        listed = [figure for figure in inside if figure.layout != "matrix"]
        if listed:
            click.echo(f"\n{group_label(group)}")
            _print_list(_without_many(listed, detailed), currency)
        for matrix in sorted({figure.id for figure in inside if figure.layout == "matrix"}):
            chosen = [figure for figure in inside if figure.id == matrix]
            click.echo(f"\n{chosen[0].label}")
            if detailed:
                _print_matrix(chosen, currency)
            else:
                click.echo(_("`clientbook metrics {id}` shows it").format(id=matrix))
    if by is None:
        return
    zone = zoneinfo.ZoneInfo(timezone)
    names: dict[tuple[str, str | None], Figure] = {}
    for figure in figures:
        names.setdefault((figure.id, figure.part), figure)
    for (id, part), first in names.items():
        click.echo(f"\n{_named(first)}")
        same = [figure for figure in figures if (figure.id, figure.part) == (id, part)]
        _print_divided(same, currency, [_divided_label(figure, by, zone, labels) for figure in same])


def _divided_label(figure: Figure, by: str, zone: Any, labels: Mapping[str, str]) -> str:
    from clientbook.measuring.dividing import value_label

    return f"{figure.as_of.astimezone(zone):%Y-%m-%d}" if by == "month" else value_label(figure.by, labels)


def _named(figure: Figure) -> str:
    return _with_part(figure) if figure.part_label else figure.label


_MANY = 12
"""Parts of one figure that are shown where nobody asked for it."""


def _without_many(figures: Sequence[Figure], detailed: bool) -> list[Figure]:
    if detailed:
        return list(figures)
    counts: dict[str, int] = {}
    kept = []
    for figure in figures:
        counts[figure.id] = counts.get(figure.id, 0) + 1
        if counts[figure.id] <= _MANY:
            kept.append(figure)
    return kept


def _print_list(figures: Sequence[Figure], currency: str) -> None:
    labels = []
    before = ""
    for figure in figures:
        name = _named(figure)
        if figure.part_label and figure.id == before:
            name = f"  {figure.part_label}"
        elif figure.part_label and sum(one.id == figure.id for one in figures) > 1:
            name = _with_part(figure)
        labels.append(name)
        before = figure.id
    _print_divided(figures, currency, labels)


def _print_divided(figures: Sequence[Figure], currency: str, labels: Sequence[str]) -> None:
    from clientbook.cli.output import print_table
    from clientbook.measuring.words import interval_words, note_words, value_words

    rows = [
        {
            "label": label,
            "value": value_words(figure, currency),
            "interval": interval_words(figure, currency),
            "n": f"{figure.n:,}",
            "note": note_words(figure),
        }
        for label, figure in zip(labels, figures, strict=True)
    ]
    heads = (_("Figure"), _("Value"), _("19 times in 20 between"), _("Based on"), _("Mind"))
    print_table(heads, rows, timezone="UTC", numbers=(False, True, True, True, False))


def _print_matrix(figures: Sequence[Figure], currency: str) -> None:
    from clientbook.cli.output import print_table
    from clientbook.measuring.words import shown

    cells = {tuple((figure.part or "/").split("/")): figure for figure in figures}
    rows_of = sorted({row for row, _column in cells})
    columns = sorted({column for _row, column in cells}, key=lambda text: (len(text), text))
    rows = []
    for row in rows_of:
        line: dict[str, str] = {"row": row, "n": f"{max(cells[key].n for key in cells if key[0] == row):,}"}
        for column in columns:
            figure = cells.get((row, column))
            if figure is None:
                text = ""
            elif figure.value is None:
                text = "·"
            else:
                text = shown(figure.value, figure.unit, figure.format, currency, bare=True)
                text += "*" if "partial" in figure.notes else ""
            line[column] = text
        rows.append(line)
    print_table(
        (_("First order"), _("Customers"), *(f"+{column}" for column in columns)),
        rows,
        timezone="UTC",
        numbers=(False, True, *(True for _column in columns)),
    )
    click.echo(_("in percent; · too few to tell, * month not over"))


def _with_part(figure: Figure) -> str:
    return _("{label}: {part}").format(label=figure.label, part=figure.part_label)


def _explain(metrics: Sequence[Metric], format: str, day: date) -> None:
    from clientbook.cli.output import print_json
    from clientbook.measuring import params as parameters
    from clientbook.measuring.words import group_label, method_words

    if format == "json":
        print_json([_explained(metric) for metric in metrics])
        return
    if format != "table":
        raise WrongUse(_("the explanations print as text or as JSON"))
    group = None
    for metric in metrics:
        if metric.group != group:
            click.echo(f"\n{group_label(metric.group)}".upper())
            group = metric.group
        click.echo(f"\n{metric.id}: {_label_with_defaults(metric)}")
        click.echo(f"  {_(metric.description)}")
        said = _("  interval: {method}; told from {minimum} on, indicative below {indicative}")
        click.echo(said.format(method=method_words(metric.interval), minimum=metric.minimum, indicative=metric.indicative))
        for param in metric.params:
            click.echo(f"  --param {param.name}={param.default}  {_(param.label)}")
        if filter := parameters.drill_of(metric, parameters.of(metric, {}), day, None):
            click.echo(_('  who: clientbook customers --where "{filter}"').format(filter=filter))


def _label_with_defaults(metric: Metric) -> str:
    from clientbook.measuring import params as parameters

    return parameters.label_of(metric, parameters.of(metric, {}))


def _explained(metric: Metric) -> dict[str, Any]:
    return {
        "id": metric.id,
        "label": _label_with_defaults(metric),
        "group": metric.group,
        "description": _(metric.description),
        "unit": metric.unit,
        "interval": metric.interval,
        "minimum": metric.minimum,
        "indicative": metric.indicative,
        "better": metric.better,
        "drill": metric.drill,
        "params": [
            {
                "name": param.name,
                "label": _(param.label),
                "default": param.default,
                "minimum": param.minimum,
                "maximum": param.maximum,
                "choices": list(param.choices),
            }
            for param in metric.params
        ],
    }
