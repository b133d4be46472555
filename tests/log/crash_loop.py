"""Writers and a sealer on one log, killed at random moments and started again; then the log is held against what was told.

    python crash_loop.py FOLDER SECONDS SEED

Prints one line of JSON with counts. A process that never started a thread forks the ones that are killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset  # noqa: F401  # imported before forking
from faulty_disk import in_child, tell

from clientbook.log.files import ORPHAN_SECONDS
from clientbook.log.generations import numbered_folders
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import SealPolicy, seal
from clientbook.log.verifying import verify_log
from clientbook.testing.rows import log_rows, tag

WRITERS = ("a", "b", "c")
LEAST = {"kills": 12, "acknowledged": 12, "seals": 2}
"""Fewer would prove nothing: on a busy machine the loop goes on until they are reached."""


def tags_of(batch: str) -> list[str]:
    """The tags of a batch named `writer-number-size`."""
    return [f"{batch}.{number}" for number in range(int(batch.split("-")[2]))]


def write(folder: Path, name: str) -> None:
    """Append until killed. What was begun when the last one was killed is appended again first."""
    log, chance = ParquetLog(folder / "log"), random.Random()
    begun, told = (os.open(folder / f"{name}.{kind}", os.O_RDWR | os.O_CREAT | os.O_APPEND) for kind in ("begun", "told"))
    lines = whole_lines(folder / f"{name}.begun")
    number = len(lines)
    batch = lines[-1] if lines else None
    while True:
        if batch is None:
            batch = f"{name}-{number}-{chance.choice((1, 1, 2, 3, 300))}"
            os.write(begun, f"{batch}\n".encode())
            number += 1
        done = log.append(log_rows([tag(one) for one in tags_of(batch)]))
        os.write(told, f"{batch} {done.first_position or 0}\n".encode())
        batch = None


def reseal(folder: Path) -> None:
    """Seal until killed."""
    log, chance = ParquetLog(folder / "log"), random.Random()
    sealed = os.open(folder / "seals.told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        seal(log, SealPolicy(keep_hours=2 / 3600), everything=chance.random() < 0.1)
        os.write(sealed, b"sealed\n")
        time.sleep(chance.uniform(0, 0.2))


def whole_lines(path: Path) -> list[str]:
    text = path.read_text() if path.exists() else ""
    return [line.removesuffix("\n") for line in text.splitlines(keepends=True) if line.endswith("\n")]


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(9)  # nobody ends by himself
    return child


def crash(folder: Path, seconds: float, seed: int) -> int:
    """Start, kill and start again; returns how many were killed."""
    chance, kills = random.Random(seed), 0
    works: dict[str, Callable[[], None]] = {name: (lambda name=name: write(folder, name)) for name in WRITERS}
    works["sealer"] = lambda: reseal(folder)
    running: dict[str, tuple[int, float]] = {}
    start = time.monotonic()
    while True:
        now = time.monotonic()
        if now > start + seconds and is_enough(folder, kills):
            break
        assert now < start + 20 * seconds + 120, "too little was done in far too long a time"
        for name, work in works.items():
            child, until = running.get(name, (0, 0.0))
            if child and now > until:
                assert os.waitpid(child, os.WNOHANG) == (0, 0), f"{name} failed before it was killed"
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
            if not child or now > until:
                life = chance.uniform(0.05, 0.8) if chance.random() < 0.7 else chance.uniform(0.8, 3)
                running[name] = (forked(work), now + life)
        time.sleep(0.003)
    for child, _until in running.values():
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return kills + len(running)


def is_enough(folder: Path, kills: int) -> bool:
    acknowledged = sum(len(whole_lines(folder / f"{name}.told")) for name in WRITERS)
    seals = len(whole_lines(folder / "seals.told"))
    return kills >= LEAST["kills"] and acknowledged >= LEAST["acknowledged"] and seals >= LEAST["seals"]


def counted(folder: Path) -> dict[str, Any]:
    """What the log holds against what was told, and what it does with what the dead left behind."""
    log = ParquetLog(folder / "log")
    current = log.generation()
    orphans = list((log.folder / "tmp").iterdir())
    orphan_generations = [
        path for path in numbered_folders(log.folder / "generations") if int(path.name) > int(current.name)
    ]
    generations = int(current.name)
    places: dict[str, int] = {}
    positions: list[int] = []
    repeated = 0
    for batch in log.read():
        for row in batch.to_pylist():
            positions.append(row["position"])
            repeated += row["tag_added"]["tag"] in places
            places[row["tag_added"]["tag"]] = row["position"]
    told = [line.split() for name in WRITERS for line in whole_lines(folder / f"{name}.told")]
    lost = moved = halves = 0
    for batch, first in told:
        there = [places.get(one) for one in tags_of(batch)]
        lost += there.count(None)
        # A batch that was there already when it was appended again is told without its place.
        moved += int(first) > 0 and there != list(range(int(first), int(first) + len(there)))
    for name in WRITERS:
        for batch in whole_lines(folder / f"{name}.begun"):
            halves += len({one in places for one in tags_of(batch)}) > 1
    found = verify_log(log)
    for path in orphans:
        os.utime(path, (time.time() - ORPHAN_SECONDS - 60,) * 2, follow_symlinks=False)
    after = log.append(log_rows([tag("after")]))
    seal(log, SealPolicy(keep_hours=0))
    left = numbered_folders(log.folder / "generations")
    return {
        "commits": after.head.commit - 1,
        "acknowledged": len(told),
        "events": len(positions),
        "lost": lost,
        "moved": moved,
        "halves": halves,
        "repeated": repeated,
        "gaps": int(positions != list(range(1, len(positions) + 1))),
        "faults": [str(fault) for fault in found.faults],
        "faults_after": [str(fault) for fault in verify_log(log).faults],
        "orphans": len(orphans),
        "orphans_left": len(list((log.folder / "tmp").iterdir())),
        "generations": generations,
        "orphan_generations": len(orphan_generations),
        "generations_left": [path.name for path in left if path.resolve() != log.generation()],
        "types": dict(Counter(path.suffix for path in orphans)),
    }


def run(folder: Path, seconds: float, seed: int) -> None:
    in_child(lambda: ParquetLog.create(folder / "log") and None)
    kills = crash(folder, seconds, seed)
    _status, counts = in_child(lambda: counted(folder))
    tell({"kills": kills, "seals": len(whole_lines(folder / "seals.told")), **counts})


if __name__ == "__main__":
    run(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
