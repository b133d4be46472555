-- One row per order of `chosen_orders` and event of `spanned` that did something to it: its own events, merges of whose it
-- was, and what undid, restored or voided events of its own.
with told as (
    select chosen_orders.source, chosen_orders.order_id, all_events.position, all_events.batch
    from all_events
    inner join chosen_orders
        on all_events.source = chosen_orders.source
        and coalesce(
            all_events.order_placed.order_id, all_events.order_cancelled.order_id, all_events.order_refunded.order_id
        ) = chosen_orders.order_id
),

named as (
    select
        unnest(coalesce(customers_merged.merged, customers_unmerged.merged)) as customer_id,
        position
    from spanned
    where customers_merged is not null or customers_unmerged is not null
),

acted as (
    select source, order_id, position
    from told
    union
    select chosen_orders.source, chosen_orders.order_id, named.position
    from named
    inner join chosen_orders on named.customer_id in (chosen_orders.customer_before, chosen_orders.customer_after)
    where chosen_orders.customer_before <> chosen_orders.customer_after
    union
    select told.source, told.order_id, spanned.position
    from spanned
    inner join told on coalesce(spanned.import_reverted.batch, spanned.import_restored.batch) = told.batch
    union
    select told.source, told.order_id, spanned.position
    from spanned
    inner join told on spanned.event_voided.position = told.position
)

select acted.source, acted.order_id, spanned.position, spanned.type, spanned.occurred_at
from acted
inner join spanned using (position)
