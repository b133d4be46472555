"""Events as Arrow columns: the schema, conversion both ways, and checks that agree with decoding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import msgspec.inspect as mi
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientbook.events.actions import AudienceExported
from clientbook.events.arrow import (
    DECIMAL,
    INSTANT,
    broken_rows,
    conform,
    event_schema,
    event_table,
    faults,
    struct_type,
    to_arrow,
)
from clientbook.events.base import AMOUNT_LIMIT, Event, unwrap
from clientbook.events.consent import ConsentGiven, NoticePublished
from clientbook.events.personal import Address, CustomersMerged, ProfileUpdated
from clientbook.events.reactions import Line, OrderPlaced, SurveyAnswered
from clientbook.events.registry import Registry

REGISTRY = Registry()
QUIET = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

# Values. `sound` keeps every constraint of a type, `wild` keeps its Arrow type only.

LETTERS = st.characters(codec="utf-8")
SMALLEST = Decimal(1).scaleb(-4)


def sound(kind: mi.Type) -> st.SearchStrategy[Any]:
    plain, marks = unwrap(kind)
    match plain:
        case mi.StrType(pattern=str() as pattern):
            return st.from_regex(pattern, alphabet=st.characters(codec="utf-8"))
        case mi.StrType():
            least, most = plain.min_length or 0, plain.max_length or 40
            short = st.text(LETTERS, min_size=least, max_size=min(most, 12))
            return short | st.sampled_from([most, least]).map(lambda size: "é" * size)
        case mi.LiteralType():
            return st.sampled_from(plain.values)
        case mi.IntType():
            least, most = plain.ge if plain.ge is not None else -(2**63), plain.le if plain.le is not None else 2**63 - 1
            return st.integers(least, most) | st.sampled_from([least, most])
        case mi.BoolType():
            return st.booleans()
        case mi.DecimalType():
            least = marks.get("minimum", SMALLEST - AMOUNT_LIMIT)
            most = marks.get("maximum", AMOUNT_LIMIT - SMALLEST)
            return decimals(least, most) | st.sampled_from([least, most])
        case mi.DateTimeType():
            return st.datetimes(timezones=st.just(UTC))
        case mi.DateType():
            return st.dates()
        case mi.ListType():
            return st.lists(sound(plain.item_type), min_size=plain.min_length or 0, max_size=3)
        case mi.DictType():
            return st.dictionaries(sound(plain.key_type), sound(plain.value_type), max_size=3)
        case mi.StructType():
            return st.fixed_dictionaries(
                {
                    field.encode_name: sound(field.type) if field.required else st.none() | sound(field.type)
                    for field in plain.fields
                }
            )
    raise AssertionError(plain)


def wild(kind: mi.Type) -> st.SearchStrategy[Any]:
    plain, _ = unwrap(kind)
    match plain:
        case mi.StrType():
            size = plain.max_length or 60
            near = st.tuples(
                sound(kind), st.sampled_from(["\n", " ", "\x00", "\x0b", "\u3000", "\u2028", "\x1c", "A", "é", "\U0001f600"])
            )
            return st.one_of(
                st.text(LETTERS, max_size=5),
                near.map("".join),
                near.map(lambda parts: parts[1] + parts[0]),
                near.map(lambda parts: parts[0][: len(parts[0]) // 2] + parts[1] + parts[0][len(parts[0]) // 2 :]),
                st.sampled_from(["", "x" * size, "x" * (size + 1), "\U0001f600" * size, "\U0001f600" * (size + 1)]),
            )
        case mi.LiteralType():
            first = plain.values[0]
            return st.sampled_from([*plain.values, first.upper() + "x", first + " ", first + "\n", "", "x"])
        case mi.IntType():
            edges = [edge for edge in (plain.ge, plain.le) if edge is not None]
            return st.sampled_from([0, -1, 2**63 - 1, -(2**63), *edges, *(e - 1 for e in edges), *(e + 1 for e in edges)])
        case mi.DecimalType():
            edges = [Decimal(0), -SMALLEST, Decimal(100), 100 + SMALLEST, AMOUNT_LIMIT - SMALLEST, SMALLEST - AMOUNT_LIMIT]
            return st.sampled_from(edges) | decimals(-AMOUNT_LIMIT + SMALLEST, AMOUNT_LIMIT - SMALLEST)
        case mi.ListType():
            return st.lists(st.none() | wild(plain.item_type) | sound(plain.item_type), max_size=3)
        case mi.DictType():
            return st.dictionaries(wild(plain.key_type), st.none() | wild(plain.value_type), max_size=3)
        case mi.StructType():
            return mixed(plain)
    return sound(kind)


@st.composite
def mixed(draw: st.DrawFn, info: mi.StructType) -> dict[str, Any]:
    """A sound row with one or two fields that may break anything, or are missing."""
    row = draw(sound(info))
    for field in draw(st.lists(st.sampled_from(info.fields), min_size=1, max_size=2)):
        row[field.encode_name] = draw(st.none() | wild(field.type) | wild(field.type))
    return row


def decimals(least: Decimal, most: Decimal) -> st.SearchStrategy[Decimal]:
    return st.integers(int(least.scaleb(4)), int(most.scaleb(4))).map(lambda units: Decimal(units).scaleb(-4))


def arrow_value(value: Any, kind: pa.DataType) -> Any:
    """A row as pyarrow takes it: maps as pairs."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: arrow_value(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [arrow_value(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return list(value.items())
    return value


