"""What is remembered of exports: their manifests, read back from the log, and the names of campaigns."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import msgspec

from clientbook.errors import WrongUse
from clientbook.events.actions import Manifest
from clientbook.i18n import _
from clientbook.projection.snapshots import Snapshot
from clientbook.query.expressions.names import nearest

RESULTS_SOURCE: Final = "campaign-results"
"""The source of events that results of campaigns became."""

_EXPORTS: Final = """
    select
        made.audience_exported.manifest as manifest, made.occurred_at, made.recorded_at, made.position,
        coalesce(made.audience_exported.manifest.campaign, sent.campaign) as campaign
    from events as made
    left join (
        select message_sent.manifest as manifest_id, max(message_sent.campaign) as campaign
        from events where type = 'message_sent' and message_sent.manifest is not null group by 1
    ) as sent on made.audience_exported.manifest.manifest_id = sent.manifest_id
    where made.type = 'audience_exported'
    order by made.position
"""
_RESULTS: Final = (
    "select campaign, type, count(distinct customer_id) as customers from interactions"
    " where campaign is not null group by campaign, type"
)
_LEFT: Final = (
    "select coalesce(consent_withdrawn.reason, '') as campaign, count(distinct customer_id) as customers from events"
    f" where type = 'consent_withdrawn' and source = '{RESULTS_SOURCE}' group by 1"
)
RESULT_TYPES: Final = {
    "message_sent": "sent",
    "message_opened": "opened",
    "message_clicked": "clicked",
    "message_bounced": "bounced",
    "complaint_made": "complained",
}


class NoSuchExport(WrongUse, LookupError):
    """No export has this manifest or campaign."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export that was made."""

    manifest: Manifest
    campaign: str | None
    """The mailing it was for; of an old one what its messages say."""
    exported_at: datetime
    recorded_at: datetime
    position: int
    """Of the event that says so."""


def exports(snapshot: Snapshot) -> list[Export]:
    """Every export, the oldest first."""
    found = snapshot.table(_EXPORTS).to_pylist()
    return [
        Export(
            manifest=_read_back(row["manifest"]),
            campaign=row["campaign"],
            exported_at=row["occurred_at"],
            recorded_at=row["recorded_at"],
            position=row["position"],
        )
        for row in found
    ]


def find_export(made: list[Export], name: str) -> Export:
    """The export with this manifest number, the beginning of one, or the last for this campaign.

    Raises:
        NoSuchExport: there is none, or several begin so.
    """
    exact = [one for one in made if name in (one.manifest.manifest_id, one.campaign)]
    found = exact[-1:] or [one for one in made if len(name) >= 6 and one.manifest.manifest_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    known = [text for one in made for text in (one.manifest.manifest_id, one.campaign) if text]
    said = _("there is no export {name!r}{hint}; `clientbook exports` lists them")
    raise NoSuchExport(said.format(name=name, hint=nearest(name, known)))


def outcomes(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """By campaign: to how many customers it was sent, how many opened, clicked, bounced, complained, unsubscribed."""
    found: dict[str, dict[str, int]] = {}
    for row in snapshot.table(_RESULTS).to_pylist():
        if row["type"] in RESULT_TYPES:
            found.setdefault(row["campaign"], {})[RESULT_TYPES[row["type"]]] = row["customers"]
    for row in snapshot.table(_LEFT).to_pylist():
        found.setdefault(row["campaign"], {})["unsubscribed"] = row["customers"]
    return found


def new_manifest_id(at: datetime) -> str:
    """A number for an export: its time in UTC, and a few random digits."""
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def campaign_name(day: date, subject: str, taken: Iterable[str | None]) -> str:
    """`2026-03-31-good-customers`; with a number after it where a campaign has that name already."""
    plain = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode().lower()
    name = f"{day.isoformat()}-{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')[:60] or 'audience'}"
    names, number, found = set(taken), 1, name
    while found in names:
        number += 1
        found = f"{name}-{number}"
    return found


def _read_back(stored: dict[str, Any]) -> Manifest:
    """A manifest as the log gives it: maps are lists of pairs there, and what it does not know is NULL."""
    filled = {name: value for name, value in stored.items() if value is not None}
    for name in ("counts", "parameters"):
        filled[name] = dict(filled.get(name, {}))
    return msgspec.convert(filled, Manifest)
