"""The pages about hooks are true: each hook has one, with its exact signature and an example that clientbook takes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clientbook.hooks import hookspecs
from clientbook.testing.workbench import Workbench, append

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "hooks"


def page(hook: str) -> str:
    return (FOLDER / f"{hook}.md").read_text(encoding="utf-8")


def example(hook: str) -> Any:
    """The page's example as a plugin `acme`."""
    code = re.search(r"<!-- plugin -->\s*```python\n(.*?)```", page(hook), re.DOTALL)
    assert code
    module: Any = ModuleType("clientbook_acme")
    module.NAMESPACE = "acme"
    exec(compile(code[1], f"{hook}.md", "exec", dont_inherit=True), module.__dict__)
    return module


def test_every_hook_has_a_page_and_every_page_a_hook() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*hookspecs.NAMES, "README"}
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"[`{name}`]({name}.md)" in index for name in hookspecs.NAMES)


@pytest.mark.parametrize("hook", hookspecs.NAMES)
def test_the_page_shows_the_exact_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"def {hook}{signature}\n" in page(hook)


@pytest.mark.parametrize("hook", hookspecs.NAMES)
def test_the_example_is_a_plugin_without_fault(hook: str, workbench: Workbench) -> None:
    module = example(hook)
    assert hasattr(module, hook)
    book = workbench.book(module)
    if hook.startswith("register_"):
        declared = getattr(book.plugins, hook.removeprefix("register_"))
        assert any(name.startswith("acme.") for name in declared)


def test_the_example_of_log_appended_hears_of_events(workbench: Workbench) -> None:
    module = example("log_appended")
    note = {
        "type": "note_added",
        "occurred_at": "2026-03-01T10:00:00Z",
        "customer": {"email": "zoe@example.com"},
        "data": {"text": "x"},
    }
    append(workbench.book(module), [note])
    assert module.seen["note_added"] == 1
