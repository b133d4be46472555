"""Bring the catalogues up to date: collect the marked texts, merge them into the `.po` files, compile them.

    python clientbook/locale/update.py

For developers; needs Babel. Translate what it reports as missing in `fr/LC_MESSAGES/clientbook.po`, then run it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parent
LANGUAGES = ("fr",)
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def collect() -> Catalog:
    """Every text marked in the package, with the files it stands in."""
    catalog = Catalog(project="clientbook", charset="utf-8")
    for path, _line, message, _comments, _context in extract_from_dir(
        str(PACKAGE), method_map=[("**.py", "python")], keywords=KEYWORDS, comment_tags=()
    ):
        catalog.add(message, locations=[(path, 1)])
    return catalog


def po_path(language: str) -> Path:
    """Where a language's texts are."""
    return FOLDER / language / "LC_MESSAGES" / "clientbook.po"


def read(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def missing(catalog: Catalog) -> list[str]:
    """Texts without a translation, or with a doubtful one."""
    untold = [
        message for message in catalog if message.id and (message.fuzzy or not all(_texts(message.string)) or not message.string)
    ]
    return [message.id if isinstance(message.id, str) else message.id[0] for message in untold]


def update() -> int:
    """Update every language; the number of texts that lack a translation."""
    count = 0
    for language in LANGUAGES:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = read(language) if path.exists() else Catalog(locale=language, project="clientbook", charset="utf-8")
        catalog.update(collect(), no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        for text in missing(catalog):
            print(f"{language}: {text!r}", file=sys.stderr)  # noqa: T201 - a developer's tool
            count += 1
    return count


def _texts(string: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(string)


if __name__ == "__main__":
    sys.exit(1 if update() else 0)
