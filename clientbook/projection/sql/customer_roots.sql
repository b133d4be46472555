-- One row per customer id that a merge or its undo names, with the id it resolves to now.
-- Each event carries resolved ids, so the last one to name an id decides and nothing is followed further.
-- merged_at: when that one happened.
with named as (
    select
        unnest(customers_merged.merged) as customer_id,
        customers_merged.into as root_id,
        occurred_at,
        position
    from live_events
    where customers_merged is not null
    union all
    select
        unnest(customers_unmerged.merged) as customer_id,
        unnest(customers_unmerged.roots) as root_id,
        occurred_at,
        position
    from live_events
    where customers_unmerged is not null
)

select
    customer_id,
    max_by(root_id, row(occurred_at, position)) as root_id,
    max(occurred_at) as merged_at
from named
group by customer_id
