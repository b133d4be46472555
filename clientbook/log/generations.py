"""Which files are live: their names, and how one set of them takes another's place in one step."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from clientbook.i18n import _
from clientbook.log.base import DamagedLog
from clientbook.log.files import sync

_COMMIT: Final = re.compile(r"commit-(?P<last>\d{20})\.parquet")
_SEALED: Final = re.compile(r"sealed-(?P<first>\d{20})-(?P<last>\d{20})-(?P<part>\d{4})\.parquet")
_FOLDER: Final = re.compile(r"\d{6,}")
FIRST_GENERATION: Final = "000001"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The files that hold some consecutive commits: one file for one commit, or the parts of a seal."""

    first_commit: int
    last_commit: int
    files: tuple[Path, ...]
    is_sealed: bool


def commit_path(folder: Path, number: int) -> Path:
    """The file of one commit."""
    return folder / f"commit-{number:020}.parquet"


def sealed_name(first_commit: int, last_commit: int, part: int) -> str:
    """Name of one file of a seal; parts count from 1."""
    return f"sealed-{first_commit:020}-{last_commit:020}-{part:04}.parquet"


def segments_in(folder: Path) -> list[Segment]:
    """The files of the log in `folder`, oldest commits first. Files with other names are left alone.

    Raises:
        DamagedLog: commits are missing or stand twice.
    """
    return segments_of(_listed(folder))


def _listed(folder: Path) -> list[Path]:
    """What is in the folder. A long listing is not of one moment: of commits made meanwhile it may show a later one only."""
    paths = list(folder.iterdir())
    commits = {int(match["last"]) for path in paths if (match := _COMMIT.fullmatch(path.name))}
    sealed = max((int(match["last"]) for path in paths if (match := _SEALED.fullmatch(path.name))), default=0)
    skipped = (commit_path(folder, number) for number in range(sealed + 1, max(commits, default=0)) if number not in commits)
    return paths + [path for path in skipped if path.exists()]


def segments_of(paths: Iterable[Path]) -> list[Segment]:
    """The same for paths that need not lie in one folder."""
    named = []
    for path in paths:
        match = _COMMIT.fullmatch(path.name) or _SEALED.fullmatch(path.name)
        if match:
            parts = match.groupdict()
            last = int(parts["last"])
            named.append((int(parts.get("first", last)), last, int(parts.get("part", 0)), path))
    segments, expected = [], 1
    for (first, last, is_sealed), files in groupby(sorted(named), key=lambda one: (one[0], one[1], one[2] > 0)):
        listed = list(files)
        if first != expected or [part for *_range, part, _path in listed] != list(range(is_sealed, len(listed) + is_sealed)):
            raise DamagedLog(_missing(listed[0][3], first, expected))
        expected = last + 1
        paths_ = tuple(path for *_range, path in listed)
        segments.append(Segment(first_commit=first, last_commit=last, files=paths_, is_sealed=is_sealed))
    return segments


def _missing(path: Path, first: int, expected: int) -> str:
    if first > expected:
        said = _("commit {number} is missing before {file}; put it back from a backup")
    elif first < expected:
        said = _("{file} holds commits that other files hold too; take it away if it was put there by hand")
    else:
        said = _("a part of the seal {file} is missing; put it back from a backup")
    return said.format(number=expected, file=path)


def numbered_folders(parent: Path) -> list[Path]:
    """Generations on disk, oldest first."""
    return sorted((path for path in parent.glob("*") if _FOLDER.fullmatch(path.name)), key=lambda path: int(path.name))


def make_current(log_folder: Path, current: Path, files: Mapping[str, Path]) -> Path:
    """Make a generation of `files` (name → where it lies now) and put it in the place of `current`; returns it.

    The writer lock must be held. Files of the present generation are linked, not copied. After a crash either generation is
    current, and both are whole.
    """
    parent = log_folder / "generations"
    if current.parent != parent.resolve():  # a copy made without links: its folder becomes a generation like others
        current = _as_generation(log_folder, parent, current)
        files = {name: current / path.name if path.parent.name == "current" else path for name, path in files.items()}
    for left in numbered_folders(parent):
        if int(left.name) > int(current.name):  # somebody was killed before it counted
            shutil.rmtree(left)
    made = parent / f"{int(current.name) + 1:06}"
    made.mkdir(mode=0o700)
    for name, path in files.items():
        os.link(path, made / name)
    sync(made)
    sync(parent)
    _swap_link(log_folder, made)
    os.utime(current)  # from now on it ages
    return made


def _as_generation(log_folder: Path, parent: Path, current: Path) -> Path:
    number = max((int(path.name) for path in numbered_folders(parent)), default=0) + 1
    named = parent / f"{number:06}"
    os.rename(current, named)
    sync(parent)
    _swap_link(log_folder, named)
    return named


def _swap_link(log_folder: Path, target: Path) -> None:
    link = log_folder / "tmp" / f"current-{secrets.token_hex(4)}.tmp"
    os.symlink(Path("generations") / target.name, link)
    os.rename(link, log_folder / "current")
    sync(log_folder)


def remove_generations(log_folder: Path, current: Path, *, older_than_seconds: float) -> int:
    """Delete generations that have not been current for so long; returns how many."""
    count = 0
    for path in numbered_folders(log_folder / "generations"):
        if int(path.name) < int(current.name) and time.time() - path.stat().st_mtime >= older_than_seconds:
            shutil.rmtree(path)
            count += 1
    return count
