"""How the differences between two states of the book are printed: totals first, then customers and orders."""

from __future__ import annotations

from typing import Any, Final

import click

from clientbook.cli.output import print_pairs, print_table
from clientbook.i18n import N_, _
from clientbook.query.labels import column_label
from clientbook.query.text import display

_TOTALS: Final = {
    "events": N_("Events between"),
    "customers_added": N_("Customers added"),
    "customers_gone": N_("Customers gone"),
    "customers_changed": N_("Customers changed"),
    "orders_added": N_("Orders added"),
    "orders_gone": N_("Orders gone"),
    "orders_changed": N_("Orders changed"),
    "revenue_before": N_("Revenue before"),
    "revenue_after": N_("Revenue after"),
}
_WHY: Final = {
    "merged": N_("merged into {into}"),
    "undone": N_("import undone"),
    "voided": N_("event voided"),
    "erased": N_("erased"),
    "other": N_("other"),
}


def print_differences(found: dict[str, Any], timezone: str) -> None:
    """Print what `Book.differences` found."""
    pairs = [(_("From"), _state(found["from"], timezone)), (_("To"), _state(found["to"], timezone))]
    print_pairs([*pairs, *((_(label), found["totals"][name]) for name, label in _TOTALS.items())], timezone=timezone)
    for name, rows in found.items():
        if name.startswith(("customers_", "orders_")) and rows:
            shown = [line for row in rows for line in _lines(row, _who(row, timezone), timezone)]
            print_table(list(shown[0]), shown, timezone=timezone, numbers=[False] * len(shown[0]), title=_(_TOTALS[name]))
            hidden = found["totals"][name] - len(rows)
            if hidden:
                click.echo(_("… and {count} more; --limit shows them").format(count=hidden))


def _state(point: dict[str, Any], timezone: str) -> str:
    if point["as_of"]:
        return display(point["as_of"], timezone)
    said = _("position {position}, {when}") if point["recorded_at"] else _("position {position}")
    return said.format(position=point["position"], when=display(point["recorded_at"], timezone))


def _who(row: dict[str, Any], timezone: str) -> dict[str, str]:
    """What names the customer or the order that a row is about."""
    if "order_id" not in row:
        return {_("Id"): row["customer_id"], _("Name"): row["name"]}
    revenue = f"{display(row['revenue'], timezone)} {row['currency']}"
    return {
        _("Order number"): row["order_id"],
        _("Source"): row["source"],
        _("Placed"): display(row["placed_at"], timezone),
        _("Revenue"): revenue,
    }


def _lines(row: dict[str, Any], who: dict[str, str], timezone: str) -> list[dict[str, str]]:
    """One line, or one for each column that changed; the events that did it stand on the first."""
    events = {_("Events"): _events(row["events"])}
    if "changes" not in row:
        why = {_("Why"): _(_WHY[row["why"]]).format(into=row["into"])} if "why" in row else {}
        return [who | why | events]
    blank = dict.fromkeys(who | events, "")
    lines = []
    for number, change in enumerate(row["changes"]):
        changed = {
            _("Column"): _("Customer") if change["column"] == "customer_id" else column_label(change["column"]),
            _("Before"): display(change["before"], timezone),
            _("After"): display(change["after"], timezone),
        }
        first = who | changed | events
        lines.append(first if number == 0 else first | blank)
    return lines


def _events(events: list[dict[str, Any]]) -> str:
    """Types with their positions: `order_placed 12, message_sent ×3 14–20`."""
    places: dict[str, list[int]] = {}
    for event in events:
        places.setdefault(event["type"], []).append(event["position"])
    return ", ".join(
        f"{type} {found[0]}" if len(found) == 1 else f"{type} ×{len(found)} {found[0]}–{found[-1]}"
        for type, found in places.items()
    )
