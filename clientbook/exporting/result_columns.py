"""How a file of results is laid out: which column is the address, what happened, and when.

Tools give one row an event, or one row a recipient with a column for each kind of event: a date, a number of times, a yes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from clientbook.errors import WrongUse
from clientbook.i18n import _

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": (
        *("email", "emailid", "emailaddress", "adresseemail", "mail", "courriel", "recipient", "destinataire", "to"),
        *("subscriber", "contact", "phone", "phonenumber", "sms", "telephone", "mobile"),
    ),
    "event": ("event", "eventtype", "type", "status", "statut", "action", "evenement", "activity", "metric"),
    "date": ("date", "time", "timestamp", "datetime", "eventdate", "occurredat", "at", "sentat", "ts", "horodatage"),
    "url": ("url", "link", "lien", "clickedurl", "linkurl"),
}
"""Headers that are recognised, without accents, blanks and signs."""

_WORDS: Final = {
    "sent": "sent send delivered delivery envoye envoi delivre processed request",
    "opened": "opened open opens uniqueopened firstopening ouvert ouverture ouvertures lu",
    "clicked": "clicked click clicks clic clics clique",
    "bounced": "hardbounce hardbounces rebond cleaned bounced bounce bounces bouncetype invalidemail invalid blocked",
    "soft_bounced": "softbounce softbounced softbounces soft deferred rebondtemporaire",
    "unsubscribed": "unsubscribed unsubscribe unsubscribes unsub optout desinscrit desinscription desabonne",
    "complained": "complaint complaints complained spam spamcomplaint markedasspam abuse abusereport spamreport plainte",
}
EVENTS: Final[Mapping[str, str]] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
"""What tools call what happened, without accents, blanks and signs."""

KINDS: Final = ("sent", "opened", "clicked", "bounced", "soft_bounced", "unsubscribed", "complained")

_DATES: Final = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
)
_AROUND: Final = re.compile(r"^(?:date|first|last|unique|total|number|nb)?(?:of|de|d)?(.+?)(?:date|time|count|at|on|le)?$")
"""What stands around the name of an event in the header of its own column: `Open_Date`, `Total opens`, `Date ouverture`."""
_NOTHING: Final = frozenset({"", "0", "no", "non", "n", "false", "faux", "none", "null", "na", "-"})
_YES: Final = frozenset({"yes", "oui", "y", "o", "true", "vrai", "x"})


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which header is what."""

    fields: Mapping[str, str]
    """Field of `FIELDS` to header."""
    events: Mapping[str, str]
    """Of a file with one row a recipient: header to the kind of event it tells of. Empty where each row is an event."""


class CellMisfit(ValueError):
    """A cell of a column of events says nothing that can be taken; the message does not repeat it."""


def columns_of(headers: Sequence[str], *, chosen: Mapping[str, str], event: str | None) -> Columns:
    """Which header is what; `chosen` says it of some, `event` what all rows say.

    Raises:
        WrongUse: there is no such header, or none for the address or what happened.
    """
    found: dict[str, str] = {}
    known = {plain(header): header for header in reversed(headers)}
    for name, words in FIELDS.items():
        fitting = [known[word] for word in map(plain, words) if word in known]
        found |= {name: fitting[0]} if fitting else {}
    for name, header in chosen.items():
        if name not in FIELDS:
            raise WrongUse(_("--column takes {names}, not {name!r}").format(names=", ".join(FIELDS), name=name))
        if header not in headers:
            raise WrongUse(_("the file has no column {header!r}").format(header=header))
        found[name] = header
    if "address" not in found:
        raise WrongUse(_("no column is known to hold the address; name it with --column address=HEADER"))
    if event is not None and plain(event) not in EVENTS:
        raise WrongUse(_("--event is one of {known}").format(known=", ".join(KINDS)))
    wide = {header: kind for header in headers if header not in found.values() and (kind := _kind_of_column(header))}
    if event is not None or "event" in chosen or ("event" in found and len(wide) < 2):
        wide = {}
    elif wide:
        found.pop("event", None)
    elif "event" not in found:
        said = _("no column says what happened; name it with --column event=HEADER, or say with --event what all rows are")
        raise WrongUse(said)
    return Columns(fields=found, events=wide)


def told(kind: str, text: str) -> tuple[str, datetime | None] | None:
    """What a cell in a column of one kind of event says: the kind, and when where it says so; None for nothing.

    Raises:
        CellMisfit: it is no date, no number and no yes or no.
    """
    word = plain(text) or text
    if word in _NOTHING or (text.isascii() and re.fullmatch(r"0+([.,]0+)?", text)):
        return None
    if word in _YES or re.fullmatch(r"[0-9]{1,7}", text):
        return kind, None
    if kind == "bounced" and word in ("hard", "soft", "hardbounce", "softbounce"):
        return ("soft_bounced" if word.startswith("soft") else "bounced"), None
    at = read_time(text)
    if at is None:
        raise CellMisfit
    return kind, at


def read_time(text: str) -> datetime | None:
    """A date and time as mailing tools write them; a day alone is its noon."""
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
    except ValueError:
        for form in _DATES:
            try:
                found = datetime.strptime(text, form)
                break
            except ValueError:
                continue
        else:
            return None
    is_day = re.fullmatch(r"[0-9/-]+", text) is not None
    return datetime.combine(date(found.year, found.month, found.day), time(12)) if is_day else found


def plain(text: str) -> str:
    """A word without accents, blanks and signs, in small letters."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", folded)


def _kind_of_column(header: str) -> str | None:
    word = plain(header)
    if word in EVENTS:
        return EVENTS[word]
    around = _AROUND.match(word)
    return EVENTS.get(around[1]) if around else None
