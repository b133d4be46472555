"""What a power cut leaves: only what was made durable by `fsync` is sure to be there, the rest may be or not.

Three kinds of disks are played at every change: one that kept nothing but what was asked for (`strict`), one that kept all
names but of the bytes only those asked for (`names`), and one that kept the names of some folders (`mixed`).
"""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

from faulty_disk import FaultyDisk

Tree = dict[str, Any]
"""By name: a folder (a dict), a file (its bytes) or a symbolic link (its target, a text)."""


class PowerCuts:
    """While it is entered, the trees that a power cut could leave of `folder` are collected, each once."""

    def __init__(self, folder: Path, *, kinds: tuple[str, ...] = ("strict", "names", "mixed")) -> None:
        self.cuts: list[tuple[str, Tree]] = []
        """What had been done by then and the kind of disk; the tree."""
        self._folder = folder
        self._kinds = kinds
        self._data: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[str, Any]]] = {}
        self._held: list[int] = []  # so that no number of a deleted file is given to another
        self._seen: set[str] = set()
        self._chance = random.Random(5)
        self._disk = FaultyDisk("count")
        self._disk.watcher = self._watch

    def __enter__(self) -> PowerCuts:
        for path in [self._folder, *self._folder.rglob("*")]:
            if not path.is_symlink():
                self._keep(os.open(path, os.O_RDONLY))
        self._disk.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._disk.__exit__(*error)
        self._cut("acknowledged", "strict")
        for fd in self._held:
            os.close(fd)

    def _keep(self, fd: int, *, held: bool = True) -> None:
        """A file or folder is durable as it stands."""
        about = os.fstat(fd)
        if stat.S_ISDIR(about.st_mode):
            self._names[about.st_ino] = _entries(fd)
        else:
            reading = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
            self._data[about.st_ino] = os.pread(reading, about.st_size, 0)
            os.close(reading)
        if held:
            self._held.append(fd)

    def _watch(self, name: str, args: tuple[Any, ...], _named: dict[str, Any], result: Any) -> None:
        if name == "fsync":
            self._keep(args[0], held=False)
        elif name == "open":
            fd = result if isinstance(result, int) else result.fileno()
            if not os.fstat(fd).st_size:
                self._data[os.fstat(fd).st_ino] = b""
                # Not dup: that would keep a lock that is let go.
                self._held.append(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY))
        elif name == "mkdir":
            self._held.append(os.open(args[0], os.O_RDONLY))
            self._names[os.fstat(self._held[-1]).st_ino] = {}
        for kind in self._kinds:
            self._cut(self._disk.calls[-1], kind)

    def _cut(self, after: str, kind: str) -> None:
        tree = self._tree(self._folder.stat().st_ino, self._folder, kind)
        if after == "acknowledged" or repr(tree) not in self._seen:
            self._seen.add(repr(tree))
            self.cuts.append((f"{after} ({kind})", tree))

    def _tree(self, number: int, path: Path | None, kind: str) -> Tree:
        names = self._names.get(number, {})
        if path and path.is_dir() and (kind == "names" or (kind == "mixed" and self._chance.random() < 0.5)):
            fd = os.open(path, os.O_RDONLY)
            names = _entries(fd)
            os.close(fd)
        tree: Tree = {}
        for name, (what, of) in names.items():
            if what == "folder":
                there = path / name if path else None
                same = there if there and there.is_dir() and there.stat().st_ino == of else None
                tree[name] = self._tree(of, same, kind)
            else:
                tree[name] = of if what == "link" else self._data.get(of, b"")
        return tree


def put(tree: Tree, place: Path) -> None:
    """Make a tree on disk."""
    place.mkdir(mode=0o700)
    for name, what in tree.items():
        if isinstance(what, dict):
            put(what, place / name)
        elif isinstance(what, str):
            (place / name).symlink_to(what)
        else:
            (place / name).write_bytes(what)


def _entries(fd: int) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_symlink():
                found[entry.name] = ("link", os.readlink(entry.name, dir_fd=fd))
            else:
                found[entry.name] = ("folder" if entry.is_dir() else "file", entry.inode())
    return found
