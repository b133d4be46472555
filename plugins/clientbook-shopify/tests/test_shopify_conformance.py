"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_shopify

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestOrders(ImporterConformance):
    plugin = clientbook_shopify
    id = "shopify.orders"
    samples = SAMPLES
    pattern = "orders*"


class TestCheckouts(ImporterConformance):
    plugin = clientbook_shopify
    id = "shopify.checkouts"
    samples = SAMPLES
    pattern = "checkouts*"


class TestCustomers(ImporterConformance):
    plugin = clientbook_shopify
    id = "shopify.customers"
    samples = SAMPLES
    pattern = "customers*"
