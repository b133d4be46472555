-- One row per customer of `chosen_customers` and event of `spanned` that did something to it: events of its own under every
-- id it had, merges that name it, and what undid, restored or voided events of its own.
with ids as (
    select customer_id as recorded_id, customer_id
    from chosen_customers
    union
    select roots.customer_id, roots.root_id
    from customer_roots as roots
    inner join chosen_customers on roots.root_id = chosen_customers.customer_id
    union
    select roots.customer_id, roots.root_id
    from earlier_customer_roots as roots
    inner join chosen_customers on roots.root_id = chosen_customers.customer_id
),

told as (
    select ids.customer_id, all_events.position, all_events.batch
    from all_events
    inner join ids on all_events.customer_id = ids.recorded_id
),

named as (
    select
        unnest(coalesce(customers_merged.merged, customers_unmerged.merged)) as recorded_id,
        position
    from spanned
    where customers_merged is not null or customers_unmerged is not null
),

acted as (
    select customer_id, position
    from told
    union
    select ids.customer_id, named.position
    from named
    inner join ids using (recorded_id)
    union
    select told.customer_id, spanned.position
    from spanned
    inner join told on coalesce(spanned.import_reverted.batch, spanned.import_restored.batch) = told.batch
    union
    select told.customer_id, spanned.position
    from spanned
    inner join told on spanned.event_voided.position = told.position
)

select acted.customer_id, spanned.position, spanned.type, spanned.occurred_at
from acted
inner join spanned using (position)
