"""Commands that answer people who use their rights: access, portability, rectification, restriction, objection, erasure."""

from __future__ import annotations

import sys
import zoneinfo
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import caught
from clientbook.cli.common import clean, ground_option, open_book, read_time
from clientbook.cli.consent import CHANNELS
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.exporting import table_export
from clientbook.cli.output import print_json, print_pairs, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.consent.requests import Request
    from clientbook.consent.rights import ErasurePlan
    from clientbook.erasure import Erasure

_RIGHTS = click.Choice(("access", "erasure"))
_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.zip|DIR",
    help=_("A new zip file, or a folder to put it in under a name that says nothing of whom."),
)


@click.group("rights")
def rights_command() -> None:
    """Answer people who ask what is held of them, or to correct, limit or erase it."""


@rights_command.command("due")
@_JSON
@table_export
@click.pass_context
def due_command(ctx: click.Context, as_json: bool) -> None:
    """Requests for access and erasure that wait for an answer, the most urgent first."""
    book = open_book(ctx)
    found = [asdict(one) for one in book.rights.due()]
    if as_json:
        print_json(found)
        return
    columns = ("due_at", "days_left", "right", "customer_id", "received_at", "extended", "ground")
    labels = [_("Due"), _("Days left"), _("Right"), _("Customer"), _("Received"), _("Extended"), _("Ground")]
    rows = [{name: one[name] for name in columns} for one in found]
    if rows or caught():
        print_table(labels, rows, timezone=book.settings.timezone, numbers=[name == "days_left" for name in columns])
    say(ngettext("{count} open request", "{count} open requests", len(found)).format(count=len(found)))
    overdue = sum(one["overdue"] for one in found)
    if overdue:
        warn(ngettext("{count} is overdue: answer now", "{count} are overdue: answer now", overdue).format(count=overdue))


@rights_command.command("receive")
@click.argument("customer")
@click.argument("right", type=_RIGHTS)
@click.option("--at", metavar="T", help=_("When it came; now by default."))
@click.option("--ground", help=_("What was asked, or why, in a word."))
@_JSON
@click.pass_context
def receive_command(
    ctx: click.Context, customer: str, right: str, at: str | None, ground: str | None, as_json: bool
) -> None:
    """Note that CUSTOMER asked for access or erasure; the answer is due one calendar month later."""
    book = open_book(ctx)
    received_at = read_time(at, zoneinfo.ZoneInfo(book.settings.timezone)) if at else None
    request = book.rights.receive(clean(customer), right, at=received_at, ground=_text(ground))
    _report_request(book, request, as_json=as_json)


@rights_command.command("extend")
@click.argument("customer")
@click.argument("right", type=_RIGHTS, required=False)
@click.option("--ground", required=True, help=_("Why: complex, or many requests. It is what the customer is told."))
@_JSON
@click.pass_context
def extend_command(ctx: click.Context, customer: str, right: str | None, ground: str, as_json: bool) -> None:
    """Give the open request of CUSTOMER two more months. Only within the first month, and the customer has to be told."""
    book = open_book(ctx)
    request = book.rights.extend(clean(customer), right, ground=clean(ground))
    _report_request(book, request, as_json=as_json)
    say(_("tell the customer today, with the reason (GDPR article 12(3))"))


@rights_command.command("access")
@click.argument("customer")
@_OUT
@_JSON
@click.pass_context
def access_command(ctx: click.Context, customer: str, out: Path, as_json: bool) -> None:
    """Write all that is held of CUSTOMER to a new zip file: a page to read and files for programs."""
    done = open_book(ctx).rights.access(clean(customer), out)
    if as_json:
        print_json(done)
    else:
        click.echo(done["file"])
    say(_("{events} events; noted as answered").format(events=done["events"]))
    if done["free_texts"]:
        said = ngettext(
            "{count} note or call in it is free text, which may name other people: read it before you send it",
            "{count} notes and calls in it are free text, which may name other people: read them before you send them",
            done["free_texts"],
        )
        warn(said.format(count=done["free_texts"]))
    if not done["in_time"]:
        warn(_("the answer was due before"))
    say(_("send it by a way that only the customer can read, then delete the file"))


@rights_command.command("portability")
@click.argument("customer")
@_OUT
@_JSON
@click.pass_context
def portability_command(ctx: click.Context, customer: str, out: Path, as_json: bool) -> None:
    """Write what CUSTOMER provided or brought about to a new zip file, as JSON and CSV, to be taken elsewhere."""
    done = open_book(ctx).rights.portability(clean(customer), out)
    if as_json:
        print_json(done)
    else:
        click.echo(done["file"])
    say(_("send it by a way that only the customer can read, then delete the file"))


