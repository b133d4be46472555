-- One row per customer and kind of address that must not be written to: why. Found by the address, or by the customer where an act
-- names none. A suppression is lifted by hand only.
with acts as (
    select
        case when history.subject_address is null then history.customer_id end as customer_id,
        history.subject_address as address,
        case when history.channel in ('sms', 'phone', 'auto_call') then 'sms' else history.channel end as channel,
        max_by(coalesce(history.cause, 'lifted'), row(history.occurred_at, history.cause is not null, history.event_id)) as cause,
        max(history.position) as position
    from consent_history as history
    cross join decision
    where history.occurred_at <= decision.at and (
        history.act in ('address_suppressed', 'message_bounced', 'complaint_made') and history.cause is not null
        or history.act = 'suppression_lifted' and history.batch is null
    )
    group by 1, 2, 3
),

standing as (
    select * from acts where cause <> 'lifted'
)

select
    customer_id,
    channel,
    min_by(cause, case cause when 'complaint' then 1 when 'request' then 2 when 'list' then 3 else 4 end) as cause,
    max(position) as position
from (
    select current.customer_id, current.channel, standing.cause, standing.position
    from standing
    inner join current_addresses as current on standing.channel = current.channel and standing.address = current.address
    union all
    select customer_id, channel, cause, position
    from standing
    where address is null and customer_id is not null
) as found
group by 1, 2
