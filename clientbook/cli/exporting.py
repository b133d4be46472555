"""Tables written to files by exporters of plugins."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from clientbook.cli.diagnostics import DecisionNeeded, say
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    import pyarrow as pa

    from clientbook.hooks.declarations import Exporter
    from clientbook.hooks.manager import Plugins


class ExportFailed(ClientbookError):
    """An exporter failed; the message names the plugin. No file was written."""


def exporter_for(plugins: Plugins, path: Path, name: str | None) -> Exporter:
    """The exporter with this id, else the one for the file's suffix.

    Raises:
        WrongUse: there is none.
        DecisionNeeded: several write files with this suffix.
    """
    if name is not None:
        if name in plugins.exporters:
            return plugins.exporters[name]
        listed = ", ".join(plugins.exporters) or _("none")
        raise WrongUse(_("there is no exporter {name!r}; there are: {names}").format(name=name, names=listed))
    found = [one for one in plugins.exporters.values() if path.suffix.lower() in one.suffixes]
    if not found:
        known = sorted({suffix for one in plugins.exporters.values() for suffix in one.suffixes})
        said = _(
            "nothing writes files with the suffix {suffix!r}; there is: {known}. `--format csv > FILE` needs no exporter"
        )
        raise WrongUse(said.format(suffix=path.suffix, known=", ".join(known) or _("none")))
    if len(found) > 1:
        listed = "; ".join(f"{one.id} ({_(one.label)})" for one in found)
        said = _("{path}: not written: several exporters write such files: {listed}. Choose one with --exporter ID")
        raise DecisionNeeded(said.format(path=path, listed=listed))
    return found[0]


def export(plugins: Plugins, exporter: Exporter, table: pa.Table, path: Path) -> None:
    """Write the table, whole or not at all, to a file that only its owner may read; one that is there is replaced.

    Raises:
        ExportFailed: the exporter raised.
    """
    from clientbook.cli.output import write_private_bytes

    buffer = io.BytesIO()
    _nothing, fault = plugins.call(exporter.id, exporter.write, table, buffer)
    if fault is not None:
        raise ExportFailed(_("{path}: {fault}; nothing was written").format(path=path, fault=fault))
    write_private_bytes(path, buffer.getvalue())
    said = ngettext("{count} customer written to {path}", "{count} customers written to {path}", len(table))
    say(said.format(count=len(table), path=path))
