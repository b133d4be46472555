"""What the projections should compute, in plain Python: slow, small, and by another hand than the SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clientbook.testing.rows import Row

IDENTITY = {"customer_registered", "identifier_linked", "account_opened"}
ORDER = {"order_placed", "order_cancelled", "order_refunded"}


@dataclass
class Model:
    """The tables, as far as they are checked."""

    roots: dict[str, str] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    identifiers: set[tuple[Any, ...]] = field(default_factory=set)
    segments: dict[str, str] = field(default_factory=dict)


def folded(log: Sequence[Row], *, as_of: Any = None, currency: str = "EUR") -> Model:
    """The log, whose rows have positions from 1, as of an instant."""
    model = Model()
    numbered = list(enumerate(log, 1))
    voided = {row.data["position"] for _, row in numbered if row.type == "event_voided"}
    for _, row in numbered:
        if row.type in ("import_reverted", "import_restored"):
            (model.undone.add if row.type == "import_reverted" else model.undone.discard)(row.data["batch"])
    counting = [(p, row) for p, row in numbered if p not in voided and row.batch not in model.undone]
    alive = {row.customer_id for _, row in counting} | {id for _, row in counting for id in row.data.get("merged", ())}
    model.kept = {
        p
        for p, row in numbered
        if row.batch in model.undone and p not in voided and row.type in IDENTITY and row.customer_id in alive
    }
    counting = sorted(counting + [(p, row) for p, row in numbered if p in model.kept])
    live = [(p, row) for p, row in counting if as_of is None or row.occurred_at <= as_of]
    in_time = sorted(live, key=lambda one: (one[1].occurred_at, one[0]))
    for _, row in in_time:
        if row.type == "customers_merged":
            model.roots |= dict.fromkeys(row.data["merged"], row.data["into"])
        if row.type == "customers_unmerged":
            model.roots |= dict(zip(row.data["merged"], row.data["roots"], strict=True))
        if row.type == "segment_defined":
            model.segments[row.data["segment_id"]] = row.data["rule"]
        if row.type == "segment_retired":
            model.segments.pop(row.data["segment_id"], None)
    owner = {p: model.roots.get(row.customer_id, row.customer_id) for p, row in live}
    loose = _orders(model, live, owner)
    _customers(model, in_time, owner, loose, currency)
    return model


def _orders(model: Model, live: list[tuple[int, Row]], owner: dict[int, Any]) -> list[tuple[Any, str, Decimal]]:
    """Fill in the orders; refunds that belong to none, as (customer, currency, amount)."""
    for p, row in live:
        if row.type == "order_placed":
            model.orders[row.source, row.data["order_id"]] = {
                "customer_id": owner[p],
                "placed_at": row.occurred_at,
                "currency": row.data["currency"],
                "gross": Decimal(row.data["total"]),
                "refunded": Decimal(0),
                "cancelled": False,
            }
    loose = []
    for p, row in live:
        order = model.orders.get((row.source, row.data.get("order_id")))
        if row.type == "order_cancelled" and order:
            order["cancelled"] = True
        if row.type == "order_refunded":
            amount, currency = Decimal(row.data["amount"]), row.data["currency"]
            who = order and (owner[p] is None or order["customer_id"] in (None, owner[p]))
            if order and who and order["currency"] == currency:
                order["refunded"] += amount
                order["is_paid_back"] = True
            else:
                loose.append((owner[p], currency, amount))
    for order in model.orders.values():
        is_paid_back = order.pop("is_paid_back", False)
        full = "refunded" if order["refunded"] >= order["gross"] else "partly_refunded"
        order["status"] = "cancelled" if order["cancelled"] else full if is_paid_back else "placed"
        order["revenue"] = Decimal(0) if order.pop("cancelled") else order["gross"] - order["refunded"]
    return loose


def _customers(
    model: Model, in_time: list[tuple[int, Row]], owner: dict[int, Any], loose: list[tuple[Any, str, Decimal]], currency: str
) -> None:
    linked: dict[tuple[Any, ...], Any] = {}
    firsts: dict[tuple[Any, ...], Any] = {}
    tags: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for p, row in in_time:
        if (who := owner[p]) is None:
            continue
        counts[who] += 1
        if row.type in ("tag_added", "tag_removed"):
            (tags[who].add if row.type == "tag_added" else tags[who].discard)(row.data["tag"])
        if row.type in ("identifier_linked", "identifier_unlinked"):
            source = row.source if row.data["kind"] == "external" else None
            linked[who, row.data["kind"], source, row.data["value"]] = row.type == "identifier_linked"
        if row.type == "profile_updated" and row.data.get("email"):
            linked[who, "email", None, row.data["email"]] = True
        if row.type in ("identifier_linked", "profile_updated") and (value := row.data.get("value", row.data.get("email"))):
            firsts.setdefault((who, row.data.get("kind", "email"), value), (row.occurred_at, p))
    model.identifiers = {one for one, is_linked in linked.items() if is_linked}
    for who, count in counts.items():
        mine = [order for order in model.orders.values() if order["customer_id"] == who]
        kept = [order for order in mine if order["status"] != "cancelled"]
        at_home = [order for order in kept if order["currency"] == currency]
        back = sum(amount for customer, money, amount in loose if customer == who and money == currency)
        gross, refunded = sum(o["gross"] for o in at_home), sum(o["refunded"] for o in at_home) + back
        emails = [value for one, kind, _, value in model.identifiers if one == who and kind == "email"]
        is_said, email = _field("email", who, in_time, owner)
        known = min(emails, key=lambda value: firsts[who, "email", value], default=None)
        model.customers[who] = {
            "given_name": _field("given_name", who, in_time, owner)[1],
            "email": email if is_said else known,
            "tags": sorted(tags[who]),
            "order_count": len(kept),
            "gross": gross,
            "refunded": refunded,
            "revenue": gross - refunded,
            "first_order_at": min((o["placed_at"] for o in kept), default=None),
            "last_order_at": max((o["placed_at"] for o in kept), default=None),
            "event_count": count,
        }


def _field(name: str, who: str, in_time: list[tuple[int, Row]], owner: dict[int, Any]) -> tuple[bool, Any]:
    """Whether the profile says anything of it, and what: the entry itself goes before those merged into it."""
    said = [
        (row.customer_id == who, place, row.data.get(name))
        for place, (p, row) in enumerate(in_time)
        if row.type == "profile_updated"
        and owner[p] == who
        and (row.data.get(name) is not None or name in row.data.get("cleared", ()))
    ]
    return (True, max(said, key=lambda one: one[:2])[2]) if said else (False, None)
