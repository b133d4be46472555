"""Write the generated parts of the documentation from the code: `python docs/reference/generate.py`.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`; what is around it is written by hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import msgspec.inspect as mi

from clientbook.book import Book
from clientbook.cli.main import cli
from clientbook.consent.reasons import REASONS
from clientbook.events import actions, book, consent, personal, reactions
from clientbook.events.arrow import ENVELOPE
from clientbook.events.base import Event, Record, type_name, unwrap
from clientbook.hooks.declarations import Trait
from clientbook.hooks.manager import Plugins
from clientbook.importing.vocabulary import TARGETS, Target
from clientbook.measuring import asking
from clientbook.measuring import params as parameters
from clientbook.measuring.words import GROUPS, METHODS, NOTES
from clientbook.projection.fold import TABLES, sql
from clientbook.query.labels import COLUMNS

DOCS = Path(__file__).resolve().parent.parent

_MODULES = (
    ("Who the customer is", personal),
    ("What the shop did", actions),
    ("What the customer did", reactions),
    ("Consent and rights", consent),
    ("The book itself", book),
)
_RULES = {
    "required": "Names a customer.",
    "optional": "May name a customer; without one it is a guest's, or about nobody in particular.",
    "none": "Is about the book and names no customer.",
}
_CELL_TYPES = {
    "text": "text",
    "code": "text, kept as it stands",
    "email": "an e-mail address",
    "amount": "an amount",
    "instant": "a date, or a date and time",
    "date": "a date",
    "tags": "tags, set apart by commas",
    "flag": "yes or no, in French or English",
    "word": "a word",
    "ip": "an IP address, of which the network is kept",
}


def pages() -> dict[Path, dict[str, str]]:
    """The generated parts: page → name of the part → its text."""
    return {
        DOCS / "reference" / "events.md": {"events": "\n".join(_catalogue())},
        DOCS / "reference" / "tables.md": {"tables": "\n".join(_tables())},
        DOCS / "reference" / "commands.md": {"commands": "\n".join(_commands())},
        DOCS / "reference" / "traits.md": {"traits": "\n".join(_traits())},
        DOCS / "reference" / "decisions.md": {"reasons": "\n".join(_reasons())},
        DOCS / "reference" / "metrics.md": {"metrics": "\n".join(_metrics()), "notes": "\n".join(_notes())},
        DOCS / "reference" / "segments.md": {"segments": "\n".join(_segments())},
        DOCS / "how-to" / "import-a-file.md": {"vocabulary": "\n".join(_vocabulary())},
    }


def replaced(page: str, name: str, body: str) -> str:
    """The page with the part `name` set to `body`.

    Raises:
        ValueError: the page has no such part.
    """
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    before, _, rest = page.partition(begin)
    _old, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page has no part {name!r}")
    return f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"


def current(path: Path, parts: dict[str, str]) -> str:
    """What the page at `path` should say."""
    page = path.read_text(encoding="utf-8")
    for name, body in parts.items():
        page = replaced(page, name, body)
    return page


def _catalogue() -> Iterator[str]:
    records: dict[str, type[Record]] = {}
    for title, module in _MODULES:
        yield f"## {title}\n"
        for event in module.EVENTS:
            yield f"### {type_name(event)}\n"
            yield f"{_summary(event)} *{_RULES[event.customer]}*\n"
            if event.natural_key:
                known = " and ".join(f"`{name}`" for name in event.natural_key)
                yield f"Known by its number: {known}, with source and type.\n"
            yield from _fields(event, records)
    yield "## Groups of fields\n"
    for name in sorted(records):
        yield f"### {name}\n"
        yield f"{_summary(records[name])}\n"
        yield from _fields(records[name], records)


def _summary(declared: type) -> str:
    return (declared.__doc__ or "").strip().splitlines()[0]


def _fields(declared: type[Record] | type[Event], records: dict[str, type[Record]]) -> Iterator[str]:
    info = mi.type_info(declared)
    assert isinstance(info, mi.StructType)
    yield "| Field | Type | Required | Personal | Constraint | Meaning |"
    yield "|---|---|---|---|---|---|"
    for field in info.fields:
        plain, marks = unwrap(field.type)
        cells = (
            f"`{field.encode_name}`",
            _type(plain, marks, records),
            "yes" if field.required else "",
            "yes" if marks.get("personal") else "",
            _constraint(plain, marks),
            marks.get("description", ""),
        )
        yield "| " + " | ".join(cells) + " |"
    yield ""


def _type(plain: mi.Type, marks: dict[str, Any], records: dict[str, type[Record]]) -> str:
    match plain:
        case mi.StructType():
            records[plain.cls.__name__] = plain.cls
            return f"[{plain.cls.__name__}](#{plain.cls.__name__.lower()})"
        case mi.ListType():
            return "list of " + _type(*unwrap(plain.item_type), records)
        case mi.DictType():
            return f"map of text to {_type(*unwrap(plain.value_type), records)}"
        case mi.DecimalType():
            return "percentage" if marks.get("maximum") else "amount"
        case mi.IntType():
            return "integer"
        case mi.BoolType():
            return "yes or no"
        case mi.DateTimeType():
            return "instant"
        case mi.DateType():
            return "date"
    return "text"


def _constraint(plain: mi.Type, marks: dict[str, Any]) -> str:
    match plain:
        case mi.LiteralType():
            return ", ".join(f"`{value}`" for value in plain.values)
        case mi.StrType():
            if plain.pattern:
                return "`" + plain.pattern.replace("|", "\\|") + "`"
            return f"{plain.min_length} to {plain.max_length:,} characters"
        case mi.IntType():
            most = "2⁵³" if plain.le == 2**53 else str(plain.le)
            return f"{plain.ge} to {most}"
        case mi.DecimalType():
            if marks.get("maximum") is not None:
                return f"{marks['minimum']} to {marks['maximum']}, 4 decimals"
            return "0 or more, 4 decimals" if marks.get("minimum") is not None else "signed, 4 decimals"
        case mi.ListType():
            item = _constraint(*unwrap(plain.item_type))
            least = f"at least {plain.min_length}" if plain.min_length else ""
            return "; ".join(part for part in (least, f"each {item}" if item else "") if part)
    return ""


def _tables() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        empty = Book.create(Path(folder) / "book", currency="EUR", timezone="Europe/Paris")
        with empty.snapshot() as snapshot:
            for name in (*TABLES, "customer_roots"):
                columns = snapshot.engine.rows(f"describe {name}")
                yield f"## {name}\n"
                yield f"{_grain(name)}\n"
                yield from _columns([(row["column_name"], row["column_type"]) for row in columns])
            described = snapshot.table("describe select * from events").to_pylist()
    types = {row["column_name"]: row["column_type"] for row in described}
    envelope = [*(name for name in ENVELOPE.names if name != "salt"), "recorded_customer_id"]
    yield "## events\n"
    yield (
        "One row per event that counts at the moment asked for: not voided, not of an import that was undone. A view of the"
        " log.\n`customer_id` is the customer the event counts for now, `recorded_customer_id` the one it was recorded under"
        " (they differ\nafter a merge). Beside these columns there is **one struct column for each type**, named like the"
        " type and NULL in the\nrows of other types: `order_placed.total`, `note_added.text`."
        " [The events](events.md) lists their fields.\n"
    )
    yield from _columns([(name, types[name]) for name in envelope])


def _traits() -> Iterator[str]:
    """A table for each group of the traits that come with the program."""
    groups: dict[str, list[Trait]] = {}
    for trait in Plugins.load(installed=()).traits.values():
        groups.setdefault(trait.group, []).append(trait)
    for group, traits in groups.items():
        yield from (f"## {group}", "", "| Column | Label | Means |", "|---|---|---|")
        for trait in traits:
            values = f" Values: {', '.join(f'`{value}`' for value in trait.values)}." if trait.values else ""
            yield f"| `{trait.column}` | {trait.label} | {trait.description}{values} |"
        yield ""


def _segments() -> Iterator[str]:
    segments = Plugins.load(installed=()).segments.values()
    for group in dict.fromkeys(one.group for one in segments):
        yield f"## {group}\n"
        for one in (one for one in segments if one.group == group):
            yield f"### {one.id}\n"
            yield f"**{one.label}.** {one.description}\n"
            if one.exclusive_group:
                yield f"Shares nobody with the others of `{one.exclusive_group}`.\n"
            if one.params:
                yield "| Parameter | Means | Default | From | To |"
                yield "|---|---|---|---|---|"
                for param in one.params:
                    bounds = ("" if bound is None else str(bound) for bound in (param.minimum, param.maximum))
                    yield f"| `{param.name}` | {param.label} | {param.default} | {' | '.join(bounds)} |"
                yield ""
            yield f"```sql\n{one.sql}\n```\n"


def _reasons() -> Iterator[str]:
    yield "| Code | Decision | Legal basis | Means | Source | How sure |"
    yield "|---|---|---|---|---|---|"
    for one in REASONS.values():
        if one.code.startswith("REFRESH_"):
            continue
        decision = "allow" if one.allows else "deny"
        basis = f"`{one.basis}`" if one.basis else ""
        yield f"| `{one.code}` | {decision} | {basis} | {one.means} | {one.source} | {one.certainty} |"


def _metrics() -> Iterator[str]:
    metrics = asking.chosen(Plugins.load(installed=[]).metrics)
    for group, members in groupby(metrics, key=lambda metric: metric.group):
        yield f"## {GROUPS[group]}\n"
        yield f"`--group {group}`\n"
        yield "| Figure | Id | Formula | Interval | Told from | Sure from | Parameters | Who |"
        yield "|---|---|---|---|---|---|---|---|"
        for metric in members:
            params = "<br>".join(f"`{param.name}={param.default}` {param.label}" for param in metric.params)
            drill = f"`{metric.drill}`" if metric.drill else ""
            label = parameters.label_of(metric, parameters.of(metric, {}))
            least = (str(metric.minimum), str(metric.indicative)) if metric.minimum else ("", "")
            method = METHODS[metric.interval]
            cells = (label, f"`{metric.id}`", metric.description, method, *least, params, drill)
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def _notes() -> Iterator[str]:
    yield "| Code | Says |"
    yield "|---|---|"
    for code, said in NOTES.items():
        yield f"| `{code}` | {said} |"


def _grain(name: str) -> str:
    """The comment at the top of the table's file."""
    comment = []
    for line in sql(name).splitlines():
        if not line.startswith("--"):
            break
        comment.append(line.removeprefix("--").strip())
    return "\n".join(comment)


