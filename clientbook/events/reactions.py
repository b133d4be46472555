"""What customers did: orders, refunds, carts, quotes, answers, clicks, visits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from clientbook.events.base import (
    PERSONAL,
    Amount,
    Code,
    Currency,
    CustomerRule,
    Event,
    LongText,
    Price,
    Record,
    Text,
    Word,
    doc,
)

LineKind = Literal["product", "service", "fee", "discount", "shipping"]
MessageChannel = Literal["email", "sms", "post", "push", "social"]


class Line(Record, frozen=True, kw_only=True):
    """One line of an order, a refund, a cart or a quote."""

    sku: Annotated[Code, doc("The shop's article number.")] | None = None
    product: Annotated[Text, doc("What it is called.")] | None = None
    category: Annotated[Text, doc("Family of products.")] | None = None
    quantity: Annotated[Amount, doc("How many; negative takes back.")] | None = None
    unit_price: Annotated[Amount, doc("Price of one.")] | None = None
    amount: Annotated[Amount, doc("What the line adds to the total.")] | None = None
    kind: Annotated[LineKind, doc("product, service, fee, discount or shipping.")] | None = None


class OrderPlaced(Event, frozen=True, kw_only=True):
    """The customer ordered; a till receipt is an order too. Without a customer it is a guest's."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("order_id",)
    order_id: Annotated[Code, doc("The source's own order number.")]
    total: Annotated[Price, doc("What the customer owes for it, discounts taken off.")]
    currency: Annotated[Currency, doc("ISO 4217.")]
    lines: Annotated[list[Line], doc("What was ordered.")] = []
    channel: Annotated[Word, doc("How it was sold: web, shop, phone, marketplace, …")] | None = None
    store: Annotated[Text, doc("Which shop.")] | None = None
    collection: Annotated[Word, doc("How it was handed over: delivery, pickup, counter, …")] | None = None
    voucher_id: Annotated[Code, doc("The voucher used.")] | None = None
    opt_out_offered: Annotated[bool, doc("Whether a box to refuse mailings was shown at checkout.")] | None = None
    opt_out_ticked: Annotated[bool, doc("Whether the customer ticked it.")] | None = None
    notice_id: Annotated[Code, doc("The wording shown at checkout.")] | None = None


class OrderCancelled(Event, frozen=True, kw_only=True):
    """The order was called off before it counted; its revenue is nil."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("order_id",)
    order_id: Annotated[Code, doc("The order.")]
    reason: Annotated[Text, doc("Why.")] | None = None


class OrderRefunded(Event, frozen=True, kw_only=True):
    """Money went back to the customer. Without an order number it counts at its own date."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("refund_id",)
    amount: Annotated[Price, doc("What was paid back, as a positive amount.")]
    currency: Annotated[Currency, doc("ISO 4217.")]
    order_id: Annotated[Code, doc("The order it belongs to, where the source says so or exactly one fits.")] | None = None
    refund_id: Annotated[Code, doc("The credit note's own number.")] | None = None
    lines: Annotated[list[Line], doc("What came back, with positive quantities and amounts.")] = []
    reason: Annotated[Text, doc("Why.")] | None = None


class BalanceAdjusted(Event, frozen=True, kw_only=True):
    """A bookkeeping entry in an order file that is neither a sale nor a refund: bad debt, a manual correction."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("adjustment_id",)
    amount: Annotated[Amount, doc("Signed; it stands beside revenue and is never part of it.")]
    currency: Annotated[Currency, doc("ISO 4217.")]
    adjustment_id: Annotated[Code, doc("The entry's own number.")] | None = None
    reason: Annotated[Text, doc("What the entry says it is.")] | None = None


class ContractOpened(Event, frozen=True, kw_only=True):
    """A running contract began: subscription, maintenance, guarantee."""

    natural_key: ClassVar[tuple[str, ...]] = ("contract_id",)
    contract_id: Annotated[Code, doc("Its number.")]
    category: Annotated[Text, doc("Family of products it is about.")] | None = None


class ContractClosed(Event, frozen=True, kw_only=True):
    """A running contract ended."""

    natural_key: ClassVar[tuple[str, ...]] = ("contract_id",)
    contract_id: Annotated[Code, doc("Its number.")]
    category: Annotated[Text, doc("Family of products it is about.")] | None = None


class CartAbandoned(Event, frozen=True, kw_only=True):
    """A cart was left without an order. It is no sale."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("cart_id",)
    cart_id: Annotated[Code, doc("Its number.")] | None = None
    amount: Annotated[Price, doc("What it was worth.")] | None = None
    currency: Annotated[Currency, doc("ISO 4217.")] | None = None
    lines: Annotated[list[Line], doc("What was in it.")] = []


