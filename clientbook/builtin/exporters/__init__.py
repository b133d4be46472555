"""The exporters that every book has: tables as files, and audiences as mailing tools take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from clientbook.api import N_, Exporter, hookimpl

if TYPE_CHECKING:
    import pyarrow as pa


@hookimpl
def register_exporters() -> Iterable[Exporter]:
    """Files for people and for machines, and one profile a mailing tool."""
    return (*_tables(), *_tools())


def _tables() -> Iterable[Exporter]:
    yield Exporter(
        id="core.csv",
        label=N_("CSV for machines"),
        description=N_("Commas, UTF-8, columns by name; every cell as it is."),
        suffixes=(".csv",),
        write=_csv,
    )
    yield Exporter(
        id="core.spreadsheet",
        label=N_("CSV for a spreadsheet"),
        description=N_(
            "Semicolons, UTF-8 with its mark, decimal commas; cells that would be formulas begin with an apostrophe."
        ),
        suffixes=(".csv",),
        write=_spreadsheet,
        for_people=True,
    )
    yield Exporter(
        id="core.txt",
        label=N_("Text with tabs"),
        description=N_("Tabs, UTF-8, columns by name; every cell as it is, without tabs and line breaks."),
        suffixes=(".txt", ".tsv"),
        write=_txt,
    )
    yield Exporter(
        id="core.xlsx",
        label=N_("Excel workbook"),
        description=N_("One sheet with typed cells; a text is never a formula, phones and postal codes stay text."),
        suffixes=(".xlsx",),
        write=_xlsx,
        most_rows=1_048_575,
        for_people=True,
    )
    yield Exporter(
        id="core.json",
        label=N_("JSON"),
        description=N_("One list of objects."),
        suffixes=(".json",),
        write=_json,
    )
    yield Exporter(
        id="core.jsonl",
        label=N_("JSON Lines"),
        description=N_("One object a line."),
        suffixes=(".jsonl", ".ndjson"),
        write=_jsonl,
    )
    yield Exporter(
        id="core.parquet",
        label=N_("Parquet"),
        description=N_("Columns with their types."),
        suffixes=(".parquet",),
        write=_parquet,
    )
    yield Exporter(
        id="core.vcard",
        label=N_("vCard"),
        description=N_("Contacts for address books and telephones (RFC 6350)."),
        suffixes=(".vcf",),
        write=_vcard,
        needs=("name", "given_name", "family_name", "legal_name"),
    )


def _tools() -> Iterable[Exporter]:
    yield Exporter(
        id="core.brevo",
        label=N_("Brevo"),
        description=N_("Contacts for Brevo, with DOUBLE_OPT-IN."),
        suffixes=(".csv",),
        write=_brevo,
        takes="audience",
        channels=("email", "sms"),
    )
    yield Exporter(
        id="core.mailchimp",
        label=N_("Mailchimp"),
        description=N_("Contacts for Mailchimp, with OPTIN_TIME and CONFIRM_TIME."),
        suffixes=(".csv",),
        write=_mailchimp,
        takes="audience",
        channels=("email",),
    )
    yield Exporter(
        id="core.klaviyo",
        label=N_("Klaviyo"),
        description=N_("Profiles for Klaviyo, with the consent of the channel and its time."),
        suffixes=(".csv",),
        write=_klaviyo,
        takes="audience",
        channels=("email", "sms"),
    )
    yield Exporter(
        id="core.listmonk",
        label=N_("listmonk"),
        description=N_("Subscribers for listmonk, with their attributes as JSON."),
        suffixes=(".csv",),
        write=_listmonk,
        takes="audience",
        channels=("email",),
    )
    yield Exporter(
        id="core.mailjet",
        label=N_("Mailjet"),
        description=N_("Contacts for Mailjet; add them with “addnoforce”, which subscribes nobody again."),
        suffixes=(".csv",),
        write=_mailjet,
        takes="audience",
        channels=("email",),
    )


def _csv(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tables import write_csv

    write_csv(table, file)


def _spreadsheet(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tables import write_spreadsheet

    write_spreadsheet(table, file)


def _txt(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tables import write_txt

    write_txt(table, file)


def _xlsx(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.workbook import write_xlsx

    write_xlsx(table, file)


def _json(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tables import write_json

    write_json(table, file)


def _jsonl(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tables import write_jsonl

    write_jsonl(table, file)


def _parquet(table: pa.Table, file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata(None), file, compression="zstd")


def _vcard(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.vcard import write_vcard

    write_vcard(table, file)


def _brevo(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tools import write_brevo

    write_brevo(table, file)


def _mailchimp(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tools import write_mailchimp

    write_mailchimp(table, file)


def _klaviyo(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tools import write_klaviyo

    write_klaviyo(table, file)


def _listmonk(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tools import write_listmonk

    write_listmonk(table, file)


def _mailjet(table: pa.Table, file: BinaryIO) -> None:
    from clientbook.builtin.exporters.tools import write_mailjet

    write_mailjet(table, file)
