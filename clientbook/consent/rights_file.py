"""The file that an answer is written to: new, whole or not there at all, readable by its owner only, its name nobody's."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from clientbook.errors import ClientbookError
from clientbook.i18n import _
from clientbook.log.files import publish, sync, temporary_in

SUFFIX: Final = ".zip"
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links says, such as that of a memory stick."""


class AnswerFileExists(ClientbookError):
    """There is a file of this name, which is not written over."""

    def __init__(self) -> None:
        super().__init__(_("the file that --out names is there already: give another name, or a folder"))


class AnswerNotWritten(ClientbookError):
    """The file cannot be written there."""

    def __init__(self, error: OSError) -> None:
        said = _("the answer cannot be written to the place that --out names: {error}")
        super().__init__(said.format(error=error.strerror or type(error).__name__))


def check_target(out: Path) -> None:
    """Whether an answer can be written to `out`: a new file `….zip`, or a folder, which is made where it is missing.

    Raises:
        AnswerFileExists: the file is there.
        AnswerNotWritten: the folder is none, or nothing may be written there.
    """
    try:
        folder = out.parent if _is_file(out) else out
        if _is_file(out) and os.path.lexists(out):
            raise AnswerFileExists
        folder.mkdir(mode=0o700, exist_ok=True)
        probe = temporary_in(folder)
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except (OSError, ValueError) as error:
        raise AnswerNotWritten(error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))) from None


def write_answer(out: Path, name: str, files: Mapping[str, bytes], *, made_at: datetime) -> Path:
    """Write the files as one zip to `out`, or as `name` into the folder `out`; where it is.

    Raises:
        AnswerFileExists: there is such a file.
        AnswerNotWritten: it cannot be written.
    """
    path = out if _is_file(out) else out / name
    temporary = temporary_in(path.parent)
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_zipped(files, made_at))
        _publish(temporary, path)
    except FileExistsError:
        raise AnswerFileExists from None
    except OSError as error:
        raise AnswerNotWritten(error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def _is_file(out: Path) -> bool:
    return out.suffix.lower() == SUFFIX and not out.is_dir()


def _publish(temporary: Path, path: Path) -> None:
    try:
        publish(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # the name is ours from here on
        temporary.replace(path)
        sync(path.parent)


def _zipped(files: Mapping[str, bytes], made_at: datetime) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, made_at.timetuple()[:6])
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return sink.getvalue()
