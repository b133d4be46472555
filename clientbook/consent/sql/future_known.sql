-- One row per customer, channel and purpose that a consent dated after the instant is about.
select history.customer_id, history.channel, history.purpose, min(history.position) as position
from consent_history as history
cross join decision
where history.act in ('consent_given', 'consent_confirmed') and history.occurred_at > decision.at
    and history.customer_id is not null
group by 1, 2, 3
