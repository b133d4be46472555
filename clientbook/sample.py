"""The sample shop that comes with clientbook: a fictional one, three years of events."""

from __future__ import annotations

import secrets
import shutil
import tomllib
from hashlib import sha256
from pathlib import Path

from clientbook.book import Book, BookExists
from clientbook.i18n import _
from clientbook.importing.decode import GivenFile, open_file
from clientbook.settings import SETTINGS_FILE


def sample_folder() -> Path:
    """Where the event files are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "sample_events", package.parent / "sample_events"):
        if (folder / "shop.toml").exists():
            return folder
    raise BookExists(_("this installation has no sample shop; install clientbook again"))


def is_sample_book(folder: Path) -> bool:
    """Whether `folder` holds a whole sample book."""
    return (folder / ".sample").exists() and (folder / SETTINGS_FILE).exists()


def make_sample_book(folder: Path) -> None:
    """Make the sample book; `folder` appears only once it is whole.

    Raises:
        BookExists: the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BookExists(
            _("{folder} is not empty and holds no sample book; name another folder with --dir").format(folder=folder)
        )
    source = sample_folder()
    shop = tomllib.loads((source / "shop.toml").read_text(encoding="utf-8"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f"{folder.name}-{secrets.token_hex(4)}.tmp")
    try:
        Book.create(making, currency=shop["currency"], timezone=shop["timezone"], name=shop["name"])
        (making / SETTINGS_FILE).write_bytes((source / "shop.toml").read_bytes())
        book = Book(making)
        book.import_file(_all_quarters(source))
        book.snapshot().close()
        (making / ".sample").touch(mode=0o600)
        if folder.exists():
            folder.rmdir()
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _all_quarters(folder: Path) -> GivenFile:
    """The quarters as one file, so that they are one batch."""
    files = [open_file(str(path)) for path in sorted(folder.glob("*.jsonl"))]
    data = b"".join(file.data for file in files)
    return GivenFile(name="sample.jsonl", data=data, sha256=sha256(data).hexdigest())
