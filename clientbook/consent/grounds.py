"""What speaks against an erasure, and what it leaves: looked for before anybody is erased (GDPR article 17(3), 18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from clientbook.i18n import _
from clientbook.policy import ConsentPolicy
from clientbook.projection.snapshots import Snapshot

GUARANTEE_YEARS: Final = 2
"""Legal guarantee of conformity: Code de la consommation L217-3."""

CLAIM_TAGS: Final = ("claim", "contentieux", "dispute", "legal_hold", "litige")
"""Tags, in small letters, that say that a claim is open. The book has no event of its own for one."""

_FOUND: Final = """
select
    (
        select count(*) from (
            select coalesce(contract_opened.contract_id, contract_closed.contract_id) as contract_id
            from events
            where customer_id = $id and (contract_opened is not null or contract_closed is not null)
            group by 1
            having max_by(type, row(occurred_at, position)) = 'contract_opened'
        )
    ) as contracts,
    (select len(list_filter(tags, lambda tag: lower(tag) in $tags)) from customers where customer_id = $id) as claims,
    (
        select coalesce(max_by(type, row(occurred_at, position)) = 'processing_restricted', false)
        from events
        where customer_id = $id and type in ('processing_restricted', 'restriction_lifted')
    ) as restricted,
    (
        select count(*) from orders
        where customer_id = $id and status in ('placed', 'partly_refunded')
            and placed_at > cast($now as timestamptz) - to_years($guarantee)
    ) as guaranteed,
    (
        select count(*) from orders
        where customer_id = $id and placed_at > cast($now as timestamptz) - to_years($invoices)
    ) as invoiced
"""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One thing to know before an erasure."""

    code: str
    """OPEN_CONTRACT, OPEN_CLAIM, RESTRICTED, GUARANTEE or INVOICES."""
    may_refuse: bool
    """Whether the shop may refuse on it, as long as it lasts; else it only says what stays."""
    count: int
    means: str
    source: str


def grounds_to_refuse(snapshot: Snapshot, customer_id: str, policy: ConsentPolicy, *, now: datetime) -> list[Ground]:
    """What the book knows that speaks against erasing a customer, then what stays of them. It does not know of invoices
    that are unpaid, nor of claims that nobody tagged.
    """
    parameters = {
        "id": customer_id,
        "tags": list(CLAIM_TAGS),
        "now": now,
        "guarantee": GUARANTEE_YEARS,
        "invoices": policy.retention.invoice_years,
    }
    row = snapshot.table(_FOUND, parameters).to_pylist()[0]
    said = (
        ("OPEN_CONTRACT", True, row["contracts"], _("a contract is open: the data that carrying it out needs may be kept"),
         "RGPD 17(1)(a), 6(1)(b)"),
        ("OPEN_CLAIM", True, row["claims"],
         _("a tag says that a claim is open: what proves it may be kept"), "RGPD 17(3)(e)"),
        ("RESTRICTED", True, int(row["restricted"]),
         _("the processing is restricted: the customer may have asked for the data to be kept, ask first"), "RGPD 18(1)"),
        ("GUARANTEE", False, row["guaranteed"],
         _("sales under guarantee stay without a person: afterwards nobody can tell that they were this customer's"),
         "C. conso L217-3"),
        ("INVOICES", False, row["invoiced"],
         _("sales stay in the figures without a person; the invoices themselves have to be kept with the accounts"),
         "RGPD 17(3)(b), C. com. L123-22"),
    )  # fmt: skip
    return [
        Ground(code=code, may_refuse=may_refuse, count=count, means=means, source=source)
        for code, may_refuse, count, means, source in said
        if count
    ]
