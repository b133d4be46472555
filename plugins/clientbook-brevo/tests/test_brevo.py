from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_brevo as plugin

SAMPLES = Path(__file__).parents[1] / "samples"


def test_opt_ins_are_undated_and_the_blocklist_suppresses(bring: Any) -> None:
    shop = bring(plugin, "brevo", SAMPLES / "contacts.csv")
    assert shop.importer == "brevo.contacts"
    assert (shop.outcome.rows_used, shop.outcome.rows_rejected) == (3, 1)
    acts = shop.rows(
        "select act, channel, subject_address as who, opt_in_level, undated from consent_history order by position"
    )
    assert sorted(map(tuple, (act.values() for act in acts)), key=str) == sorted(
        [
            ("consent_given", "email", "ada@example.com", "CONFIRMED_OPT_IN", True),
            ("consent_given", "email", "luc@example.com", "UNKNOWN", True),
            ("address_suppressed", "email", "ben@example.com", None, None),
        ],
        key=str,
    )
    (ada,) = shop.rows("select phone from customers where email = 'ada@example.com'")
    assert ada["phone"] == "+33600000001"


def test_the_same_file_again_adds_nothing(bring: Any) -> None:
    shop = bring(plugin, "brevo", SAMPLES / "contacts.csv")
    assert shop.again(SAMPLES / "contacts.csv").events == 0


def test_columns_that_are_missing_or_more_do_not_matter(bring: Any) -> None:
    text = "SHOE_SIZE;EMAIL;NOM;PRENOM;SMS\n38;ada@example.com;Morel;Ada;33600000001\n"
    shop = bring(plugin, "brevo", text.encode(), name="import.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("brevo.contacts", 1)


def test_why_a_file_is_none_of_brevo_is_said(why: Any) -> None:
    assert why(plugin, "brevo", b"EMAIL;PRENOM\na@example.com;A\n") == {
        "brevo.contacts": (0, ("there is no column LASTNAME / NOM, SMS / WHATSAPP / DOUBLE_OPT-IN / EXT_ID",))
    }


def test_a_file_made_for_brevo_comes_back(bring: Any) -> None:
    """What `clientbook export brevo` writes is read as Brevo's own: a confirmed opt-in, undated, so weak proof."""
    text = "EMAIL;LASTNAME;FIRSTNAME;EXT_ID;DOUBLE_OPT-IN\nada@example.com;Morel;Ada;046d788f;1\nben@example.com;Petit;;;2\n"
    shop = bring(plugin, "brevo", text.encode(), name="brevo.csv")
    assert shop.importer == "brevo.contacts"
    consents = shop.rows(
        "select name, opt_in_level, undated from consent_history inner join customers using (customer_id)"
        " where act = 'consent_given'"
    )
    assert [tuple(one.values()) for one in consents] == [("Ada Morel", "CONFIRMED_OPT_IN", True)]
