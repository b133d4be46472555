"""Bring a snapshot up to a later position by folding again only what the events since have touched.

What is touched: the orders that changed events belong to, and the customers who are named by changed events, own such an
order, or were merged or unmerged. An event is changed if it is new, or was voided, or came or went with its import. Touched
orders and customers are folded from all their events by the same `.sql` files, which read another `events`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clientbook.engine.duckdb import Engine, quoted
from clientbook.projection.fold import (
    CUSTOMER_TABLES,
    ORDER_ID,
    ORDER_TABLES,
    ORDER_TYPES,
    RESOLUTION,
    TABLES,
    columns_used,
    names_from,
    open_events,
    open_live_events,
    sql,
)
from clientbook.projection.moment import Moment
from clientbook.projection.places import REPLACED, TOUCHED, Place, Scratch

SHARE: Final = 0.1
"""Past this share of changed events or touched customers the whole is folded.

Of a log of a million events and 77,000 customers, in seconds of processor time: whole 12.6; refreshed after 100 new events
2.1, after 1,000 2.7, after 5,000 (6 % of the customers touched) 3.9, after 20,000 (23 %) 7.4. It would pay a little longer,
but what is touched is held in memory, and every later read joins it.
"""

SMALLEST: Final = 20_000
"""A log of fewer events is folded whole as quickly: either takes half a second to begin with."""

SMALLEST_FOR_IDENTITIES: Final = 500_000
"""The same for identities alone, of which a million events take a second."""

LISTED: Final = 100
"""Up to so many ids are written into the query, so that whole row groups can be passed over; more are joined."""

_IDENTITY_COLUMNS: Final = (
    "position, type, customer_id, occurred_at, recorded_at, source, batch, salt,"
    " identifier_linked, identifier_unlinked, profile_updated, account_opened"
)
_IS_ORDER: Final = f"type in ({', '.join(map(quoted, ORDER_TYPES))})"
_MERGE_TYPES: Final = "type in ('customers_merged', 'customers_unmerged')"
_SMALL_TABLES: Final = {
    "customer_roots": _MERGE_TYPES,
    "segments_defined": "type in ('segment_defined', 'segment_retired', 'segment_frozen')",
    "notices": "type = 'notice_published'",
    "lists": "type = 'list_acquired'",
    "policies": "type = 'policy_adopted'",
    "similar_products": "type = 'settings_changed'",
}
"""Tables that are folded whole when an event of theirs changed."""
_MERGED: Final = "coalesce(customers_merged.merged, customers_unmerged.merged)"


@dataclass(frozen=True, kw_only=True)
class Step:
    """From one snapshot to a later head. The engine has `book` and `all_events` up to that head."""

    engine: Engine
    before: Place
    position: int
    """Of the snapshot before."""
    most: int
    """As many events can be folded at once in the memory there is."""
    moment: Moment
    scratch: Scratch


def is_small(position: int, head: int) -> bool:
    """Whether what came between the two positions is worth a refresh."""
    return head - position <= SHARE * position


def refresh(step: Step, place: Place) -> bool:
    """Write the overlay at `place`; False where too much was touched for it to be worth while."""
    engine = step.engine
    if not _resolve(step):
        return False
    _find_orders(step)
    if not _find_customers(step):
        return False
    (place.folder / "base").write_text((step.before.base or step.before).folder.name, encoding="ascii")
    (place.folder / "base").chmod(0o600)
    for name, key in TOUCHED.items():
        place.write(engine, name, _with_earlier_touches(step, name, key))
    _fold_orders(step, place)
    _fold_customers(step, place)
    for name in dict.fromkeys((*RESOLUTION, *_SMALL_TABLES)):
        place.write(engine, name, f"select * from main.{name}")
    if engine.value("select count(*) from main.turned_batches"):
        place.write(engine, "batches", sql("batches"))
    else:
        with names_from(engine, "fresh"):
            place.write(engine, "batches", f"select * from before.batches union all by name ({sql('batches')})")
    return True


def refresh_identities(step: Step) -> bool:
    """Make `customer_roots`, `identifiers` and the ids of `customers` without writing them down; False as above."""
    engine = step.engine
    if not _resolve(step):
        return False
    engine.execute("create table main.changed_customers as select customer_id from main.named")
    _touch_customers(step)
    _extract_customers(step, columns=_IDENTITY_COLUMNS)
    with names_from(engine, "customers_part"):
        engine.execute(f"create table customers_part.identifiers as {sql('identifiers')}")
    engine.execute(
        "create table customers_part.customers as"
        " select distinct customer_id from customers_part.events where customer_id is not null"
    )
    for name, columns in (("identifiers", "*"), ("customers", "customer_id")):
        engine.execute(
            f"create view main.{name} as select {columns} from before.{name}"
            f" anti join main.touched_customers using (customer_id) union all by name select * from customers_part.{name}"
        )
    return True


def _resolve(step: Step) -> bool:
    """Find the changed events; say which events count now, and for whom."""
    engine = step.engine
    for schema in ("before", "fresh", "named_part", "orders_part", "customers_part"):
        engine.execute(f"create schema {schema}")
    for name in (*RESOLUTION, *TABLES):
        _define(engine, f"before.{name}", step.before.source(name))
    new = f"select * from main.all_events where position > {step.position}"
    _define(engine, "fresh.all_events", step.scratch.events(engine, "fresh", new))
    engine.execute(
        "create table main.newly_voided as select distinct event_voided.position as position from fresh.all_events"
        f" where event_voided.position <= {step.position}"
    )
    engine.execute(
        "create table main.turned_batches as select distinct coalesce(import_reverted.batch, import_restored.batch) as batch"
        " from fresh.all_events where import_reverted is not null or import_restored is not null"
    )
    if not _find_changed(step):
        return False
    with names_from(engine, "fresh"):
        engine.execute(
            f"create table main.voided as select position from before.voided union select position from ({sql('voided')})"
        )
        engine.execute(
            "create table main.undone_batches as select batch from before.undone_batches anti join main.turned_batches"
            f" using (batch) union all select batch from ({sql('undone_batches')})"
        )
    engine.execute(
        "create table main.named as select customer_id from main.changed where customer_id is not null"
        f" union select unnest({_MERGED}) from main.changed where {_MERGE_TYPES}"
    )
    _find_kept_identities(step)
    open_live_events(engine, step.moment)
    for name, condition in _SMALL_TABLES.items():
        if engine.value(f"select count(*) from main.changed where {condition}"):
            _define(engine, "named_part.all_events", f"main.all_events where {condition}")
            open_live_events(engine, step.moment, "named_part")
            _define(engine, "named_part.events", "named_part.live_events")
            with names_from(engine, "named_part"):
                engine.execute(f"create table main.{name} as {sql(name)}")
        else:
            engine.execute(f"create table main.{name} as select * from before.{name}")
    open_events(engine, step.moment)
    engine.execute(
        "create table main.moved as select customer_id from main.named"
        " left join before.customer_roots as old using (customer_id)"
        " left join main.customer_roots as new using (customer_id)"
        " where coalesce(old.root_id, customer_id) <> coalesce(new.root_id, customer_id)"
    )
    return True


def _find_changed(step: Step) -> bool:
    """`changed`: the new events, those newly voided, and those of imports undone or done again."""
    engine = step.engine
    changed = "fresh.all_events"
    if engine.value("select (select count(*) from main.newly_voided) + (select count(*) from main.turned_batches)"):
        query = (
            f"select * from main.all_events where position <= {step.position}"
            " and (position in (select position from main.newly_voided)"
            " or batch in (select batch from main.turned_batches))"
        )
        older = step.scratch.events(engine, "older", query)
        if engine.value(f"select count(*) from {older}") > SHARE * step.position:
            return False
        changed = f"(select * from fresh.all_events union all select * from {older})"
    _define(engine, "main.changed", changed)
    return True


def _find_kept_identities(step: Step) -> None:
    """While an import is undone they are found anew: any event may change whom something else is known of."""
    engine = step.engine
    if not engine.value("select count(*) from main.undone_batches"):
        engine.execute("create table main.kept_identities as select * from before.kept_identities where false")
    else:
        engine.execute(f"create table main.kept_identities as {sql('kept_identities')}")
    engine.execute(
        "insert into main.named select distinct customer_id from ("
        "(from before.kept_identities except from main.kept_identities)"
        " union all (from main.kept_identities except from before.kept_identities)) anti join main.named using (customer_id)"
    )


def _find_orders(step: Step) -> None:
    """`touched_orders`: those of changed events and of moved customers; `owners`: whoever an event of theirs names."""
    engine = step.engine
    keys = f"select source, {ORDER_ID} as order_id from main.changed where {_IS_ORDER}"
    if engine.value("select count(*) from main.moved"):
        keys += (
            f" union all select source, {ORDER_ID} from main.all_events"
            f" where {_among(engine, 'customer_id', 'main.moved', 'customer_id')} and {_IS_ORDER}"
        )
    engine.execute(f"create table main.touched_orders as select distinct * from ({keys}) where order_id is not null")
    _define(engine, "main.order_events", f"({_orders_touched('main.all_events')})")
    engine.execute("create table main.owners as select distinct customer_id from main.order_events")


def _find_customers(step: Step) -> bool:
    """The touched customers, all events of theirs and of the touched orders; False where these are too many."""
    engine = step.engine
    engine.execute(
        "create table main.changed_customers as select customer_id from main.named"
        " union select customer_id from main.owners where customer_id is not null"
    )
    _touch_customers(step)
    count = "select count(*) from"
    touched = _with_earlier_touches(step, "touched_customers", "customer_id")
    if engine.value(f"{count} ({touched})") > SHARE * engine.value(f"{count} before.customers"):
        return False
    of_guests = "select * from main.order_events where customer_id is null"
    has_guests = engine.value("select count(*) from main.owners where customer_id is null")
    _extract_customers(step, and_also=f" union all {of_guests}" if has_guests else "")
    if engine.value(f"{count} main.touched_events") > step.most:
        return False
    _define(
        engine,
        "orders_part.all_events",
        f"({_orders_touched('main.touched_events')} union all"
        f" select * from customers_part.all_events where order_refunded is not null and order_refunded.order_id is null)",
    )
    engine.execute(
        "create table main.touched_positions as"
        " select position from orders_part.all_events where order_refunded is not null"
        f" union select position from main.changed where customer_id is null and position <= {step.position}"
    )
    return True


def _orders_touched(events: str) -> str:
    return (
        f"select one.* from {events} as one semi join main.touched_orders as touched"
        f" on one.source = touched.source and {ORDER_ID} = touched.order_id where {_IS_ORDER}"
    )


def _touch_customers(step: Step) -> None:
    """`touched_customers`: what the changed ones resolved to before and resolve to now."""
    step.engine.execute(
        "create table main.touched_customers as select coalesce(root_id, customer_id) as customer_id"
        " from main.changed_customers left join main.customer_roots using (customer_id)"
        " union select coalesce(root_id, customer_id)"
        " from main.changed_customers left join before.customer_roots using (customer_id)"
    )


def _extract_customers(step: Step, *, columns: str | None = None, and_also: str = "") -> None:
    """`touched_events`, those of the touched customers; `customers_part`, the same and changed ones without a customer."""
    engine = step.engine
    engine.execute(
        "create table main.entries as"
        " select customer_id from main.customer_roots where root_id in (select customer_id from main.touched_customers)"
        " union select customer_id from main.touched_customers anti join main.customer_roots using (customer_id)"
    )
    query = f"select * from main.all_events where {_among(engine, 'customer_id', 'main.entries', 'customer_id')}{and_also}"
    columns = columns or columns_used(engine, query)
    _define(engine, "main.touched_events", step.scratch.events(engine, "touched", query, columns=columns))
    _define(
        engine,
        "customers_part.all_events",
        "(select * from main.touched_events where customer_id is not null"
        " union all select * from main.changed where customer_id is null)",
    )
    open_events(engine, step.moment, "customers_part")


def _with_earlier_touches(step: Step, touched: str, key: str) -> str:
    earlier = f" union select {key} from {step.before.own(touched)}" if step.before.base else ""
    return f"select {key} from main.{touched}{earlier}"


def _fold_orders(step: Step, place: Place) -> None:
    engine = step.engine
    open_events(engine, step.moment, "orders_part")
    with names_from(engine, "orders_part"):
        for name in ORDER_TABLES:
            engine.execute(f"create table orders_part.{name} as {sql(name)}")
            place.write(engine, name, _with_earlier_rows(step, name, f"select * from orders_part.{name}"))


def _fold_customers(step: Step, place: Place) -> None:
    engine = step.engine
    condition = _among(engine, "customer_id", "main.touched_customers", "customer_id")
    for name in ("orders", "refunds"):
        _define(engine, f"customers_part.{name}", f"{place.source(name)} where {condition}")
    with names_from(engine, "customers_part"):
        for name in CUSTOMER_TABLES:
            engine.execute(f"create table customers_part.{name} as {sql(name)}")
            place.write(engine, name, _with_earlier_rows(step, name, f"select * from customers_part.{name}"))


def _with_earlier_rows(step: Step, table: str, query: str) -> str:
    """What is folded now, and of the overlay before what was not touched now."""
    if step.before.base is None:
        return query
    untouched = "".join(f" anti join main.{name} using ({TOUCHED[name]})" for name in REPLACED[table])
    return f"select * from {step.before.own(table)} as earlier{untouched} union all by name ({query})"


def _among(engine: Engine, column: str, table: str, key: str) -> str:
    """The condition that a column's value is among the table's: a list if it is short, else with its bounds."""
    bounds = engine.rows(f"select min({key}) as low, max({key}) as high, count(*) as n from {table}")[0]
    if not bounds["n"]:
        return "false"
    if bounds["n"] <= LISTED:
        values = engine.table(f"select {key} as v from {table}")["v"].to_pylist()
        return f"{column} in ({', '.join(map(quoted, values))})"
    between = f"{column} between {quoted(bounds['low'])} and {quoted(bounds['high'])}"
    return f"({between} and {column} in (select {key} from {table}))"


def _define(engine: Engine, name: str, source: str) -> None:
    engine.execute(f"create or replace view {name} as select * from {source}")
