"""Where a table goes: the exporter that is meant, and the bytes it writes."""

from __future__ import annotations

import io

import pyarrow as pa

from clientbook.errors import ClientbookError, WrongUse
from clientbook.hooks.declarations import Exporter
from clientbook.hooks.discovery import CORE
from clientbook.hooks.manager import Plugins
from clientbook.i18n import _
from clientbook.query.expressions.names import nearest


class ExportFailed(ClientbookError):
    """An exporter failed; the message names the plugin. Nothing was written."""


class SeveralExporters(ClientbookError):
    """Several write files with this suffix, and somebody has to choose."""

    exit_code = 4


def destination(plugins: Plugins, name: str) -> Exporter:
    """The exporter of this id; the program's own go by their short names too.

    Raises:
        WrongUse: there is none.
    """
    found = plugins.exporters.get(name) or plugins.exporters.get(f"{CORE}.{name}")
    if found is not None:
        return found
    names = [id.removeprefix(f"{CORE}.") for id in plugins.exporters]
    said = _("there is no destination {name!r}{hint}; there are: {names}")
    raise WrongUse(said.format(name=name, hint=nearest(name, names), names=", ".join(names) or _("none")))


def exporter_for(plugins: Plugins, suffix: str) -> Exporter:
    """What writes any table to a file with this suffix; of the program's own the one whose files people open.

    Raises:
        WrongUse: nothing does.
        SeveralExporters: plugins do.
    """
    found = [one for one in plugins.exporters.values() if suffix.lower() in one.suffixes and one.takes == "table"]
    if not found:
        known = sorted({one for each in plugins.exporters.values() if each.takes == "table" for one in each.suffixes})
        said = _("nothing writes files with the suffix {suffix!r}; there is: {known}")
        raise WrongUse(said.format(suffix=suffix, known=", ".join(known) or _("none")))
    if all(one.id.startswith(f"{CORE}.") for one in found):
        return next((one for one in found if one.for_people), found[0])
    if len(found) > 1:
        listed = "; ".join(f"{one.id} ({_(one.label)})" for one in found)
        said = _("several exporters write such files: {listed}. Choose one with --exporter ID")
        raise SeveralExporters(said.format(listed=listed))
    return found[0]


def written(plugins: Plugins, exporter: Exporter, table: pa.Table) -> bytes:
    """The file with this table.

    Raises:
        WrongUse: the exporter cannot take the table.
        ExportFailed: it failed.
    """
    names = table.schema.names
    if exporter.takes == "audience" and "legal_basis" not in names:
        said = _("{name} takes an audience, not any table: `clientbook export {name} --segment …`")
        raise WrongUse(said.format(name=exporter.id.removeprefix(f"{CORE}.")))
    if exporter.needs and not set(exporter.needs) & set(names):
        said = _("{label} needs one of these columns: {columns}")
        raise WrongUse(said.format(label=_(exporter.label), columns=", ".join(exporter.needs)))
    if exporter.most_rows is not None and len(table) > exporter.most_rows:
        said = _("{label} holds {most:,} rows at most; these are {count:,}")
        raise WrongUse(said.format(label=_(exporter.label), most=exporter.most_rows, count=len(table)))
    buffer = io.BytesIO()
    _nothing, fault = plugins.call(exporter.id, exporter.write, table, buffer)
    if fault is not None:
        raise ExportFailed(_("{fault}; nothing was written").format(fault=fault))
    return buffer.getvalue()
