"""Copies of a book on another disk: only new files are copied, and the copy is whole at every moment.

    TARGET/backup.json      what the copy holds: path in the book → name under files/, replaced in one step
    TARGET/files/SHA256     the files, each named by the digest of its bytes

The target needs neither links nor locks, so a memory stick will do. Computed tables are left out: they can be made again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from clientbook.errors import ClientbookError
from clientbook.i18n import _
from clientbook.log.base import DamagedLog
from clientbook.log.files import is_sound, shared, sync, temporary_in, whole_or_nothing
from clientbook.log.generations import FIRST_GENERATION
from clientbook.log.ledger import SUPPRESSION, Entry, Ledger, key_digest
from clientbook.log.marks import DIGEST_BYTES
from clientbook.log.parquet import ParquetLog, Pinned

BACKUP_FORMAT: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TEMPORARY: Final = re.compile(r"\d+-[0-9a-f]{16}\.tmp")
MANIFEST: Final = "backup.json"
RESTORED: Final = "restored.json"
"""In the ledger of a book that was put back, until later erasures were dealt with."""
_RECORD: Final = "backups.jsonl"
_CHUNK: Final = 1 << 20


class BackupFailed(ClientbookError):
    """A copy cannot be made there, or is not what was copied."""


class DamagedBackup(BackupFailed):
    """A file of a copy is missing, or is not what was copied."""


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the book."""

    path: str
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy holds."""

    format: int = BACKUP_FORMAT
    made_at: datetime
    position: int
    digest: str
    """The log's chain digest."""
    key_sha256: str
    """Tells whose copy it is."""
    files: list[CopiedFile]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What making a copy did."""

    folder: str
    made_at: datetime
    position: int
    files: int
    files_copied: int
    bytes_copied: int
    files_removed: int


def back_up(book: Path, log: ParquetLog, target: Path, *, now: datetime) -> Backup:
    """Bring the copy in `target` up to date; it may be empty or not exist yet.

    Raises:
        BackupFailed: it holds something else: another book, or a later state of this one.
        DamagedLog: a file of the log is not what was written; the copy stays what it was.
    """
    target = target.absolute()
    if target.resolve().is_relative_to(book.resolve()):
        raise BackupFailed(_("{folder} lies in the book itself; name a folder on another disk").format(folder=target))
    with shared(log.folder / "maintenance.lock"):
        pinned = log.pin()
        key = key_digest(book / "log")
        _refuse_other(log, pinned, key, target)
        was_there = target.exists()
        for folder in (target, target / "files"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copied, listed, size = 0, [], 0
        for name, path in _files_of(book, pinned.files):
            one, is_new = _copy(path, name, target / "files")
            listed.append(one)
            copied, size = (copied + 1, size + one.bytes) if is_new else (copied, size)
        sync(target / "files")
        manifest = Manifest(
            made_at=now,
            position=pinned.head.position,
            digest=pinned.head.digest.hex(),
            key_sha256=key,
            files=listed,
        )
        _write(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        if not was_there:
            sync(target.parent)
        removed = _remove_others(target, {one.sha256 for one in listed})
        if os.access(book / "ledger", os.W_OK):  # a book that may only be read can be saved all the same
            _record(book, target, now, pinned.head.position)
    return Backup(
        folder=str(target),
        made_at=now,
        position=manifest.position,
        files=len(listed),
        files_copied=copied,
        bytes_copied=size,
        files_removed=removed,
    )


def restore(source: Path, folder: Path) -> Manifest:
    """Put the copy in `source` back as a book in `folder`, which must be empty or not exist.

    The book refuses to open until `replay_erasures` or `no_later_erasures` said what became of erasures made since.

    Raises:
        BackupFailed: it is no copy, a file of it is damaged, or the folder is not empty.
    """
    manifest = read_manifest(source)
    taken = in_the_way(folder)
    if taken:
        raise BackupFailed(taken)
    with whole_or_nothing(folder):
        _restore(manifest, source, folder)
    return manifest


def in_the_way(folder: Path) -> str | None:
    """What to say of a folder that is to become a book and is not empty; None where it is, or is not there."""
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if (folder / "book.toml").exists() or not any((folder / name).exists() for name in ("log", "ledger")):
        return _("{folder} is not empty; name another folder").format(folder=folder)
    said = _(
        "{folder} is not empty: it holds a book without its book.toml. If `init` or `restore` was interrupted there, delete"
        " the folder and do it again; else put book.toml back from a backup"
    )
    return said.format(folder=folder)


def _restore(manifest: Manifest, source: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    settings = None
    for one in manifest.files:
        if one.path == "book.toml":  # comes last: what has none is no book yet
            settings = one
        else:
            _put_back(source, one, folder)
    for number, data in later_entries(source).items():
        _write(folder / "ledger" / f"{number:06}.json", data)
    Ledger(folder / "ledger").suppress(Ledger(source / "later").suppressed())
    about = {"made_at": manifest.made_at, "position": manifest.position}
    _write(folder / "ledger" / RESTORED, msgspec.json.encode(about))
    for name in ("tmp", "generations"):
        (folder / "log" / name).mkdir(mode=0o700, exist_ok=True)
    os.symlink(Path("generations") / FIRST_GENERATION, folder / "log" / "current")
    for name in ("rejects", "state"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    if settings is None:
        raise BackupFailed(_("{folder} lacks the file {file}").format(folder=source, file="book.toml"))
    for parent in (folder / "log" / "generations", folder / "log", folder):
        sync(parent)
    _put_back(source, settings, folder)
    sync(folder.parent)


def replay_erasures(folder: Path, other: Path) -> int:
    """Take the erasures that another ledger of this book has into the book in `folder`; returns how many.

    `other` is a book, its `ledger` folder, or another copy of it. They are carried out when the book is opened.

    Raises:
        BackupFailed: it is none of these, or it tells another story.
    """
    own, given = Ledger(folder / "ledger"), _entries_in(other)
    _refuse_stranger(folder, other, given)
    have = own.raw()
    if any(number in given and given[number] != data for number, data in have.items()):
        raise BackupFailed(
            _("{folder} has other erasures under the same numbers: it is no ledger of this book").format(folder=other)
        )
    new = {number: data for number, data in sorted(given.items()) if number not in have}
    for number, data in new.items():
        own.add(number, data)
    own.entries()
    own.suppress(_suppressed_in(other))  # some may never have been in this state of the book
    no_later_erasures(folder)
    return len(new)


def _refuse_stranger(folder: Path, other: Path, given: Mapping[int, bytes]) -> None:
    """Only a ledger of this very book, and of a later state of it, can tell who was erased since."""
    key = key_digest(folder / "log")
    if is_backup(other):
        manifest, mark = read_manifest(other), folder / "ledger" / RESTORED
        restored = msgspec.json.decode(mark.read_bytes()) if mark.exists() else None
        if restored and manifest.made_at <= datetime.fromisoformat(restored["made_at"]) and not later_entries(other):
            said = _("{folder} is no later than the backup that this book comes from: it cannot know who was erased since")
            raise BackupFailed(said.format(folder=other))
        whose = manifest.key_sha256
    else:
        home = other if (other / "ledger").is_dir() else other.absolute().parent
        if home.resolve() == folder.resolve():
            raise BackupFailed(_("{folder} is this book itself: it cannot know who was erased since").format(folder=other))
        whose = key_digest(home / "log") or next((_key_of(data) for data in given.values()), "")
    if whose != key or any(_key_of(data) != key for data in given.values()):
        raise BackupFailed(_("{folder} is no ledger of this book; name the book that it was a copy of").format(folder=other))


def _key_of(data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=Entry).key_sha256
    except msgspec.MsgspecError:
        return ""


def unfinished_erasures(folder: Path) -> int:
    """How many erasures the book in `folder` knows of that were not carried out in it yet."""
    return len(Ledger(folder / "ledger").unfinished())


def no_later_erasures(folder: Path) -> None:
    """Say that nobody was erased after the copy was made that the book in `folder` comes from."""
    about = folder / "ledger" / RESTORED
    if about.exists():
        Ledger(folder / "ledger").limit(json.loads(about.read_bytes())["position"])
        about.unlink()
        sync(folder / "ledger")


def tell_backups(book: Path, entry: int) -> list[dict[str, Any]]:
    """Write an erasure down beside every copy that is within reach, and list the copies made of this book."""
    ledger = Ledger(book / "ledger")
    data = ledger.raw()[entry]
    listed = known_backups(book)
    for one in listed:
        target = Path(one["folder"])
        one["told"] = False
        if (target / MANIFEST).exists():
            try:
                (target / "later").mkdir(mode=0o700, exist_ok=True)
                Ledger(target / "later").suppress(ledger.suppressed())
                sync(target)
                _write(target / "later" / f"{entry:06}.json", data)
                one["told"] = True
            except OSError:
                continue
    return listed


def known_backups(book: Path) -> list[dict[str, Any]]:
    """The copies made of this book: folder, when last, and up to which position."""
    path = book / "ledger" / _RECORD
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    latest = {}
    for line in lines:
        said = json.loads(line)
        latest[said["folder"]] = said
    return list(latest.values())


@contextmanager
def opened(source: Path) -> Iterator[Path]:
    """The copy as a folder with a book's paths, for reading: a temporary tree of links. Its files were checked.

    Raises:
        BackupFailed: it is no copy, or a file of it is damaged.
    """
    manifest = read_manifest(source)
    with tempfile.TemporaryDirectory(prefix="clientbook-") as temporary:
        folder = Path(temporary)
        for one in manifest.files:
            _check(source, one)
            place = folder / one.path
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.symlink_to((source / "files" / one.sha256).absolute())
        for name in ("log/tmp", f"log/generations/{FIRST_GENERATION}"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "log" / "current").symlink_to(Path("generations") / FIRST_GENERATION)
        yield folder


def is_backup(folder: Path) -> bool:
    """Whether a folder holds a copy made by `back_up`."""
    return (folder / MANIFEST).exists()


def read_manifest(source: Path) -> Manifest:
    """What a copy says it holds.

    Raises:
        BackupFailed: it is no copy, or was made by a newer clientbook.
    """
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupFailed(_("{folder} holds no backup").format(folder=source)) from None
    except msgspec.MsgspecError:
        raise DamagedBackup(_("{file} is not what was written there").format(file=source / MANIFEST)) from None
    if manifest.format > BACKUP_FORMAT:
        raise BackupFailed(_("{folder} was written by a newer clientbook; install it").format(folder=source))
    for one in manifest.files:
        if Path(one.path).is_absolute() or ".." in Path(one.path).parts or not _DIGEST.fullmatch(one.sha256):
            raise DamagedBackup(_("{file} is not what was written there").format(file=source / MANIFEST))
    return manifest


def later_entries(source: Path) -> dict[int, bytes]:
    """Erasures that were made after the copy, and written down beside it."""
    return Ledger(source / "later").raw()


def _refuse_other(log: ParquetLog, pinned: Pinned, key: str, target: Path) -> None:
    if not is_backup(target):
        if target.exists() and not _is_unfinished(target):
            raise BackupFailed(_("{folder} is neither empty nor a backup; name another folder").format(folder=target))
        return
    before = read_manifest(target)
    if before.key_sha256 != key:
        raise BackupFailed(_("{folder} is a backup of another book; name another folder").format(folder=target))
    log.ledger.entries()  # a damaged ledger is not copied over a good one
    log.ledger.suppressed()
    held = {f"ledger/{path.name}" for path in log.ledger.folder.glob("*")}
    lost = [one.path for one in before.files if one.path.startswith("ledger/") and one.path not in held]
    if lost:
        said = _("the book has lost {file}, which {folder} has; put it back from there. The backup was left as it was")
        raise BackupFailed(said.format(file=lost[0], folder=target))
    mark = log.commits(pinned).at(before.position)
    if before.position and (mark is None or bytes.fromhex(before.digest)[:DIGEST_BYTES] != mark.digest):
        said = _("{folder} holds events that this book does not have; keep it, and name another folder")
        raise BackupFailed(said.format(folder=target))


def _is_unfinished(target: Path) -> bool:
    """Whether the folder is empty, or holds nothing but what a first copy that was interrupted has made."""
    pool = target / "files"
    others = [path for path in target.iterdir() if path != pool and not _TEMPORARY.fullmatch(path.name)]
    copied = list(pool.iterdir()) if pool.is_dir() else []
    return not others and all(_DIGEST.fullmatch(path.name) or _TEMPORARY.fullmatch(path.name) for path in copied)


def _files_of(book: Path, log_files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    yield from ((name, book / name) for name in ("book.toml", "log/FORMAT.json", "log/key"))
    yield from ((f"log/generations/{FIRST_GENERATION}/{path.name}", path) for path in log_files)
    for folder in ("ledger", "rejects", "mappings"):
        for path in sorted((book / folder).iterdir()) if (book / folder).exists() else []:
            if path.suffix != ".tmp" and path.name not in (_RECORD, RESTORED):
                yield f"{folder}/{path.name}", path


def _copy(path: Path, name: str, pool: Path) -> tuple[CopiedFile, bool]:
    """Copy a file unless the pool has it; whether it was copied."""
    digest = _digest_of(path)
    size = path.stat().st_size
    there = pool / digest
    if there.exists() and there.stat().st_size == size:
        return CopiedFile(path=name, sha256=digest, bytes=size), False
    if path.suffix == ".parquet" and not is_sound(path):
        said = _("{file} is damaged: `clientbook verify` says more; the backup was left as it was")
        raise DamagedLog(said.format(file=path))
    data_digest, temporary = sha256(), temporary_in(pool)
    try:
        with open(path, "rb") as source, open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            while chunk := source.read(_CHUNK):
                data_digest.update(chunk)
                sink.write(chunk)
            size = sink.tell()
        sync(temporary)
        os.rename(temporary, pool / data_digest.hexdigest())
    finally:
        temporary.unlink(missing_ok=True)
    return CopiedFile(path=name, sha256=data_digest.hexdigest(), bytes=size), True


def _put_back(source: Path, one: CopiedFile, folder: Path) -> None:
    _check(source, one)
    place = folder / one.path
    for parent in reversed(place.relative_to(folder).parents):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
    temporary = place.with_name(f"{place.name}.tmp")
    shutil.copyfile(source / "files" / one.sha256, temporary)
    temporary.chmod(0o600)
    if _digest_of(temporary) != one.sha256:
        raise BackupFailed(_("{file} could not be copied unchanged").format(file=one.path))
    sync(temporary)
    os.rename(temporary, place)
    sync(place.parent)


def _check(source: Path, one: CopiedFile) -> None:
    path = source / "files" / one.sha256
    if not path.exists() or _digest_of(path) != one.sha256:
        said = _("the backup is damaged: {file} ({path}) is missing or not what was copied")
        raise DamagedBackup(said.format(file=one.path, path=path))


def _digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _entries_in(folder: Path) -> dict[int, bytes]:
    if is_backup(folder):
        listed = {Path(one.path).name: one for one in read_manifest(folder).files if one.path.startswith("ledger/")}
        found = {}
        for name, one in listed.items():
            if name.endswith(".json"):
                _check(folder, one)
                found[int(Path(name).stem)] = (folder / "files" / one.sha256).read_bytes()
        return found | later_entries(folder)
    ledger = folder / "ledger" if (folder / "ledger").is_dir() else folder
    if ledger.name != "ledger" or not ledger.is_dir():
        raise BackupFailed(_("{folder} is no book, no ledger and no backup").format(folder=folder))
    return Ledger(ledger).raw()


def _suppressed_in(folder: Path) -> set[str]:
    """The suppression list that a book, a ledger or a copy has."""
    if not is_backup(folder):
        return Ledger(folder / "ledger" if (folder / "ledger").is_dir() else folder).suppressed()
    found = Ledger(folder / "later").suppressed()
    for one in read_manifest(folder).files:
        if one.path == f"ledger/{SUPPRESSION}":
            found |= set((folder / "files" / one.sha256).read_text(encoding="ascii").split())
    return found


def _remove_others(target: Path, kept: Set[str]) -> int:
    """Delete what this copy does not need: files of the one before, erasures that it already has."""
    count = 0
    for path in (target / "files").iterdir():
        if path.name not in kept:
            path.unlink()
            count += 1
    for path in target.glob("*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink()
    shutil.rmtree(target / "later", ignore_errors=True)
    return count


def _record(book: Path, target: Path, now: datetime, position: int) -> None:
    line = json.dumps({"folder": str(target), "made_at": now.isoformat(), "position": position}, ensure_ascii=False)
    known = {one["folder"]: one for one in known_backups(book)}
    known[str(target)] = json.loads(line)
    (book / "ledger").mkdir(mode=0o700, exist_ok=True)
    _write(book / "ledger" / _RECORD, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in known.values()).encode())


def _write(path: Path, data: bytes) -> None:
    """Put a small file in the place of another in one step, durably."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = temporary_in(path.parent)
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        sync(temporary)
        os.rename(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
