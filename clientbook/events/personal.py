"""Who the customer is: people and companies, their accounts, identifiers, tags and notes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from clientbook.events.base import (
    PERSONAL,
    Code,
    Count,
    CustomerId,
    Day,
    Event,
    Language,
    LongText,
    Record,
    Text,
    doc,
    shaped,
)
from clientbook.i18n import N_

CollectedVia = Literal[
    "account",
    "checkout",
    "newsletter_form",
    "popup",
    "contest",
    "survey",
    "fair",
    "quote",
    "order_form",
    "appointment",
    "counter",
    "phone",
    "social",
    "referral",
    "rented_list",
    "bought_list",
    "scraped",
    "marketplace",
    "gift_recipient",
    "import",
]
"""Where a person's data first came from; the consent decision depends on it."""

IdentifierKind = Literal["email", "phone", "external"]

ProfileField = Literal[
    "civility",
    "given_name",
    "family_name",
    "sex",
    "birth_date",
    "birth_year",
    "email",
    "mobile",
    "landline",
    "address",
    "language",
    "occupation",
    "interests",
    "marital_status",
    "children",
    "legal_name",
    "sector",
    "headcount",
    "trade",
    "chain_position",
    "siren",
    "vat_id",
    "company_id",
]


class CustomerRegistered(Event, frozen=True, kw_only=True):
    """A person or a company entered the book."""

    kind: Annotated[Literal["person", "company"], doc("A person or a company.")]
    collected_via: Annotated[CollectedVia, doc("How the data were first collected.")]
    notice_id: Annotated[Code, doc("The wording shown at collection.")] | None = None
    list_id: Annotated[Code, doc("The rented or bought list the person came with.")] | None = None
    informed: Annotated[bool, doc("Whether the person was told at collection what the data are for.")] | None = None
    from_person: Annotated[bool, doc("Whether the data came from the person rather than somebody else.")] | None = None


class Address(Record, frozen=True, kw_only=True):
    """A postal address, kept as one value so that a move replaces it whole."""

    lines: Annotated[list[Text], PERSONAL, doc("Street lines, top to bottom.")] = []
    postal_code: Annotated[Text, PERSONAL, doc("Kept as text: leading zeros count.")] | None = None
    city: Annotated[Text, PERSONAL, doc("Town.")] | None = None
    region: Annotated[Text, PERSONAL, doc("Region, county or state.")] | None = None
    country: Annotated[Text, PERSONAL, doc("ISO 3166 code where known, else as the source names it.")] | None = None


class ProfileUpdated(Event, frozen=True, kw_only=True):
    """Facts about the customer changed; only what changed is present."""

    civility: Annotated[Text, PERSONAL, doc("M., Mme, …")] | None = None
    given_name: Annotated[Text, PERSONAL, doc("First name.")] | None = None
    family_name: Annotated[Text, PERSONAL, doc("Last name; the whole name where the source does not split it.")] | None = (
        None
    )
    sex: Annotated[Literal["female", "male", "other"], PERSONAL, doc("As stated by the person.")] | None = None
    birth_date: Annotated[Day, PERSONAL, doc("Day of birth.")] | None = None
    birth_year: Annotated[int, Meta(ge=1880, le=2200), PERSONAL, doc("Where only the year is known.")] | None = None
    email: (
        Annotated[str, shaped(r"^[^@\s]{1,64}@[^@\s]{1,190}\Z", N_("an e-mail address")), PERSONAL, doc("Contact e-mail.")]
        | None
    ) = None
    mobile: Annotated[Text, PERSONAL, doc("Mobile phone, E.164 where it could be normalised.")] | None = None
    landline: Annotated[Text, PERSONAL, doc("Fixed phone.")] | None = None
    address: Annotated[Address, doc("Postal address; replaces the one before.")] | None = None
    language: Annotated[Language, doc("Language to write in, as BCP 47.")] | None = None
    occupation: Annotated[Text, PERSONAL, doc("Profession.")] | None = None
    interests: Annotated[list[Text], PERSONAL, doc("What the customer says to like; replaces the list before.")] = []
    marital_status: Annotated[Text, PERSONAL, doc("As stated by the person.")] | None = None
    children: Annotated[int, Meta(ge=0, le=30), PERSONAL, doc("Number of children.")] | None = None
    legal_name: Annotated[Text, PERSONAL, doc("A company's registered name.")] | None = None
    sector: Annotated[Text, doc("A company's line of business.")] | None = None
    headcount: Annotated[Count, doc("A company's number of employees.")] | None = None
    trade: Annotated[Text, doc("A company's activity, as the trade register says it.")] | None = None
    chain_position: (
        Annotated[Literal["producer", "wholesaler", "retailer", "end_user"], doc("Place in the supply chain.")] | None
    ) = None
    siren: (
        Annotated[
            str,
            shaped(r"^[0-9]{9}([0-9]{5})?\Z", N_("a SIREN of 9 digits or a SIRET of 14")),
            PERSONAL,
            doc("SIREN or SIRET."),
        ]
        | None
    ) = None
    vat_id: (
        Annotated[
            str, shaped(r"^[A-Z]{2}[A-Z0-9]{2,14}\Z", N_("a VAT number such as FR12345678901")), PERSONAL, doc("VAT number.")
        ]
        | None
    ) = None
    company_id: Annotated[CustomerId, doc("The company this person is a contact of, itself a customer.")] | None = None
    attributes: Annotated[dict[str, str], PERSONAL, doc("Custom fields declared by the shop.")] = {}
    cleared: Annotated[list[ProfileField], doc("Fields emptied by this change.")] = []


