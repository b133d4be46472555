"""The segments of a book at an instant: the program's, those of plugins, the shop's own rules and its lists of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from clientbook.engine.duckdb import QueryFailed
from clientbook.errors import ClientbookError, WrongUse
from clientbook.hooks.declarations import Param, Segment, Value
from clientbook.i18n import _
from clientbook.query.expressions import Expression, InvalidExpression, Rule, check, inlined
from clientbook.query.expressions.names import nearest
from clientbook.query.parameters import BadParameter, chosen, replaced
from clientbook.reading import Reading, SegmentFailed

Origin = Literal["program", "plugin", "own", "list"]


class NoSuchSegment(WrongUse, LookupError):
    """No segment has this name."""


class BrokenSegment(ClientbookError):
    """The rule of a segment cannot run; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A segment with the values of its parameters, ready to be asked."""

    id: str
    label: str
    """In the reader's language."""
    description: str
    origin: Origin
    group: str
    exclusive_group: str = ""
    rule: str | None
    """None where a function computes the members, or they are listed."""
    params: Mapping[str, Value] = field(default_factory=dict)
    declared: tuple[Param, ...] = ()
    expression: Expression | None
    """None where it is broken."""
    problem: str = ""
    """Why it cannot be counted."""

    @property
    def sound(self) -> Expression:
        """Its expression.

        Raises:
            BrokenSegment: it has none.
        """
        if self.expression is None:
            raise BrokenSegment(_("segment {id}: {problem}").format(id=self.id, problem=self.problem))
        return self.expression


class Catalogue:
    """All segments that a reading knows."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._own = {
            row["segment_id"]: row
            for row in reading.engine.rows(
                "select segment_id, rule, label, members is not null as is_list, defined_at from segments_defined"
            )
        }

    def ids(self) -> list[str]:
        """The full names, by origin and group as they are listed."""
        return [*self.reading.plugins.segments, *(id for id in self._own if id not in self.reading.plugins.segments)]

    def full_id(self, name: str) -> str:
        """The full name of a segment; the program's go by their short names too.

        Raises:
            NoSuchSegment: there is none of this name.
        """
        if name in self._own or name in self.reading.plugins.segments:
            return name
        if f"core.{name}" in self.reading.plugins.segments:
            return f"core.{name}"
        hint = nearest(name, [*self.ids(), *(id.removeprefix("core.") for id in self.ids())])
        said = _("there is no segment {name!r}{hint}; `clientbook segments` lists them")
        raise NoSuchSegment(said.format(name=name, hint=hint))

    def all(self, given: Mapping[str, str] | None = None) -> list[Listed]:
        """Every segment; parameters that are given go to each that has one of that name.

        Raises:
            BadParameter: none has it, or a value does not fit.
        """
        given = given or {}
        taken: set[str] = set()
        found = []
        for id in self.ids():
            fitting = {name: text for name, text in given.items() if name in self._names(id)}
            taken |= set(fitting)
            found.append(self.one(id, fitting))
        for name in sorted(set(given) - taken):
            raise BadParameter(_("no segment has a parameter {name!r}").format(name=name))
        return found

    def one(self, name: str, given: Mapping[str, str] | None = None) -> Listed:
        """A segment, with other values of its parameters where they are given.

        Raises:
            NoSuchSegment: there is none of this name.
            BadParameter: it has no such parameter, or a value does not fit.
        """
        id = self.full_id(name)
        return self._shop_own(id, given or {}) if id in self._own else self._declared(id, given or {})

    def use(self, listed: Listed) -> None:
        """Let `in_segment` mean the segment with these values of its parameters, from now on in this reading."""
        rule = Rule(text=listed.rule, params=listed.params)
        self.reading.columns.segments |= {listed.id: rule, listed.id.removeprefix("core."): rule}

    def _names(self, id: str) -> set[str]:
        if id in self._own:
            return set(self.reading.rules[id].params)
        return {param.name for param in self.reading.plugins.segments[id].params}

    def _declared(self, id: str, given: Mapping[str, str]) -> Listed:
        segment: Segment = self.reading.plugins.segments[id]
        params = chosen(segment.params, given)
        expression, problem = self._checked(id, segment.sql, params)
        needed = segment.params[0] if segment.params else None
        if needed and needed.value_type == "text" and params[needed.name] == "":
            problem = _("say which: --param {name}=…").format(name=needed.name)
        return Listed(
            id=id,
            label=_(segment.label),
            description=_(segment.description) if segment.description else "",
            origin="program" if id.startswith("core.") else "plugin",
            group=_(segment.group) if segment.group else id.partition(".")[0],
            exclusive_group=segment.exclusive_group,
            rule=segment.sql,
            params=params,
            declared=segment.params,
            expression=expression,
            problem=problem,
        )

    def _shop_own(self, id: str, given: Mapping[str, str]) -> Listed:
        row, rule = self._own[id], self.reading.rules[id]
        params = replaced(rule.params, given)
        expression, problem = self._checked(id, rule.text, params)
        day = self.reading.local_day(row["defined_at"])
        return Listed(
            id=id,
            label=row["label"] or id,
            description=(
                _("List written down on {day}.").format(day=day)
                if row["is_list"]
                else _("Defined on {day}.").format(day=day)
            ),
            origin="list" if row["is_list"] else "own",
            group=_("Lists") if row["is_list"] else _("The shop's own"),
            rule=rule.text,
            params=params,
            expression=expression,
            problem=problem,
        )

    def _checked(self, id: str, text: str | None, params: Mapping[str, Value]) -> tuple[Expression | None, str]:
        try:
            if text is None:
                return check(f"in_segment('{id}')", self.reading.columns), ""
            return check(text, self.reading.columns, params), ""
        except InvalidExpression as error:
            return None, str(error)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A segment and how many are in it; None where that cannot be told."""

    segment: Listed
    count: int | None
    total: int
    """All customers."""

    @property
    def share(self) -> float | None:
        return None if self.count is None or not self.total else self.count / self.total


