"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_woocommerce

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestAdvancedOrders(ImporterConformance):
    plugin = clientbook_woocommerce
    id = "woocommerce.advanced_orders"
    samples = SAMPLES
    pattern = "advanced*"
    skipped = 1  # a payment that failed: no order


class TestWebToffee(ImporterConformance):
    plugin = clientbook_woocommerce
    id = "woocommerce.webtoffee_orders"
    samples = SAMPLES
    pattern = "webtoffee*"
