"""Requests for access and erasure: which are open, and by when each is to be answered (GDPR article 12(3))."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _
from clientbook.projection.snapshots import Snapshot

RIGHTS: Final = ("access", "erasure")

ANSWER_MONTHS: Final = 1
EXTENDED_MONTHS: Final = 3
"""From receipt: one month, and two more where the request is complex and the person was told within the first."""

_OPEN: Final = """
with asked as (
    select customer_id, occurred_at, position, 'access' as "right", access_requested as request
    from events
    where access_requested is not null
    union all
    select customer_id, occurred_at, position, 'erasure', erasure_requested
    from events
    where erasure_requested is not null
),
answered as (
    select
        customer_id,
        case type when 'access_answered' then 'access' else 'erasure' end as "right",
        max(row(occurred_at, position)) as at
    from events
    where type in ('access_answered', 'erasure_refused')
    group by 1, 2
)
select
    asked.customer_id,
    "right",
    coalesce(min(occurred_at) filter (where request.extends is distinct from true), min(occurred_at)) as received_at,
    min_by(request.due_at, row(occurred_at, position)) filter (where request.extends is distinct from true) as due_at,
    max(request.due_at) filter (where request.extends) as extended_to,
    min_by(request.ground, row(occurred_at, position)) as ground,
    min(position) as position
from asked
left join answered using (customer_id, "right")
where answered.at is null or row(asked.occurred_at, asked.position) > answered.at
group by 1, 2
"""


class RequestIsOpen(ClientbookError):
    """The same request of this customer waits for its answer already."""

    def __init__(self, request: Request, timezone: str) -> None:
        said = _("this request is noted already: received {received}, due {due}; `clientbook rights due` lists it")
        super().__init__(said.format(received=day_of(request.received_at, timezone), due=day_of(request.due_at, timezone)))


class AnsweredSince(ClientbookError):
    """The same right was answered after the day on which the request is said to have come."""

    def __init__(self, answered_at: datetime, timezone: str) -> None:
        said = _("an answer of {day} is noted, after this request came; nothing was noted")
        super().__init__(said.format(day=day_of(answered_at, timezone)))


class NoOpenRequest(ClientbookError):
    """Nothing of this customer waits for an answer."""

    def __init__(self) -> None:
        super().__init__(_("no request of this customer is open; `clientbook rights receive` notes one"))


class ExtendedAlready(ClientbookError):
    """A request may be extended once."""

    def __init__(self, request: Request, timezone: str) -> None:
        super().__init__(_("this request was extended already, to {due}").format(due=day_of(request.due_at, timezone)))


class TooLateToExtend(ClientbookError):
    """The person has to hear of a later date within the first month."""

    def __init__(self, last: datetime, timezone: str) -> None:
        said = _("it had to be extended, and the customer told, by {last}: answer now (GDPR article 12(3))")
        super().__init__(said.format(last=day_of(last, timezone)))


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that waits for its answer: one item of `clientbook rights due --json`."""

    customer_id: str
    right: str
    """access or erasure."""
    received_at: datetime
    due_at: datetime
    days_left: int
    """Days from today to the day it is due, in the book's zone; negative when that day is over."""
    overdue: bool
    extended: bool
    ground: str | None
    position: int
    """Of the event that says that it came."""


def deadline(received: datetime, timezone: str, *, months: int = ANSWER_MONTHS) -> datetime:
    """The last second of the day that has the same number `months` later, or of that month's last day if it is shorter.

    Days are the book's. Regulation 1182/71 would let a term that ends on a weekend go on to the next working day; not
    counting on that is the stricter way.
    """
    zone = ZoneInfo(timezone)
    local = _local_day(received, zone)
    years, month = divmod(local.month - 1 + months, 12)
    year = min(local.year + years, datetime.max.year - 1)
    day = min(local.day, monthrange(year, month + 1)[1])
    return datetime.combine(local.replace(year=year, month=month + 1, day=day), time(23, 59, 59), zone).astimezone(UTC)


def open_requests(snapshot: Snapshot, timezone: str, *, now: datetime, customer_id: str | None = None) -> list[Request]:
    """What waits for an answer, the most urgent first; of one customer, where one is given.

    An answer, or a refusal, closes all that came before it. Several requests for the same are one, from the first on.
    """
    rows = snapshot.table(_OPEN).to_pylist()
    found = [_request(row, timezone, now) for row in rows if customer_id in (None, row["customer_id"])]
    return sorted(found, key=lambda one: (one.due_at, one.position))


def check_unanswered(snapshot: Snapshot, customer_id: str, right: str, timezone: str, *, since: datetime) -> None:
    """Whether nothing answered the right of a customer since an instant: an answer closes all that came before it.

    Raises:
        AnsweredSince: something did.
    """
    type = "access_answered" if right == "access" else "erasure_refused"
    last = snapshot.table(
        "select max(occurred_at) as at from events where type = $type and customer_id = $id",
        {"type": type, "id": customer_id},
    )["at"][0].as_py()
    if last and last > since:
        raise AnsweredSince(last, timezone)


def chosen(requests: list[Request], right: str | None) -> Request:
    """The open request that is meant.

    Raises:
        NoOpenRequest: none is.
        WrongUse: it is not said which of several.
    """
    found = [one for one in requests if right in (None, one.right)]
    if not found:
        raise NoOpenRequest
    if len(found) > 1:
        raise WrongUse(_("several requests of this customer are open: say `access` or `erasure`"))
    return found[0]


def check_extendable(request: Request, timezone: str, *, now: datetime) -> None:
    """Whether a request may get two more months.

    Raises:
        ExtendedAlready: it was given them.
        TooLateToExtend: the first month is over.
    """
    if request.extended:
        raise ExtendedAlready(request, timezone)
    last = deadline(request.received_at, timezone)
    if now > last:
        raise TooLateToExtend(last, timezone)


def _request(row: dict[str, Any], timezone: str, now: datetime) -> Request:
    due_at = row["extended_to"] or row["due_at"] or deadline(row["received_at"], timezone)
    zone = ZoneInfo(timezone)
    return Request(
        customer_id=row["customer_id"],
        right=row["right"],
        received_at=row["received_at"],
        due_at=due_at,
        days_left=(_local_day(due_at, zone) - _local_day(now, zone)).days,
        overdue=now > due_at,
        extended=row["extended_to"] is not None,
        ground=row["ground"],
        position=row["position"],
    )


def day_of(instant: datetime, timezone: str) -> str:
    """The day of an instant in a zone, as 2026-03-31."""
    return _local_day(instant, ZoneInfo(timezone)).isoformat()


def _local_day(instant: datetime, zone: ZoneInfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:  # an instant at an end of the calendar
        return instant.date()
