"""What sets a segment apart: every variable compared with the customers who are not in it, many tests held in check.

Contingency tables and ranks come out of SQL, so it takes a scan for each variable however many customers there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from clientbook.engine.duckdb import identifier
from clientbook.i18n import _
from clientbook.query.expressions import inlined
from clientbook.query.labels import column_label
from clientbook.reading import Reading
from clientbook.segments.catalogue import Listed
from clientbook.statistics.comparing import Comparison, benjamini_hochberg, compare_levels, compare_ranks, residual

FEWEST: Final = 30
"""With fewer, in the segment or out of it, nothing is said."""
Q: Final = 0.05
LEVELS: Final = 20
"""So many of the most frequent levels stand alone; the others are put together."""
MISSING: Final = "∅"
OTHERS: Final = "…"

Kind = Literal["text", "number", "yes/no", "list", "known"]
"""`known` asks whether a number is known at all."""

IDENTIFYING: Final = frozenset(
    (
        *("customer_id", "name", "given_name", "family_name", "legal_name", "email", "phone", "mobile", "landline"),
        *("external_id", "street", "siren", "vat_id", "company_id", "birth_date"),
    )
)
"""Columns that say who somebody is."""

_NUMBERS: Final = ("BIGINT", "INTEGER", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "SMALLINT", "TINYINT")


@dataclass(frozen=True, kw_only=True)
class Level:
    """A value of a variable, in the segment and out of it."""

    value: str
    inside: int
    outside: int
    share: float
    share_of_rest: float
    residual: float

    @property
    def index(self) -> float | None:
        """100 where the segment is like the rest; None where the rest has none."""
        return 100 * self.share / self.share_of_rest if self.share_of_rest else None


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable and how far the segment differs in it."""

    name: str
    label: str
    kind: Kind
    result: Comparison
    q: float = 1.0
    in_rule: bool
    """Whether the segment's rule reads it, or a computed column that it reads: then it differs by definition."""
    inside: int
    outside: int
    """Customers of whom it is known."""
    median: float | None = None
    median_of_rest: float | None = None
    levels: tuple[Level, ...] = ()

    @property
    def differs(self) -> bool:
        return self.q <= Q

    def telling(self) -> list[Level]:
        """The levels that are more or less frequent than chance explains, the most telling first."""
        found = [level for level in self.levels if abs(level.residual) > 1.96]
        return sorted(found, key=lambda level: -abs(level.residual))


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What sets a segment apart."""

    segment: str
    label: str
    members: int
    rest: int
    note: str = ""
    """too_few: there are too few to say anything."""
    variables: tuple[Variable, ...] = field(default=())
    """All that were compared, those that differ first, the strongest first; those of the rule itself come last."""

    @property
    def tests(self) -> int:
        return len(self.variables)

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "segment": self.segment,
            "label": self.label,
            "members": self.members,
            "rest": self.rest,
            "note": self.note or None,
            "tests": self.tests,
            "q": Q,
            "variables": [
                {
                    "variable": one.name,
                    "label": one.label,
                    "kind": one.kind,
                    "method": one.result.method,
                    "p": one.result.p,
                    "q": one.q,
                    "differs": one.differs,
                    "strength": one.result.strength,
                    "in_rule": one.in_rule,
                    "n": one.inside,
                    "n_rest": one.outside,
                    "median": one.median,
                    "median_rest": one.median_of_rest,
                    "levels": [
                        {
                            "level": level.value,
                            "n": level.inside,
                            "n_rest": level.outside,
                            "share": level.share,
                            "share_rest": level.share_of_rest,
                            "index": level.index,
                            "residual": level.residual,
                        }
                        for level in one.levels
                    ],
                }
                for one in self.variables
            ],
        }


def profile(reading: Reading, segment: Listed) -> Profile:
    """Compare the members of a segment with everybody else, variable by variable."""
    expression = segment.sound
    kinds = dict(_variables(reading))
    reading.open(expression, columns=kinds)
    (condition,) = inlined(reading.engine, [expression])
    listed = ", ".join(identifier(name) for name in kinds)
    reading.engine.execute(f"create or replace temp table profiled as select {condition} as inside, {listed} from customers")
    sizes = reading.engine.rows(
        "select count(*) filter (where inside) as inside, count(*) filter (where not inside) as outside from profiled"
    )[0]
    made = Profile(segment=segment.id, label=segment.label, members=sizes["inside"], rest=sizes["outside"])
    if min(made.members, made.rest) < FEWEST:
        return replace(made, note="too_few")
    found = [one for name, kind in kinds.items() for one in _compared(reading, made, name, kind)]
    read = {*expression.columns, *reading.traits.with_needed(expression.columns)}
    found = [replace(one, in_rule=one.name.partition(":")[0] in read) for one in _without_repeats(found)]
    adjusted = benjamini_hochberg([one.result.p for one in found])
    found = [replace(one, q=q) for one, q in zip(found, adjusted, strict=True)]
    found.sort(key=lambda one: (one.in_rule, not one.differs, -abs(one.result.strength), one.name))
    reading.engine.execute("drop table profiled")
    return replace(made, variables=tuple(found))


def _variables(reading: Reading) -> Iterator[tuple[str, Kind]]:
    for name, type in reading.columns.items():
        if name in IDENTIFYING or name.startswith("favourite_product"):
            continue
        if type == "VARCHAR":
            yield name, "text"
        elif type == "BOOLEAN":
            yield name, "yes/no"
        elif type == "VARCHAR[]":
            yield name, "list"
        elif type.startswith(_NUMBERS):
            yield name, "number"


def _compared(reading: Reading, made: Profile, name: str, kind: Kind) -> Iterator[Variable]:
    if kind == "number":
        yield from _by_ranks(reading, made, name)
    elif kind == "list":
        for value, inside, outside in _counts(reading, f"unnest({identifier(name)})"):
            counts = [(value, inside, outside), (f"{_('without')} {value}", made.members - inside, made.rest - outside)]
            yield from _by_levels(reading, made, f"{name}: {value}", counts, kind=kind, column=name)
    else:
        yield from _by_levels(reading, made, name, _counts(reading, identifier(name)), kind=kind, column=name)


def _counts(reading: Reading, expression: str) -> list[tuple[str, int, int]]:
    """The most frequent levels with their counts in the segment and out of it; a missing value is a level."""
    rows = reading.engine.rows(
        "select value, count(*) filter (where inside) as inside, count(*) filter (where not inside) as outside"
        f" from (select inside, {expression} as value from profiled) group by value"
        f" order by count(*) desc, value limit {LEVELS + 1}"
    )
    return [(_level(row["value"]), row["inside"], row["outside"]) for row in rows[: LEVELS + 1]]


def _by_levels(
    reading: Reading, made: Profile, name: str, counts: list[tuple[str, int, int]], *, kind: Kind, column: str
) -> Iterator[Variable]:
    inside, outside = sum(one[1] for one in counts), sum(one[2] for one in counts)
    if inside < made.members or outside < made.rest:
        counts = [*counts, (OTHERS, made.members - inside, made.rest - outside)]
    result = compare_levels([(one[1], one[2]) for one in counts])
    if result is None:
        return
    missing = [one for one in counts if one[0] == MISSING]
    labels = _value_labels(reading, column)
    yield Variable(
        name=column if kind != "list" else name,
        label=_label(reading, column) + name.removeprefix(column),
        kind=kind,
        result=result,
        in_rule=False,
        inside=made.members - sum(one[1] for one in missing),
        outside=made.rest - sum(one[2] for one in missing),
        levels=tuple(
            Level(
                value=labels.get(value, value),
                inside=here,
                outside=there,
                share=here / made.members,
                share_of_rest=there / made.rest,
                residual=residual(here, made.members, there, made.rest),
            )
            for value, here, there in counts
        ),
    )


def _by_ranks(reading: Reading, made: Profile, name: str) -> Iterator[Variable]:
    column = identifier(name)
    row = reading.engine.rows(f"""
        with grouped as (
            select
                cast({column} as double) as value,
                cast(count(*) filter (where inside) as double) as here,
                cast(count(*) filter (where not inside) as double) as there
            from profiled
            where {column} is not null
            group by 1
        ),
        placed as (
            select
                here,
                there,
                coalesce(sum(there) over (order by value rows between unbounded preceding and 1 preceding), 0) as below
            from grouped
        )
        select
            sum(here * (below + there / 2)) as u,
            sum(power(here + there, 3) - here - there) as ties,
            cast(sum(here) as bigint) as inside,
            cast(sum(there) as bigint) as outside
        from placed
    """)[0]
    medians = reading.engine.rows(
        f"select cast(median({column}) filter (where inside) as double) as inside,"
        f" cast(median({column}) filter (where not inside) as double) as outside from profiled"
    )[0]
    inside, outside = row["inside"] or 0, row["outside"] or 0
    result = compare_ranks(row["u"] or 0.0, inside, outside, row["ties"] or 0.0)
    label = _label(reading, name)
    if result is not None:
        yield Variable(
            name=name,
            label=label,
            kind="number",
            result=result,
            in_rule=False,
            inside=inside,
            outside=outside,
            median=medians["inside"],
            median_of_rest=medians["outside"],
        )
    missing = (made.members - inside, made.rest - outside)
    if sum(missing):
        counts = [(MISSING, *missing), (_("known"), inside, outside)]
        for one in _by_levels(reading, made, name, counts, kind="known", column=name):
            yield replace(one, label=_("{label} known").format(label=label))


def _without_repeats(found: list[Variable]) -> list[Variable]:
    """The variables without those that are known of exactly as many as another one: that is the same question again."""
    seen: set[tuple[int, int]] = set()
    kept = []
    for one in found:
        is_about_missing = one.kind == "known"
        counts = (one.inside, one.outside)
        if is_about_missing and counts in seen:
            continue
        seen |= {counts} if is_about_missing else set()
        kept.append(one)
    return kept


def _label(reading: Reading, name: str) -> str:
    trait = reading.traits.by_column.get(name)
    return _(trait.label) if trait is not None else column_label(name)


def _value_labels(reading: Reading, name: str) -> dict[str, str]:
    trait = reading.traits.by_column.get(name)
    labels = {value: _(label) for value, label in trait.values.items()} if trait is not None else {}
    return {**labels, "true": _("yes"), "false": _("no")}


def _level(value: Any) -> str:
    if value is None:
        return MISSING
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
