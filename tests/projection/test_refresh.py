"""Snapshots that are brought up to date equal those folded from the whole log, and both what plain Python computes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference import Model, folded

from clientbook.engine.duckdb import Limits
from clientbook.projection import refresh, whole
from clientbook.projection.digest import tables_digest
from clientbook.projection.fold import NOW, BookFacts, Moment
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.testing.history import REGISTRY, History, day, event, order, refund
from clientbook.testing.rows import Row

FACTS = BookFacts(currency="EUR", timezone="Europe/Paris")
PEOPLE = ["anna", "bert", "carl", "dora", "emil"]


class Shelf(History):
    """A log that grows, and its snapshots."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, engine=None)  # type: ignore[arg-type]
        self.folder = folder
        self.state = folder / "state" / "tables"
        self.state.parent.mkdir(mode=0o700)
        self.rows_given: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.append(*rows)
        self.rows_given += rows

    def projector(self, state: Path | None = None) -> Projector:
        limits = Limits(threads=1, spill=self.state.parent / "spill")
        return Projector(log=self.log, state=state or self.state, registry=REGISTRY, facts=FACTS, limits=limits)

    def kept(self, moment: Moment = NOW) -> Snapshot:
        return self.projector().snapshot(moment)

    @contextmanager
    def rebuilt(self, moment: Moment = NOW, *, in_ranges: bool = False) -> Iterator[Snapshot]:
        """Folded from the whole log, in a place of its own."""
        with tempfile.TemporaryDirectory() as elsewhere, pytest.MonkeyPatch.context() as patch:
            if in_ranges:
                patch.setattr(whole, "events_per_range", lambda memory: 6)
            (Path(elsewhere) / "state").mkdir()
            with self.projector(Path(elsewhere) / "state" / "tables").snapshot(moment) as snapshot:
                assert not is_overlay(snapshot)
                yield snapshot


@contextmanager
def shelf() -> Iterator[Shelf]:
    with tempfile.TemporaryDirectory() as folder:
        yield Shelf(Path(folder))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refresh whatever was touched, also in a log of three events."""
    monkeypatch.setattr(refresh, "SHARE", float("inf"))
    monkeypatch.setattr(refresh, "SMALLEST", 0)
    monkeypatch.setattr(refresh, "SMALLEST_FOR_IDENTITIES", 0)


def is_overlay(snapshot: Snapshot) -> bool:
    return len(snapshot.folders()) > 3


def seen(snapshot: Snapshot) -> Model:
    """The snapshot's tables as the plain model has them."""
    rows = lambda sql: snapshot.table(sql).to_pylist()  # noqa: E731
    columns = "given_name, email, tags, order_count, gross, refunded, revenue, first_order_at, last_order_at, event_count"
    return Model(
        roots={row["customer_id"]: row["root_id"] for row in rows("select * from customer_roots")},
        undone={row["batch"] for row in rows("select batch from undone_batches")},
        kept={row["position"] for row in rows("select position from kept_identities")},
        customers={row.pop("customer_id"): row for row in rows(f"select customer_id, {columns} from customers")},
        orders={
            (row.pop("source"), row.pop("order_id")): row
            for row in rows(
                "select source, order_id, customer_id, placed_at, currency, gross, refunded, status, revenue from orders"
            )
        },
        identifiers={tuple(row.values()) for row in rows("select customer_id, kind, source, value from identifiers")},
        segments={row["segment_id"]: row["rule"] for row in rows("select segment_id, rule from segments_defined")},
    )


def differences(found: Model, expected: Model) -> dict[str, Any]:
    """By table and row: what was found and what was expected."""
    tables = {name: (as_dict(getattr(found, name)), as_dict(getattr(expected, name))) for name in vars(expected)}
    return {
        f"{name} {key}": (ours.get(key), theirs.get(key))
        for name, (ours, theirs) in tables.items()
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
    }


def as_dict(table: Any) -> dict[Any, Any]:
    return table if isinstance(table, dict) else dict.fromkeys(table, True)


# Histories.

WHO = st.sampled_from(PEOPLE)
SOURCE = st.sampled_from(["shop", "web"])
NUMBER = st.sampled_from(["1", "2", "3", "4"])
MONEY = st.sampled_from(["EUR", "EUR", "EUR", "USD"])
TOTAL = st.integers(0, 5000).map(lambda cents: f"{cents / 100:.2f}")
NAMES = st.sampled_from(["given_name", "email"])
VALUE = st.sampled_from(["a@example.com", "b@example.com"])


def step(type: str, who: Any = None, source: Any = None, **data: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "type": st.just(type),
            "customer_id": st.none() if who is None else who,
            "source": SOURCE if source is None else source,
            "at": st.integers(0, 30),
            "data": st.fixed_dictionaries({name: kind for name, kind in data.items() if not name.startswith("_")}),
        }
    )


