-- One row per order placed by the instant `$at`, as it stood then: what was paid back or cancelled later is not.
with paid_back as (
    select source, order_id, currency, sum(amount) as amount, max(refunded_at) as refunded_at
    from main.refunds
    where is_linked and refunded_at <= $at
    group by 1, 2, 3
)

select
    orders.* replace (
        case
            when cancelled_at <= $at then 'cancelled'
            when paid_back.amount is null then 'placed'
            when paid_back.amount >= gross then 'refunded'
            else 'partly_refunded'
        end as status,
        cast(coalesce(paid_back.amount, 0) as decimal(38, 4)) as refunded,
        cast(case when cancelled_at <= $at then 0 else gross - coalesce(paid_back.amount, 0) end as decimal(38, 4)) as revenue,
        case when cancelled_at <= $at then cancelled_at end as cancelled_at,
        paid_back.refunded_at as refunded_at
    )
from main.orders as orders
left join paid_back
    on orders.source = paid_back.source
    and orders.order_id = paid_back.order_id
    and orders.currency = paid_back.currency
where placed_at <= $at
