"""What the shop did to its customers: mailings, calls, meetings, visits, vouchers, exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from clientbook.events.base import (
    PERSONAL,
    Code,
    Count,
    CustomerRule,
    Event,
    Instant,
    LongText,
    Percent,
    Price,
    Record,
    Sha256,
    Text,
    Word,
    doc,
)

Direction = Literal["outbound", "inbound"]


class MessageSent(Event, frozen=True, kw_only=True):
    """The shop sent a message."""

    channel: Annotated[Literal["email", "sms", "post", "push", "social"], doc("By what means.")]
    purpose: Annotated[Word, doc("What it was for: newsletter, own_offers, order_service, …")]
    campaign: Annotated[Code, doc("The mailing it belongs to.")] | None = None
    message_profile: Annotated[Code, doc("The message profile of book.toml it was decided under.")] | None = None
    subject: Annotated[Text, doc("Subject line, without personal data.")] | None = None
    manifest: Annotated[Code, doc("The audience export it was sent to.")] | None = None


class CallMade(Event, frozen=True, kw_only=True):
    """A telephone call, made or taken."""

    direction: Annotated[Direction, doc("Who called: outbound is the shop.")] = "outbound"
    outcome: (
        Annotated[
            Literal["reached", "no_answer", "voicemail", "callback", "sale", "refused", "wrong_number"], doc("How it ended.")
        ]
        | None
    ) = None
    duration_seconds: Annotated[Count, doc("Length.")] | None = None
    summary: Annotated[LongText, PERSONAL, doc("What was said.")] | None = None


class MeetingHeld(Event, frozen=True, kw_only=True):
    """A meeting with the customer."""

    direction: Annotated[Direction, doc("Who asked for it.")] | None = None
    outcome: Annotated[Text, doc("What came of it.")] | None = None
    place: Annotated[Text, doc("Where: shop, fair, video.")] | None = None
    duration_seconds: Annotated[Count, doc("Length.")] | None = None
    summary: Annotated[LongText, PERSONAL, doc("What was said.")] | None = None


class VisitMade(Event, frozen=True, kw_only=True):
    """A seller visited the customer."""

    direction: Annotated[Direction, doc("Who asked for it.")] | None = None
    outcome: Annotated[Text, doc("What came of it.")] | None = None
    place: Annotated[Text, doc("Where.")] | None = None
    duration_seconds: Annotated[Count, doc("Length.")] | None = None
    summary: Annotated[LongText, PERSONAL, doc("What was said.")] | None = None


class SocialInteraction(Event, frozen=True, kw_only=True):
    """An exchange on a social network."""

    network: Annotated[Word, doc("instagram, facebook, …")]
    kind: Annotated[Word, doc("message, comment, mention, …")] | None = None
    direction: Annotated[Direction, doc("Who wrote first.")] | None = None
    summary: Annotated[LongText, PERSONAL, doc("What was said.")] | None = None


class VoucherIssued(Event, frozen=True, kw_only=True):
    """The shop gave the customer a voucher."""

    natural_key: ClassVar[tuple[str, ...]] = ("voucher_id",)
    voucher_id: Annotated[Code, doc("Its number.")]
    amount: Annotated[Price, doc("Worth, in the book's currency.")] | None = None
    percent: Annotated[Percent, doc("Or a share of the basket.")] | None = None
    reason: Annotated[Word, doc("birthday, apology, loyalty, …")] | None = None
    expires_at: Annotated[Instant, doc("Last moment it is good.")] | None = None


class VoucherRedeemed(Event, frozen=True, kw_only=True):
    """The customer used a voucher."""

    natural_key: ClassVar[tuple[str, ...]] = ("voucher_id",)
    voucher_id: Annotated[Code, doc("Its number.")]
    amount: Annotated[Price, doc("What it took off.")] | None = None
    percent: Annotated[Percent, doc("Or the share it took off.")] | None = None
    order_id: Annotated[Code, doc("The order it was used on.")] | None = None


class Manifest(Record, frozen=True, kw_only=True):
    """What was exported, to whom and under which rule: enough to make the same bytes again."""

    manifest_id: Annotated[Code, doc("Its number.")]
    destination: Annotated[Code, doc("The mailing tool or file format.")]
    rule: Annotated[LongText, doc("The segment rule or filter.")]
    rule_version: Annotated[Code, doc("Version of the segment.")] | None = None
    as_of: Annotated[datetime, Meta(tz=True), doc("The moment the audience was computed for.")] | None = None
    known_at: Annotated[datetime, Meta(tz=True), doc("What was recorded by then.")] | None = None
    policy: Annotated[Sha256, doc("Digest of the consent policy in force.")] | None = None
    counts: Annotated[dict[str, int], doc("Included, and excluded by reason code.")] = {}
    digest: Annotated[Sha256, doc("Of the exported bytes.")] | None = None
    campaign: Annotated[Code, doc("The mailing it is for; results join by it.")] | None = None
    channel: Annotated[Word, doc("By what means it is sent.")] | None = None
    purpose: Annotated[Word, doc("What for.")] | None = None
    message: Annotated[Code, doc("The message profile of book.toml it was decided under.")] | None = None
    profile: Annotated[LongText, doc("What that profile said, as JSON.")] | None = None
    segment_id: Annotated[Code, doc("The segment, where the rule is one's.")] | None = None
    parameters: Annotated[dict[str, str], doc("Values of the rule's parameters.")] = {}
    columns: Annotated[list[Code], doc("Columns of customers beside those that every audience has.")] = []
    position: Annotated[Count, doc("The last event that was known.")] | None = None
    rule_pack: Annotated[Code, doc("The rules of law that applied.")] | None = None
    destination_version: Annotated[Code, doc("Version of the plugin that wrote the file.")] | None = None
    table_digest: Annotated[Sha256, doc("Of the exported rows, whatever the form of the file.")] | None = None


class AudienceExported(Event, frozen=True, kw_only=True):
    """A list of customers left the book."""

    customer: ClassVar[CustomerRule] = "none"
    manifest: Annotated[Manifest, doc("What was exported.")]


EVENTS: tuple[type[Event], ...] = (
    MessageSent,
    CallMade,
    MeetingHeld,
    VisitMade,
    SocialInteraction,
    VoucherIssued,
    VoucherRedeemed,
    AudienceExported,
)
