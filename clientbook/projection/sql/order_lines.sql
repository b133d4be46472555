-- One row per line of an order, in the order's own sequence.
with latest as (
    select *
    from events
    where order_placed is not null
    qualify row_number() over (partition by source, order_placed.order_id order by position desc) = 1
),

opened as (
    select
        order_placed.order_id as order_id,
        source,
        customer_id,
        occurred_at as placed_at,
        order_placed.currency as currency,
        generate_subscripts(order_placed.lines, 1) as line_number,
        unnest(order_placed.lines) as line,
        position
    from latest
)

select
    order_id,
    source,
    customer_id,
    placed_at,
    line_number,
    line.sku as sku,
    line.product as product,
    line.category as category,
    coalesce(line.kind, 'product') as kind,
    line.quantity as quantity,
    line.unit_price as unit_price,
    line.amount as amount,
    currency
from opened
