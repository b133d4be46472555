"""A certificate as a document: Markdown or HTML for people, with all it states as JSON for programs.

What people read is made from the JSON alone, so writing it again shows any change to either.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final, Literal

import msgspec

from clientbook.consent.certificate import LAYOUT, Certificate
from clientbook.consent.reasons import OBLIGATIONS, REASONS, WARNINGS
from clientbook.errors import ClientbookError
from clientbook.i18n import N_, _, speaking
from clientbook.query.text import harmless

Form = Literal["md", "html"]
_SCRIPT: Final = '\n<script type="application/json" id="certificate">\n'
_END: Final = "\n</script>\n</body>\n</html>\n"
_DATA: Final = {
    "md": ("\n```json\n", re.compile(r"\n```json\n(.*)\n```\n\Z", re.DOTALL)),
    "html": (_SCRIPT, re.compile(rf"{_SCRIPT}(.*){_END}\Z", re.DOTALL)),
}
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|#&~$])")
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #999;padding:.2em .6em;text-align:left;"
    "vertical-align:top}pre{white-space:pre-wrap;background:#f4f4f4;padding:1em}"
)

_ACT_LABELS: Final = {
    "occurred_at": N_("happened"),
    "recorded_at": N_("known to the book"),
    "position": N_("position in the log"),
    "channel": N_("channel"),
    "purpose": N_("purpose"),
    "address": N_("address"),
    "scope": N_("scope"),
    "cause": N_("cause"),
    "opt_in_level": N_("opt-in"),
    "notice_id": N_("wording"),
    "notice_version": N_("version of the wording"),
    "method": N_("how"),
    "surface": N_("where"),
    "form_id": N_("form"),
    "url": N_("page"),
    "box_default": N_("the box stood"),
    "bundled": N_("tied to something else"),
    "evidence_sha256": N_("digest of a document"),
    "parental": N_("a parent agreed too"),
    "undated": N_("without a date of its own"),
    "valid_until": N_("ends by itself"),
    "opt_out_ticked": N_("refused when offered to"),
    "do_not_call_listed": N_("on the do-not-call register"),
    "recorded_by": N_("noted by"),
    "source": N_("source"),
    "actor": N_("entered by"),
    "batch": N_("import"),
}


class UnreadableCertificate(ClientbookError):
    """The file is no certificate, or its data were changed so that they cannot be read."""

    exit_code = 3


@dataclass(frozen=True)
class _Title:
    text: str
    level: int = 2


@dataclass(frozen=True)
class _Words:
    text: str


@dataclass(frozen=True)
class _Table:
    labels: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class _Quote:
    text: str


Block = _Title | _Words | _Table | _Quote


def written(certificate: Certificate, form: Form) -> str:
    """The document, in the language that the certificate says."""
    with speaking(certificate.language):
        blocks = list(_blocks(certificate))
        return _markdown(blocks, certificate) if form == "md" else _html(blocks, certificate)


def read(data: bytes) -> tuple[Certificate, list[int]]:
    """What a document states, and the lines in which it is not what that statement is written as.

    Raises:
        UnreadableCertificate: it holds no statement, or one of another form.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableCertificate(_("the certificate is not UTF-8 text, so it is not what was written")) from None
    form: Form = "html" if text.startswith("<!DOCTYPE html>") else "md"
    begin, pattern = _DATA[form]
    found = pattern.search(text, max(text.rfind(begin), 0))  # the last one: wordings may hold anything
    if not found:
        raise UnreadableCertificate(_("the file holds no certificate, or its end was changed or cut off"))
    try:
        stated = msgspec.json.decode(found[1], type=Certificate)
        as_written = written(stated, form)
    except (msgspec.MsgspecError, KeyError, ValueError, OverflowError):
        raise UnreadableCertificate(_("the data at the end of the certificate were changed: they cannot be read")) from None
    if stated.certificate != LAYOUT:
        said = _("the certificate has form {found}; this clientbook reads form {known}")
        raise UnreadableCertificate(said.format(found=stated.certificate, known=LAYOUT))
    return stated, _other_lines(text, as_written)


def json_text(certificate: Certificate) -> str:
    """All that it states."""
    return msgspec.json.format(msgspec.json.encode(certificate), indent=2).decode()


def _other_lines(text: str, as_written: str) -> list[int]:
    lines, expected = text.split("\n"), as_written.split("\n")
    places = range(max(len(lines), len(expected)))
    return [place + 1 for place in places if lines[place : place + 1] != expected[place : place + 1]]


def _blocks(one: Certificate) -> Iterator[Block]:
    yield _Title(_("Certificate of permission"), 1)
    yield _Words(
        _(
            "What the customer book knew of this person's permission, as of a position of its log. The command that"
            " holds it against the book: clientbook verify --certificate FILE"
        )
    )
    yield _pairs(one, _about(one))
    yield _Title(_("Decision"))
    yield from _decisions(one)
    yield _Title(_("Known of the person"))
    yield _pairs(one, list(one.facts.items()))
    yield _Title(_("Acts"))
    if not one.acts:
        yield _Words(_("No act about permission is recorded."))
    for number, act in enumerate(one.acts, 1):
        yield _Title(f"{number}. {_act_name(act.act)}", 3)
        said = {name: getattr(act, name) for name in _ACT_LABELS}
        yield _pairs(one, [(_(_ACT_LABELS[name]), value) for name, value in said.items() if value is not None])
    yield _Title(_("Wordings"))
    if not one.notices:
        yield _Words(_("No act names a wording that is in the register."))
    for notice in one.notices:
        yield _Title(f"{notice.notice_id} / {notice.version} / {notice.language}", 3)
        published = [
            (_("published"), notice.published_at),
            (_("position in the log"), notice.position),
            ("SHA-256", notice.sha256),
        ]
        yield _pairs(one, published)
        yield _Quote(notice.text)
    yield _Title(_("Policy"))
    yield _Quote(one.policy.text)
    yield _Title(_("Messages"))
    yield _Table((_("Message"), _("Declared as")), [(ask.message or "–", _profile(ask.profile)) for ask in one.asked])
    yield _Title(_("Events"))
    yield _Words(_("Each event that this rests on, with the SHA-256 by which it is linked into the chain."))
    yield _Table((_("Position"), "SHA-256"), [(str(event.position), event.digest) for event in one.evidence])
    yield _Words(_("Not legal advice. Each rule names its source and how sure it is."))
    yield _Title(_("Data"))


