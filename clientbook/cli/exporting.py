"""Tables written to files by exporters, as they are shown: `--export FILE` and `--exporter ID`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clientbook.cli.diagnostics import DecisionNeeded, say
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    import pyarrow as pa

    from clientbook.hooks.declarations import Exporter
    from clientbook.hooks.manager import Plugins

F = TypeVar("F", bound=Callable[..., Any])


def export_options(command: F) -> F:
    """`--export` and `--exporter`."""
    chosen = click.option("--exporter", metavar="ID", help=_("What writes the file, where its suffix does not say it."))
    path = click.option(
        "--export",
        "export_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=_("Write what is shown to a file, of the kind that its suffix says."),
    )
    return path(chosen(command))


def table_export(command: F) -> F:
    """`--export` and `--exporter` for a command that prints tables: they go to the file, and nothing to stdout.

    Stands right above `click.pass_context`.
    """

    @functools.wraps(command)
    def run(*args: Any, export_path: Path | None, exporter: str | None, **options: Any) -> Any:
        check_export(export_path, exporter, printed=bool(options.get("format_") or options.get("as_json")))
        if export_path is None:
            return command(*args, **options)
        from clientbook.cli.catching import catching
        from clientbook.cli.common import open_book

        plugins = open_book(click.get_current_context()).plugins
        writer = exporter_for(plugins, export_path, exporter)
        with catching() as kept:
            command(*args, **options)
        table = kept.together()
        if table is None:
            raise WrongUse(_("this makes no table to export; leave --export out"))
        export(plugins, writer, table, export_path)
        return None

    return export_options(run)  # type: ignore[return-value]  # it takes what the command takes, and two options more


def refuse_export() -> None:
    """Stop before something is done that prints no table.

    Raises:
        WrongUse: a table is to go to a file.
    """
    from clientbook.cli.catching import caught

    if caught():
        raise WrongUse(_("this makes no table to export; leave --export out"))


def check_export(path: Path | None, exporter: str | None, *, printed: bool) -> None:
    """Whether the options about a file and about what is printed fit.

    Raises:
        WrongUse: they contradict each other.
    """
    if exporter and not path:
        raise WrongUse(_("--exporter goes with --export FILE"))
    if path and printed:
        raise WrongUse(_("--export writes what the exporter makes; it goes without --format and --json"))


def exporter_for(plugins: Plugins, path: Path, name: str | None) -> Exporter:
    """The exporter with this id, else the one for the file's suffix.

    Raises:
        WrongUse: there is none.
        DecisionNeeded: several write files with this suffix.
    """
    from clientbook.exporting import destinations

    if name is not None:
        return destinations.destination(plugins, name)
    try:
        return destinations.exporter_for(plugins, path.suffix)
    except destinations.SeveralExporters as error:
        raise DecisionNeeded(_("{path}: not written: {error}").format(path=path, error=error)) from None


def export(plugins: Plugins, exporter: Exporter, table: pa.Table, path: Path, *, said: str | None = None) -> None:
    """Write the table, whole or not at all, to a file that only its owner may read; one that is there is replaced.

    Raises:
        WrongUse: the exporter cannot take the table.
        ExportFailed: the exporter failed.
    """
    from clientbook.cli.output import write_private_bytes
    from clientbook.exporting.destinations import ExportFailed, written

    try:
        data = written(plugins, exporter, table)
    except ExportFailed as error:
        raise ExportFailed(f"{path}: {error}") from None
    write_private_bytes(path, data)
    counted = said or ngettext("{count} row written to {path}", "{count} rows written to {path}", len(table))
    say(counted.format(count=len(table), path=path))