def open_all(reading: Reading, segments: Sequence[Listed]) -> dict[str, str]:
    """Make ready what segments read; why some cannot be, by id."""
    sound = [one for one in segments if one.expression is not None]
    problems = {}
    for one in sound:
        if one.rule is None:
            try:
                reading.open(one.sound)
            except SegmentFailed as error:
                problems[one.id] = str(error)
    reading.open(*(one.sound for one in sound if one.id not in problems))
    return problems


def count_all(reading: Reading, segments: Sequence[Listed]) -> list[Counted]:
    """How many customers are in each segment, in one scan of the customers and one for all averages."""
    problems = {one.id: one.problem for one in segments if one.problem} | open_all(reading, segments)
    sound = [one for one in segments if one.id not in problems]
    conditions = dict(zip([one.id for one in sound], inlined(reading.engine, [one.sound for one in sound]), strict=True))
    counts, total = _counts(reading, conditions)
    return [Counted(segment=one, count=counts.get(one.id), total=total) for one in segments]


def count_query(conditions: Sequence[str]) -> str:
    """One scan that counts all customers and those of each condition."""
    counts = "".join(f", count(*) filter (where {condition}) as n{place}" for place, condition in enumerate(conditions))
    return f"select count(*) as total{counts} from customers"


def _counts(reading: Reading, conditions: Mapping[str, str]) -> tuple[dict[str, int], int]:
    try:
        row = reading.engine.rows(count_query(list(conditions.values())))[0]
        return {id: row[f"n{place}"] for place, id in enumerate(conditions)}, row["total"]
    except QueryFailed:  # one of them met a value that it cannot bear: the others are counted all the same
        counts = {}
        for id, condition in conditions.items():
            try:
                counts[id] = reading.engine.rows(count_query([condition]))[0]["n0"]
            except QueryFailed:
                continue
        return counts, reading.engine.value("select count(*) from customers")
