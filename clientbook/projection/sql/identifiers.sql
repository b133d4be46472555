-- One row per customer, kind, source and value by which the customer is recognised.
-- `source` is set for external ids only: an e-mail address or a phone number means the same everywhere.
with acts as (
    select
        customer_id, occurred_at, position, true as linked,
        identifier_linked.kind as kind,
        case when identifier_linked.kind = 'external' then source end as source,
        identifier_linked.value as value,
        coalesce(identifier_linked.strength, 'strong') as strength
    from events
    where identifier_linked is not null
    union all
    select
        customer_id, occurred_at, position, false,
        identifier_unlinked.kind,
        case when identifier_unlinked.kind = 'external' then source end,
        identifier_unlinked.value,
        null
    from events
    where identifier_unlinked is not null
    union all
    select customer_id, occurred_at, position, true, 'email', null, profile_updated.email, 'strong'
    from events
    where profile_updated.email is not null
    union all
    select customer_id, occurred_at, position, true, 'phone', null, profile_updated.mobile, 'weak'
    from events
    where profile_updated.mobile is not null
    union all
    select customer_id, occurred_at, position, true, 'phone', null, profile_updated.landline, 'weak'
    from events
    where profile_updated.landline is not null
    union all
    select customer_id, occurred_at, position, true, 'external', source, account_opened.external_id, 'strong'
    from events
    where account_opened.external_id is not null
),

normalised as (
    select
        customer_id, occurred_at, position, linked, kind, source, strength,
        case when kind = 'email' then lower(trim(value)) else trim(value) end as value
    from acts
),

folded as (
    select
        customer_id, kind, source, value,
        max_by(linked, row(occurred_at, position)) as linked,
        min(case when linked then strength end) as strength,
        min(case when linked then occurred_at end) as linked_at,
        min(case when linked then position end) as position
    from normalised
    group by customer_id, kind, source, value
)

select customer_id, kind, source, value, strength, linked_at, position
from folded
where linked
