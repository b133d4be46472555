"""The importers keep to what importers have to keep to."""

from __future__ import annotations

from pathlib import Path

import clientbook_mailchimp

from clientbook.testing.conformance import ImporterConformance

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class TestMembers(ImporterConformance):
    plugin = clientbook_mailchimp
    id = "mailchimp.members"
    samples = SAMPLES