def _columns(columns: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "| Column | Type | Label |"
    yield "|---|---|---|"
    for name, kind in columns:
        yield f"| `{name}` | {kind.lower().replace('|', chr(92) + '|')} | {COLUMNS.get(name, '')} |"
    yield ""


def _commands() -> Iterator[str]:
    context = click.Context(cli, info_name="clientbook")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield from _command(name, command, context)
        for below, one in getattr(command, "commands", {}).items():
            yield from _command(f"{name} {below}", one, context)


def _command(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    own = click.Context(command, info_name=name, parent=context)
    yield f"## {name}\n"
    yield f"`{' '.join(command.get_usage(own).split()).removeprefix('Usage: ')}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    options = [parameter.get_help_record(own) for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield "| Option | Does |"
        yield "|---|---|"
    for shown in options:
        assert shown is not None
        option, does = (text.replace("|", "\\|") for text in shown)
        yield f"| `{option}` | {does} |"
    yield ""


def _vocabulary() -> Iterator[str]:
    yield "| Target | Holds | Headers it goes by, the surest first |"
    yield "|---|---|---|"
    for target in TARGETS.values():
        yield f"| `{target.name}` | {_held(target)} | {', '.join(target.words) or '–'} |"


def _held(target: Target) -> str:
    return " or ".join(target.choices) or _CELL_TYPES[target.type]


if __name__ == "__main__":
    for page_path, page_parts in pages().items():
        page_path.write_text(current(page_path, page_parts), encoding="utf-8")