def json_value(value: Any, kind: mi.Type) -> Any:
    """A row as JSON has it: without its missing fields. Missing items of lists and maps stay."""
    inner, _ = unwrap(kind)
    match inner:
        case mi.StructType() if value is not None:
            fields = {field.encode_name: field.type for field in inner.fields}
            return {key: json_value(item, fields[key]) for key, item in value.items() if item is not None}
        case mi.ListType() if value is not None:
            return [json_value(item, inner.item_type) for item in value]
    return value


@cache
def info_of(event: type[Event]) -> mi.StructType:
    return mi.type_info(event)


def accepts(row: Any, event: type[Event]) -> bool:
    """Whether both ways of decoding take the row; they have to agree."""
    given = json_value(row, info_of(event))
    answers = set()
    for decode in (
        lambda: msgspec.convert(given, event),
        lambda: msgspec.json.decode(msgspec.json.encode(given), type=event),
    ):
        try:
            decode()
            answers.add(True)
        except msgspec.ValidationError:
            answers.add(False)
    assert len(answers) == 1
    return answers.pop()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_columns_are_refused_exactly_where_decoding_refuses(name: str):
    event = REGISTRY[name]
    info = mi.type_info(event)
    kind = struct_type(event)

    @QUIET
    @given(st.lists(st.none() | sound(info) | mixed(info), min_size=1, max_size=4), st.integers(0, 2))
    def check(rows: list[Any], skipped: int) -> None:
        array = pa.array([arrow_value(row, kind) for row in [None] * skipped + rows], kind).slice(skipped)
        found = faults(array, event)
        refused = broken_rows(found, len(array)).to_pylist()
        assert [not broken for broken in refused] == [row is None or accepts(row, event) for row in rows]
        assert all(len(fault.rows) == len(rows) and fault.rows.null_count == 0 for fault in found)

    check()


EXAMPLES = {
    "^[a-z][a-z0-9_]{0,59}": "word",
    "^[A-Z]{3}": "EUR",
    "^[0-9a-f]{64}": "0" * 64,
    "^[0-9a-z][0-9a-z_-]{3,63}": "anna",
    "^[^@\\s]{1,64}@[^@\\s]{1,190}": "a@example.com",
    "^[a-z]{2,3}(-[A-Z]{2})?": "fr",
    "^[0-9]{9}([0-9]{5})?": "123456789",
    "^[A-Z]{2}[A-Z0-9]{2,14}": "FR12345678901",
}


