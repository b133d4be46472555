"""What a column of a shop's file can mean, and by which French and English names such columns go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

CellType = Literal["text", "code", "email", "amount", "instant", "date", "tags", "flag", "count", "word", "ip", "answers"]

DATE_PARTS: Final = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%H": r"\d{1,2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
}
"""What a date format is made of, each with its shape."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A field that a column can be mapped to."""

    name: str
    type: CellType
    words: tuple[str, ...]
    """Headers it goes by, as plain words (see `table.plain_words`), the surest first."""
    choices: tuple[str, ...] = ()
    """Of a word that is one of a few: these."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What a column about permission speaks of."""

    channel: str
    purposes: tuple[str, ...]


PERMISSIONS: Final = {
    "newsletter": Permission(channel="email", purposes=("newsletter",)),
    "offers": Permission(channel="email", purposes=("newsletter", "own_offers")),
    "partners": Permission(channel="email", purposes=("partner_offers",)),
    "sms": Permission(channel="sms", purposes=("own_offers",)),
    "phone": Permission(channel="phone", purposes=("own_offers",)),
    "post": Permission(channel="post", purposes=("own_offers",)),
}
"""What the targets `consent.…` are about. Own mailings and those of partners are kept apart."""

SUPPRESSIONS: Final = ("email", "sms", "phone", "post")
"""Channels of the targets `suppression.…`."""

_YES_NO_WORDS: Final = {
    "newsletter": "newsletter, inscrit newsletter, inscription newsletter, abonne newsletter, abonnement newsletter, optin "
    "newsletter, opt in newsletter, newsletter optin, optin, opt in, subscribed, newsletter subscription, optin email",
    "offers": "accepts email marketing, accepts marketing, email marketing consent, accepte les e mails",
    "partners": "optin partenaire, optin partenaires, opt in partenaires, offres partenaires, partner offers, offres des "
    "partenaires",
    "sms": "accepts sms marketing, optin sms, opt in sms, accepte les sms, consentement sms",
    "phone": "optin telephone, opt in telephone, accepte les appels, consentement telephone",
    "post": "optin courrier, opt in courrier, optin postal, accepte le courrier",
}
_DATE_WORDS: Final = {
    "newsletter": "date consentement, date de consentement, date du consentement, date optin, date opt in, date inscription "
    "newsletter, date d inscription newsletter, consent date, opt in date, subscribed on, optin date",
    "sms": "date consentement sms, date optin sms",
}
_WITHDRAWN_WORDS: Final = {
    "newsletter": "date desinscription, date de desinscription, desinscrit le, unsubscribed on, unsubscribed at, "
    "unsubscribe date, date desabonnement, date de desabonnement",
}


def _permission_targets() -> list[Target]:
    found = []
    for name in PERMISSIONS:
        found += [
            _target(f"consent.{name}", "flag", _YES_NO_WORDS[name]),
            _target(f"consent.{name}_at", "instant", _DATE_WORDS.get(name, "")),
            _target(f"consent.{name}_confirmed_at", "instant", ""),
            _target(f"consent.{name}_confirmed", "flag", ""),
            _target(f"consent.{name}_withdrawn_at", "instant", _WITHDRAWN_WORDS.get(name, "")),
        ]
    found += [_target(f"suppression.{name}", "flag", "") for name in SUPPRESSIONS]
    return [
        *found,
        _target("suppression.at", "instant", ""),
        Target(name="suppression.cause", type="word", words=(), choices=("bounce", "complaint", "request", "list")),
        _target("consent.surface", "word", ""),
        _target("consent.method", "word", ""),
        _target("consent.form_id", "code", ""),
        _target("consent.url", "text", ""),
        _target("consent.ip", "ip", ""),
        _target("consent.notice_id", "code", ""),
        _target("consent.notice_version", "code", ""),
        _target("consent.reason", "text", ""),
    ]


def _target(name: str, kind: CellType, words: str) -> Target:
    return Target(name=name, type=kind, words=tuple(filter(None, map(str.strip, words.split(",")))))


