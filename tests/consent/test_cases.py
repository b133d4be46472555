"""Decision cases, each end to end: a book made from its facts, asked through the command. The given ones, and our own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_books import DEFAULT_FACTS, email_of, make_book, policy_of
from click.testing import CliRunner

from clientbook.cli.main import cli

OWN = Path(__file__).with_name("own_cases.jsonl")
GIVEN = Path(__file__).parents[3] / "shared" / "consent"

Case = dict[str, Any]


def read(path: Path) -> dict[str, Case]:
    cases = map(json.loads, path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    return {case["id"]: case for case in cases}


OWN_CASES, GIVEN_CASES = read(OWN), read(GIVEN / "cases.jsonl")
CASES = OWN_CASES | GIVEN_CASES
given = pytest.mark.skipif(not GIVEN_CASES, reason="the given cases are not here: ../shared/consent")


def facts_of(case: Case) -> dict[str, Any]:
    facts: dict[str, Any] = DEFAULT_FACTS | case["facts"]
    if case["id"] in GIVEN_CASES:
        facts = json.loads((GIVEN / "default_facts.json").read_text(encoding="utf-8")) | case["facts"]
        if facts["consent"]:
            facts["consent"] = json.loads((GIVEN / "default_consent.json").read_text(encoding="utf-8")) | facts["consent"]
    return facts


def group(case: Case) -> str:
    """Cases of one policy share a book; the given ones stand in books of their own."""
    policy = json.dumps(policy_of(facts_of(case)), sort_keys=True)
    return f"{case['id'] in GIVEN_CASES} {policy}"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The book of a case, made when it is asked for."""
    made: dict[str, Path] = {}

    def of(case: str) -> Path:
        name = group(CASES[case])
        if name not in made:
            folder = tmp_path_factory.mktemp("cases") / "book"
            make_book(folder, {one: facts_of(CASES[one]) for one in CASES if group(CASES[one]) == name})
            made[name] = folder
        return made[name]

    return of


def assert_comes_out(book: Path, case: Case) -> None:
    facts = facts_of(case)
    who = email_of(case["id"], facts)
    arguments = ["consent", "check", who, "--message", f"case_{case['id']}", "--at", facts["at"], "--json"]
    done = CliRunner(env={"CLIENTBOOK_LANG": "en"}).invoke(cli, ["--book", str(book), *arguments])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {name: found[name] for name in case["expected"]} == case["expected"], case["case"]


@pytest.mark.parametrize("case", OWN_CASES)
def test_a_case_comes_out(books: Callable[[str], Path], case: str) -> None:
    assert_comes_out(books(case), OWN_CASES[case])


@given
@pytest.mark.parametrize("case", GIVEN_CASES)
def test_a_given_case_comes_out(books: Callable[[str], Path], case: str) -> None:
    assert_comes_out(books(case), GIVEN_CASES[case])


@given
def test_there_are_64_given_cases() -> None:
    assert len(GIVEN_CASES) == 64
