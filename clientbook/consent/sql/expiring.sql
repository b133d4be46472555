-- One row per consent that holds now for an address of now and ends within a time: when, and whether it ends by itself or becomes
-- stale. may_renew: whether the customer may be asked by this channel to renew it.
select
    ending.customer_id,
    customers.name,
    customers.email,
    ending.channel,
    ending.address,
    ending.purpose,
    ending.consented_at,
    ending.ends_at,
    ending.why,
    coalesce(permissions.decision = 'allow', false) as may_renew
from ending_consents as ending
inner join customers using (customer_id)
left join permissions on ending.customer_id = permissions.customer_id and ending.channel = permissions.channel
