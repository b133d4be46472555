"""Who buys when, and what follows from it: orders, vouchers, refunds, carts, subscriptions.

Repeat buying follows the MBG/NBD model (Batislam, Denizel & Filiztekin 2007): each buyer orders at an own gamma-distributed
rate and may drop out for good after every order, the first included, with an own beta-distributed probability. The shop's
seasons and growth thin the process.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Final

from catalogue import (
    BOX_SUBSCRIPTION,
    FREE_SHIPPING_FROM,
    GIFT_WRAP,
    SERVICES,
    SHIPPING_CENTS,
    Item,
    draw_tastes,
    fill_basket,
    fill_trade_basket,
    sold,
    total,
)
from shop_calendar import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    OPT_OUT_BOX_FROM,
    PEAK,
    days,
    draw_day,
    growth,
    local,
    local_day,
    minutes,
    office_moment,
    season,
    store_moment,
    web_moment,
)
from story import Customer

RATE_SHAPE: Final = 0.75
RATE_SCALE_WEEKS: Final = 9.0
DROPOUT: Final = (1.0, 2.5)
"""Parameters of the gamma rate (with its scale in weeks per order at peak) and of the beta dropout."""

GUEST_SHARE: Final = 0.08
"""Share of all orders that nobody gave a name for."""

STORES: Final = {"caisse-lyon": "Lyon Croix-Rousse", "caisse-vienne": "Vienne Centre"}
NUMBER_PREFIXES: Final = {
    "boutique-en-ligne": "W",
    "caisse-lyon": "LYO",
    "caisse-vienne": "VIE",
    "standard": "TEL",
    "place-de-marche": "PDM",
}

BUYING_SHARES: Final = {
    "checkout": 1.0,
    "account": 0.72,
    "counter": 0.97,
    "newsletter_form": 0.3,
    "popup": 0.25,
    "contest": 0.12,
    "survey": 0.3,
    "fair": 0.35,
    "import": 0.7,
    "phone": 0.9,
    "social": 0.4,
    "referral": 0.75,
    "appointment": 0.6,
    "gift_recipient": 0.12,
    "marketplace": 1.0,
    "rented_list": 0.06,
    "bought_list": 0.0,
    "quote": 0.62,
    "order_form": 0.95,
}
"""Share of those who came this way that ever order."""


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """A voucher, worth an amount or a percentage."""

    number: str
    issued_at: datetime
    expires_at: datetime
    reason: str
    cents: int = 0
    percent: int = 0


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money going back: the whole order or some of its lines."""

    at: datetime
    items: list[Item]
    cents: int
    reason: str
    names_order: bool = True


@dataclass(kw_only=True)
class Order:
    """An order before it is written. Its number is given once all are known and sorted."""

    at: datetime
    source: str
    items: list[Item]
    customer: Customer | None = None
    collection: str = "counter"
    number: str = ""
    voucher: Voucher | None = None
    off_cents: int = 0
    box_shown: bool | None = None
    box_ticked: bool | None = None
    cancelled_at: datetime | None = None
    refund: Refund | None = None
    is_subscription: bool = False

    @property
    def total(self) -> int:
        """What the customer owes, in cents."""
        return total(self.items)


@dataclass(kw_only=True)
class Wallet:
    """The vouchers a customer received."""

    owner: Customer
    vouchers: list[Voucher]

    def issue(self, at: datetime, reason: str, *, cents: int = 0, percent: int = 0, valid_days: int = 60) -> None:
        """Add a voucher that is good until `valid_days` later."""
        number = f"BON-{self.owner.external}-{len(self.vouchers) + 1}"
        self.vouchers.append(
            Voucher(
                number=number,
                issued_at=at,
                expires_at=at + timedelta(days=valid_days),
                reason=reason,
                cents=cents,
                percent=percent,
            )
        )

    def usable(self, at: datetime, used: list[str]) -> Voucher | None:
        """The voucher to use at this moment."""
        good = (one for one in self.vouchers if one.issued_at < at < one.expires_at and one.number not in used)
        return next(good, None)


def trade(customers: list[Customer], rng: random.Random) -> tuple[list[Order], list[Voucher]]:
    """All orders of the three years in the order of time, numbered, and all vouchers."""
    orders, vouchers = [], list[Voucher]()
    for customer in customers:
        placed, wallet = _buy(rng, customer)
        orders += placed
        vouchers += wallet.vouchers
        customer.ordered_at = sorted(order.at for order in placed if not order.cancelled_at)
    orders += [_guest_order(rng) for _ in range(round(len(orders) * GUEST_SHARE / (1 - GUEST_SHARE)))]
    orders.sort(key=lambda order: order.at)
    numbers = {source: count(1) for source in NUMBER_PREFIXES}
    for order in orders:
        order.number = f"{NUMBER_PREFIXES[order.source]}-{local_day(order.at).year}-{next(numbers[order.source]):05d}"
    return orders, vouchers


