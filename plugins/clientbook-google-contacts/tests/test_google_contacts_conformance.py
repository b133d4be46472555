"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_google_contacts

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestContacts(ImporterConformance):
    plugin = clientbook_google_contacts
    id = "google_contacts.contacts"
    samples = SAMPLES
