"""Writes the fictional shop Maison Verlune as event files, one a quarter, the same bytes for the same seed.

python sample_events/generate.py [--seed 2026] [--out DIR]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import book
import buying
import campaigns
import changes
import consents
import notices
import people
import receipts
import relations
import rights
from story import Story


def build(seed: int) -> dict[str, list[bytes]]:
    """The lines of each quarter, in the order of time."""
    story = Story(seed)
    notices.publish(story)
    customers = people.populate(story)
    changes.update_profiles(story, customers)
    orders, vouchers = buying.trade(customers, story.rng("buying"))
    book.keep(story, orders)
    consents.collect(story, customers)
    rights.exercise(story, customers)
    rights.merge(story, customers)
    carts = receipts.record(story, orders, vouchers, customers)
    consents.ask_for_other_channels(story, customers, orders)
    relations.deal(story, customers)
    campaigns.run(story, customers, vouchers, orders, carts)
    return story.quarters()


def check(quarters: dict[str, list[bytes]]) -> bool:
    """Whether the lines could be checked: clientbook is not needed to write them.

    Raises:
        clientbook.events.envelope.InvalidEvent: a line breaks its declaration.
    """
    try:
        from clientbook.events.envelope import decode_line
        from clientbook.events.registry import Registry
    except ImportError:
        return False
    registry = Registry()
    for lines in quarters.values():
        for line in lines:
            decode_line(line, registry)
    return True


def main() -> None:
    """Write the files and print how many events of each type they hold."""
    parser = argparse.ArgumentParser(description="Write the fictional shop's event files.")
    parser.add_argument("--seed", type=int, default=2026, help="another seed tells another story (default: 2026)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: this one)")
    options = parser.parse_args()
    quarters = build(options.seed)
    checked = check(quarters)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, lines in quarters.items():
        (options.out / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    counts = Counter(str(json.loads(line)["type"]) for lines in quarters.values() for line in lines)
    for kind, number in sorted(counts.items()):
        print(f"{kind:24}{number:7}")
    print(f"{'total':24}{counts.total():7}")
    print("every line checked against clientbook" if checked else "clientbook not importable: lines not checked")


if __name__ == "__main__":
    main()
