"""How well the book is kept."""

from __future__ import annotations

from typing import Final

from clientbook.api import N_, Format, Metric
from clientbook.builtin.metrics.later import later

METRICS: Final = (
    Metric(
        id="core.last_activity",
        label=N_("Days since the last"),
        description=N_(
            "Days from the last event, order and import to the instant. Beyond 60 days the book is not kept up to date."
        ),
        value_type="int",
        unit="days",
        compute=later("keeping", "last_activity"),
        parts={"event": N_("event"), "order": N_("order"), "import": N_("import")},
        interval="none",
        minimum=0,
        better="down",
        group="keeping",
    ),
    Metric(
        id="core.fill_rate",
        label=N_("Field filled"),
        description=N_("Customers with the field filled / customers who can have it: persons, companies, or all."),
        value_type="float",
        unit="ratio",
        compute=later("keeping", "fill_rate"),
        layout="columns",
        interval="wilson",
        format=Format(decimals=1),
        better="up",
        group="keeping",
        trend=False,
    ),
    Metric(
        id="core.freshness",
        label=N_("Field last stated"),
        description=N_("Median of the days since the field was last stated, of customers of whom it ever was."),
        value_type="float",
        unit="days",
        table="interactions",
        compute=later("keeping", "freshness"),
        layout="columns",
        interval="order statistics",
        better="down",
        group="keeping",
        trend=False,
    ),
)
