"""Commands about reports: `reports` lists them, `report` prints one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import clean, format_options, moment_options, open_book, read_moment
from clientbook.cli.diagnostics import say
from clientbook.cli.exporting import export_options, table_export
from clientbook.cli.listing import Output, print_result
from clientbook.cli.output import print_json, print_table
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    from clientbook.hooks.declarations import Report, Value


class ReportFailed(ClientbookError):
    """A report could not be made; the message names the plugin."""


@click.command("reports")
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def reports_command(ctx: click.Context, as_json: bool) -> None:
    """List the reports that plugins bring."""
    book = open_book(ctx)
    listed = [
        {"id": one.id, "label": _(one.label), "description": _(one.description) if one.description else ""}
        for one in book.plugins.reports.values()
    ]
    if as_json:
        print_json(listed)
    elif listed or caught():
        labels = [_("Id"), _("Report"), _("What it tells")]
        print_table(labels, listed, timezone="UTC", numbers=[False] * len(labels))
    else:
        say(_("there is no report; plugins bring them"))


@click.command("report")
@click.argument("name", metavar="ID")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help=_("Set a parameter of the report."))
@export_options
@format_options
@moment_options
@click.pass_context
def report_command(
    ctx: click.Context,
    name: str,
    params: tuple[str, ...],
    export_path: Path | None,
    exporter: str | None,
    format_: str | None,
    as_json: bool,
    as_of: str | None,
    known_at: str | None,
) -> None:
    """Print the report ID; `clientbook reports` lists them."""
    import pyarrow as pa

    from clientbook.query.labels import column_label

    book = open_book(ctx)
    output = Output.chosen(format_, as_json, export_path, exporter)
    report = _report(book.plugins.reports, clean(name))
    values = _values(report, params)
    with book.reading(read_moment(book, as_of, known_at)) as reading:
        table, fault = book.plugins.call(report.id, report.compute, reading.context(values, owner=report.id))
    if fault is not None:
        raise ReportFailed(fault)
    if not isinstance(table, pa.Table):
        said = _("report {name}: expected an Arrow table, found {kind}")
        raise ReportFailed(said.format(name=report.id, kind=type(table).__name__))
    labels = report.columns
    print_result(
        book,
        table,
        output,
        label=lambda column: _(labels[column]) if column in labels else column_label(column),
    )


def _report(reports: Any, name: str) -> Report:
    if name in reports:
        found: Report = reports[name]
        return found
    listed = ", ".join(reports) or _("none")
    raise WrongUse(_("there is no report {name!r}; there are: {names}").format(name=name, names=listed))


def _values(report: Report, given: tuple[str, ...]) -> dict[str, Value]:
    from clientbook.hooks.checks import value_of

    declared = {param.name: param for param in report.params}
    values: dict[str, Value] = {param.name: param.default for param in report.params}
    for one in given:
        name, equals, text = clean(one).partition("=")
        if not equals or name not in declared:
            listed = ", ".join(declared) or _("none")
            said = _("--param {given}: write NAME=VALUE; the parameters are: {names}")
            raise WrongUse(said.format(given=one, names=listed))
        values[name] = value_of(declared[name], text)
    return values
