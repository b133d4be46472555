"""The wordings people are shown, the lists acquired, and their publication as events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final

from shop_calendar import FIRST_DAY, OPT_OUT_BOX_FROM, STRICT_POLICY_FROM, local
from story import Data, Story

CONTROLLER: Final = "Maison Verlune SAS (société fictive), 4 chemin des Tilleuls, 69530 Brignais"
RIGHTS: Final = (
    " Vous pouvez accéder à vos données, les faire corriger ou effacer, et vous opposer à leur usage :"
    " donnees@maison-verlune.example. Réclamation possible auprès de la CNIL."
)
RENTED_LIST: Final = "foyers-2024"
BOUGHT_LIST: Final = "fichier-adresses-2023"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One version of a wording."""

    name: str
    version: str
    since: date
    text: str
    purposes: tuple[str, ...]
    language: str = "fr"


NOTICES: Final = (
    Notice(
        name="avis-commande",
        version="1",
        since=FIRST_DAY,
        text=f"{CONTROLLER} utilise vos données pour traiter votre commande et tenir votre compte.{RIGHTS}",
        purposes=("order_service",),
    ),
    Notice(
        name="avis-commande",
        version="2",
        since=OPT_OUT_BOX_FROM,
        text=(
            f"{CONTROLLER} utilise vos données pour traiter votre commande, tenir votre compte et vous écrire au sujet de"
            " produits analogues à ceux que vous achetez. [ ] Je ne veux pas recevoir ces messages. Chaque message permet"
            f" aussi de les refuser, sans frais.{RIGHTS}"
        ),
        purposes=("order_service", "own_offers"),
    ),
    Notice(
        name="lettre-boutique",
        version="1",
        since=FIRST_DAY,
        text=(
            "[ ] Je souhaite recevoir la lettre mensuelle de Maison Verlune par e-mail. Un message de confirmation me sera"
            f" envoyé. Désinscription en un clic dans chaque lettre. Responsable : {CONTROLLER}.{RIGHTS}"
        ),
        purposes=("newsletter",),
    ),
    Notice(
        name="lettre-boutique",
        version="1",
        since=FIRST_DAY,
        text=(
            "[ ] I would like to receive the monthly letter of Maison Verlune by e-mail. A confirmation message will be sent"
            f" to me. One click in each letter ends it. Controller: {CONTROLLER}. You may ask to see, correct or erase your"
            " data: donnees@maison-verlune.example."
        ),
        purposes=("newsletter",),
        language="en",
    ),
    Notice(
        name="lettre-boutique",
        version="2",
        since=STRICT_POLICY_FROM,
        text=(
            "[ ] Je souhaite recevoir la lettre mensuelle de Maison Verlune par e-mail. Un message de confirmation me sera"
            " envoyé, et nous vous redemanderons chaque année si vous souhaitez la garder. Désinscription en un clic dans"
            f" chaque lettre. Responsable : {CONTROLLER}.{RIGHTS}"
        ),
        purposes=("newsletter",),
    ),
    Notice(
        name="formulaire-comptoir",
        version="1",
        since=FIRST_DAY,
        text=(
            f"{CONTROLLER} utilise vos coordonnées pour votre carte de fidélité et pour vous écrire au sujet de produits"
            " analogues. [ ] Je refuse ces courriers. [ ] Je veux la lettre mensuelle par e-mail. [ ] Je veux les offres par"
            f" SMS.{RIGHTS}"
        ),
        purposes=("own_offers", "newsletter"),
    ),
    Notice(
        name="devis-pro",
        version="1",
        since=FIRST_DAY,
        text=(
            f"{CONTROLLER} utilise vos coordonnées professionnelles pour établir votre devis et vous proposer des produits"
            f" liés à votre activité. [ ] Je ne souhaite pas être sollicité.{RIGHTS}"
        ),
        purposes=("own_offers",),
    ),
    Notice(
        name="jeu-printemps-2024",
        version="1",
        since=date(2024, 4, 2),
        text=(
            "Jeu de printemps : remplissez ce bulletin pour gagner un coffret. [x] J'accepte de recevoir la lettre et les"
            " offres de Maison Verlune et de ses partenaires."
        ),
        purposes=("newsletter", "partner_offers"),
    ),
    Notice(
        name="salon-2024",
        version="1",
        since=date(2024, 10, 7),
        text=(
            f"Rencontrés au salon. {CONTROLLER} garde vos coordonnées pour vous recontacter sur les produits essayés."
            f" [ ] Je veux la lettre mensuelle par e-mail.{RIGHTS}"
        ),
        purposes=("newsletter",),
    ),
    Notice(
        name="jeu-noel-2025",
        version="1",
        since=date(2025, 11, 24),
        text=(
            "Jeu de Noël : vos réponses servent au tirage au sort et sont effacées trois mois après la remise des lots."
            f" [ ] Je veux aussi la lettre mensuelle par e-mail ; jouer n'y oblige pas.{RIGHTS}"
        ),
        purposes=("contest_admin", "newsletter"),
    ),
    Notice(
        name="partenaires",
        version="1",
        since=date(2024, 2, 1),
        text=(
            "[ ] J'accepte que Maison Verlune m'envoie par e-mail les offres de Rucher des Trois Buis (fictif), son"
            f" partenaire.{RIGHTS}"
        ),
        purposes=("partner_offers",),
    ),
    Notice(
        name="script-telephone",
        version="1",
        since=date(2026, 3, 2),
        text=(
            "À partir du 11 août, nous n'appellerons plus sans votre accord. Acceptez-vous que Maison Verlune vous téléphone"
            " pour ses nouveautés ? Vous pourrez changer d'avis à tout moment. L'appel est enregistré comme preuve."
        ),
        purposes=("own_offers",),
    ),
)


def sha256(text: str) -> str:
    """Digest of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def version_on(name: str, day: date) -> str:
    """The version of a French wording that is shown on this day."""
    shown = [notice.version for notice in NOTICES if notice.name == name and notice.language == "fr" and notice.since <= day]
    return shown[-1]


def publish(story: Story) -> None:
    """Publish every wording before it is first shown, and note the lists before they are used."""
    for notice in NOTICES:
        data: Data = {
            "notice_id": notice.name,
            "version": notice.version,
            "language": notice.language,
            "text": notice.text,
            "sha256": sha256(notice.text),
            "purposes": list(notice.purposes),
            "controllers": [CONTROLLER],
        }
        story.add(local(notice.since, 0, 10), "notice_published", data, source="marketing", actor="responsable données")
    story.add(
        local(date(2023, 9, 18), 9),
        "list_acquired",
        {"list_id": BOUGHT_LIST, "supplier": "Adressia (fictif)", "kind": "bought", "names_us": False, "art14_given": False},
        source="marketing",
        actor="marketing",
    )
    rented: Data = {
        "list_id": RENTED_LIST,
        "supplier": "Foyers & Familles Data (fictif)",
        "kind": "rented",
        "proof": "Formulaire partenaire du 12 mars 2024, case vide, Maison Verlune nommée ; copie au contrat 2024-17.",
        "names_us": True,
        "art14_given": True,
        "licence_until": "2025-09-16",
    }
    story.add(local(date(2024, 9, 16), 9), "list_acquired", rented, source="marketing", actor="marketing")