def plain(kind: mi.Type) -> Any:
    """One sound value, always the same."""
    inner, _ = unwrap(kind)
    match inner:
        case mi.StrType(pattern=str() as pattern):
            return EXAMPLES[pattern.removesuffix(r"\Z")]
        case mi.StrType():
            return "x" * (inner.min_length or 1)
        case mi.LiteralType():
            return inner.values[0]
        case mi.IntType():
            return inner.ge or 0
        case mi.BoolType():
            return True
        case mi.DecimalType():
            return Decimal(1)
        case mi.DateTimeType():
            return datetime(2026, 1, 1, tzinfo=UTC)
        case mi.DateType():
            return date(2026, 1, 1)
        case mi.ListType():
            return [plain(inner.item_type)]
        case mi.DictType():
            return {"key": plain(inner.value_type)}
        case mi.StructType():
            return {field.encode_name: plain(field.type) for field in inner.fields}
    raise AssertionError(inner)


def edges(kind: mi.Type) -> list[Any]:
    """Values at both sides of every border of a type, and a missing one."""
    inner, _ = unwrap(kind)
    found: list[Any] = [None, plain(kind)]
    match inner:
        case mi.StrType():
            value = plain(kind)
            sizes = {size + step for size in (inner.min_length, inner.max_length) if size for step in (-1, 0, 1)}
            found += [letter * size for size in sizes for letter in ("x", "é", "\U0001f600")]
            found += [
                value + "\n",
                "\n" + value,
                value + " ",
                value + "\u3000",
                value + "\x00",
                value.swapcase(),
                value * 2,
                "",
                " ",
            ]
            found += [value[:-1], value + value[-1], value[:1] + "\x0b" + value[1:], value * 100]
        case mi.LiteralType():
            found += [*inner.values, inner.values[0] + "\n", inner.values[0].upper() + "!", "", " "]
        case mi.IntType():
            found += [border + step for border in (inner.ge, inner.le) if border is not None for step in (-1, 0, 1)]
            found += [2**63 - 1, -(2**63)]
        case mi.DecimalType():
            found += [Decimal(0), -SMALLEST, SMALLEST, Decimal(100), 100 + SMALLEST]
            found += [AMOUNT_LIMIT - SMALLEST, SMALLEST - AMOUNT_LIMIT]
        case mi.ListType():
            found += [
                [],
                *([item] for item in edges(inner.item_type)),
                [plain(inner.item_type), *edges(inner.item_type)[-1:]],
            ]
        case mi.DictType():
            found += [{}, *({"key": item} for item in edges(inner.value_type)), {"": plain(inner.value_type)}]
        case mi.StructType():
            found += list(rows_at_the_edges(inner))
    return found


def rows_at_the_edges(info: mi.StructType) -> Iterator[dict[str, Any]]:
    whole = {field.encode_name: plain(field.type) for field in info.fields}
    for field in info.fields:
        for edge in edges(field.type):
            yield whole | {field.encode_name: edge}


def test_columns_are_refused_exactly_where_decoding_refuses_at_every_border_of_every_field():
    for name, event in REGISTRY.items():
        rows = list(rows_at_the_edges(mi.type_info(event)))
        array = pa.array([arrow_value(row, struct_type(event)) for row in rows], struct_type(event))
        broken = broken_rows(faults(array, event), len(array)).to_pylist()
        differ = [row for row, refused in zip(rows, broken, strict=True) if refused == accepts(row, event)]
        assert differ == [], name
        assert not all(broken), name


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_event_survives_the_way_through_parquet(name: str, tmp_path: Path):
    event = REGISTRY[name]
    kind = struct_type(event)
    path = tmp_path / "events.parquet"

    @settings(QUIET, max_examples=3)
    @given(st.lists(sound(mi.type_info(event)), min_size=1, max_size=3))
    def check(rows: list[Any]) -> None:
        events = [msgspec.convert(json_value(row, mi.type_info(event)), event) for row in rows]
        pq.write_table(pa.table({name: to_arrow([*events, None], kind)}), path, store_schema=False)
        back = pq.read_table(path)[name]
        assert back.type == kind
        assert [tidy(row) for row in back.to_pylist()] == [*(tidy(builtin(one)) for one in events), None]

    check()


