"""Order files: rows become orders, refunds, adjustments and profile changes; what is spoilt stays out whole."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from clientbook.importing.mapping import ColumnMapping, Layout, Mapping, OrderRules

HEAD = "commande;date;email;sku;qté;pu\n"
LINES = Mapping(
    kind="orders",
    source="shop",
    timezone="Europe/Paris",
    currency="EUR",
    layout=Layout(delimiter=";"),
    columns={
        "commande": ColumnMapping(to="order.id"),
        "date": ColumnMapping(to="order.placed_at", formats=["%d/%m/%Y"]),
        "email": ColumnMapping(to="customer.email"),
        "sku": ColumnMapping(to="line.sku"),
        "qté": ColumnMapping(to="line.quantity", decimal=","),
        "pu": ColumnMapping(to="line.unit_price", decimal=","),
    },
    orders=OrderRules(credit_prefixes=["AV"], adjustment_prefixes=["OD"]),
)


def events(draft: Any, type: str) -> list[dict[str, Any]]:
    """The draft's events of a type: who, when, and what."""
    return [
        row[type] | {"who": row["email"] or row["external"] or row["phone"], "at": row["occurred_at"]}
        for row in draft.events.to_pylist()
        if row["type"] == type
    ]


def lines(desk: Any, rows: str) -> Any:
    return desk.draft(HEAD + rows, mapping=LINES)


def test_rows_of_one_order_need_not_stand_together(desk: Any) -> None:
    draft = lines(
        desk,
        "1;01/02/2026;a@example.com;S;2;9,90\n2;01/02/2026;b@example.com;T;1;5,00\n1;01/02/2026;a@example.com;U;1;0,20\n",
    )
    first, second = events(draft, "order_placed")
    assert (first["order_id"], first["total"], first["who"]) == ("1", Decimal("20"), "a@example.com")
    assert [line["sku"] for line in first["lines"]] == ["S", "U"]
    assert (second["order_id"], second["total"]) == ("2", Decimal(5))
    assert first["at"] == datetime(2026, 1, 31, 23, 0, tzinfo=UTC)


def test_a_total_repeated_on_each_row_counts_once(desk: Any) -> None:
    draft = desk.draft("n commande;date;email;total\n1;01/02/2026;a@example.com;30,00\n1;01/02/2026;a@example.com;30,00\n")
    (order,) = events(draft, "order_placed")
    assert order["total"] == Decimal(30)
    assert [amount for amount in draft.row_amounts.to_pylist() if amount] == [Decimal(30)]


def test_amounts_of_lines_add_up_to_the_order(desk: Any) -> None:
    draft = desk.draft("n commande;date;email;total\n1;01/02/2026;a@example.com;30,00\n1;01/02/2026;a@example.com;3,50\n")
    (order,) = events(draft, "order_placed")
    assert order["total"] == Decimal("33.5")


def test_letters_decide_what_is_a_credit_note_and_what_is_an_adjustment(desk: Any) -> None:
    draft = lines(
        desk,
        "1;01/02/2026;a@example.com;S;2;9,90\nAV2;03/02/2026;a@example.com;S;-1;9,90\nOD3;04/02/2026;;créance;1;-50,00\n",
    )
    (refund,) = events(draft, "order_refunded")
    (adjustment,) = events(draft, "balance_adjusted")
    assert (refund["amount"], refund["refund_id"], refund["order_id"]) == (Decimal("9.9"), "AV2", "1")
    assert refund["lines"][0]["quantity"] == Decimal(1)
    assert (adjustment["amount"], adjustment["adjustment_id"], adjustment["who"]) == (Decimal(-50), "OD3", None)


def test_a_credit_note_that_asks_for_money_is_set_aside(desk: Any) -> None:
    draft = lines(desk, "1;01/02/2026;a@example.com;S;2;9,90\nAV2;03/02/2026;a@example.com;S;1;9,90\n")
    assert [(reject.line, reject.code) for reject in draft.rejects] == [(3, "value.limits")]
    assert events(draft, "order_refunded") == []


