"""Figures in words: groups, notes and methods as people call them; values as they are shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from clientbook.hooks.declarations import Format
from clientbook.i18n import N_, _
from clientbook.measuring.figures import Figure

GROUPS: Final = {
    "revenue": N_("Revenue"),
    "loyalty": N_("Coming back and leaving"),
    "buying": N_("Baskets and frequency"),
    "portfolio": N_("Portfolio of the last 12 months"),
    "mix": N_("What and where"),
    "contact": N_("Contact"),
    "keeping": N_("How the book is kept"),
    "cohorts": N_("Cohorts"),
}
"""In the order in which they are shown; those of plugins come after them."""

NOTES: Final = {
    "too_few": N_("too few to tell"),
    "indicative": N_("few: indicative only"),
    "wide": N_("rough"),
    "no_data": N_("nothing to tell from"),
    "not_recorded": N_("not recorded"),
    "failed": N_("could not be computed"),
    "beyond_history": N_("the book is too short"),
    "left_truncated": N_("customers from before the book"),
    "unreached": N_("not reached: more than half go on"),
    "lower_bound": N_("at least"),
    "short_history": N_("needs a longer history"),
    "no_backtest": N_("not tried on last year"),
    "backtest_failed": N_("last year's forecast was too wrong"),
    "foreign_left_out": N_("orders in other currencies left out"),
    "partial": N_("not over yet"),
    "stale": N_("the book is not kept up to date"),
}
"""What each code of a note says."""

METHODS: Final = {
    "wilson": N_("Wilson"),
    "greenwood": N_("Greenwood"),
    "bootstrap": N_("bootstrap over customers"),
    "clustered wilson": N_("Wilson, orders of one customer counted together"),
    "bootstrap + backtest": N_("bootstrap over customers, widened by last year's error"),
    "order statistics": N_("order statistics"),
    "none": N_("none"),
}
"""How intervals are made."""


def group_label(group: str) -> str:
    """A group of figures as people call it."""
    return _(GROUPS[group]) if group in GROUPS else group


def note_words(figure: Figure) -> str:
    """What to mind about a figure."""
    said = [_(NOTES[code]) if code in NOTES else code for code in figure.notes]
    if "failed" in figure.notes:
        said.append(_("plugin {name}").format(name=figure.plugin))
    return "; ".join(said)


def method_words(method: str) -> str:
    """How an interval was made."""
    return _(METHODS[method]) if method in METHODS else method


def value_words(figure: Figure, currency: str) -> str:
    """The value, with its unit; a dash where there is none."""
    return "—" if figure.value is None else shown(figure.value, figure.unit, figure.format, currency)


def interval_words(figure: Figure, currency: str) -> str:
    """The interval in the value's unit; nothing where there is none."""
    if figure.value is None or (figure.low is None and figure.high is None):
        return ""
    low, high = (
        "…" if one is None else shown(one, figure.unit, figure.format, currency, bare=True)
        for one in (figure.low, figure.high)
    )
    return f"{low} – {high}"


def shown(value: object, unit: str, format: Format, currency: str, *, bare: bool = False) -> str:
    """A value in its unit: shares in percent, amounts with the currency, long times in months; `bare` without the unit."""
    if isinstance(value, str | date) or not isinstance(value, int | float | Decimal):
        return str(value)
    sign = "+" if format.sign else ""
    if unit == "ratio":
        return f"{float(value) * 100:{sign},.{format.decimals}f}{'' if bare else ' %'}"
    if unit == "money":
        return f"{value:{sign},.{format.decimals}f}{'' if bare else ' ' + currency}"
    if unit == "days":
        return f"{float(value):{sign},.0f}" if bare else _("{days} days").format(days=f"{float(value):{sign},.0f}")
    return f"{value:{sign},.{format.decimals}f}"