def builtin(event: Any) -> dict[str, Any]:
    """Every field of an event, defaults too, records and pairs as plain values."""
    return {name: plain_value(getattr(event, name)) for name in event.__struct_fields__}


def plain_value(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return builtin(value)
    if isinstance(value, dict):
        return sorted(value.items())
    return [plain_value(item) for item in value] if isinstance(value, list) else value


def tidy(value: Any) -> Any:
    """Without what says nothing: NULL fields, empty lists and maps."""
    if isinstance(value, dict):
        return {key: tidy(item) for key, item in value.items() if item not in (None, [], {})}
    return [tidy(item) for item in value] if isinstance(value, list) else value


def test_every_type_has_one_struct_column_after_the_envelope():
    schema = event_schema(REGISTRY)
    assert schema.names[:10] == [
        "position", "event_id", "type", "customer_id", "occurred_at", "recorded_at", "source", "actor", "batch", "salt",
    ]  # fmt: skip
    assert schema.names[10:] == list(REGISTRY)
    assert all(pa.types.is_struct(schema.field(name).type) and schema.field(name).nullable for name in REGISTRY)


def test_amounts_are_exact_and_moments_are_microseconds_in_utc():
    order = struct_type(OrderPlaced)
    assert order.field("total").type == DECIMAL == pa.decimal128(18, 4)
    line = order.field("lines").type.value_type
    assert line.field("quantity").type == DECIMAL
    assert struct_type(REGISTRY["voucher_issued"]).field("expires_at").type == INSTANT == pa.timestamp("us", "UTC")
    assert struct_type(ProfileUpdated).field("birth_date").type == pa.date32()
    assert struct_type(ProfileUpdated).field("attributes").type == pa.map_(pa.string(), pa.string())


class Empty(Event, frozen=True, kw_only=True):
    """Nothing."""


class Inexact(Event, frozen=True, kw_only=True):
    """Something with a float."""

    weight: float


class Naive(Event, frozen=True, kw_only=True):
    """Something at a local time."""

    at: datetime


class Either(Event, frozen=True, kw_only=True):
    """Something of two kinds."""

    value: str | int


class Narrow(Event, frozen=True, kw_only=True):
    """Something with a column type of its own."""

    weight: Annotated[Decimal, msgspec.Meta(extra={"arrow": pa.decimal128(9, 2)})]
    size: Literal["s", "m"] = "s"


@pytest.mark.parametrize("event", [Empty, Inexact, Naive, Either])
def test_what_parquet_cannot_hold_exactly_cannot_be_declared(event: type[Event]):
    with pytest.raises(TypeError):
        struct_type(event)


def test_a_declaration_may_choose_its_column():
    assert struct_type(Narrow).field("weight").type == pa.decimal128(9, 2)
    assert struct_type(Narrow).field("size").type == pa.string()


# Faults, where generated rows do not reach.


def fault_rows(array: pa.Array, event: type[Event]) -> dict[str, list[int]]:
    return {
        fault.path: [row for row, broken in enumerate(fault.rows.to_pylist()) if broken] for fault in faults(array, event)
    }


def test_a_fault_inside_a_list_of_records_names_the_field_and_the_row():
    good = {"order_id": "1", "total": Decimal(1), "currency": "EUR", "lines": [{"sku": "a", "kind": "product"}]}
    bad = good | {"lines": [{"sku": "a"}, {"sku": "", "kind": "gift"}]}
    array = pa.array([good, None, bad, good | {"lines": [None]}, good | {"lines": []}], struct_type(OrderPlaced))
    assert fault_rows(array, OrderPlaced) == {"lines.sku": [2], "lines.kind": [2], "lines": [3]}


def test_a_fault_inside_a_record_names_the_field_and_the_row():
    whole = {"manifest": {"manifest_id": "M", "destination": "csv", "rule": "true", "digest": "0" * 64}}
    array = pa.array(
        [whole, {"manifest": None}, {"manifest": {"manifest_id": "M", "digest": "0" * 63}}], struct_type(AudienceExported)
    )
    assert fault_rows(array, AudienceExported) == {
        "manifest": [1], "manifest.destination": [2], "manifest.rule": [2], "manifest.digest": [2],
    }  # fmt: skip


def test_a_slice_is_checked_by_its_own_rows():
    row = {"channel": "email", "purposes": ["newsletter"]}
    array = pa.array([row | {"purposes": ["No"]}, row, row | {"purposes": ["No"]}, row], struct_type(ConsentGiven))
    assert fault_rows(array.slice(1), ConsentGiven) == {"purposes": [1]}
    assert fault_rows(array.slice(1, 1), ConsentGiven) == {}
    assert fault_rows(array.slice(3), ConsentGiven) == {}


def test_what_lies_hidden_under_a_null_breaks_nothing():
    kind = struct_type(CustomersMerged)
    inner = pa.array([["x"], ["anna"], ["y"], ["!!"]], pa.list_(pa.string()))
    ids = pa.array(["!", "anna", "?", "anna"])
    hidden = pa.StructArray.from_arrays(
        [ids, inner, pa.nulls(4, pa.string())], fields=list(kind), mask=pa.array([True, False, True, False])
    )
    assert fault_rows(hidden, CustomersMerged) == {"merged": [3]}
    hidden_list = pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3], pa.int32()), pa.array(["!", "anna", "!"]), mask=pa.array([True, False, False])
    )
    array = pa.StructArray.from_arrays([pa.array(["anna"] * 3), hidden_list, pa.nulls(3, pa.string())], fields=list(kind))
    found = faults(array, CustomersMerged)
    assert {fault.rule: fault.rows.to_pylist() for fault in found if "customer id" not in fault.rule} == {
        "a value is required": [True, False, False]
    }
    assert [fault.rows.to_pylist() for fault in found if "customer id" in fault.rule] == [[False, False, True]]


