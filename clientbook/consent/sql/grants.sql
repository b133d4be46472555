-- One row per customer with a state: whether anything is granted, by a parent too, and when last.
select
    states.customer_id,
    bool_or(states.state = 'granted') as has_grant,
    bool_or(states.state = 'granted' and states.parental) as has_parental,
    max(cast(timezone(decision.timezone, states.consented_at) as date)) filter (where states.state = 'granted') as last_grant
from states
cross join decision
where states.is_current
group by states.customer_id