class QuoteRequested(Event, frozen=True, kw_only=True):
    """The customer asked for a quote."""

    customer: ClassVar[CustomerRule] = "optional"
    natural_key: ClassVar[tuple[str, ...]] = ("quote_id",)
    quote_id: Annotated[Code, doc("Its number.")] | None = None
    amount: Annotated[Price, doc("What was quoted.")] | None = None
    currency: Annotated[Currency, doc("ISO 4217.")] | None = None
    lines: Annotated[list[Line], doc("What was quoted.")] = []


class SampleRequested(Event, frozen=True, kw_only=True):
    """The customer asked for a sample."""

    customer: ClassVar[CustomerRule] = "optional"
    sample_id: Annotated[Code, doc("Its number.")] | None = None
    lines: Annotated[list[Line], doc("What was asked for.")] = []


class SurveyAnswered(Event, frozen=True, kw_only=True):
    """The customer answered a survey."""

    survey: Annotated[Code, doc("Which survey.")]
    score: Annotated[int, Meta(ge=0, le=100), doc("The headline figure, such as 0 to 10.")] | None = None
    answers: Annotated[dict[str, str], PERSONAL, doc("Question and answer.")] = {}


class ContestEntered(Event, frozen=True, kw_only=True):
    """The customer entered a contest. Entering is no consent."""

    contest: Annotated[Code, doc("Which contest.")]
    score: Annotated[int, Meta(ge=0, le=100), doc("Result, if there is one.")] | None = None
    won: Annotated[bool, doc("Whether the customer won.")] | None = None
    answers: Annotated[dict[str, str], PERSONAL, doc("Question and answer.")] = {}


class ReviewPosted(Event, frozen=True, kw_only=True):
    """The customer reviewed a product or the shop."""

    sku: Annotated[Code, doc("What was reviewed; absent for the shop itself.")] | None = None
    score: Annotated[int, Meta(ge=0, le=100), doc("Stars or points.")] | None = None
    answers: Annotated[dict[str, str], PERSONAL, doc("The text, by heading.")] = {}


class MessageOpened(Event, frozen=True, kw_only=True):
    """A tracking pixel was loaded. An open is not contact: scanners open too."""

    channel: Annotated[MessageChannel, doc("By what means it had been sent.")]
    address: Annotated[Text, PERSONAL, doc("The address it was sent to.")] | None = None
    campaign: Annotated[Code, doc("The mailing.")] | None = None


class MessageClicked(Event, frozen=True, kw_only=True):
    """The customer followed a link."""

    channel: Annotated[MessageChannel, doc("By what means it had been sent.")]
    address: Annotated[Text, PERSONAL, doc("The address it was sent to.")] | None = None
    campaign: Annotated[Code, doc("The mailing.")] | None = None
    url: Annotated[LongText, doc("The link, without personal parameters.")] | None = None


class MessageBounced(Event, frozen=True, kw_only=True):
    """The message came back."""

    channel: Annotated[MessageChannel, doc("By what means it had been sent.")]
    kind: Annotated[Literal["hard", "soft"], doc("Hard: the address is no good. Soft: try again.")]
    address: Annotated[Text, PERSONAL, doc("The address it was sent to.")] | None = None
    campaign: Annotated[Code, doc("The mailing.")] | None = None


class ComplaintMade(Event, frozen=True, kw_only=True):
    """The customer marked the message as spam or complained."""

    channel: Annotated[MessageChannel, doc("By what means it had been sent.")]
    address: Annotated[Text, PERSONAL, doc("The address it was sent to.")] | None = None
    campaign: Annotated[Code, doc("The mailing.")] | None = None


class StoreVisited(Event, frozen=True, kw_only=True):
    """The customer came to a shop."""

    store: Annotated[Text, doc("Which.")]
    category: Annotated[Text, doc("What was looked at.")] | None = None


class SiteVisited(Event, frozen=True, kw_only=True):
    """The customer came to the site."""

    page: Annotated[LongText, doc("The page, without personal parameters.")]
    category: Annotated[Text, doc("What was looked at.")] | None = None


EVENTS: tuple[type[Event], ...] = (
    OrderPlaced,
    OrderCancelled,
    OrderRefunded,
    BalanceAdjusted,
    ContractOpened,
    ContractClosed,
    CartAbandoned,
    QuoteRequested,
    SampleRequested,
    SurveyAnswered,
    ContestEntered,
    ReviewPosted,
    MessageOpened,
    MessageClicked,
    MessageBounced,
    ComplaintMade,
    StoreVisited,
    SiteVisited,
)
