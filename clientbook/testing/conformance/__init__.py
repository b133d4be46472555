"""What every plugin has to keep to: one class for each kind of declaration, to be subclassed in a plugin's tests.

class TestTill(ImporterConformance):
    plugin = clientbook_loyalty
    id = "loyalty.till"
    samples = Path(__file__).parent.parent / "samples"

Each check's docstring says what it asks; `pytest --explain-conformance` prints them all.
"""

from clientbook.testing.conformance.event_types import EventTypeConformance
from clientbook.testing.conformance.exporters import ExporterConformance
from clientbook.testing.conformance.figures import MetricConformance, SegmentConformance, TraitConformance
from clientbook.testing.conformance.importers import ImporterConformance
from clientbook.testing.conformance.reports import ReportConformance

__all__ = [
    "EventTypeConformance",
    "ExporterConformance",
    "ImporterConformance",
    "MetricConformance",
    "ReportConformance",
    "SegmentConformance",
    "TraitConformance",
]
