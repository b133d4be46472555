"""Notices what code does beside answering: files it writes, processes it starts, connections it makes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_CHANGES: Final = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree")
_PROCESSES: Final = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_CONNECTIONS: Final = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_seen: list[str] | None = None
_is_hooked = False


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is written, started or connected to within the block, as it happens."""
    global _seen, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_hear)  # it cannot be taken off again, so there is one, which is deaf outside
        _is_hooked = True
    _seen, before = [], sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield _seen
    finally:
        _seen, sys.dont_write_bytecode = None, before


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event == "open":
        _path, mode, flags = given
        if (isinstance(flags, int) and flags & _WRITING) or (isinstance(mode, str) and set(mode) & set("wax+")):
            _seen.append("a file was opened for writing")
    elif event in _CHANGES:
        _seen.append(f"{event} was called")
    elif event in _PROCESSES:
        _seen.append(f"a process was started ({event})")
    elif event in _CONNECTIONS:
        _seen.append(f"the network was used ({event})")
