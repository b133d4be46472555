"""Amounts and dates as shops write them: read, or refused; never read as something else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from clientbook.importing.cells import amount_sql, best_formats, moment_sql, value_sql
from clientbook.importing.mapping import ColumnMapping
from clientbook.importing.vocabulary import TARGETS


def amount(desk: Any, cell: str, decimal: str) -> Decimal | None:
    return desk.engine.value(f"select {amount_sql('cell', decimal)} from (select $cell as cell)", {"cell": cell})


def instant(desk: Any, cell: str, *formats: str, timezone: str = "Europe/Paris", to: str = "order.placed_at") -> Any:
    chosen = ColumnMapping(to=to, formats=list(formats))
    value = value_sql("cell", TARGETS[to], chosen, timezone)
    return desk.engine.value(f"select {value} from (select $cell as cell)", {"cell": cell})


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9,90", "9.90"),
        ("9", "9"),
        ("1234,5", "1234.5"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56\u00a0€", "1234.56"),
        ("1\u202f234\u202f567,8912 €", "1234567.8912"),
        ("1.234,56", "1234.56"),
        ("1.234", "1234"),
        ("-12,00", "-12"),
        ("-1 234,56 €", "-1234.56"),
        ("€ 12,50", "12.50"),
        ("-€12,50", "-12.50"),
        ("12,50 EUR", "12.50"),
        ("+3,00", "3"),
        ("0,50000000", "0.5"),
    ],
)
def test_french_amounts_are_read(desk: Any, cell: str, value: str) -> None:
    assert amount(desk, cell, ",") == Decimal(value)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9.90", "9.90"),
        ("1,234.56", "1234.56"),
        ("$1,234,567.00", "1234567"),
        ("£9", "9"),
        ("-4.2500", "-4.25"),
        ("1'234.50 CHF", "1234.50"),
        ("99999999999999.9999", "99999999999999.9999"),
    ],
)
def test_english_amounts_are_read(desk: Any, cell: str, value: str) -> None:
    assert amount(desk, cell, ".") == Decimal(value)


@pytest.mark.parametrize(
    "cell",
    ["abc", "12,34,5", "1,23456", "6,12E+08", "1e3", "12.5", "--5", "1.23,45", "", "€", "999999999999999", "nan", "0x10"],
)
def test_what_is_no_french_amount_is_refused(desk: Any, cell: str) -> None:
    assert amount(desk, cell, ",") is None


@pytest.mark.parametrize("cell", ["9,90", "1,23.45", "1.23456", "6.12E+08", "inf", "12.5.1", "1.2.3"])
def test_what_is_no_english_amount_is_refused(desk: Any, cell: str) -> None:
    assert amount(desk, cell, ".") is None


def test_a_currency_sign_in_the_middle_never_turns_euros_into_hundreds(desk: Any) -> None:
    assert amount(desk, "12€50", ",") is None


@pytest.mark.parametrize(
    ("cell", "format", "value"),
    [
        ("01/02/2026", "%d/%m/%Y", datetime(2026, 1, 31, 23, 0, tzinfo=UTC)),
        ("1/2/26", "%d/%m/%y", datetime(2026, 1, 31, 23, 0, tzinfo=UTC)),
        ("1/2/2026 9:05", "%d/%m/%Y %H:%M", datetime(2026, 2, 1, 8, 5, tzinfo=UTC)),
        ("2026-07-01 08:00:00", "%Y-%m-%d %H:%M:%S", datetime(2026, 7, 1, 6, 0, tzinfo=UTC)),
        ("20260701", "%Y%m%d", datetime(2026, 6, 30, 22, 0, tzinfo=UTC)),
        ("2026-02-01T10:00:00+01:00", "iso", datetime(2026, 2, 1, 9, 0, tzinfo=UTC)),
        ("2026-02-01 10:00:00 +0100", "iso", datetime(2026, 2, 1, 9, 0, tzinfo=UTC)),
        ("2026-02-01T10:00:00.25Z", "iso", datetime(2026, 2, 1, 10, 0, 0, 250000, tzinfo=UTC)),
    ],
)
def test_local_times_become_utc_and_offsets_are_kept_to(desk: Any, cell: str, format: str, value: datetime) -> None:
    assert instant(desk, cell, format) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2026-03-29 01:59:00", datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        ("2026-03-29 03:00:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-10-25 01:59:00", datetime(2026, 10, 24, 23, 59, tzinfo=UTC)),
        ("2026-10-25 03:00:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_summer_time_begins_and_ends_as_in_paris(desk: Any, cell: str, value: datetime) -> None:
    assert instant(desk, cell, "%Y-%m-%d %H:%M:%S") == value


@pytest.mark.parametrize("cell", ["2026-03-29 02:30:00", "2026-10-25 02:30:00"])
def test_an_hour_that_the_clock_skips_or_repeats_still_has_a_moment_near_by(desk: Any, cell: str) -> None:
    found = instant(desk, cell, "%Y-%m-%d %H:%M:%S")
    local = datetime.fromisoformat(cell).replace(tzinfo=UTC)
    assert 1 <= (local - found).total_seconds() / 3600 <= 2


@pytest.mark.parametrize(
    ("cell", "format"),
    [
        ("30/02/2026", "%d/%m/%Y"),
        ("31/04/2026", "%d/%m/%Y"),
        ("13/13/2026", "%d/%m/%Y"),
        ("01/02/26", "%d/%m/%Y"),
        ("01/02/20260", "%d/%m/%Y"),
        ("01/02/2026 10:00", "%d/%m/%Y"),
        ("2026-02-01 25:00:00", "%Y-%m-%d %H:%M:%S"),
        ("2026-02-30T10:00:00Z", "iso"),
        ("2026-02-01T10:00:00", "iso"),
        ("0026-02-01", "%Y-%m-%d"),
        ("46054", "%Y-%m-%d"),
    ],
)
def test_dates_that_do_not_exist_or_have_another_form_are_refused(desk: Any, cell: str, format: str) -> None:
    assert instant(desk, cell, format) is None


def test_several_formats_may_stand_in_one_column(desk: Any) -> None:
    formats = ("%d/%m/%Y", "%Y-%m-%d", "iso")
    found = [instant(desk, cell, *formats) for cell in ("01/02/2026", "2026-02-01", "2026-02-01T00:00:00+01:00")]
    assert set(found) == {datetime(2026, 1, 31, 23, 0, tzinfo=UTC)}


def test_a_birthday_is_a_day_and_no_time_zone_moves_it(desk: Any) -> None:
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        assert instant(desk, "1/1/85", "%d/%m/%y", timezone=zone, to="customer.birth_date") == date(1985, 1, 1)


def formats(desk: Any, cells: list[str], *, day_first: bool = True) -> tuple[list[str], float, bool]:
    listed = ", ".join(f"('{cell}')" for cell in cells)
    desk.engine.execute(f"create or replace table looked_at as select * from (values {listed}) as t(cell)")
    return best_formats(desk.engine, "looked_at", "cell", day_first=day_first)


def test_one_cell_that_can_only_be_read_one_way_decides_for_the_whole_column(desk: Any) -> None:
    assert formats(desk, ["01/02/2026", "03/04/2026", "25/12/2026"])[0] == ["%d/%m/%Y"]
    assert formats(desk, ["01/02/2026", "03/04/2026", "12/25/2026"])[0] == ["%m/%d/%Y"]


def test_a_column_that_can_be_read_both_ways_is_said_to_be_so(desk: Any) -> None:
    assert formats(desk, ["01/02/2026", "03/04/2026"]) == (["%d/%m/%Y"], 1.0, True)
    assert formats(desk, ["01/02/2026", "03/04/2026"], day_first=False) == (["%m/%d/%Y"], 1.0, True)
    assert formats(desk, ["25/02/2026"])[2] is False


def test_day_and_month_never_change_places_within_a_column(desk: Any) -> None:
    chosen, share, _twin = formats(desk, ["25/12/2026", "26/12/2026", "27/12/2026", "12/31/2026"])
    assert chosen == ["%d/%m/%Y"]
    assert share == 0.75


def test_times_and_bare_dates_in_one_column_are_both_read(desk: Any) -> None:
    chosen, share, _twin = formats(desk, ["25/12/2026 10:00", "25/12/2026 11:00", "26/12/2026"])
    assert chosen == ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
    assert share == 1.0


def test_the_shape_is_checked_before_the_parser_is_asked(desk: Any) -> None:
    shape = f"select {moment_sql('cell', '%d/%m/%Y')} from (select '1/2/26' as cell)"
    assert desk.engine.value(shape) is None


@pytest.mark.parametrize(
    ("to", "cell", "value"),
    [
        ("customer.postal_code", "'01000", "01000"),
        ("customer.phone", "'+33612345678", "+33612345678"),
        ("customer.email", " a@example.com", "a@example.com"),
        ("customer.tags", "vip, thé ,,bio", ["vip", "thé", "bio"]),
        ("customer.email", "a@example", None),
        ("customer.email", "a b@example.com", None),
        ("customer.email", "a@example.com, b@example.com", None),
    ],
)
def test_codes_addresses_and_tags_are_read_as_shops_write_them(desk: Any, to: str, cell: str, value: Any) -> None:
    assert instant(desk, cell, to=to) == value
