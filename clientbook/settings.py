"""`book.toml`: what the shop set for its book."""

from __future__ import annotations

import tomllib
import zoneinfo
from pathlib import Path
from shlex import quote
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from clientbook.errors import ClientbookError
from clientbook.events.base import Word
from clientbook.i18n import _
from clientbook.policy import SERVICE_PURPOSES, ConsentPolicy, MessageProfile, RegisterSettings

SETTINGS_FILE: Final = "book.toml"


class NoBook(ClientbookError):
    """The folder holds no book; the message says what else it may be."""

    def __init__(self, folder: Path) -> None:
        if (folder / "log").is_dir():
            said = _("{folder} has lost its {file}; put it back from a backup")
        elif (folder / "backup.json").exists():
            said = _("{folder} is a backup; `clientbook restore {name} FOLDER` makes a book of it")
        else:
            said = _("{folder} is no customer book; `clientbook init {name}` makes one, `--book DIR` names another")
        super().__init__(said.format(folder=folder, name=quote(str(folder)), file=SETTINGS_FILE))


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

    def __post_init__(self) -> None:
        known = {*self.consent.tree(), *SERVICE_PURPOSES, "consent_refresh"}
        for name, message in self.messages.items():
            if message.purpose not in known:
                said = _("messages.{name}: there is no purpose {purpose!r}; declare it under consent.purposes")
                raise ValueError(said.format(name=name, purpose=message.purpose))

    register: RegisterSettings = RegisterSettings()


def settings_of(book: Path) -> Settings:
    """The settings of the book in a folder.

    Raises:
        NoBook: there is none.
        InvalidSettings: they cannot be read.
    """
    try:
        return load_settings(book / SETTINGS_FILE)
    except (FileNotFoundError, NotADirectoryError):
        raise NoBook(book) from None


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
