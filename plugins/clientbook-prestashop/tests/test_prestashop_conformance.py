"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_prestashop

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestCustomers(ImporterConformance):
    plugin = clientbook_prestashop
    id = "prestashop.customers"
    samples = SAMPLES
    pattern = "customer_*"


class TestNewsletter(ImporterConformance):
    plugin = clientbook_prestashop
    id = "prestashop.newsletter"
    samples = SAMPLES
    pattern = "newsletter*"
