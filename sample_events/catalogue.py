"""What the shop sells: products and services, their prices over time, and how baskets are filled."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from typing import Final

from story import Customer, Data

SOAPS, BODY, TEA, INFUSION = "Savons", "Soins du corps", "Thés", "Infusions"
HOME, CANDLES, BOXES, TOOLS = "Entretien de la maison", "Bougies et senteurs", "Coffrets", "Accessoires"
WORKSHOPS: Final = "Ateliers"
CATEGORIES: Final = (SOAPS, BODY, TEA, INFUSION, HOME, CANDLES, BOXES, TOOLS)

SIMILAR: Final[dict[str, list[str]]] = {
    SOAPS: [BODY, BOXES, TOOLS],
    BODY: [SOAPS, BOXES],
    TEA: [INFUSION, TOOLS, BOXES],
    INFUSION: [TEA, TOOLS],
    HOME: [TOOLS, SOAPS],
    CANDLES: [BOXES],
    BOXES: [SOAPS, BODY, TEA, CANDLES],
    TOOLS: [SOAPS, TEA, HOME],
}
"""Which categories the shop calls similar to each."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """An article; `cents` is its price with VAT before 2025, `weight` how often it is taken in its category."""

    sku: str
    name: str
    category: str
    cents: int
    weight: int = 5
    kind: str = "product"

    def price_on(self, day: date) -> int:
        """Price in cents; it rose by 4 %, to the next ten cents, in January 2025."""
        return self.cents if day < date(2025, 1, 1) else -(-self.cents * 104 // 1000) * 10


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of an order in cents; a product, or a sum that has no quantity of its own."""

    name: str
    kind: str
    cents: int
    quantity: int = 1
    unit_cents: int | None = None
    sku: str | None = None
    category: str | None = None

    def data(self) -> Data:
        """The line as the event's data hold it."""
        fields: Data = {"sku": self.sku} if self.sku else {}
        fields["product"] = self.name
        if self.category:
            fields["category"] = self.category
        if self.unit_cents is not None:
            fields |= {"quantity": str(self.quantity), "unit_price": money(self.unit_cents)}
        return fields | {"amount": money(self.cents), "kind": self.kind}


def _family(prefix: str, category: str, *articles: tuple[str, int, int], kind: str = "product") -> tuple[Product, ...]:
    return tuple(
        Product(sku=f"{prefix}-{number:02d}", name=name, category=category, cents=cents, weight=weight, kind=kind)
        for number, (name, cents, weight) in enumerate(articles, start=1)
    )


PRODUCTS: Final = (
    *_family(
        "SAV",
        SOAPS,
        ("Savon lavande", 650, 9),
        ("Savon verveine", 650, 8),
        ("Savon argile verte", 720, 6),
        ("Savon lait d'ânesse", 790, 6),
        ("Savon sans parfum", 590, 5),
        ("Savon à barbe", 990, 3),
        ("Savon de Noël orange-cannelle", 750, 4),
    ),
    *_family(
        "COR",
        BODY,
        ("Baume karité", 1490, 6),
        ("Huile pour le corps", 1890, 4),
        ("Crème mains", 1190, 8),
        ("Shampoing solide", 1090, 8),
        ("Déodorant solide", 950, 5),
    ),
    *_family(
        "THE",
        TEA,
        ("Thé noir du matin 100 g", 990, 8),
        ("Thé vert menthe 100 g", 1050, 7),
        ("Thé blanc pêche 60 g", 1390, 4),
        ("Earl grey bleuet 100 g", 1120, 6),
        ("Thé fumé 100 g", 1080, 2),
        ("Thé de Noël 100 g", 1150, 5),
    ),
    *_family(
        "INF",
        INFUSION,
        ("Infusion verveine 40 g", 790, 7),
        ("Infusion nuit calme 50 g", 850, 8),
        ("Rooibos vanille 100 g", 890, 6),
        ("Infusion thym-citron 50 g", 820, 4),
    ),
    *_family(
        "MAI",
        HOME,
        ("Lessive liquide 2 l", 1290, 8),
        ("Savon noir 1 l", 890, 7),
        ("Liquide vaisselle 1 l", 690, 9),
        ("Pierre d'argile", 990, 4),
        ("Vinaigre ménager framboise 1 l", 450, 5),
    ),
    *_family(
        "BOU",
        CANDLES,
        ("Bougie figuier", 2290, 7),
        ("Bougie cèdre", 2290, 5),
        ("Bougie de voyage", 1490, 6),
        ("Diffuseur fleur de coton", 2790, 3),
        ("Brume d'oreiller", 1390, 4),
    ),
    *_family(
        "COF",
        BOXES,
        ("Coffret trois savons", 2150, 8),
        ("Coffret thé et tasse", 3490, 5),
        ("Coffret bain", 3990, 5),
        ("Calendrier de l'avent", 4990, 3),
    ),
    *_family(
        "ACC",
        TOOLS,
        ("Porte-savon olivier", 990, 8),
        ("Boule à thé", 690, 6),
        ("Filtre à thé en coton", 590, 4),
        ("Brosse à vaisselle", 750, 5),
        ("Théière fonte 0,6 l", 4590, 1),
    ),
)
SERVICES: Final = _family(
    "ATE",
    WORKSHOPS,
    ("Atelier savon à froid, 2 h", 4500, 5),
    ("Atelier accords thé, 1 h 30", 3900, 4),
    ("Atelier produits ménagers, 2 h", 3900, 3),
    kind="service",
)
BOX_SUBSCRIPTION: Final = Product(
    sku="BOX-03", name="Box savon mensuelle, trois mois", category=SOAPS, cents=5970, kind="service"
)
GIFT_WRAP: Final = Product(sku="EMB-01", name="Emballage cadeau", category="Services", cents=350, kind="service")

