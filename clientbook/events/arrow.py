"""The Arrow form of events: the schema derived from the Structs, conversion both ways, and vectorised checks.

Every event type is one nullable struct column beside the envelope's columns. The checks accept and refuse exactly what
decoding through the Structs accepts and refuses; a property test holds the two together.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec
import msgspec.inspect as mi
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.base import AMOUNT_SCALE, Event, expectation, unwrap
from clientbook.events.registry import Registry
from clientbook.i18n import _

INSTANT: Final = pa.timestamp("us", tz="UTC")
DECIMAL: Final = pa.decimal128(18, AMOUNT_SCALE)
EVENT_ID: Final = pa.binary(16)

_SPACES: Final = r"\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What Python's `\\s` means, for use inside a bracket."""

ENVELOPE: Final = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("event_id", EVENT_ID, nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("customer_id", pa.string()),
        pa.field("occurred_at", INSTANT, nullable=False),
        pa.field("recorded_at", INSTANT, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("actor", pa.string()),
        pa.field("batch", pa.string()),
        pa.field("salt", EVENT_ID),
    ]
)
"""The columns every event has, in the order of the file format."""


def event_schema(registry: Registry) -> pa.Schema:
    """The envelope and one struct column for each registered type."""
    columns = [pa.field(name, struct_type(event)) for name, event in registry.items()]
    return pa.schema([*ENVELOPE, *columns])


@cache
def struct_type(record: type[msgspec.Struct]) -> pa.StructType:
    """The Arrow struct of an event or a record inside one; every field is nullable, so that fields can be added.

    Raises:
        TypeError: a field's type has no single Parquet column, or the Struct has no field.
    """
    info = mi.type_info(record)
    assert isinstance(info, mi.StructType)
    if not info.fields:
        raise TypeError(f"{record.__name__} has no field: Parquet cannot hold a struct without one")
    return pa.struct([pa.field(field.encode_name, arrow_type(field.type)) for field in info.fields])


def arrow_type(kind: mi.Type) -> pa.DataType:
    """The Arrow type of a msgspec type."""
    plain, extra = unwrap(kind)
    if "arrow" in extra:
        override: pa.DataType = extra["arrow"]
        return override
    match plain:
        case mi.StructType():
            return struct_type(plain.cls)
        case mi.ListType():
            return pa.list_(arrow_type(plain.item_type))
        case mi.DictType():
            return pa.map_(arrow_type(plain.key_type), arrow_type(plain.value_type))
        case mi.StrType() | mi.EnumType():
            return pa.string()
        case mi.LiteralType() if all(isinstance(value, str) for value in plain.values):
            return pa.string()
        case mi.IntType():
            return pa.int64()
        case mi.BoolType():
            return pa.bool_()
        case mi.DecimalType():
            return DECIMAL
        case mi.DateTimeType(tz=True):
            return INSTANT
        case mi.DateType():
            return pa.date32()
    raise TypeError(f"{type(plain).__name__} has no place in an event: floats and naive times are not exact")


def to_arrow(events: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Struct instances (or None) as one Arrow array of `kind`, column by column."""
    absent = pa.array([item is None for item in events], pa.bool_())
    if pa.types.is_struct(kind):
        children = [
            to_arrow([None if item is None else getattr(item, field.name) for item in events], field.type) for field in kind
        ]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=absent)
    if pa.types.is_list(kind):
        # An empty list and an absent one are the same fact: both are stored as NULL.
        offsets: list[int] = [0]
        flat: list[Any] = []
        for item in events:
            flat.extend(item or ())
            offsets.append(len(flat))
        empty = pa.array([not item for item in events], pa.bool_())
        values = to_arrow(flat, kind.value_type)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind, mask=empty)
    if pa.types.is_map(kind):
        return pa.array([sorted(item.items()) if item else None for item in events], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if item is None else round(Decimal(item), AMOUNT_SCALE) for item in events], kind)
    return pa.array([item.value if isinstance(item, enum.Enum) else item for item in events], kind)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A constraint that some rows break."""

    path: str
    """The field, such as `lines.quantity`."""
    rule: str
    """What was expected, in words."""
    rows: pa.BooleanArray
    """True where the row breaks it; as long as the checked array, never null."""


def faults(array: pa.StructArray, event: type[msgspec.Struct]) -> list[Fault]:
    """Every constraint of `event` that some row of `array` breaks. NULL rows break none."""
    info = mi.type_info(event)
    assert isinstance(info, mi.StructType)
    return _struct_faults(array, info, "")


def _struct_faults(array: pa.StructArray, info: mi.StructType, path: str) -> list[Fault]:
    present = pc.is_valid(array)
    found: list[Fault] = []
    for field, values in zip(info.fields, array.flatten(), strict=True):
        name = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.required:
            found += _fault(name, _("a value is required"), pc.and_(present, pc.is_null(values)))
        found += _value_faults(values, field.type, name)
    return found


def _value_faults(values: pa.Array, kind: mi.Type, path: str) -> list[Fault]:
    plain, extra = unwrap(kind)
    match plain:
        case mi.StructType():
            return _struct_faults(values, plain, path)
        case mi.ListType():
            found = _length_faults(pc.list_value_length(values), plain.min_length, plain.max_length, _("items"), path)
            items, parents = _items(values)
            return found + _child_faults(items, plain.item_type, parents, len(values), path)
        case mi.DictType():
            items, parents = _items(_pairs(values))
            return [
                fault
                for part, part_kind in (("key", plain.key_type), ("value", plain.value_type))
                for fault in _child_faults(pc.struct_field(items, part), part_kind, parents, len(values), path)
            ]
        case mi.StrType():
            found = _length_faults(pc.utf8_length(values), plain.min_length, plain.max_length, _("characters"), path)
            if plain.pattern is not None:
                shaped = pc.match_substring_regex(values, _re2(plain.pattern))
                found += _fault(path, expectation(plain, extra), pc.invert(shaped))
            return found
        case mi.LiteralType():
            known = pc.is_in(values, value_set=pa.array(sorted(map(str, plain.values)), pa.string()))
            unknown = pc.and_(pc.is_valid(values), pc.invert(known))
            return _fault(path, expectation(plain, extra), unknown)
        case mi.IntType():
            return _bound_faults(values, plain.ge, plain.le, pa.int64(), path)
        case mi.DecimalType():
            return _bound_faults(values, extra.get("minimum"), extra.get("maximum"), DECIMAL, path)
        case mi.DateTimeType():
            return _bound_faults(values, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), INSTANT, path)
        case mi.DateType():
            return _bound_faults(values, date.min, date.max, pa.date32(), path)
    return []


