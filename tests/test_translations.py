"""The texts for people: all marked, all translated, and really shown in the reader's language."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import io
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[1] / "clientbook"
NBSP = "\u00a0"
SAYING = frozenset(
    {"echo", "secho", "prompt", "confirm", "option", "argument", "say", "warn"}
    | {"notify", "show_note", "show_error", "_show_empty", "Static", "Input", "TabPane"}
)
"""Functions and widgets that show their texts as they are."""
MARKING = frozenset({"_", "N_", "ngettext"})
UNTRANSLATED = {
    ("cli/diagnostics.py", "clientbook: "): "the program's name before an error message",
    ("cli/metrics.py", "  --param "): "an option",
    ("cli/new_plugin.py", "  cd "): "a command",
    ("cli/new_plugin.py", '  pip install -e ".[test]"'): "a command",
    ("cli/new_plugin.py", "  pytest"): "a command",
    ("cli/priorities.py", '    clientbook customers --where "'): "a command",
    ("tui/widgets/status_line.py", " ms"): "milliseconds, the same in both languages",
}
"""Texts that are shown as they stand, and why."""


@pytest.fixture(scope="module")
def update() -> ModuleType:
    """clientbook/locale/update.py, which is a script and no module of the package."""
    pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("update_catalogues", PACKAGE / "locale" / "update.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def messages(update: ModuleType) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each text and its French, both as tuples of their forms."""
    return [(_forms(message.id), _forms(message.string)) for message in update.read("fr") if message.id]


