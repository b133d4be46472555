"""What may be sent to customers, and what comes of it."""

from __future__ import annotations

from typing import Final

from clientbook.api import N_, Format, Metric, Param
from clientbook.builtin.metrics.later import later

_PERCENT: Final = Format(decimals=1)
_WINDOW: Final = Param(name="months", label=N_("Months looked back"), default=12, minimum=1, maximum=240)
_DAYS: Final = Param(name="days", label=N_("Days to order in"), default=14, minimum=1, maximum=365)
_CHANNELS: Final = {
    "any": N_("any channel"),
    "email": N_("e-mail"),
    "sms": N_("SMS"),
    "phone": N_("phone"),
    "post": N_("post"),
    "auto_call": N_("automatic call"),
    "push": N_("push"),
    "social": N_("social network"),
    "ad_audience": N_("ad audience"),
}

METRICS: Final = (
    Metric(
        id="core.opt_in",
        label=N_("Opted in"),
        description=N_(
            "Customers with a consent in force on the channel / customers whom it reaches (who gave an address)."
        ),
        value_type="float",
        unit="ratio",
        compute=later("contact", "opt_in"),
        parts=_CHANNELS,
        interval="wilson",
        format=_PERCENT,
        better="up",
        group="contact",
        trend=False,
    ),
    Metric(
        id="core.consent_coverage",
        label=N_("May be written to"),
        description=N_("Customers with a permission on the channel, for at least one purpose the shop uses / customers."),
        value_type="float",
        unit="ratio",
        compute=later("contact", "coverage", "customers"),
        parts=_CHANNELS,
        interval="wilson",
        format=_PERCENT,
        better="up",
        group="contact",
        trend=False,
    ),
    Metric(
        id="core.consent_coverage_active",
        label=N_("Active customers who may be written to"),
        description=N_("The same of customers who ordered in the last 12 months."),
        value_type="float",
        unit="ratio",
        compute=later("contact", "coverage", "active"),
        parts=_CHANNELS,
        interval="wilson",
        format=_PERCENT,
        drill="last_order_at >= '{since_year}'",
        better="up",
        group="contact",
        trend=False,
    ),
    Metric(
        id="core.campaign_clicks",
        label=N_("Followed a link of a campaign"),
        description=N_("Customers who followed a link / customers reached, by campaign, of the last 12 months."),
        value_type="float",
        unit="ratio",
        table="interactions",
        compute=later("contact", "response", "clicked"),
        params=(_WINDOW, _DAYS),
        parts={"all": N_("all campaigns")},
        interval="wilson",
        format=_PERCENT,
        drill="message_count > 0",
        better="up",
        group="contact",
    ),
    Metric(
        id="core.campaign_orders",
        label=N_("Ordered within {days} days of a campaign"),
        description=N_(
            "Customers who ordered within 14 days of the first message / customers reached, by campaign. Some would have"
            " ordered anyway."
        ),
        value_type="float",
        unit="ratio",
        table="interactions",
        compute=later("contact", "response", "bought"),
        params=(_WINDOW, _DAYS),
        parts={"all": N_("all campaigns")},
        interval="wilson",
        format=_PERCENT,
        drill="message_count > 0",
        better="up",
        group="contact",
    ),
    Metric(
        id="core.voucher_redemption",
        label=N_("Vouchers used"),
        description=N_("Vouchers used / issued in the 12 months that ended 30 days ago, so that there was time."),
        value_type="float",
        unit="ratio",
        table="interactions",
        compute=later("contact", "vouchers"),
        params=(Param(name="days", label=N_("Days left to use it"), default=30, minimum=0, maximum=365),),
        interval="wilson",
        format=_PERCENT,
        better="up",
        group="contact",
    ),
)
