"""Commands about permission: may we write to this person, what proves it, what ends soon, and the acts themselves."""

from __future__ import annotations

import re
import sys
import zoneinfo
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import chosen_format, clean, format_options, open_book, read_time, say_erasures
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.exporting import refuse_export, table_export
from clientbook.cli.output import print_json, print_pairs, print_rows, print_table, write_private
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.consent.deciding import Decision
    from clientbook.importing.commit import Outcome

CHANNELS: Final = ("email", "sms", "push", "phone", "auto_call", "post", "ad_audience")

NOT_LEGAL_ADVICE: Final = _("Not legal advice. Each rule names its source and how sure it is.")

ACTS: Final = {
    "requested": "consent_requested",
    "given": "consent_given",
    "confirmed": "consent_confirmed",
    "renewed": "consent_renewed",
    "refused": "consent_refused",
    "withdrawn": "consent_withdrawn",
    "invalidated": "consent_invalidated",
    "opt-out-offered": "opt_out_offered",
    "objection": "objection_raised",
    "objection-lifted": "objection_lifted",
    "suppressed": "address_suppressed",
    "suppression-lifted": "suppression_lifted",
    "do-not-call-checked": "do_not_call_checked",
    "call-refused": "call_refused",
    "restricted": "processing_restricted",
    "restriction-lifted": "restriction_lifted",
    "death": "death_reported",
}
"""What `consent record` calls each event."""

_PROVEN: Final = ("consent_given", "consent_confirmed", "consent_renewed")
"""Acts that are nothing without proof."""


def _moment(command: Any) -> Any:
    known = click.option("--known-at", metavar="T", help=_("What had been recorded by then."))
    return click.option("--at", metavar="T", help=_("On that day or at that time; now by default."))(known(command))


@click.group("consent")
def consent_command() -> None:
    """May we write to this person, and what proves it."""


@consent_command.command("check")
@click.argument("customer")
@click.option("--channel", type=click.Choice(CHANNELS), help=_("By what means."))
@click.option("--purpose", help=_("What for: newsletter, own_offers, …"))
@click.option("--message", metavar="NAME", help=_("A message that book.toml declares under [messages.NAME]."))
@_moment
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def check_command(
    ctx: click.Context,
    customer: str,
    channel: str | None,
    purpose: str | None,
    message: str | None,
    at: str | None,
    known_at: str | None,
    as_json: bool,
) -> None:
    """May CUSTOMER be written to, by this channel, for this purpose, at this time? Answers with the reason and the proof."""
    book = open_book(ctx)
    channel, purpose = _pair(book, channel, purpose, message)
    decision = book.consent.check(
        clean(customer),
        channel=channel,
        purpose=purpose,
        message=message,
        at=_instant(book, at),
        known_at=_known(book, known_at),
    )
    if as_json:
        print_json(vars(decision))
        return
    _print_decision(decision, book.settings.timezone)


@consent_command.command("history")
@click.argument("customer")
@_moment
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@table_export
@click.pass_context
def history_command(ctx: click.Context, customer: str, at: str | None, known_at: str | None, as_json: bool) -> None:
    """Every act of CUSTOMER about permission, and what holds now for each channel, address and purpose."""
    book = open_book(ctx)
    found = book.consent.states(clean(customer), at=_instant(book, at), known_at=_known(book, known_at))
    if as_json:
        print_json(found)
        return
    timezone = book.settings.timezone
    states = ("channel", "address", "purpose", "state", "opt_in_level", "proof_grade", "consented_at", "notice_id", "source")
    labels = [_("Channel"), _("Address"), _("Purpose"), _("State"), _("Opt-in"), _("Proof"), _("Since"), _("Wording")]
    labels.append(_("Source"))
    _print_some(found["states"], states, labels, timezone, title=_("State") if caught() else "")
    click.echo()
    acts = ("occurred_at", "act", "channel", "purpose", "scope", "cause", "method", "notice_id", "source", "position")
    labels = [
        _("When"),
        _("Act"),
        _("Channel"),
        _("Purpose"),
        _("Scope"),
        _("Cause"),
        _("Method"),
        _("Wording"),
        _("Source"),
    ]
    _print_some(found["acts"], acts, [*labels, _("Position")], timezone, title=_("Act") if caught() else "")


