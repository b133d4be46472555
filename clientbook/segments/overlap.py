"""How far segments share their customers: all pairs in one scan, by the sets of segments that customers are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from clientbook.query.expressions import inlined
from clientbook.reading import Reading
from clientbook.segments.catalogue import Listed, open_all

_BITS: Final = 62
"""Segments to a column of bits."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two segments and what they share."""

    first: str
    second: str
    first_count: int
    second_count: int
    both: int

    @property
    def jaccard(self) -> float | None:
        """Shared by both, of all who are in either; None where nobody is."""
        either = self.first_count + self.second_count - self.both
        return self.both / either if either else None

    def described(self) -> dict[str, Any]:
        """As JSON has it: the shares are of the first and of the second segment."""
        return {
            "first": self.first,
            "second": self.second,
            "first_count": self.first_count,
            "second_count": self.second_count,
            "both": self.both,
            "share_of_first": self.both / self.first_count if self.first_count else None,
            "share_of_second": self.both / self.second_count if self.second_count else None,
            "jaccard": self.jaccard,
        }


@dataclass(frozen=True, kw_only=True)
class Exclusive:
    """A group of segments that should share nobody."""

    group: str
    segments: tuple[str, ...]
    in_several: int
    """Customers who are in more than one of them."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """All pairs of some segments."""

    segments: tuple[str, ...]
    total: int
    pairs: tuple[Pair, ...]
    exclusive: tuple[Exclusive, ...]


def overlap(reading: Reading, segments: Sequence[Listed]) -> Overlap:
    """Compare segments two by two; those that cannot be counted are left out."""
    problems = {one.id for one in segments if one.problem} | set(open_all(reading, segments))
    sound = [one for one in segments if one.id not in problems]
    sets = _sets(reading, sound)
    counts: Counter[int] = Counter()
    both: Counter[tuple[int, int]] = Counter()
    for members, count in sets:
        for place in members:
            counts[place] += count
        for pair in combinations(members, 2):
            both[pair] += count
    pairs = [
        Pair(
            first=sound[one].id,
            second=sound[other].id,
            first_count=counts[one],
            second_count=counts[other],
            both=both[one, other],
        )
        for one, other in combinations(range(len(sound)), 2)
    ]
    return Overlap(
        segments=tuple(one.id for one in sound),
        total=sum(count for _members, count in sets),
        pairs=tuple(pairs),
        exclusive=tuple(_exclusive(sound, sets)),
    )


def overlap_query(conditions: Sequence[str]) -> str:
    """One scan: the sets of segments that occur, as columns of bits, and how many customers are in each."""
    columns = []
    for start in range(0, len(conditions), _BITS):
        bits = (
            f"case when {condition} then {1 << place}::bigint else 0 end"
            for place, condition in enumerate(conditions[start : start + _BITS])
        )
        columns.append(f"{' | '.join(bits)} as bits{start // _BITS}")
    return f"select {''.join(f'{column}, ' for column in columns)}count(*) as n from customers group by all"


def _sets(reading: Reading, segments: Sequence[Listed]) -> list[tuple[tuple[int, ...], int]]:
    """The places of the segments that customers are in together, and how many customers are in just these."""
    rows = reading.engine.rows(overlap_query(inlined(reading.engine, [one.sound for one in segments])))
    found = []
    for row in rows:
        count = row.pop("n")
        members = tuple(place for place in range(len(segments)) if row[f"bits{place // _BITS}"] >> (place % _BITS) & 1)
        found.append((members, count))
    return found


def _exclusive(segments: Sequence[Listed], sets: Sequence[tuple[tuple[int, ...], int]]) -> list[Exclusive]:
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(segments):
        if one.exclusive_group:
            groups.setdefault(one.exclusive_group, []).append(place)
    return [
        Exclusive(
            group=group,
            segments=tuple(segments[place].id for place in places),
            in_several=sum(count for members, count in sets if len(set(members) & set(places)) > 1),
        )
        for group, places in sorted(groups.items())
    ]
