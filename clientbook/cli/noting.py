"""Commands of the counter: add, log, order, tag, merge, unmerge; and append for programs."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from clientbook.cli.common import clean, open_book, read_time
from clientbook.cli.diagnostics import say, warn
from clientbook.cli.output import print_json
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.importing.commit import Outcome

_KINDS: Final = {
    "call": "call_made",
    "meeting": "meeting_held",
    "visit": "visit_made",
    "social": "social_interaction",
    "note": "note_added",
    "store-visit": "store_visited",
    "message": "message_sent",
    "quote": "quote_requested",
    "sample": "sample_requested",
}


class NotRecorded(ClientbookError):
    """What was to be noted was refused."""


def _noted(command: Any) -> Any:
    """`--by`, `--at` and `--json`."""
    command = click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))(command)
    command = click.option("--at", metavar="T", help=_("When it happened; now by default."))(command)
    return click.option("--by", metavar="SELLER", help=_("Who did it."))(command)


_ALLOW_ERASED = click.option(
    "--allow-erased", is_flag=True, help=_("Also people who were erased: they came back by themselves.")
)


@click.command("add")
@click.option("--given-name", help=_("First name."))
@click.option("--family-name", help=_("Last name."))
@click.option("--civility", help=_("M., Mme, …"))
@click.option("--company", help=_("Company name: the customer is a company."))
@click.option("--email", help=_("E-mail."))
@click.option("--mobile", help=_("Mobile phone."))
@click.option("--landline", help=_("Fixed phone."))
@click.option("--street", help=_("Street."))
@click.option("--postal-code", help=_("Postcode."))
@click.option("--city", help=_("Town."))
@click.option("--country", help=_("Country."))
@click.option("--birth-date", metavar="DATE", help=_("Day of birth, as 1990-05-02."))
@click.option("--via", default="counter", show_default=True, help=_("How the data came: counter, phone, fair, contest, …"))
@_ALLOW_ERASED
@_noted
@click.pass_context
def add_command(
    ctx: click.Context,
    /,
    by: str | None,
    at: str | None,
    as_json: bool,
    allow_erased: bool,
    company: str | None,
    **given: str | None,
) -> None:
    """Add a customer; asks for what it needs when no option says anything."""
    from clientbook.importing.noting import new_customer

    book = open_book(ctx)
    via = given.pop("via") or "counter"
    if not company and not any(given.values()):
        if not sys.stdin.isatty():
            raise WrongUse(_("say who it is: --given-name, --family-name, --email, --company, …"))
        company, given = _ask(given)
    texts = {name: clean(value) for name, value in given.items() if value}
    address: dict[str, Any] = {name: texts.pop(name) for name in ("postal_code", "city", "country") if name in texts}
    if "street" in texts:
        address["lines"] = [texts.pop("street")]
    profile: dict[str, Any] = {**texts, "address": address or None, "legal_name": clean(company) if company else None}
    decision = new_customer(profile, kind="company" if company else "person", collected_via=via)
    customer_id, outcome = book.note(decision, occurred_at=_when(book, at), actor=by, allow_erased=allow_erased)
    assert customer_id is not None
    for remark in outcome.remarks:
        warn(remark)
    if as_json:
        print_json({"customer_id": customer_id})
    else:
        click.echo(customer_id)
        say(_("added; next: clientbook log {id} call …").format(id=customer_id[:8]))


@click.command("log")
@click.argument("customer")
@click.argument("kind", type=click.Choice(tuple(_KINDS)))
@click.argument("text", required=False)
@click.option("--direction", type=click.Choice(("outbound", "inbound")), help=_("Who called or asked."))
@click.option(
    "--outcome", help=_("How it ended; for a call: reached, no_answer, voicemail, callback, sale, refused, wrong_number.")
)
@click.option("--minutes", type=click.FloatRange(min=0), help=_("How long it took."))
@click.option("--place", help=_("Where; for a visit to the shop, which."))
@click.option("--network", help=_("Social network."))
@click.option("--channel", help=_("Message: email, sms, post, push or social."))
@click.option("--purpose", help=_("Message: what for, such as own_offers."))
@click.option("--amount", help=_("Quote: how much."))
@_noted
@click.pass_context
def log_command(
    ctx: click.Context,
    /,
    customer: str,
    kind: str,
    text: str | None,
    by: str | None,
    at: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Note what happened with CUSTOMER. TEXT is what was said; `-` reads it from standard input."""
    book = open_book(ctx)
    said = sys.stdin.read().strip() if text == "-" else clean(text) if text else None
    type, data = _KINDS[kind], _log_data(kind, said, given, book)
    unused = [name for name, value in given.items() if value is not None and name not in _used_options(kind)]
    if unused:
        raise WrongUse(_("--{option} says nothing about a {kind}").format(option=unused[0], kind=kind))
    _note(book, customer, type, data, by=by, at=at, as_json=as_json)


