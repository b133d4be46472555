"""`clientbook plugins`: which are installed and how they fare, without loading any; switch one on or off."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.diagnostics import say, warn
from clientbook.cli.output import print_json, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import N_, _

if TYPE_CHECKING:
    from clientbook.hooks.discovery import Found
    from clientbook.hooks.remembering import Remembered

_STATES: Final = {
    "ok": N_("fine"),
    "disabled": N_("disabled"),
    "incompatible": N_("INCOMPATIBLE"),
    "broken": N_("BROKEN"),
    "blocked": N_("left out"),
    "partial": N_("in part"),
    "unknown": N_("not loaded yet"),
}


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A plugin as it is listed."""

    name: str
    distribution: str
    version: str
    state: str
    """As last loaded with this book; `unknown` where this version never was."""
    reason: str
    trace: str = ""


@click.group("plugins", invoke_without_command=True)
@click.option("--all", "with_core", is_flag=True, help=_("Also what comes with the program."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def plugins_command(ctx: click.Context, with_core: bool, as_json: bool) -> None:
    """List the plugins that are installed and how they fared when last loaded. Nothing of them is run."""
    if ctx.invoked_subcommand:
        return
    lines = _lines(ctx.find_root().obj, with_core=with_core)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    if not lines:
        say(_("no plugin is installed; `pip install clientbook-NAME` installs one"))
        return
    shown = [
        {
            "name": line.name,
            "distribution": line.distribution,
            "version": line.version,
            "state": _(_STATES[line.state]),
            "reason": line.reason.partition("\n")[0],
        }
        for line in lines
    ]
    labels = [_("Name"), _("Package"), _("Version"), _("State"), _("Reason")]
    print_table(labels, shown, timezone="UTC", numbers=[False] * len(labels))


@plugins_command.command("enable")
@click.argument("name")
@click.pass_context
def enable_command(ctx: click.Context, name: str) -> None:
    """Let the plugin NAME in again."""
    disabled = _disabled(ctx)
    if name not in disabled:
        _check_installed(name)
        say(_("{name} is enabled already").format(name=name))
        return
    _write(ctx, [one for one in disabled if one != name])
    say(_("{name} is enabled").format(name=name))


@plugins_command.command("disable")
@click.argument("name")
@click.pass_context
def disable_command(ctx: click.Context, name: str) -> None:
    """Leave the plugin NAME out of this book. Its events stay in the log, and are shown raw."""
    disabled = _disabled(ctx)
    if name in disabled:
        say(_("{name} is disabled already").format(name=name))
        return
    _check_installed(name)
    _write(ctx, [*disabled, name])
    say(_("{name} is disabled; `clientbook plugins enable {name}` lets it in again").format(name=name))


def _lines(folder: Path, *, with_core: bool) -> list[_Line]:
    from clientbook import __version__
    from clientbook.hooks.discovery import CORE, discover
    from clientbook.hooks.remembering import MEMORY, recall
    from clientbook.hooks.states import Switches
    from clientbook.settings import SETTINGS_FILE, InvalidSettings, load_settings

    disabled: list[str] = []
    try:
        disabled = load_settings(folder / SETTINGS_FILE).plugins.get("disabled", [])
    except InvalidSettings as error:
        warn(str(error))
    except OSError:
        pass  # no book here: then the list is all there is to tell
    remembered = recall(folder / "state" / MEMORY)
    allowed = Switches.from_environment().allowed
    lines = [_line(found, remembered.get(found.name), disabled, allowed) for found in discover()]
    if with_core:
        lines.insert(0, _Line(name=CORE, distribution="clientbook", version=__version__, state="ok", reason=""))
    return lines


def _line(found: Found, remembered: Remembered | None, disabled: list[str], allowed: frozenset[str] | None) -> _Line:
    state, reason, trace = "unknown", "", ""
    if found.fault:
        state, reason = "blocked", found.fault
    elif allowed is not None and found.name not in allowed:
        state, reason = "blocked", _("CLIENTBOOK_PLUGINS does not name it")
    elif found.name in disabled:
        state, reason = "disabled", _("book.toml says so; `clientbook plugins enable {name}` lets it in")
        reason = reason.format(name=found.name)
    elif remembered and remembered.is_of(found) and remembered.state not in ("disabled", "blocked"):
        state, reason, trace = remembered.state, remembered.reason, remembered.trace
    return _Line(
        name=found.name,
        distribution=found.distribution,
        version=found.version,
        state=state,
        reason=reason,
        trace=trace,
    )


def _disabled(ctx: click.Context) -> list[str]:
    from clientbook.settings import settings_of

    listed: list[str] = settings_of(ctx.find_root().obj).plugins.get("disabled", [])
    return listed


def _write(ctx: click.Context, disabled: list[str]) -> None:
    from clientbook.cli.output import write_private
    from clientbook.settings import SETTINGS_FILE, with_disabled

    path: Any = ctx.find_root().obj / SETTINGS_FILE
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    write_private(path, with_disabled(text, disabled, path))


def _check_installed(name: str) -> None:
    from clientbook.hooks.discovery import discover

    installed = [found.name for found in discover()]
    if name in installed:
        return
    near = difflib.get_close_matches(name, installed, n=1)
    hint = _("; did you mean {near}?").format(near=near[0]) if near else _("; `clientbook plugins` lists what is installed")
    raise WrongUse(_("there is no plugin {name!r}").format(name=name) + hint)
