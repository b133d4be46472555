"""Whether everything about a book is as it should be: whose files they are, room on the disk, settings, erasures, policy.

It looks at a book that does not open, too, and changes nothing unless it is asked to mend permissions.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from clientbook.backup import RESTORED
from clientbook.book import Book
from clientbook.errors import ClientbookError
from clientbook.hooks.discovery import discover
from clientbook.hooks.probe import probe
from clientbook.hooks.remembering import MEMORY, keep, recall
from clientbook.hooks.states import Switches
from clientbook.i18n import _
from clientbook.log.base import DamagedLog
from clientbook.log.files import exclusive
from clientbook.log.ledger import Ledger
from clientbook.policy import ConsentPolicy, stored_policy
from clientbook.settings import SETTINGS_FILE, InvalidSettings, NoBook, Settings, load_settings

LEAST_FREE: Final = 200_000_000
"""Bytes below which a disk is called nearly full; an erasure or a seal also needs the log's own size once more."""

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    """`note` is worth knowing, `wrong` makes exit code 3."""
    message: str
    paths: tuple[str, ...] = ()
    """Files concerned, relative to the book."""


def examine(folder: Path, *, fix: bool = False) -> list[Finding]:
    """Look at the book in `folder`; `fix` mends permissions.

    Raises:
        NoBook: there is none.
    """
    if not (folder / SETTINGS_FILE).is_file():
        raise NoBook(folder)
    found = [_permissions(folder, fix=fix), _room(folder)]
    settings = _settings(folder, found)
    plugins, sound = _plugins(folder, settings)
    found += plugins
    found += [_lock(folder), _erasures(folder)]
    if settings and not any(one.check == "erasures" and one.state == "wrong" for one in found):
        found += list(_opened(folder, sound))
    return found


def _permissions(folder: Path, *, fix: bool) -> Finding:
    open_ = [path for path in _files(folder) if _wanted(path) != stat.S_IMODE(path.lstat().st_mode)]
    if fix:
        for path in open_:
            path.chmod(_wanted(path))
    names = tuple(str(path.relative_to(folder)) for path in open_)
    if not open_:
        return Finding(check="permissions", state="ok", message=_("folders are 0700, files 0600"))
    if fix:
        return Finding(check="permissions", state="ok", message=_("mended: {count}").format(count=len(open_)), paths=names)
    said = _("{count} files or folders are not the owner's alone (0700, 0600); --fix mends them").format(count=len(open_))
    return Finding(check="permissions", state="wrong", message=said, paths=names)


def _files(folder: Path) -> Iterator[Path]:
    yield folder
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink() and (path.is_dir() or path.is_file()):
            yield path