OTHERS = st.lists(WHO, min_size=1, max_size=2, unique=True)
STEP = st.one_of(
    step("customer_registered", WHO, kind=st.just("person"), collected_via=st.just("import")),
    step("profile_updated", WHO, given_name=st.sampled_from(["A", "B"])),
    step("profile_updated", WHO, email=VALUE),
    step("profile_updated", WHO, cleared=st.lists(NAMES, min_size=1, max_size=1)),
    step("identifier_linked", WHO, kind=st.just("email"), value=VALUE),
    step("identifier_linked", WHO, kind=st.just("external"), value=NUMBER),
    step("identifier_unlinked", WHO, kind=st.just("email"), value=VALUE),
    step("tag_added", WHO, tag=st.sampled_from(["x", "y"])),
    step("tag_removed", WHO, tag=st.sampled_from(["x", "y"])),
    step("order_placed", WHO, order_id=NUMBER, total=TOTAL, currency=MONEY),
    step("order_placed", WHO | st.none(), order_id=NUMBER, total=TOTAL, currency=MONEY, lines=st.just([{"sku": "a"}])),
    step("order_cancelled", WHO | st.none(), order_id=NUMBER),
    step("order_refunded", WHO | st.none(), order_id=NUMBER, amount=TOTAL, currency=MONEY),
    step("order_refunded", WHO | st.none(), amount=TOTAL, currency=MONEY),
    step("consent_given", WHO, channel=st.just("email"), purposes=st.just(["newsletter", "own_offers"])),
    step("address_suppressed", WHO | st.none(), channel=st.just("email"), address=VALUE, cause=st.just("bounce")),
    step("customers_merged", WHO, merged=OTHERS),
    step("customers_merged", WHO, merged=OTHERS),
    step("customers_unmerged", WHO, merged=OTHERS),
    step("segment_defined", segment_id=NUMBER, rule=st.sampled_from(["true", "false"])),
    step("segment_retired", segment_id=NUMBER),
    step("event_voided", position=st.integers(1, 1000)),
    step("event_voided", position=st.integers(1, 1000)),
    step("import_reverted", batch=st.integers(0, 9)),
    step("import_reverted", batch=st.integers(0, 9)),
    step("import_restored", batch=st.integers(0, 9)),
)
COMMIT = st.tuples(st.booleans(), st.lists(STEP, min_size=1, max_size=10))
HISTORY = st.lists(COMMIT, min_size=3, max_size=4)


def as_rows(history: list[tuple[bool, list[dict[str, Any]]]]) -> list[list[Row]]:
    """The rows of each commit; every other commit is an import, and what refers to events refers to earlier ones."""
    commits: list[list[Row]] = []
    position = 0
    imports: list[str] = []
    for is_import, steps in history:
        batch = f"B{len(commits)}" if is_import else None
        rows = []
        for one in steps:
            kind, data, who = one["type"], dict(one["data"]), one["customer_id"]
            position += 1
            if kind == "event_voided":
                data["position"] = data["position"] % position + 1
            if kind in ("import_reverted", "import_restored"):
                data["batch"] = imports[data["batch"] % len(imports)] if imports else "B0"
            if kind == "customers_merged":
                data |= {"into": who, "merged": [name for name in data["merged"] if name != who] or ["zora"]}
            if kind == "customers_unmerged":
                data |= {"into": who, "roots": list(data["merged"])}
            is_about_book = kind in ("event_voided", "import_reverted", "import_restored")
            rows.append(
                Row(
                    type=kind,
                    data=data,
                    customer_id=who,
                    occurred_at=day(one["at"]),
                    source=one["source"],
                    batch=None if is_about_book else batch,
                )
            )
        imports += [batch] if batch else []
        commits.append(rows)
    return commits


def check_history(commits: list[list[Row]], as_of: int) -> None:
    """After each commit and at the end, kept and refreshed, rebuilt, and plain Python agree; the past stays as it was."""
    with shelf() as book:
        past: list[tuple[datetime, dict[str, str]]] = []
        for number, rows in enumerate(commits):
            book.add(rows)
            with book.kept() as snapshot:
                assert is_overlay(snapshot) == (number > 0)
                assert differences(seen(snapshot), folded(book.rows_given)) == {}
                past.append((book.recorded, tables_digest(snapshot)))
        with book.rebuilt() as snapshot:
            assert tables_digest(snapshot) == past[-1][1]
        with book.rebuilt(in_ranges=True) as snapshot:
            assert tables_digest(snapshot) == past[-1][1]
        with book.kept(Moment(as_of=day(as_of))) as snapshot:
            assert differences(seen(snapshot), folded(book.rows_given, as_of=day(as_of))) == {}
        middle = len(commits) // 2
        known_at, digests = past[middle - 1]
        with book.rebuilt(Moment(known_at=known_at)) as snapshot:
            assert tables_digest(snapshot) == digests
        known = book.rows_given[: sum(map(len, commits[:middle]))]
        with book.kept(Moment(as_of=day(as_of), known_at=known_at)) as snapshot:
            assert differences(seen(snapshot), folded(known, as_of=day(as_of))) == {}


WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example takes seconds."""
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=3, deadline=None, phases=WITHOUT_SHRINKING, suppress_health_check=CHECKS)
@given(history=HISTORY, as_of=st.integers(0, 30))
def test_refreshed_rebuilt_and_plain_python_agree(eager: None, history: Any, as_of: int):
    check_history(as_rows(history), as_of)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, phases=WITHOUT_SHRINKING, suppress_health_check=CHECKS)
@given(history=st.lists(COMMIT, min_size=3, max_size=7), as_of=st.integers(0, 30))
def test_refreshed_rebuilt_and_plain_python_agree_in_longer_histories(eager: None, history: Any, as_of: int):
    check_history(as_rows(history), as_of)


# One history with everything in it that is easily forgotten.


def tag(who: str, tag: str = "x", **rest: Any) -> Row:
    return event("tag_added", who, tag=tag, **rest)


def voided(position: int) -> Row:
    return event("event_voided", position=position, at=20)


def about_batch(type: str, *, at: float = 0) -> Row:
    return Row(type=type, data={"batch": "B"}, customer_id=None, occurred_at=day(at))


def registered(who: str, **rest: Any) -> Row:
    return event("customer_registered", who, kind="person", collected_via="import", **rest)


def linked(who: str, value: str, **rest: Any) -> Row:
    return event("identifier_linked", who, kind="email", value=value, **rest)


STORY: dict[str, list[Row]] = {
    "1-4 to begin with": [order("1", "10"), order("2", "20", "bert"), refund("1", "carl", order_id="9"), tag("emil")],
    "5 an order is recorded again for somebody else, who leaves the first with nothing": [order("1", "10", "bert", at=1)],
    "6 that is taken back": [voided(5)],
    "7-8 an order moves to a guest, another is a guest's": [order("2", "20", None, at=1), order("3", "5", None)],
    "9 the guest's order finds its customer": [order("3", "5", "dora", at=2)],
    "10-11 the order of an earlier refund comes, and is cancelled": [
        order("9", "30", "carl", at=3),
        event("order_cancelled", None, order_id="9", at=4),
    ],
    "12-13 the cancellation is taken back; a refund to another customer": [voided(11), refund("2", "emil", order_id="9")],
    "14-16 refunds of no order, to a customer and to a guest; one of an order that never comes": [
        refund("3", "emil"),
        refund("4", None),
        refund("5", "emil", order_id="77"),
    ],
    "17 two become one, with their refunds of no order": [
        event("customers_merged", "anna", into="anna", merged=["emil", "carl"], at=5)
    ],
    "18 the guest's refund is taken back": [voided(15)],
    "19-20 something happens under the absorbed id; late": [tag("emil", "late", at=-3), order("5", "50", "carl", at=-2)],
    "21 one is let go again": [event("customers_unmerged", "anna", into="anna", merged=["emil"], roots=["emil"], at=6)],
    "22 the merge is taken back": [voided(17)],
    "23 an act of consent without a customer": [
        event("address_suppressed", None, channel="email", address="x@example.com", cause="bounce")
    ],
    "24 which is taken back": [voided(23)],
    "25-30 an import": [
        registered("fred", batch="B"),
        linked("fred", "fred@example.com", batch="B"),
        order("6", "60", "fred", batch="B"),
        registered("gina", batch="B"),
        order("1", "11", "gina", batch="B", at=9),
        event("event_voided", position=20, batch="B"),
    ],
    "31 is undone": [about_batch("import_reverted", at=10)],
    "32 a fact noted since brings back who it is about": [tag("fred", at=11)],
    "33 until it is taken back": [voided(32)],
    "34 somebody says that she is another": [event("customers_merged", "dora", into="dora", merged=["gina"], at=12)],
    "35 which is taken back": [voided(34)],
    "36 the import is restored": [about_batch("import_restored", at=13)],
    "37-38 segments": [
        event("segment_defined", segment_id="s", rule="true"),
        event("segment_defined", segment_id="t", rule="1"),
    ],
    "39-40 one of which goes": [event("segment_retired", segment_id="s", at=1), voided(38)],
}


def test_nothing_that_touches_a_row_is_forgotten(eager: None):
    with shelf() as book:
        for place, (what, rows) in enumerate(STORY.items()):
            book.add(rows)
            if place % 4 == 3:
                check_identities(book)
            with book.kept() as snapshot:
                assert is_overlay(snapshot) == (place > 0)
                assert (what, differences(seen(snapshot), folded(book.rows_given))) == (what, {})
                found = tables_digest(snapshot)
        with book.rebuilt() as snapshot:
            assert tables_digest(snapshot) == found
        with book.rebuilt(in_ranges=True) as snapshot:
            assert tables_digest(snapshot) == found


def check_identities(book: Shelf) -> None:
    with book.projector().identities() as refreshed, book.projector(book.folder / "none").identities() as folded_whole:
        assert refreshed.table("select count(*) as n from before.customers")["n"][0].as_py()
        for table, columns in {
            "customer_roots": "*",
            "identifiers": "*",
            "customers": "customer_id",
            "live_events": "position",
        }.items():
            found = [one.table(f"select {columns} from {table} order by all") for one in (refreshed, folded_whole)]
            assert found[0].to_pylist() == found[1].to_pylist(), table


# Undone imports.


def test_who_a_customer_is_stays_when_the_import_is_undone_if_anything_else_is_known(history: History):
    history.append(
        registered("anna", batch="B"),
        linked("anna", "anna@example.com", batch="B"),
        event("account_opened", "anna", external_id="7", batch="B", at=1),
        event("profile_updated", "anna", given_name="Anna", batch="B", at=1),
        order("1", "10", batch="B"),
        registered("bert", batch="B"),
        linked("bert", "bert@example.com", batch="B"),
    )
    history.append(tag("anna", "vip", at=2), about_batch("import_reverted", at=3))
    kept = "select position from kept_identities order by 1"
    assert history.fold().rows(kept) == [(1,), (2,), (3,)]
    assert history.rows("select customer_id, given_name, email, tags, order_count, event_count from customers") == [
        ("anna", None, "anna@example.com", ["vip"], 0, 4)
    ]
    assert history.rows("select kind, value from identifiers order by 1") == [
        ("email", "anna@example.com"),
        ("external", "7"),
    ]
    history.append(event("event_voided", position=8, at=4))
    assert history.fold().rows(kept) == []
    assert history.rows("select * from customers") == []
    history.append(about_batch("import_restored", at=5))
    assert history.fold().rows("select customer_id from customers order by 1") == [("anna",), ("bert",)]
    assert history.rows(kept) == []


def test_an_identity_that_was_voided_does_not_come_back(history: History):
    history.append(registered("anna", batch="B"), linked("anna", "anna@example.com", batch="B"))
    history.append(tag("anna"), event("event_voided", position=2), about_batch("import_reverted"))
    assert history.fold().rows("select position from kept_identities") == [(1,)]


def test_who_a_merge_names_stays_with_what_it_was_merged_into(history: History):
    history.append(registered("anna", batch="B"), linked("anna", "anna@example.com", batch="B"), tag("bert"))
    history.append(event("customers_merged", "bert", into="bert", merged=["anna"], at=2))
    history.append(about_batch("import_reverted", at=3))
    assert history.fold().rows("select customer_id, value from identifiers") == [("bert", "anna@example.com")]


# Digests, erasure.


def test_a_digest_tells_null_from_a_word_and_one_row_from_two(eager: None):
    digests = []
    for cleared in ([], ["given_name"]):
        for name in ("NULL", "a, b", "a"):
            with shelf() as book:
                data = {"cleared": cleared} if cleared else {"given_name": name}
                book.add([event("profile_updated", "anna", **data, family_name="x")])
                with book.kept() as snapshot:
                    digests.append(tables_digest(snapshot)["customers"])
                if cleared:
                    break
    assert len(set(digests)) == 4


def test_a_log_with_gaps_is_folded_and_refreshed(eager: None):
    with shelf() as book:
        book.add([order("1", "10"), tag("bert"), order("2", "20", "bert"), tag("anna")])
        (path,) = book.log.files()
        erased = pq.read_table(path)
        marks = pq.ParquetFile(path).metadata.metadata
        erased = erased.filter(pc.not_equal(erased["customer_id"], "bert"))
        with pq.ParquetWriter(path, erased.schema, store_schema=False) as writer:
            writer.write_table(erased)
            writer.add_key_value_metadata({key.decode(): value.decode() for key, value in marks.items()})
        with book.kept() as snapshot:
            assert snapshot.position == 4
            assert snapshot.table("select customer_id from customers").to_pylist() == [{"customer_id": "anna"}]
        book.add([tag("carl"), refund("3", "anna", order_id="1")])
        with book.kept() as refreshed, book.rebuilt() as whole:
            assert is_overlay(refreshed)
            assert tables_digest(refreshed) == tables_digest(whole)
            assert refreshed.table("select revenue from customers order by customer_id").to_pylist()[0] == {"revenue": 7}
