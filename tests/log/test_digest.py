"""The canonical text of a row: the same for the same facts, another for others, whatever columns are added later."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from clientbook.events.arrow import conform, struct_type
from clientbook.events.reactions import OrderPlaced
from clientbook.events.registry import Registry
from clientbook.log.digest import GENESIS, canonical, chain, contents, row_digests
from clientbook.testing.rows import Row, event_id, log_rows, tag

INNER = pa.struct([("a", pa.string()), ("b", pa.string()), ("n", pa.int64())])
ROW = pa.struct(
    [
        ("a", pa.string()),
        ("b", pa.string()),
        ("amount", pa.decimal128(18, 4)),
        ("at", pa.timestamp("us", "UTC")),
        ("bytes", pa.binary(2)),
        ("day", pa.date32()),
        ("flag", pa.bool_()),
        ("inner", INNER),
        ("lines", pa.list_(INNER)),
        ("map", pa.map_(pa.string(), pa.string())),
        ("n", pa.int64()),
        ("words", pa.list_(pa.string())),
    ]
)

TEXT = st.text("01:;=~{}[]<>ab\x00é", max_size=4) | st.sampled_from(["~", "a=1:b", "1:a", "0:", "{}", "[]", "a=0:b=0:", "é"])
INNERS = st.fixed_dictionaries({"a": st.none() | TEXT, "b": st.none() | TEXT, "n": st.none() | st.integers(-2, 12)})
SMALL = {
    "a": TEXT,
    "b": TEXT,
    "amount": st.integers(-30000, 30000).map(lambda units: Decimal(units).scaleb(-4)),
    "at": st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    "bytes": st.binary(min_size=2, max_size=2),
    "day": st.dates(date(1, 1, 1), date(2100, 1, 1)),
    "flag": st.booleans(),
    "inner": INNERS,
    "lines": st.lists(st.none() | INNERS, max_size=2),
    "map": st.dictionaries(TEXT, st.none() | TEXT, max_size=2).map(lambda pairs: sorted(pairs.items())),
    "n": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 12),
    "words": st.lists(st.none() | TEXT, max_size=3),
}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    used = draw(st.sets(st.sampled_from(sorted(SMALL)), max_size=4))
    return {name: draw(SMALL[name]) if name in used else None for name in SMALL}


@settings(max_examples=60, deadline=None)
@given(st.lists(rows(), min_size=2, max_size=25))
def test_two_rows_have_the_same_text_only_if_they_say_the_same(many: list[dict[str, Any]]):
    texts = canonical(pa.array(many, ROW)).to_pylist()
    said: dict[bytes, str] = {}
    for row, text in zip(many, texts, strict=True):
        assert said.setdefault(text, repr(row)) == repr(row)
    assert len(set(texts)) == len({repr(row) for row in many})


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT, min_size=2, max_size=6), st.integers(1, 5), st.integers(1, 5))
def test_text_moved_over_a_border_is_another_row(parts: list[str], one: int, other: int):
    """The same characters, split differently between items, fields and keys."""
    splits = {(tuple(parts[:cut]), tuple(parts[cut:])) for cut in (one, other)}
    forms = [
        {"words": ["".join(left), "".join(right)]} for left, right in splits
    ] + [{"a": "".join(left), "b": "".join(right)} for left, right in splits] + [
        {"map": [("".join(left), "".join(right))]} for left, right in splits
    ]  # fmt: skip
    texts = canonical(pa.array(forms, ROW)).to_pylist()
    assert len(set(texts)) == len({repr(form) for form in forms})


def test_values_that_are_easily_confused_have_different_texts():
    forms: list[dict[str, Any]] = [
        {},
        {"a": ""},
        {"b": ""},
        {"a": "~"},
        {"words": []},
        {"words": [None]},
        {"words": [""]},
        {"words": ["~"]},
        {"words": [None, None]},
        {"words": ["", ""]},
        {"words": ["1:a1:b"]},
        {"words": ["a", "b"]},
        {"words": ["a1:b"]},
        {"map": []},
        {"map": [("", "")]},
        {"map": [("a", None)]},
        {"map": [("a", "")]},
        {"map": [("a", "~")]},
        {"map": [("a", "b")]},
        {"map": [("b", "a")]},
        {"inner": {}},
        {"inner": {"a": ""}},
        {"inner": {"a": "", "b": ""}},
        {"inner": {"a": "b=0:"}},
        {"lines": []},
        {"lines": [None]},
        {"lines": [{}]},
        {"lines": [{}, {}]},
        {"lines": [{"a": "x"}, {"b": "y"}]},
        {"lines": [{"a": "x", "b": "y"}]},
        {"amount": Decimal(0)},
        {"amount": Decimal("-0.0001")},
        {"amount": Decimal("0.0001")},
        {"amount": Decimal("-1")},
        {"amount": Decimal(1)},
        {"amount": Decimal(10)},
        {"n": 1},
        {"n": -1},
        {"n": 10},
        {"flag": True},
        {"flag": False},
        {"day": date(1969, 12, 31)},
        {"day": date(1970, 1, 1)},
        {"day": date(1970, 1, 2)},
        {"at": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
        {"at": datetime(1970, 1, 1, tzinfo=UTC)},
        {"at": datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)},
        {"a": "e\u0301"},
        {"a": "\u00e9"},
    ]
    texts = canonical(pa.array(forms, ROW)).to_pylist()
    assert None not in texts
    assert len(set(texts)) == len(forms)


def test_the_text_is_as_the_file_format_says():
    row = {
        "a": "é:;", "amount": Decimal("-1.5"), "at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), "bytes": b"\x00\xff",
        "day": date(1969, 12, 31), "flag": True, "inner": {"b": ""}, "lines": [{"n": 1}, None, {}], "map": [("k", "v")],
        "n": -7, "words": ["x", None, ""],
    }  # fmt: skip
    assert canonical(pa.array([row, None], ROW)).to_pylist() == [
        b"{a=4:\xc3\xa9:;amount=-1.5000;at=-1000000;bytes=2:\x00\xffday=-1;flag=true;inner={b=0:}lines=[{n=1;}~{}]"
        b"map=<1:k1:v>n=-7;words=[1:x~0:]}",
        None,
    ]


def test_a_digest_is_as_the_file_format_says():
    one = sha256(b"s" * 16 + b"{position=1;tag_added={tag=1:x}type=9:tag_added}").digest()
    two = sha256(b"{note_added={text=1:y}position=2;type=10:note_added}").digest()
    table = pa.table(
        {
            "position": [1, 2],
            "type": ["tag_added", "note_added"],
            "salt": pa.array([b"s" * 16, None], pa.binary(16)),
            "tag_added": pa.array([{"tag": "x"}, None]),
            "note_added": pa.array([None, {"text": "y"}]),
        }
    )
    assert row_digests(table) == [one, two]
    assert chain(GENESIS, [one, two]) == sha256(GENESIS + sha256(one + two).digest()).digest()
    long = [one] * 1025
    blocks = sha256(b"".join(long[:1024])).digest() + sha256(one).digest()
    assert chain(two, long) == sha256(two + blocks).digest()


def test_a_column_or_a_field_that_is_added_later_changes_no_digest():
    rows = log_rows(
        [tag("a"), Row(type="order_placed", data={"order_id": "1", "total": 1, "currency": "EUR", "lines": [{"sku": "x"}]})]
    )
    rows = rows.append_column("salt", pa.array([b"s" * 16] * 2, pa.binary(16)))
    before, said = row_digests(rows), contents(rows).to_pylist()
    for name, event in Registry().items():
        if name not in rows.schema.names:
            rows = rows.append_column(name, pa.nulls(2, struct_type(event)))
    assert row_digests(rows) == before
    kind = struct_type(OrderPlaced)
    line = pa.struct([pa.field("colour", pa.string()), *kind.field("lines").type.value_type])
    wider = pa.struct(
        [pa.field("lines", pa.list_(line)) if field.name == "lines" else field for field in kind] + [("zip", pa.int64())]
    )
    place = rows.schema.get_field_index("order_placed")
    rows = rows.set_column(place, "order_placed", conform(rows["order_placed"].combine_chunks(), wider))
    assert row_digests(rows) == before
    assert contents(rows).to_pylist() == said
    assert row_digests(rows.select(sorted(rows.schema.names))) == before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | rows(), min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 5))
def test_a_row_has_the_same_text_in_any_slice(many: list[dict[str, Any] | None], start: int, length: int):
    array = pa.array(many, ROW)
    whole = canonical(array).to_pylist()
    assert canonical(array.slice(start, length)).to_pylist() == whole[start : start + length]
    assert [canonical(array.slice(place, 1))[0].as_py() for place in range(len(many))] == whole


def test_what_an_event_says_leaves_out_who_it_was_resolved_to_and_when_it_was_recorded():
    one = log_rows([tag("a", id=event_id("x"), customer_id="anna", batch="1")])
    other = log_rows([tag("a", id=event_id("y"), customer_id=None, batch=None)])
    assert contents(one).to_pylist() == contents(other).to_pylist()
    assert contents(one).to_pylist() != contents(log_rows([tag("a", actor="seller")])).to_pylist()


def test_no_rows_have_no_digests():
    assert row_digests(log_rows([]).append_column("salt", pa.array([], pa.binary(16)))) == []
