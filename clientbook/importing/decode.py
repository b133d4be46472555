"""From bytes to text: compression, then a fixed ladder of encodings: BOM, declared, strict UTF-8, cp1252 as a guess."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from clientbook.errors import ClientbookError
from clientbook.i18n import _

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


MOST_BYTES: Final = 4 << 30
"""How much a compressed file may come to when it is unpacked."""

_TWO_BYTES: Final = re.compile(rb"[\xc2\xc3][\x80-\xbf]")
"""An accented letter in UTF-8; in cp1252 it would be Ã or Â before a sign, which no word has."""
_PACKED_BYTES: Final = 64 << 20
_PACKED_RATIO: Final = 200
"""What is longer than that and so many times its packed length is made to choke programs: tables pack to a tenth."""


class UnreadableFile(ClientbookError, ValueError):
    """A file that cannot be read at all; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class GivenFile:
    """A file as it was handed over."""

    name: str
    """For messages only: it never enters the log."""
    data: bytes
    """Its bytes, decompressed."""
    sha256: str
    """Digest of the bytes as given, before decompression."""

    @property
    def suffix(self) -> str:
        """Its kind, in lower case and without `.gz`."""
        suffixes = [part.lower() for part in Path(self.name).suffixes]
        if suffixes and suffixes[-1] == ".gz":
            suffixes.pop()
        return suffixes[-1] if suffixes else ""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Text, and how sure its encoding is."""

    text: str
    encoding: str
    is_guess: bool
    odd_line: int | None = None
    """The first line that is not UTF-8, where others plainly are."""


def open_file(path: str) -> GivenFile:
    """Read a file, `-` for standard input; `.gz` is recognised by its content.

    Raises:
        UnreadableFile: it is missing, not a file, or broken gzip data.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read()
        elif Path(path).is_char_device() or Path(path).is_block_device():
            raise UnreadableFile(_("{path}: this is a device, not a file").format(path=path))
        else:
            data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(_("{path}: there is no such file").format(path=path)) from None
    except IsADirectoryError:
        raise UnreadableFile(_("{path}: this is a folder; name the files in it").format(path=path)) from None
    except PermissionError:
        raise UnreadableFile(_("{path}: you may not read this file").format(path=path)) from None
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from None
    digest = sha256(data).hexdigest()
    if data[:2] == b"\x1f\x8b":
        try:
            data = _unpacked(data, path)
        except (OSError, EOFError, zlib.error):
            raise UnreadableFile(
                _("{path}: the compressed data are damaged or cut short; fetch the file again").format(path=path)
            ) from None
    return GivenFile(name="(standard input)" if path == "-" else Path(path).name, data=data, sha256=digest)


def is_bomb(packed: int, unpacked: int) -> bool:
    """Whether a file unpacks to more than tables do."""
    return unpacked > MOST_BYTES or (unpacked > _PACKED_BYTES and unpacked > packed * _PACKED_RATIO)


def _unpacked(data: bytes, path: str) -> bytes:
    parts: list[bytes] = []
    length = 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        while part := packed.read(1 << 22):
            length += len(part)
            if is_bomb(len(data), length):
                said = _(
                    "{path}: unpacked it is more than {times} times as long as packed, which no table is; unpack it first"
                )
                raise UnreadableFile(said.format(path=path, times=_PACKED_RATIO))
            parts.append(part)
    return b"".join(parts)


def decode(file: GivenFile, declared: str | None = None) -> Decoded:
    """The file's text.

    Raises:
        UnreadableFile: it is binary, or not in the declared encoding.
    """
    for bom, encoding in _BOMS:
        if file.data.startswith(bom):
            return Decoded(text=_strictly(file, encoding), encoding=encoding, is_guess=False)
    is_wide = (declared or "").lower().replace("-", "").replace("_", "").startswith(("utf16", "utf32"))
    if b"\0" in file.data and not is_wide:
        raise UnreadableFile(
            _(
                "{file}: this is not a text file; clientbook reads CSV, TSV, TXT, JSON Lines, XLSX, XLS, Parquet and vCard"
            ).format(file=file.name)
        )
    if declared:
        return Decoded(text=_strictly(file, declared), encoding=declared, is_guess=False)
    try:
        return Decoded(text=file.data.decode("utf-8"), encoding="utf-8", is_guess=False)
    except UnicodeDecodeError as error:
        odd_line = file.data.count(b"\n", 0, error.start) + 1 if _TWO_BYTES.search(file.data) else None
        return Decoded(text=_strictly(file, "cp1252"), encoding="cp1252", is_guess=True, odd_line=odd_line)


def _strictly(file: GivenFile, encoding: str) -> str:
    try:
        # cp1252 leaves five bytes undefined; browsers read them as control characters, and so do we.
        return file.data.decode(encoding, errors="cp1252-holes" if encoding == "cp1252" else "strict")
    except LookupError:
        raise UnreadableFile(
            _("{file}: unknown encoding {encoding!r}; try utf-8 or cp1252").format(file=file.name, encoding=encoding)
        ) from None
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            _("{file}, line {line}: these bytes are not {encoding}; name another encoding").format(
                file=file.name, line=line, encoding=encoding
            )
        ) from None


def _fill_holes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(map(chr, error.object[error.start : error.end])), error.end


codecs.register_error("cp1252-holes", _fill_holes)
