"""Bring the catalogues up to date: collect the marked texts, merge them into the `.po` files, compile them.

    python clientbook/locale/update.py

For developers; needs Babel. Translate what it reports as missing in `fr/LC_MESSAGES/clientbook.po`, then run it again.
What it writes depends on the texts alone: no dates, names or line numbers, so nothing changes when no text changed.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parent
LANGUAGES = ("fr",)
KEYWORDS = {"_": 1, "N_": 1, "ngettext": 2}
"""The functions of `clientbook.i18n` that mark texts, and how many of their arguments are texts."""


class UnmarkableText(ValueError):
    """A marked text that no catalogue can hold, since it is put together before it is translated."""


class _Stable(Catalog):
    """A catalogue whose header says nothing of when, where or by whom it was written."""

    def _headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "clientbook"),
            ("Language", str(self.locale)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", f"text/plain; charset={self.charset}"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]

    mime_headers = property(_headers, Catalog._set_mime_headers)


def collect() -> Catalog:
    """Every text marked in the package, with the files it stands in.

    Python's own parser finds them, for Babel's does not look into f-strings before Python 3.12.

    Raises:
        UnmarkableText: a marked text is an f-string or put together with `+`, `%` or a method.
    """
    catalog = Catalog(project="clientbook", charset="utf-8")
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for message in (*_marked(path), *_command_helps(path)):
            catalog.add(message, locations=[(name, 1)])
            _unflag(catalog, message if isinstance(message, str) else message[0])
    return catalog


def _command_helps(path: Path) -> list[str]:
    """The docstrings of commands, which are their help pages; `cli.main` translates them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    commands = [function for function in functions if any(_is_command(mark) for mark in function.decorator_list)]
    return [text for function in commands if (text := ast.get_docstring(function))]


def _is_command(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith((".command", ".group"))


def po_path(language: str) -> Path:
    """Where a language's texts are."""
    return FOLDER / language / "LC_MESSAGES" / "clientbook.po"


def read(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def merged(known: Catalog, collected: Catalog) -> Catalog:
    """The collected texts with the translations known so far; texts that are gone are left out."""
    catalog = _Stable(locale=known.locale, header_comment="# French texts of clientbook.", charset="utf-8", fuzzy=False)
    for message in collected:
        if not message.id:
            continue
        old = known.get(_key(message))
        is_same_kind = old is not None and old.pluralizable == message.pluralizable
        catalog.add(
            message.id,
            string=old.string if old and is_same_kind else "",
            locations=message.locations,
            flags={"fuzzy"} if old and (old.fuzzy or old.id != message.id) else (),
            user_comments=old.user_comments if old else (),
        )
        _unflag(catalog, _key(message))
    return catalog


def written(catalog: Catalog) -> bytes:
    """The catalogue as a `.po` file."""
    file = io.BytesIO()
    write_po(file, catalog, width=120, sort_output=True, include_lineno=False)
    return file.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as a `.mo` file."""
    file = io.BytesIO()
    write_mo(file, merged(catalog, catalog))
    return file.getvalue()


def missing(catalog: Catalog) -> list[str]:
    """Texts without a translation, or with a doubtful one."""
    untold = [message for message in catalog if message.id and (message.fuzzy or not all(_texts(message)))]
    return [_key(message) for message in untold]


def update() -> int:
    """Update every language; the number of texts that lack a translation."""
    count = 0
    collected = collect()
    for language in LANGUAGES:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = merged(read(language) if path.exists() else Catalog(locale=language), collected)
        _write(path, written(catalog))
        _write(path.with_suffix(".mo"), compiled(catalog))
        for text in missing(catalog):
            print(f"{language}: {text!r}", file=sys.stderr)  # noqa: T201 - a developer's tool
            count += 1
    return count


def _marked(path: Path) -> Iterator[str | tuple[str, str]]:
    """The texts that a module marks; of a plural both forms."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("clientbook.i18n", "clientbook.api")
        for alias in node.names
        if alias.name in KEYWORDS
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        assert isinstance(call.func, ast.Name)
        if call.func.id not in names:
            continue
        texts = call.args[: KEYWORDS[names[call.func.id]]]
        literals = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
        if len(literals) == len(texts) == 2:
            yield literals[0], literals[1]
        elif len(literals) == len(texts) == 1:
            yield literals[0]
        elif any(_is_put_together(text) for text in texts):
            raise UnmarkableText(f"{path}:{call.lineno}: mark a plain text, then fill it in with .format()")
        # else a variable: its text is marked with N_ where it is declared


def _is_put_together(text: ast.expr) -> bool:
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute):
        return isinstance(text.func.value, ast.Constant | ast.JoinedStr)
    return isinstance(text, ast.JoinedStr | ast.BinOp)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _unflag(catalog: Catalog, key: str) -> None:
    """Our texts are filled in with `str.format`; Babel takes a `%d` of a date format for one of the `%` operator's."""
    message = catalog.get(key)
    if message:
        message.flags.discard("python-format")


def _texts(message: Message) -> tuple[str, ...]:
    """A message's translations: two for a plural; an empty one stands for what is missing."""
    given = message.string or ""
    return (given,) if isinstance(given, str) else tuple(text or "" for text in given)


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(1 if update() else 0)
