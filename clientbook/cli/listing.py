"""Lists of customers: what `customers` and `segments members` print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clientbook.cli.common import chosen_format, clean
from clientbook.cli.diagnostics import say
from clientbook.cli.exporting import check_export, export, export_options, exporter_for
from clientbook.cli.output import print_json, print_rows, print_table
from clientbook.errors import WrongUse
from clientbook.i18n import _, ngettext

if TYPE_CHECKING:
    import pyarrow as pa

    from clientbook.book import Book
    from clientbook.projection.moment import Moment
    from clientbook.query.expressions import Columns
    from clientbook.reading import Reading

F = TypeVar("F", bound=Callable[..., Any])


def listing_options(command: F) -> F:
    """What both commands take."""
    for option in (
        export_options,
        click.option("--limit", type=click.IntRange(min=0), help=_("Show only so many.")),
        click.option("--columns", metavar="A,B", help=_("Columns to show; `all`, or `help` to list them.")),
        click.option(
            "--sort", "sorts", multiple=True, metavar="COLUMN", help=_("Sort by a column; -COLUMN for the greatest first.")
        ),
        click.option("--where", metavar="FILTER", help=_("A filter, such as: revenue > 300 and city = 'Lyon'")),
    ):
        command = option(command)
    return command


def param_option(command: F) -> F:
    """`--param`."""
    chosen = click.option(
        "--param", "params", multiple=True, metavar="NAME=VALUE", help=_("Set a parameter of the segment, such as months=9.")
    )
    return chosen(command)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which customers, and what of them."""

    where: str | None = None
    search: str | None = None
    sorts: tuple[str, ...] = ()
    columns: str | None = None
    limit: int | None = None
    segment: str | None = None
    params: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it can name nothing that takes time to compute."""
        return self.where is None and not (self.sorts or self.columns or self.segment)


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a list goes: to the terminal in a format, or to a file by an exporter."""

    format: str
    export_path: Path | None = None
    exporter: str | None = None

    @classmethod
    def chosen(cls, format_: str | None, as_json: bool, export_path: Path | None, exporter: str | None) -> Output:
        """What the options say together.

        Raises:
            WrongUse: they contradict each other.
        """
        check_export(export_path, exporter, printed=bool(format_ or as_json))
        format = "file" if export_path else chosen_format(format_, as_json)
        return cls(format=format, export_path=export_path, exporter=exporter)


def print_result(book: Book, rows: pa.Table, output: Output, *, label: Callable[[str], str] = str) -> None:
    """Print any table, or write it to a file as it is."""
    if output.export_path:
        writer = exporter_for(book.plugins, output.export_path, output.exporter)
        export(book.plugins, writer, rows, output.export_path)
    else:
        print_rows(rows, output.format, timezone=book.settings.timezone, label=label)


def print_customers(book: Book, asked: Asked, moment: Moment, output: Output) -> None:
    """Print the customers that are asked for, or write them to a file."""
    from clientbook.query.labels import column_label
    from clientbook.query.views import column_types

    format, path = output.format, output.export_path
    if path:
        writer = exporter_for(book.plugins, path, output.exporter)
        with book.reading(moment) as reading, pointing_at(asked.where):
            rows = _rows_of_reading(reading, asked, moment, format)
        said = ngettext("{count} customer written to {path}", "{count} customers written to {path}", len(rows))
        export(book.plugins, writer, rows, path, said=said)
        return
    if asked.is_plain:
        with book.snapshot(moment) as snapshot:
            rows = _rows(snapshot.engine, asked, column_types(snapshot.engine), _default_names(format), moment)
        print_rows(rows, format, timezone=book.settings.timezone, label=column_label)
    else:
        with book.reading(moment) as reading:
            if asked.columns == "help":
                _print_columns(reading, format)
                return
            with pointing_at(asked.where):
                rows = _rows_of_reading(reading, asked, moment, format)
            if format == "table":
                rows = with_value_labels(reading, rows)
            labels = trait_labels(reading)
        print_rows(rows, format, timezone=book.settings.timezone, label=lambda name: labels.get(name) or column_label(name))
    if format == "table":
        say(ngettext("{count} customer", "{count} customers", len(rows)).format(count=len(rows)))


