"""Find one customer, and everything the book says of it."""

from __future__ import annotations

from typing import Any

from clientbook.engine.duckdb import Engine
from clientbook.errors import ClientbookError
from clientbook.i18n import _

_CANDIDATES = """
    select customer_id from customers where customer_id = $text
    union
    select customer_roots.root_id from customer_roots where customer_roots.customer_id = $text
    union
    select customer_id from identifiers where value = $text or kind = 'email' and value = lower($text)
    union
    select customer_id from identifiers
    where kind = 'phone' and regexp_full_match($text, '[0-9 .()+/-]{9,}')
        and right(regexp_replace(value, '[^0-9]', '', 'g'), 9) = right(regexp_replace($text, '[^0-9]', '', 'g'), 9)
    union
    select customer_id from customers where length($text) >= 6 and starts_with(customer_id, $text)
"""


class CustomerNotFound(ClientbookError, LookupError):
    """Nobody, or several, are meant."""


def find_customer(engine: Engine, text: str) -> str:
    """The customer meant by an id, the first six or more characters of one, an e-mail, a phone or a source's number.

    Raises:
        CustomerNotFound: nobody, or several; the message does not repeat the text.
    """
    found = engine.rows(f"select customer_id from ({_CANDIDATES}) order by 1 limit 6", {"text": text.strip()})
    if not found:
        raise CustomerNotFound(
            _("no customer has this id, e-mail, phone or number; `clientbook customers --search` looks by name")
        )
    if len(found) > 1:
        ids = ", ".join(row["customer_id"] for row in found[:5])
        raise CustomerNotFound(_("several customers are meant: {ids}; give one of these ids").format(ids=ids))
    customer_id: str = found[0]["customer_id"]
    return customer_id


def profile(engine: Engine, customer_id: str) -> dict[str, Any]:
    """The customer's row."""
    return engine.rows("select * from customers where customer_id = $id", {"id": customer_id})[0]


def timeline(engine: Engine, customer_id: str, *, limit: int | None = None) -> list[dict[str, Any]]:
    """What happened with the customer, the newest first."""
    cut = f" limit {limit}" if limit else ""
    return engine.rows(
        "select occurred_at, position, type, side, channel, reference, campaign, amount, currency, summary, score,"
        " source, actor"
        f" from interactions where customer_id = $id order by occurred_at desc, position desc{cut}",
        {"id": customer_id},
    )


def orders(engine: Engine, customer_id: str) -> list[dict[str, Any]]:
    """The customer's orders, the newest first."""
    return engine.rows(
        "select order_id, source, placed_at, status, gross, refunded, revenue, currency, line_count,"
        " (select string_agg(coalesce(product, sku), ', ' order by line_number) from order_lines"
        " where order_lines.source = orders.source and order_lines.order_id = orders.order_id) as articles, channel, store"
        " from orders where customer_id = $id order by placed_at desc, position desc",
        {"id": customer_id},
    )


def consent_acts(engine: Engine, customer_id: str) -> list[dict[str, Any]]:
    """What the customer agreed to, refused, withdrew or objected to, the newest first."""
    return engine.rows(
        "select occurred_at, recorded_at, position, act, channel, purpose, scope, cause, opt_in_level, notice_id, method,"
        " surface, source, actor from consent_history where customer_id = $id"
        " order by occurred_at desc, position desc, purpose",
        {"id": customer_id},
    )


def identifiers(engine: Engine, customer_id: str) -> list[dict[str, Any]]:
    """How the customer is recognised."""
    return engine.rows(
        "select kind, source, value, strength, linked_at from identifiers where customer_id = $id"
        " order by kind, source, value",
        {"id": customer_id},
    )
