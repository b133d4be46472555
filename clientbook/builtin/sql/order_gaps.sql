-- One row per buyer: its order-days (orders of one day are one) and the days between them.
select
    customer_id,
    count(*) as order_day_count,
    min(order_date) as first_day,
    max(order_date) as last_day,
    case when count(*) >= 3 then cast(median(gap) as double) end as median_gap
from (
    select
        customer_id,
        order_date,
        date_diff('day', lag(order_date) over (partition by customer_id order by order_date), order_date) as gap
    from (select distinct customer_id, order_date from orders where customer_id is not null and status <> 'cancelled') as days
) as gaps
group by customer_id