@rights_command.command("rectify")
@click.argument("customer")
@click.option("--civility", help=_("M., Mme, …"))
@click.option("--given-name", help=_("First name."))
@click.option("--family-name", help=_("Last name."))
@click.option("--company", "legal_name", help=_("Company name."))
@click.option("--email", help=_("E-mail."))
@click.option("--mobile", help=_("Mobile phone."))
@click.option("--landline", help=_("Fixed phone."))
@click.option("--street", help=_("Street."))
@click.option("--postal-code", help=_("Postcode."))
@click.option("--city", help=_("Town."))
@click.option("--country", help=_("Country."))
@click.option("--birth-date", metavar="DATE", help=_("Day of birth, as 1990-05-02."))
@click.option("--language", help=_("Language to write in: fr, en, …"))
@click.option("--occupation", help=_("Profession."))
@click.option("--clear", "cleared", multiple=True, metavar="FIELD", help=_("Empty a field of the profile, such as mobile."))
@_JSON
@click.pass_context
def rectify_command(
    ctx: click.Context, /, customer: str, cleared: tuple[str, ...], as_json: bool, **given: str | None
) -> None:
    """Correct what is known of CUSTOMER. A new address starts without consent; parts of the postal address that are not
    named stay as they are.
    """
    changes = {name: clean(value) for name, value in given.items() if value}
    if not changes and not cleared:
        raise WrongUse(_("say what to correct: --email, --mobile, --family-name, --street, …, or --clear FIELD"))
    both = sorted(set(changes) & {clean(name) for name in cleared})
    if both:
        raise WrongUse(_("--{field} and --clear {field} contradict each other").format(field=both[0]))
    done = open_book(ctx).rights.rectify(clean(customer), changes, cleared)
    if as_json:
        print_json(done)
    else:
        say(_("noted at position {position}").format(position=done["position"]))
    for one in done["consents_left_behind"]:
        said = _("the consent for {channel}, {purpose}, was for the old address: ask again before writing to the new one")
        warn(said.format(channel=one["channel"], purpose=one["purpose"]))
    _say_exports(
        done["exports"], _("tell those who received a list with the old value (GDPR article 19); each may hold it:")
    )


@rights_command.command("restrict")
@click.argument("customer")
@click.option("--ground", required=True, help=_("Why: accuracy contested, unlawful, needed for a claim, objection pending."))
@click.option("--lift", is_flag=True, help=_("End the restriction; the customer has to be told before."))
@_JSON
@click.pass_context
def restrict_command(ctx: click.Context, customer: str, ground: str, lift: bool, as_json: bool) -> None:
    """Let the data of CUSTOMER be kept but not used, or with --lift used again."""
    done = open_book(ctx).rights.restrict(clean(customer), ground=clean(ground), lift=lift)
    if as_json:
        print_json(done)
        return
    said = _("the restriction ended") if lift else _("restricted: nothing may be sent but what the law obliges to")
    say(said + ", " + _("noted at position {position}").format(position=done["position"]))


@rights_command.command("object")
@click.argument("customer")
@click.option("--channel", type=click.Choice(CHANNELS), help=_("Only by this means."))
@click.option("--purpose", help=_("Only for this: newsletter, own_offers, …"))
@click.option("--method", help=_("How it reached the shop: link, letter, phone, reply_stop, …"))
@_JSON
@click.pass_context
def object_command(
    ctx: click.Context, customer: str, channel: str | None, purpose: str | None, method: str | None, as_json: bool
) -> None:
    """Note that CUSTOMER objects to advertising: to all of it, or by one channel, or for one purpose. It holds at once."""
    done = open_book(ctx).rights.object(clean(customer), channel=channel, purpose=_text(purpose), method=_text(method))
    if as_json:
        print_json(done)
    else:
        say(_("noted at position {position}").format(position=done["position"]))
    _say_exports(done["exports"], _("stop it within 48 hours also where lists went; each may hold the customer:"))


