"""Rule packs: the law as dated data. A decision is made by the pack in force on its day."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files

import msgspec

from clientbook.policy import Hours, minutes


class RulePack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of `packs/`."""

    id: str
    country: str
    valid_from: date
    phone_needs_consent: bool
    """Whether consumers are called only with consent or an open contract; else the do-not-call register is looked up."""
    phone_hours: list[Hours]
    phone_weekdays: list[int]
    """Monday is 1."""
    phone_max_calls: int
    """In `phone_days`."""
    phone_days: int
    phone_cooldown_days: int
    """After a refusal."""
    consent_age: int
    """Who is younger needs a parent's consent too."""
    adult_age: int


@cache
def rule_packs(country: str) -> tuple[RulePack, ...]:
    """The packs of a country, the oldest first."""
    found = [
        msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), RulePack)
        for file in (files(__package__) / "packs").iterdir()
        if file.name.endswith(".toml")
    ]
    return tuple(sorted((pack for pack in found if pack.country == country), key=lambda pack: pack.valid_from))


def pack_on(day: date, country: str) -> RulePack:
    """The pack in force on a day; before the first one, the first."""
    packs = rule_packs(country)
    return max((pack for pack in packs if pack.valid_from <= day), key=lambda pack: pack.valid_from, default=packs[0])


@cache
def is_public_holiday(day: date, country: str) -> bool:
    """Whether shops may not call on it."""
    import holidays

    return day in holidays.country_holidays(country, years=day.year)


def is_calling_time(local: datetime, pack: RulePack, shop_hours: Sequence[str]) -> bool:
    """Whether consumers may be called at this local time, by the law and by the shop's own hours."""
    if local.isoweekday() not in pack.phone_weekdays or is_public_holiday(local.date(), pack.country):
        return False
    return all(
        any(first <= local.time() < last for first, last in map(minutes, hours)) for hours in (pack.phone_hours, shop_hours)
    )


def calling_bounds(day: date, pack: RulePack, shop_hours: Sequence[str]) -> list[datetime]:
    """The local times of a day at which calling begins or ends to be allowed."""
    ends = {end for hours in (pack.phone_hours, shop_hours) for one in hours for end in minutes(one)}
    return [datetime.combine(day, end) for end in sorted(ends)] + [datetime.combine(day + timedelta(days=1), time())]


@cache
def pack_digest(pack_id: str) -> str:
    """SHA-256 of the file of a pack."""
    return sha256((files(__package__) / "packs" / f"{pack_id}.toml").read_bytes()).hexdigest()
