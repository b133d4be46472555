"""The JSON Lines form of an event: one object a line, the same for import, append and export.

{"type": "order_placed", "occurred_at": "2026-03-01T10:00:00+01:00", "customer": {"email": "a@example.com"},
"source": "shop", "data": {"order_id": "1001", "total": "53.70", "currency": "EUR"}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from clientbook.errors import ClientbookError
from clientbook.events.base import (
    Code,
    CustomerId,
    Event,
    InstantOutOfRange,
    OutOfRange,
    Text,
    check_instant,
    expectation,
    unwrap,
)
from clientbook.events.registry import Registry
from clientbook.i18n import _


class InvalidEvent(ClientbookError, ValueError):
    """An event that breaks its declaration; the message names the field, never the value."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class CustomerRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a source names a customer: at least one of its identifiers."""

    email: Annotated[str, Meta(min_length=3, max_length=320)] | None = None
    phone: Annotated[str, Meta(min_length=3, max_length=60)] | None = None
    external: Code | None = None

    def __bool__(self) -> bool:
        return bool(self.email or self.phone or self.external)


class RawEnvelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line as it stands, its data not yet checked against the type."""

    type: Code
    occurred_at: Annotated[datetime, Meta(tz=True)]
    customer: CustomerId | CustomerRef | None = None
    source: Code = "hand"
    id: Code | None = None
    actor: Text | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    reject: msgspec.Raw = msgspec.field(name="_reject", default=msgspec.Raw(b"null"))
    """Why the line was set aside, in a rejects file; ignored when the corrected line is read."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event with everything around it, checked."""

    type: str
    occurred_at: datetime
    event: Event
    customer: str | CustomerRef | None = None
    source: str = "hand"
    id: str | None = None
    actor: str | None = None
    batch: str | None = None
    number_source: str | None = None
    """The plugin's kind that the number `customer.external` is of; None where it is the source's own."""


_encoder = msgspec.json.Encoder(decimal_format="string")
_decode_raw = msgspec.json.Decoder(RawEnvelope)


def decode_line(line: bytes | str, registry: Registry) -> Envelope:
    """Read one line.

    Raises:
        InvalidEvent: not JSON, an unknown type or field, or a value that breaks a constraint.
    """
    try:
        raw = _raw_decoder(tuple(registry.identifiers)).decode(line)
        check_instant("occurred_at", raw.occurred_at)
    except (msgspec.MsgspecError, UnicodeDecodeError, InstantOutOfRange) as error:
        raise _invalid(error, "$") from None
    kind = raw.type
    if kind not in registry:
        try:
            registry[kind]
        except LookupError as error:
            raise InvalidEvent(str(error), field="type") from None
    declared = registry[kind]
    try:
        event = msgspec.json.decode(raw.data, type=declared)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(error, "$.data", declared) from None
    customer, number_source = (raw.customer, None) if isinstance(raw.customer, str) else _named(raw.customer, registry)
    check_customer(kind, declared, has_customer=customer is not None)
    return Envelope(
        type=kind,
        occurred_at=raw.occurred_at,
        event=event,
        customer=customer,
        source=raw.source,
        id=raw.id,
        actor=raw.actor,
        number_source=number_source,
    )


def customer_ref(given: Mapping[str, str], registry: Registry) -> tuple[CustomerRef | None, str | None]:
    """The customer that identifiers by kind name, and whose number `external` is; None where none is filled.

    Raises:
        InvalidEvent: there is no such kind, or a value that is none of it.
    """
    try:
        ref = msgspec.convert({kind: one for kind, one in given.items() if one}, _ref_type(tuple(registry.identifiers)))
    except msgspec.ValidationError as error:
        raise _invalid(error, "$.customer") from None
    return _named(ref, registry)


@cache
def _ref_type(kinds: tuple[str, ...]) -> type[CustomerRef]:
    """`CustomerRef` with a field for each kind of number that plugins add."""
    if not kinds:
        return CustomerRef
    fields = [(f"kind_{place}", Code | None, msgspec.field(default=None, name=kind)) for place, kind in enumerate(kinds)]
    made: Any = msgspec.defstruct(
        "CustomerRef", fields, bases=(CustomerRef,), frozen=True, kw_only=True, forbid_unknown_fields=True
    )
    return cast("type[CustomerRef]", made)


