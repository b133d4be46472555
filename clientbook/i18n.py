"""Texts for people, in English or French: by `CLIENTBOOK_LANG`, else by the locale."""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "fr")
"""The languages that texts come in."""

_FOLDER = Path(__file__).parent / "locale"
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)
_added: list[tuple[str, Path]] = []


@cache
def _catalogue(languages: tuple[str, ...]) -> gettext.NullTranslations:
    found = gettext.translation("clientbook", _FOLDER, languages=list(languages), fallback=True)
    for domain, folder in _added:
        found.add_fallback(gettext.translation(domain, folder, languages=list(languages), fallback=True))
    return found


def add_texts(domain: str, folder: Path) -> None:
    """Look texts that the program's own catalogue does not hold up in this one too: `<folder>/fr/LC_MESSAGES/<domain>.mo`.

    Of two catalogues that hold a text, the one that was added first is asked.
    """
    if (domain, folder) not in _added:
        _added.append((domain, folder))
        _catalogue.cache_clear()


def language() -> str:
    """The language that texts come in: that of the catalogue, or English where there is none."""
    return _catalogue(_languages()).info().get("language", "en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let texts come in this language, whatever the reader's is: a document stays in the one it was made in."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def _languages() -> tuple[str, ...]:
    spoken = _spoken.get()
    if spoken:
        return (spoken,)
    for name in ("CLIENTBOOK_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return tuple(part.split(".")[0] for part in value.split(":"))
    return ("en",)


def _(text: str) -> str:
    """The text in the reader's language."""
    return _catalogue(_languages()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for this count in the reader's language."""
    return _catalogue(_languages()).ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - the usual gettext name
    """Mark a text for translation where it is declared; it is translated with `_` where it is shown."""
    return text
