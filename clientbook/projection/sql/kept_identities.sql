-- One row per event of an undone import that counts all the same: it says who a customer is, and the customer has other events
-- that count, or is named by a merge that does. So what was noted of a person since stays with that person, and the file finds
-- the same customer when it is imported again. What was recorded again since, or twice in undone imports, counts once.
with undone as (
    select position, event_id, customer_id, type
    from all_events
    where batch in (select batch from undone_batches) and position not in (select position from voided)
),

identities as (
    select position, event_id, customer_id
    from undone
    where type in ('customer_registered', 'identifier_linked', 'account_opened')
),

recorded_again as (
    select event_id
    from all_events
    where
        event_id in (select event_id from identities)
        and (batch is null or batch not in (select batch from undone_batches))
),

named as (
    select customer_id, coalesce(customers_merged.merged, customers_unmerged.merged) as ids
    from all_events
    where
        (customer_id in (select customer_id from identities) or type in ('customers_merged', 'customers_unmerged'))
        and position not in (select position from voided)
        and (batch is null or batch not in (select batch from undone_batches))
),

known as (
    select customer_id from named
    union
    select unnest(ids) from named
)

select position, customer_id
from identities
where customer_id in (select customer_id from known) and event_id not in (select event_id from recorded_again)
qualify row_number() over (partition by event_id order by position) = 1
