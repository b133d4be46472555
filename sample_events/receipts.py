"""Writes down what was bought: orders, cancellations, refunds, vouchers, subscriptions, carts, quotes, reviews."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from buying import STORES, Order, Refund, Voucher
from catalogue import PRODUCTS, Item, draw_tastes, fill_basket, fill_trade_basket, money, total
from shop_calendar import OPT_OUT_BOX_FROM, days, local_day, minutes, web_moment
from story import Customer, Data, Story, iso

CHANNELS = {"boutique-en-ligne": "web", "standard": "phone", "place-de-marche": "marketplace"}
VOUCHER_REASONS_BY = {"apology": "standard", "birthday": "marketing", "loyalty": "boutique-en-ligne"}
NOT_FROM_PERSON = ("gift_recipient", "marketplace", "rented_list", "bought_list")
"""Origins of data that the person did not give; offers need consent then."""
REVIEWS = (
    (5, "Très bien", "Parfum agréable, envoi soigné."),
    (5, "Parfait", "Je rachète les yeux fermés."),
    (4, "Bon produit", "Conforme à la description."),
    (4, "Satisfaite", "Un peu petit, mais très doux."),
    (3, "Correct", "L'odeur ne tient pas longtemps."),
    (2, "Déçu", "Arrivé abîmé, geste commercial reçu."),
    (1, "Non", "Ne mousse presque pas."),
)


Cart = tuple[datetime, Customer | None, list[Item]]


def record(story: Story, orders: list[Order], vouchers: list[Voucher], customers: list[Customer]) -> list[Cart]:
    """Write every order with what belongs to it, then vouchers, subscriptions, quotes, samples, reviews and carts.

    Returns:
        The carts left behind, in the order of time.
    """
    owners = {customer.external: customer for customer in customers}
    for order in orders:
        _record_order(story, order)
    _record_refunds(story, orders)
    for voucher in vouchers:
        owner = owners[voucher.number.split("-")[1]]
        worth: Data = {"percent": str(voucher.percent)} if voucher.percent else {"amount": money(voucher.cents)}
        data = {"voucher_id": voucher.number} | worth | {"reason": voucher.reason, "expires_at": iso(voucher.expires_at)}
        source = VOUCHER_REASONS_BY[voucher.reason]
        story.add(voucher.issued_at, "voucher_issued", data, source=source, customer=owner, actor=source)
    _record_subscriptions(story, orders)
    _record_quotes(story, orders, customers)
    _record_samples(story, customers)
    _record_reviews(story, orders)
    return _record_carts(story, orders, customers)


def _lines(items: list[Item]) -> list[Data]:
    return [item.data() for item in items]


def _record_order(story: Story, order: Order) -> None:
    data: Data = {
        "order_id": order.number,
        "total": money(order.total),
        "currency": "EUR",
        "lines": _lines(order.items),
        "channel": CHANNELS.get(order.source, "shop"),
        "collection": order.collection,
    }
    if order.source in STORES:
        data["store"] = STORES[order.source]
    if order.voucher:
        data["voucher_id"] = order.voucher.number
    if order.box_shown is not None:
        data |= {"opt_out_offered": order.box_shown, "notice_id": "avis-commande"}
    if order.box_ticked is not None:
        data["opt_out_ticked"] = order.box_ticked
    story.add(order.at, "order_placed", data, source=order.source, customer=order.customer)
    if order.customer:
        for item in order.items:
            if item.category and item.kind == "product" and not order.cancelled_at:
                order.customer.bought.setdefault(item.category, order.at)
        _note_permission(story, order, order.customer)
    if order.voucher:
        redeemed: Data = {"voucher_id": order.voucher.number, "amount": money(order.off_cents), "order_id": order.number}
        story.add(order.at, "voucher_redeemed", redeemed, source=order.source, customer=order.customer)
    if order.cancelled_at:
        reason = "demande du client" if order.total % 2 else "paiement refusé"
        cancelled: Data = {"order_id": order.number, "reason": reason}
        story.add(order.cancelled_at, "order_cancelled", cancelled, source=order.source, customer=order.customer)


def _note_permission(story: Story, order: Order, customer: Customer) -> None:
    """Keep what the box at the checkout means; on the phone the offer to refuse is an event of its own."""
    if order.source == "standard" and customer.email and local_day(order.at) >= OPT_OUT_BOX_FROM:
        data: Data = {"channel": "email", "ticked": order.total % 7 == 0, "order_id": order.number}
        story.add(order.at + timedelta(minutes=1), "opt_out_offered", data, source="standard", customer=customer)
        _remember(customer, order, refused=order.total % 7 == 0)
    if order.box_shown:
        _remember(customer, order, refused=bool(order.box_ticked))


def _remember(customer: Customer, order: Order, *, refused: bool) -> None:
    """A refusal holds for good; a box left empty counts with the sale, which a cancelled order is not."""
    if refused:
        customer.offers_until = min(order.at, customer.offers_until or order.at)
    elif customer.offers_from is None and customer.origin not in NOT_FROM_PERSON and not order.cancelled_at:
        customer.offers_from = order.at


def _record_refunds(story: Story, orders: list[Order]) -> None:
    refunded = sorted(
        ((order.refund, order) for order in orders if order.refund), key=lambda pair: (pair[0].at, pair[1].number)
    )
    for number, (refund, order) in enumerate(refunded, start=1):
        data: Data = {"amount": money(refund.cents), "currency": "EUR"}
        if refund.names_order:
            data["order_id"] = order.number
        data |= {"refund_id": f"AV-{number:05d}", "lines": _lines(refund.items), "reason": refund.reason}
        story.add(refund.at, "order_refunded", data, source=order.source, customer=order.customer)
    # One credit note at the till for goods whose receipt was lost, and one entry of the accountant.
    last: Refund = refunded[-1][0]
    lost: Data = {"amount": "7.90", "currency": "EUR", "refund_id": "AV-SANS-TICKET-1", "reason": "ticket perdu"}
    story.add(last.at - timedelta(days=200), "order_refunded", lost, source="caisse-lyon")
    bad_debt: Data = {
        "amount": "-48.00",
        "currency": "EUR",
        "adjustment_id": "OD-2025-001",
        "reason": "créance irrécouvrable",
    }
    trade = next(order.customer for order in orders if order.customer and order.customer.kind == "company")
    story.add(last.at - timedelta(days=190), "balance_adjusted", bad_debt, source="standard", customer=trade)


def _record_subscriptions(story: Story, orders: list[Order]) -> None:
    """A contract runs from the first box to three months after the last."""
    boxes: dict[str, list[Order]] = {}
    for order in orders:
        if order.is_subscription and order.customer:
            boxes.setdefault(order.customer.external, []).append(order)
    for number, paid in enumerate(boxes.values(), start=1):
        data: Data = {"contract_id": f"BOX-{number:04d}", "category": "Savons"}
        source, customer = "boutique-en-ligne", paid[0].customer
        story.add(paid[0].at + timedelta(minutes=1), "contract_opened", data, source=source, customer=customer)
        story.add(paid[-1].at + timedelta(days=90), "contract_closed", data, source=source, customer=customer)


def _record_carts(story: Story, orders: list[Order], customers: list[Customer]) -> list[Cart]:
    rng = story.rng("carts")
    carts: list[Cart] = []
    for order in orders:
        at = order.at - days(rng, 0, 3) - minutes(rng, 30, 600)
        is_online = order.source == "boutique-en-ligne" and order.customer is not None and not order.is_subscription
        if is_online and order.customer and at > order.customer.registered_at and rng.random() < 0.16:
            carts.append((at, order.customer, [item for item in order.items if item.kind == "product"]))
    for customer in customers:
        if customer.has_account and customer.email and customer.kind == "person" and rng.random() < 0.25:
            at = web_moment(rng, local_day(customer.registered_at) + days(rng, 1, 500))
            carts.append((at, customer, fill_basket(rng, customer.tastes, local_day(at), size=2.2)))
    guests = rng.sample([order.at for order in orders], 60)
    carts += [(at, None, fill_basket(rng, draw_tastes(rng), local_day(at), size=2.2)) for at in sorted(guests)]
    carts = sorted((cart for cart in carts if cart[2]), key=lambda cart: cart[0])
    for number, (at, owner, items) in enumerate(carts, start=1):
        data: Data = {"cart_id": f"P-{number:05d}", "amount": money(total(items)), "currency": "EUR"}
        story.add(at, "cart_abandoned", data | {"lines": _lines(items)}, source="boutique-en-ligne", customer=owner)
    return carts


def _record_quotes(story: Story, orders: list[Order], customers: list[Customer]) -> None:
    rng = story.rng("quotes")
    wanted: list[tuple[datetime, Customer | None, list[Item]]] = []
    for customer in customers:
        if customer.origin == "quote" and customer.kind == "company":
            at = customer.registered_at + timedelta(minutes=2)
            wanted.append((at, customer, fill_trade_basket(rng, customer, local_day(at))))
    for order in orders:
        buyer, at = order.customer, order.at - days(rng, 4, 15)
        if buyer and buyer.kind == "company" and at > buyer.registered_at and rng.random() < 0.3:
            wanted.append((at, buyer, order.items))
    people = [customer for customer in customers if customer.role == "person" and customer.email]
    for customer in rng.sample(people, 9):
        at = customer.registered_at + days(rng, 2, 90)
        wanted.append((at, customer, fill_basket(rng, customer.tastes, local_day(at), size=14)))
    wanted.append((orders[len(orders) // 2].at, None, fill_basket(rng, draw_tastes(rng), local_day(orders[0].at), size=9)))
    for number, (at, owner, items) in enumerate(sorted(wanted, key=lambda quote: quote[0]), start=1):
        data: Data = {"quote_id": f"DEV-{number:04d}", "amount": money(total(items)), "currency": "EUR"}
        story.add(at, "quote_requested", data | {"lines": _lines(items)}, source="standard", customer=owner)


def _record_samples(story: Story, customers: list[Customer]) -> None:
    rng = story.rng("samples")
    for number, customer in enumerate(rng.sample([one for one in customers if one.email], 70), start=1):
        product = rng.choice(PRODUCTS)
        line: Data = {"sku": product.sku, "product": product.name, "category": product.category, "quantity": "1"}
        at = web_moment(rng, local_day(customer.registered_at) + days(rng, 1, 250))
        data: Data = {"sample_id": f"ECH-{number:04d}", "lines": [line]}
        story.add(at, "sample_requested", data, source="boutique-en-ligne", customer=customer)


def _record_reviews(story: Story, orders: list[Order]) -> None:
    rng = story.rng("reviews")
    for order in orders:
        chosen = [item for item in order.items if item.sku and item.kind == "product"]
        if (
            not chosen
            or order.customer is None
            or order.customer.email is None
            or order.cancelled_at
            or rng.random() > 0.055
        ):
            continue
        score, heading, text = _review(rng)
        data: Data = {"score": score, "answers": {"titre": heading, "texte": text}}
        if rng.random() < 0.9:
            data = {"sku": rng.choice(chosen).sku} | data
        at = web_moment(rng, local_day(order.at) + days(rng, 6, 30))
        story.add(at, "review_posted", data, source="boutique-en-ligne", customer=order.customer)


def _review(rng: random.Random) -> tuple[int, str, str]:
    return rng.choices(REVIEWS, weights=(9, 7, 7, 5, 3, 2, 1))[0]
