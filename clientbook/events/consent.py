"""What may be sent to whom, and what proves it: notices, lists, consents, objections, suppressions, requests."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from clientbook.events.base import (
    PERSONAL,
    Code,
    CustomerRule,
    Day,
    Event,
    Instant,
    Language,
    LongText,
    Sha256,
    Text,
    Word,
    doc,
)

Channel = Literal["email", "sms", "push", "phone", "auto_call", "post", "ad_audience"]
OptInLevel = Literal["SINGLE_OPT_IN", "CONFIRMED_OPT_IN", "UNKNOWN"]
Purposes = Annotated[list[Word], Meta(min_length=1), doc("What for: newsletter, own_offers, partner_offers, …")]


class NoticePublished(Event, frozen=True, kw_only=True):
    """A wording that people are shown when their data are collected."""

    customer: ClassVar[CustomerRule] = "none"
    natural_key: ClassVar[tuple[str, ...]] = ("notice_id", "version", "language")
    notice_id: Annotated[Code, doc("Its name.")]
    version: Annotated[Code, doc("Its version.")]
    language: Annotated[Language, doc("Its language, as BCP 47.")]
    text: Annotated[LongText, doc("The full wording.")]
    sha256: Annotated[Sha256, doc("Digest of the wording's UTF-8 bytes.")]
    purposes: Annotated[list[Word], doc("Purposes it names.")] = []
    controllers: Annotated[list[Text], doc("Who it names as responsible.")] = []


class ListAcquired(Event, frozen=True, kw_only=True):
    """The shop rented or bought a list of addresses."""

    customer: ClassVar[CustomerRule] = "none"
    natural_key: ClassVar[tuple[str, ...]] = ("list_id",)
    list_id: Annotated[Code, doc("Its name.")]
    supplier: Annotated[Text, doc("Who sold it.")]
    kind: Annotated[Literal["rented", "bought"], doc("Rented or bought.")] | None = None
    proof: Annotated[LongText, doc("What shows that the people on it agreed.")] | None = None
    names_us: Annotated[bool, doc("Whether our name stood in the wording they agreed to.")] | None = None
    art14_given: Annotated[bool, doc("Whether they were told where their data came from (GDPR article 14).")] | None = None
    licence_until: Annotated[Day, doc("Last day of the licence.")] | None = None


class ConsentAct(Event, frozen=True, kw_only=True):
    """What every act of consent records. Not an event by itself."""

    channel: Annotated[Channel, doc("By what means the shop may write.")]
    purposes: Purposes
    address: Annotated[Text, PERSONAL, doc("The address it is about; a new address starts without consent.")] | None = None
    notice_id: Annotated[Code, doc("The wording shown.")] | None = None
    notice_version: Annotated[Code, doc("Its version.")] | None = None
    surface: (
        Annotated[Word, doc("Where: checkout, footer, popup, store_paper, phone_script, contest, preference_centre, …")]
        | None
    ) = None
    method: (
        Annotated[Word, doc("How: checkbox, signature, oral_recording, double_opt_in, one_click_post, link, reply_stop, …")]
        | None
    ) = None
    opt_in_level: Annotated[OptInLevel, doc("Single, confirmed by a second act, or unknown.")] | None = None
    box_default: Annotated[Literal["unticked", "ticked", "none"], doc("How the box stood.")] | None = None
    bundled: Annotated[bool, doc("Whether it was tied to something else, which makes it void.")] | None = None
    url: Annotated[LongText, doc("Page of the form.")] | None = None
    form_id: Annotated[Code, doc("Which form.")] | None = None
    ip_truncated: Annotated[Text, PERSONAL, doc("Network part of the IP address: /24 or /48.")] | None = None
    evidence_sha256: Annotated[Sha256, doc("Digest of a document kept elsewhere.")] | None = None
    parental: Annotated[bool, doc("Whether a parent agreed too.")] | None = None
    undated: Annotated[bool, doc("Whether the source gave no date, and the time is that of the import.")] | None = None
    valid_until: Annotated[Instant, doc("When it ends by itself.")] | None = None
    recorded_by: Annotated[Text, doc("Role of who noted it.")] | None = None
    reason: Annotated[Text, doc("Why, where there is one.")] | None = None


class ConsentRequested(ConsentAct, frozen=True, kw_only=True):
    """The customer was asked, or a confirmation mail was sent. It changes nothing either way."""

    confirmation: Annotated[bool, doc("Whether this is the confirmation mail of a double opt-in.")] | None = None


class ConsentGiven(ConsentAct, frozen=True, kw_only=True):
    """The customer agreed."""


class ConsentConfirmed(ConsentAct, frozen=True, kw_only=True):
    """The customer confirmed through the mail: double opt-in."""


class ConsentRenewed(ConsentAct, frozen=True, kw_only=True):
    """The customer agreed again."""


class ConsentRefused(ConsentAct, frozen=True, kw_only=True):
    """The customer was asked and said no."""


class ConsentWithdrawn(ConsentAct, frozen=True, kw_only=True):
    """The customer took consent back."""


class ConsentInvalidated(ConsentAct, frozen=True, kw_only=True):
    """The consent was found to be void: pre-ticked, bundled, faked."""


class OptOutOffered(Event, frozen=True, kw_only=True):
    """At collection, the customer was offered to refuse mailings about similar products."""

    channel: Annotated[Channel, doc("By what means.")]
    ticked: Annotated[bool, doc("Whether the customer refused.")]
    order_id: Annotated[Code, doc("The order it happened at.")] | None = None
    notice_id: Annotated[Code, doc("The wording shown.")] | None = None


class ObjectionRaised(Event, frozen=True, kw_only=True):
    """The customer objects to being approached."""

    scope: Annotated[Literal["all", "channel", "purpose"], doc("How far it reaches.")]
    channel: Annotated[Channel, doc("The channel, where the scope is one.")] | None = None
    purpose: Annotated[Word, doc("The purpose, where the scope is one.")] | None = None
    method: Annotated[Word, doc("How it reached the shop.")] | None = None


class ObjectionLifted(Event, frozen=True, kw_only=True):
    """The customer took the objection back. Only the customer can."""

    scope: Annotated[Literal["all", "channel", "purpose"], doc("How far it reached.")]
    channel: Annotated[Channel, doc("The channel, where the scope was one.")] | None = None
    purpose: Annotated[Word, doc("The purpose, where the scope was one.")] | None = None
    method: Annotated[Word, doc("How it reached the shop.")] | None = None


class AddressSuppressed(Event, frozen=True, kw_only=True):
    """Nothing may go to this address any more."""

    customer: ClassVar[CustomerRule] = "optional"
    channel: Annotated[Channel, doc("What kind of address.")]
    cause: Annotated[Literal["bounce", "complaint", "request", "list"], doc("Why.")]
    address: Annotated[Text, PERSONAL, doc("The address.")] | None = None
    keyed_hash: Annotated[Sha256, doc("Keyed hash of the normalised address, which outlives erasure.")] | None = None


class SuppressionLifted(Event, frozen=True, kw_only=True):
    """The address works again."""

    customer: ClassVar[CustomerRule] = "optional"
    channel: Annotated[Channel, doc("What kind of address.")]
    address: Annotated[Text, PERSONAL, doc("The address.")] | None = None
    keyed_hash: Annotated[Sha256, doc("Keyed hash of the normalised address.")] | None = None
    reason: Annotated[Text, doc("Why.")] | None = None


class DoNotCallChecked(Event, frozen=True, kw_only=True):
    """A do-not-call register was looked up."""

    register: Annotated[Word, doc("Which register.")]
    listed: Annotated[bool, doc("Whether the number stood in it.")]
    checked_at: Annotated[Instant, doc("When the register was looked up.")] | None = None


class CallRefused(Event, frozen=True, kw_only=True):
    """The customer asked on the phone not to be called again for now."""

    reason: Annotated[Text, doc("What was said, in a word.")] | None = None


class ProcessingRestricted(Event, frozen=True, kw_only=True):
    """The customer's data may only be kept, not used (GDPR article 18)."""

    ground: Annotated[Text, doc("On what ground.")] | None = None


