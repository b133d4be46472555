"""French files of every kind are proposed as what they are, by their column names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clientbook.importing.decode import open_file
from clientbook.importing.mapping import ColumnMapping, Mapping
from clientbook.testing.workbench import Workbench

PLUGIN = Path(__file__).parents[2] / "plugins" / "clientbook-loyalty"
WHO = "ana@example.com"
FILES = {
    "contacts": (
        "contacts",
        "Civilité;Nom;Prénom;E-mail;Téléphone;CP;Ville\nMme;Petit;Ana;{who};06 11 22 33 44;1000;Bourg\n",
    ),
    "companies": (
        "contacts",
        "Raison sociale;SIRET;Courriel;Tél. fixe;CP;Ville\nMaison Exemple;;{who};04 74 00 00 00;1000;Bourg\n",
    ),
    "orders and lines": (
        "orders",
        "N° commande;Date;E-mail;Réf article;Désignation;Qté;PU TTC\nC1;03/01/2026;{who};SAV;Savon;2;9,90\n"
        "C1;03/01/2026;{who};COF;Coffret;1;29,00\n",
    ),
    "order forms": ("orders", "N° bon de commande;Date;Nom;E-mail;Montant TTC\nB1;03/01/2026;Petit;{who};1 234,50 €\n"),
    "carts": (
        "cart_abandoned",
        "N° panier;Abandonné le;E-mail;Désignation;Quantité;Prix unitaire\nP1;28/03/2026 18:04;{who};Savon;2;9,90\n"
        "P1;28/03/2026 18:04;{who};Coffret;1;29,00\n",
    ),
    "quotes": (
        "quote_requested",
        "N° devis;Date du devis;Client;E-mail;Montant TTC\nD1;15/02/2026;Petit;{who};1 234,56 €\n",
    ),
    "calls": (
        "call_made",
        "Date de l'appel;Téléphone;E-mail;Sens;Résultat;Commentaires\n16/02/2026 10:30;0611223344;{who};Sortant;"
        "Répondu;Lundi\n",
    ),
    "meetings": (
        "meeting_held",
        "Date du rendez-vous;Nom;E-mail;Lieu;Compte rendu\n16/02/2026 10:30;Petit;{who};Boutique;Vu\n",
    ),
    "surveys": (
        "survey_answered",
        "Horodateur,Adresse e-mail,Note de satisfaction,Que pensez-vous de la boutique ?\n"
        "16/02/2026 10:30:00,{who},9,Très bien\n",
    ),
    "contests": (
        "contest_entered",
        "Jeu;Date de participation;Nom;E-mail;Optin newsletter;Optin partenaires;Gagné ?\n"
        "Noël;17/12/2025;Petit;{who};Oui;;Non\n",
    ),
    "newsletter sign-ups": (
        "contacts",
        "E-mail;Prénom;Inscrit newsletter;Date d'inscription newsletter\n{who};Ana;Oui;13/01/2026\n",
    ),
}
SAID = {
    "carts": {"cart_id": "P1", "amount": 48.8},
    "quotes": {"quote_id": "D1", "amount": 1234.56},
    "calls": {"direction": "outbound", "outcome": "reached", "summary": "Lundi"},
    "meetings": {"place": "Boutique", "summary": "Vu"},
    "surveys": {"survey": "file", "score": 9, "answers": [("Que pensez-vous de la boutique ?", "Très bien")]},
    "contests": {"contest": "Noël", "won": False},
}


@pytest.mark.parametrize("name", FILES)
def test_a_french_file_is_proposed_as_what_it_is_and_comes_in_once(shop: Any, name: str) -> None:
    kind, text = FILES[name]
    text = text.replace("{who}", WHO)
    result = shop.bring(text)
    assert result.outcome.rows_used == result.outcome.rows_read == text.count("\n") - 1
    assert shop.rows("select lower(email) as email from customers") == [{"email": WHO}]
    counted = {"contacts": "customer_registered", "orders": "order_placed"}.get(kind, kind)
    assert result.outcome.event_counts[counted] == 1
    if name in SAID:
        (row,) = shop.rows(f"select {kind} as said from events where type = '{kind}'")
        found = {key: float(value) if key == "amount" else value for key, value in row["said"].items()}
        assert {key: found[key] for key in SAID[name]} == SAID[name]
    assert shop.bring(text).outcome.events == 0


def test_a_mailing_log_is_proposed_but_not_taken_unseen(desk: Any) -> None:
    plan = desk.plan(f"Campagne;Date d'envoi;E-mail;Objet\nSoldes;16/02/2026 10:30;{WHO};Les soldes\n")
    assert plan.mapping.kind == "message_sent"
    assert (plan.is_sure, plan.mapping.constants) == (False, {"event.channel": "email", "event.purpose": "own_offers"})


def test_sign_ups_are_known_to_have_come_by_a_form(desk: Any) -> None:
    plan = desk.plan(FILES["newsletter sign-ups"][1].replace("{who}", WHO))
    assert plan.mapping.contacts.collected_via == "newsletter_form"


def test_an_order_file_with_a_campaign_is_an_order_file(desk: Any) -> None:
    plan = desk.plan(f"N° commande;Date;E-mail;Total;Campagne\n1;16/02/2026;{WHO};5,00;Soldes\n")
    assert plan.mapping.kind == "orders"


def test_a_plugins_own_events_come_in_by_the_same_mapper(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(PLUGIN / "src")
    import clientbook_loyalty

    book = Workbench(tmp_path).book(clientbook_loyalty)
    mapping = Mapping(
        kind="loyalty.points_earned",
        source="till",
        timezone="Europe/Paris",
        currency="EUR",
        columns={
            "E-mail": ColumnMapping(to="customer.email"),
            "Le": ColumnMapping(to="event.occurred_at", formats=["%d/%m/%Y"]),
            "Points": ColumnMapping(to="event.points"),
        },
    )
    path = tmp_path / "points.csv"
    path.write_text(
        f"E-mail,Le,Points\n{WHO},16/02/2026,24\n{WHO},30/02/2026,5\n{WHO},17/02/2026,beaucoup\n", encoding="utf-8"
    )
    file = open_file(str(path))
    outcome = book.import_file(file, book.plan(file, mapping=mapping)).outcome
    assert outcome.event_counts["loyalty.points_earned"] == 1
    assert [one.code for one in outcome.rejects] == ["date.impossible", "count.format"]


def test_a_checkouts_box_is_a_state_and_no_dated_act(shop: Any) -> None:
    shop.bring(f"N° panier;Abandonné le;E-mail;Optin newsletter;Total\nP1;28/03/2026;{WHO};Oui;5,00\n")
    (said,) = shop.rows("select consent_given as it from events where type = 'consent_given'")
    assert (said["it"]["undated"], said["it"]["opt_in_level"]) == (True, "UNKNOWN")


def test_a_question_that_was_answered_with_yes_is_kept_as_the_proof(shop: Any) -> None:
    question = "On vous recontacte pour votre projet ?"
    mapping = Mapping(
        kind="survey_answered",
        source="form",
        timezone="Europe/Paris",
        currency="EUR",
        columns={
            "Horodateur": ColumnMapping(to="event.occurred_at", formats=["%d/%m/%Y %H:%M:%S"]),
            "E-mail": ColumnMapping(to="customer.email"),
            question: ColumnMapping(to="consent.offers"),
        },
        constants={"event.survey": "projet"},
    )
    shop.bring(f"Horodateur,E-mail,{question}\n16/02/2026 10:30:00,{WHO},Oui\n", mapping=mapping)
    (said,) = shop.rows("select consent_given as it from events where type = 'consent_given'")
    assert (said["it"]["form_id"], said["it"]["undated"]) == (question, None)
