"""The registry and the catalogue of event types."""

from __future__ import annotations

import msgspec.inspect as mi
import pytest

from clientbook.events.base import Event, Record, unwrap
from clientbook.events.registry import CORE_EVENTS, DuplicateEventType, Registry, UnknownEventType

CATALOGUE = {
    "customer_registered", "profile_updated", "account_opened", "account_closed", "identifier_linked",
    "identifier_unlinked", "customers_merged", "customers_unmerged", "tag_added", "tag_removed", "note_added",
    "message_sent", "call_made", "meeting_held", "visit_made", "social_interaction", "voucher_issued",
    "voucher_redeemed", "audience_exported", "order_placed", "order_cancelled", "order_refunded",
    "contract_opened", "contract_closed", "cart_abandoned", "quote_requested", "sample_requested",
    "survey_answered", "contest_entered", "review_posted", "message_opened", "message_clicked", "message_bounced",
    "complaint_made", "store_visited", "site_visited", "notice_published", "list_acquired", "consent_requested",
    "consent_given", "consent_confirmed", "consent_renewed", "consent_refused", "consent_withdrawn",
    "consent_invalidated", "opt_out_offered", "objection_raised", "objection_lifted", "address_suppressed",
    "suppression_lifted", "do_not_call_checked", "call_refused", "processing_restricted", "restriction_lifted",
    "death_reported", "access_requested", "access_answered", "erasure_requested", "erasure_refused",
    "customer_erased", "import_completed", "import_reverted", "import_restored", "segment_defined",
    "segment_retired", "segment_frozen", "policy_adopted", "settings_changed", "event_voided",
}  # fmt: skip

REQUIRED = {
    "customer_registered": {"kind", "collected_via"},
    "identifier_linked": {"kind", "value"},
    "identifier_unlinked": {"kind", "value"},
    "customers_merged": {"into", "merged"},
    "tag_added": {"tag"},
    "tag_removed": {"tag"},
    "note_added": {"text"},
    "message_sent": {"channel", "purpose"},
    "voucher_issued": {"voucher_id"},
    "voucher_redeemed": {"voucher_id"},
    "audience_exported": {"manifest"},
    "order_placed": {"order_id", "total", "currency"},
    "order_cancelled": {"order_id"},
    "order_refunded": {"amount", "currency"},
    "notice_published": {"notice_id", "version", "language", "text", "sha256"},
    "list_acquired": {"list_id", "supplier"},
    "consent_given": {"channel", "purposes"},
    "consent_withdrawn": {"channel", "purposes"},
    "import_reverted": {"batch"},
    "segment_retired": {"segment_id"},
    "event_voided": {"position"},
}

NO_CUSTOMER = {
    "audience_exported", "notice_published", "list_acquired", "customer_erased", "import_completed", "import_reverted",
    "import_restored", "segment_defined", "segment_retired", "segment_frozen", "policy_adopted", "settings_changed",
    "event_voided",
}  # fmt: skip

OPTIONAL_CUSTOMER = {
    "order_placed", "order_cancelled", "order_refunded", "balance_adjusted", "cart_abandoned", "quote_requested",
    "sample_requested", "address_suppressed", "suppression_lifted",
}  # fmt: skip

ALWAYS_PERSONAL = {
    "civility", "given_name", "family_name", "sex", "birth_date", "birth_year", "email", "mobile", "landline", "occupation",
    "interests", "marital_status", "children", "legal_name", "siren", "vat_id", "attributes", "external_id", "value",
    "summary", "answers", "ip_truncated", "postal_code", "city", "region", "country",
}  # fmt: skip
"""Whatever event has a field of this name, erasure has to remove it."""

PERSONAL = {
    ("note_added", "text"),
    ("profile_updated", "address.lines"),
    ("profile_updated", "address.city"),
    ("profile_updated", "email"),
    ("identifier_linked", "value"),
    ("identifier_unlinked", "value"),
    ("account_opened", "external_id"),
    ("account_closed", "external_id"),
    ("call_made", "summary"),
    ("meeting_held", "summary"),
    ("visit_made", "summary"),
    ("social_interaction", "summary"),
    ("survey_answered", "answers"),
    ("contest_entered", "answers"),
    ("review_posted", "answers"),
    ("message_opened", "address"),
    ("message_clicked", "address"),
    ("message_bounced", "address"),
    ("complaint_made", "address"),
    ("consent_given", "address"),
    ("consent_given", "ip_truncated"),
    ("consent_withdrawn", "address"),
    ("address_suppressed", "address"),
    ("suppression_lifted", "address"),
}

