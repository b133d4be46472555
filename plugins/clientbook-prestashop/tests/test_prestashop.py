from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_prestashop as plugin
import pytest

from clientbook.importing.decode import UnreadableFile

SAMPLES = Path(__file__).parents[1] / "samples"


def test_newsletter_and_partner_offers_are_two_consents_without_a_date(bring: Any) -> None:
    shop = bring(plugin, "prestashop", SAMPLES / "customer_fr.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("prestashop.customers", 2)
    acts = shop.rows("select act, purpose, undated, subject_address as who from consent_history order by purpose")
    assert acts == [
        {"act": "consent_given", "purpose": "newsletter", "undated": True, "who": "ada@example.com"},
        {"act": "consent_given", "purpose": "partner_offers", "undated": True, "who": "ben@example.com"},
    ]
    assert shop.again(SAMPLES / "customer_fr.csv").events == 0
    taken_back = (SAMPLES / "customer_fr.csv").read_bytes().replace(b"1;1;0;", b"1;0;0;")
    assert shop.again(taken_back).event_counts["consent_withdrawn"] == 1


def test_subscribers_have_a_date_and_visitors_no_number(bring: Any) -> None:
    shop = bring(plugin, "prestashop", SAMPLES / "newsletter.csv")
    assert (shop.importer, shop.outcome.rows_used) == ("prestashop.newsletter", 2)
    customers = shop.rows("select email, external_id from customers order by email")
    assert [tuple(one.values()) for one in customers] == [("ada@example.com", "12"), ("visitor@example.com", None)]
    assert shop.rows("select distinct undated, opt_in_level from consent_history") == [
        {"undated": None, "opt_in_level": "SINGLE_OPT_IN"}
    ]


def test_a_file_with_the_first_name_three_times_is_refused(bring: Any) -> None:
    text = "ID;First name;Last name;Email address;Newsletter;Partner offers\n1;Ada;Ada;Ada;1;0\n2;Ben;Ben;Ben;1;0\n"
    with pytest.raises(UnreadableFile, match="the same in every row"):
        bring(plugin, "prestashop", text.encode())


def test_the_order_grid_is_refused_with_its_reason(bring: Any) -> None:
    header = "ID;Reference;New client;Delivery;Customer;Total;Payment;Status;Date\n"
    text = header + "5;XK;1;France;A. Morel;53,70;C;P;2024-03-28 18:04:11\n"
    with pytest.raises(UnreadableFile, match="SQL Manager"):
        bring(plugin, "prestashop", text.encode())
