-- One row per consent that holds now for an address of now: when it ends by itself or becomes stale by the policy.
select
    customer_id,
    channel,
    address,
    purpose,
    consented_at,
    least(valid_until, stale_at) as ends_at,
    case when valid_until <= stale_at then 'ends' else 'stale' end as why
from (
    select
        consents.*,
        timezone(decision.timezone, cast(cast(
            cast(timezone(decision.timezone, consents.consented_at) as date) + to_months(decision.reconfirm_months) as date
        ) + 1 as timestamp)) as stale_at
    from consents
    cross join decision
    where consents.state = 'granted' and consents.is_current
) as held