IMPERSONAL = {
    ("order_placed", "total"),
    ("order_placed", "order_id"),
    ("customer_registered", "collected_via"),
    ("notice_published", "text"),
    ("consent_given", "purposes"),
    ("profile_updated", "language"),
}


def leaves(record: type[Record], prefix: str = "") -> dict[str, dict[str, object]]:
    """Path of each field, fields of nested records included, with its marks."""
    found: dict[str, dict[str, object]] = {}
    for field in mi.type_info(record).fields:
        plain, marks = unwrap(field.type)
        if isinstance(plain, mi.ListType) and isinstance(unwrap(plain.item_type)[0], mi.StructType):
            plain = unwrap(plain.item_type)[0]
        found[prefix + field.encode_name] = marks
        if isinstance(plain, mi.StructType):
            found |= leaves(plain.cls, f"{prefix}{field.encode_name}.")
    return found


FIELDS = {name: leaves(event) for name, event in Registry().items()}


def test_every_type_of_the_catalogue_is_registered():
    assert set(Registry()) >= CATALOGUE


def test_no_two_types_share_a_name():
    assert len(Registry()) == len(CORE_EVENTS)


def test_the_fields_in_bold_in_the_catalogue_are_required():
    for name, expected in REQUIRED.items():
        assert {field.encode_name for field in mi.type_info(Registry()[name]).fields if field.required} == expected, name


@pytest.mark.parametrize("name", sorted(Registry()))
def test_every_field_says_what_it_is(name: str):
    undescribed = [path for path, marks in FIELDS[name].items() if not marks.get("description")]
    assert undescribed == []


@pytest.mark.parametrize("name", sorted(Registry()))
def test_every_type_says_what_happened(name: str):
    assert (Registry()[name].__doc__ or "").strip().endswith(".")


def test_who_needs_a_customer_is_as_in_the_catalogue():
    rules = {name: event.customer for name, event in Registry().items()}
    assert {name for name, rule in rules.items() if rule == "none"} == NO_CUSTOMER
    assert {name for name, rule in rules.items() if rule == "optional"} == OPTIONAL_CUSTOMER


@pytest.mark.parametrize("name", sorted(Registry()))
def test_fields_that_name_or_describe_a_person_are_marked_personal(name: str):
    unmarked = [
        path
        for path, marks in FIELDS[name].items()
        if path.rpartition(".")[2] in ALWAYS_PERSONAL and not marks.get("personal")
    ]
    assert unmarked == []


def test_the_personal_fields_of_the_catalogue_are_marked_and_the_others_are_not():
    marked = {(name, path) for name, fields in FIELDS.items() for path, marks in fields.items() if marks.get("personal")}
    assert marked >= PERSONAL
    assert not marked & IMPERSONAL


def test_a_natural_key_names_fields_that_exist():
    for name, event in Registry().items():
        assert set(event.natural_key) <= set(FIELDS[name]), name


def test_an_unknown_type_suggests_the_nearest():
    with pytest.raises(UnknownEventType, match="'order_plcaed'; did you mean order_placed"):
        Registry()["order_plcaed"]


def test_an_unknown_type_like_no_other_points_to_the_list():
    with pytest.raises(UnknownEventType, match="--types"):
        Registry()["zzz"]


def test_the_registry_is_asked_without_raising_whether_a_type_exists():
    assert "order_placed" in Registry()
    assert "order_plcaed" not in Registry()
    assert Registry().get("order_plcaed") is None


class TierChanged(Event, frozen=True, kw_only=True):
    """A loyalty tier changed."""

    tier: str


def test_a_plugin_type_carries_its_namespace():
    registry = Registry()
    assert registry.add(TierChanged, namespace="acme") == "acme.tier_changed"
    assert registry["acme.tier_changed"] is TierChanged
    assert registry.name_of(TierChanged(tier="gold")) == "acme.tier_changed"


def test_a_type_cannot_be_declared_twice():
    registry = Registry()
    registry.add(TierChanged, namespace="acme")
    with pytest.raises(DuplicateEventType, match=r"acme\.tier_changed"):
        registry.add(TierChanged, namespace="acme")


@pytest.mark.parametrize("namespace", ["Acme", "acme.shop", "1acme", "acme-shop", "acme\n"])
def test_a_namespace_is_a_lower_case_word(namespace: str):
    with pytest.raises(ValueError, match="namespace"):
        Registry().add(TierChanged, namespace=namespace)
