"""Metrics, traits and segments that break one rule each."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clientbook.api import Context, Estimate, Example, Metric, Segment, Trait
from clientbook.testing import answers
from clientbook.testing.conformance import MetricConformance, SegmentConformance, TraitConformance
from clientbook.testing.conformance import figures as kit
from clientbook.testing.hostile.making import broken, note, plugin

_NOTES = (note("2026-01-10", "short"), note("2026-01-20", "rather longer"))
_ZOE = "zoe@example.com"


def _example(value: Any, as_of: str = "2026-03-01") -> Example:
    return Example(name=f"on {as_of}", events=_NOTES, as_of=as_of, customer=_ZOE, value=value)


def _count(ctx: Context) -> Any:
    return ctx.query("select customer_id, count(*) as value from events where type = 'note_added' group by customer_id")


def _last_recorded(ctx: Context) -> Any:
    return ctx.query(
        "select customer_id, arg_max(length(note_added.text), position) as value from events"
        " where type = 'note_added' group by customer_id"
    )


def _of_the_future(ctx: Context) -> Any:
    return ctx.query(
        "select customer_id, count(*) as value from all_events where type = 'note_added'"
        " and (batch is null or batch not in (select batch from undone_batches)) group by customer_id"
    )


def _of_undone_imports(ctx: Context) -> Any:
    return ctx.query(
        "select customer_id, count(*) as value from all_events where type = 'note_added' and occurred_at <= $at"
        " group by customer_id",
        {"at": ctx.at},
    )


_asked_before: set[str] = set()


def _with_a_memory(ctx: Context) -> Any:
    key = repr((ctx.day, ctx.query("select type, occurred_at, position from all_events order by position").to_pylist()))
    again = int(key in _asked_before)
    _asked_before.add(key)
    return ctx.query(
        "select customer_id, count(*) + $again as value from events where type = 'note_added' group by customer_id",
        {"again": again},
    )


def _needs_somebody(ctx: Context) -> Any:
    found = _count(ctx)
    if not found.num_rows:
        raise ZeroDivisionError
    return found


def _of_nobody(ctx: Context) -> Any:
    return ctx.query(
        "select customer_id, count(*) as value from events where type = 'note_added' group by customer_id"
        " union all select 'nobody', 1"
    )


_TRAIT = Trait(
    id="hostile.notes",
    column="hostile_notes",
    label="Notes",
    value_type="int",
    unit="count",
    compute=_count,
    examples=(_example(2),),
)


def _trait(breaks: str, fewest: int = 1, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_TRAIT, **changed)
    return broken(TraitConformance, plugin("register_traits", declared), "hostile.notes", [breaks], fewest=fewest)


TestUnsound = _trait("the_declaration_is_sound", unit="money")
TestWrongExample = _trait("its_examples_hold", examples=(_example(3),))
TestTooFew = _trait("its_examples_hold", fewest=3)
TestOrder = _trait("the_order_of_events_is_irrelevant", compute=_last_recorded, examples=(_example(13),))
TestFuture = _trait("events_after_the_instant_do_not_count", compute=_of_the_future)
TestUndone = _trait("an_event_that_is_there_twice_counts_once", compute=_of_undone_imports)
TestMemory = _trait("asked_twice_it_answers_the_same", compute=_with_a_memory)
TestEmpty = _trait("the_empty_book_gives_nothing", compute=_needs_somebody)
TestNobody = _trait("it_speaks_of_customers_of_the_book", compute=_of_nobody)


def _in_words(ctx: Context) -> Estimate:
    found = sum(_count(ctx)["value"].to_pylist())
    return Estimate(value=f"{found} notes" if found else None, n=found)


class TestWrongType(MetricConformance):
    plugin = plugin(
        "register_metrics",
        Metric(
            id="hostile.notes",
            label="Notes",
            value_type="int",
            unit="count",
            compute=_in_words,
            minimum=0,
            indicative=0,
            examples=(_example("2 notes"),),
        ),
    )
    id = "hostile.notes"
    fewest = 1
    breaks = frozenset({"test_the_value_is_of_its_type"})


_SEGMENT = Segment(
    id="hostile.noted",
    label="With notes",
    sql="note_count >= 2",
    examples=(_example(True), _example(False, "2026-01-15")),
)


def _segment(breaks: str, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_SEGMENT, **changed)
    return broken(SegmentConformance, plugin("register_segments", declared), "hostile.noted", [breaks], fewest=1)


def _members(ctx: Context) -> Any:
    return ctx.query(
        "select customer_id from events where type = 'note_added' group by customer_id having count(*) >= 2"
        " union all select 'nobody' from (select count(*) as n from events) where n > 0"
    )


TestOnlyIn = _segment("its_examples_say_who_is_in_and_who_is_out", examples=(_example(True),))
TestSomebodyElse = _segment("it_speaks_of_customers_of_the_book", sql=None, compute=_members)


class TestWrongExplanation(_segment("the_explanation_agrees_with_membership")):  # type: ignore[misc]
    """No plugin writes its explanation: here the explanations themselves are broken."""

    @pytest.fixture(autouse=True)
    def _turned_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explained = answers.explanations

        def turned(*given: Any) -> Any:
            return {
                customer: condition and type(condition)(kind="not", text=condition.text, truth=not condition.truth)
                for customer, condition in explained(*given).items()
            }

        monkeypatch.setattr(kit, "explanations", turned)
