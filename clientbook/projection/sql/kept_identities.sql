-- One row per event of an undone import that counts all the same: it says who a customer is, and the customer has other events
-- that count, or is named by a merge that does. So what was noted of a person since stays with that person, and the file finds
-- the same customer when it is imported again.
with undone as (
    select position, customer_id, type
    from all_events
    where batch in (select batch from undone_batches) and position not in (select position from voided)
),

identities as (
    select position, customer_id
    from undone
    where type in ('customer_registered', 'identifier_linked', 'account_opened')
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
where customer_id in (select customer_id from known)
