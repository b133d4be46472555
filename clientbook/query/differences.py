"""What differs between two states of the book, and which events did it. Whole tables are compared, by SQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.errors import WrongUse
from clientbook.events.registry import Registry
from clientbook.i18n import _
from clientbook.projection.snapshots import Snapshot
from clientbook.query.customers import CustomerNotFound, find_customer
from clientbook.query.overview import holdings
from clientbook.query.points import Point

Axis = Literal["recorded", "occurred"]
"""Whether the states differ by what had been recorded, or by what had happened."""

_LENT: Final = ("customers", "orders", "customer_roots")
_ORDER_KEY: Final = ("source", "order_id")
_NOT_COMPARED: Final = {"customers": ("customer_id",), "orders": (*_ORDER_KEY, "position")}


@cache
def sql(name: str) -> str:
    """The text of one of this room's queries."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def differences(
    earlier: Snapshot,
    later: Snapshot,
    *,
    points: tuple[Point, Point],
    axis: Axis,
    registry: Registry,
    currency: str,
    customer: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Totals, then customers and orders that came, went and changed, at most `limit` of each: the shape of `diff --json`.

    Raises:
        WrongUse: the first point is the later one.
        CustomerNotFound: `customer` is in neither state.
    """
    _check_order(points, axis)
    ids = _ids_of(earlier, later, customer) if customer else None
    engine = later.engine
    later.prepare("all_events")
    for name in _LENT:
        engine.execute(f"create temp view earlier_{name} as select * from {earlier.source(name)}")
    engine.execute(f"create temp view spanned as select * from all_events where {_span(points, axis)}")
    _compare(engine, ids)
    found = {
        "customers_added": _customers(engine, "added", limit),
        "customers_gone": _gone(engine, limit),
        "customers_changed": _changed_customers(engine, limit),
        "orders_added": _orders(engine, "added", limit),
        "orders_gone": _orders(engine, "gone", limit),
        "orders_changed": _changed_orders(engine, limit),
    }
    return {
        "from": points[0].described(),
        "to": points[1].described(),
        "axis": axis,
        "totals": _totals(earlier, later, registry, currency, ids),
        **found,
    }


def _check_order(points: tuple[Point, Point], axis: Axis) -> None:
    first, last = points
    if axis == "recorded":
        is_wrong = first.position > last.position
    else:
        until = last.moment.as_of
        is_wrong = until is not None and (first.moment.as_of is None or first.moment.as_of > until)
    if is_wrong:
        raise WrongUse(_("--from is later than --to"))


def _span(points: tuple[Point, Point], axis: Axis) -> str:
    """The condition that an event lies between the two states."""
    first, last = points
    if axis == "recorded":
        return f"position > {first.position} and position <= {last.position}"
    after, until = first.moment.as_of, last.moment.as_of
    bounds = ["position in (select position from events)"]
    bounds.append(f"occurred_at > timestamptz {quoted(after.isoformat())}" if after else "false")
    bounds += [f"occurred_at <= timestamptz {quoted(until.isoformat())}"] if until else []
    return " and ".join(bounds)


def _ids_of(earlier: Snapshot, later: Snapshot, customer: str) -> list[str]:
    """Who is meant, in either state."""
    found, missing = [], None
    for snapshot in (later, earlier):
        try:
            found.append(find_customer(snapshot.engine, customer))
        except CustomerNotFound as error:
            missing = missing or error
    if not found and missing:
        raise missing
    return sorted(set(found))


def _compare(engine: Engine, ids: Sequence[str] | None) -> None:
    """`customer_fates` and `order_fates`: one row per customer or order that came, went or changed, with what changed."""
    listed = ", ".join(map(quoted, ids or ()))
    is_meant = f"before.customer_id in ({listed}) or after.customer_id in ({listed})" if ids else "true"
    for table, key in (("customers", ("customer_id",)), ("orders", _ORDER_KEY)):
        columns = [row["column_name"] for row in engine.rows(f"describe {table}")]
        compared = [name for name in columns if name not in _NOT_COMPARED[table]]
        fields = ", ".join(
            f"case when before.{identifier(name)} is distinct from after.{identifier(name)} then {quoted(name)} end"
            for name in compared
        )
        keys = ", ".join(f"coalesce(after.{name}, before.{name}) as {name}" for name in key)
        extra = ", before.customer_id as customer_before, after.customer_id as customer_after" if table == "orders" else ""
        engine.execute(
            f"create temp table {table[:-1]}_fates as select * from ("
            f" select {keys}{extra}, case when before.{key[0]} is null then 'added' when after.{key[0]} is null then 'gone'"
            f" else 'changed' end as fate, list_filter([{fields}], lambda field : field is not null) as fields"
            f" from earlier_{table} as before full join {table} as after"
            f" on {' and '.join(f'before.{name} = after.{name}' for name in key)} where {is_meant}"
            ") where fate <> 'changed' or len(fields) > 0"
        )


def _totals(
    earlier: Snapshot, later: Snapshot, registry: Registry, currency: str, ids: Sequence[str] | None
) -> dict[str, Any]:
    engine = later.engine
    counts = {
        f"{kind}s_{fate}": engine.value(f"select count(*) from {kind}_fates where fate = '{fate}'")
        for kind in ("customer", "order")
        for fate in ("added", "gone", "changed")
    }
    if ids is None:
        before, after = (holdings(one, registry, currency)["revenue"] for one in (earlier, later))
        events = engine.value("select count(*) from spanned")
    else:
        listed = ", ".join(map(quoted, ids))
        before, after = (
            one.engine.value(f"select coalesce(sum(revenue), 0) from customers where customer_id in ({listed})")
            for one in (earlier, later)
        )
        engine.execute(f"create or replace temp table chosen_customers as select unnest([{listed}]) as customer_id")
        events = engine.value(f"select count(distinct position) from ({sql('customer_acts')})")
    return {"events": events, **counts, "revenue_before": before, "revenue_after": after}


def _customers(engine: Engine, fate: str, limit: int | None) -> list[dict[str, Any]]:
    """Customers with this fate: id, name, and the events that did it."""
    table = "earlier_customers" if fate == "gone" else "customers"
    engine.execute(
        "create or replace temp table chosen_customers as select customer_id, name"
        f" from customer_fates inner join {table} using (customer_id)"
        f" where fate = '{fate}' order by lower(name), customer_id{_cut(limit)}"
    )
    return engine.rows(
        f"select customer_id, name, {_LISTED} from chosen_customers"
        f" left join ({sql('customer_acts')}) as acts using (customer_id)"
        " group by customer_id, name order by lower(name), customer_id"
    )


def _gone(engine: Engine, limit: int | None) -> list[dict[str, Any]]:
    """Customers that are no more, and why: merged (into whom), undone, voided, erased."""
    gone = _customers(engine, "gone", limit)
    merged = {
        row["customer_id"]: row["root_id"]
        for row in engine.rows(
            "select customer_id, root_id from customer_roots inner join chosen_customers using (customer_id)"
            " where root_id <> customer_id"
        )
    }
    return [
        {
            "customer_id": row["customer_id"],
            "name": row["name"],
            "why": _why_gone(row, merged),
            "into": merged.get(row["customer_id"]),
            "events": row["events"],
        }
        for row in gone
    ]


def _why_gone(row: dict[str, Any], merged: dict[str, str]) -> str:
    types = {event["type"] for event in row["events"]}
    if row["customer_id"] in merged:
        return "merged"
    if "import_reverted" in types:
        return "undone"
    if "event_voided" in types:
        return "voided"
    return "other" if types else "erased"


def _changed_customers(engine: Engine, limit: int | None) -> list[dict[str, Any]]:
    changed = _customers(engine, "changed", limit)
    changes = _changes(engine, "customers", ("customer_id",))
    return [row | {"changes": changes[(row["customer_id"],)]} for row in changed]


def _orders(engine: Engine, fate: str, limit: int | None) -> list[dict[str, Any]]:
    """Orders with this fate: number, whose, how much, and the events that did it."""
    table = "earlier_orders" if fate == "gone" else "orders"
    engine.execute(
        "create or replace temp table chosen_orders as"
        " select source, order_id, customer_before, customer_after, customer_id, placed_at, revenue, currency"
        f" from order_fates inner join {table} using (source, order_id)"
        f" where fate = '{fate}' order by placed_at, source, order_id{_cut(limit)}"
    )
    return engine.rows(
        f"select source, order_id, customer_id, placed_at, revenue, currency, {_LISTED} from chosen_orders"
        f" left join ({sql('order_acts')}) as acts using (source, order_id)"
        " group by all order by placed_at, source, order_id"
    )


def _changed_orders(engine: Engine, limit: int | None) -> list[dict[str, Any]]:
    changed = _orders(engine, "changed", limit)
    changes = _changes(engine, "orders", _ORDER_KEY)
    return [row | {"changes": changes[(row["source"], row["order_id"])]} for row in changed]


def _changes(engine: Engine, table: str, key: tuple[str, ...]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """For each of those chosen: the columns that changed, with both values."""
    keys, kind = ", ".join(key), table[:-1]
    chosen = f"inner join chosen_{table} as chosen using ({keys})"
    before, after = (
        {tuple(row[name] for name in key): row for row in engine.rows(f"select one.* from {side} as one {chosen}")}
        for side in (f"earlier_{table}", table)
    )
    fields = engine.rows(f"select {keys}, fates.fields from {kind}_fates as fates {chosen} where fates.fate = 'changed'")
    return {
        place: [{"column": name, "before": before[place][name], "after": after[place][name]} for name in row["fields"]]
        for row in fields
        for place in [tuple(row[name] for name in key)]
    }


_LISTED: Final = (
    "coalesce(list(struct_pack(position := acts.position, type := acts.type, occurred_at := acts.occurred_at)"
    " order by acts.position) filter (where acts.position is not null), []) as events"
)


def _cut(limit: int | None) -> str:
    return "" if limit is None else f" limit {int(limit)}"
