"""A disk that fails on purpose: every change that a process makes to files is counted, and any one of them can go wrong.

The changes are the system calls behind `os.*` and `open` that write, make durable, link, rename or delete. What native
libraries write by themselves (DuckDB's computed tables) is not seen; log, ledger and backups are written from Python.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

How = Literal["count", "error", "kill"]

PLAIN = ("fsync", "pwrite", "write", "ftruncate", "posix_fallocate", "link", "unlink", "remove", "rename", "replace")
PLAIN += ("symlink", "mkdir", "rmdir", "utime", "chmod", "sendfile")
CREATING = os.O_CREAT | os.O_TRUNC


class FaultyDisk:
    """While it is entered, changes to files are counted; the one numbered `at` fails, or kills the process.

    A kill comes before the call, and within a write after half of the bytes.
    """

    def __init__(self, how: How, at: int = 0) -> None:
        self.how = how
        self.at = at
        self.calls: list[str] = []
        self.watcher: Callable[[str, tuple[Any, ...], dict[str, Any], Any], None] | None = None
        """Called after each change with its name, its arguments and its result."""
        self._true: dict[str, Any] = {}
        self._true_open = builtins.open

    def __enter__(self) -> FaultyDisk:
        for name in (*PLAIN, "open"):
            if hasattr(os, name):
                self._true[name] = getattr(os, name)
                setattr(os, name, self._hooked_open if name == "open" else self._hook(name))
        builtins.open = io.open = self._open_file  # type: ignore[assignment]
        return self

    def __exit__(self, *_error: object) -> None:
        for name, true in self._true.items():
            setattr(os, name, true)
        builtins.open = io.open = self._true_open

    def step(self, name: str, args: tuple[Any, ...], named: dict[str, Any], act: Callable[..., Any]) -> Any:
        """One change: it is counted, and done unless it is the one that fails."""
        self.calls.append(f"{name} {_shown(args)}")
        if len(self.calls) == self.at:
            if self.how == "kill":
                if name in ("write", "pwrite") and len(args[1]) > 1:
                    act(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        result = act(*args, **named)
        if self.watcher:
            self.watcher(name, args, named, result)
        return result

    def _hook(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            return self.step(name, args, named, self._true[name])

        return call

    def _hooked_open(self, path: Any, flags: int, *args: Any, **named: Any) -> int:
        if not flags & CREATING:
            return int(self._true["open"](path, flags, *args, **named))
        return int(self.step("open", (path, flags, *args), named, self._true["open"]))

    def _open_file(self, file: Any, mode: str = "r", buffering: int = -1, *args: Any, **named: Any) -> Any:
        if not set(mode) & set("wxa+"):
            return self._true_open(file, mode, buffering, *args, **named)
        text = dict(zip(("encoding", "errors", "newline"), args, strict=False)) | named
        closing = {name: text.pop(name) for name in ("closefd", "opener") if name in text}
        raw_mode = mode.replace("b", "").replace("t", "")
        if isinstance(file, int) or closing.get("opener"):
            raw: io.FileIO = _File(self, file, raw_mode, **closing)
        else:
            raw = self.step("open", (file, raw_mode), closing, lambda *given, **kept: _File(self, *given, **kept))
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)  # type: ignore[type-var]
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **text)


class _File(io.FileIO):
    def __init__(self, disk: FaultyDisk, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._disk = disk

    def write(self, data: Any) -> int:
        return int(self._disk.step("write", (self.fileno(), data), {}, lambda _fd, some: super(_File, self).write(some)))


def _shown(args: tuple[Any, ...]) -> str:
    """The names that a call is about, short enough to read."""
    names = []
    for one in args:
        if isinstance(one, int) and not isinstance(one, bool) and one > 2 and not names:
            try:
                names.append(_short(os.readlink(f"/proc/self/fd/{one}")))
            except OSError:
                names.append("?")
        elif isinstance(one, str | os.PathLike):
            names.append(_short(os.fspath(one)))
    return " → ".join(names)


def _short(path: Any) -> str:
    return "/".join(Path(os.fsdecode(path)).parts[-2:])


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Run in a forked process: (exit status, what it returned); (status, None) where it was killed.

    Raises:
        AssertionError: it raised; the message is the traceback.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            said = {"result": work()}
        except BaseException:
            said = {"raised": traceback.format_exc()}
        with open(writing, "w") as pipe:
            json.dump(said, pipe)
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    said = json.loads(text) if text else {"result": None}
    if "raised" in said:
        raise AssertionError(said["raised"])
    return status, said["result"]


def fresh_copy(pristine: Path, place: Path) -> None:
    """Put a copy of the folder `pristine` in the place of what stands there; times and links stay."""
    if place.exists():
        shutil.rmtree(place)
    shutil.copytree(pristine, place, symlinks=True)


def tell(what: dict[str, Any]) -> None:
    """One line of JSON for the test that started this process."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