def test_a_negative_total_is_a_refund_whatever_its_number(desk: Any) -> None:
    draft = desk.draft("n commande;date;email;total\n1;01/02/2026;a@example.com;30,00\n2;02/02/2026;a@example.com;-12,00\n")
    (refund,) = events(draft, "order_refunded")
    assert (refund["amount"], refund["order_id"]) == (Decimal(12), None)


def test_an_order_of_nothing_is_an_order(desk: Any) -> None:
    (order,) = events(lines(desk, "1;01/02/2026;a@example.com;S;1;0,00\n"), "order_placed")
    assert order["total"] == 0


ORDER = "{};{};a@example.com;S;3;10,00\n"
BACK = "AV9;{};a@example.com;S;{};10,00\n"


@pytest.mark.parametrize(
    ("rows", "linked_to"),
    [
        pytest.param(BACK.format("09/02/2026", "-1"), None, id="no order"),
        pytest.param(ORDER.format(1, "01/02/2026") + BACK.format("09/02/2026", "-3"), "1", id="one order"),
        pytest.param(ORDER.format(1, "01/02/2026") + BACK.format("09/02/2026", "-2"), "1", id="part of the quantity"),
        pytest.param(ORDER.format(1, "01/02/2026") + BACK.format("09/02/2026", "-4"), None, id="more than was ordered"),
        pytest.param(ORDER.format(1, "10/02/2026") + BACK.format("09/02/2026", "-1"), None, id="before the order"),
        pytest.param(BACK.format("09/02/2026", "-1") + ORDER.format(1, "01/02/2026"), "1", id="above its order in the file"),
        pytest.param(
            ORDER.format(1, "01/02/2026") + ORDER.format(2, "02/02/2026") + BACK.format("09/02/2026", "-1"),
            None,
            id="two orders fit",
        ),
        pytest.param(
            ORDER.format(1, "01/02/2026") + ORDER.format(2, "10/02/2026") + BACK.format("09/02/2026", "-1"),
            "1",
            id="two orders, one of them later",
        ),
        pytest.param(
            ORDER.format(1, "01/02/2026").replace("10,00", "11,00") + BACK.format("09/02/2026", "-1"),
            None,
            id="another price",
        ),
        pytest.param(
            ORDER.format(1, "01/02/2026").replace("a@", "b@") + BACK.format("09/02/2026", "-1"), None, id="another customer"
        ),
        pytest.param(
            ORDER.format(1, "01/02/2026") + BACK.format("09/02/2026", "-1") + "AV9;09/02/2026;a@example.com;T;-1;5,00\n",
            None,
            id="an article that was not in it",
        ),
    ],
)
def test_a_refund_is_linked_where_exactly_one_order_fits(desk: Any, rows: str, linked_to: str | None) -> None:
    (refund,) = events(lines(desk, rows), "order_refunded")
    assert refund["order_id"] == linked_to


def test_refunds_are_linked_up_to_what_the_order_came_to_and_no_further(desk: Any) -> None:
    rows = (
        ORDER.format(1, "01/02/2026")
        + BACK.format("09/02/2026", "-2")
        + BACK.format("10/02/2026", "-2").replace("9;", "10;")
    )
    found = {refund["refund_id"]: refund["order_id"] for refund in events(lines(desk, rows), "order_refunded")}
    assert found == {"AV9": "1", "AV10": None}


def test_a_refund_finds_its_order_in_the_book_and_keeps_it_when_it_comes_again(shop: Any) -> None:
    shop.bring(HEAD + ORDER.format(1, "01/02/2026"), mapping=LINES)
    february = HEAD + BACK.format("09/02/2026", "-3")
    first = shop.bring(february, mapping=LINES).outcome
    assert first.rows_used == 1
    order = shop.rows("select status, revenue, refunded from orders")[0]
    assert (order["status"], order["revenue"], order["refunded"]) == ("refunded", 0, Decimal(30))
    again = shop.bring(february, mapping=LINES).outcome
    assert (again.events, again.rows_duplicate, again.rows_rejected) == (0, 1, 0)
    other = shop.bring(HEAD + BACK.format("10/02/2026", "-1").replace("AV9", "AV10"), mapping=LINES).outcome
    assert other.rows_used == 1
    assert shop.rows("select refund_id from refunds where not is_linked") == [{"refund_id": "AV10"}]