@click.command("order")
@click.argument("customer", required=False)
@click.option("--total", metavar="AMOUNT", help=_("What it comes to; else the sum of the lines."))
@click.option("--line", "lines", multiple=True, metavar="SKU:QTY:PRICE", help=_("A line: article, quantity, unit price."))
@click.option("--id", "order_id", metavar="NUMBER", help=_("The order's own number; else one is made."))
@click.option("--guest", is_flag=True, help=_("Nobody in particular: a till receipt."))
@click.option("--channel", default="shop", show_default=True, help=_("web, shop, phone, …"))
@click.option("--store", help=_("Which shop."))
@click.option("--voucher", help=_("Voucher used."))
@_noted
@click.pass_context
def order_command(
    ctx: click.Context,
    customer: str | None,
    total: str | None,
    lines: tuple[str, ...],
    order_id: str | None,
    guest: bool,
    channel: str,
    store: str | None,
    voucher: str | None,
    by: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Note an order of CUSTOMER, or of a guest."""
    import secrets

    from clientbook.cli.amounts import read_amount, read_line

    if guest == (customer is not None):
        raise WrongUse(_("say whose order it is: a customer, or --guest"))
    book = open_book(ctx)
    items = [read_line(line) for line in lines]
    if total is None and not items:
        raise WrongUse(_("say what it comes to: --total, or --line"))
    summed = sum(item["amount"] for item in items)
    if total is not None and items and read_amount(total) != summed:
        said = _("the lines come to {summed}, not {total}; note a reduction as a line, such as REDUCTION:1:-2.30")
        raise WrongUse(said.format(summed=f"{summed:.2f}", total=total))
    data = {
        "order_id": clean(order_id) if order_id else f"hand-{secrets.token_hex(5)}",
        "total": read_amount(total) if total is not None else summed,
        "currency": book.settings.currency,
        "lines": items or None,
        "channel": channel,
        "store": clean(store) if store else None,
        "voucher_id": clean(voucher) if voucher else None,
    }
    _note(book, customer, "order_placed", data, by=by, at=at, as_json=as_json)
    if not as_json:
        said = _("order {number}: {total} {currency}")
        say(said.format(number=data["order_id"], total=f"{data['total']:.2f}", currency=data["currency"]))


@click.command("tag")
@click.argument("customer")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help=_("Take the tags off."))
@_noted
@click.pass_context
def tag_command(
    ctx: click.Context, customer: str, tags: tuple[str, ...], remove: bool, by: str | None, at: str | None, as_json: bool
) -> None:
    """Put TAGS on CUSTOMER."""
    from clientbook.importing.noting import happened

    book = open_book(ctx)
    type = "tag_removed" if remove else "tag_added"
    decision = happened(clean(customer), [(type, {"tag": clean(tag)}) for tag in tags])
    _report(book.note(decision, occurred_at=_when(book, at), actor=by)[1], as_json=as_json)


@click.command("merge")
@click.argument("into")
@click.argument("others", nargs=-1, required=True)
@click.option("--reason", help=_("Why."))
@_noted
@click.pass_context
def merge_command(
    ctx: click.Context, into: str, others: tuple[str, ...], reason: str | None, by: str | None, at: str | None, as_json: bool
) -> None:
    """Say that OTHERS are the customer INTO. Nothing is lost: unmerge undoes it."""
    from clientbook.importing.noting import merged

    book = open_book(ctx)
    decision = merged(clean(into), [clean(name) for name in others], reason=reason)
    root, outcome = book.note(decision, occurred_at=_when(book, at), actor=by)
    _report(outcome, as_json=as_json)
    say(_("they are customer {id} now; undo with: clientbook unmerge {others}").format(id=root, others=" ".join(others)))


@click.command("unmerge")
@click.argument("entries", nargs=-1, required=True)
@click.option("--reason", help=_("Why."))
@_noted
@click.pass_context
def unmerge_command(
    ctx: click.Context, entries: tuple[str, ...], reason: str | None, by: str | None, at: str | None, as_json: bool
) -> None:
    """Undo the merge of ENTRIES, given by the ids they had."""
    from clientbook.importing.noting import unmerged

    book = open_book(ctx)
    decision = unmerged([clean(entry) for entry in entries], reason=reason)
    _report(book.note(decision, occurred_at=_when(book, at), actor=by)[1], as_json=as_json)


@click.command("append")
@click.argument("file", default="-", type=click.File("rb"))
@_ALLOW_ERASED
@click.option("--json", "as_json", is_flag=True, help=_("Print JSON."))
@click.pass_context
def append_command(ctx: click.Context, file: Any, allow_erased: bool, as_json: bool) -> None:
    """Append events given as JSON Lines, `-` from standard input. Bad lines are named; the rest goes in."""
    book = open_book(ctx)
    outcome = book.append_lines(file.read().splitlines(), allow_erased=allow_erased)
    for reject in outcome.rejects:
        warn(
            _("line {line}: {field}: {message}").format(line=reject.line, field=reject.column or "$", message=reject.message)
        )
    if as_json:
        _print_outcome(outcome)
    else:
        said = _("{events} events added, {duplicates} known already, {rejected} refused")
        say(said.format(events=outcome.events, duplicates=outcome.rows_duplicate, rejected=outcome.rows_rejected))
    if outcome.rows_rejected:
        ctx.exit(1)


def _note(
    book: Book, customer: str | None, type: str, data: dict[str, Any], *, by: str | None, at: str | None, as_json: bool
) -> None:
    from clientbook.importing.noting import happened

    decision = happened(clean(customer) if customer else None, [(type, data)])
    _report(book.note(decision, occurred_at=_when(book, at), actor=by)[1], as_json=as_json)


def _report(outcome: Outcome, *, as_json: bool) -> None:
    if outcome.rejects:
        raise NotRecorded(outcome.rejects[0].message)
    if outcome.rows_duplicate and not outcome.events:
        raise NotRecorded(_("the book knows this already; nothing was added"))
    if as_json:
        _print_outcome(outcome)
    else:
        say(_("noted at position {position}").format(position=outcome.position))


def _print_outcome(outcome: Outcome) -> None:
    names = (
        "events",
        "rows_read",
        "rows_used",
        "rows_duplicate",
        "rows_skipped",
        "rows_rejected",
        "corrections",
        "position",
    )
    shown: dict[str, Any] = {name: getattr(outcome, name) for name in names}
    shown["rejects"] = [
        {"line": reject.line, "code": reject.code, "field": reject.column, "message": reject.message}
        for reject in outcome.rejects
    ]
    print_json(shown)


def _when(book: Book, at: str | None) -> datetime:
    return read_time(at, zoneinfo.ZoneInfo(book.settings.timezone)) if at else book.clock()


def _ask(given: dict[str, str | None]) -> tuple[str | None, dict[str, str | None]]:
    """Prompt for what a counter asks; an empty answer leaves a field out."""

    def ask(text: str) -> str | None:
        answer: str = click.prompt(text, default="", show_default=False, err=True)
        return answer.strip() or None

    company = ask(_("Company (empty for a person)"))
    answers = {
        "given_name": ask(_("First name")) if not company else None,
        "family_name": ask(_("Last name")) if not company else None,
        "email": ask(_("E-mail")),
        "mobile": ask(_("Mobile")),
        "postal_code": ask(_("Postcode")),
        "city": ask(_("Town")),
    }
    if not company and not any(answers.values()):
        raise WrongUse(_("nothing was given"))
    return company, given | answers


def _used_options(kind: str) -> frozenset[str]:
    talk = frozenset({"direction", "outcome", "minutes", "place"})
    return {
        "call": talk - {"place"},
        "meeting": talk,
        "visit": talk,
        "social": frozenset({"network", "direction"}),
        "note": frozenset(),
        "store-visit": frozenset({"place"}),
        "message": frozenset({"channel", "purpose"}),
        "quote": frozenset({"amount"}),
        "sample": frozenset(),
    }[kind]


def _log_data(kind: str, said: str | None, given: dict[str, Any], book: Book) -> dict[str, Any]:
    from clientbook.cli.amounts import read_amount

    if kind == "note":
        if not said:
            raise WrongUse(_("a note needs its text"))
        return {"text": said}
    if kind == "store-visit":
        return {"store": given["place"] or said}
    if kind == "message":
        return {"channel": given["channel"], "purpose": given["purpose"], "subject": said}
    if kind == "social":
        return {"network": given["network"], "direction": given["direction"], "summary": said}
    if kind == "quote":
        amount = read_amount(given["amount"]) if given["amount"] else None
        line = [{"product": said}] if said else None
        return {"amount": amount, "currency": book.settings.currency if amount is not None else None, "lines": line}
    if kind == "sample":
        return {"lines": [{"product": said}] if said else None}
    seconds = round(given["minutes"] * 60) if given["minutes"] is not None else None
    data = {"direction": given["direction"], "outcome": given["outcome"], "duration_seconds": seconds, "summary": said}
    return data if kind == "call" else data | {"place": given["place"]}
