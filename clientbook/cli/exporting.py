"""Tables written to files by exporters, as they are shown: `--export FILE` and `--exporter ID`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clientbook.cli.diagnostics import DecisionNeeded, say
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
        "--export", "export_path", type=click.Path(path_type=Path), metavar="FILE", help=_("Write them to a file.")
    )
    return path(chosen(command))


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
