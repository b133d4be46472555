-- One row per customer with an order that counts, or with money paid back for none: the days of the orders (days since 1970, one
-- for each order), and amounts in the book's currency by windows of twelve months, the newest first.
-- Amounts are net: what was paid back for an order lowers it; what names no order counts at its own day.
with book_facts as (
    select currency, timezone from book
),

moves as (
    select
        orders.customer_id,
        orders.order_date as day,
        true as is_order,
        case when orders.currency = book_facts.currency then cast(orders.revenue as double) else 0 end as net,
        case when orders.currency = book_facts.currency then cast(orders.gross as double) else 0 end as gross
    from orders
    cross join book_facts
    where orders.status <> 'cancelled' and orders.customer_id is not null and orders.order_date <= $day
    union all
    select
        refunds.customer_id,
        cast(timezone(book_facts.timezone, refunds.counted_at) as date),
        false,
        -cast(refunds.amount as double),
        0
    from refunds
    cross join book_facts
    where not refunds.is_linked and refunds.currency = book_facts.currency and refunds.customer_id is not null
        and cast(timezone(book_facts.timezone, refunds.counted_at) as date) <= $day
)

select
    hash(customer_id) as owner,
    list(cast(day - date '1970-01-01' as integer)) filter (where is_order) as days,
    count(*) filter (where is_order) as orders,
    count(*) filter (where is_order and day > $since) as orders_year,
    count(*) filter (where day > $since) as moves_year,
    sum(net) as net,
    coalesce(sum(net) filter (where day > $since), 0) as net_year,
    coalesce(sum(net) filter (where day > $since_two and day <= $since), 0) as net_before,
    coalesce(sum(net) filter (where day > $since_three and day <= $since_two), 0) as net_earlier,
    coalesce(sum(gross) filter (where day > $since), 0) as gross_year
from moves
group by customer_id