def test_a_moment_or_day_that_python_cannot_hold_is_a_fault():
    late = pa.array([0, 253_402_300_800_000_000, -62_135_596_800_000_001], INSTANT)
    kind = struct_type(REGISTRY["voucher_issued"])
    children = [pa.array(["V"] * 3) if field.name == "voucher_id" else pa.nulls(3, field.type) for field in kind]
    children[kind.get_field_index("expires_at")] = late
    array = pa.StructArray.from_arrays(children, fields=list(kind))
    assert broken_rows(faults(array, REGISTRY["voucher_issued"]), 3).to_pylist() == [False, True, True]
    days = pa.array([0, 2_932_897, -719_163], pa.date32())
    profile = struct_type(ProfileUpdated)
    children = [days if field.name == "birth_date" else pa.nulls(3, field.type) for field in profile]
    array = pa.StructArray.from_arrays(children, fields=list(profile))
    assert broken_rows(faults(array, ProfileUpdated), 3).to_pylist() == [False, True, True]


def test_no_rows_have_no_faults():
    for event in REGISTRY.values():
        assert faults(pa.array([], struct_type(event)), event) == []


# Conversion.


def test_an_amount_written_with_more_zeros_or_an_exponent_is_stored_exactly():
    totals = ["1.50000000", "1E+3", "0E+1000000", "0E-1000000", "99999999999999.9999", "-0.0"]
    orders = [OrderPlaced(order_id="1", total=Decimal(total), currency="EUR") for total in totals]
    stored = pa.StructArray.field(to_arrow(orders, struct_type(OrderPlaced)), "total").to_pylist()
    assert stored == [Decimal(total) for total in ("1.5", "1000", "0", "0", "99999999999999.9999", "0")]


def test_an_empty_list_or_map_and_an_absent_one_are_stored_alike():
    kind = struct_type(ProfileUpdated)
    given = to_arrow([ProfileUpdated(interests=[], attributes={}), ProfileUpdated()], kind).to_pylist()
    assert given[0] == given[1]
    assert given[0]["interests"] is None and given[0]["attributes"] is None


def test_a_map_is_stored_in_the_order_of_its_keys():
    one, two = (
        SurveyAnswered(survey="s", answers={"b": "1", "a": "2"}),
        SurveyAnswered(survey="s", answers={"a": "2", "b": "1"}),
    )
    stored = to_arrow([one, two], struct_type(SurveyAnswered)).to_pylist()
    assert stored[0]["answers"] == stored[1]["answers"] == [("a", "2"), ("b", "1")]