def _about(one: Certificate) -> list[tuple[str, Any]]:
    person, policy = one.customer, one.policy
    pairs = [
        (_("book"), one.book),
        (_("controller"), one.controller),
        (_("customer"), person.name),
        (_("e-mail"), person.email),
        (_("phone"), person.phone),
        (_("customer id"), person.customer_id),
        (_("decided for"), one.at),
        (_("only what had happened by"), one.as_of),
        (_("only what was known at"), one.known_at),
        (_("made"), one.made_at),
        (_("position in the log"), one.position),
        (_("commit"), one.commit),
        (_("recorded"), one.recorded_at),
        (_("chain digest"), one.chain_digest),
        (_("rule pack"), f"{one.rule_pack}, SHA-256 {one.rule_pack_sha256}"),
        (_("policy"), f"SHA-256 {policy.digest}"),
        (_("policy adopted"), policy.adopted_at or _("none was adopted by then")),
        (_("time zone"), one.timezone),
        (_("language"), f"{one.language} ({_('form')} {one.certificate})"),
    ]
    return [(label, value) for label, value in pairs if value is not None]


def _decisions(one: Certificate) -> Iterator[Block]:
    for decided in one.decisions:
        reason = REASONS[decided.reason_code]
        verdict = _("yes") if decided.decision == "allow" else _("no")
        title = f"{decided.channel} / {decided.purpose}" + (f" / {decided.message}" if decided.message else "")
        yield _Title(f"{title}: {verdict}", 3)
        pairs: list[tuple[str, Any]] = [
            (_("reason"), f"{decided.reason_code}: {_(reason.means)}"),
            (_("legal basis"), decided.legal_basis),
            (_("source of the rule"), f"{reason.source} ({_(reason.certainty)})" if reason.source else None),
            (_("rests on positions"), ", ".join(map(str, decided.evidence)) or None),
            (_("asks for"), "; ".join(_(OBLIGATIONS[code]) for code in decided.obligations) or None),
            (_("warnings"), "; ".join(_(WARNINGS[code]) for code in decided.warnings) or None),
        ]
        yield _pairs(one, [(label, value) for label, value in pairs if value is not None])


def _profile(profile: Any) -> str:
    said = msgspec.to_builtins(profile)
    return "; ".join(f"{name}: {value}" for name, value in said.items() if value not in (None, []))


def _act_name(act: str) -> str:
    return act.replace("_", " ")


def _pairs(one: Certificate, pairs: list[tuple[str, Any]]) -> _Table:
    return _Table((_("What"), _("Stated")), [(label, _shown(value, one.timezone)) for label, value in pairs])


def _shown(value: Any, timezone: str) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return value.astimezone(zoneinfo.ZoneInfo(timezone)).isoformat(sep=" ")
    return str(value)


def _markdown(blocks: list[Block], certificate: Certificate) -> str:
    parts = []
    for block in blocks:
        match block:
            case _Title():
                parts.append(f"{'#' * block.level} {_escaped(block.text)}")
            case _Words():
                parts.append(block.text)
            case _Table():
                lines = [" | ".join(block.labels), " | ".join(["---"] * len(block.labels))]
                lines += [" | ".join(map(_escaped, row)) for row in block.rows]
                parts.append("\n".join(f"| {line} |" for line in lines))
            case _Quote():
                fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", block.text)), default=0))
                parts.append(f"{fence}text\n{_lines(block.text)}\n{fence}")
    parts.append(f"```json\n{json_text(certificate)}\n```")
    return "\n\n".join(parts) + "\n"


def _html(blocks: list[Block], certificate: Certificate) -> str:
    parts = []
    for block in blocks:
        match block:
            case _Title():
                parts.append(f"<h{block.level}>{_safe(block.text)}</h{block.level}>")
            case _Words():
                parts.append(f"<p>{_safe(block.text)}</p>")
            case _Table():
                head = "".join(f"<th>{_safe(label)}</th>" for label in block.labels)
                rows = ["".join(f"<td>{_safe(cell)}</td>" for cell in row) for row in block.rows]
                parts.append("\n".join(["<table>", *(f"<tr>{row}</tr>" for row in [head, *rows]), "</table>"]))
            case _Quote():
                parts.append(f"<pre>{escape(_lines(block.text))}</pre>")
    title = escape(_("Certificate of permission"))
    data = json_text(certificate).replace("<", "\\u003c")
    language = escape(certificate.language)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(parts) + f"{_SCRIPT}{data}{_END}"
    )


def _escaped(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return _SPECIAL.sub(r"\\\1", harmless(text))


def _safe(text: str) -> str:
    return escape(harmless(text))


def _lines(text: str) -> str:
    """Text with its line breaks, harmless otherwise."""
    return "\n".join(harmless(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
