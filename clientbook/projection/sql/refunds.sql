-- One row per refund. A refund of an order that the book holds counts at the order's date, any other at its own;
-- so does money paid back in another currency than the order's, or to another customer than the order's.
with placed as (
    select
        source,
        order_placed.order_id as order_id,
        max_by(occurred_at, position) as placed_at,
        max_by(order_placed.currency, position) as currency,
        max_by(struct_pack(v := customer_id), position).v as customer_id
    from events
    where order_placed is not null
    group by 1, 2
)

select
    refund.source,
    refund.order_refunded.refund_id as refund_id,
    refund.order_refunded.order_id as order_id,
    placed.order_id is not null as is_linked,
    refund.customer_id,
    refund.occurred_at as refunded_at,
    coalesce(placed.placed_at, refund.occurred_at) as counted_at,
    refund.order_refunded.amount as amount,
    refund.order_refunded.currency as currency,
    refund.order_refunded.reason as reason,
    refund.position
from events as refund
left join placed
    on refund.source = placed.source
    and refund.order_refunded.order_id = placed.order_id
    and refund.order_refunded.currency = placed.currency
    and coalesce(refund.customer_id = placed.customer_id, true)
where refund.order_refunded is not null
