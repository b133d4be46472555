"""What holds after a row of acts, computed one act after the other in plain Python: the laws, spelled out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

PARENTS = {
    "marketing": None,
    "newsletter": "marketing",
    "own_offers": "marketing",
    "birthday_offer": "own_offers",
    "partner_offers": "marketing",
}
PENDING_DAYS = 30
RESTRICTIVE = ("refused", "withdrawn", "invalidated")


@dataclass(frozen=True)
class Act:
    """One act on one channel. `by_import`: it came in a file."""

    kind: str
    purpose: str
    at: datetime
    number: int
    by_import: bool = False


def reaches(act: Act, purpose: str) -> bool:
    """A withdrawal reaches every purpose below its own; nothing else does."""
    above: str | None = purpose
    while above is not None:
        if act.purpose == above:
            return above == purpose or act.kind in ("withdrawn", "invalidated")
        above = PARENTS[above]
    return False


def order(act: Act) -> tuple[datetime, int, int]:
    """By time; of two acts at one time the restrictive one comes last."""
    if act.kind in RESTRICTIVE:
        rank = 9
    elif act.kind == "requested":
        rank = 0
    elif act.kind == "pending":
        rank = 1
    else:
        rank = 2 if act.by_import else 3
    return act.at, rank, act.number


def state_of(acts: list[Act], purpose: str, now: datetime) -> tuple[str, datetime | None]:
    """The state for a purpose, and since when a consent holds."""
    standing, since, was_asked = None, None, False
    pending: datetime | None = None
    ever_pending = False
    wait = timedelta(days=PENDING_DAYS)
    for act in sorted((one for one in acts if one.at <= now and reaches(one, purpose)), key=order):
        is_live = pending is not None and act.at <= pending + wait
        if act.kind in RESTRICTIVE:
            standing, since, pending = act.kind, None, None
        elif act.kind == "pending":
            pending, ever_pending = act.at, True
        elif act.kind == "requested":
            was_asked = True
        elif act.kind == "renewed":
            if standing == "granted":
                since = act.at
        elif _consents(act, is_live=is_live, is_first=standing is None):
            standing, since = "granted", act.at
    if standing == "granted":
        return "granted", since
    if pending is not None and pending + wait >= now:
        return "pending", None
    if standing:
        return standing, None
    return ("requested" if was_asked and not ever_pending else "never_asked"), None


def _consents(act: Act, *, is_live: bool, is_first: bool) -> bool:
    """An import counts only where the person did nothing yet."""
    if act.kind == "confirmed":
        return is_live
    return act.kind == "given" and (not act.by_import or (is_first and not is_live))
