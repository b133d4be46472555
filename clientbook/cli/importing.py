"""`clientbook import`: plan, look, take."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.common import open_book
from clientbook.cli.diagnostics import DecisionNeeded, say, warn
from clientbook.cli.output import print_json, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.importing.commit import RejectLimit
    from clientbook.importing.decode import GivenFile
    from clientbook.importing.extracting import Candidate, Extraction
    from clientbook.importing.mapping import Mapping
    from clientbook.importing.plan import FilePlan
    from clientbook.intake import ImportResult


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--mapping", "mapping_path", type=click.Path(path_type=Path), help=_("Read the file as this mapping says."))
@click.option("--source", metavar="NAME", help=_("The shop or tool the file comes from (default: shop)."))
@click.option("--importer", metavar="ID", help=_("What reads the file: a plugin's importer, `table` or `events`."))
@click.option("--yes", is_flag=True, help=_("Take a mapping that is sure without asking."))
@click.option("--dry-run", is_flag=True, help=_("Show the plan and write nothing."))
@click.option("--allow-erased", is_flag=True, help=_("Take rows of people who were erased: they came back by themselves."))
@click.option("--max-rejects", metavar="N|N%", help=_("Import nothing if more rows than this are set aside."))
@click.option("--why", is_flag=True, help=_("Only say what each importer makes of the file, and why."))
@click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
@click.pass_context
def import_command(
    ctx: click.Context,
    files: tuple[str, ...],
    mapping_path: Path | None,
    source: str | None,
    importer: str | None,
    yes: bool,
    dry_run: bool,
    allow_erased: bool,
    max_rejects: str | None,
    why: bool,
    as_json: bool,
) -> None:
    """Import FILE...: orders, contacts, others as CSV, TSV, TXT (also .gz), XLSX, XLS, Parquet, vCard; events as JSON Lines.

    `-` is standard input.
    """
    from clientbook.importing.commit import RejectLimit
    from clientbook.importing.mapping import load_mapping

    if mapping_path and source:
        raise WrongUse(_("the mapping names the source; --source goes without --mapping"))
    if mapping_path and importer:
        raise WrongUse(_("the mapping says how a table is read; --importer goes without --mapping"))
    limit = RejectLimit.parse(max_rejects) if max_rejects else None
    book = open_book(ctx)
    if why:
        _tell_why(book, files, as_json=as_json)
        return
    mapping = load_mapping(mapping_path, book.registry) if mapping_path else None
    how = Way(
        source=source, importer=importer, yes=yes, dry_run=dry_run, allow_erased=allow_erased, limit=limit, as_json=as_json
    )
    results: list[dict[str, Any]] = []
    try:
        _import_all(book, files, results, mapping, how)
    finally:
        if as_json and results:
            print_json(results[0] if len(files) == 1 else results)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How files are imported, as the options say."""

    source: str | None
    importer: str | None
    yes: bool
    dry_run: bool
    allow_erased: bool
    limit: RejectLimit | None
    as_json: bool


def _import_all(
    book: Book, files: tuple[str, ...], results: list[dict[str, Any]], mapping: Mapping | None, how: Way
) -> None:
    """Import one file after the other; what was done stays in `results` also when a later one stops."""
    from clientbook.importing.decode import open_file

    for name in files:
        with _busy(_("reading {file}").format(file=name)):
            file = open_file(name)
        results.append(_import_one(book, file, mapping, how))


def _import_one(book: Book, file: GivenFile, mapping: Mapping | None, how: Way) -> dict[str, Any]:
    from clientbook.importing.extracting import Extraction
    from clientbook.importing.jsonl import looks_like_events

    plan: FilePlan | Extraction | None = None
    chosen = None if mapping else _importer(book, file, how)
    if chosen:
        plan = _extracted(book, file, chosen, how)
    elif how.importer == "table" or (not looks_like_events(file) and how.importer != "events"):
        with _busy(_("looking at {file}").format(file=file.name)):
            plan = book.plan(file, mapping=mapping, source=how.source)
        if not how.as_json and (how.dry_run or not (how.yes or plan.proposal is None)):
            _show_plan(file, plan, book.settings.timezone)
        if not how.dry_run:
            if plan.proposal and plan.is_sure and sys.stdin.isatty() and not how.yes:
                _foretell(book, file, plan, how)
            _decide(file, plan, yes=how.yes)
            for text in plan.proposal.remarks if plan.proposal and how.yes else ():
                say(f"  {text}")
    elif how.source:
        raise WrongUse(_("{file} holds events as JSON Lines; each names its source").format(file=file.name))
    elif mapping:
        raise WrongUse(_("{file} holds events as JSON Lines; a mapping is for tables").format(file=file.name))
    with _busy(_("importing {file}").format(file=file.name)):
        result = book.import_file(file, plan, dry_run=how.dry_run, allow_erased=how.allow_erased, limit=how.limit)
    if (
        not how.dry_run
        and plan is not None
        and not isinstance(plan, Extraction)
        and not plan.importer
        and not (plan.proposal and how.yes)
    ):
        book.remember(plan)
    _narrate(file, result, book.settings.timezone, dry_run=how.dry_run)
    return _as_json(file, plan, result, dry_run=how.dry_run) if how.as_json else {}