@consent_command.command("certificate")
@click.argument("customer")
@click.option("--channel", type=click.Choice(CHANNELS), help=_("By what means; without it, what the policy names."))
@click.option("--purpose", help=_("What for: newsletter, own_offers, …"))
@click.option("--message", metavar="NAME", help=_("A message that book.toml declares under [messages.NAME]."))
@_moment
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=_("Write it there: FILE.md or FILE.html."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def certificate_command(
    ctx: click.Context,
    customer: str,
    channel: str | None,
    purpose: str | None,
    message: str | None,
    at: str | None,
    known_at: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Certify what the book knew of CUSTOMER's permission, bound to the log so that `verify --certificate` can check it."""
    from clientbook.consent.certificate_text import json_text, written

    form = out.suffix[1:].lower() if out else "md"
    if form not in ("md", "html"):
        raise WrongUse(_("--out takes a file that ends in .md or .html"))
    book = open_book(ctx)
    if channel or purpose or message:
        channel, purpose = _pair(book, channel, purpose, message)
    made = book.certifier.certify(
        clean(customer),
        channel=channel,
        purpose=purpose,
        message=message,
        at=_instant(book, at),
        known_at=_known(book, known_at),
    )
    if out and out.exists():
        raise WrongUse(_("there is a file of this name already; name another one"))
    if out:
        write_private(out, written(made, form))  # type: ignore[arg-type]  # checked above
        say(_("written: {file}").format(file=out))
    if as_json:
        click.echo(json_text(made))
    elif not out:
        click.echo(written(made, "md"), nl=False)


@consent_command.command("matrix")
@_moment
@format_options
@table_export
@click.pass_context
def matrix_command(ctx: click.Context, at: str | None, known_at: str | None, format_: str | None, as_json: bool) -> None:
    """How many customers may be written to, by channel, purpose and reason, for the pairs that the policy names."""
    book = open_book(ctx)
    found = book.consent.matrix(at=_instant(book, at), known_at=_known(book, known_at))
    print_rows(found, chosen_format(format_, as_json), timezone=book.settings.timezone, label=_column)
    if not any(row["reason_code"].startswith("OK_") for row in found.to_pylist() if row["channel"] == "phone"):
        say(_("phone: nobody may be called at this hour; --at asks about another"))
    say(NOT_LEGAL_ADVICE)


@consent_command.command("expiring")
@click.option("--within", default="30d", show_default=True, metavar="TIME", help=_("Days or weeks: 30d, 6w."))
@click.option("--renewal", is_flag=True, help=_("Only those who may be asked to renew: a list for a campaign."))
@format_options
@table_export
@click.pass_context
def expiring_command(ctx: click.Context, within: str, renewal: bool, format_: str | None, as_json: bool) -> None:
    """Consents that become stale or end within a time, the soonest first."""
    book = open_book(ctx)
    found = book.consent.expiring(within=_span(within), renewal=renewal)
    print_rows(found, chosen_format(format_, as_json), timezone=book.settings.timezone, label=_column)
    say(ngettext("{count} consent", "{count} consents", len(found)).format(count=len(found)))


@consent_command.command("record")
@click.argument("customer")
@click.argument("act", type=click.Choice(tuple(ACTS)))
@click.option("--channel", type=click.Choice(CHANNELS), help=_("By what means."))
@click.option("--purpose", "purposes", multiple=True, help=_("What for; several times for several."))
@click.option("--address", help=_("The address it is about; else the customer's."))
@click.option("--notice", metavar="ID/VERSION", help=_("The wording shown, as `consent notices` lists it."))
@click.option("--surface", help=_("Where: checkout, footer, store_paper, phone_script, …"))
@click.option("--method", help=_("How: checkbox, signature, oral_recording, link, letter, …"))
@click.option(
    "--evidence", type=click.Path(path_type=Path, exists=True, dir_okay=False), help=_("A document; its digest is kept.")
)
@click.option("--form", "form_id", help=_("Which form."))
@click.option(
    "--ticked/--unticked", "ticked", default=None, help=_("How the box stood; for an offer, whether it was ticked.")
)
@click.option("--parental", is_flag=True, help=_("A parent agreed too."))
@click.option("--confirmation", is_flag=True, help=_("For `requested`: this is the mail of a double opt-in."))
@click.option("--valid-until", metavar="T", help=_("When it ends by itself."))
@click.option("--scope", type=click.Choice(("all", "channel", "purpose")), help=_("For an objection: how far it reaches."))
@click.option("--cause", type=click.Choice(("bounce", "complaint", "request", "list")), help=_("For a suppression: why."))
@click.option("--listed/--not-listed", "listed", default=None, help=_("What the do-not-call register says."))
@click.option("--register", default="bloctel", show_default=True, help=_("Which do-not-call register."))
@click.option("--reason", help=_("Why, or on what ground."))
@click.option("--without-proof", is_flag=True, help=_("Record a consent of which nothing is known but that it was given."))
@click.option("--by", metavar="SELLER", help=_("Who noted it."))
@click.option("--at", metavar="T", help=_("When it happened; now by default."))
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def record_command(
    ctx: click.Context, /, customer: str, act: str, by: str | None, at: str | None, as_json: bool, **given: Any
) -> None:
    """Record an act of CUSTOMER about permission. A consent needs its proof: the wording shown, and where and how."""
    from clientbook.consent.acts import recorded

    book = open_book(ctx)
    given = {name: clean(value) if isinstance(value, str) else value for name, value in given.items()}
    given["valid_until"] = _instant(book, given["valid_until"])
    type = ACTS[act]
    if type in _PROVEN and not given["without_proof"]:
        given |= _proof(given)
    occurred_at = read_time(at, zoneinfo.ZoneInfo(book.settings.timezone)) if at is not None else book.clock()
    if occurred_at > book.clock():
        raise WrongUse(_("what is recorded has happened: --at lies in the future"))
    _warn_of_unknown(book, given)
    outcome = recorded(book.note, clean(customer), type, given, occurred_at=occurred_at, actor=by)
    _told(outcome, type, as_json=as_json)


def _warn_of_unknown(book: Book, given: dict[str, Any]) -> None:
    """Say what of an act nobody declared; it is noted all the same, since it happened."""
    known = {*book.settings.consent.tree(), "consent_refresh"}
    for purpose in given["purposes"]:
        if purpose not in known:
            said = _("no purpose {name!r} is declared under consent.purposes in book.toml")
            warn(said.format(name=purpose))
    if given["notice"]:
        published = {f"{row['notice_id']}/{row['version']}" for row in book.consent.notices().to_pylist()}
        if given["notice"] not in published:
            warn(
                _("the register of wordings has no {name!r}; `clientbook consent notices` lists them").format(
                    name=given["notice"]
                )
            )


def _told(outcome: Outcome, type: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"position": outcome.position, "type": type})
    else:
        say(_("noted at position {position}").format(position=outcome.position))


@consent_command.command("notices")
@click.option("--publish", type=click.Path(path_type=Path, exists=True, dir_okay=False), help=_("A text file: its wording."))
@click.option("--id", "notice_id", help=_("Its name."))
@click.option("--version", help=_("Its version."))
@click.option("--language", default="fr", show_default=True, help=_("Its language."))
@click.option("--purpose", "purposes", multiple=True, help=_("Purposes it names."))
@click.option("--text", "with_text", is_flag=True, help=_("Show the wordings too."))
@format_options
@table_export
@click.pass_context
def notices_command(
    ctx: click.Context,
    publish: Path | None,
    notice_id: str | None,
    version: str | None,
    language: str,
    purposes: tuple[str, ...],
    with_text: bool,
    format_: str | None,
    as_json: bool,
) -> None:
    """The register of wordings that people were shown; --publish adds one."""
    from clientbook.consent.acts import published

    book = open_book(ctx)
    if publish:
        refuse_export()
        if not notice_id or not version:
            raise WrongUse(_("--publish needs --id and --version"))
        outcome = published(
            book.note,
            publish.read_bytes(),
            {"notice_id": clean(notice_id), "version": clean(version), "language": language, "purposes": list(purposes)},
            controller=book.settings.consent.controller or book.settings.name,
            at=book.clock(),
        )
        _told(outcome, "notice_published", as_json=as_json)
        return
    found = book.consent.notices(with_text=with_text)
    print_rows(found, chosen_format(format_, as_json), timezone=book.settings.timezone, label=_column)


@consent_command.command("lists")
@click.option("--add", "list_id", metavar="ID", help=_("A list that was bought or rented."))
@click.option("--supplier", help=_("Who sold it."))
@click.option("--kind", type=click.Choice(("bought", "rented")), help=_("Bought or rented."))
@click.option("--proof", help=_("What shows that the people on it agreed."))
@click.option("--names-us/--does-not-name-us", "names_us", default=None, help=_("Whether the wording names the shop."))
@click.option("--art14/--no-art14", "art14", default=None, help=_("Whether people were told where their data came from."))
@click.option("--licence-until", metavar="DATE", help=_("Last day of the licence."))
@format_options
@table_export
@click.pass_context
def lists_command(
    ctx: click.Context, /, list_id: str | None, format_: str | None, as_json: bool, art14: bool | None, **given: Any
) -> None:
    """Lists of addresses that the shop bought or rented, with their proof and the end of the licence; --add notes one."""
    from clientbook.consent.acts import acquired

    book = open_book(ctx)
    if list_id:
        refuse_export()
        if not given["supplier"] or not given["kind"] or not given["proof"] or given["names_us"] is None:
            raise DecisionNeeded(
                _(
                    "a list needs --supplier, --kind, --proof and --names-us or --does-not-name-us:"
                    " without them nobody on it may be written to"
                )
            )
        outcome = acquired(book.note, {"list_id": clean(list_id), "art14_given": art14, **given}, at=book.clock())
        _told(outcome, "list_acquired", as_json=as_json)
        return
    print_rows(book.consent.lists(), chosen_format(format_, as_json), timezone=book.settings.timezone, label=_column)


def _pair(book: Book, channel: str | None, purpose: str | None, message: str | None) -> tuple[str, str]:
    profile = book.settings.messages.get(message) if message else None
    if profile:
        channel, purpose = channel or profile.channel, purpose or profile.purpose
    if message and profile is None:
        book.consent.ask("email", "newsletter", message)  # says which there are
    if not channel or not purpose:
        raise WrongUse(_("say --channel and --purpose, or --message with a message that book.toml declares"))
    return channel, clean(purpose)


def _instant(book: Book, text: str | None) -> datetime | None:
    if text is None:
        return None
    now, zone = book.clock(), zoneinfo.ZoneInfo(book.settings.timezone)
    instant = read_time(text, zone, end_of_day=True)
    is_today = len(text) <= len("2026-03-31") and instant.date() == now.astimezone(zone).date()
    return now if is_today else instant


def _known(book: Book, text: str | None) -> datetime | None:
    known = read_time(text, zoneinfo.ZoneInfo(book.settings.timezone), end_of_day=True) if text is not None else None
    say_erasures(book, known)
    return known


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,5}) ?([dw])", text.strip())
    if not found:
        raise WrongUse(_("{text!r} is no time; write 30d or 6w").format(text=text))
    return timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1))


