"""Mappings that people gave or said yes to, kept in the book by a fingerprint of the file's column names."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from clientbook.i18n import _
from clientbook.importing.mapping import Mapping, MappingError, load_mapping, to_toml
from clientbook.importing.targets import Catalogue
from clientbook.log.files import sync

MAPPINGS: Final = "mappings"
"""Folder of the book."""


def header_fingerprint(header: Sequence[str]) -> str:
    """Tells files with the same column names, in any order and case, from others."""
    names = sorted(name.strip().casefold() for name in header)
    return sha256("\x1f".join(names).encode()).hexdigest()[:16]


def remember_mapping(folder: Path, header: Sequence[str], mapping: Mapping) -> Path:
    """Keep the mapping for files with these columns; a later one takes its place."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{header_fingerprint(header)}.toml"
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    comment = _("Used by itself for files with these columns; delete it to be asked again.")
    temporary.write_text(to_toml(mapping, [comment]), encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
    sync(folder)
    return path


def remembered_mapping(folder: Path, header: Sequence[str], *, source: str | None, catalogue: Catalogue) -> Mapping | None:
    """The mapping kept for these columns; None where there is none, it fits no more, or it is of another source."""
    path = folder / f"{header_fingerprint(header)}.toml"
    if not path.is_file():
        return None
    try:
        mapping = load_mapping(path, catalogue)
    except MappingError:
        return None
    if source is not None and source != mapping.source:
        return msgspec.structs.replace(mapping, source=source)
    return mapping
