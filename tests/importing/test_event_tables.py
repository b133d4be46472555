"""Files of one type of events: calls, carts, answers; targets are the fields of the type."""

from __future__ import annotations

from typing import Any

import pytest

from clientbook.importing.mapping import ColumnMapping as To
from clientbook.importing.mapping import Mapping, MappingError, check

DAY = ["%d/%m/%Y"]


def mapping(kind: str, columns: dict[str, To], **constants: str) -> Mapping:
    return Mapping(
        kind=kind,
        source="crm",
        timezone="Europe/Paris",
        currency="EUR",
        columns=columns,
        constants={name.replace("__", "."): value for name, value in constants.items()},
    )


CALLS = mapping(
    "call_made",
    {
        "Mail": To(to="customer.email"),
        "Date": To(to="event.occurred_at", formats=DAY),
        "Statut": To(to="event.outcome", values={"Répondu": "reached", "Absent": "no_answer"}),
        "Notes": To(to="event.summary"),
    },
    event__direction="outbound",
)
CARTS = mapping(
    "cart_abandoned",
    {
        "Panier": To(to="event.cart_id"),
        "Mail": To(to="customer.email"),
        "Date": To(to="event.occurred_at", formats=DAY),
        "Article": To(to="line.product"),
        "Qte": To(to="line.quantity", decimal="."),
        "Prix": To(to="line.unit_price", decimal="."),
    },
)


def test_each_row_of_a_call_log_is_a_call(shop: Any) -> None:
    text = (
        "Mail,Date,Statut,Notes\nz@example.com,03/04/2026,Répondu,ok\nq@example.com,04/04/2026,absent,\n"
        "q@example.com,30/02/2026,absent,\nq@example.com,04/04/2026,bof,\n"
    )
    outcome = shop.bring(text, mapping=CALLS).outcome
    assert [(one.line, one.code) for one in outcome.rejects] == [(4, "date.impossible"), (5, "value.unknown")]
    calls = shop.rows(
        "select call_made.outcome as outcome, call_made.direction as way from events where call_made is not null"
    )
    assert sorted((call["outcome"], call["way"]) for call in calls) == [("no_answer", "outbound"), ("reached", "outbound")]
    again = shop.bring(text, mapping=CALLS).outcome
    assert (again.events, again.rows_duplicate, again.rows_rejected) == (0, 2, 2)


def test_rows_with_one_number_are_one_cart_taken_whole_or_not_at_all(shop: Any) -> None:
    text = (
        "Panier,Mail,Date,Article,Qte,Prix\n1,z@example.com,03/04/2026,Thé,2,4.50\n1,z@example.com,03/04/2026,Café,1,3\n"
        "2,,04/04/2026,Thé,1,1\n3,a@example.com,04/04/2026,Thé,x,1\n3,a@example.com,04/04/2026,Thé,1,1\n"
    )
    outcome = shop.bring(text, mapping=CARTS).outcome
    assert (outcome.rows_used, [(one.line, one.code) for one in outcome.rejects]) == (
        3,
        [(5, "amount.format"), (6, "event.incomplete")],
    )
    carts = shop.rows(
        "select customer_id, cart_abandoned as cart from events where cart_abandoned is not null order by position"
    )
    assert [(cart["cart"]["cart_id"], cart["cart"]["amount"], cart["customer_id"] is None) for cart in carts] == [
        ("1", 12, False),
        ("2", 1, True),
    ]
    assert shop.rows("select count(*) as n from orders") == [{"n": 0}]


def test_the_answers_to_a_survey_keep_their_questions_and_a_yes_is_dated_by_the_answer(shop: Any) -> None:
    answers = mapping(
        "survey_answered",
        {
            "Horodateur": To(to="event.occurred_at", formats=["%d/%m/%Y %H:%M:%S"]),
            "Mail": To(to="customer.email"),
            "Aimez-vous ?": To(to="event.answers"),
            "Pourquoi ?": To(to="event.answers"),
            "On vous écrit ?": To(to="consent.newsletter"),
        },
        event__survey="spring",
    )
    shop.bring(
        "Horodateur,Mail,Aimez-vous ?,Pourquoi ?,On vous écrit ?\n01/02/2026 10:00:00,z@example.com,Oui,bon,Oui\n"
        "01/02/2026 10:05:00,k@example.com,Non,,\n",
        mapping=answers,
    )
    found = shop.rows(
        "select survey_answered.answers as said from events where survey_answered is not null order by position"
    )
    assert [dict(row["said"]) for row in found] == [{"Aimez-vous ?": "Oui", "Pourquoi ?": "bon"}, {"Aimez-vous ?": "Non"}]
    (consent,) = shop.rows("select act, undated, subject_address from consent_history")
    assert consent == {"act": "consent_given", "undated": None, "subject_address": "z@example.com"}


def test_a_kind_that_is_no_type_of_events_is_refused() -> None:
    with pytest.raises(MappingError, match="expected orders, contacts or a type of events"):
        check(mapping("calls_made", {"Mail": To(to="customer.email")}), "mapping")
