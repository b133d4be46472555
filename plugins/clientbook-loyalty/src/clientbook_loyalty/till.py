"""Reads the card movements that the shop's till exports: a French CSV, one movement a line."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from clientbook.api import N_, FileHead, GivenSource, Importer, Match, NewEvent, Reject
from clientbook_loyalty.events import card_number
from clientbook_loyalty.settings import Settings

_COLUMNS = ("Carte", "Date", "Heure", "Opération", "Points", "Montant", "Palier", "Ticket", "Magasin")
_EARNED, _SPENT, _EXPIRED, _TIER = "Gain", "Utilisation", "Expiration", "Palier"
_TIERS = {"Bronze": "bronze", "Argent": "silver", "Or": "gold"}
_POINTS = re.compile(r"[0-9]{1,9}")
_AMOUNT = re.compile(r"-?[0-9]{1,3}(?:\s?[0-9]{3})*(?:,[0-9]{1,2})?")


def identify(head: FileHead) -> Match | None:
    """The file is the till's if its header has the columns that no other file has."""
    known = [name for name in _COLUMNS if name in head.header]
    if not {"Carte", "Opération", "Points"} <= set(known):
        return None
    return Match(score=60 + 40 * len(known) // len(_COLUMNS), reasons=(f"{len(known)} columns of the till's card export",))


def extract(source: GivenSource) -> Iterator[NewEvent | Reject]:
    """One event a line; a line that does not say clearly what happened is rejected, never guessed."""
    settings = source.settings or Settings()
    zone = zoneinfo.ZoneInfo(settings.timezone)
    for line, row in source.rows():
        found = _Row({name: cell.strip() for name, cell in row.items()}, line, zone).read()
        if found is not None:
            yield found


class _Row:
    """One line of the export."""

    def __init__(self, cells: dict[str, str], line: int, zone: zoneinfo.ZoneInfo) -> None:
        self._cells = cells
        self._line = line
        self._zone = zone

    def read(self) -> NewEvent | Reject | None:
        """What the line says; nothing for the total that some tills print below."""
        if self._cells["Carte"] == "TOTAL":
            return None
        card = card_number(self._cells["Carte"])
        if card is None:
            return self._reject("card.format", "Carte", N_("expected the seven digits of a card"))
        moment = self._moment()
        if moment is None:
            return self._reject(
                "date.impossible", "Date", N_("expected a day that exists, as 31/12/2026, and a time as 18:30")
            )
        found = self._happened()
        if isinstance(found, Reject):
            return found
        type, data = found
        return NewEvent(
            type=f"loyalty.{type}",
            data=data,
            occurred_at=moment,
            customer={"loyalty.card": card},
            line=self._line,
        )

    def _happened(self) -> tuple[str, dict[str, Any]] | Reject:
        operation = self._cells["Opération"]
        if operation == _TIER:
            tier = _TIERS.get(self._cells["Palier"])
            return (
                ("tier_changed", {"tier": tier}) if tier else self._reject("tier.unknown", "Palier", N_("expected a tier"))
            )
        if operation not in (_EARNED, _SPENT, _EXPIRED):
            return self._reject("operation.unknown", "Opération", N_("expected Gain, Utilisation, Expiration or Palier"))
        if not _POINTS.fullmatch(self._cells["Points"]):
            return self._reject("points.format", "Points", N_("expected a whole number"))
        data: dict[str, Any] = {"points": int(self._cells["Points"])}
        data |= {
            name: self._cells[column]
            for name, column in (("receipt", "Ticket"), ("store", "Magasin"))
            if self._cells[column]
        }
        if operation != _EARNED:
            return "points_spent", data | {"reason": "spent" if operation == _SPENT else "expired"}
        if not self._cells["Montant"]:
            return "points_earned", data
        if not _AMOUNT.fullmatch(self._cells["Montant"]):
            return self._reject("amount.format", "Montant", N_("expected an amount such as 1 234,50"))
        plain = re.sub(r"\s", "", self._cells["Montant"]).replace(",", ".")
        return "points_earned", data | {"amount": Decimal(plain)}

    def _moment(self) -> datetime | None:
        text = f"{self._cells['Date']} {self._cells['Heure'] or '12:00'}"
        if not re.fullmatch(r"[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}", text):
            return None  # strptime would take 1/2/26 for the year 26
        try:
            return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=self._zone)
        except ValueError:
            return None

    def _reject(self, code: str, column: str, message: str) -> Reject:
        return Reject(line=self._line, code=code, column=column, message=message)


IMPORTER = Importer(
    id="loyalty.till",
    label=N_("Card movements of the till"),
    description=N_("The till's CSV export of card movements: points earned, spent and expired, changes of tier."),
    suffixes=(".csv", ".txt"),
    emits=("loyalty.points_earned", "loyalty.points_spent", "loyalty.tier_changed"),
    source="till",
    identify=identify,
    extract=extract,
)
