"""What a large log costs: sealing, one customer's time line, folding, refreshing, opening; ratios measured in one run.

    python benchmarks/large_books.py [FOLDER] --events 20000000

FOLDER takes the log (about 60 bytes an event, four times over while it runs) and is left as it is, so that a second run need
not make it again. The default is a temporary folder and two million events.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from large_log import make_log

from clientbook.engine.duckdb import Engine, Limits, quoted
from clientbook.events.registry import Registry
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import SealPolicy, seal
from clientbook.projection.fold import BOOK_TABLES, CUSTOMER_TABLES, ORDER_TABLES, BookFacts, ordered, sql
from clientbook.projection.snapshots import Projector
from clientbook.testing.rows import Row, log_rows

FACTS: Final = BookFacts(currency="EUR", timezone="Europe/Paris")
NEW_EVENTS: Final = 1000


def timed(work: Callable[[], object], times: int = 1) -> float:
    """Seconds, the median of so many runs."""
    seconds = []
    for _number in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def apart(work: Callable[..., Any], *arguments: Any) -> tuple[float, int]:
    """Seconds and the greatest resident memory in MB of work done in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: tuple[float, int] = pool.apply(measured, (work, arguments))
    return found


def measured(work: Callable[..., Any], arguments: Sequence[Any]) -> tuple[float, int]:
    """The same in this process."""
    seconds = timed(lambda: work(*arguments))
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would tell the parent's peak too
    return seconds, int(status.split("VmHWM:")[1].split()[0]) // 1024


def seal_all(folder: Path) -> None:
    """Seal the log in `folder` as one order."""
    seal(ParquetLog(folder), SealPolicy(keep_hours=0), everything=True)


def projector(folder: Path, state: Path, memory: str) -> Projector:
    """The projector of a log."""
    limits = Limits(memory=memory, spill=state.parent / "spill")
    return Projector(log=ParquetLog(folder), state=state, registry=Registry(), facts=FACTS, limits=limits)


def fold_log(folder: Path, state: Path, memory: str) -> None:
    """Fold the log into tables from nothing."""
    shutil.rmtree(state, ignore_errors=True)
    projector(folder, state, memory).snapshot().close()


def fold_by_hand(folder: Path, out: Path, memory: str) -> None:
    """The same tables with the same columns, as somebody would query a log in which nothing was ever undone or merged.

    One statement over the files for each table; none of what makes clientbook's own folding right in other cases: events
    that were voided, imports undone, customers merged, columns that no file has, memory beyond what the engine spills.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    engine = Engine.open(Limits(memory=memory, spill=out.parent / "spill"))
    engine.execute("create table book as select 'EUR' as currency, 'Europe/Paris' as timezone")
    listed = ", ".join(quoted(str(path)) for path in (out.parent / "schema.parquet", *ParquetLog(folder).files()))
    engine.execute(f"create view all_events as select * from read_parquet([{listed}], union_by_name = true)")
    engine.execute("create view events as select *, customer_id as recorded_customer_id from all_events")
    engine.execute("create view undone_batches as select batch from all_events where false")
    for name in (*BOOK_TABLES, *ORDER_TABLES, *CUSTOMER_TABLES):
        path = out / f"{name}.parquet"
        engine.execute(f"copy ({ordered(name, sql(name))}) to {quoted(str(path))} (format parquet, compression zstd)")
        engine.execute(f"create view {name} as select * from read_parquet({quoted(str(path))})")


def timeline(folder: Path, schema: Path, customer: str) -> int:
    """Read all events of one customer from the log's files."""
    engine = Engine.open(Limits())
    listed = ", ".join(quoted(str(path)) for path in (schema, *ParquetLog(folder).files()))
    query = f"select * from read_parquet([{listed}], union_by_name = true) where customer_id = {quoted(customer)}"
    found = len(engine.table(query + " order by occurred_at, position"))
    engine.close()
    return found


def append_new(folder: Path, number: int) -> None:
    """A thousand notes on customers all over the log."""
    customers = [f"c{(number * NEW_EVENTS + one) * 7919 % 50_000:019}" for one in range(NEW_EVENTS)]
    ParquetLog(folder).append(log_rows([Row(customer_id=one, data={"tag": f"new {number}"}) for one in customers]))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--memory", default="1GB", help="the limit that folding is given")
    parser.add_argument("--hand-memory", default="8GB", help="that of the queries by hand")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(given.folder or Path(name), given.events, given.memory, given.hand_memory)


def run(folder: Path, events: int, memory: str, hand_memory: str) -> None:
    """Make the logs where they are not there, and measure."""
    unsealed, sealed = folder / "unsealed" / "log", folder / "sealed" / "log"
    if not unsealed.exists():
        unsealed.parent.mkdir(parents=True, exist_ok=True)
        print(f"making {events} events: {timed(lambda: make_log(unsealed, events)):.1f} s")
    if not sealed.exists():
        shutil.copytree(unsealed.parent, sealed.parent, symlinks=True)
        seconds, peak = apart(seal_all, sealed)
        print(f"seal: {seconds:.1f} s, {events / seconds:,.0f} events/s, peak {peak} MB")
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    own, peak = apart(fold_log, sealed, work / "state", memory)
    print(f"fold: {own:.1f} s, peak {peak} MB under {memory}", flush=True)
    schema = next((work / "state").rglob("schema.parquet"))
    shutil.copyfile(schema, work / "schema.parquet")
    hand, hand_peak = apart(fold_by_hand, sealed, work / "hand", hand_memory)
    print(f"by hand {hand:.1f} s, peak {hand_peak} MB under {hand_memory}; ratio {own / hand:.2f}")
    customer = f"c{events // 40:019}"[:20]
    one = timed(lambda: timeline(sealed, work / "schema.parquet", customer), 5)
    same = timed(lambda: timeline(unsealed, work / "schema.parquet", customer), 3)
    print(f"one customer's events: sealed {one * 1000:.0f} ms, unsealed {same * 1000:.0f} ms; ratio {same / one:.1f}")
    state = work / "state"
    opened = timed(lambda: projector(sealed, state, memory).snapshot().close(), 5)
    print(f"open with tables kept {opened * 1000:.0f} ms, cold {own:.1f} s; ratio {own / opened:.0f}")
    refreshed = []
    for number in range(3):
        append_new(sealed, number)
        refreshed.append(timed(lambda: projector(sealed, state, memory).snapshot().close()))
    again = statistics.median(refreshed)
    anew, _peak = apart(fold_log, sealed, work / "anew", memory)
    print(f"refresh after {NEW_EVENTS} events {again:.2f} s, rebuild {anew:.1f} s; ratio {anew / again:.0f}")


if __name__ == "__main__":
    pa.set_cpu_count(2)
    main()