@rights_command.command("erase")
@click.argument("customer")
@ground_option
@click.option("--refuse", metavar="GROUND", help=_("Do not erase: note that it was refused, and on what ground."))
@click.option("--dry-run", is_flag=True, help=_("Only say what speaks against it and what would be done."))
@click.option("--yes", is_flag=True, help=_("Do it without asking."))
@_JSON
@click.pass_context
def erase_command(
    ctx: click.Context, customer: str, ground: str, refuse: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Erase CUSTOMER, or refuse: first what speaks against it, then what it does and what it does not reach."""
    if refuse is not None and (dry_run or yes):
        raise WrongUse(_("--refuse erases nothing: leave out --yes and --dry-run"))
    book = open_book(ctx)
    plan = book.rights.foresee_erasure(clean(customer))
    _say_plan(plan)
    if refuse is not None:
        _refuse(book, plan, clean(refuse), as_json=as_json)
        return
    if dry_run:
        _print_erasure(plan, plan.erasure, as_json=as_json)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise DecisionNeeded(_("erasing cannot be undone: say --yes, or --refuse with the ground"))
        click.confirm(_("Erase this customer for good?"), abort=True, err=True)
    done = book.rights.erase(plan, ground=ground)
    _print_erasure(plan, done, as_json=as_json)
    say(_("erased: ledger entry {number}").format(number=done.number))


def _refuse(book: Book, plan: ErasurePlan, ground: str, *, as_json: bool) -> None:
    refused = book.rights.refuse(plan, ground=ground)
    if as_json:
        print_json(plan.described() | {"outcome": "refused", "erasure": None, "position": refused["position"]})
    say(_("refused, noted at position {position}").format(position=refused["position"]))
    said = _("tell the customer why before {due}, and that they may complain to the CNIL (GDPR article 12(4))")
    say(said.format(due=_day(book, refused["due_at"])))


def _print_erasure(plan: ErasurePlan, erasure: Erasure, *, as_json: bool) -> None:
    if as_json:
        outcome = "erased" if erasure.number else "foreseen"
        print_json(plan.described() | {"outcome": outcome, "erasure": asdict(erasure), "position": None})


def _say_plan(plan: ErasurePlan) -> None:
    for one in plan.grounds:
        text = f"{one.code}: {one.means} ({one.source}; {one.count})"
        warn(_("may be refused") + ", " + text) if one.may_refuse else say(text)
    if not any(one.may_refuse for one in plan.grounds):
        say(_("the book knows nothing that speaks against it; unpaid invoices and claims without a tag it does not know"))
    said = _(
        "events to remove {removed}, sales to keep without a person {kept}, of others to change {stripped}; files {files}"
    )
    say(said.format(**plan.erasure.rows, files=plan.erasure.files))
    for backup in plan.erasure.backups:
        held = _("the backup in {folder} of {made_at} still holds the person until it is made again")
        warn(held.format(folder=backup["folder"], made_at=backup["made_at"]))
    if plan.bundles:
        said = ngettext(
            "{count} answer to a request for access was written to a file: delete it too",
            "{count} answers to requests for access were written to files: delete them too",
            plan.bundles,
        )
        warn(said.format(count=plan.bundles))
    _say_exports(
        plan.exports,
        _("lists left the book while the customer was in it; who was on them is not kept, so each may hold the customer:"),
    )


def _say_exports(exports: list[dict[str, Any]], said: str) -> None:
    """Where lists went, one line a destination."""
    if not exports:
        return
    warn(said)
    for destination in sorted({one["destination"] for one in exports}):
        days = [one["occurred_at"].date().isoformat() for one in exports if one["destination"] == destination]
        sent = sum(one["message_sent"] for one in exports if one["destination"] == destination)
        line = ngettext("  {to}: {count} list, {first}", "  {to}: {count} lists, {first} to {last}", len(days))
        line = line.format(to=destination, count=len(days), first=min(days), last=max(days))
        if sent:
            line += "; " + _("by {count} of them a message was sent to the customer").format(count=sent)
        say(line)


def _report_request(book: Book, request: Request, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(request))
        return
    timezone = book.settings.timezone
    left = ngettext("{day}, {count} day left", "{day}, {count} days left", request.days_left)
    due = (_("{day}, overdue") if request.overdue else left).format(day=_day(book, request.due_at), count=request.days_left)
    pairs = [(_("Right"), request.right), (_("Received"), request.received_at), (_("Due"), due)]
    print_pairs(pairs, timezone=timezone)


def _day(book: Book, instant: Any) -> str:
    return str(instant.astimezone(zoneinfo.ZoneInfo(book.settings.timezone)).date())


def _text(text: str | None) -> str | None:
    return clean(text) if text else None
