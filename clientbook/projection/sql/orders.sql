-- One row per order: (source, order_id). An order that was recorded twice counts once, as recorded last.
-- gross: the total as placed. refunded: paid back, whatever the date. revenue: gross less refunded, 0 when cancelled.
with placed as (
    select *
    from events
    where order_placed is not null
    qualify row_number() over (partition by source, order_placed.order_id order by position desc) = 1
),

cancelled as (
    select source, order_cancelled.order_id as order_id, min(occurred_at) as cancelled_at
    from events
    where order_cancelled is not null
    group by 1, 2
),

paid_back as (
    select source, order_id, currency, sum(amount) as amount, max(refunded_at) as refunded_at
    from refunds
    where is_linked
    group by 1, 2, 3
)

select
    placed.order_placed.order_id as order_id,
    placed.source,
    placed.customer_id,
    placed.customer_id is null as is_guest,
    placed.occurred_at as placed_at,
    cast(timezone(book.timezone, placed.occurred_at) as date) as order_date,
    case
        when cancelled.order_id is not null then 'cancelled'
        when paid_back.amount is null then 'placed'
        when paid_back.amount >= placed.order_placed.total then 'refunded'
        else 'partly_refunded'
    end as status,
    placed.order_placed.currency as currency,
    placed.order_placed.total as gross,
    cast(coalesce(paid_back.amount, 0) as decimal(38, 4)) as refunded,
    cast(
        case
            when cancelled.order_id is not null then 0
            else placed.order_placed.total - coalesce(paid_back.amount, 0)
        end as decimal(38, 4)
    ) as revenue,
    coalesce(len(placed.order_placed.lines), 0) as line_count,
    placed.order_placed.channel as channel,
    placed.order_placed.store as store,
    placed.order_placed.collection as collection,
    placed.order_placed.voucher_id as voucher_id,
    cancelled.cancelled_at,
    paid_back.refunded_at,
    placed.position
from placed
cross join book
left join cancelled on placed.source = cancelled.source and placed.order_placed.order_id = cancelled.order_id
left join paid_back
    on placed.source = paid_back.source
    and placed.order_placed.order_id = paid_back.order_id
    and placed.order_placed.currency = paid_back.currency