def _wanted(path: Path) -> int:
    """Folders 0700, files 0600."""
    return 0o700 if path.is_dir() else 0o600


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    size = sum(path.lstat().st_size for path in (folder / "log").rglob("*") if path.is_file() and not path.is_symlink())
    needed = max(LEAST_FREE, size)
    said = _("{free} MB free, {size} MB of log").format(free=free // 1_000_000, size=-(-size // 1_000_000))
    if free < needed:
        said += "; " + _("an erasure or a seal may need {needed} MB").format(needed=-(-needed // 1_000_000))
    return Finding(check="disk", state="wrong" if free < needed else "ok", message=said)


def _settings(folder: Path, found: list[Finding]) -> Settings | None:
    try:
        settings = load_settings(folder / SETTINGS_FILE)
    except (InvalidSettings, OSError) as error:
        found.append(Finding(check="settings", state="wrong", message=_told(error), paths=(SETTINGS_FILE,)))
        return None
    said = _("{currency}, {timezone}").format(currency=settings.currency, timezone=settings.timezone)
    found.append(Finding(check="settings", state="ok", message=said))
    return settings


def _plugins(folder: Path, settings: Settings | None) -> tuple[list[Finding], frozenset[str]]:
    """A finding for each plugin that is installed, loaded in a process of its own, and the names of those that load.

    How each fared is kept.
    """
    entries = settings.plugins if settings else {}
    allowed = Switches.from_environment().allowed
    installed = discover()
    memory = folder / "state" / MEMORY
    before = recall(memory)
    fared = {name: one for name, one in before.items() if name in {found.name for found in installed}}
    findings = []
    for found in installed:
        named = f"{found.name} ({found.distribution} {found.version})"
        if found.fault:
            said = f"{found.name}: {found.fault}"
            findings.append(Finding(check="plugins", state="wrong", message=said))
        elif found.name in entries.get("disabled", ()) or (allowed is not None and found.name not in allowed):
            findings.append(Finding(check="plugins", state="note", message=_("{plugin}: not loaded").format(plugin=named)))
        else:
            fared[found.name] = one = probe(found, entries)
            said = f"{named}: " + ("; ".join(one.reason.splitlines()) or _("loaded; all that it declares is sound"))
            findings.append(Finding(check="plugins", state="ok" if one.state == "ok" else "wrong", message=said))
    for name in sorted(set(entries) - {"disabled"} - {found.name for found in installed}):
        said = _("book.toml has settings of {name}, which is not installed").format(name=name)
        findings.append(Finding(check="plugins", state="note", message=said))
    if installed:
        keep(memory, before, fared)
    sound = frozenset(name for name, one in fared.items() if one.state in ("ok", "partial"))
    return findings or [Finding(check="plugins", state="ok", message=_("none is installed"))], sound


def _lock(folder: Path) -> Finding:
    lock = folder / "log" / "lock"
    if not lock.exists():
        return Finding(check="lock", state="ok", message=_("nobody is writing"))
    try:
        with exclusive(lock, wait=False):
            return Finding(check="lock", state="ok", message=_("nobody is writing"))
    except BlockingIOError:
        return Finding(check="lock", state="note", message=_("somebody is writing just now; who writes waits for that"))
    except OSError as error:
        return Finding(check="lock", state="wrong", message=_told(error), paths=("log/lock",))


def _erasures(folder: Path) -> Finding:
    if (folder / "ledger" / RESTORED).exists():
        said = _("the book comes from a backup, and does not open before `clientbook erasures` says what was erased since")
        return Finding(check="erasures", state="wrong", message=said, paths=(f"ledger/{RESTORED}",))
    try:
        unfinished = Ledger(folder / "ledger").unfinished()
    except (DamagedLog, OSError) as error:
        return Finding(check="erasures", state="wrong", message=_told(error), paths=("ledger",))
    if unfinished:
        said = _("{count} erasures were begun and not finished; any other command on the book finishes them")
        return Finding(check="erasures", state="wrong", message=said.format(count=len(unfinished)))
    return Finding(check="erasures", state="ok", message=_("none is unfinished"))


def _opened(folder: Path, plugins: frozenset[str]) -> Iterator[Finding]:
    try:
        switches = Switches.from_environment()
        allowed = plugins if switches.allowed is None else plugins & switches.allowed
        book = Book(folder, switches=Switches(allowed=allowed, builtin=switches.builtin))
        with book.snapshot() as snapshot:
            events, customers = snapshot.position, snapshot.engine.value("select count(*) from customers")
            last = snapshot.engine.value("select policy from policies order by adopted_at desc, position desc limit 1")
    except (ClientbookError, OSError) as error:
        yield Finding(check="book", state="wrong", message=_told(error))
        return
    said = _("{events} events, {customers} customers; `clientbook verify` looks at every byte")
    yield Finding(check="book", state="ok", message=said.format(events=events, customers=customers))
    yield _policy(book.settings.consent, last)


def _policy(policy: ConsentPolicy, last: str | None) -> Finding:
    if last is None and policy == ConsentPolicy():
        said = _("none was adopted: the program's defaults decide; [consent] in book.toml sets the shop's own")
        return Finding(check="policy", state="note", message=said)
    if last is None or stored_policy(last) != policy:
        said = _("that of book.toml is not recorded yet; the next `clientbook consent` records it")
        return Finding(check="policy", state="note", message=said)
    return Finding(check="policy", state="ok", message=_("adopted: {digest}").format(digest=policy.digest()[:12]))


def _told(error: Exception) -> str:
    """An error of ours as it says itself; of the system's only what it is about."""
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {os.fspath(error.filename) if error.filename else '?'}"
    return str(error)
