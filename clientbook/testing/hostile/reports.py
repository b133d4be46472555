"""Reports that break one rule each, or one by which another is broken too."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from clientbook.api import Context, Param, Report
from clientbook.testing.conformance import ReportConformance
from clientbook.testing.hostile.making import broken, note, plugin

_numbers = itertools.count()
_COUNT = "select type, count(*) as n from events where type = 'note_added' {having} group by type order by type"


def _counted(ctx: Context) -> Any:
    return ctx.query(_COUNT.format(having=""))


def _numbered(ctx: Context) -> Any:
    return ctx.query(
        "select type, count(*) + $more as n from events where type = 'note_added' group by type", {"more": next(_numbers)}
    )


def _needs_somebody(ctx: Context) -> Any:
    found = _counted(ctx)
    return found if found.num_rows else found.drop_columns("n")


def _first_recorded(ctx: Context) -> Any:
    return ctx.query(
        "select type, arg_min(length(note_added.text), position) as n from events where type = 'note_added' group by type"
    )


_REPORT = Report(id="hostile.notes", label="Notes", compute=_counted, columns={"type": "Type", "n": "Number"})
_EVENTS = (note("2026-01-10", "short"), note("2026-01-20", "rather longer"))


def _report(*breaks: str, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_REPORT, **changed)
    return broken(ReportConformance, plugin("register_reports", declared), "hostile.notes", breaks, events=_EVENTS)


TestUnsound = _report("the_declaration_is_sound", params=(Param(name="N", label="N", default=1),))
TestNothing = _report("it_gives_a_table", compute=lambda ctx: ctx.query(_COUNT.format(having="and false")))
TestUnlabelled = _report("every_column_has_a_label", columns={"type": "Type"})
TestNarrower = _report("the_empty_book_is_told", compute=_needs_somebody)
TestNumbered = _report("it_tells_the_same_again", "the_order_of_events_is_irrelevant", compute=_numbered)
TestFirst = _report("the_order_of_events_is_irrelevant", compute=_first_recorded)