def test_events_of_several_types_become_columns_of_equal_length():
    order = OrderPlaced(order_id="1", total=Decimal(1), currency="EUR", lines=[Line(sku="a")])
    notice = NoticePublished(notice_id="N", version="1", language="fr", text="x", sha256="0" * 64)
    columns = event_table([("order_placed", order), ("notice_published", notice), ("order_placed", order)], REGISTRY)
    assert {name: column.is_valid().to_pylist() for name, column in columns.items()} == {
        "order_placed": [True, False, True],
        "notice_published": [False, True, False],
    }


def test_fields_that_a_file_lacks_are_filled_with_null():
    given = pa.array([{"total": "3.5", "order_id": "1"}, None, {"total": None, "order_id": "2"}])
    filled = conform(given, struct_type(OrderPlaced))
    assert filled.type == struct_type(OrderPlaced)
    assert [row and {key: value for key, value in row.items() if value is not None} for row in filled.to_pylist()] == [
        {"order_id": "1", "total": Decimal("3.5")}, None, {"order_id": "2"},
    ]  # fmt: skip


def test_fields_that_the_catalogue_does_not_know_are_refused_at_any_depth():
    with pytest.raises(KeyError, match="gift_wrap"):
        conform(pa.array([{"order_id": "1", "gift_wrap": True}]), struct_type(OrderPlaced))
    with pytest.raises(KeyError, match="colour"):
        conform(pa.array([{"lines": [{"colour": "red"}]}]), struct_type(OrderPlaced))


def test_lists_of_records_are_filled_row_by_row_also_in_a_slice():
    given = pa.array(
        [{"lines": [{"sku": "a"}]}, {"lines": []}, {"lines": None}, None, {"lines": [{"sku": "b"}, {"sku": "c"}]}]
    )
    for start in range(5):
        filled = conform(given.slice(start), struct_type(OrderPlaced)).to_pylist()
        skus = [row and row["lines"] and [line["sku"] for line in row["lines"]] for row in filled]
        assert skus == [["a"], None, None, None, ["b", "c"]][start:]


def test_an_empty_list_or_map_of_a_file_is_stored_as_null():
    kind = struct_type(ProfileUpdated)
    given = pa.array([{"interests": [], "attributes": []}], pa.struct([kind.field("interests"), kind.field("attributes")]))
    filled = conform(given, kind).to_pylist()[0]
    assert filled["interests"] is None
    assert filled["attributes"] is None


def test_a_column_that_is_null_throughout_fits_every_field():
    given = pa.StructArray.from_arrays(
        [pa.array(["x", "y"]), pa.nulls(2), pa.nulls(2), pa.nulls(2)], ["given_name", "address", "interests", "attributes"]
    )
    filled = conform(given, struct_type(ProfileUpdated)).to_pylist()
    assert [row["given_name"] for row in filled] == ["x", "y"]
    assert all(row[name] is None for row in filled for name in ("address", "interests", "attributes"))


def test_conforming_keeps_what_was_already_in_form():
    event = ProfileUpdated(
        given_name="Anna",
        birth_date=date(1980, 2, 29),
        address=Address(lines=["1 rue X"], city="Lyon"),
        attributes={"a": "b"},
        cleared=["mobile"],
    )
    array = to_arrow([event, None, event], struct_type(ProfileUpdated))
    assert conform(array, array.type).to_pylist() == array.to_pylist()


def test_a_space_of_any_alphabet_is_no_part_of_an_address():
    spaces = [chr(code) for code in range(0x3100) if chr(code).isspace()]
    assert len(spaces) > 20
    array = pa.array([{"email": f"a{space}b@example.com"} for space in spaces], struct_type(ProfileUpdated))
    assert broken_rows(faults(array, ProfileUpdated), len(array)).to_pylist() == [True] * len(spaces)
    assert not any(accepts({"email": f"a{space}b@example.com"}, ProfileUpdated) for space in spaces)
