"""The erasure ledger: what was taken out of the log, when and on what ground, without a word about whom.

    ledger/000001.json      one entry an erasure, never changed; each names the digest of the one before
    ledger/000001.done      it was carried out: no file of the log holds the rows any more; the entry's SHA-256
    ledger/000001.until     where the book was put back to when it learned of the entry: it says nothing of later positions
    ledger/suppression.txt  keyed hashes of erased identifiers, so that an import does not bring them back unnoticed

An entry is written before the log's files are, so that a crash in between, or an older backup that was put back, can be
brought to the same end by carrying the entry out again.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

from clientbook.i18n import _
from clientbook.log.base import DamagedLog
from clientbook.log.files import publish, sync, temporary_in

Action = Literal["removed", "kept", "stripped"]
"""What became of a row: removed; a sale kept without a person; a row of somebody else that lost the person's id."""

_ENTRY: Final = re.compile(r"(\d{6,})\.json")
_NO_ENTRY: Final = "0" * 64
SUPPRESSION: Final = "suppression.txt"


class DamagedLedger(DamagedLog):
    """An entry is missing or was changed."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What is to become of a row."""

    action: Action
    order: int | None = None
    """As in `ErasedRow`."""


class ErasedRow(msgspec.Struct, frozen=True, array_like=True):
    """One row of the log: its digest before, and after where something is left of it."""

    position: int
    action: Action
    old: str
    new: str | None = None
    order: int | None = None
    """Position after which its order is called from now on, where the order has to be told apart."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure."""

    number: int
    erased_at: datetime
    ground: str
    timezone: str
    """In which the month of a kept sale was taken."""
    position: int
    """Of the log's last event then."""
    digest: str
    """The log's chain digest then."""
    files: list[tuple[str, str]]
    """Files that held the rows: name and SHA-256 before."""
    rows: list[ErasedRow]
    previous: str
    """SHA-256 of the entry before."""
    key_sha256: str
    """Tells whose ledger it is: SHA-256 of the book's key file."""


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What entries say of rows of the log."""

    original: dict[int, bytes]
    """Digest with which each of these positions stands in the chain."""
    current: dict[int, bytes | None]
    """Digest of what is there now; None where nothing is."""
    number: dict[int, int]
    """The last entry that touched it."""


class Ledger:
    """The ledger of one book. A folder that is not there is an empty ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> list[Entry]:
        """All of them, oldest first.

        Raises:
            DamagedLedger: one is missing, or is not what was written.
        """
        entries, previous = [], _NO_ENTRY
        for number, path in enumerate(self._paths(), 1):
            data = path.read_bytes()
            try:
                entry = msgspec.json.decode(data, type=Entry)
            except msgspec.MsgspecError:
                entry = None
            digest = sha256(data).hexdigest()
            is_next = entry is not None and entry.number == int(path.stem) == number and entry.previous == previous
            if entry is None or not is_next or self._done_digest(number) not in (None, digest):
                raise DamagedLedger(_("{file} is not what was written there, or one before it is").format(file=path))
            entries.append(entry)
            previous = digest
        lost = [path for path in self.folder.glob("*.done") if not path.with_suffix(".json").exists()]
        if lost:
            raise DamagedLedger(_("the entry of {file} is missing; put it back from a backup").format(file=min(lost)))
        return entries

    def unfinished(self) -> list[Entry]:
        """Entries that were written down but not carried out to the end."""
        if all(path.with_suffix(".done").exists() for path in self._paths()):
            return []
        return [entry for entry in self.entries() if not self._done(entry.number).exists()]

    def __len__(self) -> int:
        return len(self._paths())

    def erased(self) -> Erased:
        """The rows that entries speak of."""
        original: dict[int, bytes] = {}
        current: dict[int, bytes | None] = {}
        number: dict[int, int] = {}
        for entry in self.entries():
            until = self._until(entry.number)
            for row in entry.rows:
                if until is not None and row.position > until:
                    continue  # the book went on with other events there
                original.setdefault(row.position, bytes.fromhex(row.old))
                current[row.position] = bytes.fromhex(row.new) if row.new else None
                number[row.position] = entry.number
        return Erased(original=original, current=current, number=number)

    def next(self) -> tuple[int, str]:
        """Number of the next entry, and what it has to give as `previous`."""
        paths = self._paths()
        return len(paths) + 1, sha256(paths[-1].read_bytes()).hexdigest() if paths else _NO_ENTRY

    def write(self, entry: Entry) -> None:
        """Write an entry down, durably.

        Raises:
            FileExistsError: somebody else wrote one with this number.
        """
        self.add(entry.number, msgspec.json.encode(entry))

    def add(self, number: int, data: bytes) -> None:
        """The same for an entry as another ledger of this book has it, byte by byte."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with _written(self.folder, data) as temporary:
            publish(temporary, self._entry(number))

    def finish(self, number: int) -> None:
        """Note that an entry was carried out."""
        if not self._done(number).exists():
            digest = sha256(self._entry(number).read_bytes()).hexdigest()
            with _written(self.folder, f"{digest}\n".encode()) as temporary:
                publish(temporary, self._done(number))

    def limit(self, position: int) -> None:
        """Note that entries not carried out yet were made when the log went on after `position`, and this one did not."""
        for entry in self.unfinished():
            if self._until(entry.number) is None:
                with _written(self.folder, f"{position}\n".encode()) as temporary:
                    publish(temporary, self._entry(entry.number).with_suffix(".until"))

    def is_foreign(self, number: int) -> bool:
        """Whether the entry was learned from another ledger after the book was put back to an earlier state."""
        return self._until(number) is not None

    def _until(self, number: int) -> int | None:
        try:
            return int(self._entry(number).with_suffix(".until").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def raw(self) -> dict[int, bytes]:
        """The entries' bytes by number."""
        return {int(path.stem): path.read_bytes() for path in self._paths()}

    def suppress(self, hashes: Iterable[str]) -> None:
        """Add keyed hashes of identifiers to the suppression list, durably."""
        self._rewrite_suppression(self.suppressed() | set(hashes))

    def readmit(self, hashes: Iterable[str]) -> None:
        """Take hashes off it: the person came back by themselves."""
        self._rewrite_suppression(self.suppressed() - set(hashes))

    def suppressed(self) -> set[str]:
        """The hashes on the suppression list."""
        path = self.folder / SUPPRESSION
        try:
            return set(path.read_text(encoding="ascii").split())
        except FileNotFoundError:
            return set()
        except UnicodeDecodeError:
            raise DamagedLedger(
                _("{file} is not what was written there; put it back from a backup").format(file=path)
            ) from None

    def _rewrite_suppression(self, hashes: set[str]) -> None:
        if hashes == self.suppressed():
            return
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with _written(self.folder, "".join(f"{one}\n" for one in sorted(hashes)).encode()) as temporary:
            sync(temporary)
            os.rename(temporary, self.folder / SUPPRESSION)
        sync(self.folder)

    def _entry(self, number: int) -> Path:
        return self.folder / f"{number:06}.json"

    def _done(self, number: int) -> Path:
        return self._entry(number).with_suffix(".done")

    def _done_digest(self, number: int) -> str | None:
        """What an entry was when it was carried out; None where it was not yet."""
        try:
            return self._done(number).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def _paths(self) -> list[Path]:
        if not self.folder.exists():
            return []
        return sorted(path for path in self.folder.iterdir() if _ENTRY.fullmatch(path.name))


def key_digest(log_folder: Path) -> str:
    """SHA-256 of a book's key file; empty for a log that has none."""
    path = log_folder / "key"
    return sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def identifier_hash(secret: bytes, kind: str, source: str | None, value: str) -> str:
    """Keyed hash of an identifier, normalised as the read model has it (HMAC-SHA-256 with the book's key)."""
    text = "\x1f".join((kind, source or "", value))
    return hmac.new(secret, text.encode(), sha256).hexdigest()


@contextmanager
def _written(folder: Path, data: bytes) -> Iterator[Path]:
    temporary = temporary_in(folder)
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
