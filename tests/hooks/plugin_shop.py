"""Plugins as distributions that are really installed: a folder on the path with their metadata and their module."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

from installed_command import run_in

import clientbook

HEADER = "from clientbook.api import *\nAPI_VERSION = 1\n"

LOYALTY = '''
import msgspec
from datetime import UTC, datetime

class PointsEarned(Event, frozen=True, kw_only=True):
    """Points were put on a card."""
    natural_key = ("ticket",)
    points: Count
    ticket: Code | None = None

class Settings(msgspec.Struct, frozen=True, kw_only=True):
    rate: int = 3

def identify(head):
    return Match(score=80, reasons=("it has a column Card",)) if "Card" in head.header else None

def extract(source):
    for line, row in source.rows():
        if not row["Points"].isdigit():
            yield Reject(line=line, code="points.format", message="expected a number", column="Points")
            continue
        yield NewEvent(
            type="loyalty.points_earned", line=line, occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
            customer={"loyalty.card": row["Card"]}, data={"points": int(row["Points"]), "ticket": row["Ticket"] or None},
        )

@hookimpl
def plugin_settings():
    return Settings

@hookimpl
def register_event_types():
    return [EventType(event=PointsEarned, label="Points earned", side="reaction")]

@hookimpl
def register_identifiers():
    return [Identifier(
        kind="loyalty.card", label="Loyalty card", normalise=lambda text: text.strip().lstrip("0") or None,
        examples=(("0042", "42"), ("000", None)),
    )]

@hookimpl
def register_importers():
    return [Importer(
        id="loyalty.tickets", label="Loyalty tickets", suffixes=(".csv",), emits=("loyalty.points_earned",),
        source="kiosk", identify=identify, extract=extract,
    )]

@hookimpl
def register_reports():
    return [Report(
        id="loyalty.points", label="Points", columns={"points": "Points in all"},
        params=(Param(name="times", label="Times", default=1, minimum=1, maximum=9),),
        compute=lambda ctx: ctx.query(
            'select sum("loyalty.points_earned".points) * $times as points, $rate as rate from events',
            {"times": ctx.params["times"], "rate": ctx.settings.rate},
        ),
    )]

@hookimpl
def register_exporters():
    return [Exporter(
        id="loyalty.cards", label="Card printer", suffixes=(".cards",),
        write=lambda table, file: file.write("\\n".join(table["customer_id"].to_pylist()).encode()),
    )]
'''


class Shop:
    """A folder with a book, a folder with plugins, and the installed command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.site.mkdir()

    def install(self, name: str, body: str, *, header: str = HEADER, distribution: str = "", version: str = "1.0") -> None:
        """Install a distribution with one plugin."""
        distribution = distribution or f"clientbook-{name}"
        module = distribution.replace("-", "_")
        (self.site / f"{module}.py").write_text(header + textwrap.dedent(body), encoding="utf-8")
        info = self.site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[clientbook]\n{name} = {module}\n")

    def uninstall(self, name: str) -> None:
        for path in self.site.glob(f"clientbook_{name}*"):
            if path.is_dir():
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()
            else:
                path.unlink()

    def run(self, *arguments: str, code: int = 0, **options: Any) -> Any:
        """Run the command on the book."""
        path = os.pathsep.join([str(Path(clientbook.__file__).parents[1]), str(self.site)])
        return run_in(
            self.folder, "--book", "book", *arguments, code=code, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1", **options
        )

    def settings(self, text: str) -> None:
        """Add to `book.toml`."""
        path = self.folder / "book" / "book.toml"
        path.write_text(path.read_text() + text)
