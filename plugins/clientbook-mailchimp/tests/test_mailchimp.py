from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_mailchimp as plugin
import pytest

from clientbook.importing.decode import UnreadableFile

SAMPLES = Path(__file__).parents[1] / "samples"
SUBSCRIBED = SAMPLES / "subscribed_members_export_1a2b.csv"


def acts(shop: Any) -> list[tuple[Any, ...]]:
    found = shop.rows("select distinct act, subject_address as who, opt_in_level, cause from consent_history")
    return sorted((tuple(row.values()) for row in found), key=str)


def test_two_times_are_a_double_opt_in_and_one_is_a_single_one(bring: Any) -> None:
    shop = bring(plugin, "mailchimp", SUBSCRIBED)
    assert (shop.importer, shop.outcome.rows_used) == ("mailchimp.members", 2)
    assert acts(shop) == [
        ("consent_given", "ada@example.com", "CONFIRMED_OPT_IN", None),
        ("consent_given", "ben@example.com", "SINGLE_OPT_IN", None),
    ]
    assert shop.again(SUBSCRIBED).events == 0


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("unsubscribed", ("consent_withdrawn", "ada@example.com", None, None)),
        ("cleaned", ("address_suppressed", "ada@example.com", None, "bounce")),
        ("nonsubscribed", None),
    ],
)
def test_the_name_of_the_file_is_the_state(bring: Any, state: str, expected: Any) -> None:
    shop = bring(plugin, "mailchimp", SUBSCRIBED.read_bytes(), name=f"{state}_members_export_1a2b.csv")
    found = acts(shop)
    assert shop.outcome.rows_used == 2
    assert found == [] if expected is None else expected in found and len(found) == 2


def test_a_file_that_was_renamed_is_refused(bring: Any) -> None:
    with pytest.raises(UnreadableFile, match="the name has to say"):
        bring(plugin, "mailchimp", SUBSCRIBED.read_bytes(), name="export.csv")
