"""The plugin passes clientbook's conformance kit, and speaks French."""

from __future__ import annotations

import ast
import gettext
from pathlib import Path
from typing import Any

import clientbook_loyalty
from clientbook_loyalty.metrics import METRICS
from clientbook_loyalty.segments import SEGMENTS
from clientbook_loyalty.traits import TRAITS

from clientbook.testing.conformance import (
    EventTypeConformance,
    ImporterConformance,
    MetricConformance,
    SegmentConformance,
    TraitConformance,
)

PLUGIN = Path(__file__).resolve().parents[1]


class TestTill(ImporterConformance):
    plugin = clientbook_loyalty
    id = "loyalty.till"
    samples = PLUGIN / "samples"
    skipped = 1  # the total below


class TestPointsEarned(EventTypeConformance):
    plugin = clientbook_loyalty
    id = "loyalty.points_earned"
    examples = ({"points": 24, "amount": "23.90", "receipt": "L-1", "store": "Lyon"}, {"points": 1})


class TestPointsSpent(EventTypeConformance):
    plugin = clientbook_loyalty
    id = "loyalty.points_spent"
    examples = ({"points": 24, "reason": "expired", "receipt": "L-1", "store": "Lyon"}, {"points": 1})


class TestTierChanged(EventTypeConformance):
    plugin = clientbook_loyalty
    id = "loyalty.tier_changed"
    examples = ({"tier": "gold"},)


def conformance(kind: type, declared: Any) -> type:
    """The checks of a kind for one declaration."""
    return type(f"Test_{declared.id.partition('.')[2]}", (kind,), {"plugin": clientbook_loyalty, "id": declared.id})


TestCardShare, TestPointsOutstanding = (conformance(MetricConformance, one) for one in METRICS)
TestPoints, TestTier, TestQuietDays, TestExpiring = (conformance(TraitConformance, one) for one in TRAITS)
TestGoldGoneQuiet, TestPointsExpiring = (conformance(SegmentConformance, one) for one in SEGMENTS)


def test_the_months_that_points_last_are_the_shops_own(load_plugin: Any) -> None:
    from clientbook.testing.answers import answer, end_of
    from clientbook.testing.workbench import append

    expiring = TRAITS[3]
    book = load_plugin(clientbook_loyalty, settings={"loyalty": {"points_last_months": 3}})
    append(book, expiring.examples[1].events)
    assert answer(book, expiring, end_of("2026-03-10", book), "0004217") == 20
    assert answer(book, expiring, end_of("2026-03-09", book), "0004217") == 0


def test_every_text_is_french_too() -> None:
    source = PLUGIN / "src" / "clientbook_loyalty"
    catalogue = gettext.translation("clientbook_loyalty", source / "locale", ["fr"])
    marked = {
        node.args[0].value
        for path in source.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_"
        if isinstance(node.args[0], ast.Constant)
    }
    known = dict(catalogue._catalog)  # type: ignore[attr-defined]
    assert marked - set(known) == set()


def test_it_imports_nothing_of_clientbook_but_its_api() -> None:
    source = PLUGIN / "src"
    imported = set()
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
    ours = {name for name in imported if name and name.split(".")[0] == "clientbook"}
    assert ours == {"clientbook.api"}


def test_labels_come_in_french(load_plugin: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLIENTBOOK_LANG", "fr")
    assert load_plugin(clientbook_loyalty).plugins.event_labels["loyalty.points_earned"] == "Points gagnés"
