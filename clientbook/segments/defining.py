"""Segments of the shop's own: checked, then noted as events, so that history knows the rule of the day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clientbook.errors import WrongUse
from clientbook.hooks.declarations import Value
from clientbook.i18n import _
from clientbook.query.expressions import InvalidExpression, Rule, check
from clientbook.query.parameters import BadParameter, free_value, stored
from clientbook.reading import Reading
from clientbook.segments.catalogue import Catalogue

_ID: Final = re.compile(r"\w[\w.@-]{0,119}")
_LABEL_LENGTH: Final = 400

Events = list[tuple[str, dict[str, Any]]]


class BadSegment(WrongUse):
    """A segment cannot be defined, retired or written down like this."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What somebody asks to be defined: by a rule, or like another segment with other parameters."""

    id: str
    where: str | None
    like: str | None
    label: str | None
    params: Mapping[str, str]


def define(reading: Reading, asked: Definition) -> Events:
    """What to note for a definition.

    Raises:
        BadSegment: the name is taken by the program or by a list, or not one; both or neither of rule and model are given.
        BadParameter: a parameter's value does not fit, or the rule does not have it.
        InvalidExpression: the rule cannot run, or the segment would be part of itself.
    """
    if (asked.where is None) == (asked.like is None):
        raise BadSegment(_("say either the rule with --where, or with --like which segment it is like"))
    _check_name(reading, asked.id)
    if asked.id in reading.rules and reading.rules[asked.id].text is None:
        raise BadSegment(
            _("{id} is a list that was written down; retire it first, or choose another name").format(id=asked.id)
        )
    rule, label = _rule(reading, asked)
    check(str(rule.text), reading.columns, rule.params)
    reading.columns.segments[asked.id] = rule
    check(f"in_segment('{asked.id}')", reading.columns)
    parameters = {name: stored(value) for name, value in rule.params.items()}
    data = {"segment_id": asked.id, "rule": rule.text, "label": label, "parameters": parameters}
    return [("segment_defined", data)]


def retire(reading: Reading, id: str, *, reason: str | None) -> Events:
    """What to note so that a segment of the shop's own is no longer there.

    Raises:
        BadSegment: it is not the shop's own, or others are made of it.
    """
    catalogue = Catalogue(reading)
    full = catalogue.full_id(id)
    if full in reading.plugins.segments:
        raise BadSegment(_("{id} comes with a plugin and cannot be retired").format(id=full))
    users = [one.id for one in catalogue.all() if one.expression and full in one.expression.segments and one.id != full]
    if users:
        said = _("{id} is part of other segments; retire or redefine these first: {users}")
        raise BadSegment(said.format(id=full, users=", ".join(users)))
    return [("segment_retired", {"segment_id": full, "reason": reason})]


def freeze(reading: Reading, id: str, *, name: str | None, params: Mapping[str, str]) -> tuple[Events, str, int]:
    """What to note so that a segment's members are a list of its own, from then on; its name, and how many they are.

    Raises:
        NoSuchSegment, BadParameter, BrokenSegment: the segment cannot be asked.
        BadSegment: the name is taken, or is none.
    """
    catalogue = Catalogue(reading)
    segment = catalogue.one(id, params)
    name = name or f"{segment.id}@{reading.day.isoformat()}"
    _check_name(reading, name, may_be_list=True)
    if name in reading.rules:
        raise BadSegment(_("there is a segment {id} already; choose another name with --as").format(id=name))
    expression = segment.sound
    reading.open(expression)
    catalogue.use(segment)
    whole = check(f"in_segment('{segment.id}')", reading.columns)
    reading.open(whole)
    members = member_ids(reading, whole.text)
    return [("segment_frozen", {"segment_id": name, "members": members})], name, len(members)


def member_ids(reading: Reading, where: str) -> list[str]:
    """The ids of the customers that a rule is true of, in order."""
    from clientbook.query.expressions import inlined

    (condition,) = inlined(reading.engine, [reading.expression(where)])
    found = reading.engine.table(f"select customer_id from customers where {condition} order by customer_id")
    ids: list[str] = found["customer_id"].to_pylist()
    return ids


def _check_name(reading: Reading, id: str, *, may_be_list: bool = False) -> None:
    if not _ID.fullmatch(id) or ("@" in id and not may_be_list):
        said = _("{id!r} is no name for a segment: letters, digits, dots, dashes and underscores, such as good-customers")
        raise BadSegment(said.format(id=id))
    namespace = id.partition(".")[0]
    taken = id in reading.plugins.segments or f"core.{id}" in reading.plugins.segments
    if taken or ("." in id and "@" not in id and namespace in reading.plugins.known):
        raise BadSegment(_("{id} is a name of the program's own; choose another one").format(id=id))


def _rule(reading: Reading, asked: Definition) -> tuple[Rule, str | None]:
    if asked.like is not None:
        model = Catalogue(reading).one(asked.like, asked.params)
        if model.rule is None:
            raise BadSegment(_("{id} has no rule to be like").format(id=model.id))
        if model.problem:
            raise BadSegment(f"{model.id}: {model.problem}")
        changed = ", ".join(f"{name} {value}" for name, value in asked.params.items())
        label = asked.label or (f"{model.label} ({changed})" if changed else model.label)
        return Rule(text=model.rule, params=model.params), label[:_LABEL_LENGTH]
    text = str(asked.where)
    unused = [name for name in asked.params if not re.search(rf"\${re.escape(name)}\b", text)]
    if unused:
        raise BadParameter(_("the rule has no ${name}").format(name=unused[0]))
    values: dict[str, Value] = {name: free_value(value) for name, value in asked.params.items()}
    return Rule(text=text, params=values), asked.label


__all__ = ["BadSegment", "Definition", "InvalidExpression", "define", "freeze", "member_ids", "retire"]
