"""`clientbook new-plugin`: begin a plugin of one's own."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final

import click

from clientbook.cli.common import clean
from clientbook.cli.diagnostics import say
from clientbook.i18n import _

_HELP: Final = {
    "event": _("A type of events of its own."),
    "importer": _("What reads a kind of file."),
    "metric": _("A figure about the customers."),
    "trait": _("A computed column of a customer."),
    "segment": _("A rule that says which customers are in."),
    "report": _("A table of figures."),
    "exporter": _("What writes a table to a file."),
}


@click.command("new-plugin")
@click.argument("name")
@click.option("--dir", "parent", type=click.Path(path_type=Path), default=Path(), help=_("Where its folder goes."))
def new_plugin_command(name: str, parent: Path, **chosen: bool) -> None:
    """Write a plugin NAME to begin with: a distribution that installs and passes its tests."""
    from clientbook.authoring import new_plugin

    folder = new_plugin(clean(name), [kind for kind, is_wanted in chosen.items() if is_wanted], parent)
    say(_("made {folder}; next:").format(folder=folder))
    say(f"  cd {quote(str(folder))}")
    say('  pip install -e ".[test]"')
    say("  pytest")


for _kind, _help in _HELP.items():
    new_plugin_command = click.option(f"--{_kind}", _kind, is_flag=True, help=_help)(new_plugin_command)