def purchase_moments(rng: random.Random, customer: Customer, first: date) -> list[date]:
    """Days of orders from the first on."""
    rate = rng.gammavariate(RATE_SHAPE, 1 / RATE_SCALE_WEEKS) * (2.5 if customer.kind == "company" else 1.0)
    dropout = rng.betavariate(*DROPOUT)
    moments, now = [first], 0.0
    while rng.random() >= dropout:
        while True:
            now += rng.expovariate(rate) * 7 / PEAK * 1.9
            if now > DAYS:
                return moments
            day = first + timedelta(days=int(now))
            if day > LAST_DAY:
                return moments
            if rng.random() * PEAK < season(day) * growth(day):
                break
        moments.append(day)
    return moments


def _buy(rng: random.Random, customer: Customer) -> tuple[list[Order], Wallet]:
    wallet = Wallet(owner=customer, vouchers=[])
    if customer.role == "contact" or rng.random() >= BUYING_SHARES[customer.origin]:
        return [], wallet
    is_trade = customer.kind == "company"
    moments = _moments(rng, customer)
    _issue_birthday_vouchers(wallet, moments)
    orders: list[Order] = []
    used: list[str] = []
    size = rng.lognormvariate(0.85, 0.4)
    refuses_offers = rng.random() < 0.13
    for rank, (at, source) in enumerate(moments, start=1):
        day = local_day(at)
        items = fill_trade_basket(rng, customer, day) if is_trade else fill_basket(rng, customer.tastes, day, size=size)
        order = Order(at=at, source=source, items=items, customer=customer)
        _add_services(rng, order, day)
        voucher = wallet.usable(at, used)
        if voucher and rng.random() < 0.75:
            _redeem(order, voucher)
            used.append(voucher.number)
        _deliver(rng, order)
        _show_box(rng, order, refuses=refuses_offers)
        _undo(rng, order)
        if order.refund and rng.random() < 0.6:
            wallet.issue(order.refund.at + timedelta(hours=1), "apology", cents=500, valid_days=180)
        if rank % 5 == 0 and not is_trade:
            wallet.issue(at + timedelta(days=1), "loyalty", cents=800, valid_days=120)
        orders.append(order)
    return orders + _subscription_orders(rng, customer, orders), wallet


def _moments(rng: random.Random, customer: Customer) -> list[tuple[datetime, str]]:
    """Instants and sources of the orders, each at least a day after the one before."""
    registered = customer.registered_at
    buys_at_once = customer.origin in ("checkout", "counter", "marketplace", "phone", "order_form")
    first = registered + (minutes(rng, 2, 9) if buys_at_once else days(rng, 1, 60) + timedelta(minutes=30))
    if local_day(first) > LAST_DAY:
        return []
    likes_web = 0.12 if customer.origin == "counter" else 0.86
    moments: list[tuple[datetime, str]] = []
    for day in purchase_moments(rng, customer, local_day(first)):
        source = customer.source if not moments and buys_at_once else _source(rng, customer, likes_web)
        if not moments and buys_at_once:
            at = first
        elif source.startswith("caisse-"):
            at = store_moment(rng, day)
        else:
            at = office_moment(rng, day) if source == "standard" else web_moment(rng, day)
        if moments and at < moments[-1][0] + timedelta(days=1):
            at = moments[-1][0] + timedelta(days=1)
            if source.startswith("caisse-"):
                at = store_moment(rng, local_day(at) + timedelta(days=1))
        if local_day(at) <= LAST_DAY and at > registered:
            moments.append((at, source))
    return moments


def _source(rng: random.Random, customer: Customer, likes_web: float) -> str:
    if customer.origin == "marketplace":
        return "place-de-marche"
    if customer.kind == "company":
        return rng.choice(("standard", "boutique-en-ligne"))
    if customer.email is None:
        return customer.source
    if rng.random() < 0.03 or (customer.origin == "phone" and rng.random() < 0.6):
        return "standard"
    if customer.profile.town.is_near and rng.random() >= likes_web - 0.2:
        is_lyon = customer.profile.town.postal_code.startswith("69")
        return "caisse-lyon" if is_lyon else "caisse-vienne"
    return "boutique-en-ligne"


