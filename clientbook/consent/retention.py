"""Retention: until when each person's data may be kept, and who is beyond that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.consent.permissions import sql
from clientbook.i18n import N_
from clientbook.policy import ConsentPolicy
from clientbook.projection.snapshots import Projector

CLASSES: Final = {
    "restricted": N_("the data may only be kept (GDPR article 18): no time runs"),
    "request": N_("a request of the person was not answered: no time runs"),
    "contract": N_("has an open contract: no time runs"),
    "customer": N_("bought, and gave no sign of life for customer_months"),
    "account": N_("has an account, never bought, and gave no sign of life for account_months"),
    "unconfirmed": N_("known only by a double opt-in that was not confirmed in pending_days"),
    "contest": N_("known only by a contest, contest_months ago"),
    "prospect": N_("never bought, and gave no sign of life for prospect_months"),
}
"""Why, in words. The first class that fits counts, in this order."""

_COLUMNS: Final = ("customer_id", "name", "email", "retention_class", "last_sign_at", "limit_on")


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Answers about how long people may be kept."""

    projector: Projector
    policy: ConsentPolicy
    timezone: str
    now: datetime

    def everybody(self) -> pa.Table:
        """Every person with the class, the last sign of life, and the last day; the soonest first."""
        terms = self.policy.retention
        with self.projector.snapshot() as snapshot:
            return snapshot.table(
                sql("retention"),
                {
                    "at": self.now,
                    "timezone": self.timezone,
                    "customer_months": terms.customer_months,
                    "account_months": terms.account_months,
                    "contest_months": terms.contest_months,
                    "prospect_months": terms.prospect_months,
                    "pending_days": self.policy.pending_days,
                },
            ).select(_COLUMNS)

    def beyond(self) -> pa.Table:
        """Those whose last day is over."""
        people = self.everybody()
        over = pc.less(people["limit_on"], pa.scalar(self.today, pa.date32()))
        return people.filter(pc.fill_null(over, False))

    def is_beyond(self, customer_id: str) -> bool:
        """Whether this one still is: somebody may have given a sign of life meanwhile."""
        return customer_id in self.beyond()["customer_id"].to_pylist()

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.timezone)).date()