def test_a_refund_that_came_before_its_order_does_not_differ_when_both_come(shop: Any) -> None:
    back = BACK.format("09/02/2026", "-3")
    shop.bring(HEAD + back, mapping=LINES)
    both = shop.bring(HEAD + ORDER.format(1, "01/02/2026") + back, mapping=LINES).outcome
    assert (both.rows_used, both.rows_duplicate, both.rows_rejected) == (1, 1, 0)


def test_an_order_known_with_other_content_is_set_aside_and_changes_nothing(shop: Any) -> None:
    shop.bring(HEAD + ORDER.format(1, "01/02/2026"), mapping=LINES)
    result = shop.bring(HEAD + ORDER.format(1, "01/02/2026").replace("10,00", "11,00"), mapping=LINES)
    outcome = result.outcome
    assert (outcome.corrections, outcome.rows_rejected, outcome.events) == (1, 1, 0)
    assert outcome.rejects[0].code == "known.differs"
    assert shop.rows("select gross from orders") == [{"gross": Decimal(30)}]


def test_rows_that_name_nobody_are_orders_of_guests(shop: Any) -> None:
    result = shop.bring(HEAD + "1;01/02/2026;;S;1;4,00\n2;01/02/2026;;S;1;5,00\n", mapping=LINES)
    assert result.outcome.customers_created == 0
    assert shop.rows("select count(*) as n, sum(revenue) as r from orders where is_guest") == [{"n": 2, "r": Decimal(9)}]
    assert shop.rows("select * from customers") == []


def test_a_profile_changes_only_where_it_differs(desk: Any) -> None:
    head = "n commande;date;email;ville;total\n"
    rows = "".join(
        f"{number};{number:02}/02/2026;a@example.com;{city};5,00\n"
        for number, city in enumerate(["Lyon", "Lyon", "Nice", "Nice", "Lyon"], 1)
    )
    changes = events(desk.draft(head + rows), "profile_updated")
    assert [(change["at"].day, change["address"]["city"]) for change in changes] == [(31, "Lyon"), (2, "Nice"), (4, "Lyon")]


def test_a_bad_row_sets_its_whole_order_aside(desk: Any) -> None:
    draft = lines(
        desk,
        "1;01/02/2026;a@example.com;S;2;9,90\n1;01/02/2026;a@example.com;T;deux;5,00\n2;30/02/2026;b@example.com;S;1;1,00\n"
        "3;01/02/2026;c@example.com;S;1;1,00\n",
    )
    assert [order["order_id"] for order in events(draft, "order_placed")] == ["3"]
    assert [(reject.line, reject.column, reject.value, reject.code) for reject in draft.rejects] == [
        (2, "", "", "order.incomplete"),
        (3, "qté", "deux", "amount.format"),
        (4, "date", "30/02/2026", "date.impossible"),
    ]


@pytest.mark.parametrize(
    "broken", ['1;01/02/2026;a@example.com;"T;1;5,00\n', "1;01/02/2026;a@example.com;T;1;5,00;!\n", "1;01/02/2026;T\n"]
)
def test_a_row_that_cannot_be_cut_into_cells_sets_its_order_aside_too(desk: Any, broken: str) -> None:
    draft = lines(desk, "1;01/02/2026;a@example.com;S;2;9,90\n" + broken + "2;01/02/2026;b@example.com;S;1;1,00\n")
    assert [order["order_id"] for order in events(draft, "order_placed")] == ["2"]
    assert [reject.line for reject in draft.rejects] == [2, 3]


def test_one_absurd_row_does_not_stop_the_file(desk: Any) -> None:
    draft = lines(desk, "1;01/02/2026;;S;99999999999999;99999999999999\n2;01/02/2026;;S;1;2,00\n")
    assert [order["order_id"] for order in events(draft, "order_placed")] == ["2"]
    assert [reject.code for reject in draft.rejects] == ["amount.limits"]


