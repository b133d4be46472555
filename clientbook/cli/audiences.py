"""Commands about mailings: an audience handed to a mailing tool, the exports that were made, what came of a campaign."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.common import clean, open_book
from clientbook.cli.diagnostics import say, warn
from clientbook.cli.exporting import table_export
from clientbook.cli.listing import param_option, pointing_at
from clientbook.cli.output import folder_of, print_json, print_table
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.exporting.desk import Audit, Prepared
    from clientbook.hooks.declarations import Exporter

STALE_AFTER: Final = timedelta(days=7)
"""A book of which the last event is older may not know who said no since."""


class FileTaken(ClientbookError):
    """A file is there already; an export never overwrites one."""


class AuditDiffers(ClientbookError):
    """An export made again has other bytes."""

    exit_code = 3


@click.command("export")
@click.argument("destination", required=False)
@click.option("--segment", metavar="ID", help=_("The members of this segment; `clientbook segments` lists them."))
@click.option("--where", metavar="FILTER", help=_("A filter, such as: revenue > 300 and city = 'Lyon'"))
@param_option
@click.option("--channel", help=_("By what means: email, sms, phone, post, …"))
@click.option("--purpose", help=_("What for: newsletter, own_offers, order_service, …"))
@click.option("--message", metavar="NAME", help=_("The message profile of book.toml."))
@click.option("--columns", metavar="A,B", help=_("Further columns of customers that the mailing needs."))
@click.option("--campaign", metavar="NAME", help=_("What the mailing is called; its results join by it."))
@click.option("--out", metavar="FILE", help=_("The file; `-` for standard output. One that is there is never overwritten."))
@click.option("--excluded", metavar="FILE", help=_("Also write who is left out, and why; for the shop only."))
@click.option("--dry-run", is_flag=True, help=_("Only count; nothing is written."))
@click.option("--audit", metavar="MANIFEST", help=_("Make an export of the past again, and compare the bytes."))
@click.option("--by", metavar="SELLER", help=_("Who did it."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def export_command(
    ctx: click.Context,
    /,
    destination: str | None,
    audit: str | None,
    out: str | None,
    excluded: str | None,
    dry_run: bool,
    by: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Write the audience of a mailing for DESTINATION: only people who may be written to; the others are counted by reason.

    DESTINATION is a mailing tool (brevo, mailchimp, klaviyo, listmonk, mailjet), a kind of file (csv, spreadsheet, txt,
    xlsx, jsonl, parquet, vcard), or what a plugin adds.
    """
    book = open_book(ctx)
    if as_json and out == "-":
        raise WrongUse(_("--out - prints the file; it goes without --json"))
    if audit is not None:
        if destination or any(asked.values()) or excluded or dry_run:
            raise WrongUse(_("--audit goes with --out and --json only; the manifest says everything else"))
        _audit(book, clean(audit), out, as_json=as_json)
        return
    if destination is None:
        raise WrongUse(_("name a destination: {names}").format(names=", ".join(_destinations(book))))
    from clientbook.cli.segment_tables import given
    from clientbook.exporting.desk import Wish

    said = {name: clean(value) if isinstance(value, str) else None for name, value in asked.items()}
    columns = tuple(name.strip() for name in (said.pop("columns") or "").split(",") if name.strip())
    del said["params"]
    wish = Wish(destination=clean(destination), params=given(asked["params"]), columns=columns, **said)
    desk = book.exports
    with pointing_at(wish.where):
        prepared = desk.prepare(wish)
    manifest = prepared.manifest
    files: dict[str, Any] = {"file": None, "excluded_file": None, "position": None}
    if not dry_run:
        path = _path(out, prepared.exporter, manifest.manifest_id)
        left_out = Path(excluded) if excluded else None
        with _new_file(left_out, _excluded_bytes(book, prepared, left_out)), _new_file(path, prepared.data):
            files["position"] = desk.record(prepared, actor=by)
        if path is None:
            _print_bytes(prepared.data)
        files |= {"file": str(path) if path else None, "excluded_file": str(left_out) if left_out else None}
    if as_json:
        print_json(_described(prepared) | {"dry_run": dry_run} | files)
    else:
        _print_summary(prepared, files, to_stderr=out == "-" and not dry_run)
    _warn_if_stale(book, prepared)