TARGETS: Final = {
    target.name: target
    for target in (
        _target(
            "customer.external_id",
            "code",
            "customer id, id client, client id, numero client, numero de client, n client, no client, code "
            "client, customer number, customer no, customer #, customer code, ref client, reference client, ext "
            "id",
        ),
        _target(
            "customer.email",
            "email",
            "email, e mail, mail, courriel, adresse e mail, adresse email, adresse mail, email address, e mail "
            "address, customer email, email billing, billing email, email client, adresse de messagerie",
        ),
        _target(
            "customer.mobile",
            "text",
            "mobile, portable, gsm, sms, telephone mobile, telephone portable, tel mobile, tel portable, cell "
            "phone, mobile phone",
        ),
        _target(
            "customer.landline",
            "text",
            "landline, fixe, telephone fixe, tel fixe, landline number",
        ),
        _target(
            "customer.phone",
            "text",
            "phone, telephone, tel, phone number, numero de telephone, phone billing, billing phone, customer phone",
        ),
        _target(
            "customer.name",
            "text",
            "full name, nom complet, nom prenom, nom et prenom, customer name, nom client, nom du client, client, customer",
        ),
        _target(
            "customer.given_name",
            "text",
            "first name, firstname, prenom, given name, first name billing, billing first name",
        ),
        _target(
            "customer.family_name",
            "text",
            "last name, lastname, nom, nom de famille, family name, surname, last name billing, billing last name",
        ),
        _target(
            "customer.civility",
            "text",
            "civilite, social title, titre, title, salutation",
        ),
        _target(
            "customer.legal_name",
            "text",
            "company, societe, raison sociale, entreprise, organisation, organization, organization name, "
            "company billing, company name",
        ),
        _target(
            "customer.street",
            "text",
            "address, adresse, rue, street, address 1, address1, adresse 1, address 1 2 billing, default address address1",
        ),
        _target(
            "customer.postal_code",
            "code",
            "code postal, cp, zip, postcode, postal code, zip code, postcode billing, default address zip",
        ),
        _target(
            "customer.city",
            "text",
            "ville, city, town, localite, city billing, default address city",
        ),
        _target(
            "customer.region",
            "text",
            "region, state, province, departement, county",
        ),
        _target(
            "customer.country",
            "text",
            "pays, country, country code, country code billing, country region, default address country code",
        ),
        _target(
            "customer.birth_date",
            "date",
            "date de naissance, birth date, date of birth, birthday, naissance, dob, ne le",
        ),
        _target(
            "customer.tags",
            "tags",
            "tags, etiquettes",
        ),
        _target(
            "customer.note",
            "text",
            "note, notes, commentaire, commentaires, remarque, remarques, comment, comments",
        ),
        _target(
            "customer.registered_at",
            "instant",
            "inscription, date inscription, date d inscription, sign up, date joined, registration, registered "
            "at, date de creation, client depuis, customer since, horodateur",
        ),
        _target(
            "order.id",
            "code",
            "order id, invoice no, order number, invoice number, numero de commande, numero commande, num "
            "commande, n cde, commande n, ref commande, n piece, n commande, no commande, n de commande, order "
            "no, order #, invoice, invoice id, numero de facture, numero facture, n facture, no facture, "
            "facture, commande, bon de commande, n bon de commande, no bon de commande, numero bon de commande, "
            "numero de bon de commande, reference commande, order reference, id commande, ticket, n ticket, numero "
            "ticket, numero de ticket",
        ),
        _target(
            "order.placed_at",
            "instant",
            "order date, invoice date, date de commande, date commande, date de la commande, date facture, date "
            "de facture, purchase date, date achat, date d achat, date de vente, created at, ordered at, placed "
            "at, date",
        ),
        _target(
            "order.total",
            "amount",
            "order total, total ttc, montant total, montant ttc, net a payer, montant ht, total ht, order total "
            "amount, total amount, total commande, total, montant, amount, dollar value, ca ttc",
        ),
        _target(
            "order.currency",
            "code",
            "currency, devise, order currency, monnaie",
        ),
        _target(
            "order.channel",
            "text",
            "channel, canal, canal de vente, sales channel",
        ),
        _target(
            "order.store",
            "text",
            "store, boutique, magasin, point de vente, location, shop",
        ),
        _target(
            "order.voucher_id",
            "code",
            "discount code, code promo, coupon code, bon de reduction, coupon",
        ),
        _target(
            "line.sku",
            "code",
            "sku, stock code, code article, reference article, ref article, reference produit, ref produit, "
            "code produit, product code, item code, lineitem sku, reference, ref, article, item no",
        ),
        _target(
            "line.product",
            "text",
            "product, produit, product name, nom du produit, description, designation, libelle, item name, "
            "lineitem name, item",
        ),
        _target(
            "line.category",
            "text",
            "category, categorie, famille, rayon, product category",
        ),
        _target(
            "line.quantity",
            "amount",
            "quantity, quantity refund, quantite, qte, qty, lineitem quantity, nombre",
        ),
        _target(
            "line.unit_price",
            "amount",
            "unit price, prix unitaire, prix unitaire ttc, pu, pu ttc, lineitem price, item cost, price, prix, prix ttc",
        ),
        _target(
            "line.amount",
            "amount",
            "line total, total ligne, montant ligne, montant de la ligne, line amount, line item total",
        ),
        _target("line.kind", "word", ""),
        _target("order.cancelled_at", "instant", "cancelled at, date annulation, date d annulation, annulee le"),
        _target("order.refunded", "amount", "refunded amount, montant rembourse, amount refunded, order refund amount"),
        *_permission_targets(),
    )
}

CONTACT_ONLY: Final = frozenset({"customer.registered_at", "customer.note", "customer.tags"})
"""Fields that an order file does not fill."""


@cache
def by_word() -> dict[str, list[tuple[int, Target]]]:
    """Targets by header words, with the rank of the word (0 is the surest)."""
    index: dict[str, list[tuple[int, Target]]] = {}
    for target in TARGETS.values():
        for rank, word in enumerate(target.words):
            index.setdefault(word, []).append((rank, target))
    return index
