"""`clientbook`: the group of commands. A command's module is imported when it runs, so that help is quick."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from clientbook import __version__
from clientbook.cli.diagnostics import guard
from clientbook.i18n import _

_COMMANDS: Final = {
    "init": ("books", _("Make an empty book.")),
    "demo": ("demo", _("Open the sample shop; without a terminal, print a summary of it.")),
    "tui": ("tui", _("Open the book in the terminal application.")),
    "info": ("books", _("Show what the book holds.")),
    "import": ("importing", _("Import files: orders, contacts, events.")),
    "imports": ("history", _("List the imports, and which are undone.")),
    "undo": ("history", _("Undo an import, or restore it.")),
    "customers": ("reading", _("List customers.")),
    "show": ("reading", _("Show one customer: profile, time line, orders, consent.")),
    "segments": ("segments", _("Groups of customers by rule: who is in, why, what they have in common, what they do.")),
    "export": ("audiences", _("Write the audience of a mailing: only people who may be written to.")),
    "exports": ("audiences", _("List the exports that were made, and what came of their campaigns.")),
    "results": ("audiences", _("Take in what a mailing tool says of a campaign: sent, opened, clicked, unsubscribed.")),
    "events": ("reading", _("List events, or the types of events.")),
    "reports": ("reports", _("List the reports.")),
    "report": ("reports", _("Print a report.")),
    "consent": ("consent", _("May we write to this person, and what proves it.")),
    "rights": ("rights", _("Answer people who ask what is held of them, or to correct, limit or erase it.")),
    "retention": ("retention", _("Who is beyond the time that data may be kept; erase them.")),
    "register": ("register", _("Print the record of processing activities (GDPR article 30).")),
    "doctor": ("doctor", _("Look whether everything about the book is as it should be.")),
    "plugins": ("plugins", _("List plugins, or switch one on or off.")),
    "metrics": ("metrics", _("Figures about the customers, with how sure they are.")),
    "priorities": ("priorities", _("Strengths, weak points and breaking points, by the revenue at stake.")),
    "new-plugin": ("new_plugin", _("Write a plugin to begin with.")),
    "query": ("reading", _("Ask the read model in SQL, read-only.")),
    "add": ("noting", _("Add a customer by hand.")),
    "log": ("noting", _("Note a call, a meeting, a visit, a message, a note.")),
    "order": ("noting", _("Note an order.")),
    "tag": ("noting", _("Put tags on a customer, or take them off.")),
    "merge": ("noting", _("Say that several entries are one customer.")),
    "unmerge": ("noting", _("Undo a merge.")),
    "edit": ("editing", _("Change fields and tags of a customer, or of many.")),
    "duplicates": ("duplicates", _("List entries that are probably one person, and merge them.")),
    "append": ("noting", _("Append events given as JSON Lines.")),
    "project": ("books", _("Write the read model's tables to files.")),
    "replay": ("history", _("Compute the book as it was at a time or a position.")),
    "diff": ("history", _("Tell what differs between two states of the book.")),
    "seal": ("keeping", _("Merge small files of the log into large ones.")),
    "verify": ("keeping", _("Check that the log is what was written.")),
    "backup": ("keeping", _("Copy the book to another disk; again and again, only what is new.")),
    "restore": ("keeping", _("Put a backup back.")),
    "erase": ("keeping", _("Erase a customer for good.")),
    "erasures": ("keeping", _("List the erasures, or replay them after a restore.")),
    "rebuild": ("books", _("Throw the kept tables away and compute them again.")),
}


class _Commands(click.Group):
    """Commands by name, each in the module named beside it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"clientbook.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        for one in (command, *getattr(command, "commands", {}).values()):
            one.help = _(inspect.cleandoc(one.help or ""))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, text) for name, (_module, text) in _COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], list(_COMMANDS), n=1)
            hint = _("; did you mean {command}?").format(command=near[0]) if near else ""
            raise click.UsageError(_("there is no command {command!r}").format(command=args[0]) + hint, ctx) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clientbook")
@click.option(
    "--book",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=_("The book; else CLIENTBOOK_BOOK, else this folder."),
)
@click.option("--no-plugins", is_flag=True, help=_("Load no plugin but those that come with the program."))
@click.option("--no-builtin", is_flag=True, help=_("Leave out what comes with the program: metrics, traits, segments."))
@click.pass_context
def cli(ctx: click.Context, folder: Path | None, no_plugins: bool, no_builtin: bool) -> None:
    """The customer book that shops keep in the terminal."""
    ctx.obj = folder or Path(os.environ.get("CLIENTBOOK_BOOK") or ".")
    if no_plugins:
        _for_this_run(ctx, "CLIENTBOOK_PLUGINS", "")
    if no_builtin:
        _for_this_run(ctx, "CLIENTBOOK_NO_BUILTIN", "1")


def _for_this_run(ctx: click.Context, name: str, value: str) -> None:
    """Set an environment variable, which reaches whoever opens the book and processes of their own."""
    before = os.environ.get(name)

    def put_back() -> None:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before

    os.environ[name] = value
    ctx.call_on_close(put_back)


def run() -> None:
    """The program."""
    cli.help = _(cli.help or "")
    os.umask(0o077)  # nothing that is written here is anybody else's
    sys.exit(guard(lambda: cli.main(standalone_mode=False)))