@click.command("exports")
@click.argument("export", required=False)
@click.option("--destinations", is_flag=True, help=_("List what can be exported to."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def exports_command(ctx: click.Context, export: str | None, destinations: bool, as_json: bool) -> None:
    """List the exports that were made, and what came of their campaigns; of one, EXPORT (its manifest's number or its
    campaign), everything.
    """
    from clientbook.exporting.manifest import find_export

    book = open_book(ctx)
    if destinations:
        _print_destinations(book, as_json=as_json)
        return
    made = book.exports.made_with_outcomes()
    if export is not None:
        chosen = find_export([one for one, _outcome in made], clean(export))
        made = [(one, outcome) for one, outcome in made if one == chosen]
    rows = [
        _manifest_described(one.manifest)
        | {"campaign": one.campaign, "exported_at": one.exported_at, "position": one.position, "results": outcome}
        for one, outcome in made
    ]
    if as_json:
        print_json(rows[0] if export is not None else rows)
    elif export is not None:
        _print_one(rows[0], book.settings.timezone)
    else:
        _print_exports(rows, book.settings.timezone)


@click.command("results")
@click.argument("campaign")
@click.argument("file")
@click.option(
    "--event", metavar="EVENT", help=_("What every row says: sent, opened, clicked, bounced, unsubscribed or complained.")
)
@click.option("--at", metavar="T", help=_("When it happened, for rows without a date."))
@click.option(
    "--column", "columns", multiple=True, metavar="FIELD=HEADER", help=_("Which column is address, event, date or url.")
)
@click.option("--dry-run", is_flag=True, help=_("Only count; nothing is written."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def results_command(
    ctx: click.Context,
    campaign: str,
    file: str,
    event: str | None,
    at: str | None,
    columns: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take in what a mailing tool says of CAMPAIGN: a table FILE with the address, what happened, and when."""
    import zoneinfo

    from clientbook.cli.common import read_time
    from clientbook.cli.segment_tables import given
    from clientbook.exporting.results import Layout
    from clientbook.importing.decode import open_file

    book = open_book(ctx)
    zone = zoneinfo.ZoneInfo(book.settings.timezone)
    chosen = Layout(event=event, at=read_time(at, zone) if at else None, columns=given(columns))
    name, result = book.take_results(clean(campaign), open_file(file), chosen, dry_run=dry_run)
    outcome = result.outcome
    reasons: dict[str, int] = {}
    for reject in outcome.rejects:
        reasons[reject.code] = reasons.get(reject.code, 0) + 1
    described = {
        "campaign": name,
        "batch": result.batch,
        "dry_run": dry_run,
        "rows_read": outcome.rows_read,
        "rows_used": outcome.rows_used,
        "rows_duplicate": outcome.rows_duplicate,
        "rows_skipped": outcome.rows_skipped,
        "rows_rejected": outcome.rows_rejected,
        "events": dict(outcome.event_counts),
        "rejects": reasons,
        "rejects_file": str(result.rejects_file) if result.rejects_file else None,
    }
    if as_json:
        print_json(described)
        return
    click.echo(_("campaign {campaign}").format(campaign=name))
    from clientbook.query.labels import event_label

    for type, count in sorted(outcome.event_counts.items()):
        if type != "import_completed":
            click.echo(f"  {count:>7,}  {event_label(type)}")
    for label, count in (
        (_("already known"), outcome.rows_duplicate),
        (_("without a result"), outcome.rows_skipped),
        (_("set aside"), outcome.rows_rejected),
    ):
        if count:
            click.echo(f"  {count:>7,}  {label}")
    for code, count in sorted(reasons.items()):
        click.echo(f"  {count:>7,}    {code}")
    if result.rejects_file:
        say(_("what was set aside: {path}").format(path=result.rejects_file))


def _audit(book: Book, name: str, out: str | None, *, as_json: bool) -> None:
    from clientbook.exporting.manifest import find_export

    desk = book.exports
    audit = desk.audit(find_export(desk.made(), name))
    if out is not None:
        with _new_file(None if out == "-" else Path(out), audit.data):
            pass
        if out == "-":
            _print_bytes(audit.data)
    manifest = audit.export.manifest
    if as_json:
        print_json(
            {
                "manifest": manifest.manifest_id,
                "same_bytes": audit.is_same,
                "same_rows": audit.has_same_rows,
                "digest_then": manifest.digest,
                "digest_now": audit.digest,
                "counts_then": dict(manifest.counts),
                "counts_now": audit.audience.counts,
                "erased_since": audit.erased_since,
            }
        )
    if not audit.is_same:
        raise AuditDiffers(_why_it_differs(audit))
    if not as_json:
        said = ngettext(
            "{id}: the same bytes again, {count} customer (SHA-256 {digest})",
            "{id}: the same bytes again, {count} customers (SHA-256 {digest})",
            len(audit.audience.table),
        )
        text = said.format(id=manifest.manifest_id, count=len(audit.audience.table), digest=audit.digest)
        if out == "-":
            say(text)
        else:
            click.echo(text)


def _why_it_differs(audit: Audit) -> str:
    manifest = audit.export.manifest
    said = _("{id}: other bytes than then ({now} now, {then} then)").format(
        id=manifest.manifest_id, now=audit.digest[:12], then=(manifest.digest or "")[:12]
    )
    if audit.has_same_rows:
        return f"{said}; " + _("the rows are the same: another version of the program wrote the file then")
    if audit.erased_since:
        told = ngettext(
            "{count} person was erased since, which is the one thing that changes the past",
            "{count} people were erased since, which is the one thing that changes the past",
            audit.erased_since,
        )
        return f"{said}; " + told.format(count=audit.erased_since)
    return f"{said}; " + _("nobody was erased since: `clientbook verify` checks the log")


def _path(out: str | None, exporter: Exporter, manifest_id: str) -> Path | None:
    """Where the file goes; None for standard output. Its own name tells nothing of anybody."""
    if out == "-":
        return None
    return Path(out) if out else Path(f"{exporter.id.removeprefix('core.')}-{manifest_id}{exporter.suffixes[0]}")


@contextmanager
def _new_file(path: Path | None, data: bytes) -> Iterator[None]:
    """Write a file that only its owner may read; it gets its name when the block is done, and never takes another's.

    Raises:
        FileTaken: there is a file of that name.
    """
    from clientbook.log.files import publish, temporary_in

    if path is None:
        yield
        return
    if path.exists() or path.is_symlink():
        raise FileTaken(_("{path} is there already; name another file with --out").format(path=path))
    temporary = temporary_in(folder_of(path))
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        yield
        try:
            publish(temporary, path)
        except FileExistsError:
            raise FileTaken(_("{path} is there already; name another file with --out").format(path=path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def _excluded_bytes(book: Book, prepared: Prepared, path: Path | None) -> bytes:
    """Who is left out, and why, as a file of the kind that the suffix says."""
    if path is None:
        return b""
    import pyarrow as pa

    from clientbook.cli.exporting import exporter_for
    from clientbook.exporting.audience import meaning
    from clientbook.exporting.destinations import written

    table = prepared.audience.excluded
    reasons = pa.array([meaning(code) for code in table["reason_code"].to_pylist()], pa.string())
    return written(book.plugins, exporter_for(book.plugins, path, None), table.append_column("reason", reasons))


def _print_bytes(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _manifest_described(manifest: Any) -> dict[str, Any]:
    counts = dict(manifest.counts)
    members, included = counts.pop("members", 0), counts.pop("included", 0)
    shown = {
        name: getattr(manifest, name)
        for name in (
            *(
                "manifest_id",
                "campaign",
                "destination",
                "destination_version",
                "channel",
                "purpose",
                "message",
                "segment_id",
            ),
            *("rule", "rule_version", "parameters", "columns", "as_of", "known_at", "position", "policy", "rule_pack"),
            *("digest", "table_digest"),
        )
    }
    shown["as_of"], shown["known_at"], shown["known_position"] = manifest.as_of, manifest.known_at, shown.pop("position")
    return shown | {"members": members, "included": included, "excluded": counts}


def _described(prepared: Prepared) -> dict[str, Any]:
    audience = prepared.audience
    return _manifest_described(prepared.manifest) | {
        "warnings": dict(audience.warnings),
        "obligations": audience.obligations,
        "bytes": len(prepared.data),
    }


def _print_summary(prepared: Prepared, files: dict[str, Any], *, to_stderr: bool) -> None:
    from clientbook.consent.reasons import OBLIGATIONS, WARNINGS
    from clientbook.exporting.audience import meaning

    audience, manifest = prepared.audience, prepared.manifest
    echo = say if to_stderr else click.echo
    echo(
        _("{campaign}: {channel}, {purpose}, for {destination}").format(
            campaign=manifest.campaign,
            channel=manifest.channel,
            purpose=manifest.purpose,
            destination=_(prepared.exporter.label),
        )
    )
    echo(f"  {audience.members:>7,}  {_('meant')}")
    for code, count in audience.reasons.items():
        echo(f"  {count:>7,}  {_('left out')}: {code}: {meaning(code)}")
    echo(f"  {len(audience.table):>7,}  {_('written to')}")
    for code, count in audience.warnings.items():
        echo(f"  {count:>7,}    {_('mind')}: {_(WARNINGS[code])}")
    for name in audience.obligations if len(audience.table) else ():
        echo("  " + _("needed: {obligation}").format(obligation=_(OBLIGATIONS[name])))
    if files["position"] is None:
        echo(_("nothing was written"))
    else:
        echo(_("manifest {id}, as of event {position}").format(id=manifest.manifest_id, position=f"{manifest.position:,}"))
    for path in (files["file"], files["excluded_file"]):
        if path:
            echo(str(path))


def _warn_if_stale(book: Book, prepared: Prepared) -> None:
    """Say where the book may not know yet who said no."""
    last: datetime | None = prepared.book_recorded_at
    if last is not None and book.clock() - last > STALE_AFTER:
        days = (book.clock() - last).days
        said = ngettext(
            "the book's last event was recorded {count} day ago (event {position}): first take in who unsubscribed since",
            "the book's last event was recorded {count} days ago (event {position}): first take in who unsubscribed since",
            days,
        )
        warn(said.format(count=days, position=f"{prepared.manifest.position:,}"))


def _destinations(book: Book) -> list[str]:
    return [id.removeprefix("core.") for id in book.plugins.exporters]


def _print_destinations(book: Book, *, as_json: bool) -> None:
    rows = [
        {
            "id": one.id,
            "name": one.id.removeprefix("core."),
            "label": _(one.label),
            "description": _(one.description) if one.description else "",
            "suffixes": list(one.suffixes),
            "channels": list(one.channels),
            "takes": one.takes,
            "for_people": one.for_people,
        }
        for one in book.plugins.exporters.values()
    ]
    if as_json:
        print_json(rows)
        return
    shown = [{name: row[name] for name in ("name", "label", "suffixes", "channels", "description")} for row in rows]
    titles = [_("Name"), _("Label"), _("Files"), _("Channels"), _("Description")]
    print_table(titles, shown, timezone="UTC", numbers=[False] * 5)


def _print_exports(rows: list[dict[str, Any]], timezone: str) -> None:
    results = ("sent", "opened", "clicked", "bounced", "unsubscribed", "complained")
    shown = [
        {
            "exported_at": row["exported_at"],
            "manifest": row["manifest_id"],
            "campaign": row["campaign"],
            "destination": row["destination"].removeprefix("core."),
            "channel": row["channel"],
            "purpose": row["purpose"],
            "included": row["included"],
            "excluded": sum(row["excluded"].values()),
        }
        | {name: row["results"].get(name) for name in results}
        for row in rows
    ]
    titles = [_("Exported"), _("Manifest"), _("Campaign"), _("Destination"), _("Channel"), _("Purpose"), _("Written to")]
    titles += [_("Left out"), _("Sent"), _("Opened"), _("Clicked"), _("Bounced"), _("Unsubscribed"), _("Complained")]
    print_table(titles, shown, timezone=timezone, numbers=[False] * 6 + [True] * 8)
    say(ngettext("{count} export", "{count} exports", len(rows)).format(count=len(rows)))


def _print_one(row: dict[str, Any], timezone: str) -> None:
    from clientbook.cli.output import print_pairs

    print_pairs([(name, value) for name, value in row.items() if value not in (None, {}, [], "")], timezone=timezone)
