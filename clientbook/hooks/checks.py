"""What a declaration has to keep to. msgspec's constructors do not validate; this does, and tells every fault at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, get_args

import msgspec

from clientbook.errors import WrongUse
from clientbook.events.base import Event, type_name
from clientbook.hooks.declarations import (
    Declaration,
    EventType,
    Exporter,
    Format,
    Identifier,
    Importer,
    Metric,
    Param,
    Report,
    Segment,
    Trait,
    Value,
)
from clientbook.hooks.over import with_over_renamed
from clientbook.i18n import _

KINDS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "register_event_types": EventType,
    "register_identifiers": Identifier,
    "register_importers": Importer,
    "register_metrics": Metric,
    "register_traits": Trait,
    "register_segments": Segment,
    "register_reports": Report,
    "register_exporters": Exporter,
}
"""What each hook returns."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX: Final = re.compile(r"\.[a-z0-9]+")
_PLAIN: Final = Format()
_VALUE_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "count": ("int", "decimal", "float"),
    "money": ("decimal", "float"),
    "days": ("int", "decimal", "float"),
    "ratio": ("decimal", "float"),
    "score": ("int", "decimal", "float"),
    "date": ("date",),
    "text": ("text", "bool"),
}
"""Types that a value of each unit may have."""

_TYPES: Final[Mapping[str, Any]] = {
    "int": int,
    "decimal": Decimal,
    "float": float,
    "bool": bool,
    "text": str,
    "date": date,
}

_SOUND_SQL: Final[set[tuple[str, bool, frozenset[str]]]] = set()
"""Texts that were found to be without fault: each book that is opened asks of the same ones."""

Fault = tuple[str, str]
"""Which declaration, and what is wrong with it."""


class Checker:
    """Checks the declarations of one plugin."""

    def __init__(self, namespace: str, *, known_types: Collection[str] = ()) -> None:
        self._namespace = namespace
        self._known_types = known_types

    def sound(self, hook: str, given: Iterable[Any]) -> tuple[list[Any], list[Fault]]:
        """The declarations without a fault, and the faults of the others."""
        kind = KINDS[hook]
        given = list(given)
        found = [(one, list(self._faults(one, kind))) for one in given]
        counts = Counter(name_of(one, self._namespace) for one in given if isinstance(one, kind))
        for one, faults in found:
            name = name_of(one, self._namespace) if isinstance(one, kind) else ""
            if counts[name] > 1:
                faults.append(_("{name} is declared {count} times").format(name=name, count=counts[name]))
        good = [one for one, faults in found if not faults]
        return good, [(name_of(one, self._namespace), fault) for one, faults in found for fault in faults]

    def _faults(self, one: Any, kind: type[msgspec.Struct]) -> Iterable[str]:
        if not isinstance(one, kind):
            yield _("expected a {kind}, found {found}").format(kind=kind.__name__, found=type(one).__name__)
            return
        ill_typed = list(ill_typed_fields(one))
        if ill_typed:  # nothing else can be said of it
            yield from ill_typed
            return
        yield from self._name_faults(one)
        checks: dict[type[msgspec.Struct], Callable[[Any], Iterable[str]]] = {
            EventType: _event_type_faults,
            Identifier: _identifier_faults,
            Importer: self._importer_faults,
            Metric: _metric_faults,
            Trait: _trait_faults,
            Segment: _segment_faults,
            Report: lambda report: _param_faults(report.params),
            Exporter: lambda exporter: _suffix_faults(exporter.suffixes),
        }
        yield from checks[kind](one)

    def _name_faults(self, one: Any) -> Iterable[str]:
        if not one.label.strip():
            yield _("the label is empty")
        if isinstance(one, Declaration | Identifier):
            name = one.id if isinstance(one, Declaration) else one.kind
            namespace, _dot, rest = name.partition(".")
            if namespace != self._namespace or not _NAME.fullmatch(rest):
                said = _("expected an id such as {namespace}.points, in lower case; found {name!r}")
                yield said.format(namespace=self._namespace, name=name)

    def _importer_faults(self, importer: Importer) -> Iterable[str]:
        yield from _suffix_faults(importer.suffixes)
        if not importer.source.strip():
            yield _("the source is empty")
        yield from _one_way(importer, "extract", "reading")
        if importer.extract and not importer.identify:
            yield _("identify goes with extract: nothing else tells whose a file is")
        if importer.reading and not importer.reading.needs:
            yield _("reading: needs names no column by which the file is recognised")
        if not importer.emits:
            yield _("it emits no type of event")
        for name in importer.emits:
            if name not in self._known_types:
                yield _("it emits {type!r}, which is no type of event").format(type=name)


def name_of(one: Any, namespace: str) -> str:
    """What a declaration is called in a message."""
    for attribute in ("id", "kind"):
        if isinstance(getattr(one, attribute, None), str):
            return str(getattr(one, attribute))
    event = getattr(one, "event", None)
    return f"{namespace}.{type_name(event)}" if isinstance(event, type) else type(one).__name__


