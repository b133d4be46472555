"""Texts for people, in English or French: by `CLIENTBOOK_LANG`, else by the locale."""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "locale"


@cache
def _catalogue(languages: tuple[str, ...]) -> gettext.NullTranslations:
    return gettext.translation("clientbook", _FOLDER, languages=list(languages), fallback=True)


def _languages() -> tuple[str, ...]:
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
