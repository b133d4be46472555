-- The same where the tables end at the instant: what comes later stands in the log only.
select customer_id, channel, purpose, min(position) as position
from (
    select
        coalesce(roots.root_id, one.customer_id) as customer_id,
        coalesce(one.consent_given.channel, one.consent_confirmed.channel) as channel,
        unnest(coalesce(one.consent_given.purposes, one.consent_confirmed.purposes)) as purpose,
        one.position
    from all_events as one
    cross join decision
    left join customer_roots as roots on one.customer_id = roots.customer_id
    where one.type in ('consent_given', 'consent_confirmed') and one.occurred_at > decision.at
        and one.position not in (select position from voided)
        and (one.batch is null or one.batch not in (select batch from undone_batches))
) as later
where customer_id in (select customer_id from customers)
group by 1, 2, 3