def _tell_why(book: Book, files: tuple[str, ...], *, as_json: bool) -> None:
    """What each importer makes of each file."""
    from clientbook.importing.decode import open_file
    from clientbook.importing.extracting import why_not

    said = {name: why_not(book.plugins, open_file(name)) for name in files}
    if as_json:
        rows = [
            {"file": Path(name).name, "importer": importer, "score": match.score, "reasons": list(match.reasons)}
            for name, answers in said.items()
            for importer, match in answers
        ]
        print_json(rows)
        return
    for name, answers in said.items():
        for importer, match in answers:
            say(f"{Path(name).name}: {importer}: {match.score}: {'; '.join(match.reasons)}")
        if not answers:
            say(_("{file}: no plugin with importers is installed; the program reads the file by itself").format(file=name))


def _importer(book: Book, file: GivenFile, how: Way) -> Candidate | None:
    """The plugin's importer that reads the file, named or recognised; None where the program reads it itself."""
    from clientbook.hooks.declarations import Match
    from clientbook.importing.extracting import Candidate, candidates, named_importer, surest

    if how.importer in ("table", "events"):
        return None
    if how.importer:
        return Candidate(importer=named_importer(book.plugins, how.importer), match=Match(score=100))
    found = candidates(book.plugins, file)
    if not found:
        return None
    chosen = surest(found)
    if chosen is None:
        listed = "; ".join(f"{one.importer.id} ({one.match.score}: {', '.join(one.match.reasons)})" for one in found)
        said = _("{file}: not imported: several importers take it for theirs: {listed}. Choose one with --importer ID")
        raise DecisionNeeded(said.format(file=file.name, listed=listed))
    return chosen


def _extracted(book: Book, file: GivenFile, chosen: Candidate, how: Way) -> Extraction | FilePlan:
    """What the importer found; a person says yes to an importer that was not named."""
    from clientbook.importing.extracting import Extraction

    importer, match = chosen.importer, chosen.match
    if how.source:
        raise WrongUse(_("the importer {importer} names the source itself").format(importer=importer.id))
    with _busy(_("looking at {file}").format(file=file.name)):
        plan = book.extract(file, importer)
    if not how.as_json and not how.importer:
        said = _("{file}: read by {importer} ({label}), {score} of 100")
        said = said.format(file=file.name, importer=importer.id, label=_(importer.label), score=match.score)
        say("; ".join([said, *match.reasons]))
    if not isinstance(plan, Extraction) and not how.as_json and (how.dry_run or not how.yes):
        _show_plan(file, plan, book.settings.timezone)
    if how.importer or how.yes or how.dry_run:
        return plan
    if sys.stdin.isatty():
        _foretell(book, file, plan, how)
        if click.confirm(_("Import the file like this?"), err=True, default=True):
            return plan
    said = _("{file}: not imported: nobody said yes: --yes takes {importer}, --importer names another")
    raise DecisionNeeded(said.format(file=file.name, importer=importer.id))


def _foretell(book: Book, file: GivenFile, plan: Extraction | FilePlan, how: Way) -> None:
    """Tell what the import would come to, for somebody who is about to be asked."""
    with _busy(_("looking at {file}").format(file=file.name)):
        result = book.import_file(file, plan, dry_run=True, allow_erased=how.allow_erased)
    _narrate(file, result, book.settings.timezone, dry_run=True)


