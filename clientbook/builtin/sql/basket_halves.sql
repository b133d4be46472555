-- One row per buyer of four orders or more: the mean basket of the later half of the orders and that of the earlier one.
select
    customer_id,
    avg(revenue) filter (where number > half) as later,
    avg(revenue) filter (where number <= half) as earlier
from (
    select
        orders.customer_id,
        cast(orders.revenue as double) as revenue,
        row_number() over (partition by orders.customer_id order by orders.placed_at, orders.position) as number,
        count(*) over (partition by orders.customer_id) // 2 as half
    from orders
    cross join trait_book as book
    where orders.customer_id is not null and orders.status <> 'cancelled' and orders.currency = book.currency
) as numbered
where half >= 2
group by customer_id