@cache
def _raw_decoder(kinds: tuple[str, ...]) -> msgspec.json.Decoder[RawEnvelope]:
    if not kinds:
        return _decode_raw
    customer: Any = CustomerId | _ref_type(kinds) | None
    raw: Any = msgspec.defstruct(
        "RawEnvelope",
        [("customer", customer, None)],
        bases=(RawEnvelope,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(raw)


def _named(ref: CustomerRef | None, registry: Registry) -> tuple[CustomerRef | None, str | None]:
    """The reference with a number of a plugin's kind as `external`, in the form in which two are the same; and the kind."""
    if ref is None:
        return None, None
    filled = {kind: getattr(ref, f"kind_{place}", None) for place, kind in enumerate(registry.identifiers)}
    numbers = [(kind, value) for kind, value in filled.items() if value]
    if not numbers:
        return (ref, None) if ref else (None, None)
    if len(numbers) > 1 or ref.external:
        named = [*(["external"] if ref.external else []), *(kind for kind, _value in numbers)]
        said = _("a customer is named by one number; here are {kinds}").format(kinds=", ".join(named))
        raise InvalidEvent(said, field="$.customer")
    kind, value = numbers[0]
    form = registry.identifiers[kind](value)
    if not form:
        raise InvalidEvent(_("this is no {kind}").format(kind=kind), field=f"$.customer.{kind}")
    return CustomerRef(email=ref.email, phone=ref.phone, external=form), kind


def make(
    type: str,
    data: dict[str, Any],
    registry: Registry,
    *,
    occurred_at: datetime,
    customer: str | CustomerRef | None = None,
    source: str = "hand",
    actor: str | None = None,
    id: str | None = None,
    number_source: str | None = None,
) -> Envelope:
    """An event noted by hand or found by an importer, checked like any other. Entries of `data` that are None are left out.

    Raises:
        InvalidEvent: a value breaks a constraint.
    """
    declared = registry[type]
    check_customer(type, declared, has_customer=customer is not None)
    given = {name: value for name, value in data.items() if value is not None}
    try:
        event = msgspec.convert(given, declared)
        check_instant("occurred_at", occurred_at)
    except InstantOutOfRange as error:
        raise InvalidEvent(str(error), field="$.occurred_at") from None
    except msgspec.ValidationError as error:
        fault = _invalid(error, "$.data", declared)
        raise InvalidEvent(f"{fault.field.removeprefix('$.data').lstrip('.') or type}: {fault}", field=fault.field) from None
    return Envelope(
        type=type,
        occurred_at=occurred_at,
        event=event,
        customer=customer,
        source=source,
        id=id,
        actor=actor,
        number_source=number_source,
    )


def check_customer(kind: str, declared: type[Event], *, has_customer: bool) -> None:
    """Raise `InvalidEvent` when the event names a customer and must not, or must and does not."""
    if declared.customer == "required" and not has_customer:
        raise InvalidEvent(
            _('{kind} needs a customer: an id, or identifiers such as {{"email": …}}').format(kind=kind), field="customer"
        )
    if declared.customer == "none" and has_customer:
        raise InvalidEvent(_("{kind} is about the book and names no customer").format(kind=kind), field="customer")


def encode_line(fields: dict[str, Any]) -> bytes:
    """One line of JSON, without its line break. `fields` are in the order of the documented form."""
    return _encoder.encode(fields)


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")


def _invalid(error: Exception, root: str, declared: type[Event] | None = None) -> InvalidEvent:
    """A decoding error as ours: the path of the field, rooted at the line, and no value."""
    message, _at, path = str(error).partition(" - at `")
    path = path.rstrip("`") or "$"
    out_of_range = error if isinstance(error, OutOfRange) else error.__cause__
    if isinstance(out_of_range, OutOfRange):
        message, path = out_of_range.expected, f"{path}.{out_of_range.field}"
    elif missing := _MISSING.match(message):
        message = _("the field {field} is missing").format(field=missing[1])
    elif unknown := _UNKNOWN.match(message):
        message = _("there is no field {field}").format(field=unknown[1])
    elif message.startswith("Invalid RFC3339 encoded date"):
        message = _("expected a date such as 2026-03-31, or a time such as 2026-03-31T18:00:00+02:00")
    elif message.startswith(("Invalid enum value", "Expected `str` matching regex")):
        # The decoder goes on with the value, which may be personal, or with a pattern that helps nobody.
        message = _expected(declared, path) or _("expected one of the values that the field lists")
    return InvalidEvent(message, field=root + path.removeprefix("$") if root != "$" else path)


def _expected(declared: type[msgspec.Struct] | None, path: str) -> str:
    """What the field at a path such as `$.lines[0].kind` takes, in words."""
    if declared is None:
        return ""
    kind: msgspec.inspect.Type = msgspec.inspect.type_info(declared)
    extra: dict[str, Any] = {}
    for step in re.findall(r"\w+|\[[^\]]*\]", path.removeprefix("$")):
        if isinstance(kind, msgspec.inspect.StructType):
            kind, extra = unwrap(next(field.type for field in kind.fields if field.encode_name == step))
        elif isinstance(kind, msgspec.inspect.ListType):
            kind, extra = unwrap(kind.item_type)
        else:
            return ""
    return expectation(kind, extra)