def _proof(given: dict[str, Any]) -> dict[str, Any]:
    """The proof that a consent needs, asked for where somebody can answer."""
    wanted = {
        "notice": _("the wording shown, as ID/VERSION"),
        "surface": _("where: checkout, store_paper, phone_script, …"),
        "method": _("how: checkbox, signature, oral_recording, …"),
    }
    missing = [name for name in wanted if not given[name] and not (name == "notice" and given["evidence"])]
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{name}" for name in missing)
        said = _("a consent needs its proof: {options} (or --without-proof, and it counts as a bare yes)")
        raise DecisionNeeded(said.format(options=options))
    return {name: click.prompt(wanted[name], err=True) for name in missing}


def _print_decision(decision: Decision, timezone: str) -> None:
    from clientbook.consent.reasons import OBLIGATIONS, WARNINGS

    verdict = _("yes") if decision.decision == "allow" else _("no")
    pairs: list[tuple[str, Any]] = [
        (_("May we write?"), _("{verdict}: {reason}").format(verdict=verdict, reason=decision.reason)),
        (_("Reason"), decision.reason_code),
        (_("Legal basis"), decision.legal_basis),
        (_("Source of the rule"), f"{decision.rule_source} ({decision.certainty})"),
        (_("Next"), decision.next_action),
        (_("Proof"), ", ".join(map(str, decision.evidence))),
        (_("Valid until"), decision.valid_until),
        (_("Rule pack"), decision.rule_pack),
        (_("Policy"), decision.policy[:12]),
    ]
    print_pairs([(label, value) for label, value in pairs if value], timezone=timezone)
    for code in decision.obligations:
        click.echo("  - " + _(OBLIGATIONS[code]))
    for code in decision.warnings:
        warn(_(WARNINGS[code]))
    if decision.policy_adopted_at is None:
        say(_("no policy was adopted by then: decided by that of book.toml"))
    say(NOT_LEGAL_ADVICE)


def _print_some(rows: list[dict[str, Any]], names: tuple[str, ...], labels: list[str], timezone: str, *, title: str) -> None:
    shown = [{name: row[name] for name in names} for row in rows]
    print_table(labels, shown, timezone=timezone, numbers=[name == "position" for name in names], title=title)


def _column(name: str) -> str:
    from clientbook.query.labels import column_label

    return column_label(name)