def ill_typed_fields(one: msgspec.Struct) -> Iterable[str]:
    """The fields whose value is not of the declared type."""
    for field in msgspec.structs.fields(one):
        value = getattr(one, field.name)
        text = repr(field.type)
        if "Callable" in text:
            if not callable(value) and not (value is None and "None" in text):
                yield _("{field}: expected a function").format(field=field.name)
        elif text.startswith("type["):
            if not (isinstance(value, type) and issubclass(value, Event)):
                yield _("{field}: expected a subclass of Event").format(field=field.name)
        elif structs := _structs(field.type):
            yield from _struct_faults(field.name, value, structs, is_list="tuple" in text, is_optional="None" in text)
        elif field.type == Value:
            if not isinstance(value, get_args(Value)):
                yield _("{field}: expected a number, a text or a date").format(field=field.name)
        else:
            try:
                plain = msgspec.to_builtins(value, builtin_types=(Decimal,))
                msgspec.convert(plain, field.type)
            except (TypeError, msgspec.ValidationError) as error:
                yield f"{field.name}: {error}"


def _structs(kind: Any) -> tuple[type[msgspec.Struct], ...]:
    """The Struct classes that a field of this type holds."""
    return tuple(one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, msgspec.Struct))


def _struct_faults(
    name: str, value: Any, kinds: tuple[type[msgspec.Struct], ...], *, is_list: bool, is_optional: bool
) -> Iterable[str]:
    if is_list and not isinstance(value, tuple | list):
        yield _("{field}: expected a list").format(field=name)
        return
    for one in value if is_list else () if value is None and is_optional else (value,):
        if isinstance(one, kinds):
            yield from (f"{name}: {fault}" for fault in ill_typed_fields(one))
        else:
            said = _("{field}: expected {kind}, found {found}")
            yield said.format(field=name, kind=kinds[0].__name__, found=type(one).__name__)


def cycles(needs: Mapping[str, Collection[str]]) -> set[str]:
    """The names that need each other in a circle, or themselves."""
    left = {name: {one for one in others if one in needs} for name, others in needs.items()}
    for _round in range(len(left)):
        done = {name for name, others in left.items() if not others}
        wanted = {one for others in left.values() for one in others}
        if not done and wanted >= set(left):
            break
        # What needs nothing more, and what nothing needs, is in no circle.
        left = {name: others - done for name, others in left.items() if name not in done and name in wanted}
        left = {name: {one for one in others if one in left} for name, others in left.items()}
    return set(left)


def columns_named(sql: str) -> set[str]:
    """The columns that a sound expression names."""
    from sqlglot import exp, parse_one

    return {
        column.name for column in parse_one(with_over_renamed(sql), read="duckdb").find_all(exp.Column) if not column.table
    }


