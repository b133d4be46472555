-- One row per channel, address and purpose (NULL: any) that a person withdrew, refused or objected to, or that is suppressed, as
-- the book has it. An import lifts none of these.
with acts as (
    select
        channel, subject_address as address, purpose,
        max_by(
            act in ('consent_withdrawn', 'consent_refused', 'consent_invalidated'),
            row(occurred_at, act in ('consent_withdrawn', 'consent_refused', 'consent_invalidated'))
        ) filter (where batch is null or act <> 'consent_given') as is_restricted
    from consent_history
    where act in ('consent_given', 'consent_confirmed', 'consent_withdrawn', 'consent_refused', 'consent_invalidated')
        and subject_address is not null
    group by 1, 2, 3
)

select channel, address, purpose from acts where is_restricted
union
select distinct coalesce(channel, 'email'), subject_address, null
from consent_history
where act in ('address_suppressed', 'complaint_made') and subject_address is not null
union
select distinct identified.channel, identified.address, case objection.scope when 'purpose' then objection.purpose end
from consent_history as objection
inner join (
    select customer_id, 'email' as channel, lower(value) as address from identifiers where kind = 'email'
    union all
    select customer_id, 'sms', right(regexp_replace(value, '[^0-9]', '', 'g'), 9) from identifiers where kind = 'phone'
) as identified
    on objection.customer_id = identified.customer_id
    and (objection.scope = 'all' or objection.channel is null or objection.channel = identified.channel)
where objection.act = 'objection_raised'
