"""Whoever was erased does not come back unnoticed: the keyed hashes of their identifiers, and what names one of them."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.arrow import INSTANT
from clientbook.events.remains import SALES, normalised
from clientbook.i18n import _
from clientbook.importing.draft import Draft, set_aside
from clientbook.log.ledger import Ledger, identifier_hash

ERASED: Final = "customer.erased"
"""Code of rows set aside because they name somebody who was erased."""


def without_erased(draft: Draft, ledger: Ledger, secret: bytes) -> tuple[Draft, set[str]]:
    """Set aside what names somebody who was erased; and the hashes of those identifiers on the suppression list."""
    suppressed = ledger.suppressed()
    if not suppressed or not len(draft.events):
        return draft, set()
    mask, found = _erased_events(draft.events, suppressed, secret)
    return (set_aside(draft, mask, code=ERASED, message=_came_back()) if found else draft), found


def _erased_events(events: pa.Table, suppressed: Set[str], secret: bytes) -> tuple[pa.BooleanArray, set[str]]:
    """Which draft events name somebody on the suppression list, and by which hashes."""
    found: set[str] = set()
    mask = pa.repeat(pa.scalar(False), len(events))
    for kind, values, sources in _named(events):
        given = pa.table({"source": sources, "value": values}).group_by(["source", "value"]).aggregate([])
        for source, value in zip(given["source"].to_pylist(), given["value"].to_pylist(), strict=True):
            known = identifier_hash(secret, *normalised(kind, source, value)) if value else None
            if known is not None and known in suppressed:
                found.add(known)
                same = pc.and_(pc.equal(sources, source), pc.equal(values, value))
                mask = pc.or_(mask, pc.fill_null(same, False))
    return mask, found


def names_erased(named: Set[tuple[str, str]], source: str, suppressed: Set[str], secret: bytes) -> bool:
    """Whether one of these identifiers (kind, value) is that of somebody who was erased."""
    return any(identifier_hash(secret, *normalised(kind, source, value)) in suppressed for kind, value in named)


def without_kept_sales(draft: Draft, ledger: Ledger, secret: bytes) -> Draft:
    """Set aside sales of people who came back that are older than the last erasure: they were kept without the person."""
    entries = ledger.entries()
    if not entries:
        return draft
    mask, found = _erased_events(draft.events, ledger.suppressed(), secret)
    if not found:
        return draft
    is_sale = pc.is_in(draft.events["type"].combine_chunks(), value_set=pa.array(SALES))
    last = pa.scalar(entries[-1].erased_at, INSTANT)
    is_older = pc.less_equal(draft.events["occurred_at"].combine_chunks(), last)
    kept = pc.and_(mask, pc.and_(is_sale, is_older))
    if not pc.any(kept, min_count=0).as_py():
        return draft
    message = _("this sale is older than the erasure of its customer: the book has it without the person")
    return set_aside(draft, kept, code=ERASED, message=message)


def _came_back() -> str:
    return _(
        "this person was erased from the book; import with --allow-erased if they came back by themselves,"
        " else take the row out of the file"
    )


def _named(events: pa.Table) -> Iterable[tuple[str, pa.Array, pa.Array]]:
    """Every column of draft events that names a customer: kind, values, sources (empty where they do not matter)."""
    source = pc.coalesce(events["number_source"], events["source"]).combine_chunks()
    nothing = pa.repeat(pa.scalar(""), len(events))
    yield "customer", events["given_id"].combine_chunks(), nothing
    for kind in ("external", "email", "phone"):
        yield kind, events[kind].combine_chunks(), source if kind == "external" else nothing
    if "profile_updated" in events.schema.names:
        profiles = events["profile_updated"].combine_chunks()
        for kind, name in (("email", "email"), ("phone", "mobile"), ("phone", "landline")):
            yield kind, pc.struct_field(profiles, name), nothing
    if "identifier_linked" in events.schema.names:
        links = events["identifier_linked"].combine_chunks()
        for kind in ("external", "email", "phone"):
            of_kind = pc.equal(pc.struct_field(links, "kind"), kind)
            values = pc.if_else(pc.fill_null(of_kind, False), pc.struct_field(links, "value"), pa.scalar(None, pa.string()))
            yield kind, values, source if kind == "external" else nothing
