"""`doctor`: is everything about the book as it should be?"""

from __future__ import annotations

from typing import Any

import click

from clientbook.cli.diagnostics import say, warn
from clientbook.cli.output import print_json
from clientbook.i18n import N_, _, ngettext

_NAMES = {
    "permissions": N_("file permissions"),
    "disk": N_("room on the disk"),
    "settings": N_("settings"),
    "plugins": N_("plugins"),
    "lock": N_("log lock"),
    "erasures": N_("erasures"),
    "book": N_("book"),
    "policy": N_("consent policy"),
}
_STATES = {"ok": N_("fine"), "note": N_("note"), "wrong": N_("WRONG")}


@click.command("doctor")
@click.option("--fix", is_flag=True, help=_("Mend file permissions: folders 0700, files 0600."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def doctor_command(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """Look whether everything about the book is as it should be: exit code 3 when something is wrong."""
    from dataclasses import asdict

    from clientbook.doctor import examine
    from clientbook.query.text import harmless

    found = examine(ctx.find_root().obj, fix=fix)
    wrong = sum(one.state == "wrong" for one in found)
    if as_json:
        document: dict[str, Any] = {"ok": not wrong, "findings": [asdict(one) for one in found]}
        print_json(document)
    else:
        for one in found:
            said = _("{name}: {state}, {message}")
            click.echo(harmless(said.format(name=_(_NAMES[one.check]), state=_(_STATES[one.state]), message=one.message)))
            for path in one.paths[:10]:
                click.echo(harmless(f"  {path}"))
            if len(one.paths) > 10:
                click.echo(f"  … {len(one.paths) - 10}")
        none, some = _("nothing is wrong"), ngettext("{count} thing is wrong", "{count} things are wrong", wrong)
        warn(some.format(count=wrong)) if wrong else say(none)
    ctx.exit(3 if wrong else 0)
