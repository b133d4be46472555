"""The decision cases that were given, each end to end: a book made from its facts, asked through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_books import email_of, make_book, policy_of
from click.testing import CliRunner

from clientbook.cli.main import cli

GIVEN = Path(__file__).parents[3] / "shared" / "consent"
CASES = (
    {case["id"]: case for case in map(json.loads, (GIVEN / "cases.jsonl").read_text(encoding="utf-8").splitlines())}
    if GIVEN.exists()
    else {}
)

pytestmark = pytest.mark.skipif(not CASES, reason="the given cases are not here: ../shared/consent")


def facts_of(case: dict[str, Any]) -> dict[str, Any]:
    defaults = json.loads((GIVEN / "default_facts.json").read_text(encoding="utf-8"))
    facts: dict[str, Any] = defaults | case["facts"]
    if facts["consent"]:
        facts["consent"] = json.loads((GIVEN / "default_consent.json").read_text(encoding="utf-8")) | facts["consent"]
    return facts


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The book of a case: one for each policy, made when it is asked for."""
    made: dict[str, Path] = {}

    def of(case: str) -> Path:
        policy = json.dumps(policy_of(facts_of(CASES[case])), sort_keys=True)
        if policy not in made:
            made[policy] = tmp_path_factory.mktemp("cases") / "book"
            alike = {
                name: facts_of(one)
                for name, one in CASES.items()
                if json.dumps(policy_of(facts_of(one)), sort_keys=True) == policy
            }
            make_book(made[policy], alike)
        return made[policy]

    return of


@pytest.mark.parametrize("case", CASES)
def test_a_given_case_comes_out(books: Callable[[str], Path], case: str) -> None:
    facts = facts_of(CASES[case])
    arguments = ["consent", "check", email_of(case, facts), "--message", f"case_{case}", "--at", facts["at"], "--json"]
    done = CliRunner(env={"CLIENTBOOK_LANG": "en"}).invoke(cli, ["--book", str(books(case)), *arguments])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {name: found[name] for name in CASES[case]["expected"]} == CASES[case]["expected"], CASES[case]["case"]


def test_there_are_64_of_them() -> None:
    assert len(CASES) == 64