def _items(lists: pa.ListArray) -> tuple[pa.Array, pa.Array]:
    """The items of all lists, and for each the row of its list. What a NULL list hides is left out."""
    lengths = pc.fill_null(pc.list_value_length(lists), pa.scalar(0, pa.int32()))
    items = pc.list_flatten(lists)
    return items, pc.list_parent_indices(pa.ListArray.from_arrays(_offsets(lengths), items))


def _offsets(lengths: pa.Array) -> pa.Array:
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])


def _pairs(maps: pa.MapArray) -> pa.ListArray:
    return maps.cast(pa.list_(pa.struct([("key", maps.type.key_type), ("value", maps.type.item_type)])))


def _re2(pattern: str) -> str:
    r"""A pattern of Python's `re` for Arrow's RE2, which writes `\Z` in lower case and knows ASCII spaces only."""
    return pattern.replace(r"\Z", r"\z").replace(r"\s", _SPACES)


def _child_faults(items: pa.Array, kind: mi.Type, parents: pa.Array, length: int, path: str) -> list[Fault]:
    """Faults of the items of lists, as faults of the lists that hold them."""
    inner = _fault(path, _("an item is missing"), pc.is_null(items)) + _value_faults(items, kind, path)
    rows = pa.array(range(length), parents.type) if inner else None
    return [
        Fault(path=fault.path, rule=fault.rule, rows=pc.is_in(rows, value_set=parents.filter(fault.rows))) for fault in inner
    ]


def _length_faults(lengths: pa.Array, least: int | None, most: int | None, what: str, path: str) -> list[Fault]:
    found: list[Fault] = []
    if least is not None:
        found += _fault(path, _("expected at least {least} {what}").format(least=least, what=what), pc.less(lengths, least))
    if most is not None:
        found += _fault(path, _("expected at most {most} {what}").format(most=most, what=what), pc.greater(lengths, most))
    return found


def _bound_faults(values: pa.Array, least: Any, most: Any, kind: pa.DataType, path: str) -> list[Fault]:
    found: list[Fault] = []
    if least is not None:
        found += _fault(
            path, _("expected at least {minimum}").format(minimum=least), pc.less(values, pa.scalar(least, kind))
        )
    if most is not None:
        found += _fault(
            path, _("expected at most {maximum}").format(maximum=most), pc.greater(values, pa.scalar(most, kind))
        )
    return found


def _fault(path: str, rule: str, rows: pa.Array) -> list[Fault]:
    rows = pc.fill_null(rows, False)
    return [Fault(path=path, rule=rule, rows=rows)] if pc.any(rows, min_count=0).as_py() else []


def broken_rows(found: Iterable[Fault], length: int) -> pa.BooleanArray:
    """Rows that break any of the constraints."""
    rows = pa.array([False] * length, pa.bool_())
    for fault in found:
        rows = pc.or_(rows, fault.rows)
    return rows


def event_table(events: Sequence[tuple[str, Event]], registry: Registry) -> dict[str, pa.Array]:
    """The struct columns that (type name, event) pairs need, each as long as `events`."""
    places: dict[str, list[int]] = {}
    for place, (name, _event) in enumerate(events):
        places.setdefault(name, []).append(place)
    columns = {}
    for name in sorted(places):
        packed = to_arrow([events[place][1] for place in places[name]], struct_type(registry[name]))
        spread: list[int | None] = [None] * len(events)
        for number, place in enumerate(places[name]):
            spread[place] = number
        columns[name] = packed.take(pa.array(spread, pa.int64()))
    return columns


def conform(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """`array` as `kind`: fields that it lacks are NULL, an empty list or map is NULL.

    Raises:
        KeyError: it has a field that `kind` does not know.
    """
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_struct(kind):
        given = {field.name: child for field, child in zip(array.type, array.flatten(), strict=True)}
        unknown = set(given) - {field.name for field in kind}
        if unknown:
            raise KeyError(f"unknown field {sorted(unknown)[0]!r}")
        children = [
            conform(given[field.name], field.type) if field.name in given else pa.nulls(len(array), field.type)
            for field in kind
        ]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=pc.is_null(array))
    if pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), pa.scalar(0, pa.int32()))
        values = conform(pc.list_flatten(array), kind.value_type)
        empty = pc.equal(lengths, pa.scalar(0, pa.int32()))
        return pa.ListArray.from_arrays(_offsets(lengths), values, type=kind, mask=empty)
    if pa.types.is_map(kind):
        maps = array.cast(kind)
        lengths = pc.list_value_length(_pairs(maps))
        return pc.if_else(pc.equal(lengths, pa.scalar(0, pa.int32())), pa.scalar(None, kind), maps)
    return array.cast(kind)
