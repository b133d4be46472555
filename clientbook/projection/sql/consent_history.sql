-- One row per act about permission, channel and purpose: what was agreed, refused, withdrawn, objected to, suppressed; what the
-- customer was offered at collection; bounces and complaints, which say that an address is not to be written to.
-- subject_address: the address in the form in which two of them are the same. Of an act that names none it is the customer's
-- at that time, or else the first one known later.
with acts as (
    select
        customer_id, recorded_customer_id, occurred_at, recorded_at, position, event_id, type, source, actor, batch,
        coalesce(
            consent_requested, consent_given, consent_confirmed, consent_renewed, consent_refused,
            consent_withdrawn, consent_invalidated
        ) as consent,
        coalesce(objection_raised, objection_lifted) as objection,
        address_suppressed, suppression_lifted, opt_out_offered, order_placed, do_not_call_checked, message_bounced,
        complaint_made
    from events
    where type in (
        'consent_requested', 'consent_given', 'consent_confirmed', 'consent_renewed', 'consent_refused',
        'consent_withdrawn', 'consent_invalidated', 'objection_raised', 'objection_lifted', 'address_suppressed',
        'suppression_lifted', 'opt_out_offered', 'do_not_call_checked', 'call_refused', 'processing_restricted',
        'restriction_lifted', 'death_reported', 'message_bounced', 'complaint_made'
    ) or order_placed.opt_out_offered
),

said as (
    select
        customer_id,
        recorded_customer_id,
        occurred_at,
        recorded_at,
        position,
        event_id,
        case when type = 'order_placed' then 'opt_out_offered' else type end as act,
        unnest(case
            when type = 'order_placed' then ['email', 'sms']
            else [coalesce(
                consent.channel, objection.channel, address_suppressed.channel, suppression_lifted.channel,
                opt_out_offered.channel, message_bounced.channel, complaint_made.channel,
                case when type in ('do_not_call_checked', 'call_refused') then 'phone' end
            )]
        end) as channel,
        coalesce(consent.purposes, [objection.purpose]) as purposes,
        coalesce(
            consent.address, address_suppressed.address, suppression_lifted.address, message_bounced.address,
            complaint_made.address
        ) as address,
        objection.scope as scope,
        case
            when type = 'message_bounced' and message_bounced.kind = 'hard' then 'bounce'
            when type = 'complaint_made' then 'complaint'
            else address_suppressed.cause
        end as cause,
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
        consent.undated as undated,
        consent.valid_until as valid_until,
        consent.recorded_by as recorded_by,
        coalesce(opt_out_offered.ticked, order_placed.opt_out_ticked) as opt_out_ticked,
        coalesce(opt_out_offered.notice_id is not null, false) as is_notice_shown,
        do_not_call_checked.listed as do_not_call_listed,
        source,
        actor,
        batch
    from acts
),

linked as (
    select customer_id, 'email' as kind, true as is_profile, occurred_at, position, profile_updated.email as value
    from events
    where profile_updated.email is not null
    union all
    select customer_id, 'phone', true, occurred_at, position, coalesce(profile_updated.mobile, profile_updated.landline)
    from events
    where coalesce(profile_updated.mobile, profile_updated.landline) is not null
    union all
    select customer_id, identifier_linked.kind, false, occurred_at, position, identifier_linked.value
    from events
    where identifier_linked.kind in ('email', 'phone')
),

placeless as (
    select distinct
        position,
        customer_id,
        occurred_at,
        case when channel = 'email' then 'email' when channel in ('sms', 'phone', 'auto_call') then 'phone' end as kind
    from said
    where address is null and customer_id is not null and (
        act like 'consent_%' or act in ('opt_out_offered', 'message_bounced', 'complaint_made', 'address_suppressed')
    )
),

known as (
    select
        placeless.position,
        coalesce(
            max_by(linked.value, row(linked.occurred_at, linked.position))
                filter (where linked.is_profile and linked.occurred_at <= placeless.occurred_at),
            min_by(linked.value, row(linked.occurred_at, linked.position))
        ) as value
    from placeless
    inner join linked on placeless.customer_id = linked.customer_id and placeless.kind = linked.kind
    group by placeless.position
)

select
    said.* exclude (purposes),
    unnest(said.purposes) as purpose,
    case
        when said.channel = 'email' then nullif(lower(trim(coalesce(said.address, known.value))), '')
        when said.channel in ('sms', 'phone', 'auto_call')
            then nullif(right(regexp_replace(coalesce(said.address, known.value), '[^0-9]', '', 'g'), 9), '')
    end as subject_address
from said
left join known on said.position = known.position
