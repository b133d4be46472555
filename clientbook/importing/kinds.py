"""What kind of events a table holds, told by its column names: contest entries, answers, quotes, carts, calls, mailings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clientbook.i18n import N_
from clientbook.importing.table import plain_words
from clientbook.importing.vocabulary import by_word

_DATES: Final = "date, horodateur, timestamp, date et heure, le, created time, submit date utc"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a kind of events is told from others."""

    type: str
    told_by: str
    """Names of columns that only such files have; one is enough."""
    words: Mapping[str, str]
    """Target and the names of columns it goes by, the surest first."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """What every row has, where no column says it; `{file}` is the file's name."""
    doubt: str = ""
    """Why nobody should take the mapping unseen."""
    takes_answers: bool = False
    """Whether the other columns are questions."""


KINDS: Final = (
    Kind(
        type="contest_entered",
        told_by="a gagne, gagnant, gagne, nom du jeu, nom du concours, concours, jeu concours, contest, "
        "date de participation, date participation, won",
        words={
            "event.occurred_at": f"date h, date de participation, date participation, participation, entered at, {_DATES}",
            "event.contest": "concours, jeu concours, nom du jeu, nom du concours, jeu, contest",
            "event.won": "a gagne, gagnant, gagne, won",
            "event.score": "score, points",
        },
        constants={"event.contest": "{file}"},
    ),
    Kind(
        type="survey_answered",
        told_by="horodateur, submit date utc, enquete, sondage, questionnaire, survey, note nps, nps, satisfaction, "
        "note de satisfaction, date de reponse",
        words={
            "event.occurred_at": f"date de reponse, answered at, {_DATES}",
            "event.survey": "enquete, sondage, questionnaire, survey",
            "event.score": "note nps, nps, note de satisfaction, satisfaction, note sur 10, score",
        },
        constants={"event.survey": "{file}"},
        takes_answers=True,
    ),
    Kind(
        type="quote_requested",
        told_by="n devis, no devis, numero devis, numero de devis, n de devis, devis, date devis, date du devis, quote, "
        "quote number, quote id, montant du devis",
        words={
            "event.quote_id": "n devis, no devis, numero de devis, numero devis, n de devis, quote number, quote id, devis, "
            "quote",
            "event.occurred_at": f"date du devis, date devis, date de devis, quote date, {_DATES}",
            "event.amount": "montant du devis, montant devis, total ttc, montant ttc, total, montant, amount",
            "event.currency": "devise, currency",
        },
    ),
    Kind(
        type="cart_abandoned",
        told_by="n panier, no panier, numero panier, numero de panier, id panier, panier, cart id, cart, "
        "panier abandonne le, abandonne le, date abandon, date d abandon, abandoned at",
        words={
            "event.cart_id": "n panier, no panier, numero de panier, numero panier, id panier, cart id, panier, cart",
            "event.occurred_at": f"panier abandonne le, abandonne le, date d abandon, date abandon, abandoned at, {_DATES}",
            "event.amount": "montant du panier, montant panier, valeur du panier, total ttc, montant ttc, total, montant, "
            "amount",
            "event.currency": "devise, currency",
        },
    ),
    Kind(
        type="call_made",
        told_by="date appel, date d appel, date de l appel, appele le, type d appel, duree appel, duree de l appel, "
        "resultat de l appel, resultat appel, sens de l appel, called at, call id",
        words={
            "event.occurred_at": f"date de l appel, date d appel, date appel, appele le, called at, {_DATES}",
            "event.direction": "sens de l appel, sens, type d appel, direction",
            "event.outcome": "resultat de l appel, resultat appel, resultat, issue, outcome",
            "event.duration_seconds": "duree en secondes, duree s, duree de l appel s, duree appel s, duration seconds",
            "event.summary": "compte rendu, resume, commentaires, commentaire, summary, notes, note",
        },
    ),
    Kind(
        type="meeting_held",
        told_by="date du rendez vous, date rendez vous, date rdv, date du rdv, rendez vous, rdv, date de reunion, "
        "date reunion, meeting date",
        words={
            "event.occurred_at": "date du rendez vous, date rendez vous, date du rdv, date rdv, rendez vous, rdv, "
            f"date de reunion, date reunion, meeting date, {_DATES}",
            "event.place": "lieu, lieu du rendez vous, place",
            "event.outcome": "resultat, issue, suite, suite donnee, outcome",
            "event.summary": "compte rendu, resume, commentaires, commentaire, summary, notes, note",
        },
    ),
    Kind(
        type="message_sent",
        told_by="campagne, campaign, date d envoi, date envoi, envoye le, sent at, objet du mail, objet du message",
        words={
            "event.occurred_at": f"date d envoi, date envoi, envoye le, sent at, {_DATES}",
            "event.campaign": "campagne, campaign, nom de la campagne",
            "event.subject": "objet du mail, objet du message, objet, sujet, subject",
            "event.channel": "canal, channel",
            "event.purpose": "finalite, but, purpose",
        },
        constants={"event.channel": "email", "event.purpose": "own_offers"},
        doubt=N_("is it a log of e-mails with the shop's own offers? [constants] says so; correct it where it is not"),
    ),
)
"""The first that a column tells of wins."""

VALUES: Final = {
    "event.direction": {
        "entrant": "inbound",
        "appel entrant": "inbound",
        "sortant": "outbound",
        "appel sortant": "outbound",
    },
    "event.outcome": {
        "repondu": "reached",
        "joint": "reached",
        "absent": "no_answer",
        "pas de reponse": "no_answer",
        "messagerie": "voicemail",
        "repondeur": "voicemail",
        "refus": "refused",
    },
    "event.channel": {"e-mail": "email", "mail": "email", "courriel": "email", "courrier": "post"},
}
"""What French files say, and what that means."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A kind, and the columns that go to fields of its events."""

    kind: Kind
    named: Mapping[str, str]
    """Target and column."""
    answers: tuple[str, ...]
    """Columns that are questions."""
    constants: Mapping[str, str]


def kind_told(header: Sequence[str], keys: Sequence[str], file: str) -> Told | None:
    """The kind of events that these columns tell of; None where they tell of none, or of an order."""
    plain = [plain_words(name) for name in header]
    orders = {word for word, targets in by_word().items() if any(target.name == "order.id" for _rank, target in targets)}
    if not orders.isdisjoint(plain):
        return None
    for kind in KINDS:
        if set(_words(kind.told_by)).isdisjoint(plain):
            continue
        named = _named(kind, plain, keys)
        if "event.occurred_at" not in named:
            continue
        stem = Path(file.removesuffix(".gz")).stem[:120]
        constants = {to: text.format(file=stem) for to, text in kind.constants.items() if to not in named}
        return Told(kind=kind, named=named, answers=_answers(kind, header, keys, named), constants=constants)
    return None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _named(kind: Kind, plain: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """Target and column, each target to the column that names it most surely."""
    claims = sorted(
        (_words(words).index(name), place, to)
        for to, words in kind.words.items()
        for place, name in enumerate(plain)
        if name in _words(words)
    )
    named: dict[str, str] = {}
    for _rank, place, to in claims:
        if to not in named and keys[place] not in named.values():
            named[to] = keys[place]
    return named


def _answers(kind: Kind, header: Sequence[str], keys: Sequence[str], named: Mapping[str, str]) -> tuple[str, ...]:
    if not kind.takes_answers:
        return ()
    pairs = zip(header, keys, strict=True)
    return tuple(key for name, key in pairs if name and key not in named.values() and plain_words(name) not in by_word())
