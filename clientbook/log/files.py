"""Files of the log on disk: durable, exclusive publication, and the marks in a Parquet footer.

A file is written under a temporary name, made durable, then given its final name by `link(2)`, which fails if the name is
taken; then the directory is made durable. So a file is there whole or not at all. Its footer carries the SHA-256 of all its
bytes (the 64 digits themselves read as zeros), since page checksums do not cover the footer.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from clientbook.i18n import _
from clientbook.log.base import LogError

FORMAT: Final = 1
"""Number of the file format described in docs/reference/format.md; a reader refuses a greater one."""

HASH_KEY: Final = b"clientbook.file_sha256"
_NO_HASH: Final = b"0" * 64
_STATISTICS: Final = ["position", "customer_id", "occurred_at", "recorded_at", "type"]
_OF_THE_MOMENT: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)
"""What a file system says that could do it at another time, or for somebody else."""

ORPHAN_SECONDS: Final = 3600
ROW_GROUP_ROWS: Final = 122_880
"""DuckDB's own size: small enough to skip by, large enough that a footer stays short."""


class UnfitFileSystem(LogError):
    """The file system lacks what a log needs."""


def write_parquet(path: Path, rows: pa.Table, marks: Mapping[str, str]) -> None:
    """Write `rows` as one file with `marks` in the footer and the file's own digest."""
    with parquet_file(path, rows.schema) as writer:
        writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        writer.add_key_value_metadata(dict(marks))


@contextmanager
def parquet_file(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """A new file to write row groups and marks to; it gets its own digest at the end. No statistics on personal columns."""
    with (
        open(path, "xb", opener=_private) as sink,
        pq.ParquetWriter(
            sink, schema, compression="zstd", write_statistics=_STATISTICS, write_page_checksum=True, store_schema=False
        ) as writer,
    ):
        yield writer
        writer.add_key_value_metadata({HASH_KEY.decode(): _NO_HASH.decode()})
    with open(path, "r+b") as file:
        place = hash_place(file.fileno())
        os.pwrite(file.fileno(), file_digest(file.fileno(), place).encode(), place)


def own_digest(path: Path) -> str:
    """The digest that a file's footer says it has.

    Raises:
        ValueError: the file is no Parquet file with that mark.
    """
    with open(path, "rb") as file:
        return os.pread(file.fileno(), 64, hash_place(file.fileno())).decode("ascii", "replace")


def is_sound(path: Path) -> bool:
    """Whether a file's bytes have the digest that its footer says."""
    with open(path, "rb") as file:
        try:
            place = hash_place(file.fileno())
        except ValueError:
            return False
        return os.pread(file.fileno(), 64, place) == file_digest(file.fileno(), place).encode()


def hash_place(fd: int) -> int:
    """Offset of the 64 digits of the file's own digest.

    Raises:
        ValueError: the file is no Parquet file with that mark.
    """
    size = os.fstat(fd).st_size
    tail = os.pread(fd, 8, max(size - 8, 0))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length + 8 > size:
        raise ValueError("not a whole Parquet file")
    footer = os.pread(fd, length, size - 8 - length)
    found = footer.find(HASH_KEY)
    if found < 0:
        raise ValueError("the footer carries no digest")
    # Thrift's compact protocol: the key's bytes, one field header, the value's length in one byte, the value.
    return size - 8 - length + found + len(HASH_KEY) + 2


def file_digest(fd: int, place: int) -> str:
    """SHA-256 of the file's bytes with the 64 digits at `place` read as zeros."""
    digest, offset = sha256(), 0
    while chunk := os.pread(fd, 1 << 20, offset):
        start, stop = max(place, offset), min(place + 64, offset + len(chunk))
        if start < stop:
            chunk = chunk[: start - offset] + _NO_HASH[: stop - start] + chunk[stop - offset :]
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def publish(temporary: Path, final: Path) -> None:
    """Give a finished temporary file its final name, durably.

    Raises:
        FileExistsError: the name is taken; nothing was changed.
    """
    sync(temporary)
    os.link(temporary, final)
    os.unlink(temporary)
    sync(final.parent)


def sync(path: Path) -> None:
    """Make a file's bytes or a directory's entries durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync leaves data in the drive's cache
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def whole_or_nothing(folder: Path) -> Iterator[None]:
    """Make something in an empty folder; where it fails the folder is empty again, or gone if it was not there."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        for path in list(folder.iterdir()) if folder.exists() else []:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not was_there:
            with suppress(FileNotFoundError):
                folder.rmdir()
        raise


def check_file_system(folder: Path) -> None:
    """Try what a log needs of its file system.

    Raises:
        UnfitFileSystem: it cannot do it.
    """
    first, second = (temporary_in(folder) for _number in range(2))
    try:
        first.touch(mode=0o600)
        os.link(first, second)
        with exclusive(first, wait=False):
            pass
        second.unlink()
        os.symlink(first.name, second)
    except OSError as error:
        if error.errno in _OF_THE_MOMENT:
            raise
        raise UnfitFileSystem(
            _(
                "the file system of {folder} cannot keep a book ({error}): it needs hard links, symbolic links and locks."
                " Choose a local disk (ext4, xfs, APFS), not a memory stick, a network share or a synchronised folder;"
                " `clientbook backup` can copy the book there"
            ).format(folder=folder, error=error.strerror)
        ) from None
    finally:
        second.unlink(missing_ok=True)
        first.unlink(missing_ok=True)


def temporary_in(folder: Path) -> Path:
    """A new name for a file being written."""
    return folder / f"{os.getpid()}-{secrets.token_hex(8)}.tmp"


def remove_orphans(folder: Path) -> int:
    """Delete what a killed process left, never anything younger than an hour; returns how many."""
    count = 0
    for path in folder.glob("*.tmp"):
        with suppress(FileNotFoundError):  # its owner was quicker
            if time.time() - path.lstat().st_mtime > ORPHAN_SECONDS:  # itself: a link of a killed seal points nowhere
                path.unlink()
                count += 1
    return count


@contextmanager
def exclusive(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file; other processes and threads wait.

    Raises:
        BlockingIOError: somebody else holds it, and `wait` is false.
    """
    with _locked(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


@contextmanager
def shared(lock: Path) -> Iterator[None]:
    """Hold the lock file together with others who share it; who wants it exclusively waits.

    A log that may only be read, and has no such file, needs no lock: nobody changes it.
    """
    if os.access(lock.parent, os.W_OK):
        with _locked(lock, fcntl.LOCK_SH):
            yield
    elif lock.exists():
        with _locked(lock, fcntl.LOCK_SH, os.O_RDONLY):
            yield
    else:
        yield


@contextmanager
def _locked(lock: Path, how: int, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[None]:
    fd = os.open(lock, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
