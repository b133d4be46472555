-- One row per act about permission, channel and purpose: what was agreed, refused, withdrawn, objected to, suppressed.
with acts as (
    select
        customer_id, occurred_at, recorded_at, position, event_id, type as act, source, actor, batch,
        coalesce(
            consent_requested, consent_given, consent_confirmed, consent_renewed, consent_refused,
            consent_withdrawn, consent_invalidated
        ) as consent,
        coalesce(objection_raised, objection_lifted) as objection,
        address_suppressed, suppression_lifted, opt_out_offered, order_placed, do_not_call_checked
    from events
    where type in (
        'consent_requested', 'consent_given', 'consent_confirmed', 'consent_renewed', 'consent_refused',
        'consent_withdrawn', 'consent_invalidated', 'objection_raised', 'objection_lifted', 'address_suppressed',
        'suppression_lifted', 'opt_out_offered', 'do_not_call_checked', 'call_refused', 'processing_restricted',
        'restriction_lifted', 'death_reported'
    )
)

select
    customer_id,
    occurred_at,
    recorded_at,
    position,
    event_id,
    act,
    coalesce(
        consent.channel, objection.channel, address_suppressed.channel, suppression_lifted.channel, opt_out_offered.channel,
        case when act in ('do_not_call_checked', 'call_refused') then 'phone' end
    ) as channel,
    unnest(coalesce(consent.purposes, [objection.purpose])) as purpose,
    coalesce(consent.address, address_suppressed.address, suppression_lifted.address) as address,
    objection.scope as scope,
    address_suppressed.cause as cause,
    consent.opt_in_level as opt_in_level,
    consent.confirmation as is_confirmation_mail,
    consent.notice_id as notice_id,
    consent.notice_version as notice_version,
    consent.surface as surface,
    coalesce(consent.method, objection.method) as method,
    consent.box_default as box_default,
    consent.bundled as bundled,
    consent.url as url,
    consent.form_id as form_id,
    consent.evidence_sha256 as evidence_sha256,
    consent.parental as parental,
    consent.valid_until as valid_until,
    opt_out_offered.ticked as opt_out_ticked,
    do_not_call_checked.listed as do_not_call_listed,
    source,
    actor,
    batch
from acts