class RestrictionLifted(Event, frozen=True, kw_only=True):
    """The restriction ended."""

    ground: Annotated[Text, doc("On what ground.")] | None = None


class DeathReported(Event, frozen=True, kw_only=True):
    """The customer died."""

    ground: Annotated[Text, doc("Who said so.")] | None = None


class AccessRequested(Event, frozen=True, kw_only=True):
    """The customer asked what the shop holds."""

    due_at: Annotated[Instant, doc("When the answer is due.")] | None = None
    ground: Annotated[Text, doc("What was asked, in a word.")] | None = None
    extends: Annotated[bool, doc("Whether it only gives the open request a later date; the ground says why.")] | None = None


class AccessAnswered(Event, frozen=True, kw_only=True):
    """The shop answered."""

    due_at: Annotated[Instant, doc("When the answer had been due.")] | None = None
    ground: Annotated[Text, doc("What was sent, in a word.")] | None = None


class ErasureRequested(Event, frozen=True, kw_only=True):
    """The customer asked to be forgotten."""

    due_at: Annotated[Instant, doc("When it is due.")] | None = None
    ground: Annotated[Text, doc("On what ground.")] | None = None
    extends: Annotated[bool, doc("Whether it only gives the open request a later date; the ground says why.")] | None = None


class ErasureRefused(Event, frozen=True, kw_only=True):
    """The shop has a duty to keep the data, and said so."""

    due_at: Annotated[Instant, doc("When the answer had been due.")] | None = None
    ground: Annotated[Text, doc("On what ground.")] | None = None


class CustomerErased(Event, frozen=True, kw_only=True):
    """A customer was forgotten. It says which entry of the erasure ledger, and nothing of whom."""

    customer: ClassVar[CustomerRule] = "none"
    natural_key: ClassVar[tuple[str, ...]] = ("ledger_number",)
    ledger_number: Annotated[int, Meta(ge=1, le=2**53), doc("Entry of the erasure ledger.")]


EVENTS: tuple[type[Event], ...] = (
    NoticePublished,
    ListAcquired,
    ConsentRequested,
    ConsentGiven,
    ConsentConfirmed,
    ConsentRenewed,
    ConsentRefused,
    ConsentWithdrawn,
    ConsentInvalidated,
    OptOutOffered,
    ObjectionRaised,
    ObjectionLifted,
    AddressSuppressed,
    SuppressionLifted,
    DoNotCallChecked,
    CallRefused,
    ProcessingRestricted,
    RestrictionLifted,
    DeathReported,
    AccessRequested,
    AccessAnswered,
    ErasureRequested,
    ErasureRefused,
    CustomerErased,
)
