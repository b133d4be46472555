-- One row per consent policy that was adopted.
select
    occurred_at as adopted_at,
    recorded_at,
    policy_adopted.policy as policy,
    policy_adopted.digest as digest,
    actor,
    position
from events
where policy_adopted is not null
