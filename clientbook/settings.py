"""`book.toml`: what the shop set for its book."""

from __future__ import annotations

import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from clientbook.errors import ClientbookError
from clientbook.events.base import Word
from clientbook.i18n import _
from clientbook.policy import ConsentPolicy, MessageProfile, RegisterSettings


class InvalidSettings(ClientbookError, ValueError):
    """`book.toml` says something it cannot say; the message names the file and the entry."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What queries may use."""

    memory_limit: Annotated[str, Meta(pattern=r"^[0-9]+ ?(MB|GB|MiB|GiB)\Z")] = "2GB"
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the log seals itself, and how long it keeps files that it no longer needs."""

    seal_commits: Annotated[int, Meta(ge=2, le=100_000)] = 64
    """Unsealed commits after which it merges them."""
    seal_megabytes: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Or as many megabytes in them."""
    keep_hours: Annotated[float, Meta(ge=0, le=87_600)] = 24
    """How long merged files stay for programs that still read them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one book."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    """The reporting currency, ISO 4217."""
    timezone: str
    """The time zone of its days, an IANA name."""
    name: str = ""
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    consent: ConsentPolicy = ConsentPolicy()
    messages: dict[Word, MessageProfile] = {}
    register: RegisterSettings = RegisterSettings()


def load_settings(path: Path) -> Settings:
    """Read `book.toml`.

    Raises:
        FileNotFoundError: there is none.
        InvalidSettings: it is no TOML, has an unknown entry, or a value out of bounds.
    """
    try:
        settings = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Settings)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InvalidSettings(f"{path}: {error}") from None
    check_timezone(settings.timezone)
    return settings


def check_timezone(name: str) -> None:
    """Raise `InvalidSettings` unless the zone exists."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise InvalidSettings(_("unknown time zone {name!r}; use a name such as Europe/Paris").format(name=name)) from None
