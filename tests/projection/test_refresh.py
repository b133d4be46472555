"""Snapshots that are brought up to date equal those folded from the whole log, and both what plain Python computes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference import Model, folded

from clientbook.engine.duckdb import Limits
from clientbook.projection import refresh
from clientbook.projection.digest import tables_digest
from clientbook.projection.fold import NOW, BookFacts, Moment
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.testing.history import REGISTRY, History, day
from clientbook.testing.rows import Row

FACTS = BookFacts(currency="EUR", timezone="Europe/Paris")
PEOPLE = ["anna", "bert", "carl", "dora", "emil"]


class Shelf(History):
    """A log that grows, and its snapshots."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, engine=None)  # type: ignore[arg-type]
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
    def rebuilt(self, moment: Moment = NOW) -> Iterator[Snapshot]:
        """Folded from the whole log, in a place of its own."""
        with tempfile.TemporaryDirectory() as elsewhere:
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
        then = Moment(as_of=day(as_of), known_at=None)
        past: list[tuple[datetime, dict[str, str]]] = []
        for number, rows in enumerate(commits):
            book.add(rows)
            with book.kept() as snapshot:
                assert is_overlay(snapshot) == (number > 0)
                assert differences(seen(snapshot), folded(book.rows_given)) == {}
                past.append((book.recorded, tables_digest(snapshot)))
        with book.rebuilt() as snapshot:
            assert tables_digest(snapshot) == past[-1][1]
        with book.kept(then) as snapshot:
            assert differences(seen(snapshot), folded(book.rows_given, as_of=day(as_of))) == {}
        middle = len(commits) // 2
        with book.rebuilt(Moment(known_at=past[middle - 1][0])) as snapshot:
            assert tables_digest(snapshot) == past[middle - 1][1]
        count = sum(map(len, commits[:middle]))
        with book.kept(Moment(as_of=day(as_of), known_at=past[middle - 1][0])) as snapshot:
            assert differences(seen(snapshot), folded(book.rows_given[:count], as_of=day(as_of))) == {}


WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example takes seconds."""
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=8, deadline=None, phases=WITHOUT_SHRINKING, suppress_health_check=CHECKS)
@given(history=HISTORY, as_of=st.integers(0, 30))
def test_refreshed_rebuilt_and_plain_python_agree(eager: None, history: Any, as_of: int):
    check_history(as_rows(history), as_of)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, phases=WITHOUT_SHRINKING, suppress_health_check=CHECKS)
@given(history=st.lists(COMMIT, min_size=3, max_size=7), as_of=st.integers(0, 30))
def test_refreshed_rebuilt_and_plain_python_agree_in_longer_histories(eager: None, history: Any, as_of: int):
    check_history(as_rows(history), as_of)
