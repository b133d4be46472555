"""The page that the bundle for the right of access opens with: what is held and why, for somebody who reads no JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from clientbook.consent.requests import day_of
from clientbook.consent.rights_bundle import Held
from clientbook.i18n import N_, _
from clientbook.query.labels import STATUSES, column_label, event_label
from clientbook.query.text import display
from clientbook.settings import Settings

_FILES: Final = {
    "profile.json": N_("who you are for the shop: profile, numbers, groups"),
    "events.jsonl": N_("every entry about you, one a line; `counts` says whether it still counts"),
    "consents.json": N_("what you agreed to, refused or objected to, and the wordings you were shown"),
    "messages.csv": N_("messages sent to you, and what became of them"),
    "decisions.json": N_("for each way of writing and each purpose: whether the shop may write to you now, and why"),
    "orders.csv": N_("your orders, line by line"),
}

_USES: Final = (
    (N_("Orders, deliveries, returns, guarantee"), N_("contract: GDPR article 6(1)(b)")),
    (N_("Invoices and accounts"), N_("legal duty: GDPR article 6(1)(c), Code de commerce L123-22")),
    (N_("Newsletters and offers by e-mail, SMS, push or robot call"),
     N_("consent: article 6(1)(a); for similar products, customers who could refuse: CPCE L34-5")),
    (N_("Offers by post and by phone, surveys about a purchase"),
     N_("legitimate interest in selling: article 6(1)(f); by phone only as the Code de la consommation L223-1 permits")),
    (N_("Proof of consent, objections, requests such as this one"), N_("legal duty: articles 5(2), 7(1) and 12")),
)  # fmt: skip

_RIGHTS: Final = (
    N_("correct what is wrong, and complete what is missing (article 16)"),
    N_("have your data erased (article 17)"),
    N_("have them kept but not used (article 18)"),
    N_("receive what you provided, to take it elsewhere (article 20)"),
    N_("object to advertising at any time, without a reason (article 21)"),
    N_("take back a consent at any time, as easily as you gave it (article 7(3))"),
    N_("say what is to become of your data after your death (Loi Informatique et Libertés, article 85)"),
)

_LABELS: Final = {
    "address": N_("Address"),
    "collected_from_person": N_("Given by you"),
    "informed_at_collection": N_("Informed when collected"),
    "product": N_("Article"),
    "purpose": N_("Purpose"),
    "quantity": N_("Quantity"),
    "sku": N_("Article number"),
    "state": N_("State"),
    "subject": N_("Subject"),
    "what": N_("What"),
}
"""Columns that have a label on this page only."""

_STATES_IN_WORDS: Final = {
    "granted": N_("given"),
    "requested": N_("asked for"),
    "pending": N_("waits for your confirmation"),
    "refused": N_("refused"),
    "withdrawn": N_("withdrawn"),
    "invalidated": N_("void"),
    "expired": N_("ended"),
}

_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}pre{white-space:pre-wrap}"
)


def access_page(held: Held, settings: Settings, *, received_at: datetime, made_at: datetime) -> str:
    """The page as HTML that needs nothing from outside."""
    zone = settings.timezone
    title = _("What we hold about you")
    controller = settings.consent.controller or settings.name or _("the shop")
    said = _("Answer of {controller} to your request of {received}, made on {made} (GDPR article 15).")
    intro = said.format(controller=controller, received=day_of(received_at, zone), made=day_of(made_at, zone))
    sections = [
        (_("The files beside this page"), _pairs((name, _(means)) for name, means in _FILES.items())),
        (_("Your profile"), _profile(held, zone)),
        (_("How you are recognised"), _table(held.identifiers, ("kind", "source", "value", "linked_at"), zone)),
        (_("What the data are used for, and on what basis"), _pairs((_(use), _(basis)) for use, basis in _USES)),
        (_("May we write to you now?"), _decisions(held)),
        (_("What you agreed to or refused"), _consents(held, zone)),
        (_("Your orders"), _table(held.orders, _ORDER_COLUMNS, zone)),
        (_("Messages"), _table(held.messages, ("occurred_at", "what", "channel", "purpose", "campaign", "subject"), zone)),
        (_("What happened"), _timeline(held, zone)),
        (_("Who receives the data"), _recipients(held, zone)),
        (_("Where the data come from"), _sources(held)),
        (_("How long they are kept"), _list(_retention(settings))),
        (_("Your rights"), _rights()),
    ]
    body = "".join(f"<h2>{escape(heading)}</h2>\n{part}\n" for heading, part in sections)
    return (
        f'<!doctype html>\n<html lang="{escape(_("en"))}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n<p>{escape(intro)}</p>\n{body}</body></html>\n"
    )


_ORDER_COLUMNS: Final = ("order_id", "placed_at", "status", "product", "sku", "quantity", "amount", "gross", "currency")
_ACTS: Final = ("occurred_at", "act", "channel", "purpose", "method", "notice_id")
_STATES: Final = ("channel", "address", "purpose", "state", "consented_at")


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str], zone: str) -> str:
    if not rows:
        return _paragraph(_("Nothing."))
    head = "".join(f"<th>{escape(_label(name))}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_shown(name, row[name], zone))}</td>" for name in columns) + "</tr>\n" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _shown(name: str, value: Any, zone: str) -> str:
    if name in ("what", "act", "type") and value:
        return event_label(value)
    words = {"status": STATUSES, "state": _STATES_IN_WORDS}.get(name, {})
    return _(words[value]) if value in words else display(value, zone)


def _label(name: str) -> str:
    return _(_LABELS[name]) if name in _LABELS else column_label(name)


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n" for name, value in rows)
    return f"<table><tbody>\n{body}</tbody></table>"


def _list(items: Iterable[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{escape(item)}</li>\n" for item in items) + "</ul>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _profile(held: Held, zone: str) -> str:
    filled = {name: value for name, value in held.profile.items() if value not in (None, [], "", {})}
    return _pairs((_label(name), display(_map(value), zone)) for name, value in filled.items())


def _map(value: Any) -> Any:
    """A map as DuckDB gives it, a list of pairs, as a dict."""
    is_map = isinstance(value, list) and value and all(isinstance(item, tuple) for item in value)
    return dict(value) if is_map else value


def _decisions(held: Held) -> str:
    body = "".join(
        f"<tr><td>{escape(one['channel'])}</td><td>{escape(one['purpose'])}</td>"
        f"<td>{escape(_('yes') if one['decision'] == 'allow' else _('no'))}</td><td>{escape(one['reason'])}"
        f" ({escape(one['rule_source'])})</td></tr>\n"
        for one in held.decisions
    )
    return f"<table><tbody>\n{body}</tbody></table>"


def _consents(held: Held, zone: str) -> str:
    parts = [_table(held.consents["states"], _STATES, zone), _table(held.consents["acts"], _ACTS, zone)]
    for notice in held.consents["notices"]:
        name = f"{notice['notice_id']} / {notice['version']} ({notice['language']})"
        parts.append(f"<h3>{escape(name)}</h3><pre>{escape(notice['text'])}</pre>")
    return "\n".join(parts)


def _timeline(held: Held, zone: str) -> str:
    columns = ("occurred_at", "type", "channel", "reference", "amount", "currency", "summary", "score")
    return _table(held.timeline, columns, zone)


def _recipients(held: Held, zone: str) -> str:
    parts = [_paragraph(_("The people who work at the shop, each as far as their work needs it."))]
    if held.exports:
        said = _(
            "Lists of customers that left the book since you are in it. Who was on a list is not kept: each may hold you."
        )
        rows = [
            {"occurred_at": row["occurred_at"], "destination": row["destination"], "sent": row["message_sent"]}
            for row in held.exports
        ]
        labels = [_("When"), _("Recipient"), _("A message of it is recorded as sent to you")]
        head = "".join(f"<th>{escape(label)}</th>" for label in labels)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(display(value, zone))}</td>" for value in row.values()) + "</tr>\n"
            for row in rows
        )
        parts += [_paragraph(said), f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"]
    else:
        parts.append(_paragraph(_("No list of customers is recorded as given to a mailing tool or to anybody else.")))
    parts.append(_paragraph(_("The program that keeps these data sends nothing anywhere by itself.")))
    return "\n".join(parts)


def _sources(held: Held) -> str:
    sources = sorted({event["source"] for event in held.events})
    said = _("Recorded from: {sources}.").format(sources=", ".join(sources) or _("unknown"))
    via = held.profile.get("collected_via")
    first = _("First collected by: {via}.").format(via=via) if via else _("How they were first collected is not recorded.")
    return _paragraph(first) + _paragraph(said)


def _retention(settings: Settings) -> list[str]:
    terms = settings.consent.retention
    return [
        _("Who never bought: {months} months after their last sign of interest.").format(months=terms.prospect_months),
        _("Customers, for advertising: {months} months after the last purchase or contract.").format(
            months=terms.customer_months
        ),
        _("Accounts without a purchase: {months} months after the last use.").format(months=terms.account_months),
        _("Sales: {years} years for the accounts, then and after an erasure without your name.").format(
            years=terms.invoice_years
        ),
        _("Proof of consent and requests such as this one: {years} years.").format(years=terms.proof_years),
    ]


def _rights() -> str:
    return "\n".join(
        (
            _paragraph(_("You may, free of charge and by writing to the shop:")),
            _list(map(_, _RIGHTS)),
            _paragraph(_("This program decides nothing about you by itself that would bind you or concern you gravely.")),
            _paragraph(
                _(
                    "If you think that your rights are not respected, you may complain to the CNIL: www.cnil.fr/fr/plaintes,"
                    " or 3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07."
                )
            ),
        )
    )