def test_one_absurd_sum_does_not_stop_the_file(desk: Any) -> None:
    draft = lines(desk, "1;01/02/2026;;S;1;99999999999999\n" * 3 + "2;01/02/2026;;S;1;2,00\n")
    assert [order["order_id"] for order in events(draft, "order_placed")] == ["2"]
    assert [reject.line for reject in draft.rejects] == [2, 3, 4]


def test_amounts_that_were_set_aside_are_in_the_control_total_once(shop: Any) -> None:
    text = "n commande;date;email;total\n1;30/02/2026;a@example.com;30,00\n1;30/02/2026;a@example.com;30,00\n"
    outcome = shop.bring(text).outcome
    assert (outcome.amount_read, outcome.amount_rejected, outcome.amount_used) == (Decimal(30), Decimal(30), 0)
    assert outcome.rows_rejected == 2


def test_the_rejects_file_corrected_completes_the_import(shop: Any) -> None:
    text = (
        HEAD
        + "1;30/02/2026;a@example.com;S;2;9,90\n1;01/02/2026;a@example.com;S;1;1,00\n2;01/02/2026;a@example.com;S;1;5,00\n"
    )
    result = shop.bring(text, mapping=LINES)
    path: Path = result.rejects_file
    assert path.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter=";"))
    assert [(row["_line"], row["_column"], row["_value"]) for row in rows] == [("2", "date", "30/02/2026"), ("3", "", "")]
    corrected = path.read_text(encoding="utf-8").replace("30/02/2026;a@", "01/02/2026;a@")
    outcome = shop.bring(corrected, mapping=LINES).outcome
    assert (outcome.rows_used, outcome.rows_rejected) == (2, 0)
    assert shop.rows("select sum(revenue) as r, count(*) as n from orders") == [{"r": Decimal("25.8"), "n": 2}]
    assert shop.bring(HEAD + text.removeprefix(HEAD).replace("30/02", "01/02"), mapping=LINES).outcome.events == 0


@pytest.mark.parametrize(
    "layout", [Layout(delimiter=";", header_line=3), Layout(delimiter=";", header_line=3, encoding="utf-16")]
)
def test_a_rejects_file_goes_in_with_the_mapping_of_the_file_it_comes_from(shop: Any, layout: Layout) -> None:
    import msgspec

    mapping = msgspec.structs.replace(LINES, layout=layout)
    text = "Ventes de février\n\n" + HEAD + "1;30/02/2026;a@example.com;S;2;9,90\n2;01/02/2026;a@example.com;S;1;5,00\n"
    path = shop.bring(text.encode(layout.encoding), mapping=mapping).rejects_file
    corrected = path.read_bytes().decode(layout.encoding).replace("30/02", "28/02").encode(layout.encoding)
    assert shop.bring(corrected, mapping=mapping).outcome.rows_used == 1
    assert shop.rows("select sum(revenue) as r from orders") == [{"r": Decimal("24.8")}]


def test_a_row_with_too_many_cells_stands_whole_in_the_rejects_file(shop: Any) -> None:
    path = shop.bring(HEAD + "1;01/02/2026;a@example.com;S;2;9,90;perdu ?\n", mapping=LINES).rejects_file
    assert "perdu ?" in path.read_text(encoding="utf-8")


def test_orders_in_another_currency_are_said_to_stand_beside_the_totals(shop: Any) -> None:
    text = "n commande;date;email;total;devise\n1;01/02/2026;a@example.com;30,00;eur\n2;01/02/2026;a@example.com;40,00;GBP\n"
    outcome = shop.bring(text).outcome
    assert any("GBP" in remark for remark in outcome.remarks)
    assert shop.rows("select revenue, foreign_order_count as n from customers") == [{"revenue": Decimal(30), "n": 1}]


def test_the_same_numbers_from_another_source_are_other_orders(shop: Any) -> None:
    text = "n commande;date;email;total\n1;01/02/2026;a@example.com;30,00\n"
    shop.bring(text, source="web")
    assert shop.bring(text, source="boutique").outcome.rows_used == 1
    assert shop.rows("select count(*) as n from customers") == [{"n": 1}]