BY_CATEGORY: Final = {name: tuple(product for product in PRODUCTS if product.category == name) for name in CATEGORIES}
SEASONAL: Final = {"SAV-07": (10, 11, 12), "THE-06": (10, 11, 12), "COF-04": (11,)}
"""Articles sold in some months only."""

SHIPPING_CENTS: Final = 490
FREE_SHIPPING_FROM: Final = 6000


def money(cents: int) -> str:
    """An amount with two decimals."""
    sign, cents = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def draw_tastes(rng: random.Random) -> dict[str, float]:
    """How much a customer likes each category: two or three favourites and a little of the rest."""
    tastes = {category: rng.uniform(0.05, 0.4) for category in CATEGORIES}
    for category in rng.choices(CATEGORIES, weights=(9, 5, 7, 4, 5, 5, 3, 2), k=rng.choice((1, 2, 2, 3))):
        tastes[category] += rng.uniform(1.5, 4.0)
    return tastes


def sold(product: Product, quantity: int, day: date) -> Item:
    """A line for some pieces of a product or service."""
    price = product.price_on(day)
    return Item(
        name=product.name,
        kind=product.kind,
        cents=price * quantity,
        quantity=quantity,
        unit_cents=price,
        sku=product.sku,
        category=product.category,
    )


def total(items: list[Item]) -> int:
    """What lines add up to, in cents."""
    return sum(item.cents for item in items)


def draw_product(rng: random.Random, tastes: dict[str, float], day: date) -> Product:
    """A product after the customer's taste; boxes and candles are gifts for Christmas and mothers' day."""
    gifts = {11: 2.0, 12: 3.5, 5: 2.5}.get(day.month, 1.0)
    weights = [taste * (gifts if category in (BOXES, CANDLES) else 1.0) for category, taste in tastes.items()]
    category = rng.choices(list(tastes), weights=weights)[0]
    choice = [item for item in BY_CATEGORY[category] if day.month in SEASONAL.get(item.sku, (day.month,))]
    return rng.choices(choice, weights=[item.weight for item in choice])[0]


def fill_basket(rng: random.Random, tastes: dict[str, float], day: date, *, size: float) -> list[Item]:
    """Lines of a basket whose number of products is lognormal around `size`."""
    quantities: dict[Product, int] = {}
    for _ in range(max(1, round(rng.lognormvariate(0, 0.55) * size))):
        product = draw_product(rng, tastes, day)
        pieces = rng.choice((1, 1, 1, 2, 3)) if product.cents < 900 else 1
        quantities[product] = quantities.get(product, 0) + pieces
        if product.category == SOAPS and rng.random() < 0.12:
            quantities.setdefault(BY_CATEGORY[TOOLS][0], 1)
        if product.category == TEA and rng.random() < 0.12:
            quantities.setdefault(BY_CATEGORY[TOOLS][1], 1)
    return [sold(product, pieces, day) for product, pieces in quantities.items()]


def fill_trade_basket(rng: random.Random, customer: Customer, day: date) -> list[Item]:
    """Lines of a company's order: few products, by the half-dozen, at a trade discount."""
    quantities: dict[Product, int] = {}
    for _ in range(rng.choice((1, 2, 2, 3))):
        product = draw_product(rng, customer.tastes, day)
        quantities[product] = 6 if product.cents > 1500 else rng.choice((6, 6, 12, 12, 18))
    items = [sold(product, pieces, day) for product, pieces in quantities.items()]
    return [*items, Item(name="Remise professionnelle 20 %", kind="discount", cents=-(total(items) // 5))]
