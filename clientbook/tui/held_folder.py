"""Whether a folder is still the one that was opened: erasing and rebuilding delete a book's kept tables whole."""

from __future__ import annotations

import os
from pathlib import Path


class HeldFolder:
    """A folder that is held open, so that no other one can take its number and pass for it."""

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self._number = number

    @classmethod
    def hold(cls, path: Path) -> HeldFolder | None:
        """The folder at `path`, if there is one."""
        try:
            return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError:
            return None

    def is_gone(self) -> bool:
        """Whether it was deleted, or another one stands in its place."""
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._number))
        except OSError:
            return True

    def close(self) -> None:
        os.close(self._number)