def sql_faults(sql: str, what: str, *, query: bool = False, params: Collection[str] = ()) -> Iterable[str]:
    """What is wrong with a text that should be one expression, or one SELECT."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError

    asked = (sql, query, frozenset(params))
    if asked in _SOUND_SQL:
        return
    try:
        trees = sqlglot.parse(with_over_renamed(sql), read="duckdb")
    except ParseError as error:
        first = error.errors[0]
        yield f"{what}: {first['description']} ({_('line {line}').format(line=first['line'])})"
        return
    except (TokenError, RecursionError):
        yield _("{what}: this is no SQL").format(what=what)
        return
    tree = trees[0] if len(trees) == 1 else None
    statements = (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Drop, exp.Block, exp.Set, exp.Pragma)
    if query and not isinstance(tree, exp.Query):
        yield _("{what}: expected one SELECT").format(what=what)
    elif tree is None or (not query and (isinstance(tree, statements) and not isinstance(tree, exp.Subquery))):
        yield _("{what}: expected one expression").format(what=what)
    elif tree is not None:
        unknown = [node.name for node in tree.find_all(exp.Parameter, exp.Placeholder) if node.name not in params]
        yield from (_("{what}: there is no parameter ${name}").format(what=what, name=name) for name in unknown)
        if not unknown:
            _SOUND_SQL.add(asked)


def _suffix_faults(suffixes: Collection[str]) -> Iterable[str]:
    if not suffixes:
        yield _("no suffix is given, such as .csv")
    for suffix in suffixes:
        if not _SUFFIX.fullmatch(suffix):
            yield _("expected a suffix such as .csv, found {suffix!r}").format(suffix=suffix)


def _event_type_faults(declared: EventType) -> Iterable[str]:
    from clientbook.events.arrow import struct_type

    event = declared.event
    if not (event.__doc__ or "").strip():
        yield _("{name} has no docstring, which is its summary").format(name=event.__name__)
    if not event.__struct_config__.frozen:
        yield _("{name} is not frozen: class {name}(Event, frozen=True, kw_only=True)").format(name=event.__name__)
    try:
        struct_type(event)
    except TypeError as error:
        yield str(error)
    for field in event.natural_key:
        if field not in event.__struct_fields__:
            yield _("natural_key names {field!r}, which is no field").format(field=field)
    if event.customer not in ("required", "optional", "none"):
        yield _("customer: expected required, optional or none")


def _identifier_faults(declared: Identifier) -> Iterable[str]:
    for text, expected in declared.examples:
        try:
            form = declared.normalise(text)
            again = declared.normalise(form) if form is not None else None
        except Exception as error:
            yield _("normalise fails on its example {text!r}: {kind}").format(text=text, kind=type(error).__name__)
            continue
        if form != expected:
            yield _("normalise makes {form!r} of {text!r}; the example says {expected!r}").format(
                form=form, text=text, expected=expected
            )
        elif again != form:
            yield _("normalise done twice makes {again!r} of {text!r}, not {form!r}").format(
                again=again, text=text, form=form
            )


def _figure_faults(one: Trait | Metric) -> Iterable[str]:
    if one.value_type not in _VALUE_TYPES[one.unit]:
        said = _("a value of unit {unit} is of type {types}, not {found}")
        yield said.format(unit=one.unit, types=" / ".join(_VALUE_TYPES[one.unit]), found=one.value_type)
    is_number = one.value_type in ("int", "decimal", "float")
    if not is_number and one.format != _PLAIN:
        yield _("format is for numbers")
    if not 0 <= one.format.decimals <= 10:
        yield _("format: expected 0 to 10 decimals, found {count}").format(count=one.format.decimals)
    elif one.format.decimals and one.value_type == "int":
        yield _("format: a whole number has no decimals")


def _one_way(one: Any, *ways: str) -> Iterable[str]:
    if sum(bool(getattr(one, way)) for way in ways) != 1:
        yield _("expected exactly one of {ways}").format(ways=", ".join(ways))


def _trait_faults(trait: Trait) -> Iterable[str]:
    yield from _figure_faults(trait)
    yield from _one_way(trait, "sql", "compute")
    if not _NAME.fullmatch(trait.column):
        yield _("column: expected a lower-case word, found {column!r}").format(column=trait.column)
    if trait.sql:
        yield from sql_faults(trait.sql, "sql")
    if trait.relation:
        if trait.compute:
            yield _("relation goes with sql, not with compute")
        if not _NAME.fullmatch(trait.relation.name):
            yield _("relation: expected a lower-case word, found {name!r}").format(name=trait.relation.name)
        yield from sql_faults(trait.relation.sql, "relation", query=True)
    if trait.values and trait.value_type != "text":
        yield _("values are for texts")


def _metric_faults(metric: Metric) -> Iterable[str]:
    yield from _figure_faults(metric)
    if bool(metric.numerator) != bool(metric.denominator):
        yield _("numerator and denominator go together")
    yield from _one_way(metric, "sql", "numerator", "compute")
    yield from _param_faults(metric.params)
    params = [param.name for param in metric.params]
    for name in ("sql", "numerator", "denominator", "where", "drill"):
        if text := getattr(metric, name):
            yield from sql_faults(text, name, params=params)
    if metric.minimum < 0 or metric.indicative < metric.minimum:
        yield _("expected 0 ≤ minimum ≤ indicative")


def _segment_faults(segment: Segment) -> Iterable[str]:
    yield from _one_way(segment, "sql", "compute")
    yield from _param_faults(segment.params)
    if segment.compute and segment.params:
        yield _("params go with sql, not with compute")
    if segment.sql:
        yield from sql_faults(segment.sql, "sql", params=[param.name for param in segment.params])


def _param_faults(params: Iterable[Param]) -> Iterable[str]:
    seen: set[str] = set()
    for param in params:
        if not _NAME.fullmatch(param.name):
            yield _("expected a parameter's name in lower case, found {name!r}").format(name=param.name)
        if param.name in seen:
            yield _("the parameter {name} is declared twice").format(name=param.name)
        seen.add(param.name)
        yield from _default_faults(param)


def _default_faults(param: Param) -> Iterable[str]:
    value, name = param.default, param.name
    if value is None:
        yield _("{name}: the default is missing").format(name=name)
        return
    try:
        value_of(param, value)
    except WrongParameter as error:
        yield str(error)


class WrongParameter(WrongUse):
    """A parameter cannot take this value; the message says what it takes."""


def value_of(param: Param, given: Value) -> Any:
    """A parameter's value, from a text or a value, checked.

    Raises:
        WrongParameter: it is of another type, or out of bounds.
    """
    try:
        value: Any = msgspec.convert(given, _TYPES[param.value_type], strict=False)
    except (msgspec.ValidationError, TypeError):
        raise WrongParameter(
            _("{name}: expected a value of type {type}").format(name=param.name, type=param.value_type)
        ) from None
    if param.choices and value not in param.choices:
        raise WrongParameter(_("{name}: expected one of {values}").format(name=param.name, values=", ".join(param.choices)))
    if param.minimum is not None and value < param.minimum:
        raise WrongParameter(_("{name}: expected at least {minimum}").format(name=param.name, minimum=param.minimum))
    if param.maximum is not None and value > param.maximum:
        raise WrongParameter(_("{name}: expected at most {maximum}").format(name=param.name, maximum=param.maximum))
    return value
