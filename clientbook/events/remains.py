"""What is left of an event when a person is erased, and by which identifiers an event names somebody.

A sale keeps its amount and its month, without a person: revenue of the past stays what it was. An event of somebody else
that names the person by id loses the id. Everything else goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
"""A row of the log: envelope and struct columns by name."""

SALES: Final = ("order_placed", "order_cancelled", "order_refunded", "balance_adjusted")
"""Types of which something is kept."""

_PHONE_DIGITS: Final = 6
"""A number with fewer is an extension, a quantity or a year, and no phone."""

_KEPT_FIELDS: Final = {
    "order_placed": ("total", "currency"),
    "order_cancelled": (),
    "order_refunded": ("amount", "currency"),
    "balance_adjusted": ("amount", "currency"),
}


def kept_sale(row: Row, order: int | None, timezone: str, digest: bytes) -> dict[str, Any]:
    """What is kept of a sale: amount, currency and month, and of which order it speaks.

    `order` is the position after which an order of the erased person is called from now on; None where the row has no order,
    or that of somebody else. `digest` is the row's own; the new id and salt follow from it, so that doing it again gives the
    same row.
    """
    kind, data = row["type"], row[row["type"]]
    kept = {name: data[name] for name in _KEPT_FIELDS[kind]}
    if order is not None:
        kept["order_id"] = order_name(order)
    elif kind in ("order_placed", "order_cancelled"):
        kept["order_id"] = data["order_id"]
    return _envelope(row, digest) | {
        "customer_id": None,
        "actor": None,
        "batch": None,  # undoing the import it came with, so that the file can come again, must not take it away
        "occurred_at": month_of(row["occurred_at"], timezone),
        kind: kept,
    }


def order_name(position: int) -> str:
    """The number under which an erased person's order goes on."""
    return f"erased-{position}"


def stripped(row: Row, ids: Set[str], order: int | None, digest: bytes) -> dict[str, Any] | None:
    """The row of somebody else without these customers' ids and orders; None where nothing is left of it."""
    kind, data = row["type"], dict(row[row["type"]])
    if kind == "profile_updated":
        data["company_id"] = None
    elif kind == "segment_frozen":
        data["members"] = [one for one in data["members"] if one not in ids] or None
    elif kind == "order_cancelled":
        data["order_id"] = data["order_id"] if order is None else order_name(order)
    elif kind == "event_voided":
        data["reason"] = None
    else:
        roots = data.get("roots") or data["merged"]
        pairs = [(one, root) for one, root in zip(data["merged"], roots, strict=True) if one not in ids and root not in ids]
        if not pairs or data["into"] in ids:
            return None
        data |= {"merged": [one for one, _root in pairs], "reason": None}
        if kind == "customers_unmerged":
            data["roots"] = [root for _one, root in pairs]
    return _envelope(row, digest) | {kind: data}


def month_of(moment: datetime, timezone: str) -> datetime:
    """Noon of the first day of the moment's month, in the time zone."""
    local = moment.astimezone(ZoneInfo(timezone))
    return local.replace(day=1, hour=12, minute=0, second=0, microsecond=0).astimezone(UTC)


def identifiers(rows: Iterable[Row]) -> set[tuple[str, str, str]]:
    """The identifiers that events name: (kind, source, value), normalised.

    `source` is empty but for external numbers. The book's own ids are among them, of kind `customer`.
    """
    found = set()
    for row in rows:
        data = row[row["type"]]
        found.add(("customer", "", row["customer_id"]))
        match row["type"]:
            case "identifier_linked" | "identifier_unlinked":
                found.add((data["kind"], row["source"], data["value"]))
            case "profile_updated":
                found |= {("email", "", data["email"]), ("phone", "", data["mobile"]), ("phone", "", data["landline"])}
            case "account_opened" | "account_closed":
                found.add(("external", row["source"], data["external_id"]))
            case kind if kind.startswith("consent_") or kind in ("address_suppressed", "suppression_lifted"):
                found.add(("email" if "@" in (data["address"] or "") else "phone", "", data["address"]))
    named = {normalised(kind, source, value) for kind, source, value in found if value}
    return {one for one in named if one[2]}


def normalised(kind: str, source: str | None, value: str) -> tuple[str, str, str]:
    """An identifier in the form in which two of them are the same: phones by their last nine digits.

    The value is empty where it identifies nobody: "none" instead of a phone number.
    """
    if kind == "email":
        return kind, "", value.strip().lower()
    if kind == "phone":
        digits = "".join(character for character in value if character.isdecimal())
        return kind, "", digits[-9:] if len(digits) >= _PHONE_DIGITS else ""
    return kind, (source or "") if kind == "external" else "", value.strip()


def names(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Given and family names that profiles say."""
    profiles = [row["profile_updated"] for row in rows if row["type"] == "profile_updated"]
    given = {one["given_name"] for one in profiles if one["given_name"]}
    family = {one["family_name"] for one in profiles if one["family_name"]}
    return {(first, last) for first in given for last in family}


def _envelope(row: Row, digest: bytes) -> dict[str, Any]:
    said = {name: row[name] for name in ("position", "type", "customer_id", "occurred_at", "recorded_at", "source")}
    rest = {"actor": row["actor"], "batch": row["batch"]}
    return said | rest | {"event_id": sha256(b"id" + digest).digest()[:16], "salt": sha256(b"salt" + digest).digest()[:16]}
