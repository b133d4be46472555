"""`book.toml`: what the shop set for its book."""

from __future__ import annotations

import json
import re
import tomllib
import zoneinfo
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from clientbook.errors import ClientbookError
from clientbook.events.base import Word
from clientbook.fields import CustomField
from clientbook.i18n import _
from clientbook.policy import SERVICE_PURPOSES, ConsentPolicy, MessageProfile, RegisterSettings

SETTINGS_FILE: Final = "book.toml"

_PLUGINS_HEADER: Final = re.compile(r"^[ \t]*\[[ \t]*plugins[ \t]*\][^\r\n]*", re.MULTILINE)
_ANY_HEADER: Final = re.compile(r"^[ \t]*\[[^\r\n]*\][ \t]*(#[^\r\n]*)?\r?$", re.MULTILINE)
_DISABLED: Final = re.compile(r"""^[ \t]*disabled[ \t]*=[ \t]*\[(?:"[^"\n]*"|'[^'\n]*'|#[^\n]*|[^\]"'#])*\]""", re.MULTILINE)


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
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] = "FR"
    """Where phone numbers without a country's prefix are, ISO 3166."""
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    consent: ConsentPolicy = ConsentPolicy()
    messages: dict[Word, MessageProfile] = {}
    fields: dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")], CustomField] = {}
    """What the shop notes of customers beside the profile, by the name of its column."""

    plugins: dict[str, Any] = {}
    """`disabled`: names of plugins that stay out. Any other entry is a table of settings for the plugin of that name."""

    def __post_init__(self) -> None:
        check_plugins(self.plugins)
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


def check_plugins(entries: dict[str, Any]) -> None:
    """Raise `ValueError` unless `[plugins]` holds a list of names and tables."""
    for name, entry in entries.items():
        if name == "disabled":
            if not isinstance(entry, list) or not all(isinstance(one, str) for one in entry):
                raise ValueError(_('plugins.disabled: expected a list of names such as ["loyalty"]'))
        elif not isinstance(entry, dict):
            raise ValueError(_("plugins.{name}: expected a table, [plugins.{name}]").format(name=name))


def with_disabled(text: str, names: list[str], path: Path) -> str:
    """The text of `book.toml` with these names as `[plugins] disabled`; all else stays as it stands, comments too.

    Raises:
        InvalidSettings: the entry is written in a way that only a person can change.
    """
    entry = f"disabled = [{', '.join(map(_toml_text, names))}]"
    newline = "\r\n" if "\r\n" in text else "\n"
    header = _PLUGINS_HEADER.search(text)
    if header is None:
        changed = text.rstrip() + f"{newline}{newline}[plugins]{newline}{entry}{newline}"
    else:
        below = text[header.end() :]
        following = _ANY_HEADER.search(below)
        section = below[: following.start()] if following else below
        found = _DISABLED.search(section)
        section = section[: found.start()] + entry + section[found.end() :] if found else newline + entry + section
        changed = text[: header.end()] + section + (below[following.start() :] if following else "")
    wanted = tomllib.loads(text)
    wanted.setdefault("plugins", {})["disabled"] = names
    try:
        is_right = tomllib.loads(changed) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        said = _("{path}: [plugins] is written in a way that this command cannot change; write there: {entry}")
        raise InvalidSettings(said.format(path=path, entry=entry))
    return changed


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def check_timezone(name: str) -> None:
    """Raise `InvalidSettings` unless the zone exists."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise InvalidSettings(_("unknown time zone {name!r}; use a name such as Europe/Paris").format(name=name)) from None
