"""A book that the command line's tests share."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from installed_command import Run, run_in


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a book `b` and the files it was made from; tests only read it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "ventes.csv").write_bytes(
        (
            "N° commande;Date;E-mail;Nom;Ville;Article;Qté;PU\r\n"
            "1;01/02/2026;z@example.com;Lefèvre;Lyon;SAV;2;9,90\r\n"
            "1;01/02/2026;z@example.com;Lefèvre;Lyon;THE;1;5,00\r\n"
            '2;15/03/2026;m@example.com;"[red]M[/red]\x1b]52;c;aGk=\x07\u202e";'
            "=cmd|' /C calc'!A0;SAV;1;9,90\r\n"
            "3;16/03/2026;;;;SAV;1;9,90\r\n"
        ).encode()
    )
    run_in(folder, "init", "b", "--name", "Savonnerie")
    run_in(folder, "--book", "b", "import", "ventes.csv", "--yes")
    return folder


@pytest.fixture
def run(shop_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run clientbook on the book that tests only read: the same program, without a new process each time."""
    from click.testing import CliRunner

    from clientbook.cli.diagnostics import guard
    from clientbook.cli.main import cli

    monkeypatch.chdir(shop_folder)
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")

    def go(*arguments: str | Path, input: str | bytes | None = None, code: int = 0) -> Any:
        given = ["--book", "b", *map(str, arguments)]
        with CliRunner().isolation(input=input) as (out, err, _both):
            ended = guard(lambda: cli.main(given, prog_name="clientbook", standalone_mode=False))
        printed, said = out.getvalue(), err.getvalue().decode()
        assert ended == code, (arguments, printed[-2000:], said[-2000:])
        is_text = not isinstance(input, bytes)
        return subprocess.CompletedProcess(given, ended, printed.decode() if is_text else printed, said)

    return go


@pytest.fixture
def run_here(tmp_path: Path) -> Run:
    """Run clientbook in a folder of the test's own."""

    def go(*arguments: str | Path, **options: Any) -> Any:
        return run_in(tmp_path, *arguments, **options)

    return go