def _forms(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def _key(message: Any) -> str:
    return _forms(message.id)[0]


class TestCatalogue:
    def test_every_marked_text_is_in_it_and_no_other(self, update: ModuleType) -> None:
        marked = {_forms(message.id) for message in update.collect() if message.id}
        known = {_forms(message.id) for message in update.read("fr") if message.id}
        assert len(marked) > 400
        assert marked - known == set(), "run clientbook/locale/update.py and translate these"
        assert known - marked == set(), "run clientbook/locale/update.py: these are gone"

    def test_every_text_has_a_translation_that_is_not_fuzzy(self, update: ModuleType) -> None:
        assert update.missing(update.read("fr")) == []

    def test_what_is_compiled_is_what_is_written(self, update: ModuleType) -> None:
        compiled = update.po_path("fr").with_suffix(".mo").read_bytes()
        assert compiled == update.compiled(update.read("fr"))
        loaded = gettext.GNUTranslations(io.BytesIO(compiled))
        assert loaded.gettext("Revenue") == "Chiffre d’affaires"
        assert loaded.gettext("unexpected error") == "erreur inattendue"  # it stands inside an f-string
        counted = [loaded.ngettext("{count} customer", "{count} customers", count) for count in (0, 1, 2)]
        assert counted == ["{count} client", "{count} client", "{count} clients"]

    def test_writing_it_again_changes_no_byte(
        self, update: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = update.po_path("fr")
        monkeypatch.setattr(update, "FOLDER", tmp_path)
        copy = update.po_path("fr")
        copy.parent.mkdir(parents=True)
        copy.write_bytes(source.read_bytes())
        assert update.update() == 0
        first = [path.read_bytes() for path in sorted(copy.parent.iterdir())]
        assert update.update() == 0
        assert [path.read_bytes() for path in sorted(copy.parent.iterdir())] == first
        assert len(first) == 2

    def test_it_says_nothing_of_who_wrote_it_where_and_when(self, update: ModuleType) -> None:
        text = update.po_path("fr").read_text(encoding="utf-8")
        for volatile in ("POT-Creation-Date", "PO-Revision-Date", "Last-Translator", "Generated-By", "/work/", "/home/"):
            assert volatile not in text
        assert "nplurals=2; plural=(n > 1)" in text

    def test_a_text_put_together_before_it_is_translated_is_refused(
        self, update: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(update, "PACKAGE", tmp_path)
        module = tmp_path / "module.py"
        for call in ('_(f"in {place}")', '_("a " + b)', '_("in {0}".format(place))'):
            module.write_text(f"from clientbook.i18n import _\n{call}\n")
            with pytest.raises(update.UnmarkableText, match=r"module\.py:2"):
                update.collect()

    def test_texts_are_found_wherever_they_are_marked(
        self, update: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(update, "PACKAGE", tmp_path)
        (tmp_path / "module.py").write_text(
            "from clientbook.i18n import N_, _ as tell, ngettext\n"
            "a = f\"x {tell('inside')}\"\n"
            "b = N_('declared ' 'in two parts')\n"
            "c = ngettext('{n} one', '{n} many', 3)\n"
            "d = tell(b)\n"
        )
        (tmp_path / "other.py").write_text("_ = print\n_('no text of ours')\n")
        found = {_forms(message.id) for message in update.collect() if message.id}
        assert found == {("inside",), ("declared in two parts",), ("{n} one", "{n} many")}


class TestTranslations:
    def test_they_have_the_same_placeholders(self, messages: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        differing = [
            (forms, french)
            for forms, translations in messages
            for french in translations
            if not any(_placeholders(form) == _placeholders(french) for form in forms)
        ]
        assert differing == []

    def test_they_keep_commands_options_and_sql(self, messages: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        differing = [
            (forms[0], french)
            for forms, translations in messages
            for french in translations
            if _code(forms[0]) != _code(french)
        ]
        assert differing == []

    def test_plurals_have_two_forms(self, messages: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        assert [forms for forms, french in messages if len(forms) != len(french)] == []

    def test_they_are_set_as_french_is(self, messages: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        """A space that does not break before : ; ? ! and inside « », and apostrophes that are no quotation marks."""
        wrong = re.compile(r"[^\u00a0\u202f][:;?!](\s|$)|« | »|\b[A-Za-z]{1,2}'(?=[a-zéèêàâîôûh])(?![a-z]+')")
        shown = [re.sub(r"`[^`]*`|\{\{.*?\}\}", "", french) for _forms, translations in messages for french in translations]
        assert [french for french in shown if wrong.search(french)] == []

    def test_blanks_at_the_ends_are_kept(self, messages: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        def ends(text: str) -> tuple[int, int]:
            return len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))

        assert [forms[0] for forms, french in messages if ends(forms[0]) != ends(french[0])] == []


def _placeholders(text: str) -> set[tuple[str, str, str]]:
    """Name, format and conversion of each placeholder."""
    parts = string.Formatter().parse(text)
    return {(name, format or "", conversion or "") for _text, name, format, conversion in parts if name is not None}


def _code(text: str) -> list[str]:
    """What must stay as it is: code in backquotes, options, variables, names of columns and fields, values in SQL."""
    words = re.findall(r"`[^`]+`|--[a-z][a-z-]*|\b[A-Z]+_[A-Z]+\b|\b[a-z]+(?:_[a-z]+)+\b|\b[a-z]+ = '[^']*'", text)
    return sorted(words)


CSV = (
    "N° commande;Date;E-mail;Nom;Ville;Article;Qté;PU\n"
    "1;01/02/2026;z@example.com;Lefèvre;Lyon;SAV;2;9,90\n"
    "2;;z@example.com;Lefèvre;Lyon;THE;1;5,00\n"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a book `b` of one customer, and the file it came from."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "ventes.csv").write_text(CSV, encoding="utf-8")
    _run(folder, "en", "init", "b", "--name", "Savonnerie")
    _run(folder, "en", "--book", "b", "import", "ventes.csv", "--yes")
    return folder


def _run(folder: Path, language: str, *arguments: str, code: int = 0) -> str:
    """Run the installed command; what it said on stdout and stderr."""
    command = Path(sys.executable).with_name("clientbook")
    if not command.exists():
        pytest.skip("clientbook is not installed")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTBOOK")}
    done = subprocess.run(
        [str(command), *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=120,
        env=clean | {"CLIENTBOOK_LANG": language, "TERM": "dumb", "PYTHONUTF8": "1", "COLUMNS": "120"},
    )
    assert done.returncode == code, (arguments, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout + done.stderr


SAID: dict[str, tuple[tuple[str, ...], int, tuple[str, ...], tuple[str, ...]]] = {
    "help": (
        ("--help",),
        0,
        ("Créer un fichier clients vide.", "Lister les clients."),
        ("Make an empty book.", "List customers."),
    ),
    "info": (
        ("--book", "b", "info"),
        0,
        ("Chiffre d’affaires", "Commandes sans client", "Fuseau horaire"),
        ("Revenue", "Orders without a customer", "Time zone"),
    ),
    "customers": (
        ("--book", "b", "customers"),
        0,
        ("Nom ", "Ville", "Commandes", "Panier moyen", "1 client\n"),
        ("Name ", "Town", "Orders", "Average basket", "1 customer\n"),
    ),
    "a wrong filter": (
        ("--book", "b", "customers", "--where", "revenu > 3"),
        2,
        (f"la colonne 'revenu' n’existe pas{NBSP}; vouliez-vous dire revenue{NBSP}?",),
        ("there is no column 'revenu'; did you mean revenue?",),
    ),
    "a plan": (
        ("--book", "b", "import", "ventes.csv", "--dry-run"),
        0,
        (f"lues comme commandes de la source shop{NBSP};", "(essai à blanc)", "une commande doit avoir une date"),
        ("read as orders of shop;", "dry run", "an order needs a date"),
    ),
}


@pytest.mark.parametrize("case", SAID)
class TestCommandLine:
    def test_it_speaks_french(self, shop: Path, case: str) -> None:
        arguments, code, french, english = SAID[case]
        said = _run(shop, "fr", *arguments, code=code)
        assert [text for text in french if text not in said] == []
        assert [text for text in english if text in said] == []

    def test_it_speaks_english(self, shop: Path, case: str) -> None:
        arguments, code, french, english = SAID[case]
        said = _run(shop, "en", *arguments, code=code)
        assert [text for text in english if text not in said] == []
        assert [text for text in french if text in said] == []


class TestSources:
    def test_nothing_is_said_past_the_catalogue(self) -> None:
        paths = sorted(path for part in ("cli", "tui") for path in (PACKAGE / part).rglob("*.py"))
        assert len(paths) > 20
        found = {(path.relative_to(PACKAGE).as_posix(), text): line for path in paths for line, text in bare_texts(path)}
        assert {place: line for place, line in found.items() if place not in UNTRANSLATED} == {}
        assert set(UNTRANSLATED) - set(found) == set(), "no longer there: take them off the list"

    def test_bare_texts_are_found(self, tmp_path: Path) -> None:
        path = tmp_path / "module.py"
        path.write_text(
            "click.echo('said out loud')\n"
            "say(f'{name} is gone')\n"
            "raise WrongUse('it is ' + what) from None\n"
            "raise WrongUse('one {}'.format(what) if what else _('marked text'))\n"
            "option('--name', help='a name')\n"
            "say(_('{name} is here').format(name=name))\n"
            "say('  ' + ngettext('{n} one', '{n} many', n))\n"
            "click.echo(f'{name}  {value}')\n"
            "raise NotImplementedError\n"
        )
        assert sorted(bare_texts(path)) == [
            (1, "said out loud"),
            (2, " is gone"),
            (3, "it is "),
            (4, "one {}"),
            (5, "a name"),
        ]


def bare_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of literals that are said or raised without a look into the catalogue.

    A text is a literal, or the fixed part of an f-string, with a letter and a blank in it.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or (call is node and _name(call) not in SAYING):
            continue
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            for literal in _literals(argument):
                text = literal.value
                if isinstance(text, str) and " " in text and any(map(str.isalpha, text)):
                    yield literal.lineno, text


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    """The literals of an expression, those inside a marking call left out."""
    if isinstance(node, ast.Call) and _name(node) in MARKING:
        return
    if isinstance(node, ast.Constant):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _literals(child)
