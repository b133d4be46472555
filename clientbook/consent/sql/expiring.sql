-- One row per consent that holds now for an address of now and ends within a time: when, and whether it ends by itself or becomes
-- stale. may_renew: whether the customer may be asked by this channel to renew it.
with ending as (
    select
        consents.*,
        timezone(decision.timezone, cast(cast(
            cast(timezone(decision.timezone, consents.consented_at) as date) + to_months(decision.reconfirm_months) as date
        ) + 1 as timestamp)) as stale_at
    from consents
    cross join decision
    where consents.state = 'granted' and consents.is_current
)

select
    ending.customer_id,
    customers.name,
    customers.email,
    ending.channel,
    ending.address,
    ending.purpose,
    ending.consented_at,
    least(ending.valid_until, ending.stale_at) as ends_at,
    case when ending.valid_until <= ending.stale_at then 'ends' else 'stale' end as why,
    coalesce(permissions.decision = 'allow', false) as may_renew
from ending
inner join customers using (customer_id)
left join permissions on ending.customer_id = permissions.customer_id and ending.channel = permissions.channel
