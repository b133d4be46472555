"""Propose a mapping for a file: by its column names in French or English, and by what its cells look like."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass

from clientbook.engine.duckdb import Engine, identifier
from clientbook.fields import CustomField
from clientbook.i18n import _
from clientbook.importing.cells import best_decimal, best_formats, fit
from clientbook.importing.kinds import VALUES, kind_told
from clientbook.importing.mapping import (
    CORE,
    ColumnMapping,
    ContactRules,
    Layout,
    Mapping,
    MappingError,
    OrderRules,
    check,
    column_keys,
)
from clientbook.importing.table import TextTable, plain_words
from clientbook.importing.targets import FIELD, targets_of
from clientbook.importing.vocabulary import CONTACT_ONLY, Target, by_word

_SURE_SHARE = 0.95
"""Share of a column's cells that must have the type for the mapping to be taken without asking."""
_EMAIL_SHARE = 0.8
_OF_EVENTS = ("customer.", "consent.", "line.")
_CUSTOMER_TARGETS = {"customer.external_id", "customer.email", "customer.mobile", "customer.phone", "customer.landline"}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A mapping, and what stands against taking it unseen."""

    mapping: Mapping
    doubts: tuple[str, ...]
    """Reasons to look before importing; none when the mapping is sure."""
    remarks: tuple[str, ...]
    """What was assumed."""

    @property
    def is_sure(self) -> bool:
        return not self.doubts


Fields = abc.Mapping[str, CustomField]


def propose(
    engine: Engine,
    file: TextTable,
    *,
    source: str,
    currency: str,
    timezone: str,
    fields: Fields,
    name: str = "file.csv",
) -> Proposal:
    """Propose a mapping; a column that nothing else claims goes to the custom field whose name or label it bears.

    `engine` has the file's columns registered as `cells`, named `c0`, `c1`, …
    """
    keys = column_keys(file.header)
    doubts: list[str] = []
    remarks: list[str] = []
    named = _by_name(file.header, keys, remarks)
    _find_emails(engine, named, keys, remarks)
    told = kind_told(file.header, keys, name)
    kind = told.kind.type if told else _kind(set(named))
    if told:
        kept = {to: key for to, key in named.items() if to.startswith(_OF_EVENTS) and key not in told.named.values()}
        named = kept | dict(told.named)
    elif kind == "orders":
        named = {target: key for target, key in named.items() if target not in CONTACT_ONLY}
        _total_or_line_amount(engine, named, keys)
    else:
        named = {target: key for target, key in named.items() if target.startswith(("customer.", "consent."))}
    day_first = not timezone.startswith("America/")
    columns = {
        key: _column(engine, targets_of(kind, CORE)[target], key, f"c{keys.index(key)}", file, day_first, doubts, remarks)
        for target, key in named.items()
    }
    if kind == "contacts":
        columns |= {key: ColumnMapping(to=to) for to, key in _custom(file.header, keys, fields, set(columns)).items()}
    if told:
        columns |= {key: ColumnMapping(to="event.answers") for key in told.answers if key not in columns}
        doubts += [_(told.kind.doubt)] if told.kind.doubt else []
    dialect = file.dialect
    if dialect.odd_line:
        doubts.append(
            _("line {line} is not UTF-8 and other lines are: save the file in one encoding").format(line=dialect.odd_line)
        )
    elif dialect.encoding_is_guess:
        remarks.append(_("the encoding cp1252 is a guess: look at the accents in the sample"))
    mapping = Mapping(
        kind=kind,
        source=source,
        timezone=timezone,
        currency=currency,
        layout=Layout(
            encoding=dialect.encoding, delimiter=dialect.delimiter, header_line=dialect.header_line, sheet=dialect.sheet
        ),
        columns={key: columns[key] for key in keys if key in columns},
        constants=dict(told.constants) if told else {},
        orders=_order_rules(engine, named, keys) if kind == "orders" else OrderRules(),
        contacts=_contact_rules(kind, named),
    )
    doubts += _missing(mapping, named, len(keys))
    unused = [key for key in keys if key not in columns]
    if unused:
        remarks.append(_("columns left out: {columns}").format(columns=", ".join(unused)))
    return Proposal(mapping=mapping, doubts=tuple(doubts), remarks=tuple(remarks))


def _by_name(header: tuple[str, ...], keys: list[str], remarks: list[str]) -> dict[str, str]:
    """Target → column key, each target to the column whose name says it most surely, the first of equals."""
    claims: list[tuple[int, int, str, str]] = []
    for place, (name, key) in enumerate(zip(header, keys, strict=True)):
        for rank, target in by_word().get(plain_words(name), []):
            claims.append((rank, place, target.name, key))
    taken: dict[str, str] = {}
    for _rank, _place, name, key in sorted(claims):
        if name in taken:
            remarks.append(
                _("column {key!r} could be {name} too, but {taken!r} is").format(key=key, name=name, taken=taken[name])
            )
        elif key not in taken.values():
            taken[name] = key
    return taken


def _custom(header: tuple[str, ...], keys: list[str], fields: Fields, taken: set[str]) -> dict[str, str]:
    """Target → column key of the custom fields that columns bear the name or label of, the first column of several."""
    names: dict[str, str] = {}
    for name, field in fields.items():
        names |= {plain_words(name): name} | ({plain_words(field.label): name} if field.label else {})
    found: dict[str, str] = {}
    for title, key in zip(header, keys, strict=True):
        claimed = names.get(plain_words(title))
        if claimed is not None and key not in taken:
            found.setdefault(f"{FIELD}{claimed}", key)
    return found


def _find_emails(engine: Engine, named: dict[str, str], keys: list[str], remarks: list[str]) -> None:
    """A column full of e-mail addresses holds them, whatever its name."""
    if "customer.email" in named:
        return
    for place, key in enumerate(keys):
        column = f"c{place}"
        if key in named.values() or not engine.value(f"select count({identifier(column)}) from cells"):
            continue
        if fit(engine, "cells", column, "email") >= _EMAIL_SHARE:
            named["customer.email"] = key
            remarks.append(_("column {key!r} is full of e-mail addresses").format(key=key))
            return


def _kind(targets: set[str]) -> str:
    has_date = "order.placed_at" in targets
    has_amount = bool(targets & {"order.total", "line.amount"}) or {"line.quantity", "line.unit_price"} <= targets
    return "orders" if (has_date and has_amount) or ("order.id" in targets and (has_date or has_amount)) else "contacts"


def _total_or_line_amount(engine: Engine, named: dict[str, str], keys: list[str]) -> None:
    """A total that differs between the rows of one order is the amount of a line."""
    if "order.id" not in named or "order.total" not in named or "line.amount" in named:
        return
    order, total = (identifier(f"c{keys.index(named[target])}") for target in ("order.id", "order.total"))
    varying = engine.value(
        f"select count(*) from (select 1 from cells where {order} is not null"
        f" group by {order} having count(distinct {total}) > 1)"
    )
    if varying:
        named["line.amount"] = named.pop("order.total")


def _column(
    engine: Engine,
    target: Target,
    key: str,
    column: str,
    file: TextTable,
    day_first: bool,
    doubts: list[str],
    remarks: list[str],
) -> ColumnMapping:
    kind = target.type
    if kind == "amount":
        decimal, share = best_decimal(engine, "cells", column, comma_first=file.dialect.delimiter == ";")
        chosen = ColumnMapping(to=target.name, decimal="," if decimal == "," else ".")
    elif kind in ("instant", "date"):
        formats, share, is_twin = best_formats(engine, "cells", column, day_first=day_first)
        chosen = ColumnMapping(to=target.name, formats=formats)
        if is_twin:
            remarks.append(
                _("column {key!r}: day and month could be the other way round; {formats} is assumed").format(
                    key=key, formats=formats[0]
                )
            )
    else:
        share = fit(engine, "cells", column, kind)
        chosen = ColumnMapping(to=target.name, values=VALUES.get(target.name, {}))
    if share < _SURE_SHARE:
        doubts.append(
            _("column {key!r}: only {share:.0%} of its cells can be read as {type} for {target}").format(
                key=key, share=share, type=kind, target=target.name
            )
        )
    return chosen


def _contact_rules(kind: str, named: dict[str, str]) -> ContactRules:
    """A list of people and their dated permission, with nothing that an order or a letter needs, is one of sign-ups."""
    is_list = kind == "contacts" and named.keys() & {"consent.newsletter_at", "consent.newsletter_confirmed_at"}
    more = {"customer.street", "customer.postal_code", "customer.birth_date", "customer.external_id", "customer.legal_name"}
    return ContactRules(collected_via="newsletter_form") if is_list and not named.keys() & more else ContactRules()


def _order_rules(engine: Engine, named: dict[str, str], keys: list[str]) -> OrderRules:
    """Letters before an order's number set it apart: all negative means credit notes, otherwise bookkeeping entries.

    Only where most numbers have no letter: `CMD-0001` on every row says nothing.
    """
    if "order.id" not in named or (not {"line.quantity", "line.unit_price"} <= set(named) and "line.amount" not in named):
        return OrderRules()
    number = identifier(f"c{keys.index(named['order.id'])}")
    signed = named.get("line.quantity") or named["line.amount"]
    negative = f"starts_with({identifier(f'c{keys.index(signed)}')}, '-')"
    rows = engine.rows(
        f"select regexp_extract({number}, '^([A-Za-z]{{1,3}})[0-9]+$', 1) as prefix, count(distinct {number}) as documents,"
        f" bool_and({negative}) as is_negative from cells where {number} is not null group by 1"
    )
    total = sum(row["documents"] for row in rows)
    plain = sum(row["documents"] for row in rows if not row["prefix"])
    if plain * 2 < total:
        return OrderRules()
    letters = [row for row in rows if row["prefix"]]
    return OrderRules(
        credit_prefixes=sorted(row["prefix"] for row in letters if row["is_negative"]),
        adjustment_prefixes=sorted(row["prefix"] for row in letters if not row["is_negative"]),
    )


def _missing(mapping: Mapping, named: dict[str, str], column_count: int) -> list[str]:
    doubts = []
    try:
        check(mapping, "")
    except MappingError as error:
        doubts.append(str(error).lstrip(":\N{NO-BREAK SPACE} "))  # there is no mapping file to name yet
    if mapping.kind == "contacts" and named.keys() == {"customer.email"} and column_count > 1:
        doubts.append(_("only the e-mail addresses are understood; is it a file of contacts?"))
    if mapping.kind == "orders" and not named.keys() & _CUSTOMER_TARGETS:
        doubts.append(_("no column tells whose an order is: every order would be without a customer"))
    if mapping.kind == "orders" and "order.id" not in named:
        doubts.append(_("no column holds the order's number: each row would be an order of its own"))
    return doubts
