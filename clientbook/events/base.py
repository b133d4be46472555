"""What every event is made of: the base Structs, the constrained field types and the marks on fields.

An event is declared once, as a frozen `msgspec.Struct`. Validation, JSON form, Parquet column, personal fields and
documentation are read from that declaration. msgspec's constructors do not validate: decode or convert at the edge.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from clientbook.i18n import N_, _

AMOUNT_SCALE: Final = 4
"""Digits kept after the decimal point of an amount."""

AMOUNT_LIMIT: Final = Decimal(10) ** 14
"""Amounts are smaller than this in absolute value: decimal128(18, 4)."""

CustomerRule = Literal["required", "optional", "none"]


def doc(text: str) -> Meta:
    """Describe a field, for the generated catalogue."""
    return Meta(description=text)


def shaped(pattern: str, expected: str) -> Meta:
    """A text of this form. `expected` says in words, as a msgid, what that is."""
    return Meta(pattern=pattern, extra={"expected": expected})


PERSONAL: Final = Meta(extra={"personal": True})
"""Marks a field that erasure removes."""

Text = Annotated[str, Meta(min_length=1, max_length=500)]
LongText = Annotated[str, Meta(min_length=1, max_length=20_000)]
Code = Annotated[str, Meta(min_length=1, max_length=120)]
"""An identifier that some shop or tool gave: order number, sku, campaign."""
Word = Annotated[str, shaped(r"^[a-z][a-z0-9_]{0,59}\Z", N_("a lower-case word such as own_offers"))]
"""A lower-case term: a purpose, a list, a form."""
Currency = Annotated[str, shaped(r"^[A-Z]{3}\Z", N_("a currency code such as EUR"))]
Sha256 = Annotated[str, shaped(r"^[0-9a-f]{64}\Z", N_("a SHA-256 digest of 64 digits"))]
CustomerId = Annotated[str, shaped(r"^[0-9a-z][0-9a-z_-]{3,63}\Z", N_("a customer id"))]
Language = Annotated[str, shaped(r"^[a-z]{2,3}(-[A-Z]{2})?\Z", N_("a language such as fr or fr-BE"))]
Amount = Annotated[Decimal, Meta(extra={"decimal": True})]
Price = Annotated[Decimal, Meta(extra={"decimal": True, "minimum": Decimal(0)})]
Percent = Annotated[Decimal, Meta(extra={"decimal": True, "minimum": Decimal(0), "maximum": Decimal(100)})]
Instant = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Day = date


class OutOfRange(ValueError):
    """A value that its Parquet column or its field's bounds cannot hold; the message names the field, never the value."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


class AmountOutOfRange(OutOfRange):
    """A decimal that does not fit decimal128(18, 4) or its field's bounds."""


class InstantOutOfRange(OutOfRange):
    """A time that in UTC lies before the year 1 or after 9999."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A group of fields inside an event. Decimals and times are checked when it is decoded or converted."""

    def __post_init__(self) -> None:
        for name, minimum, maximum in decimal_fields(type(self)):
            check_decimal(name, getattr(self, name), minimum, maximum)
        for name in instant_fields(type(self)):
            check_instant(name, getattr(self, name))


class Event(Record, frozen=True, kw_only=True):
    """Something that happened. A subclass's name in snake case is its type; its docstring is its summary."""

    customer: ClassVar[CustomerRule] = "required"
    """Whether the event names a customer."""

    natural_key: ClassVar[tuple[str, ...]] = ()
    """Fields that, with source and type, identify the event where the source has a number of its own for it."""


def check_decimal(name: str, value: Any, minimum: Decimal | None, maximum: Decimal | None) -> None:
    """Raise `AmountOutOfRange` unless `value` is None or a decimal that fits the field."""
    if not isinstance(value, Decimal):
        return
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or (value and value.adjusted() >= 18) or abs(value) >= AMOUNT_LIMIT:
        raise AmountOutOfRange(name, _("expected a finite amount below 10^14"))
    if exponent < -AMOUNT_SCALE and value != round(value, AMOUNT_SCALE):
        raise AmountOutOfRange(name, _("expected at most {amount_scale} decimals").format(amount_scale=AMOUNT_SCALE))
    if minimum is not None and value < minimum:
        raise AmountOutOfRange(name, _("expected at least {minimum}").format(minimum=minimum))
    if maximum is not None and value > maximum:
        raise AmountOutOfRange(name, _("expected at most {maximum}").format(maximum=maximum))


def check_instant(name: str, value: Any) -> None:
    """Raise `InstantOutOfRange` unless `value` is None or a time that has a form in UTC."""
    if isinstance(value, datetime):
        try:
            value.astimezone(UTC)
        except OverflowError:
            raise InstantOutOfRange(name, _("expected a time between the years 1 and 9999 in UTC")) from None


@cache
def decimal_fields(record: type[Record]) -> tuple[tuple[str, Decimal | None, Decimal | None], ...]:
    """Name, minimum and maximum of each decimal field of a Struct."""
    found = []
    for field in msgspec.inspect.type_info(record).fields:  # type: ignore[attr-defined]  # always a StructType
        plain, extra = unwrap(field.type)
        if isinstance(plain, msgspec.inspect.DecimalType):
            found.append((field.name, extra.get("minimum"), extra.get("maximum")))
    return tuple(found)


@cache
def instant_fields(record: type[Record]) -> tuple[str, ...]:
    """Name of each field of a Struct that holds a moment."""
    fields = msgspec.inspect.type_info(record).fields  # type: ignore[attr-defined]  # always a StructType
    return tuple(field.name for field in fields if isinstance(unwrap(field.type)[0], msgspec.inspect.DateTimeType))


def unwrap(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, dict[str, Any]]:
    """Strip optionality and annotations: the plain msgspec type and its merged marks (`personal`, `minimum`, …).

    Raises:
        TypeError: the type is a union of several kinds, which has no single Parquet column.
    """
    extra: dict[str, Any] = {}
    while True:
        if isinstance(kind, msgspec.inspect.Metadata):
            extra |= kind.extra or {}
            if kind.extra_json_schema and "description" in kind.extra_json_schema:
                extra["description"] = kind.extra_json_schema["description"]
            kind = kind.type
        elif isinstance(kind, msgspec.inspect.UnionType):
            inner = [part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)]
            if len(inner) != 1:
                raise TypeError("an event field holds one type, or that type or None")
            kind = inner[0]
        else:
            return kind, extra


def expectation(plain: msgspec.inspect.Type, extra: dict[str, Any]) -> str:
    """What a field of this type takes, in words; empty where its type says it all."""
    if isinstance(plain, msgspec.inspect.LiteralType):
        return _("expected one of {values}").format(values=", ".join(sorted(map(str, plain.values))))
    if "expected" in extra:
        return _("expected {what}").format(what=_(extra["expected"]))
    return ""


def type_name(event: type[Event]) -> str:
    """The event type of a class: `OrderPlaced` is `order_placed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
