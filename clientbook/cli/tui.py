"""`clientbook tui`: open the terminal application."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from clientbook.cli.common import moment_options


@click.command("tui")
@moment_options
@click.pass_context
def tui_command(ctx: click.Context, as_of: str | None, known_at: str | None) -> None:
    """Browse the book in the terminal."""
    folder: Path = ctx.find_root().obj
    leave(open_application(folder, as_of, known_at))


def leave(code: int) -> NoReturn:
    """End the process here: taking apart what the queries left behind would only keep the person waiting."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def open_application(folder: Path, as_of: str | None = None, known_at: str | None = None) -> int:
    """Run the application on a book; its exit code."""
    import zoneinfo

    from clientbook.cli.common import read_time
    from clientbook.projection.moment import Moment
    from clientbook.settings import settings_of
    from clientbook.tui.app import run

    zone = zoneinfo.ZoneInfo(settings_of(folder).timezone)
    moment = Moment(
        as_of=read_time(as_of, zone, end_of_day=True) if as_of else None,
        known_at=read_time(known_at, zone, end_of_day=True) if known_at else None,
    )
    return run(folder, moment)
