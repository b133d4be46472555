"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_brevo

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestContacts(ImporterConformance):
    plugin = clientbook_brevo
    id = "brevo.contacts"
    samples = SAMPLES
