-- One row per event, by its position, that came with an import undone since and stays, because it says who somebody is of
-- whom something else is known. An id that was recorded again since, or twice in undone imports, does not stay twice.
with told_elsewhere as (
    select distinct coalesce(customer_roots.root_id, live_events.customer_id) as customer_id
    from live_events
    left join customer_roots on live_events.customer_id = customer_roots.customer_id
    where live_events.customer_id is not null
),

identities as (
    select all_events.position, all_events.event_id, coalesce(customer_roots.root_id, all_events.customer_id) as customer_id
    from all_events
    left join customer_roots on all_events.customer_id = customer_roots.customer_id
    where all_events.type in ('customer_registered', 'identifier_linked', 'account_opened')
        and all_events.batch in (select batch from undone_batches)
        and all_events.position not in (select position from voided)
)

select min(identities.position) as position
from identities
inner join told_elsewhere on identities.customer_id = told_elsewhere.customer_id
where identities.event_id not in (
    select event_id from live_events where type in ('customer_registered', 'identifier_linked', 'account_opened')
)
group by identities.event_id