class AccountOpened(Event, frozen=True, kw_only=True):
    """The customer opened an account at the shop."""

    external_id: Annotated[Code, PERSONAL, doc("The account's number at the source.")] | None = None
    form_id: Annotated[Code, doc("The form it was opened with.")] | None = None


class AccountClosed(Event, frozen=True, kw_only=True):
    """The account was closed."""

    external_id: Annotated[Code, PERSONAL, doc("The account's number at the source.")] | None = None
    reason: Annotated[Text, doc("Why.")] | None = None


class IdentifierLinked(Event, frozen=True, kw_only=True):
    """A way to recognise the customer became known."""

    kind: Annotated[IdentifierKind, doc("email, phone or external.")]
    value: Annotated[Text, PERSONAL, doc("Normalised: lower-case e-mail, E.164 phone, the source's own number.")]
    strength: Annotated[Literal["strong", "weak"], doc("Strong ones decide identity, weak ones only suggest.")] = "strong"


class IdentifierUnlinked(Event, frozen=True, kw_only=True):
    """An identifier was found not to be this customer's."""

    kind: Annotated[IdentifierKind, doc("email, phone or external.")]
    value: Annotated[Text, PERSONAL, doc("As it was linked.")]
    reason: Annotated[Text, doc("Why.")] | None = None


class CustomersMerged(Event, frozen=True, kw_only=True):
    """Several entries turned out to be one customer."""

    into: Annotated[CustomerId, doc("The entry that stays, itself a root.")]
    merged: Annotated[list[CustomerId], Meta(min_length=1), doc("Every id that now resolves to `into`, already resolved.")]
    reason: Annotated[Text, doc("Why.")] | None = None


class CustomersUnmerged(Event, frozen=True, kw_only=True):
    """A merge was undone; history was never rewritten, so each entry has its own again."""

    into: Annotated[CustomerId, doc("The entry they had been merged into.")]
    merged: Annotated[list[CustomerId], Meta(min_length=1), doc("The ids set free.")]
    roots: Annotated[list[CustomerId], Meta(min_length=1), doc("What each of `merged` resolves to again, in its order.")]
    reason: Annotated[Text, doc("Why.")] | None = None


class TagAdded(Event, frozen=True, kw_only=True):
    """Somebody put a tag on the customer."""

    tag: Annotated[Code, doc("A short label of the shop's own.")]


class TagRemoved(Event, frozen=True, kw_only=True):
    """Somebody took a tag off."""

    tag: Annotated[Code, doc("The label.")]


class NoteAdded(Event, frozen=True, kw_only=True):
    """Somebody wrote a note about the customer."""

    text: Annotated[LongText, PERSONAL, doc("The note.")]


EVENTS: tuple[type[Event], ...] = (
    CustomerRegistered,
    ProfileUpdated,
    AccountOpened,
    AccountClosed,
    IdentifierLinked,
    IdentifierUnlinked,
    CustomersMerged,
    CustomersUnmerged,
    TagAdded,
    TagRemoved,
    NoteAdded,
)