def _issue_birthday_vouchers(wallet: Wallet, moments: list[tuple[datetime, str]]) -> None:
    """Ten per cent on the birthday of everybody who ordered in the eighteen months before."""
    birth = wallet.owner.profile.birth_date
    if birth is None or not wallet.owner.told_birth_date:
        return
    for year in range(FIRST_DAY.year, LAST_DAY.year + 1):
        at = local(date(year, birth.month, min(birth.day, 28)), 8)
        if any(at - timedelta(days=550) < moment < at for moment, _ in moments):
            wallet.issue(at, "birthday", percent=10, valid_days=45)


def _add_services(rng: random.Random, order: Order, day: date) -> None:
    if order.source == "place-de-marche" or (order.customer and order.customer.kind == "company"):
        return
    if rng.random() < (0.2 if day.month == 12 else 0.05):
        order.items.append(sold(GIFT_WRAP, 1, day))
    if rng.random() < 0.035:
        order.items.append(sold(rng.choice(SERVICES), rng.choice((1, 1, 2)), day))
    if day.month == 11 and 20 <= day.day <= 30 and order.source == "boutique-en-ligne":
        order.items.append(Item(name="Semaine noire 15 %", kind="discount", cents=-(total(order.items) * 15 // 100)))


def _redeem(order: Order, voucher: Voucher) -> None:
    order.voucher = voucher
    order.off_cents = min(order.total, voucher.cents or order.total * voucher.percent // 100)
    order.items.append(Item(name="Bon d'achat", kind="discount", cents=-order.off_cents))


def _deliver(rng: random.Random, order: Order) -> None:
    if order.source.startswith("caisse-"):
        return
    is_near = order.source != "place-de-marche" and order.customer is not None and order.customer.profile.town.is_near
    order.collection = "pickup" if is_near and rng.random() < 0.25 else "delivery"
    if order.collection == "delivery" and order.total < FREE_SHIPPING_FROM:
        order.items.append(Item(name="Livraison", kind="shipping", cents=SHIPPING_CENTS))
    if order.source == "standard" and order.customer and order.customer.kind == "company" and rng.random() < 0.2:
        order.items.append(Item(name="Frais de facturation différée", kind="fee", cents=500))


def _show_box(rng: random.Random, order: Order, *, refuses: bool) -> None:
    """The checkout's box to refuse mailings; the marketplace has none."""
    if order.source != "boutique-en-ligne":
        return
    order.box_shown = local_day(order.at) >= OPT_OUT_BOX_FROM
    order.box_ticked = ((refuses and rng.random() < 0.85) or rng.random() < 0.02) if order.box_shown else None


def _undo(rng: random.Random, order: Order) -> None:
    """Some orders are cancelled before they leave, some are refunded wholly or in part afterwards."""
    chance = rng.random()
    if chance < 0.014 and not order.source.startswith("caisse-"):
        order.cancelled_at = order.at + minutes(rng, 20, 1800)
        return
    if not 0.014 <= chance < 0.047 or order.total <= 0:
        return
    at = order.at + days(rng, 3, 24) + minutes(rng, 5, 90)
    goods = [item for item in order.items if item.kind in ("product", "service") and item.cents > 0]
    if len(goods) == 1 or rng.random() < 0.35:
        reason = rng.choice(("colis perdu", "rétractation", "colis abîmé"))
        order.refund = Refund(at=at, items=goods, cents=order.total, reason=reason)
        return
    back = rng.sample(goods, rng.randint(1, len(goods) - 1))
    cents = min(total(back), order.total)
    names_order = rng.random() < 0.92
    order.refund = Refund(at=at, items=back, cents=cents, reason="article abîmé", names_order=names_order)


def _subscription_orders(rng: random.Random, customer: Customer, orders: list[Order]) -> list[Order]:
    """A few regular customers subscribe to the soap box and pay it every three months."""
    online = [order for order in orders if order.source == "boutique-en-ligne"]
    if customer.kind == "company" or customer.role != "person" or len(online) < 2 or rng.random() > 0.12:
        return []
    boxes: list[Order] = []
    at = online[1].at + timedelta(hours=3)
    while local_day(at) <= LAST_DAY and (not boxes or rng.random() < 0.72):
        items = [sold(BOX_SUBSCRIPTION, 1, local_day(at))]
        order = Order(at=at, source="boutique-en-ligne", items=items, customer=customer, collection="delivery")
        order.is_subscription = True
        boxes.append(order)
        at += timedelta(days=91)
    return boxes


def _guest_order(rng: random.Random) -> Order:
    """Somebody at the till who gives no name."""
    source = rng.choices(("caisse-lyon", "caisse-vienne"), weights=(65, 35))[0]
    at = store_moment(rng, draw_day(rng))
    order = Order(at=at, source=source, items=fill_basket(rng, draw_tastes(rng), local_day(at), size=1.7))
    _add_services(rng, order, local_day(at))
    return order
