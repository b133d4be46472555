-- One row: what the whole book took in, guests included, by windows of twelve months; and what it took from guests.
with book_facts as (
    select currency, timezone from book
),

moves as (
    select
        orders.order_date as day,
        orders.is_guest,
        true as is_order,
        orders.currency = book_facts.currency as is_home,
        case when orders.currency = book_facts.currency then orders.revenue else 0 end as net,
        case when orders.currency = book_facts.currency then orders.gross else 0 end as gross
    from orders
    cross join book_facts
    where orders.status <> 'cancelled' and orders.order_date <= $day
    union all
    select
        cast(timezone(book_facts.timezone, refunds.counted_at) as date),
        refunds.customer_id is null,
        false,
        true,
        -refunds.amount,
        0
    from refunds
    cross join book_facts
    where not refunds.is_linked and refunds.currency = book_facts.currency
        and cast(timezone(book_facts.timezone, refunds.counted_at) as date) <= $day
)

select
    min(day) filter (where is_order) as first_day,
    max(day) filter (where is_order) as last_day,
    count(*) filter (where is_order and day > $since) as orders_year,
    count(*) filter (where is_order and day > $since and is_guest) as guest_orders_year,
    count(*) filter (where is_order and day > $since and not is_home) as foreign_orders_year,
    coalesce(sum(net) filter (where day > $since), 0) as net_year,
    coalesce(sum(net) filter (where day > $since and is_guest), 0) as guest_net_year,
    coalesce(sum(net) filter (where day > $since_two and day <= $since), 0) as net_before,
    coalesce(sum(net) filter (where day > $since_two and day <= $since and is_guest), 0) as guest_net_before,
    coalesce(sum(net) filter (where day > $since_three and day <= $since_two), 0) as net_earlier,
    coalesce(sum(gross) filter (where day > $since), 0) as gross_year
from moves
