"""Events for the examples that the declarations carry."""

from __future__ import annotations

from typing import Any


def happened(type: str, day: str, card: str, **data: Any) -> dict[str, Any]:
    """An event of this plugin at noon in Paris."""
    return {
        "type": f"loyalty.{type}",
        "occurred_at": f"{day}T12:00:00+01:00",
        "source": "till",
        "customer": {"loyalty.card": card},
        "data": data,
    }


def bought(day: str, number: str, customer: dict[str, str]) -> dict[str, Any]:
    """An order over 20 euros."""
    return {
        "type": "order_placed",
        "occurred_at": f"{day}T12:00:00+01:00",
        "source": "till",
        "customer": customer,
        "data": {"order_id": number, "total": "20.00", "currency": "EUR"},
    }