def _decide(file: GivenFile, plan: FilePlan, *, yes: bool) -> None:
    """Go on, ask, or stop with a mapping to edit."""
    if plan.proposal is None or (yes and plan.is_sure):
        return
    if plan.is_sure and sys.stdin.isatty() and not yes:
        if click.confirm(_("Import the file like this?"), err=True, default=True):
            return
        doubts: tuple[str, ...] = (_("you said no"),)
    else:
        doubts = plan.proposal.doubts or (_("nobody said yes: --yes takes this mapping"),)
    path = _write_mapping(file, plan)
    said = _("{file}: not imported: {doubts}. The mapping is in {path}: correct it, then add --mapping {path}")
    raise DecisionNeeded(said.format(file=file.name, doubts="; ".join(doubts), path=path))


def _write_mapping(file: GivenFile, plan: FilePlan) -> Path:
    from clientbook.importing.mapping import to_toml
    from clientbook.importing.targets import FIELD
    from clientbook.importing.vocabulary import TARGETS

    stem = Path(file.name.removesuffix(".gz")).stem if file.name[0] != "(" else "stdin"
    path = Path(f"{stem}.mapping.toml")
    number = 2
    while path.exists():
        path = Path(f"{stem}-{number}.mapping.toml")
        number += 1
    proposal = plan.proposal
    notes = [*(proposal.doubts if proposal else ()), *(proposal.remarks if proposal else ())]
    comments = [
        _("How clientbook reads this file. Columns go to targets; leave a column out to ignore it."),
        _("Targets: {targets}").format(targets=", ".join([*TARGETS, f"{FIELD}NAME"])),
        _("Columns of the file: {columns}").format(columns=", ".join(plan.table.header)),
        *notes,
    ]
    path.write_text(to_toml(plan.mapping, [line.replace("\n", " ") for line in comments]), encoding="utf-8")
    return path


def _show_plan(file: GivenFile, plan: FilePlan, timezone: str) -> None:
    mapping, table = plan.mapping, plan.table
    kind = {"orders": _("orders"), "contacts": _("contacts")}.get(mapping.kind, mapping.kind)
    said = _("{file}: {rows} rows, read as {kind} of {source}; {encoding}, delimiter {delimiter!r}, header on line {line}")
    say(
        said.format(
            file=file.name,
            rows=table.rows_read,
            kind=kind,
            source=mapping.source,
            encoding=table.dialect.encoding,
            delimiter=table.dialect.delimiter,
            line=table.dialect.header_line,
        )
    )
    if plan.is_remembered:
        say("  " + _("read as an earlier file with these columns was; --mapping reads it another way"))
    for column, chosen in mapping.columns.items():
        form = ", ".join(chosen.formats) or chosen.decimal
        say(f"  {column} → {chosen.to}" + (f" ({form})" if form else ""))
    for target, constant in mapping.constants.items():
        say(f"  {constant!r} → {target}")
    for text in plan.proposal.remarks if plan.proposal else ():
        say(f"  {text}")
    for text in plan.proposal.doubts if plan.proposal else ():
        warn(f"  {text}")
    if plan.sample:
        labels = list(plan.sample[0])
        print_table(labels, plan.sample, timezone=timezone, numbers=[False] * len(labels))


def _narrate(file: GivenFile, result: ImportResult, timezone: str, *, dry_run: bool) -> None:
    outcome = result.outcome
    said = _("{file}: rows: {read} read, {used} used, {duplicate} known already, {skipped} empty, {rejected} set aside")
    if dry_run:
        said = _(
            "{file}: dry run; rows: {read} read, {used} used, {duplicate} known already, {skipped} empty, {rejected} bad"
        )
    say(
        said.format(
            file=file.name,
            read=outcome.rows_read,
            used=outcome.rows_used,
            duplicate=outcome.rows_duplicate,
            skipped=outcome.rows_skipped,
            rejected=outcome.rows_rejected,
        )
    )
    said = ngettext("{count} event", "{count} events", outcome.events).format(count=outcome.events)
    people = _("customers: {created} new, {matched} known").format(
        created=outcome.customers_created, matched=outcome.customers_matched
    )
    if outcome.customers_ambiguous:
        doubtful = ngettext("{count} in doubt", "{count} in doubt", outcome.customers_ambiguous)
        people += ", " + doubtful.format(count=outcome.customers_ambiguous)
    say(f"  {said}; {people}")
    if outcome.corrections:
        corrected = ngettext(
            "{count} row corrects what the book has: set aside",
            "{count} rows correct what the book has: set aside",
            outcome.corrections,
        )
        warn("  " + corrected.format(count=outcome.corrections))
    _tell_consent(outcome.consent, dry_run=dry_run)
    if outcome.book:
        _tell_book(outcome.book["before"], outcome.book["after"], timezone)
    for text in outcome.remarks:
        say(f"  {text}")
    for plugin, finding in result.findings:
        tell = say if finding.severity == "info" else warn
        tell(f"  {plugin}: {finding.message}" + (f" ({finding.rows})" if finding.rows else ""))
    for reject in outcome.rejects[:5]:
        where = _("line {line}").format(line=reject.line) + (f", {reject.column}" if reject.column else "")
        warn(f"  {where}: {reject.message}")
    if len(outcome.rejects) > 5:
        warn(_("  … and {count} more").format(count=len(outcome.rejects) - 5))
    if result.rejects_file:
        warn(
            _("  the rows set aside are in {path}: correct them there and import that file").format(path=result.rejects_file)
        )


