"""`register`: the record of processing activities."""

from __future__ import annotations

from pathlib import Path

import click

from clientbook.cli.common import open_book
from clientbook.cli.diagnostics import say, warn
from clientbook.cli.output import print_json, write_private
from clientbook.i18n import _


@click.command("register")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=_("Write the Markdown there."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def register_command(ctx: click.Context, out: Path | None, as_json: bool) -> None:
    """Print the record of processing activities (GDPR article 30) as Markdown, from the book's settings and contents."""
    from clientbook.consent.register import markdown

    book = open_book(ctx)
    said = book.record_of_processing()
    if not said["controller"]["contact"]:
        warn(_("book.toml has no [register] contact; the record needs how to reach the controller"))
    if out:
        write_private(out, markdown(said))
        say(_("written: {file}").format(file=out))
    if as_json:
        print_json(said)
    elif not out:
        click.echo(markdown(said), nl=False)