@contextmanager
def pointing_at(text: str | None) -> Iterator[None]:
    """Show the place of the trouble in a text, where there is one."""
    from clientbook.query.expressions import InvalidExpression

    try:
        yield
    except InvalidExpression as error:
        if error.place is not None and text and "\n" not in text and error.place <= len(text):
            say(f"  {text}")
            say(f"  {' ' * error.place}^")
        raise


def trait_labels(reading: Reading) -> dict[str, str]:
    """What people call the computed columns."""
    return {name: _(trait.label) for name, trait in reading.traits.by_column.items()}


def with_value_labels(reading: Reading, rows: pa.Table) -> pa.Table:
    """The table with the values of computed columns as people call them."""
    import pyarrow as pa

    for place, name in enumerate(rows.schema.names):
        trait = reading.traits.by_column.get(name)
        if trait is not None and trait.values:
            labels = {value: _(label) for value, label in trait.values.items()}
            shown = [labels.get(value, value) for value in rows[name].to_pylist()]
            rows = rows.set_column(place, name, pa.array(shown, pa.string()))
    return rows


def _rows_of_reading(reading: Reading, asked: Asked, moment: Moment, format: str) -> pa.Table:
    from clientbook.query.parameters import given_params
    from clientbook.query.views import checked_columns, parse_sort
    from clientbook.segments.catalogue import Catalogue

    if asked.where is not None and not asked.where.strip():
        raise WrongUse(_("--where is empty; it takes a filter such as: order_count = 1"))
    conditions = [clean(asked.where)] if asked.where else []
    if asked.segment:
        catalogue = Catalogue(reading)
        segment = catalogue.one(clean(asked.segment), given_params(map(clean, asked.params)))
        catalogue.use(segment)
        quoted = segment.sound and segment.id.replace("'", "''")
        conditions.insert(0, f"in_segment('{quoted}')")
    elif asked.params:
        raise WrongUse(_("--param goes with --segment"))
    if asked.where:
        reading.expression(clean(asked.where))  # alone first, so that its trouble is placed where it stands
    where = " and ".join(f"({condition})" for condition in conditions) if len(conditions) > 1 else "".join(conditions)
    if asked.segment:
        reading.expression(where)
    sorted_by = [parse_sort(sort.strip(), reading.columns).column for sort in _split(asked.sorts)]
    names = _names(asked, reading, format)
    names = checked_columns(names, reading.columns)
    reading.open(columns=[*names, *sorted_by])
    return _rows(reading.engine, replace(asked, where=where or None), reading.columns, names, moment)


def _rows(engine: Any, asked: Asked, types: Columns, names: tuple[str, ...], moment: Moment) -> pa.Table:
    from clientbook.query.views import ViewSpec, customers_sql, parse_sort

    spec = ViewSpec(
        columns=names,
        where=asked.where,
        search=clean(asked.search) if asked.search else None,
        sort=tuple(parse_sort(sort.strip(), types) for sort in _split(asked.sorts)),
        moment=moment,
    )
    query, parameters = customers_sql(spec, types)
    found: pa.Table = engine.table(query + (f" limit {asked.limit}" if asked.limit is not None else ""), parameters)
    return found


def _split(sorts: Sequence[str]) -> list[str]:
    return [sort for sort in ",".join(sorts).split(",") if sort.strip()]


def _names(asked: Asked, reading: Reading, format: str) -> tuple[str, ...]:
    if asked.columns == "all":
        return tuple(name for name in reading.columns if name not in reading.traits.by_column)
    if asked.columns:
        return tuple(name.strip() for name in asked.columns.split(","))
    return _default_names(format)


def _default_names(format: str) -> tuple[str, ...]:
    from clientbook.query.views import DEFAULT_COLUMNS

    return DEFAULT_COLUMNS if format == "table" else ("customer_id", *DEFAULT_COLUMNS)


def _print_columns(reading: Reading, format: str) -> None:
    from clientbook.query.labels import column_label

    labels = trait_labels(reading)
    columns = [
        {"column": name, "type": kind, "label": labels.get(name) or column_label(name)}
        for name, kind in reading.columns.items()
    ]
    if format == "table":
        print_table([_("Column"), _("Type"), _("Label")], columns, timezone="UTC", numbers=(False, False, False))
    elif format == "json":
        print_json(columns)
    else:
        raise WrongUse(_("the list of columns prints as a table or as JSON"))