def _tell_book(before: dict[str, Any], after: dict[str, Any], timezone: str) -> None:
    """What the book holds now and would hold then; what stays as it is goes without saying."""
    from clientbook.query.text import display

    labels = {
        "events": _("Events"),
        "customers": _("Customers"),
        "orders": _("Orders"),
        "guest_orders": _("Orders without a customer"),
        "revenue": _("Revenue"),
        "first_occurred_at": _("First event"),
        "last_occurred_at": _("Last event"),
    }
    pairs = [(label, before[name], after[name]) for name, label in labels.items()]
    now, then = before["event_counts"], after["event_counts"]
    pairs += [(f"  {type}", now.get(type, 0), then.get(type, 0)) for type in sorted(now | then)]
    changed = [pair for pair in pairs if pair[1] != pair[2]]
    say("  " + (_("the book would hold:") if changed else _("the book would stay as it is")))
    for label, is_so, would_be in changed:
        say(f"    {label}: {display(is_so, timezone) or '–'} → {display(would_be, timezone)}")


def _tell_consent(effects: dict[str, int], *, dry_run: bool) -> None:
    """What the import does to permission; a yes that would lift what a person withdrew is told, and lifts nothing."""
    for name, count in effects.items():
        if name == "would_give":
            foreseen = ngettext("would record {count} consent", "would record {count} consents", count)
            done = ngettext("{count} consent recorded", "{count} consents recorded", count)
        elif name == "would_restrict":
            foreseen = ngettext(
                "would record {count} refusal, withdrawal or suppression",
                "would record {count} refusals, withdrawals or suppressions",
                count,
            )
            done = ngettext(
                "{count} refusal, withdrawal or suppression recorded",
                "{count} refusals, withdrawals or suppressions recorded",
                count,
            )
        else:
            foreseen = ngettext(
                "would lift {count} withdrawal, refusal or suppression: refused",
                "would lift {count} withdrawals, refusals or suppressions: refused",
                count,
            )
            done = ngettext(
                "{count} consent lifts nothing: a withdrawal, refusal or suppression stands",
                "{count} consents lift nothing: a withdrawal, refusal or suppression stands",
                count,
            )
        (warn if name == "would_lift" else say)("  " + (foreseen if dry_run else done).format(count=count))


def _as_json(file: GivenFile, plan: FilePlan | Extraction | None, result: ImportResult, *, dry_run: bool) -> dict[str, Any]:
    import msgspec

    from clientbook.importing.extracting import Extraction

    outcome = dataclasses.asdict(result.outcome)
    rejects = outcome.pop("rejects")
    shown: dict[str, Any] = {"file": file.name, "batch": result.batch, "dry_run": dry_run}
    shown |= {name: value for name, value in outcome.items() if value is not None}
    if isinstance(plan, Extraction):
        shown["importer"] = plan.importer.id
    elif plan is not None and plan.importer:
        shown["importer"] = plan.importer
    if result.findings:
        shown["findings"] = [{"plugin": plugin} | msgspec.to_builtins(finding) for plugin, finding in result.findings]
    shown["rejects_file"] = str(result.rejects_file) if result.rejects_file else None
    if dry_run:
        shown["rejects"] = [{key: row[key] for key in ("line", "code", "column", "message")} for row in rejects]
        shown["mapping"] = None if plan is None or isinstance(plan, Extraction) else _mapping_json(plan)
    return shown


def _mapping_json(plan: FilePlan) -> dict[str, Any]:
    import msgspec

    built: dict[str, Any] = msgspec.to_builtins(plan.mapping)
    return built | {"sure": plan.is_sure, "sample": list(plan.sample)}


@contextmanager
def _busy(what: str) -> Iterator[None]:
    """Show on stderr that something takes its time; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(what)):
        yield