cell_date = st.sampled_from(["01/02/2026", "02/02/2026", "30/02/2026", "hier", ""])
cell_amount = st.sampled_from(["1", "2,5", "-1", "0", "6,12E+08", "1,23456", ""])
row = st.tuples(
    st.sampled_from(["1", "2", "3", "AV1", "OD1", ""]),
    cell_date,
    st.sampled_from(["a@example.com", "b@example.com", "", "nobody"]),
    st.sampled_from(["S", "T", ""]),
    cell_amount,
    cell_amount,
)


@for_all(rows=st.lists(row, min_size=1, max_size=8))
@settings(
    max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)
def test_counts_and_amounts_balance_and_nothing_goes_in_twice(new_shop: Any, rows: list[tuple[str, ...]]) -> None:
    shop = new_shop()
    text = HEAD + "".join(";".join(cells) + "\n" for cells in rows)
    first = shop.bring(text, mapping=LINES)
    second = shop.bring(text, mapping=LINES)
    for outcome in (first.outcome, second.outcome):
        assert outcome.rows_read == len(rows)
        assert outcome.rows_read == (
            outcome.rows_used + outcome.rows_duplicate + outcome.rows_skipped + outcome.rows_rejected
        )
        assert outcome.amount_read == outcome.amount_used + outcome.amount_duplicate + outcome.amount_rejected
    assert second.outcome.events == 0
    assert second.outcome.amount_read == first.outcome.amount_read
    assert second.outcome.rows_rejected == first.outcome.rows_rejected
    with_sound = shop.rows(
        "select (select coalesce(sum(gross), 0) from orders) - (select coalesce(sum(amount), 0) from refunds)"
        " + (select coalesce(sum(balance_adjusted.amount), 0) from events) as total"
    )
    assert with_sound[0]["total"] == first.outcome.amount_used


@for_all(days=st.lists(st.sampled_from(["01/02/2026", "30/02/2026"]), min_size=1, max_size=6), size=st.integers(1, 3))
@settings(
    max_examples=3, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.too_slow]
)
def test_correcting_the_rejects_completes_the_total(new_shop: Any, days: list[str], size: int) -> None:
    shop = new_shop()
    rows = [f"{place // size};{day};c{place // size}@example.com;S;1;{place + 1},25\n" for place, day in enumerate(days)]
    first = shop.bring(HEAD + "".join(rows), mapping=LINES)
    if first.rejects_file:
        corrected = first.rejects_file.read_text(encoding="utf-8").replace("30/02/2026;c", "01/02/2026;c")
        assert shop.bring(corrected, mapping=LINES).outcome.rows_rejected == 0
    whole = sum(Decimal(place + 1) + Decimal("0.25") for place in range(len(days)))
    assert shop.rows("select sum(revenue) as r from orders") == [{"r": whole}]


def test_a_refund_that_grows_is_the_difference_and_the_order_is_not_set_aside(shop: Any) -> None:
    def file(refunded: str) -> str:
        return f"N° commande;Date;E-mail;Total;Montant remboursé\n1;16/02/2026;a@example.com;50,00;{refunded}\n"

    for refunded, events in (("10,00", 1), ("30,00", 1), ("30,00", 0), ("10,00", 0)):
        outcome = shop.bring(file(refunded)).outcome
        assert outcome.event_counts.get("order_refunded", 0) == events, refunded
        assert outcome.rows_rejected == 0
    assert [float(one["refunded"]) for one in shop.rows("select refunded from orders")] == [30]


def test_the_control_total_of_orders_that_state_one_is_theirs_and_not_the_lines(shop: Any) -> None:
    text = "N° commande;Date;E-mail;Total;Produit;Qté;PU\n1;16/02/2026;a@example.com;53,70;thé;2;9,90\n"
    text += "1;16/02/2026;a@example.com;;sac;1;29,00\n"
    outcome = shop.bring(text).outcome
    assert (float(outcome.amount_read), float(outcome.amount_used)) == (53.7, 53.7)
