"""Why a customer is in a segment, or is not: each condition with its values and the events behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clientbook.i18n import _
from clientbook.query.customers import find_customer
from clientbook.query.expressions import Condition, explain
from clientbook.reading import Reading
from clientbook.segments.behind import latest, types_behind
from clientbook.segments.catalogue import BrokenSegment, Listed


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A condition, with the events behind a leaf."""

    condition: Condition
    events: tuple[dict[str, Any], ...]
    children: tuple[Reason, ...]

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        one = self.condition
        return {
            "kind": one.kind,
            "text": one.text,
            "truth": one.truth,
            "segment": one.segment,
            "values": dict(zip(one.columns, one.values, strict=True)),
            "actual": one.actual,
            "operator": one.operator,
            "limit": one.limit,
            "flips_at": one.flips_at,
            "events": list(self.events),
            "children": [child.described() for child in self.children],
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a customer is in a segment, and why."""

    segment: Listed
    customer_id: str
    name: str
    is_member: bool
    reason: Reason

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "segment": self.segment.id,
            "label": self.segment.label,
            "customer_id": self.customer_id,
            "name": self.name,
            "is_member": self.is_member,
            "params": dict(self.segment.params),
            "reason": self.reason.described(),
        }


def why(reading: Reading, segment: Listed, customer: str) -> Answer:
    """The truth about a customer, named in any way that `show` understands.

    Raises:
        CustomerNotFound: nobody, or several, are meant.
        BrokenSegment: the rule cannot run.
    """
    customer_id = find_customer(reading.engine, customer)
    expression = segment.sound
    reading.open(expression)
    root = explain(reading.engine, expression, customer_id)
    if root is None:
        raise BrokenSegment(_("customer {customer_id} is not in the book at that instant").format(customer_id=customer_id))
    name = reading.engine.value("select name from customers where customer_id = $id", {"id": customer_id})
    return Answer(
        segment=segment,
        customer_id=customer_id,
        name=name,
        is_member=root.truth is True,
        reason=_reason(reading, root, customer_id),
    )


def _reason(reading: Reading, condition: Condition, customer_id: str) -> Reason:
    events: list[dict[str, Any]] = []
    if condition.kind == "leaf":
        events = latest(reading, customer_id, types_behind(reading, condition.columns, condition.text))
    children = tuple(_reason(reading, child, customer_id) for child in condition.children)
    return Reason(condition=condition, events=tuple(events), children=children)
